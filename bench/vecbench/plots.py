"""Plots of a run as PNG and SVG: recall against QPS, build time and size, growth with the number of rows."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend is chosen first)

from .context import TARGETS  # noqa: E402
from .stats import frontier  # noqa: E402
from .tables import at_target, distinct, select, summary  # noqa: E402

MARKERS = "osD^vP*X"


def draw(out: Path, header: dict, points: list[dict]) -> list[Path]:
    """Draws what there are points for; returns the files."""
    titles = header.get("titles", {})
    files: list[Path] = []
    for name in distinct(p["set"] for p in points):
        one = select(points, set=name)
        rows = max(p["rows"] for p in one)
        label = f"{name}, {rows:,} x {one[0]['dim']}, {one[0]['metric']}"
        order = distinct(p["variant"] for p in one)
        for k, clients in distinct((p["key"]["k"], p["key"]["clients"]) for p in select(one, phase="search")):
            if clients:
                figure = _recall(select(one, phase="search", k=k, clients=clients), one, titles, order, k, clients)
                files += _save(out, figure, f"{name}-recall{k}-qps-{clients}client", f"{label}, {clients} client(s)")
        if select(one, phase="build"):
            files += _save(out, _build(select(one, phase="build"), titles, order), f"{name}-build", label)
        if select(one, phase="growth"):
            files += _save(out, _growth(one, rows, titles, order), f"{name}-growth", label)
    return files


def _save(out: Path, figure, name: str, title: str) -> list[Path]:
    figure.suptitle(title, fontsize=10)
    figure.tight_layout()
    files = [out / f"{name}.{kind}" for kind in ("png", "svg")]
    for file in files:
        figure.savefig(file, dpi=130)
    plt.close(figure)
    return files


def _style(variant: str, order: list[str]) -> dict:
    place = order.index(variant)
    return {"color": f"C{place % 10}", "marker": MARKERS[place % len(MARKERS)], "markersize": 4}


# A recall of 1 is drawn here: its place on the axis would be infinitely far.
ALL_BUT = 5e-4


def _shown(recall: float) -> float:
    """A recall that the axis has a place for."""
    return min(recall, 1 - ALL_BUT)


def _recall_axis(axes, recalls: list[float]) -> None:
    """An axis of log(1 - recall): what is missing counts, and near 1 the plain one has no room for it."""
    axes.set_xscale(
        "function",
        functions=(lambda r: -np.log10(np.maximum(1 - np.asarray(r), ALL_BUT)), lambda x: 1 - 10 ** -np.asarray(x)),
    )
    low = min(min(recalls, default=0.9), 0.9)
    marks = [m for m in (0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999) if m >= low]
    axes.set_xticks([*marks, 1 - ALL_BUT], [*(f"{m:g}" for m in marks), "1"], fontsize=7)
    axes.minorticks_off()
    axes.set_xlim(low - 0.1 * (1 - low), 1 - ALL_BUT * 0.999999)


def _recall(points: list[dict], one: list[dict], titles: dict, order: list[str], k: int, clients: int):
    """QPS (logarithmic) against recall, medians over the rounds; the line is the frontier, single points are all shown."""
    figure, axes = plt.subplots(figsize=(7, 4.5))
    every: list[tuple[float, float]] = []
    groups = {v: select(points, variant=v) for v in distinct(p["variant"] for p in points)}
    if clients == 1:
        groups |= {
            v: select(one, phase="baseline", variant=v, k=k)
            for v in distinct(p["variant"] for p in select(one, phase="baseline", k=k))
        }
    for variant, chosen in groups.items():
        places: dict[tuple, list[dict]] = {}
        for p in chosen:
            places.setdefault((p["key"].get("search"), p["key"].get("batch")), []).append(p["values"])
        found = [(median(v["recall"] for v in vs), median(v["qps"] for v in vs)) for vs in places.values()]
        every += found
        best = frontier([(_shown(r), q) for r, q in found], True)
        axes.plot(*zip(*best), linewidth=1.2, label=titles.get(variant, variant), **_style(variant, order))
        axes.plot(*zip(*((_shown(r), q) for r, q in found)), linestyle="", **{**_style(variant, order), "markersize": 2})
    axes.set(xlabel=f"recall@{k}", ylabel="queries per second", yscale="log")
    _recall_axis(axes, [r for r, _ in every])
    axes.grid(True, which="both", linewidth=0.3)
    axes.legend(fontsize=7)
    return figure


def _build(points: list[dict], titles: dict, order: list[str]):
    """Build time, memory and index size as bars."""
    keys = distinct((p["variant"], p["key"]["workers"]) for p in points)
    keys.sort(key=lambda key: (key[1], order.index(key[0])))
    figure, all_axes = plt.subplots(1, 3, figsize=(10, 0.8 + 0.4 * len(keys)), sharey=True)
    for axes, (name, unit, scale) in zip(
        all_axes,
        (("seconds", "build, s", 1), ("peak_bytes", "peak memory, MB", 1 << 20), ("index_bytes", "index, MB", 1 << 20)),
    ):
        for place, (variant, workers) in enumerate(keys):
            found = summary(select(points, variant=variant, workers=workers), name)
            if found:
                spread = [[(found.median - found.low) / scale], [(found.high - found.median) / scale]]
                axes.barh(place, found.median / scale, xerr=spread, color=_style(variant, order)["color"], capsize=2)
        axes.set_xlabel(unit)
        axes.grid(True, axis="x", linewidth=0.3)
    all_axes[0].set_yticks(range(len(keys)), [f"{titles.get(v, v)}, {w} workers" for v, w in keys], fontsize=7)
    all_axes[0].invert_yaxis()
    return figure


def _growth(one: list[dict], rows: int, titles: dict, order: list[str]):
    """QPS and buffers at equal recall, and build time, against the number of rows."""
    growth = select(one, phase="growth")
    k = growth[0]["key"]["k"]
    search = growth + select(one, phase="search", k=k, clients=1, rows=rows)
    builds = select(one, phase="growth_build") + select(one, phase="build", rows=rows)
    sizes = sorted({p["rows"] for p in search})
    figure, all_axes = plt.subplots(1, 3, figsize=(10, 3.6))
    for axes, figure_name in zip(all_axes, ("qps", "buffers", "seconds")):
        for variant in distinct(p["variant"] for p in growth):
            line = []
            for size in sizes:
                if figure_name == "seconds":
                    found = summary(select(builds, variant=variant, rows=size), "seconds")
                    value = found.median if found else None
                else:
                    reached = at_target(
                        select(search, variant=variant, rows=size), figure_name, TARGETS[0], figure_name == "qps"
                    )
                    values = [f.value for f in reached.values() if f is not None]
                    value = median(values) if values else None
                if value is not None:
                    line.append((size, value))
            if line:
                axes.plot(*zip(*line), label=titles.get(variant, variant), linewidth=1.2, **_style(variant, order))
        axes.set(
            xscale="log",
            yscale="log",
            xlabel="rows",
            ylabel={
                "qps": f"QPS at recall {TARGETS[0]}",
                "seconds": "build, s",
                "buffers": f"buffers at recall {TARGETS[0]}",
            }[figure_name],
        )
        axes.set_xticks(sizes, [f"{s:,}" for s in sizes], fontsize=7)
        axes.minorticks_off()
        axes.grid(True, linewidth=0.3)
    all_axes[0].legend(fontsize=6)
    return figure
