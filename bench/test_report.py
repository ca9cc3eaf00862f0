"""engines.toml and COPY formats, and a report that must name losses, failures and interruptions."""

import tempfile
import unittest
from contextlib import closing
from pathlib import Path

import numpy as np

from vecbench import cli, copyformat, document, engines, plots
from vecbench.context import Recorder
from vecbench.errors import BenchError


class Engines(unittest.TestCase):
    def test_the_file_of_the_project(self):
        found = {e.name: e for e in engines.load(Path(__file__).parent / "engines.toml")}
        hnsw = next(v for v in found["pgvector"].variants if v.name == "hnsw")
        self.assertEqual(
            hnsw.create_index("i", "t", "cosine", 5),
            "CREATE INDEX i ON t USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64)",
        )
        halves = next(v for v in found["vecidx"].variants if v.name == "vecgraph_half")
        self.assertEqual(
            halves.create_index("i", "t", "ip", 5), "CREATE INDEX i ON t USING vecgraph (embedding halfvec_ip_ops)"
        )
        self.assertEqual(hnsw.session(80, {"a.b": "c"}), {"hnsw.ef_search": "80", "a.b": "c"})
        lists = next(v for v in found["vectorchord"].variants if v.name == "vchordrq_lists")
        self.assertIn("lists = [500]", lists.create_index("i", "t", "l2", 500_000))
        self.assertIn("lists = [8000]", lists.create_index("i", "t", "l2", 4_000_000))
        self.assertFalse(lists.fits(1000))
        exact = next(v for v in found["vecidx"].variants if v.method is None)
        self.assertEqual((exact.values(False), exact.session(None)), ((None,), {}))

    def test_refused(self):
        cases = {
            "[a\n": "engines.toml",
            "[a]\nextension = 'x'\n": "needs",
            "[a]\nextension='x'\n[a.variants.b]\nmethd='c'\n": "unknown keys: methd",
            "[a]\nextension='x'\n[a.variants.b]\nmethod='c'\n": "no search setting",
            "[a]\nextension='x'\n[a.variants.b]\ncolumns=['c']\n": "there are attr, cluster",
            "[a]\nextension='x'\n[a.variants.b]\nmethod='c'\nsearch={setting='s'}\n": "lacks 'values'",
        }
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "engines.toml"
            for content, message in cases.items():
                path.write_text(content)
                with self.subTest(content), self.assertRaisesRegex(BenchError, message):
                    engines.load(path)
        with self.assertRaisesRegex(BenchError, "no engine named nope"):
            engines.load(Path(__file__).parent / "engines.toml", ["nope"])


class Copy(unittest.TestCase):
    def test_binary(self):
        found = b"".join(copyformat.binary([np.array([7]), np.array([3])], np.array([[1.0, -2.0]])))
        row = bytes.fromhex("0003000000040000000700000004000000030000000c000200003f800000c0000000")
        self.assertEqual(found, copyformat.HEADER + row + b"\xff\xff")

    def test_text_brings_floats_back(self):
        vectors = np.random.default_rng(5).normal(size=(3, 4)).astype(np.float32)
        lines = b"".join(copyformat.text([np.arange(3), np.arange(3) + 5], vectors)).decode().splitlines()
        self.assertEqual(lines[1].split("\t")[:2], ["1", "6"])
        back = [[np.float32(x) for x in line.split("\t")[2].strip("[]").split(",")] for line in lines]
        np.testing.assert_array_equal(back, vectors)


def search(variant: str, number: int, recall: float, qps: float) -> dict:
    """A point of search."""
    return {
        "set": "s",
        "metric": "l2",
        "dim": 4,
        "rows": 100,
        "round": number,
        "phase": "search",
        "variant": variant,
        "key": {"k": 10, "search": recall, "clients": 1},
        "values": {"recall": recall, "qps": qps, "buffers": 1e6 / qps},
    }


class Reports(unittest.TestCase):
    HEADER = {
        "command": ["bench/run"],
        "started": "t",
        "interrupted": True,
        "titles": {"vecidx/g": "ours", "other/h": "theirs"},
        "options": {"maintenance_work_mem": "1MB"},
        "absent": ["X is absent"],
        "notices": [],
    }

    def test_losses_failures_and_interruption_are_told(self):
        points = [
            p
            for r in (1, 2)
            for p in (
                search("vecidx/g", r, 0.90, 100),
                search("vecidx/g", r, 0.99, 50),
                search("other/h", r, 0.90, 200),
                search("other/h", r, 0.99, 100),
            )
        ]
        points.append(
            {**points[0], "phase": "failure", "variant": "build x", "key": {}, "values": {"message": "it broke"}}
        )
        text = document.markdown(self.HEADER, points)
        for part in (
            "This run was interrupted",
            "X is absent",
            "**failed:** build x (round 1): it broke",
            "### Where vecidx loses",
            "QPS, 1 client at recall@10 0.95: theirs | 0.50",
        ):
            self.assertIn(part, text)

    def test_a_target_out_of_reach(self):
        points = [search("vecidx/g", 1, 0.99, 100), search("other/h", 1, 0.90, 200)]
        text = document.markdown(self.HEADER, points)
        self.assertIn("| QPS, 1 client | theirs | not reached | – |", text)
        self.assertIn("100 (curve starts above)", text)

    def test_inside_the_server_beside_a_library(self):
        def point(phase: str, variant: str, recall: float, values: dict) -> dict:
            key = {"k": 10, "search": recall, "dims": 8, "rows_of": 50}
            return {**search(variant, 1, 1, 1), "phase": phase, "key": key, "values": {"recall": recall, **values}}

        built = {"build_s": 1, "index_bytes": 1 << 20, "out_of_line": True}
        points = [search("vecidx/g", 1, 0.9, 1)]
        for recall, ms in ((0.95, 0.1), (0.99, 0.2)):
            points += [
                point("inside", "vecidx/g", recall, {"ms": ms}),
                point("inside", "other/h", recall, {"ms": 3 * ms}),
                point("baseline", "faiss/hnsw", recall, {"qps": 5000 / ms}),
                point("dims", "vecidx/g", recall, {"ms": 5 * ms, **built}),
                point("dims", "other/h", recall, {"ms": 4 * ms, **built}),
            ]
        text = document.markdown(self.HEADER, points)
        self.assertIn("| 0.99 | theirs | 0.6 | 3.00 better |", text)
        self.assertIn("| 0.99 | faiss/hnsw, in process | 0.04 |  |", text)
        self.assertIn("| 50 x 8, out of line | 0.95 | theirs | 0.4 | 0.80 worse | 1 | 1 |", text)

    def test_exact_answers_have_ratios_without_an_index(self):
        def point(variant: str, queries: int, ms: float) -> dict:
            return {**search(variant, 1, 1, 1), "phase": "exact", "key": {"queries": queries, "k": 10}, "values": {"ms": ms}}

        points = [
            point("vecidx/exact", 1, 10),
            point("pgvector/exact", 1, 15),
            point("vecidx/vecidx_knn", 100, 40),
            point("numpy/one thread", 100, 20),
        ]
        text = document.markdown(self.HEADER, points)
        self.assertIn("| 1 | pgvector/exact | 15 | 1.50 better |", text)
        self.assertIn("| 100 | vecidx_knn | 40 |  |", text)
        self.assertIn("exact answers, 100 at once: numpy/one thread | 0.50", text)


class Plots(unittest.TestCase):
    def test_a_recall_of_1_has_a_place(self):
        points = [search("vecidx/g", 1, r, q) for r, q in ((0.4, 300), (0.9, 200), (1.0, 100))]
        with tempfile.TemporaryDirectory() as directory:
            drawn = plots.draw(Path(directory), {}, points)
            self.assertEqual(sorted(f.suffix for f in drawn), [".png", ".svg"])
            text = next(f for f in drawn if f.suffix == ".svg").read_text()
        # the marks of the axis are comments before their shapes
        self.assertIn("<!-- 0.99 -->", text)
        self.assertIn("<!-- 1 -->", text)
        self.assertNotIn("<!-- 0 -->", text)


class CommandLine(unittest.TestCase):
    def test_passwords_are_not_recorded(self):
        words = ["--dsn", "host=h password = 'a b' user=u", "postgresql://u:secret@h/db", "password=x"]
        self.assertEqual(
            cli.without_passwords(words),
            ["--dsn", "host=h password = *** user=u", "postgresql://u:***@h/db", "password=***"],
        )

    def test_sizes(self):
        self.assertEqual([cli.parse_size(s) for s in ("512MB", "2GB", "8kB")], [512 << 20, 2 << 30, 8192])
        with self.assertRaisesRegex(BenchError, "is not a size"):
            cli.parse_size("2 apples")


class Records(unittest.TestCase):
    def test_resuming_keeps_finished_rounds(self):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "points.jsonl"
            with closing(Recorder(path)) as first:
                first.add(search("a/b", 1, 0.9, 1))
                first.finish_round("s", 1)
                first.add(search("a/b", 2, 0.9, 1))
            with closing(Recorder(path)) as again:
                again.drop_unfinished()
                self.assertEqual([p["round"] for p in again.points], [1])
            with closing(Recorder(path)) as third:
                self.assertEqual((third.finished, len(third.points)), ({("s", 1)}, 1))
            path.write_text("junk\n")
            with self.assertRaisesRegex(BenchError, "line 1 is not JSON"):
                Recorder(path)


if __name__ == "__main__":
    unittest.main()
