"""What a query costs inside the server: a statement asks many, so that no client, parsing or planning is in the figure."""

from __future__ import annotations

from functools import partial

import psycopg

from . import database
from .context import Context, Step
from .engines import OPERATORS, Variant
from .measure_build import create_index
from .measure_search import answer_quality

# The fastest of so many counts.
REPEATS = 5
TABLE = "tiled"
QUERIES = "tiled_queries"


def milliseconds(connection: psycopg.Connection, table: str, metric: str, k: int, queries: str, count: int) -> float:
    """Of a query, in the mean over the first count of a table of queries."""
    each = f"SELECT id FROM {table} ORDER BY embedding {OPERATORS[metric]} q.embedding LIMIT {k}"
    asked = f"SELECT embedding FROM {queries} WHERE id <= {count} OFFSET 0"
    statement = f"SELECT count(*) FROM ({asked}) q, LATERAL ({each}) r"
    return min(database.timed(connection, statement)[0] for _ in range(REPEATS)) / count


def inside_steps(context: Context) -> list[Step]:
    """Each point of the sweeps, every variant at its first value, then every variant at its second, and so on."""
    options = context.options
    sweeps = [(v, v.values(options.quick)) for v in context.variants(indexed=True)]
    weight = REPEATS * options.inside_queries * 0.0005 + options.recall_queries * 0.001
    return [
        Step(f"inside {v.key} {values[place]}", weight, partial(_point, context, v, values[place]))
        for place in range(max((len(values) for _, values in sweeps), default=0))
        for v, values in sweeps
        if place < len(values)
    ]


def _point(context: Context, variant: Variant, value: object) -> None:
    data, k, table = context.data, context.options.ks[0], context.table(variant)
    count = min(context.options.inside_queries, len(data.queries))
    settings = _one_process(variant, value)
    with database.connect(context.cluster, context.engine(variant).database, settings) as connection:
        known = context.latest("search", variant, search=value, k=k)
        found = known["values"] if known else answer_quality(context, connection, variant, table, data.rows, k)
        values = {"ms": milliseconds(connection, table, data.metric, k, "queries", count), "recall": found["recall"]}
    context.add("inside", variant.key, {"search": value, "k": k}, values)


def _one_process(variant: Variant, value: object) -> dict[str, str]:
    return {**database.session_settings(variant, value), "max_parallel_workers_per_gather": "0"}


def dims_steps(context: Context) -> list[Step]:
    """The same vectors several times over, which have the same neighbours: what more dimensions cost."""
    options, data = context.options, context.data
    steps = []
    for copies in options.dims_copies:
        for variant in context.variants(indexed=True):
            if variant.max_dims is None or data.dim * copies <= variant.max_dims:
                weight = 1 + data.rows * (data.dim + 100) / 1e6
                label = f"dims {variant.key} {data.dim * copies}"
                steps.append(Step(label, weight, partial(_dims, context, variant, copies)))
    return steps


def _dims(context: Context, variant: Variant, copies: int) -> None:
    """As many fewer rows as they have more dimensions, or the large ones would take all the time."""
    data, options = context.data, context.options
    rows, k, dim = data.rows // copies, options.ks[0], data.dim * copies
    count = min(options.inside_queries, len(data.queries))
    with database.connect(context.cluster, context.engine(variant).database) as connection:
        _fill(connection, context, rows, copies, variant.type)
        built, _ = create_index(context, connection, variant, TABLE, rows, options.workers[-1])
        (out_of_line,) = database.one(
            connection, "SELECT pg_relation_size(reltoastrelid) > 0 FROM pg_class WHERE oid = %s::regclass", (TABLE,)
        )
    for value in variant.values(options.quick):
        settings = _one_process(variant, value)
        with database.connect(context.cluster, context.engine(variant).database, settings) as connection:
            values = {
                "ms": milliseconds(connection, TABLE, data.metric, k, QUERIES, count),
                "recall": answer_quality(context, connection, variant, TABLE, rows, k, QUERIES)["recall"],
                "build_s": built["seconds"],
                "index_bytes": built["index_bytes"],
                "out_of_line": out_of_line,
            }
        context.add("dims", variant.key, {"dims": dim, "rows_of": rows, "search": value, "k": k}, values)
    with database.connect(context.cluster, context.engine(variant).database) as connection:
        connection.execute(f"DROP TABLE {TABLE}, {QUERIES}")


def _fill(connection: psycopg.Connection, context: Context, rows: int, copies: int, kind: str) -> None:
    """Vectors stay where a user's would be: out of line, if they are long."""
    data = context.data
    dim = data.dim * copies
    connection.execute(f"DROP TABLE IF EXISTS {TABLE}, {QUERIES}")
    vector = f"({'||'.join(['embedding::real[]'] * copies)})::vector({dim})"
    for table, source, wanted, of in (
        (TABLE, "source", f"id < {rows}", kind),
        (QUERIES, "queries", "true", "vector"),
    ):
        connection.execute(f"CREATE TABLE {table} (id integer PRIMARY KEY, embedding {of}({dim}) NOT NULL)")
        connection.execute(f"INSERT INTO {table} SELECT id, {vector} FROM {source} WHERE {wanted} ORDER BY id")
        connection.execute(f"VACUUM ANALYZE {table}")
