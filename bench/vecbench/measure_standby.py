"""A standby beside the server: searches there, and how far behind replay of inserts is."""

from __future__ import annotations

import time
from functools import partial

from . import database
from .context import Context, Step
from .engines import Variant
from .measure_build import create_index
from .measure_inside import milliseconds

LATER_SHARE = 0.1
TABLE = "replayed"
PATIENCE_S = 600


def steps(context: Context) -> list[Step]:
    """One step per indexed variant; only where the cluster is the benchmark's own."""
    if not context.cluster.private:
        context.once(f"a standby is not measured: {context.cluster.why_no_restart}")
        return []
    weight = 6 + context.data.rows * (context.data.dim + 100) / 2e6
    return [Step(f"standby {v.key}", weight, partial(_standby, context, v)) for v in context.variants(indexed=True)]


def _standby(context: Context, variant: Variant) -> None:
    data, base, k = context.data, context.engine(variant).database, context.options.ks[0]
    count = min(context.options.inside_queries, len(data.queries))
    value = context.value_at_recall(variant)
    settings = database.session_settings(variant, value)
    first = data.rows - int(data.rows * LATER_SHARE)
    with database.connect(context.cluster, base, settings) as primary:
        database.fill_table(primary, TABLE, data.dim, first, variant.type)
        create_index(context, primary, variant, TABLE, first, context.options.workers[-1])
        try:
            with context.cluster.standby() as standby, database.connect(standby, base, settings) as there:
                values = {"standby_ms": milliseconds(there, TABLE, data.metric, k, "queries", count)}
                values["primary_ms"] = milliseconds(primary, TABLE, data.metric, k, "queries", count)
                begun = time.perf_counter()
                primary.execute(f"INSERT INTO {TABLE} SELECT * FROM source WHERE id >= {first} AND id < {data.rows} ORDER BY id")
                values["insert_s"] = time.perf_counter() - begun
                (end,) = database.one(primary, "SELECT pg_current_wal_flush_lsn()")
                while not database.one(there, "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", (end,))[0]:
                    if time.perf_counter() - begun > PATIENCE_S:
                        raise database.BenchError("the standby has not replayed the inserts")
                    time.sleep(0.002)
                values["behind_s"] = time.perf_counter() - begun - values["insert_s"]
                values["standby_after_ms"] = milliseconds(there, TABLE, data.metric, k, "queries", count)
                values["times_primary"] = values["standby_ms"] / values["primary_ms"]
        finally:
            primary.execute(f"DROP TABLE {TABLE}")
    context.add("standby", variant.key, {"search": value, "k": k}, values)
