"""What a changed row costs where there is an index: by the statement, by the session, beside searches, and over and over."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import psycopg

from . import database, pgbench
from .context import Context, Step
from .engines import Variant
from .measure_build import create_index
from .measure_inside import milliseconds
from .measure_search import answer_quality

# Rows that are inserted: the last tenth of the set, in equal parts, one by a statement and one by each number of sessions.
LATER_SHARE = 0.1
SESSIONS = (1, 2, 4, 8)
CHURNED_SHARE = 0.2
TABLE = "changed"

# The next of the later rows, whichever session asks.
INSERT_NEXT = f"INSERT INTO {TABLE} SELECT s.* FROM (SELECT nextval('later')::integer AS id OFFSET 0) n JOIN source s USING (id)"


def row_steps(context: Context) -> list[Step]:
    """Inserts by a statement and by sessions, and updates of a column that is not the vector."""
    return _steps(context, "rows", 1.5, _rows)


def storm_steps(context: Context) -> list[Step]:
    """Searches while rows are inserted, and while rows are deleted and VACUUM runs."""
    return _steps(context, "storm", 1.5 + 3 * context.options.seconds / 10, _storm)


def churn_steps(context: Context) -> list[Step]:
    """Rounds in which a fifth of the rows leave and come back."""
    return _steps(context, "churn", 1 + context.options.churn_rounds, _churn)


def _steps(context: Context, phase: str, times: float, run: Callable[[Context, Variant], None]) -> list[Step]:
    weight = 1 + times * context.data.rows * (context.data.dim + 100) / 2e6
    return [Step(f"{phase} {v.key}", weight, partial(run, context, v)) for v in context.variants(indexed=True)]


@contextmanager
def _built(context: Context, variant: Variant, rows: int) -> Iterator[psycopg.Connection]:
    """A session, with a table of its own of the first rows, indexed on the vector and on attr; gone afterwards."""
    settings = database.session_settings(variant, context.value_at_recall(variant))
    # a row's cost is wanted, not that of the disk's cache at each commit
    settings["synchronous_commit"] = "off"
    with database.connect(context.cluster, context.engine(variant).database, settings) as connection:
        database.fill_table(connection, TABLE, context.data.dim, rows, variant.type)
        create_index(context, connection, variant, TABLE, rows, context.options.workers[-1])
        database.create_btrees(connection, TABLE, ["attr"])
        try:
            yield connection
        finally:
            connection.execute(f"DROP TABLE {TABLE}")


def _wal(connection: psycopg.Connection) -> int:
    return int(database.one(connection, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")[0])


def _rows(context: Context, variant: Variant) -> None:
    data, base = context.data, context.engine(variant).database
    part = int(data.rows * LATER_SHARE) // (len(SESSIONS) + 1)
    first = data.rows - part * (len(SESSIONS) + 1)
    with _built(context, variant, first) as connection:

        def statement(kind: str, text: str, rows: int) -> None:
            wal, begun = _wal(connection), time.perf_counter()
            connection.execute(text)
            seconds = time.perf_counter() - begun
            figures = {"ms_a_row": 1000 * seconds / rows, "wal_bytes_a_row": (_wal(connection) - wal) / rows, "rows": rows}
            context.add("rows", variant.key, {"change": kind, "sessions": 1}, {**figures, "rows_per_s": rows / seconds})

        inserted = f"INSERT INTO {TABLE} SELECT * FROM source WHERE id >= {first} AND id < {first + part} ORDER BY id"
        statement("INSERT … SELECT", inserted, part)
        connection.execute(f"CREATE SEQUENCE later START {first + part}")
        try:
            for sessions in SESSIONS:
                wal, each = _wal(connection), part // sessions
                speed = pgbench.measure_transactions(context.cluster, base, INSERT_NEXT + ";\n", sessions, each)
                values = {
                    "ms_a_row": speed["p50_ms"],
                    "rows_per_s": speed["tps"],
                    "wal_bytes_a_row": (_wal(connection) - wal) / (each * sessions),
                    "rows": each * sessions,
                }
                context.add("rows", variant.key, {"change": "INSERT of one row", "sessions": sessions}, values)
        finally:
            connection.execute("DROP SEQUENCE later")
        # attr has an index: no update is heap-only, so each makes entries in all indexes
        statement("UPDATE of another column", f"UPDATE {TABLE} SET attr = attr + 1 WHERE id < {first // 10}", first // 10)


class _Beside:
    """Repeats a piece of work in another session until the block ends; counts how often it was done."""

    def __init__(self, context: Context, variant: Variant, work: Callable[[psycopg.Connection], None]) -> None:
        self._context, self._variant, self._work = context, variant, work
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.done = 0
        self.error: Exception | None = None

    def _run(self) -> None:
        try:
            base = self._context.engine(self._variant).database
            settings = {"synchronous_commit": "off", "maintenance_work_mem": self._context.options.maintenance_work_mem}
            with database.connect(self._context.cluster, base, settings) as connection:
                while not self._end.is_set():
                    self._work(connection)
                    self.done += 1
        except Exception as error:  # raised again in the thread that waits
            self.error = error

    def __enter__(self) -> _Beside:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._end.set()
        self._thread.join()
        if self.error is not None:
            raise self.error


def _storm(context: Context, variant: Variant) -> None:
    data, options = context.data, context.options
    k, later = options.ks[0], int(data.rows * LATER_SHARE)
    first = data.rows - later
    ids = itertools.cycle(range(first, data.rows))
    chance = np.random.default_rng(options.seed + context.round)

    def insert(connection: psycopg.Connection) -> None:
        number = next(ids)
        if number == first:
            connection.execute(f"DELETE FROM {TABLE} WHERE id >= %s", (first,))
        connection.execute(f"INSERT INTO {TABLE} SELECT * FROM source WHERE id = %s", (number,), prepare=True)

    def vacuum(connection: psycopg.Connection) -> None:
        gone = chance.permutation(first)[: first // 10].tolist()
        connection.execute(f"DELETE FROM {TABLE} WHERE id = ANY(%s)", (gone,))
        connection.execute(f"VACUUM {TABLE}")
        connection.execute(f"INSERT INTO {TABLE} SELECT * FROM source WHERE id = ANY(%s)", (gone,))

    with _built(context, variant, first):
        settings = database.session_settings(variant, context.value_at_recall(variant))
        script = f"\\set q random(1, {len(data.queries)})\n{database.query_text(TABLE, data.metric, k, database.stored(':q'))};\n"

        def searches() -> dict:
            base, seed = context.engine(variant).database, options.seed + context.round
            return pgbench.measure(context.cluster, base, script, 1, options.seconds, seed, settings)

        quiet = searches()
        context.add("storm", variant.key, {"beside": "nothing"}, quiet)
        for beside, work in (("inserts", insert), ("deletes, VACUUM, inserts", vacuum)):
            with _Beside(context, variant, work) as other:
                found = searches()
            found.update(times_quiet=found["p99_ms"] / quiet["p99_ms"], done=other.done)
            context.add("storm", variant.key, {"beside": beside}, found)


def _churn(context: Context, variant: Variant) -> None:
    """The rows are the same ones after each round, so recall, size and time compare with those of the fresh index."""
    data, options = context.data, context.options
    k, value = options.ks[0], context.value_at_recall(variant)
    chance = np.random.default_rng(options.seed)
    with _built(context, variant, data.rows) as connection:
        connection.execute("SELECT set_config('maintenance_work_mem', %s, false)", (options.maintenance_work_mem,))
        fresh: dict = {}
        for number in range(options.churn_rounds + 1):
            if number > 0:
                gone = chance.permutation(data.rows)[: int(data.rows * CHURNED_SHARE)].tolist()
                connection.execute(f"DELETE FROM {TABLE} WHERE id = ANY(%s)", (gone,))
                connection.execute(f"VACUUM {TABLE}")
                connection.execute(f"INSERT INTO {TABLE} SELECT * FROM source WHERE id = ANY(%s)", (gone,))
            if number not in (0, 1, options.churn_rounds):
                continue
            (size,) = database.one(connection, "SELECT pg_relation_size(%s::regclass)", (f"{TABLE}_embedding",))
            values = {
                "recall": answer_quality(context, connection, variant, TABLE, data.rows, k)["recall"],
                "ms": milliseconds(connection, TABLE, data.metric, k, "queries", options.inside_queries),
                "index_bytes": size,
            }
            fresh = fresh or values
            values.update(times_size=size / fresh["index_bytes"], times_ms=values["ms"] / fresh["ms"])
            context.add("churn", variant.key, {"rounds": number, "search": value}, values)
