"""What the same machine does without a server: exact search as NumPy matrix products, and faiss's HNSW in process."""

from __future__ import annotations

import time
from functools import partial

import numpy as np

from . import truth
from .context import Context, Step
from .stats import percentile

NUMPY_BATCHES = (1, 32, 256)
FAISS_M, FAISS_BUILD = 16, 64
FAISS_VALUES = (10, 20, 40, 60, 80, 120, 200, 400)
FAISS_SECONDS = 0.5


def steps(context: Context) -> list[Step]:
    """NumPy at each batch size; faiss if it is installed."""
    seconds = context.options.seconds
    planned = [Step(f"numpy batch={b}", seconds + 0.5, partial(_numpy, context, b)) for b in NUMPY_BATCHES]
    try:
        import faiss  # noqa: F401
    except ImportError as error:
        context.once(f"the in-process yardstick is left out: faiss-cpu is not installed ({error})")
        return planned
    weight = 1 + context.data.rows * (context.data.dim + 100) / 4e6 + len(FAISS_VALUES) * (FAISS_SECONDS + 0.1)
    return [*planned, Step("faiss hnsw", weight, partial(_faiss, context))]


def _prepared(context: Context) -> tuple[np.ndarray, np.ndarray]:
    """Base and queries as float32; for cosine scaled to unit length, as both programs want it."""
    base = np.ascontiguousarray(context.data.base, np.float32)
    queries = np.ascontiguousarray(context.data.queries, np.float32)
    if context.data.metric == "cosine":
        base = base / np.maximum(np.linalg.norm(base, axis=1, keepdims=True), 1e-30)
        queries = queries / np.maximum(np.linalg.norm(queries, axis=1, keepdims=True), 1e-30)
    return base, queries


def _numpy(context: Context, batch: int) -> None:
    """Exact search with all of NumPy's threads; the base is in memory and its norms are known."""
    base, queries = _prepared(context)
    k = context.options.ks[0]
    half = np.einsum("ij,ij->i", base, base) / 2 if context.data.metric == "l2" else np.float32(0)
    _, exact = context.data.nearest(k)
    found: dict[int, list[int]] = {}
    times: list[float] = []
    done = 0
    begun = time.perf_counter()
    while time.perf_counter() - begun < context.options.seconds or done < batch:
        chosen = np.arange(done, done + batch) % len(queries)
        start = time.perf_counter()
        near = half - queries[chosen] @ base.T
        part = np.argpartition(near, k - 1, axis=1)[:, :k]
        order = np.argsort(np.take_along_axis(near, part, axis=1), axis=1)
        ids = np.take_along_axis(part, order, axis=1)
        times.append((time.perf_counter() - start) * 1000)
        found.update(zip(chosen.tolist(), ids.tolist()))
        done += batch
    recalls = [
        truth.recall(ids, context.data.base, context.data.queries[q], context.data.metric, exact[q], k)
        for q, ids in list(found.items())[: context.options.recall_queries]
    ]
    context.add(
        "baseline",
        "numpy/exact",
        {"batch": batch, "k": k},
        {"qps": done / (sum(times) / 1000), "p50_ms": percentile(times, 0.5), "recall": float(np.mean(recalls))},
    )


def _faiss(context: Context) -> None:
    """HNSW in process: built with all threads, searched with one, one query at a time."""
    import faiss

    base, queries = _prepared(context)
    k = context.options.ks[0]
    kind = faiss.METRIC_L2 if context.data.metric == "l2" else faiss.METRIC_INNER_PRODUCT
    index = faiss.IndexHNSWFlat(base.shape[1], FAISS_M, kind)
    index.hnsw.efConstruction = FAISS_BUILD
    threads = faiss.omp_get_max_threads()
    begun = time.perf_counter()
    index.add(base)
    context.add(
        "baseline_build",
        "faiss/hnsw",
        {"m": FAISS_M, "ef_construction": FAISS_BUILD, "threads": threads},
        {"seconds": time.perf_counter() - begun},
    )
    _, exact = context.data.nearest(k)
    count = min(context.options.recall_queries, len(queries))
    faiss.omp_set_num_threads(1)
    try:
        for value in FAISS_VALUES:
            index.hnsw.efSearch = value
            _, ids = index.search(queries[:count], k)
            recalls = [
                truth.recall(
                    ids[q].tolist(), context.data.base, context.data.queries[q], context.data.metric, exact[q], k
                )
                for q in range(count)
            ]
            done = 0
            begun = time.perf_counter()
            while (elapsed := time.perf_counter() - begun) < FAISS_SECONDS:
                index.search(queries[done % len(queries)][None, :], k)
                done += 1
            context.add(
                "baseline",
                "faiss/hnsw",
                {"search": value, "k": k},
                {"qps": done / elapsed, "recall": float(np.mean(recalls))},
            )
    finally:
        faiss.omp_set_num_threads(threads)
