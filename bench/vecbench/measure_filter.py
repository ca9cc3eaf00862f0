"""Queries with a WHERE: filters, what an index's columns for them cost, and radii. Times are those inside the server."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from . import database, truth
from .context import TARGETS, Context, Step
from .engines import OPERATORS, Variant
from .filters import CORRELATED
from .measure_search import EXACT_QUERIES, answer_quality
from .stats import percentile

# How the setting of a filtered search was chosen: what reached this recall without a filter, or the engine's default.
BY_RECALL = f"for recall {TARGETS[0]}"
DEFAULT = "default"
# Rows within the radius, and LIMIT (None: without).
RADII = ((10, 100), (100, 1000), (10, None))
# Times that each query is asked where two indexes are told apart by a few percent; the fastest counts.
PASSES = 3


def _ask(
    context: Context,
    variant: Variant,
    session: dict[str, str],
    statements: list[str],
    exact: np.ndarray,
    k: int,
    live: list[np.ndarray | None],
) -> dict:
    """Figures of the set's first queries with the planner free: first all answers, then the time of each.

    exact [q, k] are the distances of the right answers, live which rows may be in the answer to each query (None: all).
    """
    data = context.data
    recalls, returned, milliseconds, scans = [], [], [], set()
    with database.connect(context.cluster, context.engine(variant).database, session) as connection:
        for q, statement in enumerate(statements):
            ids = [r[0] for r in connection.execute(statement)]
            recalls.append(truth.recall(ids, data.base, data.queries[q], data.metric, exact[q], k, live[q]))
            returned.append(len(ids))
        for statement in statements:
            taken, plan = database.timed(connection, statement)
            milliseconds.append(taken)
            scans.update(database.scan_nodes(plan))
    return {
        "recall": float(np.mean(recalls)),
        "rows_returned": float(np.mean(returned)),
        "rows_right": float(np.isfinite(exact[: len(statements), :k]).sum(axis=1).mean()),
        "p50_ms": percentile(milliseconds, 0.5),
        "p95_ms": percentile(milliseconds, 0.95),
        "mean_ms": float(np.mean(milliseconds)),
        "scan": "/".join(sorted(scans)),
    }


def _steps(context: Context, what: str, columns: bool, weight: float, run: Callable) -> list[Step]:
    """A step for each variant and each of its sessions for filtered queries."""
    return [
        Step(f"{what} {v.key} {name}", weight, partial(run, context, v, name, settings))
        for v in context.variants(columns=columns)
        for name, settings in v.filters.items()
    ]


def filter_steps(context: Context) -> list[Step]:
    """Nearest rows among those that match, few or many, spread evenly, near to the query or far from it."""
    weight = len(context.data.filters) * context.options.filter_queries * 0.012
    return _steps(context, "filter", True, weight, _filter)


def _filter(context: Context, variant: Variant, name: str, settings: dict[str, str]) -> None:
    options, data = context.options, context.data
    k = options.ks[0]
    values = {BY_RECALL: context.value_at_recall(variant)}
    if variant.search is not None and not options.quick:
        values[DEFAULT] = variant.search.default
    for chosen, value in values.items():
        session = database.session_settings(variant, value, planner_free=True, extra=settings)
        references: dict[tuple[str, str], float] = {}
        for condition in data.filters:
            if chosen == DEFAULT and condition.kind in CORRELATED:
                continue
            sequential = variant.method is None and (condition.column not in variant.columns)
            count = min(EXACT_QUERIES if sequential else options.filter_queries, len(data.queries))
            _, exact = data.nearest_matching(k, condition)
            live = [data.live(condition, q) for q in range(count)]
            statements = [
                database.query_text(
                    context.table(variant), data.metric, k, database.literal(data.queries[q]), condition.sql(q)
                )
                for q in range(count)
            ]
            found = _ask(context, variant, session, statements, exact, k, live)
            references[condition.kind, condition.label] = found["p50_ms"]
            found["times_unfiltered"] = found["p50_ms"] / references["all", data.filters[0].label]
            if condition.kind in CORRELATED:
                found["times_uniform"] = found["p50_ms"] / references["uniform", condition.label]
            found["matching"] = float(np.mean([data.rows if here is None else here.sum() for here in live]))
            key = {"filter": condition.label, "kind": condition.kind, "mode": name, "chosen": chosen}
            context.add("filter", variant.key, {**key, "search": value, "k": k}, found)


def column_steps(context: Context) -> list[Step]:
    """What filter columns cost a build, an index, and searches that do not use them."""
    weight = 2 * (PASSES * 0.002 + 0.004) * context.options.recall_queries
    return [
        Step(f"columns {v.key}", weight, partial(_columns, context, v))
        for v in context.variants(indexed=True, columns=True)
        if v.columns
    ]


def _columns(context: Context, variant: Variant) -> None:
    """Both builds of this round; for the indexes that the last ones left also searches, query by query in turns."""
    data, k = context.data, context.options.ks[0]
    plain = context.plain(variant)
    both = (plain, variant)
    settings = database.session_settings(variant, variant.search.default)
    with database.connect(context.cluster, context.engine(variant).database, settings) as connection:
        recalls = [answer_quality(context, connection, v, context.table(v), data.rows, k)["recall"] for v in both]
        fastest = np.full((min(context.options.recall_queries, len(data.queries)), 2), np.inf)
        for turn in range(PASSES):
            for q in range(len(fastest)):
                for side in ((0, 1), (1, 0))[(turn + q) % 2]:
                    statement = database.query_text(
                        context.table(both[side]), data.metric, k, database.literal(data.queries[q])
                    )
                    fastest[q, side] = min(fastest[q, side], database.timed(connection, statement)[0])
    plain_ms, ms = (float(x) for x in fastest.mean(axis=0))
    for workers in context.options.workers:
        values = {}
        builds = [context.latest("build", v, workers=workers) for v in both]
        if builds[0] and builds[1]:
            for figure in ("seconds", "index_bytes"):
                values[f"plain_{figure}"], values[figure] = (b["values"][figure] for b in builds if b)
                values[f"times_{figure}"] = values[figure] / values[f"plain_{figure}"]
        if workers == context.options.workers[-1]:
            values.update(plain_ms=plain_ms, ms=ms, times_ms=ms / plain_ms, plain_recall=recalls[0], recall=recalls[1])
        context.add("columns", variant.key, {"workers": workers}, values)


def radius_steps(context: Context) -> list[Step]:
    """The rows within a radius, nearest first, where they are fewer than LIMIT."""
    return _steps(context, "radius", False, len(RADII) * context.options.filter_queries * 0.03, _radius)


def _radius(context: Context, variant: Variant, name: str, settings: dict[str, str]) -> None:
    data, operator = context.data, OPERATORS[context.data.metric]
    value = context.value_at_recall(variant)
    session = database.session_settings(variant, value, planner_free=True, extra=settings)
    count = min(EXACT_QUERIES if variant.method is None else context.options.filter_queries, len(data.queries))
    for matching, limit in RADII:
        _, exact = data.nearest(matching + 1)
        statements = []
        for q in range(count):
            vector = database.literal(data.queries[q])
            # half-way to the first row that is outside
            radius = float((exact[q, matching - 1] + exact[q, matching]) / 2)
            where = f"embedding {operator} {vector} < {radius!r}"
            statements.append(database.query_text(context.table(variant), data.metric, limit, vector, where))
        found = _ask(context, variant, session, statements, exact, matching, [None] * len(statements))
        key = {"matching": matching, "limit": limit or "none", "mode": name, "search": value}
        context.add("radius", variant.key, key, found)
