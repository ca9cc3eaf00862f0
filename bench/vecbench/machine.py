"""What a figure means nothing without: the machine, versions, settings and the state of the source."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

from . import database
from .cluster import Cluster
from .debianroot import source_hash
from .engines import Engine
from .host import Host

# Settings that say nothing about speed.
BESIDE_THE_POINT = "director|^lc_|_file$|timezone|^datestyle$|^port$|^listen|text_search|^cluster_name$|^ssl|^log_"
PACKAGES = ("numpy", "psycopg", "matplotlib", "h5py", "faiss-cpu")


def _proc(path: str, field: str) -> str | None:
    """The first value of a "field : value" line of a /proc file."""
    try:
        for line in Path(path).read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == field:
                return value.strip()
    except OSError:
        pass
    return None


def memory_bytes(field: str = "MemTotal") -> int:
    """A figure of /proc/meminfo, in bytes; 0 when it is not there."""
    value = _proc("/proc/meminfo", field)
    return int(value.split()[0]) * 1024 if value else 0


def caches() -> dict[str, str]:
    """Sizes of the first processor's caches."""
    found = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            level, kind, size = ((index / n).read_text().strip() for n in ("level", "type", "size"))
        except OSError:
            continue
        if kind != "Instruction":
            found[f"L{level}"] = size
    return found


def describe() -> dict:
    """The hardware and the system."""
    flags = (_proc("/proc/cpuinfo", "flags") or "").split()
    return {
        "cpu": _proc("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "caches": caches(),
        "memory_bytes": memory_bytes(),
        "simd": [f for f in ("avx2", "fma", "avx512f", "avx512vl", "avx512_vnni", "asimd") if f in flags],
        "hypervisor": "hypervisor" in flags,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": {p: _version(p) for p in PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def source(checkout: Path) -> dict:
    """Commit and state of the checkout that vecidx was compiled from."""

    def git(*words: str) -> str | None:
        done = subprocess.run(
            ["git", "-c", f"safe.directory={checkout}", "-C", str(checkout), *words],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip() if done.returncode == 0 else None

    changed = git("status", "--porcelain", "--", "src", "sql", "Makefile", "vecidx.control", "vecidx_pgvector.control")
    return {
        "commit": git("rev-parse", "HEAD"),
        "modified": None if changed is None else bool(changed),
        "source_hash": source_hash(checkout),
    }


def server(cluster: Cluster, versions: dict[str, str], host: Host | None) -> dict:
    """Versions and settings that are not the defaults."""
    with database.connect(cluster) as connection:
        (version,) = database.one(connection, "SELECT version()")
        settings: dict[str, str] = dict(
            connection.execute(
                "SELECT name, current_setting(name) FROM pg_settings "
                "WHERE source IN ('configuration file', 'command line', 'global') AND NOT name ~* %s ORDER BY name",
                (BESIDE_THE_POINT,),
            ).fetchall()
        )
    found = {"version": version, "extensions": versions, "settings": settings}
    if host is not None and host.root is not None:
        listed = host.run(
            ["dpkg-query", "-W", "-f", "${Package} ${Version}\\n", "postgresql-17", "postgresql-17-pgvector"],
            "reading package versions",
            check=False,
        )
        found["packages"] = dict(line.split(" ", 1) for line in listed.stdout.splitlines() if " " in line)
    return found


def now() -> str:
    """The time, as it goes into file names and reports."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def estimate_bytes(data_sets: list, engines: list[Engine]) -> tuple[int, int]:
    """Disk that the largest set needs in the cluster (tables, indexes, WAL), and memory that this process needs."""
    disk = memory = 0
    for data in data_sets:
        variants = [v for e in engines for v in e.variants if v.fits(data.rows)]
        indexes = sum(1 for v in variants if v.method is not None)
        row = data.dim * 4 + 64
        heap = data.rows * row * (len(variants) + 2 * len(engines) + 1)
        index = data.rows * (2 * data.dim * 4 + 700) * indexes * 1.5
        disk = max(
            disk, int(heap + index + min(6 << 30, 4 * data.rows * row * len(variants)) + data.rows * data.dim * 12)
        )
        memory = max(memory, 3 * data.vector_bytes + (512 << 20))
    return disk, memory
