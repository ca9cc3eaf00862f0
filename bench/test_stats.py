"""Interpolation along a recall curve, ratios, percentiles, and recall counting against brute force."""

import math
import tempfile
import unittest
from pathlib import Path

import numpy as np

from vecbench import truth
from vecbench.errors import BenchError
from vecbench.pgbench import parse_log, parse_tps
from vecbench.stats import AtRecall, Summary, at_recall, frontier, percentile, ratio_by_round, summarize, verdict


class AtEqualRecall(unittest.TestCase):
    def test_interpolates_in_the_logarithm(self):
        found = at_recall([(0.90, 1000.0), (0.98, 100.0)], 0.94)
        self.assertAlmostEqual(found.value, math.sqrt(1000 * 100))
        self.assertFalse(found.bound)

    def test_points_that_others_beat_do_not_count(self):
        points = [(0.90, 1000), (0.95, 1200), (0.99, 300), (0.97, 200)]
        self.assertEqual(frontier(points, True), [(0.95, 1200), (0.99, 300)])
        self.assertAlmostEqual(at_recall(points, 0.97).value, math.sqrt(1200 * 300))

    def test_smaller_is_better(self):
        points = [(0.9, 10), (0.95, 40), (1.0, 90), (1.0, 200)]
        self.assertEqual(frontier(points, False), [(0.9, 10), (0.95, 40), (1.0, 90)])
        self.assertAlmostEqual(at_recall(points, 0.975, False).value, 60)

    def test_ends_of_the_curve(self):
        points = [(0.97, 500), (0.99, 100)]
        self.assertEqual(at_recall(points, 0.95), AtRecall(500, True))
        self.assertEqual(at_recall(points, 0.97), AtRecall(500, False))
        self.assertAlmostEqual(at_recall(points, 0.99).value, 100)
        self.assertIsNone(at_recall(points, 0.995))
        self.assertIsNone(at_recall([], 0.5))


class Rounds(unittest.TestCase):
    def test_summaries(self):
        self.assertEqual(summarize([3, None, 1, 2, float("nan")]), Summary(2, 1, 3, 3))
        self.assertIsNone(summarize([None]))

    def test_ratios_are_taken_within_rounds(self):
        # the machine is twice as slow in round 2: the ratio does not see it
        found = ratio_by_round({1: 200.0, 2: 100.0, 3: 50.0}, {1: 100.0, 2: 50.0, 4: 7.0})
        self.assertEqual(found, Summary(2, 2, 2, 2))
        self.assertIsNone(ratio_by_round({1: 1.0}, {2: 1.0}))
        self.assertIsNone(ratio_by_round({1: 1.0}, {1: None}))

    def test_verdicts(self):
        self.assertEqual(verdict(Summary(1.5, 1.2, 1.7, 3)), "better")
        self.assertEqual(verdict(Summary(0.8, 0.7, 0.9, 3)), "worse")
        self.assertEqual(verdict(Summary(1.5, 0.9, 1.7, 3)), "even")
        self.assertEqual(verdict(Summary(1.01, 1.001, 1.02, 3)), "even")
        self.assertEqual(verdict(Summary(1.5, 1.2, 1.7, 3), better_above_one=False), "worse")

    def test_percentiles(self):
        self.assertEqual(percentile([4, 1, 3, 2], 0.5), 2.5)
        self.assertEqual([percentile([7, 5], s) for s in (0, 1)], [5, 7])
        self.assertEqual(percentile([9], 0.99), 9)
        with self.assertRaises(ValueError):
            percentile([], 0.5)


class Truth(unittest.TestCase):
    def setUp(self):
        rng = np.random.default_rng(4)
        self.base = rng.integers(0, 9, (700, 5)).astype(np.float32)  # small integers: many ties
        self.base[3] = 0
        self.queries = rng.normal(3, 2, (9, 5)).astype(np.float32)

    def brute(self, query, metric, live=None):
        found = truth.distances(self.base, query, metric)
        numbers = np.arange(len(found)) if live is None else np.flatnonzero(live)
        numbers = numbers[np.isfinite(found[numbers])]
        order = np.lexsort((numbers, found[numbers]))
        return numbers[order], found[numbers][order]

    def test_distances_are_those_of_the_operators(self):
        rows = np.array([[3, 4], [0, 2], [0, 0]])
        np.testing.assert_allclose(truth.distances(rows, np.array([0, 1]), "l2"), [math.hypot(3, 3), 1, 1])
        np.testing.assert_allclose(truth.distances(rows, np.array([0, 1]), "ip"), [-4, -2, 0])
        np.testing.assert_allclose(truth.distances(rows, np.array([0, 1]), "cosine"), [0.2, 0, np.inf])

    def test_blocks_and_masks_agree_with_brute_force(self):
        live = np.arange(700) % 3 > 0
        old, truth.BLOCK_BYTES = truth.BLOCK_BYTES, 1
        try:
            for metric in truth.METRICS:
                for mask in (None, live):
                    ids, found = truth.nearest(self.base, self.queries, metric, 20, mask)
                    for q, query in enumerate(self.queries):
                        exact_ids, exact = self.brute(query, metric, mask)
                        np.testing.assert_allclose(found[q], exact[:20], rtol=1e-12, err_msg=metric)
                        self.assertTrue(np.isin(ids[q], exact_ids[exact <= exact[19] + 1e-9]).all())
        finally:
            truth.BLOCK_BYTES = old

    def test_fewer_rows_than_k(self):
        ids, found = truth.nearest(self.base, self.queries, "l2", 10, np.arange(700) < 4)
        self.assertEqual(sorted(ids[0][:4]), [0, 1, 2, 3])
        self.assertTrue((ids[0][4:] == -1).all() and np.isinf(found[0][4:]).all())
        self.assertEqual(truth.recall([2, 0, 1, 3], self.base, self.queries[0], "l2", found[0], 10), 1)
        self.assertEqual(truth.recall([2, 0], self.base, self.queries[0], "l2", found[0], 10), 0.5)

    def test_recall_counts(self):
        base = np.array([[0.0], [1], [2], [2], [9]])
        query = np.array([0.0])
        distances = np.array([0.0, 1, 2])
        count = lambda rows, **more: truth.recall(rows, base, query, "l2", distances, 3, **more)
        self.assertEqual(count([0, 1, 2]), 1)
        self.assertEqual(count([0, 1, 3]), 1, "a row that ties with the last neighbour is as right as it")
        self.assertAlmostEqual(count([0, 1, 4]), 2 / 3)
        self.assertAlmostEqual(count([0, 0, 0]), 1 / 3, msg="a repeated row counts once")
        self.assertAlmostEqual(count([4, 4, 4, 0, 1, 2]), 0, msg="only the first k count")
        self.assertAlmostEqual(count([0, 77, -1]), 1 / 3)
        self.assertAlmostEqual(count([0, 1, 2], live=np.array([1, 0, 1, 1, 1], bool)), 2 / 3)
        self.assertEqual(count([]), 0)

    def test_cache(self):
        with tempfile.TemporaryDirectory() as directory:
            first = truth.cached_nearest(Path(directory), "x", self.base, self.queries, "l2", 5)
            again = truth.cached_nearest(Path(directory), "x", self.base * np.nan, self.queries, "l2", 5)
            np.testing.assert_array_equal(first[0], again[0])
            next(Path(directory).glob("*.npz")).write_bytes(b"cut short")
            third = truth.cached_nearest(Path(directory), "x", self.base, self.queries, "l2", 5)
            np.testing.assert_array_equal(first[0], third[0])


class Pgbench(unittest.TestCase):
    def test_log(self):
        lines = [
            "0 0 9000 0 1700000000 1",
            "0 1 250 0 1700000000 2",
            "1 0 8000 0 1700000000 3",
            "1 1 750 0 1700000000 4",
        ]
        self.assertEqual(parse_log(lines), [0.25, 0.75])
        with self.assertRaises(BenchError):
            parse_log(["0 1 skipped 0 1700000000 1"])

    def test_throughput(self):
        self.assertEqual(parse_tps("latency average = 1 ms\ntps = 1234.5 (without initial connection time)\n"), 1234.5)
        with self.assertRaises(BenchError):
            parse_tps("nothing")


if __name__ == "__main__":
    unittest.main()
