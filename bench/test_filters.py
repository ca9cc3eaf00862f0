"""Conditions and the exact answers to them, what the planner's grid makes of plans, and the tables of both."""

import tempfile
import unittest
from pathlib import Path

import numpy as np

from vecbench import data, document, engines, filters, measure_planner, truth


class Clusters(unittest.TestCase):
    def setUp(self):
        random = np.random.default_rng(7)
        self.rows = random.normal(size=(5000, 8)).astype(np.float32)
        self.queries = random.normal(size=(20, 8)).astype(np.float32)

    def test_of_equal_size_and_nested(self):
        numbers = filters.clusters(self.rows, "l2")
        for width in filters.SELECTIVITIES.values():
            sizes = np.bincount(numbers // width, minlength=filters.RANGE // width)
            self.assertEqual((sizes.min(), sizes.max()), (len(self.rows) * width // 1000,) * 2)
        np.testing.assert_array_equal(numbers, filters.clusters(self.rows, "l2"))

    def test_fewer_rows_than_clusters(self):
        numbers = filters.clusters(self.rows[:600], "cosine")
        self.assertEqual(np.bincount(numbers).max(), 1)
        found = filters.conditions(numbers, self.rows[:600], self.queries, "cosine")
        for condition in found:
            for q in range(len(self.queries)):
                live = condition.live({"attr": numbers, "cluster": numbers}, q)
                self.assertTrue(live is None or live.any())

    def test_near_and_far(self):
        numbers = filters.clusters(self.rows, "l2")
        found = {(f.kind, f.label): f for f in filters.conditions(numbers, self.rows, self.queries, "l2")}
        self.assertEqual([kind for kind, _ in found][:2], ["all", "uniform"])
        for label in filters.SELECTIVITIES:
            for q in range(len(self.queries)):
                mean = {
                    kind: truth.distances(
                        self.rows[found[kind, label].live({"cluster": numbers}, q)].mean(axis=0)[None],
                        self.queries[q],
                        "l2",
                    )[0]
                    for kind in filters.CORRELATED
                }
                self.assertLess(mean["near"], mean["far"])


class Conditions(unittest.TestCase):
    def test_text(self):
        condition = filters.Filter("x", "near", "cluster", np.array([0, 30, 7]), np.array([10, 40, 8]))
        self.assertEqual(
            [condition.sql(q) for q in range(3)], ["cluster < 10", "cluster >= 30 AND cluster < 40", "cluster = 7"]
        )
        self.assertEqual(filters.everything(3).sql(2), "")

    def test_exact_answers_of_each_query(self):
        random = np.random.default_rng(11)
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "set.npy"
            np.save(path, random.normal(size=(1200, 6)).astype(np.float32))
            found = data.load(path, Path(directory) / "truth")
            for condition in found.filters:
                for _ in ("computed", "kept"):
                    ids, distances = found.nearest_matching(5, condition)
                    for q in range(len(found.queries)):
                        all_of_them = truth.distances(found.base, found.queries[q], found.metric)
                        live = found.live(condition, q)
                        order = np.argsort(all_of_them if live is None else np.where(live, all_of_them, np.inf))
                        count = min(5, found.rows if live is None else int(live.sum()))
                        np.testing.assert_array_equal(ids[q, :count], order[:count])
                        self.assertTrue((ids[q, count:] == -1).all() and np.isinf(distances[q, count:]).all())
            ids, *columns = found.integers(3, 4)
            np.testing.assert_array_equal(ids, [3, 4, 5, 6])
            np.testing.assert_array_equal(columns, [found.columns[n][3:7] for n in filters.COLUMNS])


INDEX = {"Node Type": "Limit", "Plans": [{"Node Type": "Index Scan", "Index Name": "grid_embedding"}]}
BITMAP = {
    "Node Type": "Limit",
    "Plans": [
        {
            "Node Type": "Sort",
            "Plans": [
                {
                    "Node Type": "Bitmap Heap Scan",
                    "Plans": [{"Node Type": "Bitmap Index Scan", "Index Name": "grid_attr"}],
                }
            ],
        }
    ],
}
SEQUENTIAL = {"Node Type": "Limit", "Plans": [{"Node Type": "Sort", "Plans": [{"Node Type": "Seq Scan"}]}]}


class Plans(unittest.TestCase):
    def test_ways(self):
        self.assertEqual(
            [measure_planner.way_of(p) for p in (INDEX, BITMAP, SEQUENTIAL)], ["index", "btree", "sequential"]
        )
        self.assertEqual(len({measure_planner.shape(p) for p in (INDEX, BITMAP, SEQUENTIAL)}), 3)

    def test_regret(self):
        index, bitmap = measure_planner.shape(INDEX), measure_planner.shape(BITMAP)
        ways = {"index": index, "btree": bitmap}
        found = measure_planner.judge("btree", bitmap, ways, {index: 2.0, bitmap: 5.0})
        self.assertEqual(
            found,
            {"chosen": "btree", "ms": 5.0, "regret": 2.5, "index_ms": 2.0, "btree_ms": 5.0, "sequential_ms": None},
        )
        # a plan that no way forces: its own time counts
        found = measure_planner.judge("btree", ("other",), ways, {index: 2.0, bitmap: 5.0, ("other",): 1.0})
        self.assertEqual((found["ms"], found["regret"], found["btree_ms"]), (1.0, 1.0, 5.0))


class Variants(unittest.TestCase):
    def test_filter_columns(self):
        vecidx = engines.load(Path(__file__).parent / "engines.toml", ["vecidx"])[0]
        found = {v.name: v for v in vecidx.variants}
        self.assertEqual(
            found["vecgraph_columns"].create_index("i", "t", "l2", 5),
            "CREATE INDEX i ON t USING vecgraph (embedding vector_l2_ops, attr, cluster)",
        )
        plain = {name: vecidx.plain(v).name for name, v in found.items()}
        self.assertEqual((plain["vecgraph_columns"], plain["btree"]), ("vecgraph", "exact"))
        self.assertEqual((plain["vecgraph"], plain["vecgraph_half"]), ("vecgraph", "vecgraph_half"))


def point(phase: str, variant: str, key: dict, values: dict, number: int = 1) -> dict:
    """A point of a round."""
    return {
        "set": "s",
        "metric": "l2",
        "dim": 4,
        "rows": 100,
        "round": number,
        "phase": phase,
        "variant": variant,
        "key": key,
        "values": values,
    }


def answer(phase: str, variant: str, key: dict, ms: float, recall: float = 1.0) -> dict:
    """A point of filtered queries."""
    values = {
        "recall": recall,
        "rows_returned": 9,
        "rows_right": 10,
        "p50_ms": ms,
        "p95_ms": ms,
        "times_unfiltered": ms,
        "scan": "Scan",
    }
    return point(phase, variant, {"mode": "default", "search": 10, **key}, values)


class Tables(unittest.TestCase):
    HEADER = {
        "command": ["bench/run"],
        "started": "t",
        "titles": {"vecidx/g": "ours", "vecidx/c": "with columns", "other/h": "theirs"},
        "plain": {"vecidx/c": "vecidx/g"},
        "options": {"maintenance_work_mem": "1MB"},
    }

    def report(self, points: list[dict]) -> str:
        """The document of points, of a run that has built an index."""
        return document.markdown(self.HEADER, [point("build", "vecidx/g", {"workers": 0}, {"seconds": 1}), *points])

    def test_filters_compare_the_index_with_columns(self):
        key = {"filter": "1 %", "kind": "uniform", "chosen": "for recall 0.95"}
        times = {"vecidx/g": 4.0, "vecidx/c": 1.0, "other/h": 2.0}
        text = self.report([answer("filter", v, key, ms) for v, ms in times.items()])
        self.assertIn(
            "| 1 % | uniform | theirs | default | 10 (for recall 0.95) | 9 of 10 | 1.0000 | 2 | 2 | 2.00 |", text
        )
        self.assertIn("| Scan | 2.00 better |", text)
        self.assertIn("| times uniform | ours | theirs |", text)
        self.assertIn("| 10 (for recall 0.95) | 9 of 10 | 1.0000 | 1 | 1 | 1.00 | – | 4.00 | 2.00 |", text)
        self.assertIn("Of 1 comparisons", text)

    def test_others_by_their_fastest_mode_of_equal_recall(self):
        key = {"filter": "1 %", "kind": "far", "chosen": "for recall 0.95"}
        mine = answer("filter", "vecidx/c", key, 1.0, 0.99)
        wrong = answer("filter", "other/h", {**key, "mode": "default"}, 0.5, 0.4)
        slow = answer("filter", "other/h", {**key, "mode": "relaxed"}, 9.0, 0.98)
        self.assertIn("| 1.00 | – | 9.00 |", self.report([mine, wrong, slow]))
        self.assertIn("| 1.00 | – | recall 0.400 |", self.report([mine, wrong]))

    def test_without_a_condition_nothing_is_compared(self):
        key = {"filter": "100 %", "kind": "all", "chosen": "for recall 0.95"}
        text = self.report([answer("filter", v, key, 1.0, r) for v, r in (("vecidx/c", 0.9), ("other/h", 1.0))])
        self.assertIn("Of 0 comparisons", text)

    def test_radius(self):
        key = {"matching": 10, "limit": 100}
        points = [answer("radius", "vecidx/g", key, 1.0), answer("radius", "other/h", key, 0.5, 0.4)]
        text = self.report(points)
        self.assertIn("| 10 | 100 | theirs | default | 10 (for recall 0.95) | 9 of 10 | 0.4000 |", text)
        self.assertIn("recall 1.000 to 0.400 better", text)

    def test_columns(self):
        values = {
            "plain_seconds": 2.0,
            "seconds": 2.1,
            "times_seconds": 1.05,
            "plain_ms": 0.2,
            "ms": 0.2,
            "times_ms": 1.0,
        }
        text = self.report([point("columns", "vecidx/c", {"workers": 1}, values)])
        self.assertIn("| with columns | 1 | build s | 2 | 2.1 | 1.050 |", text)
        self.assertNotIn("index MB | –", text)

    def test_planner(self):
        def cell(limit: int, regret: float, number: int) -> dict:
            key = {"rows_of": 100, "dims": 4, "filter": "1 %", "limit": limit}
            values = {"chosen": "index", "ms": regret, "regret": regret, "index_ms": regret, "btree_ms": 1.0}
            return point("planner", "vecidx/c", key, values, number)

        # the median over rounds is what counts: the second cell was badly planned in one round of three
        regrets = {1: (1.0, 1.1, 1.2), 10: (1.0, 1.4, 3.0), 100: (1.6, 2.0, 2.5), 1000: (1.0, 1.0, 1.0)}
        text = self.report([cell(k, r, n) for k, rs in regrets.items() for n, r in enumerate(rs, 1)])
        self.assertIn("| with columns | 4 | 75.0 % | 2.00 |", text)
        beyond = text[text.index("Beyond 1.5 x") : text.index("### Every cell")]
        self.assertIn(
            "| with columns | 100 x 4 | 1 % | 100 | index | 2 [1.6–2.5] | 2 [1.6–2.5] | 1 | – | 2.00 [", beyond
        )
        self.assertNotIn("| 1 % | 10 |", beyond)


if __name__ == "__main__":
    unittest.main()
