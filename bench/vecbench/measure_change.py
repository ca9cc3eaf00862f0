"""What happens after the build: cold caches, inserts, deletes and VACUUM."""

from __future__ import annotations

import time
from functools import partial

import numpy as np

from . import database, truth
from .context import Context, Step
from .engines import Variant
from .stats import percentile

DELETED_SHARE = 0.1


def cold_steps(context: Context) -> list[Step]:
    """First queries after a restart with the server's files dropped from the system's cache."""
    if not context.cluster.private:
        context.once(f"cold caches are not measured: {context.cluster.why_no_restart}")
        return []
    return [Step(f"cold {v.key}", 3, partial(_cold, context, v)) for v in context.variants(indexed=True)]


def _cold(context: Context, variant: Variant) -> None:
    data, k = context.data, context.options.ks[0]
    value = context.value_at_recall(variant)
    context.cluster.restart_cold()
    statement = database.query_text(context.table(variant), data.metric, k, database.stored("%s"))
    milliseconds = []
    with database.connect(
        context.cluster, context.engine(variant).database, database.session_settings(variant, value)
    ) as connection:
        for q in range(min(context.options.cold_queries, len(data.queries))):
            begun = time.perf_counter()
            connection.execute(statement, (q + 1,), prepare=True).fetchall()
            milliseconds.append((time.perf_counter() - begun) * 1000)
    context.add(
        "cold",
        variant.key,
        {"search": value, "k": k},
        {
            "first_ms": milliseconds[0],
            "p50_ms": percentile(milliseconds, 0.5),
            "p95_ms": percentile(milliseconds, 0.95),
            "queries": len(milliseconds),
        },
    )


def write_steps(context: Context) -> list[Step]:
    """Inserts into the built index, then deletes and VACUUM. The table is made anew in the next round."""
    weight = context.options.insert_rows * 0.002 + context.data.rows * context.data.dim / 1e6
    return [Step(f"write {v.key}", weight, partial(_write, context, v)) for v in context.variants()]


def _write(context: Context, variant: Variant) -> None:
    data, table = context.data, context.table(variant)
    count = min(context.options.insert_rows, len(data.extra))
    with database.connect(
        context.cluster, context.engine(variant).database, {"synchronous_commit": "off"}
    ) as connection:
        milliseconds = []
        for number in range(data.rows, data.rows + count):
            begun = time.perf_counter()
            connection.execute(f"INSERT INTO {table} SELECT * FROM extra WHERE id = %s", (number,), prepare=True)
            milliseconds.append((time.perf_counter() - begun) * 1000)
    context.add(
        "insert",
        variant.key,
        {},
        {
            "rows_per_s": 1000 * count / sum(milliseconds),
            "p50_ms": percentile(milliseconds, 0.5),
            "p95_ms": percentile(milliseconds, 0.95),
            "rows": count,
        },
    )
    if variant.method is not None:
        _vacuum(context, variant, data.rows + count)


def _vacuum(context: Context, variant: Variant, rows: int) -> None:
    """Deletes a random tenth and vacuums; recall is measured before the delete, before VACUUM and after it."""
    data, table = context.data, context.table(variant)
    everything = data.everything()[:rows]
    value = context.value_at_recall(variant)
    deleted = np.random.default_rng(2).permutation(rows)[: int(rows * DELETED_SHARE)]
    live = np.ones(rows, bool)
    search = database.session_settings(variant, value)
    with database.connect(context.cluster, context.engine(variant).database, search) as connection:
        before = _recall(context, connection, variant, everything, live)
        live[deleted] = False
        connection.execute(f"DELETE FROM {table} WHERE id = ANY(%s)", (deleted.tolist(),))
        unvacuumed = _recall(context, connection, variant, everything, live)
        connection.execute(
            "SELECT set_config('maintenance_work_mem', %s, false)", (context.options.maintenance_work_mem,)
        )
        begun = time.perf_counter()
        connection.execute(f"VACUUM {table}")
        seconds = time.perf_counter() - begun
        after = _recall(context, connection, variant, everything, live)
        (size,) = database.one(connection, "SELECT pg_relation_size(%s::regclass)", (f"{table}_embedding",))
    context.add(
        "vacuum",
        variant.key,
        {"search": value},
        {
            "seconds": seconds,
            "deleted": len(deleted),
            "recall_before": before,
            "recall_deleted": unvacuumed,
            "recall_after": after,
            "index_bytes": size,
        },
    )


def _recall(context: Context, connection, variant: Variant, everything: np.ndarray, live: np.ndarray) -> float:
    data, k = context.data, context.options.ks[0]
    count = min(context.options.recall_queries, len(data.queries))
    name = f"{data.key}-{truth.fingerprint(live)}"
    _, exact = truth.cached_nearest(data.cache, name, everything, data.queries, data.metric, k, live)
    statement = database.query_text(context.table(variant), data.metric, k, database.stored("%s"))
    found = []
    for q in range(count):
        ids = [r[0] for r in connection.execute(statement, (q + 1,), prepare=True)]
        found.append(truth.recall(ids, everything, data.queries[q], data.metric, exact[q], k, live))
    return float(np.mean(found))
