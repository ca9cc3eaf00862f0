"""Databases, tables and sessions. Each engine has a database; each variant has its own copy of the rows in it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import psycopg
from psycopg import sql

from . import copyformat
from .cluster import Cluster
from .data import VectorSet
from .engines import OPERATORS, Engine, Variant
from .errors import BenchError


def connect(
    cluster: Cluster, database: str | None = None, settings: dict[str, str] | None = None
) -> psycopg.Connection:
    """An autocommit connection with settings in force. Raises BenchError when there is no server or no such setting."""
    try:
        connection = psycopg.connect(cluster.conninfo(database), autocommit=True, connect_timeout=20)
    except psycopg.OperationalError as error:
        raise BenchError(f"no connection to the server: {error}") from error
    for name, value in (settings or {}).items():
        connection.execute("SELECT set_config(%s, %s, false)", (name, value))
    return connection


def one(connection: psycopg.Connection, statement: str, parameters: tuple | None = None) -> tuple:
    """The only row of a query. Raises BenchError when there is none."""
    row = connection.execute(statement, parameters).fetchone()
    if row is None:
        raise BenchError(f"no row from: {statement}")
    return row


def available_extensions(cluster: Cluster) -> dict[str, str]:
    """Names and default versions of the extensions that the server could create."""
    with connect(cluster) as connection:
        return dict(connection.execute("SELECT name, default_version FROM pg_available_extensions").fetchall())


def create_database(cluster: Cluster, engine: Engine) -> str:
    """Makes the engine's database afresh with its extension; returns the extension's version."""
    name = sql.Identifier(engine.database)
    with connect(cluster) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
    with connect(cluster, engine.database) as connection:
        connection.execute(sql.SQL("CREATE EXTENSION {} CASCADE").format(sql.Identifier(engine.extension)))
        # The library is loaded here, so that settings of the extension are known (and reserved) from now on.
        connection.execute("SELECT '[1]'::vector")
        return one(connection, "SELECT extversion FROM pg_extension WHERE extname = %s", (engine.extension,))[0]


def drop_database(cluster: Cluster, engine: Engine) -> None:
    """Removes the engine's database."""
    with connect(cluster) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(engine.database)))


def storage(dim: int) -> str:
    """Table options that keep vectors of up to about 2,000 dimensions in the row: the same for all engines."""
    return " WITH (toast_tuple_target = 8160)" if 2000 < 4 * dim + 8 + 64 <= 8100 else ""


def create_table(
    connection: psycopg.Connection, table: str, dim: int, primary_key: bool = True, kind: str = "vector"
) -> None:
    """An empty table (id, attr, cluster, embedding), replacing what had its name."""
    key = " PRIMARY KEY" if primary_key else ""
    connection.execute(f"DROP TABLE IF EXISTS {table}")
    connection.execute(
        f"CREATE TABLE {table} (id integer NOT NULL{key}, attr integer NOT NULL, cluster integer NOT NULL, "
        f"embedding {kind}({dim}) NOT NULL)" + storage(dim)
    )


def copy_rows(connection: psycopg.Connection, table: str, chunks: Iterable[bytes], binary: bool) -> None:
    """COPY FROM STDIN of prepared chunks."""
    with connection.cursor().copy(f"COPY {table} FROM STDIN" + (" BINARY" if binary else "")) as copy:
        for chunk in chunks:
            copy.write(chunk)


def load_set(connection: psycopg.Connection, data: VectorSet) -> None:
    """The tables that every variant draws on: source (base rows), extra (rows to insert), queries."""
    for table, first, rows in (("source", 0, data.base), ("extra", data.rows, data.extra)):
        create_table(connection, table, data.dim)
        copy_rows(connection, table, copyformat.binary(data.integers(first, len(rows)), rows), True)
    create_table(connection, "queries", data.dim)
    count = len(data.queries)
    numbers = np.arange(1, count + 1, dtype=np.int32)
    unused = np.zeros(count, np.int32)
    copy_rows(connection, "queries", copyformat.binary([numbers, unused, unused], data.queries), True)
    connection.execute("VACUUM ANALYZE source, extra, queries")


def fill_table(connection: psycopg.Connection, table: str, dim: int, rows: int, kind: str) -> None:
    """A fresh copy of the first rows rows of source, vacuumed and analyzed, in id order, without index on the vectors."""
    create_table(connection, table, dim, kind=kind)
    connection.execute(f"INSERT INTO {table} SELECT * FROM source WHERE id < {rows} ORDER BY id")
    connection.execute(f"VACUUM ANALYZE {table}")


def create_btrees(connection: psycopg.Connection, table: str, columns: Iterable[str]) -> None:
    """An index for each of the columns."""
    for column in columns:
        connection.execute(f"CREATE INDEX {table}_{column} ON {table} ({column})")


def stored(query: str, queries: str = "queries") -> str:
    """The SQL of a query vector by the SQL of its number (from 1) in a table of queries."""
    return f"(SELECT embedding FROM {queries} WHERE id = {query})"


def literal(vector: np.ndarray) -> str:
    """The SQL of a vector that is written out."""
    return "'[" + ",".join("%.9g" % x for x in vector.tolist()) + "]'::vector"


def query_text(table: str, metric: str, k: int | None, vector: str, where: str = "") -> str:
    """A nearest-neighbour query; vector is the SQL of the query vector. k None: without LIMIT."""
    condition = f" WHERE {where}" if where else ""
    limit = "" if k is None else f" LIMIT {k}"
    return f"SELECT id FROM {table}{condition} ORDER BY embedding {OPERATORS[metric]} {vector}{limit}"


def session_settings(
    variant: Variant, value: object, planner_free: bool = False, extra: dict[str, str] | None = None
) -> dict[str, str]:
    """Settings of a search session. On the recall curve an index variant must use its index, whatever the planner thinks."""
    settings = variant.session(value, extra)
    if variant.method is not None and not planner_free:
        settings["enable_seqscan"] = "off"
    return settings


def scan_nodes(plan: dict) -> list[str]:
    """The scan node types of an EXPLAIN (FORMAT JSON) plan, without init plans."""
    if plan.get("Parent Relationship") == "InitPlan":
        return []
    found = [plan["Node Type"]] if "Scan" in plan["Node Type"] else []
    for child in plan.get("Plans", []):
        found += scan_nodes(child)
    return found


def explain(connection: psycopg.Connection, statement: str, analyze: bool = False) -> dict:
    """The plan of a statement as EXPLAIN gives it in JSON."""
    options = "ANALYZE, BUFFERS, TIMING OFF, " if analyze else ""
    return one(connection, f"EXPLAIN ({options}FORMAT JSON) {statement}")[0][0]["Plan"]


def timed(connection: psycopg.Connection, statement: str) -> tuple[float, dict]:
    """Milliseconds that a statement's execution takes in the server, without parsing, planning and the network; its plan."""
    options = "ANALYZE, TIMING OFF, BUFFERS OFF, FORMAT JSON"
    found = one(connection, f"EXPLAIN ({options}) {statement}")[0][0]
    return found["Execution Time"], found["Plan"]


def buffers(plan: dict) -> int:
    """Shared buffers that a plan touched, hits and reads alike."""
    return plan.get("Shared Hit Blocks", 0) + plan.get("Shared Read Blocks", 0)
