"""A Debian 13 root with PostgreSQL 17, pgvector and a compiler, and vecidx compiled in it from a checkout."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from .errors import BenchError
from .host import Host, as_root, run

SUITE = "trixie"
PACKAGES = ["postgresql-17", "postgresql-17-pgvector", "postgresql-server-dev-17", "gcc", "make", "libc6-dev"]
PG_CONFIG = "/usr/lib/postgresql/17/bin/pg_config"
NEEDED_FILES = [PG_CONFIG, "/usr/bin/gcc", "/usr/bin/make", "/usr/lib/postgresql/17/lib/pgxs/src/makefiles/pgxs.mk"]
NEEDED_BYTES = 3 << 30
AREA = "/var/lib/vecbench"


def prepare(root: Path, mirror: str | None, log: Path, say) -> Host:
    """The host of an existing root, or of one made now (some minutes, 2 GB from the mirror). root must be absolute."""
    if all((root / p.lstrip("/")).exists() for p in NEEDED_FILES):
        return Host(root)
    if shutil.which("debootstrap") is None:
        raise BenchError(
            "debootstrap is not installed (apt-get install debootstrap); or use --root, --dsn or --pg-config"
        )
    root.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root.parent).free
    if free < NEEDED_BYTES:
        raise BenchError(f"a Debian root needs {NEEDED_BYTES >> 30} GB below {root.parent}, {free >> 20} MB are free")
    say(f"making a Debian 13 root in {root} (some minutes; log: {log})")
    if not (root / "etc/apt").is_dir() or (root / "debootstrap").exists():
        run(as_root(["debootstrap", "--variant=minbase", SUITE, str(root), *([mirror] if mirror else [])]), "debootstrap", log)
    host = Host(root)
    # The package would create and start a cluster of its own.
    host.run(
        [
            "sh",
            "-c",
            "mkdir -p /etc/postgresql-common && echo create_main_cluster = false "
            ">/etc/postgresql-common/createcluster.conf && printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d && "
            "chmod 755 /usr/sbin/policy-rc.d",
        ],
        "preparing the root",
        log=log,
    )
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    host.run(
        ["dpkg", "--configure", "-a"], "dpkg", env=environment, log=log
    )  # an earlier attempt may have been cut short
    host.run(["apt-get", "update", "-q"], "apt-get update", env=environment, log=log)
    host.run(
        ["apt-get", "install", "-q", "-y", "--no-install-recommends", *PACKAGES],
        "apt-get install",
        env=environment,
        log=log,
    )
    host.run(["sh", "-c", f"apt-get clean && mkdir -p {AREA}"], "finishing the root", log=log)
    return host


def check(root: Path) -> None:
    """Raises BenchError when root is something else than a Debian root, or a place for one."""
    if root == Path("/") or (root.exists() and not root.is_dir()):
        raise BenchError(f"{root} cannot be the Debian root; name another with --root")
    if (
        root.is_dir()
        and any(root.iterdir())
        and not (root / "debootstrap").exists()
        and not (root / "etc/debian_version").exists()
    ):
        raise BenchError(f"{root} exists and is no Debian root; name another with --root")


def lock(root: Path):
    """Keeps a second run out of the root while the returned file is open: it would replace the extension under this one."""
    root.parent.mkdir(parents=True, exist_ok=True)
    file = open(root.parent / f".{root.name}.lock", "w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise BenchError(f"another run uses {root}") from error
    return file


def source_files(checkout: Path) -> list[str]:
    """The files of a checkout that matter for compiling: what git knows or would add, or everything without git."""
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={checkout}", "-C", str(checkout), "ls-files", "-co", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        names = listed.stdout.splitlines()
    else:
        names = [str(p.relative_to(checkout)) for p in checkout.rglob("*") if p.is_file()]
    keep = ("Makefile", "vecidx.control", "vecidx_pgvector.control")
    return sorted(n for n in names if (n in keep or n.startswith(("src/", "sql/"))) and (checkout / n).is_file())


def source_hash(checkout: Path) -> str:
    """A name for the contents of those files."""
    digest = hashlib.blake2b(digest_size=10)
    for name in source_files(checkout):
        digest.update(name.encode() + b"\0" + (checkout / name).read_bytes())
    return digest.hexdigest()


def install_vecidx(host: Host, checkout: Path, log: Path, say) -> str:
    """Compiles and installs vecidx from the checkout inside the root, unless exactly that is there. Returns its hash."""
    if not (checkout / "vecidx.control").is_file():
        raise BenchError(f"{checkout} is no checkout of vecidx (no vecidx.control in it)")
    wanted = source_hash(checkout)
    marker = host.outside(f"{AREA}/vecidx-{wanted}")
    if marker.is_file():
        return wanted
    say(f"compiling vecidx for PostgreSQL 17 (log: {log})")
    build = f"{AREA}/build"
    host.run(
        ["sh", "-c", f"rm -rf {build} {AREA}/vecidx-* && mkdir -p -m 755 {build}"], "preparing to compile", log=log
    )
    pack = subprocess.Popen(
        host.command(["tar", "-x", "--no-same-owner", "-C", build, "-f", "-"]), stdin=subprocess.PIPE, cwd="/"
    )
    with tarfile.open(fileobj=pack.stdin, mode="w|") as tar:
        for name in source_files(checkout):
            tar.add(checkout / name, name)
    pack.stdin.close()
    if pack.wait() != 0:
        raise BenchError("copying the sources into the root failed")
    make = ["make", "-s", "-C", build, f"PG_CONFIG={PG_CONFIG}"]
    host.run([*make, f"-j{os.cpu_count() or 1}"], "compiling vecidx", log=log)
    host.run([*make, "install"], "installing vecidx", log=log)
    host.run(["touch", f"{AREA}/vecidx-{wanted}"], "finishing", log=log)
    return wanted
