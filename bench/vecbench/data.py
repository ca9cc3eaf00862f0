"""The vector sets that are measured: where they come from, how they are cut, and the columns for filters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from . import filters, readers, truth
from .errors import BenchError
from .filters import Filter

MAX_INSERTS = 2000
HELD_OUT_QUERIES = 500


@dataclass
class VectorSet:
    """One set. base [n, dim] are the rows that are indexed, extra [m, dim] those inserted later, with ids from n on."""

    name: str
    base: np.ndarray
    extra: np.ndarray
    queries: np.ndarray
    metric: str
    columns: dict[str, np.ndarray]  # of the filters, each int32 [n + m]
    cache: Path
    key: str  # fingerprint of base, extra and queries

    @property
    def rows(self) -> int:
        return len(self.base)

    @property
    def dim(self) -> int:
        return self.base.shape[1]

    @property
    def vector_bytes(self) -> int:
        return (len(self.base) + len(self.extra)) * self.dim * 4

    def integers(self, first: int, count: int) -> list[np.ndarray]:
        """The columns of a table before the vector: ids from first on, and the filter columns, each int32 [count]."""
        ids = np.arange(first, first + count, dtype=np.int32)
        return [ids, *(values[first : first + count] for values in self.columns.values())]

    def everything(self) -> np.ndarray:
        """base and extra in one array [n + m, dim], row number = id."""
        return np.concatenate([np.asarray(self.base, np.float32), np.asarray(self.extra, np.float32)])

    @cached_property
    def filters(self) -> list[Filter]:
        """The conditions of filtered queries; the first is none."""
        return filters.conditions(self.columns["cluster"][: self.rows], self.base, self.queries, self.metric)

    def nearest(self, k: int, rows: int | None = None, progress=None) -> tuple[np.ndarray, np.ndarray]:
        """Exact neighbours (ids, distances) among the first rows rows."""
        rows = self.rows if rows is None else rows
        name = f"{self.key}-{rows}"
        return truth.cached_nearest(self.cache, name, self.base[:rows], self.queries, self.metric, k, None, progress)

    def nearest_matching(self, k: int, chosen: Filter) -> tuple[np.ndarray, np.ndarray]:
        """Exact neighbours (ids, distances) of each query among the rows that match the filter for it."""
        if chosen.column is None:
            return self.nearest(k)
        name = truth.fingerprint(self.columns[chosen.column][: self.rows], chosen.low, chosen.high)
        return truth.cached(
            self.cache / f"{self.key}-{self.rows}-{name}-{self.metric}-{k}.npz",
            (len(self.queries), k),
            lambda: truth.nearest_by_groups(
                self.base,
                self.queries,
                self.metric,
                k,
                [(group, self.live(chosen, int(group[0]))) for group in chosen.groups()],
            ),
        )

    def live(self, chosen: Filter, query: int) -> np.ndarray | None:
        """Which rows match the filter for a query; None: all."""
        return chosen.live({name: values[: self.rows] for name, values in self.columns.items()}, query)


def find(name: str, shared: Path, shipped: Path) -> Path:
    """The path that a set name or a path means. Raises BenchError listing what there is."""
    given = Path(name)
    for candidate in (given, shared / name, shipped / name):
        if candidate.exists():
            return candidate
    known = ", ".join(str(p) for p in available(shared, shipped)) or "none"
    raise BenchError(f'no vector set or file "{name}"; sets found: {known}')


def available(shared: Path, shipped: Path) -> list[Path]:
    """Directories that hold a set: the shared ones if there are any, otherwise the shipped ones."""
    for root in (shared, shipped):
        found = sorted(p for p in root.iterdir() if _member(p, "base")) if root.is_dir() else []
        if found:
            return found
    return []


def _member(directory: Path, stem: str) -> Path | None:
    for suffix in (".fvecs", ".bvecs", ".npy"):
        if (directory / f"{stem}{suffix}").is_file():
            return directory / f"{stem}{suffix}"
    return None


def _read(path: Path) -> tuple[np.ndarray, np.ndarray | None, str | None]:
    """Base, queries and metric of a set directory or a single file, the latter two where it has them."""
    if path.is_dir():
        base_file, query_file = _member(path, "base"), _member(path, "query")
        if base_file is None:
            raise BenchError(f"{path}: no base.fvecs, base.bvecs or base.npy in it")
        return readers.read_vectors(base_file), readers.read_vectors(query_file) if query_file else None, None
    if path.suffix in (".hdf5", ".h5"):
        base, queries, metric = readers.read_hdf5(path)
        readers.check_vectors(base, f"{path}: train")
        if queries is not None:
            readers.check_vectors(queries, f"{path}: test")
        return base, queries, metric
    return readers.read_vectors(path), None, None


def guess_metric(base: np.ndarray) -> str:
    """cosine where (a sample of) the vectors have unit length, else l2."""
    norms = np.linalg.norm(np.asarray(base[:1000], np.float32), axis=1)
    return "cosine" if np.all(np.abs(norms - 1) < 1e-2) else "l2"


def load(
    path: Path,
    cache: Path,
    metric: str | None = None,
    queries: Path | None = None,
    rows: int | None = None,
    max_queries: int | None = None,
) -> VectorSet:
    """Reads a set and cuts it: at most rows base rows, of which the last twentieth (at most MAX_INSERTS) is for inserts.

    Without queries of its own or a file of them, the last rows are held out as queries. Raises BenchError for files that
    cannot be used, too few rows, or queries of other dimensions.
    """
    base, own_queries, own_metric = _read(path)
    if queries is not None:
        own_queries = readers.read_vectors(queries)
    if own_queries is None:
        held = min(HELD_OUT_QUERIES, len(base) // 10)
        base, own_queries = base[: len(base) - held], base[len(base) - held :]
    if rows is not None:
        if rows > len(base):
            raise BenchError(f"{path}: has {len(base)} base rows, {rows} were asked for")
        base = base[:rows]
    if len(base) < 500 or len(own_queries) < 10:
        raise BenchError(f"{path}: {len(base)} rows and {len(own_queries)} queries are too few (at least 500 and 10)")
    if own_queries.shape[1] != base.shape[1]:
        raise BenchError(f"{path}: base has {base.shape[1]} dimensions, the queries have {own_queries.shape[1]}")
    held = min(MAX_INSERTS, len(base) // 20)
    kept, extra = base[: len(base) - held], base[len(base) - held :]
    chosen = np.ascontiguousarray(own_queries[:max_queries], np.float32)
    metric = metric or own_metric or guess_metric(base)
    columns = {
        "attr": np.random.default_rng(1).integers(0, filters.RANGE, len(base), np.int32),
        "cluster": filters.clusters(base, metric),
    }
    name = path.name if path.is_dir() else path.stem
    return VectorSet(
        name,
        kept,
        extra,
        chosen,
        metric,
        columns,
        cache,
        truth.fingerprint(base, chosen),
    )
