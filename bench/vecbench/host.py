"""Running programs: as they are, inside a Debian root (chroot with mounts of its own), and as the server's user."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .errors import BenchError


def as_root(command: list[str]) -> list[str]:
    """command, through sudo unless this is root already."""
    if os.geteuid() == 0:
        return command
    if shutil.which("sudo") is None:
        raise BenchError("a Debian root needs root rights, and there is no sudo; use --dsn or --pg-config instead")
    return ["sudo", *command]


def run(
    command: list[str],
    what: str,
    log: Path | None = None,
    env: dict[str, str] | None = None,
    check: bool = True,
    **more,
) -> subprocess.CompletedProcess:
    """Runs command; output goes to log if given, else is returned. Raises BenchError with the end of the output."""
    try:
        if log is not None:
            with open(log, "ab") as out:
                done = subprocess.run(
                    command,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    env=env,
                    check=False,
                    **more,
                )
        else:
            done = subprocess.run(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                stdin=subprocess.DEVNULL,
                env=env,
                check=False,
                text=True,
                **more,
            )
    except FileNotFoundError as error:
        raise BenchError(f"{what}: {error.filename} is not installed") from error
    if check and done.returncode != 0:
        output = tail(log) if log is not None else (done.stderr or done.stdout)
        raise BenchError(f"{what} failed (exit status {done.returncode}):\n{output.strip()}")
    return done


def tail(path: Path, lines: int = 30) -> str:
    """The last lines of a text file, or nothing when it cannot be read."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


@cache
def _can_unshare() -> bool:
    """Whether name spaces of mounts can be made; some containers forbid it, then the root goes without /dev and /proc."""
    return subprocess.run(as_root(["unshare", "--mount", "true"]), capture_output=True, check=False).returncode == 0


@dataclass(frozen=True)
class Host:
    """Where server programs run. root None: this system; otherwise a directory with a Debian system in it."""

    root: Path | None = None

    def outside(self, path: str) -> Path:
        """How this process sees a path of the server's system."""
        return Path(path) if self.root is None else self.root / path.lstrip("/")

    def command(self, argv: list[str], user: str | None = None, env: dict[str, str] | None = None) -> list[str]:
        """argv as a command to start from here. user is only honoured by root (a server refuses to run as root)."""
        assignments = [f"{k}={v}" for k, v in (env or {}).items()]
        if self.root is None:
            inner = ["env", *assignments, *argv] if assignments else argv
            if user and os.geteuid() == 0:
                inner = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--inh-caps=-all", *inner]
            return inner
        chroot = [
            "chroot",
            *([f"--userspec={user}:{user}"] if user else []),
            str(self.root),
            "env",
            "-i",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL=C.UTF-8",
            "HOME=/tmp",
            *assignments,
            *argv,
        ]
        # The mounts are in a name space that ends with the processes in it, so none is ever left behind.
        script = (
            f"mount --rbind /dev {shlex.quote(str(self.root))}/dev 2>/dev/null; "
            f"mount -t proc proc {shlex.quote(str(self.root))}/proc 2>/dev/null; exec {shlex.join(chroot)}"
        )
        if _can_unshare():
            return as_root(["unshare", "--mount", "--propagation", "private", "sh", "-c", script])
        return as_root(chroot)

    def run(
        self,
        argv: list[str],
        what: str,
        user: str | None = None,
        env: dict[str, str] | None = None,
        log: Path | None = None,
        check: bool = True,
    ) -> subprocess.CompletedProcess:
        """Runs argv there and waits."""
        return run(self.command(argv, user, env), what, log, check=check, cwd="/")
