"""One run: the engines that are there, the rounds of each set, and the record of it all, kept even when interrupted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import psycopg

from . import (
    baselines,
    database,
    machine,
    measure_build,
    measure_change,
    measure_client,
    measure_exact,
    measure_filter,
    measure_inside,
    measure_limited,
    measure_planner,
    measure_rows,
    measure_search,
    measure_standby,
)
from .cluster import Cluster
from .context import Context, Options, Recorder, Step
from .data import VectorSet
from .engines import Engine
from .errors import BenchError
from .progress import Progress, counting

# In this order: searches need the indexes that the last builds leave, and writes change the tables, so they come after everything that needs them as built.
PHASE_STEPS: dict[str, Callable[[Context], list[Step]]] = {
    "load": measure_build.load_steps,
    "client": measure_client.steps,
    "exact": measure_exact.steps,
    "short": measure_search.short_steps,
    "build": measure_build.build_steps,
    "search": measure_search.search_steps,
    "inside": measure_inside.inside_steps,
    "columns": measure_filter.column_steps,
    "filter": measure_filter.filter_steps,
    "radius": measure_filter.radius_steps,
    "cold": measure_change.cold_steps,
    "limited": measure_limited.steps,
    "write": measure_change.write_steps,
    "rows": measure_rows.row_steps,
    "storm": measure_rows.storm_steps,
    "churn": measure_rows.churn_steps,
    "standby": measure_standby.steps,
    "dims": measure_inside.dims_steps,
    "planner": measure_planner.steps,
    "growth": measure_search.growth_steps,
    "baseline": baselines.steps,
}


def choose_engines(
    cluster: Cluster, engines: list[Engine], required: list[str] | None, say
) -> tuple[list[Engine], dict[str, str], list[str]]:
    """The engines whose extension the server has, their versions, and a line for each that is absent.

    An engine asked for by name must be there: BenchError otherwise, or when none is left.
    """
    offered = database.available_extensions(cluster)
    chosen, versions, absent = [], {}, []
    for engine in engines:
        if engine.extension not in offered:
            line = f'{engine.title} is absent: the server has no extension "{engine.extension}"'
            if required and engine.name in required:
                raise BenchError(line)
            absent.append(line)
            say(line)
            continue
        versions[engine.name] = database.create_database(cluster, engine)
        chosen.append(engine)
    if not chosen:
        raise BenchError("the server has none of the extensions to measure")
    return chosen, versions, absent


def prepare_truth(data: VectorSet, options: Options, say) -> None:
    """Computes (or finds in the cache) the exact answers that the phases will need."""
    wanted = [(k, data.rows) for k in options.ks]
    if "radius" in options.phases:
        wanted += [(matching + 1, data.rows) for matching, _ in measure_filter.RADII]
    if "growth" in options.phases:
        wanted += [(options.ks[0], data.rows // d) for d in options.growth]
    for k, rows in wanted:
        advance, close = counting(rows, f"exact neighbours of {data.name}")
        try:
            data.nearest(k, rows, advance)
        finally:
            close()
    if "filter" in options.phases:
        advance, close = counting(len(data.filters) * data.rows, f"exact neighbours of {data.name} that match")
        try:
            for condition in data.filters:
                data.nearest_matching(options.ks[0], condition)
                advance(data.rows)
        finally:
            close()


def plan_round(context: Context) -> list[Step]:
    """The steps of the context's round, in order."""
    steps = measure_build.prepare_steps(context)
    for phase, make in PHASE_STEPS.items():
        if phase in context.options.phases:
            steps += make(context)
    return steps


def run(
    cluster: Cluster,
    engines: list[Engine],
    sets: list[VectorSet],
    options: Options,
    recorder: Recorder,
    say,
) -> tuple[bool, list[str]]:
    """Runs all rounds of all sets that the recorder does not have already.

    Returns whether the run was interrupted, and what was said on the way. Points are in the recorder in either case.
    """
    notices: list[str] = []
    contexts = []
    for data in sets:
        for number in range(1, options.repeat + 1):
            if (data.name, number) not in recorder.finished:
                contexts.append(Context(options, cluster, engines, data, recorder, notices.append, number))
    total = sum(step.weight for c in contexts for step in plan_round(c))
    notices.clear()
    progress = Progress(total)
    seen: set[str] = set()

    def tell(message: str) -> None:
        if message not in seen:
            seen.add(message)
            notices.append(message)
            progress.say(message)

    loaded = None
    try:
        for context in contexts:
            context.say, context.said = tell, set()
            if loaded is not context.data:
                progress.say(
                    f"{context.data.name}: {context.data.rows} rows of {context.data.dim} dimensions, {context.data.metric}"
                )
                prepare_truth(context.data, options, tell)
                for engine in engines:
                    with database.connect(cluster, engine.database) as connection:
                        database.load_set(connection, context.data)
                loaded = context.data
            context.add("load_average", "machine", {}, {"one_minute": os.getloadavg()[0]})
            for step in plan_round(context):
                with progress.step(
                    f"{context.data.name} round {context.round}/{options.repeat}: {step.label}", step.weight
                ):
                    _attempt(context, step)
            recorder.finish_round(context.data.name, context.round)
    except KeyboardInterrupt:
        progress.close()
        say("interrupted: keeping the points measured so far")
        return True, notices
    progress.close()
    return False, notices


def _attempt(context: Context, step: Step) -> None:
    """Runs a step. What goes wrong in one is a result too: it is recorded, and the run goes on."""
    try:
        step.run()
    except (psycopg.Error, BenchError) as error:
        message = " ".join(str(error).split())
        context.say(f"{step.label} failed: {message}")
        context.add("failure", step.label, {}, {"message": message})


def write_json(path: Path, header: dict, recorder: Recorder) -> None:
    """The whole run in one file: header and every point of every round."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({**header, "points": recorder.points}, indent=1), encoding="utf-8")
    partial.replace(path)


def machine_header(cluster: Cluster, versions: dict[str, str], host, checkout: Path) -> dict:
    """What is recorded beside the points."""
    return {
        "machine": machine.describe(),
        "server": machine.server(cluster, versions, host),
        "source": machine.source(checkout),
    }
