"""Is the right plan chosen: a grid of rows x dimensions x share of matching rows x LIMIT, and in each cell every way to answer.

The regret of a cell is the time of the chosen plan divided by that of the fastest.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from . import database
from .context import Context, Step
from .engines import Variant
from .filters import COLUMNS
from .measure_build import create_index

TABLE = "grid"
CONDITIONS = {
    "100 %": "",
    "50 %": "attr < 500",
    "10 %": "attr < 100",
    "1 %": "attr < 10",
    "0.1 %": "attr = 0",
    "10 % of 10 %": "attr < 100 AND cluster < 100",
}
# What a session forbids so that a way is left: the vector index, a btree index and a sort, all rows and a sort.
WAYS = {
    "index": ("enable_seqscan", "enable_bitmapscan", "enable_sort"),
    "btree": ("enable_seqscan", "enable_indexscan"),
    "sequential": ("enable_indexscan", "enable_bitmapscan"),
}
# A query is asked so many times, and the fastest counts; once if it is as slow as this.
REPEATS = 3
SLOW_MS = 300


def steps(context: Context) -> list[Step]:
    """One step per table: of each variant with filter columns, and of the one without them."""
    options, data = context.options, context.data
    found = []
    for variant in context.variants(indexed=True, columns=True):
        if not any(context.plain(v) == context.plain(variant) for v in context.variants(True, True) if v.columns):
            continue
        for divisor in options.planner_rows:
            for copies in options.planner_copies:
                rows, dim = data.rows // divisor, data.dim * copies
                cells = len(CONDITIONS) * len(options.planner_limits)
                scan = rows * dim / 1e9 + 0.002
                weight = rows * (dim + 100) / 1e6 + cells * options.planner_queries * 2 * REPEATS * scan
                label = f"planner {variant.key} {rows} x {dim}"
                found.append(Step(label, weight, partial(_grid, context, variant, rows, copies)))
    return found


def _grid(context: Context, variant: Variant, rows: int, copies: int) -> None:
    data, options = context.data, context.options
    settings = database.session_settings(variant, variant.search.default, planner_free=True)
    settings["max_parallel_workers_per_gather"] = "0"
    with database.connect(context.cluster, context.engine(variant).database, settings) as connection:
        fill(connection, data.dim, rows, copies, variant.type)
        create_index(context, connection, variant, TABLE, rows, options.workers[-1])
        database.create_btrees(connection, TABLE, COLUMNS)
        for label, where in CONDITIONS.items():
            for limit in options.planner_limits:
                vectors = [np.tile(q, copies) for q in data.queries[: options.planner_queries]]
                statements = [
                    database.query_text(TABLE, data.metric, limit, database.literal(v), where) for v in vectors
                ]
                key = {"rows_of": rows, "dims": data.dim * copies, "filter": label, "limit": limit}
                context.add("planner", variant.key, key, measure_cell(connection, statements))
        connection.execute(f"DROP TABLE {TABLE}")


def fill(connection, dim: int, rows: int, copies: int, kind: str) -> None:
    """The table of a grid: the first rows rows of source, whose vectors are repeated to have more dimensions."""
    database.create_table(connection, TABLE, dim * copies, kind=kind)
    vector = "||".join(["embedding::real[]"] * copies)
    connection.execute(
        f"INSERT INTO {TABLE} SELECT id, attr, cluster, ({vector})::vector({dim * copies}) "
        f"FROM source WHERE id < {rows} ORDER BY id"
    )
    connection.execute(f"VACUUM ANALYZE {TABLE}")


def measure_cell(connection, statements: list[str]) -> dict:
    """Mean times of the plan that is chosen and of each way; a way that there is no plan for has none."""
    chosen_ms, plan = _time(connection, statements, ())
    times = {shape(plan): chosen_ms}
    ways: dict[str, tuple] = {}
    for way, forbidden in WAYS.items():
        milliseconds, other = _time(connection, statements, forbidden)
        if way_of(other) == way:
            ways[way] = shape(other)
            times[shape(other)] = min(milliseconds, times.get(shape(other), np.inf))
    return judge(way_of(plan), shape(plan), ways, times)


def judge(chosen: str, plan: tuple, ways: dict[str, tuple], times: dict[tuple, float]) -> dict:
    """Figures of a cell: the way that was chosen and its plan, the plan of each way, and the time of each plan.

    A plan that was measured twice has one time, so that chance makes no regret.
    """
    values: dict = {"chosen": chosen, "ms": times[plan], "regret": times[plan] / min(times.values())}
    values.update({f"{way}_ms": times[ways[way]] if way in ways else None for way in WAYS})
    return values


def _time(connection, statements: list[str], forbidden: tuple[str, ...]) -> tuple[float, dict]:
    """The mean over statements of their fastest time, and the plan of the last."""
    for name in forbidden:
        connection.execute("SELECT set_config(%s, 'off', false)", (name,))
    fastest: list[float] = []
    plan: dict = {}
    for statement in statements:
        best = np.inf
        for _ in range(REPEATS):
            taken, plan = database.timed(connection, statement)
            best = min(best, taken)
            if taken >= SLOW_MS:
                break
        fastest.append(best)
    for name in forbidden:
        connection.execute("SELECT set_config(%s, 'on', false)", (name,))
    return float(np.mean(fastest)), plan


def shape(plan: dict) -> tuple:
    """What tells plans apart: the nodes and their indexes."""
    return (plan["Node Type"], plan.get("Index Name"), *(shape(child) for child in plan.get("Plans", [])))


def way_of(plan: dict) -> str:
    """The way that a plan goes, one of WAYS."""
    names = _index_names(plan)
    return "index" if f"{TABLE}_embedding" in names else "btree" if names else "sequential"


def _index_names(plan: dict) -> set[str]:
    found = {plan["Index Name"]} if "Index Name" in plan else set()
    return found.union(*(_index_names(child) for child in plan.get("Plans", [])))
