"""Conditions of filtered queries: which rows match, in NumPy and in SQL; and the clusters whose tags are one kind of them.

Every condition is a range of an integer column: `attr`, which is independent of the vectors, or `cluster`, the number of
the cluster that a row is in. Clusters have numbers below RANGE, nested by tens: those of 0.1 % of the rows are numbers,
ten of them in a row are one of 1 %, a hundred one of 10 %. All are balls of equal size, so what tells the kinds apart is
where the matching rows lie, not how many there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import truth

# Values of the filter columns are below this.
RANGE = 1000
COLUMNS = ("attr", "cluster")
# Where the matching rows are: all rows match, independent of the query, in the cluster nearest to it, in the farthest one.
KINDS = ("all", "uniform", "near", "far")
CORRELATED = ("near", "far")
SELECTIVITIES = {"10 %": 100, "1 %": 10, "0.1 %": 1}
PARTS = 10
BLOCK_ROWS = 65536


@dataclass(frozen=True, eq=False)
class Filter:
    """Rows with low <= column < high, where low and high [q] may be others for each query."""

    label: str  # the share of rows that match
    kind: str  # where they are, one of KINDS
    column: str | None  # None: no condition
    low: np.ndarray
    high: np.ndarray

    def sql(self, query: int) -> str:
        """The condition for a query (from 0); empty without one."""
        low, high = int(self.low[query]), int(self.high[query])
        if self.column is None:
            return ""
        if high == low + 1:
            return f"{self.column} = {low}"
        return f"{self.column} < {high}" if low == 0 else f"{self.column} >= {low} AND {self.column} < {high}"

    def live(self, columns: dict[str, np.ndarray], query: int) -> np.ndarray | None:
        """Which rows match for a query, of columns [n] by name; None: all."""
        if self.column is None:
            return None
        values = columns[self.column]
        return (values >= self.low[query]) & (values < self.high[query])

    def groups(self) -> list[np.ndarray]:
        """Numbers of queries that have the same condition."""
        bounds = np.stack([self.low, self.high], axis=1)
        _, which = np.unique(bounds, axis=0, return_inverse=True)
        which = which.reshape(-1)
        return [np.flatnonzero(which == g) for g in range(which.max() + 1)]


def everything(count: int) -> Filter:
    """No condition, for count queries."""
    return Filter("100 %", "all", None, np.zeros(count, np.int64), np.full(count, RANGE))


def conditions(clusters: np.ndarray, base: np.ndarray, queries: np.ndarray, metric: str) -> list[Filter]:
    """What is measured, by kind: no condition first, then each share of the rows.

    clusters [n] are those of the rows base [n, dim]. How far a cluster is from a query is said by the mean of its rows.
    """
    count = len(queries)
    found = [everything(count)]
    for label, width in SELECTIVITIES.items():
        found.append(Filter(label, "uniform", "attr", np.zeros(count, np.int64), np.full(count, width)))
    for label, width in SELECTIVITIES.items():
        numbers, means = _means(clusters // width, base)
        order = truth.scores(means, np.asarray(queries, np.float32), metric)
        for kind, chosen in zip(CORRELATED, (order.argmin(axis=1), order.argmax(axis=1))):
            low = numbers[chosen] * width
            found.append(Filter(label, kind, "cluster", low, low + width))
    return sorted(found, key=lambda f: KINDS.index(f.kind))


def _means(numbers: np.ndarray, base: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The numbers that there are, int64 [c], and the means of their rows, float32 [c, dim]."""
    order = np.argsort(numbers, kind="stable")
    there, starts = np.unique(numbers[order], return_index=True)
    means = [np.asarray(base[np.sort(part)], np.float32).mean(axis=0) for part in np.split(order, starts[1:])]
    return there.astype(np.int64), np.stack(means)


def clusters(vectors: np.ndarray, metric: str) -> np.ndarray:
    """The cluster of each row, int32 [n] below RANGE: three levels of ten parts, each the rows nearest to a random one.

    The last part of a level is what the others left. The same rows get the same numbers in every run.
    """
    random = np.random.default_rng(3)
    numbers = np.zeros(len(vectors), np.int32)

    def split(rows: np.ndarray, first: int, width: int) -> None:
        if width == 1:
            numbers[rows] = first
            return
        width //= PARTS
        for part in range(PARTS):
            size = round(len(rows) / (PARTS - part))
            if size == 0:
                continue
            centre = np.asarray(vectors[random.choice(rows)], np.float32)
            order = np.argsort(_scores(vectors, rows, centre, metric), kind="stable")
            split(np.sort(rows[order[:size]]), first + part * width, width)
            rows = np.sort(rows[order[size:]])

    split(np.arange(len(vectors)), 0, RANGE)
    return numbers


def _scores(vectors: np.ndarray, rows: np.ndarray, centre: np.ndarray, metric: str) -> np.ndarray:
    """Scores [len(rows)] of some rows against one vector, in bounded memory."""
    blocks = [rows[s : s + BLOCK_ROWS] for s in range(0, len(rows), BLOCK_ROWS)]
    return np.concatenate([truth.scores(np.asarray(vectors[b], np.float32), centre[None], metric)[0] for b in blocks])
