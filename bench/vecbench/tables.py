"""Selecting points and setting figures for the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .stats import AtRecall, Summary, at_recall, ratio_by_round, summarize, verdict

OURS_PREFIX = "vecidx/"


def select(points: Iterable[dict], **wanted) -> list[dict]:
    """Points with these fields; names that are not fields are looked up in the key."""

    def has(point: dict) -> bool:
        return all((point[n] if n in point else point["key"].get(n, _MISSING)) == v for n, v in wanted.items())

    return [p for p in points if has(p)]


_MISSING = object()


def distinct(values: Iterable) -> list:
    """Values in order of first appearance, each once."""
    return list(dict.fromkeys(values))


def by_round(points: Iterable[dict], name: str) -> dict[int, float | None]:
    """A figure of each round; of several points of one round the last."""
    return {p["round"]: p["values"].get(name) for p in points}


def summary(points: Iterable[dict], name: str) -> Summary | None:
    """A figure over the rounds."""
    return summarize(by_round(points, name).values())


def curve(points: Iterable[dict], name: str) -> dict[int, list[tuple[float, float]]]:
    """(recall, figure) pairs of each round."""
    rounds: dict[int, list[tuple[float, float]]] = {}
    for p in points:
        if p["values"].get(name) is not None:
            rounds.setdefault(p["round"], []).append((p["values"]["recall"], p["values"][name]))
    return rounds


def at_target(points: Iterable[dict], name: str, target: float, larger_is_better: bool) -> dict[int, AtRecall | None]:
    """A figure at a target recall, interpolated within each round."""
    return {r: at_recall(c, target, larger_is_better) for r, c in curve(points, name).items()}


def ours(points: Iterable[dict]) -> str | None:
    """The variant that ratios are for: the first of vecidx that has an index."""
    return next(
        (p["variant"] for p in points if p["variant"].startswith(OURS_PREFIX) and p["phase"] == "build"),
        next((p["variant"] for p in points if p["variant"].startswith(OURS_PREFIX) and p["phase"] == "search"), None),
    )


def number(value: float | None, digits: int = 3) -> str:
    """A figure with some significant digits."""
    if value is None:
        return "–"
    size = abs(value)
    if size >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def share(value: float | None) -> str:
    """A recall."""
    return "–" if value is None else f"{value:.4f}"


def ratio(value: float) -> str:
    """One figure divided by another."""
    return f"{value:.2f}"


def spread(found: Summary | None, form: Callable[[float], str] = number) -> str:
    """Median [lowest–highest]."""
    if found is None:
        return "–"
    if found.count == 1 or form(found.low) == form(found.high):
        return form(found.median)
    return f"{form(found.median)} [{form(found.low)}–{form(found.high)}]"


def megabytes(value: float) -> str:
    """Bytes as megabytes."""
    return number(value / (1 << 20))


def at_summary(found: dict[int, AtRecall | None], rounds: int, exact: bool = False) -> str:
    """A figure at a target recall over the rounds, with what must be known to read it. exact: there is no curve."""
    reached = [f for f in found.values() if f is not None]
    if not reached:
        return "not reached"
    text = spread(summarize(f.value for f in reached))
    if any(f.bound for f in reached) and not exact:
        text += " (curve starts above)"
    if len(reached) < rounds:
        text += f" (reached in {len(reached)} of {rounds} rounds)"
    return text


def advantage(mine: dict[int, float | None], other: dict[int, float | None], larger_is_better: bool) -> tuple[str, str]:
    """How many times better vecidx is than the other, per round (above 1: vecidx is better), and the verdict in a word."""
    found = ratio_by_round(mine, other) if larger_is_better else ratio_by_round(other, mine)
    if found is None:
        return "–", ""
    return spread(found, ratio), verdict(found)


def values_of(found: dict[int, AtRecall | None]) -> dict[int, float | None]:
    """Plain figures of at_target()."""
    return {r: None if f is None else f.value for r, f in found.items()}


def markdown_table(header: list[str], rows: list[list[str]]) -> list[str]:
    """Lines of a Markdown table, or none without rows."""
    if not rows:
        return []
    return [
        "| " + " | ".join(header) + " |",
        "|" + "---|" * len(header),
        *("| " + " | ".join(r) + " |" for r in rows),
        "",
    ]
