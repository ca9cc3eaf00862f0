"""A limit of memory, by what the system has files for."""

import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from vecbench import limits
from vecbench.limits import MemoryLimit


class Limits(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.area = Path(directory.name)
        patch = mock.patch.object(limits, "AREA", self.area)
        patch.start()
        self.addCleanup(patch.stop)

    def group(self) -> tuple[MemoryLimit, Path]:
        limit = MemoryLimit()
        (found,) = self.area.rglob("vecbench-*")
        return limit, found

    def test_version_1(self):
        (self.area / "memory").mkdir()
        (self.area / "memory" / "memory.limit_in_bytes").touch()
        limit, group = self.group()
        self.assertEqual(group.parent.name, "memory")
        (group / "memory.stat").write_text("cache 900\nrss 30\nshmem 12\nmapped_file 7\n")
        self.assertEqual(limit.own_bytes(), 42)
        limit.set(1000)
        self.assertEqual((group / "memory.limit_in_bytes").read_text(), "1000")

    def test_version_2(self):
        (self.area / "cgroup.controllers").write_text("cpu memory\n")
        (self.area / "cgroup.subtree_control").write_text("cpu memory\n")
        limit, group = self.group()
        (group / "memory.stat").write_text("anon 30\nfile 900\nshmem 12\n")
        (group / "memory.swap.max").write_text("max")
        self.assertEqual(limit.own_bytes(), 42)
        limit.set(1000)
        self.assertEqual((group / "memory.max").read_text(), "1000")
        self.assertEqual((group / "memory.swap.max").read_text(), "0")

    def test_a_command_runs_inside(self):
        (self.area / "memory").mkdir()
        (self.area / "memory" / "memory.limit_in_bytes").touch()
        limit, group = self.group()
        done = subprocess.run(limit.command(["echo", "a b", "$$"]), capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, "a b $$\n")
        self.assertGreater(int((group / "cgroup.procs").read_text()), 1)

    def test_where_there_is_none(self):
        with self.assertRaisesRegex(OSError, "no control group for memory"):
            MemoryLimit()
        (self.area / "cgroup.controllers").touch()
        (self.area / "cgroup.subtree_control").write_text("cpu\n")
        with self.assertRaisesRegex(OSError, "no memory controller"):
            MemoryLimit()


if __name__ == "__main__":
    unittest.main()
