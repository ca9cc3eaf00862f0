"""The arithmetic of the report: medians, ratios within a run, percentiles, and interpolation along a recall curve."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Summary:
    """Median and spread of one figure over the rounds."""

    median: float
    low: float
    high: float
    count: int


def summarize(values: Iterable[float | None]) -> Summary | None:
    """Median, minimum and maximum of the values that are there; None when there are none."""
    kept = [float(v) for v in values if v is not None and not math.isnan(v)]
    if not kept:
        return None
    return Summary(median(kept), min(kept), max(kept), len(kept))


def ratio_by_round(ours: dict[int, float | None], theirs: dict[int, float | None]) -> Summary | None:
    """ours / theirs within each round that has both, summarized: load that changes between rounds cancels."""
    pairs = [(ours[r], theirs[r]) for r in sorted(ours.keys() & theirs.keys())]
    return summarize(a / b for a, b in pairs if a is not None and b)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which the given share (0 to 1) lies, linear between neighbours; values need not be sorted."""
    if not values:
        raise ValueError("percentile of nothing")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


@dataclass(frozen=True)
class AtRecall:
    """A figure at a target recall. bound: the curve starts above the target, so the engine may do better than this."""

    value: float
    bound: bool


def frontier(points: Iterable[tuple[float, float]], larger_is_better: bool) -> list[tuple[float, float]]:
    """The (recall, value) points that no other point beats in both, by ascending recall."""
    sign = -1 if larger_is_better else 1
    best: list[tuple[float, float]] = []
    # from the highest recall down: a point stays if its value is better than all with at least its recall
    for recall, value in sorted(points, key=lambda p: (-p[0], sign * p[1])):
        if not best or sign * value < sign * best[-1][1]:
            best.append((recall, value))
    return best[::-1]


def at_recall(points: Iterable[tuple[float, float]], target: float, larger_is_better: bool = True) -> AtRecall | None:
    """The value (positive: QPS, buffers, milliseconds) at the target recall.

    Linear in recall, logarithmic in the value, between the two points of the frontier around the target. None when no
    point reaches the target. Where the curve starts above the target its first point is taken, marked as a bound.
    """
    curve = frontier(((r, v) for r, v in points if v > 0), larger_is_better)
    if not curve or curve[-1][0] < target:
        return None
    if curve[0][0] >= target:
        return AtRecall(curve[0][1], curve[0][0] > target)
    for (r0, v0), (r1, v1) in zip(curve, curve[1:]):
        if r0 < target <= r1:
            share = (target - r0) / (r1 - r0)
            return AtRecall(math.exp(math.log(v0) + share * (math.log(v1) - math.log(v0))), False)
    raise AssertionError("unreachable: the target is within the curve")


def verdict(ratio: Summary, better_above_one: bool = True) -> str:
    """Whether a ratio ours / theirs says better, worse, or neither because rounds disagree (or differ by less than 2 %)."""
    low, high = (ratio.low, ratio.high) if better_above_one else (1 / ratio.high, 1 / ratio.low)
    middle = ratio.median if better_above_one else 1 / ratio.median
    if low > 1 and middle > 1.02:
        return "better"
    if high < 1 and middle < 1 / 1.02:
        return "worse"
    return "even"
