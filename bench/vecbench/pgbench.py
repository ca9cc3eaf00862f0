"""Throughput and latency of queries through pgbench: prepared statements, one or more clients, log of every transaction."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from .cluster import Cluster
from .errors import BenchError
from .host import run
from .stats import percentile

# Queries that measure_pipelined() sends at once.
IN_FLIGHT = 16


def parse_log(lines) -> list[float]:
    """Latencies in milliseconds from pgbench's transaction log, without the first transaction of each client.

    The first one plans the statement and fills the session's caches, which a lasting connection does once.
    """
    found = []
    for line in lines:
        words = line.split()
        if len(words) < 6 or not words[2].isdigit():
            raise BenchError(f"pgbench's log has a line of another form: {line.strip()!r}")
        if int(words[1]) > 0:
            found.append(int(words[2]) / 1000)
    return found


def parse_tps(output: str) -> float:
    """Transactions per second without the time to connect, from pgbench's report."""
    match = re.search(r"tps = ([0-9.]+) \(without initial connection time\)", output)
    if match is None:
        raise BenchError(f"pgbench reported no throughput:\n{output.strip()}")
    return float(match.group(1))


def measure(
    cluster: Cluster, database: str, query: str, clients: int, seconds: int, seed: int, settings: dict[str, str]
) -> dict[str, float]:
    """Runs a query for some seconds; returns qps, p50, p95, p99 (milliseconds) and how many transactions they are from.

    The query may use :q, the number of one of the queries. The seed fixes the sequence of random numbers, so that engines get
    the same queries in the same order.
    """
    tps, latencies = _run(cluster, database, query, clients, seconds, seed, settings)
    return {
        "qps": tps,
        "transactions": len(latencies),
        **{f"p{p}_ms": percentile(latencies, p / 100) for p in (50, 95, 99)},
    }


def measure_transactions(
    cluster: Cluster, database: str, script: str, clients: int, transactions: int
) -> dict[str, float]:
    """Runs a script so many times in each of some sessions; returns tps, and p50, p95, p99 in milliseconds."""
    tps, latencies = _run(cluster, database, script, clients, 0, 1, {"synchronous_commit": "off"}, transactions)
    return {"tps": tps, **{f"p{p}_ms": percentile(latencies, p / 100) for p in (50, 95, 99)}}


def measure_pipelined(
    cluster: Cluster, database: str, query: str, seconds: int, seed: int, settings: dict[str, str]
) -> float:
    """Queries per second of one client that sends IN_FLIGHT of them before it waits for their answers."""
    script = "\\startpipeline\n" + query * IN_FLIGHT + "\\endpipeline\n"
    return _run(cluster, database, script, 1, seconds, seed, settings)[0] * IN_FLIGHT


def _run(
    cluster: Cluster,
    database: str,
    script: str,
    clients: int,
    seconds: int,
    seed: int,
    settings: dict[str, str],
    transactions: int | None = None,
) -> tuple[float, list[float]]:
    """Transactions per second, and the latency of each; for some seconds, or of so many transactions in each session."""
    here, there = cluster.scratch()
    name = f"b{secrets.token_hex(4)}"
    (here / f"{name}.sql").write_text(script)
    options = " ".join(f"-c {k}={v}".replace("\\", "\\\\") for k, v in settings.items())
    arguments = [
        "-n",
        "-M",
        "prepared",
        "-c",
        str(clients),
        "-j",
        str(clients),
        *(["-T", str(seconds)] if transactions is None else ["-t", str(transactions)]),
        "-f",
        f"{there}/{name}.sql",
        "-l",
        f"--log-prefix={there}/{name}",
        f"--random-seed={seed}",
    ]
    try:
        done = run(cluster.pgbench(arguments, database, options), "pgbench", cwd="/")
        latencies: list[float] = []
        for log in here.glob(f"{name}.[0-9]*"):
            with open(log) as lines:
                latencies += parse_log(lines)
    finally:
        for file in here.glob(f"{name}*"):
            _remove(file)
    if not latencies:
        raise BenchError(
            f"no client finished two transactions within {seconds} s; give pgbench more time with --seconds"
        )
    return parse_tps(done.stdout), latencies


def _remove(file: Path) -> None:
    try:
        file.unlink()
    except OSError:
        pass  # written by the server's user in a directory of its own; removed with that
