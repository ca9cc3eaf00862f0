"""Peak memory of a backend and its parallel workers, sampled from /proc while it works."""

from __future__ import annotations

import threading
import time
from pathlib import Path

# The server's main shared memory, as /proc names it. Pages of it that a process touches are cache, not the build's need.
MAIN_SHARED_MEMORY = ("/dev/zero", "/SYSV", "/anon_hugepage")


def family(pid: int) -> list[int]:
    """pid and the other children of its parent that work for it (parallel workers name their leader)."""
    try:
        parent = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1]
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    except OSError:
        return [pid]
    members = [pid]
    for child in children:
        try:
            title = Path(f"/proc/{child}/cmdline").read_bytes()
        except OSError:
            continue
        if f"parallel worker for PID {pid}".encode() in title:
            members.append(int(child))
    return members


def process_bytes(pid: int) -> tuple[int, int] | None:
    """Proportional bytes outside the main shared memory, and resident bytes, of one process; None when it is gone.

    Where smaps is not ours to read, the first is resident memory less what is shared.
    """
    try:
        proportional = 0
        resident = 0
        counts = True
        with open(f"/proc/{pid}/smaps", "rb") as maps:
            for line in maps:
                if line[:4] == b"Pss:":
                    proportional += int(line[4:].split()[0]) * 1024 if counts else 0
                elif line[:4] == b"Rss:":
                    resident += int(line[4:].split()[0]) * 1024
                elif b"-" in line[:17]:
                    words = line.split(None, 5)
                    name = words[5].decode(errors="replace") if len(words) > 5 else ""
                    counts = not name.startswith(MAIN_SHARED_MEMORY)
        return proportional, resident
    except PermissionError:
        pass
    except (OSError, ValueError):
        return None
    try:
        pages = [int(word) * 4096 for word in Path(f"/proc/{pid}/statm").read_text().split()[1:3]]
        return pages[0] - pages[1], pages[0]
    except (OSError, ValueError):
        return None


class PeakMemory:
    """Samples a backend and its workers while used as a context manager; peaks are sums over the processes at one time."""

    def __init__(self, pid: int, interval: float = 0.1) -> None:
        self._pid = pid
        self._interval = interval
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak = 0
        self.peak_resident = 0
        self.samples = 0
        self.processes = 0

    def _watch(self) -> None:
        while True:
            begun = time.monotonic()
            found = [b for b in map(process_bytes, family(self._pid)) if b is not None]
            if found:
                self.peak = max(self.peak, sum(b[0] for b in found))
                self.peak_resident = max(self.peak_resident, sum(b[1] for b in found))
                self.processes = max(self.processes, len(found))
                self.samples += 1
            # Reading smaps of a large process takes time from it: never more than a twentieth.
            if self._done.wait(max(self._interval, 20 * (time.monotonic() - begun))):
                return

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *exception) -> None:
        self._done.set()
        self._thread.join()


def is_local(pid: int) -> bool:
    """Whether pid is a PostgreSQL backend of this machine."""
    try:
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
