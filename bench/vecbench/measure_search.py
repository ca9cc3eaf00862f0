"""Search: recall, pages read, throughput and latency at each value of each variant's sweep; and cost against size."""

from __future__ import annotations

from functools import partial

import numpy as np

from . import database, pgbench, truth
from .context import Context, Step
from .engines import Variant
from .measure_build import create_index

# An exact scan is always right; that takes few queries to see.
EXACT_QUERIES = 20


def search_steps(context: Context) -> list[Step]:
    """One step per point: first every variant at its first value, then every variant at its second, and so on."""
    options = context.options
    sweeps = [(v, v.values(options.quick)) for v in context.variants()]
    weight = (
        (len(options.clients) + (0 if options.quick else 1)) * (options.seconds + 0.4)
        + (len(options.ks) - 1) * (0 if options.quick else options.seconds + 0.4)
        + len(options.ks) * options.recall_queries * 0.002
    )
    steps = [
        Step("checkpoint", 0.5, partial(_checkpoint, context)),
        Step("no search", len(options.clients) * options.seconds, partial(_floor, context)),
    ]
    for place in range(max(len(values) for _, values in sweeps)):
        steps += [
            Step(f"search {v.key} {values[place]}", weight, partial(_search, context, v, values[place]))
            for v, values in sweeps
            if place < len(values)
        ]
    return steps


def _checkpoint(context: Context) -> None:
    with database.connect(context.cluster) as connection:
        connection.execute("CHECKPOINT")


def _search(context: Context, variant: Variant, value: object) -> None:
    options = context.options
    for k in options.ks:
        first = k == options.ks[0]
        clients = options.clients if first else (() if options.quick else options.clients[:1])
        measure_point(context, variant, context.table(variant), context.data.rows, value, k, clients, "search")


def measure_point(
    context: Context,
    variant: Variant,
    table: str,
    rows: int,
    value: object,
    k: int,
    clients: tuple[int, ...],
    phase: str,
) -> None:
    """Measures one point: recall and buffers in one session, then pgbench with each number of clients (or with none)."""
    options, data = context.options, context.data
    settings = database.session_settings(variant, value)
    engine = context.engine(variant)
    with database.connect(context.cluster, engine.database, settings) as connection:
        common = answer_quality(context, connection, variant, table, rows, k)
        common.update(page_reads(context, connection, variant, table, k))
    key = {"k": k, "search": value}
    if not clients:
        context.add(phase, variant.key, {**key, "clients": 0}, common, rows)
    statement = database.query_text(table, data.metric, k, database.stored(":q"))
    for count in clients:
        speed = measure_speed(context, engine.database, statement, count, settings, pipelined=not options.quick)
        context.add(phase, variant.key, {**key, "clients": count}, {**common, **speed}, rows)


def measure_speed(
    context: Context, base: str, statement: str, clients: int, settings: dict[str, str], pipelined: bool
) -> dict:
    """Figures of pgbench for a statement with :q for the number of a query; one client may send several at once, too."""
    options = context.options
    script = f"\\set q random(1, {len(context.data.queries)})\n{statement};\n"
    seed = options.seed + context.round
    values = pgbench.measure(context.cluster, base, script, clients, options.seconds, seed, settings)
    if clients == 1 and pipelined:
        values["pipelined_qps"] = pgbench.measure_pipelined(
            context.cluster, base, script, options.seconds, seed, settings
        )
    return values


def _floor(context: Context) -> None:
    """What a query costs without a search: the statement that fetches the query's vector, alone."""
    for count in context.options.clients:
        base = context.engines[0].database
        values = measure_speed(context, base, "SELECT embedding FROM queries WHERE id = :q", count, {}, True)
        context.add("floor", "no search", {"clients": count}, values)


def answer_quality(
    context: Context, connection, variant: Variant, table: str, rows: int, k: int, queries: str = "queries"
) -> dict:
    """Mean and worst recall over the queries (of that table), and how many rows came back on average."""
    data = context.data
    count = min(context.options.recall_queries, len(data.queries))
    if variant.method is None:
        count = min(count, EXACT_QUERIES)
    _, exact = data.nearest(k, rows)
    base = data.base[:rows]
    statement = database.query_text(table, data.metric, k, database.stored("%s", queries))
    recalls, returned = [], []
    for q in range(count):
        ids = [r[0] for r in connection.execute(statement, (q + 1,), prepare=True)]
        recalls.append(truth.recall(ids, base, data.queries[q], data.metric, exact[q], k))
        returned.append(len(ids))
    return {
        "recall": float(np.mean(recalls)),
        "recall_min": float(np.min(recalls)),
        "rows_returned": float(np.mean(returned)),
        "recall_queries": count,
    }


def page_reads(context: Context, connection, variant: Variant, table: str, k: int) -> dict:
    """Shared buffers that a query's scan touches, index and heap together, as EXPLAIN counts them; and the scan's type.

    The query vector is a literal here: the sub-select that pgbench uses would add its own pages.
    """
    data = context.data
    count = min(context.options.explain_queries, len(data.queries), 3 if variant.method is None else 1 << 30)
    touched, scans = [], set()
    for q in range(count):
        statement = database.query_text(table, data.metric, k, database.literal(data.queries[q]))
        plan = database.explain(connection, statement, analyze=True)
        touched.append(database.buffers(plan))
        scans.update(database.scan_nodes(plan))
    if variant.method is not None and scans != {"Index Scan"}:
        context.once(f"{variant.key}: the planner answers with {', '.join(sorted(scans))}, not with the index")
    return {"buffers": float(np.mean(touched)), "scan": "/".join(sorted(scans))}


def short_steps(context: Context) -> list[Step]:
    """CREATE INDEX with memory for a tenth of the vectors, and what searches find then; the first variant of each engine."""
    there = context.variants(indexed=True)
    # first in engines.toml: the order of `there` is another one in each round
    first = [v for v in there if v is next(o for o in context.engine(v).variants if o in there)]
    weight = 2 + context.data.rows * (context.data.dim + 100) / 1e6
    return [
        Step(f"build {v.key} in a tenth of memory, workers={w}", weight, partial(_build_short, context, v, w))
        for w in context.options.workers
        for v in first
        # pgvector 0.8.0 never ends, and takes the server down by a stuck spinlock, when workers build in so little memory
        if w == 0 or v.engine == "vecidx"
    ]


def _build_short(context: Context, variant: Variant, workers: int) -> None:
    data = context.data
    table, k = context.table(variant), context.options.ks[0]
    settings = database.session_settings(variant, variant.search.default)
    for memory in (None, f"{max(1024, data.rows * data.dim * 4 // 10 // 1024)}kB"):
        with database.connect(context.cluster, context.engine(variant).database, settings) as connection:
            values, notes = create_index(context, connection, variant, table, data.rows, workers, memory)
            values["recall"] = answer_quality(context, connection, variant, table, data.rows, k)["recall"]
        if memory is None:
            plenty = values
    values["plenty_seconds"], values["plenty_recall"] = plenty["seconds"], plenty["recall"]
    values["times_plenty"] = values["seconds"] / plenty["seconds"]
    context.add("short", variant.key, {"workers": workers}, values, notes=notes)


def growth_steps(context: Context) -> list[Step]:
    """Build and short curve of each indexed variant on the first N/8, N/4, N/2 rows; N itself is in the other phases."""
    options = context.options
    steps = []
    for divisor in options.growth:
        rows = context.data.rows // divisor
        weight = 1 + rows * (context.data.dim + 100) / 2e6 + (2 if options.quick else 4) * (options.seconds + 1)
        steps += [
            Step(f"growth {v.key} N/{divisor}", weight, partial(_grow, context, v, rows))
            for v in context.variants(indexed=options.quick)
            if v.fits(rows)
        ]
    return steps


def _grow(context: Context, variant: Variant, rows: int) -> None:
    table = f"part_{variant.name}"
    with database.connect(context.cluster, context.engine(variant).database) as connection:
        database.fill_table(connection, table, context.data.dim, rows, variant.type)
        if variant.method is not None:
            values, notes = create_index(context, connection, variant, table, rows, context.options.workers[-1])
            context.add("growth_build", variant.key, {"workers": context.options.workers[-1]}, values, rows, notes)
    for value in variant.values(True)[: 2 if context.options.quick else None]:
        measure_point(context, variant, table, rows, value, context.options.ks[0], (1,), "growth")
    with database.connect(context.cluster, context.engine(variant).database) as connection:
        connection.execute(f"DROP TABLE {table}")
