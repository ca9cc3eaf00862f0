"""Exact nearest neighbours by blocked matrix products, in constant memory, kept in a cache; and recall against them.

Distances are those of the SQL operators: l2 is Euclidean, ip the negative inner product, cosine one minus the cosine.
Candidates come from float32 products; the distances that decide are computed again in double precision.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

METRICS = ("l2", "ip", "cosine")
BLOCK_BYTES = 64 << 20
# Candidates kept beyond k, so that rounding in float32 cannot lose a true neighbour.
MARGIN = 64
# Two distances closer than this (relative) are a tie: either row is a right answer.
TIE = 1e-6


def distances(rows: np.ndarray, query: np.ndarray, metric: str) -> np.ndarray:
    """Distances [n] in double precision of rows [n, dim] from query [dim]. Cosine of a zero vector is infinitely far."""
    rows = np.asarray(rows, np.float64)
    query = np.asarray(query, np.float64)
    if metric == "l2":
        return np.sqrt(((rows - query) ** 2).sum(axis=1))
    dots = rows @ query
    if metric == "ip":
        return -dots
    norms = np.sqrt((rows**2).sum(axis=1)) * np.sqrt((query**2).sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(norms > 0, 1 - dots / norms, np.inf)


def scores(block: np.ndarray, queries: np.ndarray, metric: str) -> np.ndarray:
    """Float32 scores [q, n] that order rows as the metric does (for l2 without the term that depends on the query)."""
    products = queries @ block.T
    if metric == "ip":
        return -products
    squares = np.einsum("ij,ij->i", block, block)
    if metric == "l2":
        return squares - 2 * products
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(squares > 0, -products / np.sqrt(squares), np.inf).astype(np.float32)


def nearest(
    base: np.ndarray, queries: np.ndarray, metric: str, k: int, live: np.ndarray | None = None, progress=None
) -> tuple[np.ndarray, np.ndarray]:
    """The k exact neighbours of each query among the rows where live [n] holds.

    Returns ids int64 [q, k] (row numbers, -1 where there are fewer than k) and distances float64 [q, k] (inf there),
    nearest first, ties by lower id. progress, if given, is called with the number of rows done.
    """
    count = len(queries)
    keep = k + MARGIN
    ids = np.empty((count, 0), np.int64)
    best = np.empty((count, 0), np.float32)
    numbers = np.flatnonzero(live) if live is not None else None
    total = len(base) if numbers is None else len(numbers)
    step = max(256, BLOCK_BYTES // (4 * (base.shape[1] + 2 * count)))
    queries = np.ascontiguousarray(queries, np.float32)
    for start in range(0, total, step):
        chosen = np.arange(start, min(start + step, total)) if numbers is None else numbers[start : start + step]
        block = np.ascontiguousarray(base[chosen[0] : chosen[-1] + 1] if numbers is None else base[chosen], np.float32)
        found = scores(block, queries, metric)
        best = np.concatenate([best, found], axis=1)
        ids = np.concatenate([ids, np.broadcast_to(chosen, (count, len(chosen)))], axis=1)
        if best.shape[1] > keep:
            part = np.argpartition(best, keep - 1, axis=1)[:, :keep]
            best = np.take_along_axis(best, part, axis=1)
            ids = np.take_along_axis(ids, part, axis=1)
        if progress:
            progress(len(chosen))
    out_ids = np.full((count, k), -1, np.int64)
    out_distances = np.full((count, k), np.inf)
    for q in range(count):
        exact = distances(base[ids[q]], queries[q], metric)
        finite = np.isfinite(exact)
        order = np.lexsort((ids[q][finite], exact[finite]))[:k]
        out_ids[q, : len(order)] = ids[q][finite][order]
        out_distances[q, : len(order)] = exact[finite][order]
    return out_ids, out_distances


def recall(
    returned: list[int],
    base: np.ndarray,
    query: np.ndarray,
    metric: str,
    true_distances: np.ndarray,
    k: int,
    live: np.ndarray | None = None,
) -> float:
    """Share of the min(k, available) exact neighbours that an answer (row numbers) has.

    A returned row counts when its own exact distance is no larger than that of the last true neighbour, so rows that tie
    are all right. Repeated rows count once; rows that do not exist or are not live do not count.
    """
    available = int(np.isfinite(true_distances[:k]).sum())
    if available == 0:
        return 1.0
    rows = [r for r in dict.fromkeys(returned[:k]) if 0 <= r < len(base) and (live is None or live[r])]
    if not rows:
        return 0.0
    limit = true_distances[available - 1]
    exact = distances(base[np.array(rows)], query, metric)
    return min(available, int((exact <= limit + TIE * max(abs(limit), 1e-12)).sum())) / available


def fingerprint(*arrays: np.ndarray | None) -> str:
    """A name for the contents of arrays: what cached answers are kept under."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        if array is None:
            digest.update(b"none")
            continue
        digest.update(f"{array.shape}{array.dtype}".encode())
        for start in range(0, len(array), 65536):
            digest.update(np.ascontiguousarray(array[start : start + 65536]).tobytes())
    return digest.hexdigest()


def cached_nearest(
    cache: Path,
    name: str,
    base: np.ndarray,
    queries: np.ndarray,
    metric: str,
    k: int,
    live: np.ndarray | None = None,
    progress=None,
) -> tuple[np.ndarray, np.ndarray]:
    """nearest(), kept in cache/ under name, which must name the contents of base, queries and live (see fingerprint)."""
    return cached(
        cache / f"{name}-{metric}-{k}.npz",
        (len(queries), k),
        lambda: nearest(base, queries, metric, k, live, progress),
    )


def nearest_by_groups(
    base: np.ndarray, queries: np.ndarray, metric: str, k: int, groups: list[tuple[np.ndarray, np.ndarray | None]]
) -> tuple[np.ndarray, np.ndarray]:
    """nearest() for groups of queries, each (their numbers, which rows are live for them); each query is in one."""
    ids, found = np.empty((len(queries), k), np.int64), np.empty((len(queries), k))
    for numbers, live in groups:
        ids[numbers], found[numbers] = nearest(base, queries[numbers], metric, k, live)
    return ids, found


def cached(file: Path, shape: tuple[int, int], compute) -> tuple[np.ndarray, np.ndarray]:
    """Ids and distances of that shape from the file, or computed and kept there."""
    if file.is_file():
        try:
            with np.load(file) as kept:
                if kept["ids"].shape == shape:
                    return kept["ids"], kept["distances"]
        except (OSError, ValueError, KeyError, EOFError):
            pass  # a file cut short by an interrupted run: made again below
    ids, found = compute()
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}")
    with open(partial, "wb") as out:
        np.savez(out, ids=ids, distances=found)
    partial.replace(file)
    return ids, found
