"""Rows from a client's memory into a table, end to end: the client's work to bring them into a form, the wire, and the server's."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import psycopg

from . import copyformat, database
from .context import Context, Step
from .engines import Engine

ROWS = 100_000
# Of the forms that take long, one load a round; of the others, so many, in turns.
TURNS = 5
# Of packed rows: about as many bytes in a statement.
BATCH_BYTES = 1 << 20

Load = Callable[[psycopg.Connection, np.ndarray, np.ndarray], None]


def _text(connection: psycopg.Connection, ids: np.ndarray, vectors: np.ndarray) -> None:
    """INSERT of a row a statement, the vector as text, in a pipeline."""
    number = "[" + ",".join(["%.9g"] * vectors.shape[1]) + "]"
    rows = ((i, number % tuple(x)) for i, x in zip(ids.tolist(), vectors.tolist()))
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany("INSERT INTO sent VALUES (%s, %s)", rows)


def _arrays(connection: psycopg.Connection, ids: np.ndarray, vectors: np.ndarray) -> None:
    """INSERT of a row a statement, the vector as an array that the server casts, in a pipeline."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany("INSERT INTO sent VALUES (%b, %b::float8[])", zip(ids.tolist(), vectors.tolist()))


def _copy_text(connection: psycopg.Connection, ids: np.ndarray, vectors: np.ndarray) -> None:
    """COPY, text."""
    database.copy_rows(connection, "sent", copyformat.text([ids], vectors), False)


def _copy_binary(connection: psycopg.Connection, ids: np.ndarray, vectors: np.ndarray) -> None:
    """COPY, binary; NumPy makes the bytes of all rows at once, which is as fast as a client can be."""
    database.copy_rows(connection, "sent", copyformat.binary([ids], vectors), True)


def _packed(connection: psycopg.Connection, ids: np.ndarray, vectors: np.ndarray) -> None:
    """vecidx_unpack(), some rows a statement."""
    size, dim = vectors.itemsize * vectors.shape[1], vectors.shape[1]
    batch = max(1, BATCH_BYTES // size)
    ids, vectors = ids.astype("<i8"), vectors.astype("<f4", copy=False)
    with connection.transaction(), connection.cursor() as cursor:
        for start in range(0, len(ids), batch):
            part = slice(start, start + batch)
            cursor.execute(
                "INSERT INTO sent SELECT * FROM vecidx_unpack(%b, %b, %s)",
                (ids[part].tobytes(), vectors[part].tobytes(), dim),
                prepare=True,
            )


FORMS: dict[str, tuple[Load, int]] = {
    "INSERT, text": (_text, 1),
    "INSERT, arrays": (_arrays, 1),
    "COPY text": (_copy_text, 1),
    "COPY binary": (_copy_binary, TURNS),
    "packed": (_packed, TURNS),
}


def steps(context: Context) -> list[Step]:
    """All forms in turns, for each engine; packed rows where the engine has them."""
    values = min(ROWS, context.options.load_rows) * context.data.dim
    weight = 1 + values / 3e5
    return [Step(f"rows from a client {e.name}", weight, partial(_measure, context, e)) for e in context.engines]


def _measure(context: Context, engine: Engine) -> None:
    rows = min(ROWS, context.options.load_rows)
    base = np.asarray(context.data.base[:rows], np.float32)
    vectors = np.concatenate([base] * -(-rows // len(base)))[:rows]
    ids = np.arange(rows, dtype=np.int32)
    with database.connect(context.cluster, engine.database) as connection:
        (unpacks,) = database.one(connection, "SELECT EXISTS (SELECT FROM pg_proc WHERE proname = 'vecidx_unpack')")
        forms = [name for name in FORMS if unpacks or name != "packed"]
        taken: dict[str, list[float]] = {name: [] for name in forms}
        for turn in range(TURNS):
            for name in forms[turn % len(forms) :] + forms[: turn % len(forms)]:
                load, turns = FORMS[name]
                if turn < turns:
                    taken[name].append(_time(connection, load, ids, vectors))
    binary = statistics.median(taken["COPY binary"])
    for name, times in taken.items():
        seconds = statistics.median(times)
        context.add(
            "client",
            engine.name,
            {"form": name},
            {"seconds": seconds, "rows_per_s": rows / seconds, "times_binary": seconds / binary, "rows": rows},
        )


def _time(connection: psycopg.Connection, load: Load, ids: np.ndarray, vectors: np.ndarray) -> float:
    """Seconds of a load into a fresh table, which is dropped again."""
    connection.execute("DROP TABLE IF EXISTS sent")
    dim = vectors.shape[1]
    connection.execute(f"CREATE TABLE sent (id integer, embedding vector({dim}))" + database.storage(dim))
    connection.execute("CHECKPOINT")
    begun = time.perf_counter()
    load(connection, ids, vectors)
    seconds = time.perf_counter() - begun
    connection.execute("DROP TABLE sent")
    return seconds
