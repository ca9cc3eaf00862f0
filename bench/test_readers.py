"""Vector files: what is read, and what is refused with which message."""

import tempfile
import unittest
from pathlib import Path

import numpy as np

from vecbench import data, readers
from vecbench.errors import BenchError


def texmex(array: np.ndarray) -> bytes:
    """The bytes of a texmex file with these rows."""
    return b"".join(np.int32(len(row)).tobytes() + row.tobytes() for row in array)


class Readers(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name)
        self.addCleanup(self.directory.cleanup)

    def file(self, name: str, content: bytes) -> Path:
        (self.path / name).write_bytes(content)
        return self.path / name

    def test_texmex_round_trip(self):
        floats = np.random.default_rng(1).normal(size=(5, 7)).astype(np.float32)
        np.testing.assert_array_equal(readers.read_vectors(self.file("a.fvecs", texmex(floats))), floats)
        bytes_ = np.arange(33, dtype=np.uint8).reshape(3, 11)
        np.testing.assert_array_equal(readers.read_vectors(self.file("a.bvecs", texmex(bytes_))), bytes_)
        ints = np.array([[1, -2, 3]], np.int32)
        np.testing.assert_array_equal(readers.read_texmex(self.file("a.ivecs", texmex(ints))), ints)

    def test_npy(self):
        array = np.arange(6, dtype=np.float64).reshape(2, 3)
        np.save(self.path / "a.npy", array)
        np.testing.assert_array_equal(readers.read_vectors(self.path / "a.npy"), array)
        np.save(self.path / "b.npy", np.zeros(3))
        np.save(self.path / "c.npy", np.array([["x"]]))
        for name in ("b.npy", "c.npy"):
            with self.assertRaisesRegex(BenchError, "two-dimensional array of numbers"):
                readers.read_vectors(self.path / name)

    def test_hdf5(self):
        import h5py

        base = np.arange(12, dtype=np.float32).reshape(4, 3)
        with h5py.File(self.path / "a.hdf5", "w") as file:
            file["train"], file["test"] = base, base[:2]
            file.attrs["distance"] = "angular"
        found, queries, metric = readers.read_hdf5(self.path / "a.hdf5")
        np.testing.assert_array_equal(found, base)
        np.testing.assert_array_equal(queries, base[:2])
        self.assertEqual(metric, "cosine")
        with h5py.File(self.path / "b.hdf5", "w") as file:
            file["other"] = base
        with self.assertRaisesRegex(BenchError, 'no data set named "train" .*other'):
            readers.read_hdf5(self.path / "b.hdf5")

    def test_refused(self):
        row = texmex(np.ones((2, 4), np.float32))
        cases = {
            "short.fvecs": (b"\1\0", "too short"),
            "huge.fvecs": (b"\xff\xff\xff\x7f" + b"\0" * 8, "cannot be"),
            "zero.fvecs": (b"\0" * 8, "cannot be"),
            "cut.fvecs": (row[:-1], "no whole number of rows"),
            "mixed.fvecs": (row[:20] + b"\3\0\0\0" + row[24:], "row 1 has 3 dimensions, the first has 4"),
            "nan.fvecs": (texmex(np.array([[1, 2], [np.nan, 1]], np.float32)), "row 1 holds a value that is not"),
            "a.csv": (b"1,2,3", 'unknown format ".csv"'),
            "junk.npy": (b"not numpy", "not a readable .npy"),
        }
        for name, (content, message) in cases.items():
            with self.subTest(name), self.assertRaisesRegex(BenchError, message):
                readers.read_vectors(self.file(name, content))
        with self.assertRaisesRegex(BenchError, "no such file"):
            readers.read_vectors(self.path / "absent.fvecs")
        with self.assertRaisesRegex(BenchError, "not a readable HDF5"):
            readers.read_hdf5(self.file("a.hdf5", b"junk"))

    def test_sets_are_cut(self):
        base = np.random.default_rng(2).normal(size=(1200, 6)).astype(np.float32)
        path = self.file("base.fvecs", texmex(base))
        # a file without queries: the last tenth is held out, then a twentieth for inserts
        one = data.load(path, self.path / "cache")
        self.assertEqual((len(one.queries), one.rows, len(one.extra)), (120, 1026, 54))
        np.testing.assert_array_equal(one.queries, base[1080:])
        np.testing.assert_array_equal(one.everything(), base[:1080])
        self.assertEqual(one.metric, "l2")
        self.file("query.fvecs", texmex(base[:20]))
        other = data.load(self.path, self.path / "cache", rows=600)
        self.assertEqual((len(other.queries), other.rows, len(other.extra)), (20, 570, 30))
        self.assertNotEqual(one.key, other.key)
        with self.assertRaisesRegex(BenchError, "1300 were asked for"):
            data.load(self.path, self.path / "cache", rows=1300)
        self.file("query.fvecs", texmex(base[:20, :5]))
        with self.assertRaisesRegex(BenchError, "6 dimensions, the queries have 5"):
            data.load(self.path, self.path / "cache")

    def test_metric_of_unit_vectors(self):
        base = np.random.default_rng(3).normal(size=(50, 8))
        self.assertEqual(data.guess_metric(base), "l2")
        self.assertEqual(data.guess_metric(base / np.linalg.norm(base, axis=1, keepdims=True)), "cosine")


if __name__ == "__main__":
    unittest.main()
