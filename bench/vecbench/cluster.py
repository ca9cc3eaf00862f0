"""The PostgreSQL cluster that is measured: a private one on a Unix socket, or one given by a connection string."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from .debianroot import AREA
from .errors import BenchError
from .host import Host, run, tail

PORT = "5432"


class Cluster:
    """What the measurements need of a cluster; this base class is a server that somebody else runs."""

    private = False
    why_no_restart = "the server is not the benchmark's own"

    def __init__(self, dsn: str, bindir: str | None = None) -> None:
        try:
            self._parameters = conninfo_to_dict(dsn)
        except psycopg.Error as error:
            raise BenchError(f"not a connection string: {dsn} ({error})") from error
        self._pgbench = str(Path(bindir) / "pgbench") if bindir else shutil.which("pgbench") or ""
        if not Path(self._pgbench).is_file():
            raise BenchError(
                "pgbench is not on PATH (it comes with the PostgreSQL server package); name its directory with --bindir"
            )
        self._scratch = Path(tempfile.mkdtemp(prefix="vecbench-"))

    def conninfo(self, database: str | None = None) -> str:
        """Connection string of a database, from this process."""
        parameters = {**self._parameters, **({"dbname": database} if database else {})}
        return make_conninfo("", **parameters)

    def scratch(self) -> tuple[Path, str]:
        """A directory for pgbench's files: how this process sees it, and how pgbench does."""
        return self._scratch, str(self._scratch)

    def pgbench(self, arguments: list[str], database: str, options: str) -> list[str]:
        """The command that runs pgbench against a database with the given server options (-c name=value ...)."""
        return ["env", f"PGOPTIONS={options}", self._pgbench, *arguments, self.conninfo(database)]

    def data_directory(self) -> Path | None:
        """Where the files of the server are, if they can be seen from here."""
        return None

    def standby(self) -> AbstractContextManager[Cluster]:
        """A standby that follows the server, gone when its block ends. Private clusters only."""
        raise BenchError(self.why_no_restart)

    def restart_cold(
        self, settings: dict[str, str] | None = None, inside: Callable[[list[str]], list[str]] | None = None
    ) -> None:
        """Stops the server, drops its files from the file system cache, starts it again. Private clusters only.

        settings: these instead of what it has else, until the next start; inside: makes of the command that starts it another one.
        """
        raise BenchError(self.why_no_restart)

    def close(self) -> None:
        """Releases everything; a private server is stopped and removed."""
        shutil.rmtree(self._scratch, ignore_errors=True)


class PrivateCluster(Cluster):
    """A server that this run starts: own data directory, Unix socket only, as user postgres when this is root."""

    private = True
    # names within its directory, and its port
    _data, _log, _port = "data", "log", PORT

    def __init__(self, host: Host, bindir: str, settings: dict[str, str], keep: bool = False) -> None:
        self._host = host
        self._bindir = bindir
        self._settings = settings
        self._keep = keep
        self._user = "postgres" if host.root is not None or os.geteuid() == 0 else None
        self._running = False
        name = f"cluster-{secrets.token_hex(4)}"
        if host.root is None:
            self._work = tempfile.mkdtemp(prefix="vecbench-")
            os.chmod(self._work, 0o755)
            if self._user:
                shutil.chown(self._work, self._user)
        else:
            self._work = f"{AREA}/{name}"
            host.run(
                ["install", "-d", "-m", "755", "-o", "postgres", "-g", "postgres", self._work],
                "making the data directory",
            )
        host.run(
            ["install", "-d", "-m", "777", f"{self._work}/socket", f"{self._work}/pgbench"],
            "making directories",
            user=self._user,
        )
        # A socket's path must be shorter than 108 bytes, and that of a root may be long: reach it by a short link.
        self._link_directory = Path(tempfile.mkdtemp(prefix="vb-"))
        self._link = self._link_directory / "s"
        self._link.symlink_to(host.outside(f"{self._work}/socket"))
        host.run(
            [
                f"{bindir}/initdb",
                "-D",
                f"{self._work}/data",
                "-U",
                "postgres",
                "-A",
                "trust",
                "-N",
                "--locale=C.UTF-8",
                "-E",
                "UTF8",
            ],
            "initdb",
            user=self._user,
        )
        self.start()

    def start(
        self, settings: dict[str, str] | None = None, inside: Callable[[list[str]], list[str]] | None = None
    ) -> None:
        """Starts the server and waits until it answers; BenchError shows the end of its log if it does not.

        settings, inside: as for restart_cold.
        """
        options = {
            "listen_addresses": "",
            "unix_socket_directories": f"{self._work}/socket",
            "port": self._port,
            **self._settings,
            **(settings or {}),
        }
        words = " ".join(f"-c {k}={_quote(v)}" for k, v in options.items())
        # its standard streams must not be this process's pipes, or waiting for pg_ctl would wait for the server
        log = Path(tempfile.mkstemp(prefix="pgctl-", dir=self._link_directory)[1])
        command = self._host.command(
            [
                f"{self._bindir}/pg_ctl",
                "-D",
                f"{self._work}/{self._data}",
                "-l",
                f"{self._work}/{self._log}",
                "-w",
                "-t",
                "120",
                "-o",
                words,
                "start",
            ],
            self._user,
        )
        done = run(
            inside(command) if inside else command,
            "starting the server",
            log=log,
            check=False,
            cwd="/",
        )
        if done.returncode != 0:
            raise BenchError(
                f"the private server did not start:\n{tail(self._host.outside(self._work) / self._log) or tail(log)}"
            )
        self._running = True

    def stop(self) -> None:
        """Stops the server after a checkpoint."""
        if self._running:
            self._host.run(
                [f"{self._bindir}/pg_ctl", "-D", f"{self._work}/{self._data}", "-m", "fast", "-w", "stop"],
                "stopping the server",
                user=self._user,
                check=False,
            )
            self._running = False

    def conninfo(self, database: str | None = None) -> str:
        return make_conninfo(host=str(self._link), port=self._port, user="postgres", dbname=database or "postgres")

    def scratch(self) -> tuple[Path, str]:
        return self._host.outside(f"{self._work}/pgbench"), f"{self._work}/pgbench"

    def pgbench(self, arguments: list[str], database: str, options: str) -> list[str]:
        target = make_conninfo(host=f"{self._work}/socket", port=self._port, user="postgres", dbname=database)
        return self._host.command([f"{self._bindir}/pgbench", *arguments, target], self._user, {"PGOPTIONS": options})

    def data_directory(self) -> Path:
        return self._host.outside(f"{self._work}/{self._data}")

    @contextmanager
    def standby(self) -> Iterator[Cluster]:
        there = Standby(self)
        try:
            yield there
        finally:
            there.close()

    def restart_cold(
        self, settings: dict[str, str] | None = None, inside: Callable[[list[str]], list[str]] | None = None
    ) -> None:
        self.stop()
        drop_from_cache(self.data_directory())
        self.start(settings, inside)

    def close(self) -> None:
        try:
            self.stop()
        finally:
            if not self._keep:
                self._host.run(["rm", "-rf", self._work], "removing the data directory", check=False)
            shutil.rmtree(self._link_directory, ignore_errors=True)


class Standby(PrivateCluster):
    """A standby of a private cluster, beside it in its directory."""

    why_no_restart = "it follows another one"
    _data, _log, _port = "standby", "standby.log", "5433"

    def __init__(self, primary: PrivateCluster) -> None:
        self._host, self._bindir, self._settings = primary._host, primary._bindir, primary._settings
        self._user, self._work = primary._user, primary._work
        self._link_directory, self._link = primary._link_directory, primary._link
        self._running = False
        source = make_conninfo(host=f"{self._work}/socket", port=primary._port, user="postgres")
        self._host.run(
            [f"{self._bindir}/pg_basebackup", "-d", source, "-D", f"{self._work}/{self._data}", "-R", "-c", "fast"],
            "copying the server",
            user=self._user,
        )
        self.start()

    def close(self) -> None:
        try:
            self.stop()
        finally:
            self._host.run(["rm", "-rf", f"{self._work}/{self._data}"], "removing the standby", check=False)


def _quote(value: str) -> str:
    return "''" if value == "" else "'" + value.replace("'", "'\\''") + "'"


def drop_from_cache(directory: Path) -> None:
    """Writes back and drops every file below directory from the file system cache; nothing else on the machine is touched.

    Raises BenchError where the files cannot be opened.
    """
    for parent, _, names in os.walk(directory, onerror=_unreadable):
        for name in names:
            try:
                fd = os.open(os.path.join(parent, name), os.O_RDONLY)
            except FileNotFoundError:
                continue
            except OSError as error:
                _unreadable(error)
            try:
                os.fsync(fd)
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(fd)


def _unreadable(error: OSError) -> None:
    raise BenchError(f"dropping the server's files from the cache: {error}")
