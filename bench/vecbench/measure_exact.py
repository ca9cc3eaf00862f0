"""Exact answers from a table without an index: one query by a scan, many at once by vecidx_knn, and NumPy on one core beside them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from . import database
from .context import Context, Step

TOGETHER = 100
PAIRS = 7
# What limits NumPy's libraries to one thread; they read it when they are loaded.
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL", "BLIS", "VECLIB", "NUMEXPR")}

# Answers a line on its input by the milliseconds that it takes to find the k nearest rows of all queries, nearest first.
NUMPY = """
import sys, time
import numpy as np
base, queries, metric, k = np.load(sys.argv[1]), np.load(sys.argv[2]), sys.argv[3], int(sys.argv[4])
for _ in sys.stdin:
    begun = time.perf_counter()
    near = queries @ base.T
    if metric == "l2":
        near = np.einsum("ij,ij->i", queries, queries)[:, None] - 2 * near + np.einsum("ij,ij->i", base, base)
    elif metric == "cosine":
        near = 1 - near / np.sqrt(np.einsum("ij,ij->i", queries, queries)[:, None] * np.einsum("ij,ij->i", base, base))
    else:
        near = -near
    part = np.argpartition(near, k - 1, axis=1)[:, :k]
    distances = np.take_along_axis(near, part, axis=1)
    order = np.argsort(distances, axis=1)
    found = np.take_along_axis(part, order, axis=1), np.take_along_axis(distances, order, axis=1)
    print(1000 * (time.perf_counter() - begun), flush=True)
"""


def steps(context: Context) -> list[Step]:
    """The scans of all engines in turns; then vecidx_knn and NumPy in turns."""
    weight = context.data.rows * context.data.dim / 1e8
    planned = [Step("exact scans", 1 + PAIRS * len(context.engines) * weight, partial(_scans, context))]
    if any(e.name == "vecidx" for e in context.engines):
        planned.append(Step("exact batches", 1 + PAIRS * 3 * weight, partial(_batches, context)))
    return planned


def _scans(context: Context) -> None:
    """Milliseconds of a query inside the server; each is asked of all engines before the next one is."""
    exact = [v for v in context.variants() if v.method is None]
    k = context.options.ks[0]
    times: dict[str, list[float]] = {v.key: [] for v in exact}
    connections = {v.key: database.connect(context.cluster, context.engine(v).database) for v in exact}
    try:
        for v in exact:
            _one_process(connections[v.key])
        for number in range(PAIRS + 1):
            query = database.literal(context.data.queries[number % len(context.data.queries)])
            for v in exact:
                text = database.query_text(context.table(v), context.data.metric, k, query)
                milliseconds, _ = database.timed(connections[v.key], text)
                # the first one brings the table into memory
                if number > 0:
                    times[v.key].append(milliseconds)
    finally:
        for connection in connections.values():
            connection.close()
    for v in exact:
        context.add("exact", v.key, {"queries": 1, "k": k}, {"ms": median(times[v.key])})


def _batches(context: Context) -> None:
    """The same for many queries at once; NumPy has its rows in memory as an array, vecidx reads its table."""
    data, k = context.data, context.options.ks[0]
    count = min(TOGETHER, len(data.queries))
    variant = next(v for v in context.variants() if v.engine == "vecidx" and v.method is None)
    text = (
        f"SELECT count(*) FROM vecidx_knn(ARRAY(SELECT embedding FROM queries WHERE id <= {count} ORDER BY id), "
        f"'{context.table(variant)}', 'embedding', {k}, 'id', NULL::integer, '{data.metric}')"
    )
    ours: list[float] = []
    theirs: list[float] = []
    with (
        tempfile.TemporaryDirectory() as directory,
        database.connect(context.cluster, context.engine(variant).database) as connection,
    ):
        paths = [str(Path(directory) / f"{name}.npy") for name in ("base", "queries")]
        for path, rows in zip(paths, (data.base, data.queries[:count])):
            np.save(path, np.ascontiguousarray(rows, np.float32))
        _one_process(connection)
        with subprocess.Popen(
            [sys.executable, "-c", NUMPY, *paths, data.metric, str(k)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **ONE_THREAD},
        ) as numpy:
            for number in range(PAIRS + 1):
                numpy.stdin.write("\n")
                numpy.stdin.flush()
                milliseconds = float(numpy.stdout.readline())
                if number > 0:
                    theirs.append(milliseconds)
                milliseconds, _ = database.timed(connection, text)
                if number > 0:
                    ours.append(milliseconds)
            numpy.stdin.close()
    context.add("exact", "vecidx/vecidx_knn", {"queries": count, "k": k}, {"ms": median(ours)})
    context.add("exact", "numpy/one thread", {"queries": count, "k": k}, {"ms": median(theirs)})


def _one_process(connection) -> None:
    """Without workers: what is compared is the work."""
    connection.execute("SET max_parallel_workers_per_gather = 0")
