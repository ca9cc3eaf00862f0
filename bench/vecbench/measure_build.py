"""Load and build: COPY into a bare table, CREATE INDEX with its time, memory, WAL and size."""

from __future__ import annotations

import statistics
import tempfile
import time
from functools import partial

from . import copyformat, database
from .context import Context, Step
from .engines import Engine, Variant
from .memory import PeakMemory, is_local

CHUNK = 1 << 20
# Times that each engine loads in a round: one load in two waits for new WAL segments, whoever it is.
LOAD_TURNS = 5


def prepare_steps(context: Context) -> list[Step]:
    """Gives every variant a fresh table: a round must not inherit the bloat of the one before."""
    weight = 0.2 + context.data.rows * context.data.dim / 2e7
    return [Step(f"fill {v.key}", weight, partial(_fill, context, v)) for v in context.variants(columns=True)]


def _fill(context: Context, variant: Variant) -> None:
    with database.connect(context.cluster, context.engine(variant).database) as connection:
        table = context.table(variant)
        database.fill_table(connection, table, context.data.dim, context.data.rows, variant.type)
        if variant.method is None:
            database.create_btrees(connection, table, variant.columns)


def load_steps(context: Context) -> list[Step]:
    """COPY of the same bytes into a table without any index, text and binary, engines in turns."""
    engines = (
        context.engines[(context.round - 1) % len(context.engines) :]
        + context.engines[: (context.round - 1) % len(context.engines)]
    )
    values = min(context.data.rows, context.options.load_rows) * context.data.dim
    return [
        Step(
            f"COPY {form}",
            0.5 + LOAD_TURNS * values * len(engines) / (3e6 if form == "text" else 4e7),
            partial(_load, context, engines, form),
        )
        for form in ("text", "binary")
    ]


def _load(context: Context, engines: list[Engine], form: str) -> None:
    rows = min(context.data.rows, context.options.load_rows)
    make = copyformat.text if form == "text" else copyformat.binary
    with tempfile.TemporaryFile(dir=context.data.cache.parent) as staged:
        for chunk in make(context.data.integers(0, rows), context.data.base[:rows]):
            staged.write(chunk)
        size = staged.tell()
        taken: dict[str, list[float]] = {e.name: [] for e in engines}
        for engine in engines * LOAD_TURNS:
            with database.connect(context.cluster, engine.database) as connection:
                database.create_table(connection, "loaded", context.data.dim, primary_key=False)
                staged.seek(0)
                begun = time.perf_counter()
                database.copy_rows(connection, "loaded", iter(partial(staged.read, CHUNK), b""), form == "binary")
                taken[engine.name].append(time.perf_counter() - begun)
                (stored,) = database.one(connection, "SELECT pg_table_size('loaded')")
                connection.execute("DROP TABLE loaded")
        for name, times in taken.items():
            seconds = statistics.median(times)
            context.add(
                "load",
                name,
                {"format": form},
                {"seconds": seconds, "rows_per_s": rows / seconds, "bytes": size, "table_bytes": stored, "rows": rows},
            )


def build_steps(context: Context) -> list[Step]:
    """CREATE INDEX of each variant, for each number of workers; the last index stays for the other measurements."""
    weight = 1 + context.data.rows * (context.data.dim + 100) / 2e6
    return [
        Step(f"build {v.key} workers={w}", weight, partial(_build, context, v, w))
        for w in context.options.workers
        for v in context.variants(indexed=True, columns=True)
    ]


def _build(context: Context, variant: Variant, workers: int) -> None:
    with database.connect(context.cluster, context.engine(variant).database) as connection:
        values, notes = create_index(context, connection, variant, context.table(variant), context.data.rows, workers)
    context.add("build", variant.key, {"workers": workers}, values, notes=notes)


def create_index(
    context: Context, connection, variant: Variant, table: str, rows: int, workers: int, memory: str | None = None
) -> tuple[dict, list[str]]:
    """Builds the index of table afresh; returns its figures and what the server had to say.

    memory: maintenance_work_mem, if not that of the options.
    """
    notes: list[str] = []
    connection.add_notice_handler(lambda d: notes.append(f"{d.severity}: {d.message_primary}"))
    connection.execute(f"DROP INDEX IF EXISTS {table}_embedding")
    connection.execute(
        "SELECT set_config('maintenance_work_mem', %s, false), set_config('max_parallel_maintenance_workers', %s, false)",
        (memory or context.options.maintenance_work_mem, str(workers)),
    )
    # The planner would give a small table fewer workers than were asked for.
    connection.execute(f"ALTER TABLE {table} SET (parallel_workers = {workers})")
    notes.clear()
    statement = variant.create_index(f"{table}_embedding", table, context.data.metric, rows)
    (before,) = database.one(connection, "SELECT pg_current_wal_insert_lsn()")
    pid = connection.info.backend_pid
    local = is_local(pid)
    begun = time.perf_counter()
    if local:
        with PeakMemory(pid) as peak:
            connection.execute(statement)
    else:
        connection.execute(statement)
    seconds = time.perf_counter() - begun
    size, wal = database.one(
        connection,
        "SELECT pg_relation_size(%s::regclass), pg_current_wal_insert_lsn() - %s::pg_lsn",
        (f"{table}_embedding", before),
    )
    connection.execute(f"ALTER TABLE {table} RESET (parallel_workers)")
    values = {"seconds": seconds, "index_bytes": size, "wal_bytes": int(wal)}
    if local:
        values.update(peak_bytes=peak.peak, peak_resident_bytes=peak.peak_resident, processes=peak.processes)
    else:
        context.once("build memory is not measured: the server's processes are not visible from here")
    return values, sorted(set(notes))
