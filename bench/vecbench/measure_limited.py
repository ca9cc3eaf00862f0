"""Searches where index and table are larger than the memory for their pages: time, reads, and waits for the disk, also after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import psycopg

from . import copyformat, database
from .context import TARGETS, Context, Step
from .engines import OPERATORS, Variant
from .errors import BenchError
from .limits import MemoryLimit

# Index and table are so many times as large as the memory for their pages.
TIMES_MEMORY = 2.6
# What of that is shared buffers; the rest is the system's to keep files in.
BUFFERS_SHARE = 0.25
IO_CONCURRENCY = 16
QUERIES = "many_queries"
# Noise of the queries, in standard deviations of the rows.
NOISE = 0.35
FIRST = 100


def steps(context: Context) -> list[Step]:
    """One step for each engine, with its first indexed variant; only where the cluster is the benchmark's own."""
    if not context.cluster.private:
        context.once(f"limited memory is not measured: {context.cluster.why_no_restart}")
        return []
    there = context.variants(indexed=True)
    first = [v for v in there if v is next(o for o in context.engine(v).variants if o in there)]
    weight = 10 + context.options.limited_queries * 0.05
    return [Step(f"limited memory {v.key}", weight, partial(_limited, context, v)) for v in first]


def _limited(context: Context, variant: Variant) -> None:
    count = context.options.limited_queries
    table, base = context.table(variant), context.engine(variant).database
    with database.connect(context.cluster, base) as connection:
        _load_queries(context, connection, count)
        (size,) = database.one(
            connection,
            "SELECT pg_relation_size(%s::regclass) + pg_relation_size(%s::regclass)",
            (table, f"{table}_embedding"),
        )
    memory = int(size / TIMES_MEMORY)
    buffers = max(1 << 20, int(memory * BUFFERS_SHARE))
    settings = {"shared_buffers": f"{buffers >> 10}kB", "effective_io_concurrency": str(IO_CONCURRENCY)}
    ask = partial(_ask, context, variant)
    # in this order: the first half brings what is used often into memory
    half, part, room = count // 2, count // 2 // len(TARGETS), 0
    with _running(context, settings) as limit:
        ask(TARGETS[0], 1, half)
        if limit is not None:
            room = limit.own_bytes() - buffers + memory
            limit.set(room)
            ask(TARGETS[0], 1, half)
        for number, target in enumerate(TARGETS):
            context.add(
                "limited",
                variant.key,
                {"state": "for long", "recall at least": target, "by": _by(limit)},
                ask(target, half + number * part + 1, half + (number + 1) * part),
            )
    for prewarm in [None, variant.prewarm] if variant.prewarm else [None]:
        with _running(context, settings) as limit:
            if limit is not None:
                limit.set(room)
            with database.connect(context.cluster, base) as connection:
                seconds = _prewarm(connection, prewarm, f"{table}_embedding") if prewarm else None
            values = ask(TARGETS[0], 1, min(FIRST, half))
            state = "after a restart, prewarmed" if prewarm else "after a restart"
            context.add(
                "limited",
                variant.key,
                {"state": state, "recall at least": TARGETS[0], "by": _by(limit)},
                values if seconds is None else {**values, "prewarm_s": seconds},
            )


def _by(limit: MemoryLimit | None) -> str:
    return "shared buffers only" if limit is None else "control group"


@contextmanager
def _running(context: Context, settings: dict[str, str]) -> Iterator[MemoryLimit | None]:
    """The server with settings, and nothing of its files in memory; in a control group of its own, if there can be one. As it was afterwards."""
    try:
        limit = MemoryLimit()
    except OSError as error:
        limit = None
        context.once(f"memory is limited by shared buffers only: {error}; what the system keeps of files comes on top")
    try:
        context.cluster.restart_cold(settings, limit.command if limit else None)
        yield limit
    finally:
        context.cluster.restart_cold()
        if limit:
            limit.close()


def _load_queries(context: Context, connection: psycopg.Connection, count: int) -> None:
    """So many different queries: those of the set, time and again, each with other noise."""
    data = context.data
    rng = np.random.default_rng(context.options.seed)
    chosen = np.resize(np.arange(len(data.queries)), count)
    noise = rng.standard_normal((count, data.dim), dtype=np.float32) * (NOISE * data.base.std(0))
    vectors = (data.queries[chosen] + noise).astype(np.float32)
    numbers, unused = np.arange(1, count + 1, dtype=np.int32), np.zeros(count, np.int32)
    database.create_table(connection, QUERIES, data.dim)
    database.copy_rows(connection, QUERIES, copyformat.binary([numbers, unused, unused], vectors), True)
    connection.execute(f"VACUUM ANALYZE {QUERIES}")


def _prewarm(connection: psycopg.Connection, statement: str, index: str) -> float:
    return database.timed(connection, statement.replace("{index}", index))[0] / 1000


def _ask(context: Context, variant: Variant, target: float, first: int, last: int) -> dict:
    """The queries of these numbers, asked by one statement each: figures of a query, in the mean."""
    data, k = context.data, context.options.ks[0]
    value = context.value_at_recall(variant, target)
    settings = {**database.session_settings(variant, value), "max_parallel_workers_per_gather": "0"}
    known = context.latest("search", variant, search=value, k=k)
    each = f"SELECT id FROM {context.table(variant)} ORDER BY embedding {OPERATORS[data.metric]} q.embedding LIMIT {k}"
    asked = f"SELECT embedding FROM {QUERIES} WHERE id BETWEEN %s AND %s OFFSET 0"
    count = last - first + 1
    with database.connect(context.cluster, context.engine(variant).database, settings) as connection:
        # the catalog, and the session's own memory
        connection.execute(f"SELECT count(*) FROM ({asked}) q, LATERAL ({each}) r", (last, last))
        before = _process(connection)
        plan = database.one(
            connection,
            f"EXPLAIN (ANALYZE, TIMING OFF, BUFFERS, FORMAT JSON) SELECT count(*) FROM ({asked}) q, LATERAL ({each}) r",
            (first, last),
        )[0][0]
        after = _process(connection)
    values = {
        "search": value,
        "recall": known["values"]["recall"] if known else None,
        "ms": plan["Execution Time"] / count,
        "reads": plan["Plan"]["Shared Read Blocks"] / count,
        "queries": count,
    }
    for name, there in before.items():
        values[name] = (after[name] - there) / count
    return values


def _process(connection: psycopg.Connection) -> dict[str, float]:
    """How often the session's process has waited, and what it has had read from the disk, as far as the system tells."""
    directory = Path("/proc") / str(connection.info.backend_pid)
    found = {}
    try:
        for file, field, name, unit in (
            ("status", "voluntary_ctxt_switches", "rounds", 1),
            ("io", "read_bytes", "disk_pages", 8192),
        ):
            lines = dict(line.split(":") for line in (directory / file).read_text().splitlines())
            found[name] = int(lines[field]) / unit
    except (OSError, KeyError):
        pass
    return found
