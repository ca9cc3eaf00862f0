"""A limit of memory for the server, pages in the system's cache included: a control group, where the machine lets one be made."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

AREA = Path("/sys/fs/cgroup")


class MemoryLimit:
    """A control group without a limit at first. Raises OSError where none can be made. Version 1 and 2 name things differently."""

    def __init__(self) -> None:
        self._two = (AREA / "cgroup.controllers").exists()
        parent = AREA if self._two else AREA / "memory"
        self._group = parent / f"vecbench-{secrets.token_hex(4)}"
        if self._two and "memory" not in (AREA / "cgroup.subtree_control").read_text().split():
            raise OSError("the control group has no memory controller")
        if not self._two and not (parent / "memory.limit_in_bytes").exists():
            raise OSError("there is no control group for memory")
        self._group.mkdir()

    def command(self, command: list[str]) -> list[str]:
        """A command that runs another one in the group, and all that it starts."""
        return ["sh", "-c", 'echo $$ >"$0" && exec "$@"', str(self._group / "cgroup.procs"), *command]

    def own_bytes(self) -> int:
        """What is in use but for pages of files."""
        fields = dict(line.split() for line in (self._group / "memory.stat").read_text().splitlines())
        names = ("anon", "shmem") if self._two else ("rss", "shmem")
        return sum(int(fields.get(name, 0)) for name in names)

    def set(self, size: int) -> None:
        """From now on there is so much; pages of files make room."""
        if self._two and (self._group / "memory.swap.max").exists():
            (self._group / "memory.swap.max").write_text("0")
        (self._group / ("memory.max" if self._two else "memory.limit_in_bytes")).write_text(str(size))

    def close(self) -> None:
        """Removes it; what was started in it has ended."""
        os.rmdir(self._group)
