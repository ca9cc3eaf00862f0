"""The Markdown report: headline ratios first, where vecidx loses next, then every table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .context import TARGETS
from .measure_filter import BY_RECALL
from .measure_planner import WAYS
from .pgbench import IN_FLIGHT
from .stats import ratio_by_round
from .tables import (
    OURS_PREFIX,
    advantage,
    at_summary,
    at_target,
    by_round,
    distinct,
    markdown_table,
    megabytes,
    number,
    ours,
    ratio,
    select,
    share,
    spread,
    summary,
    values_of,
)

ADVANTAGE = "vecidx better by"
# Answers whose recall differs by no more are compared by their time.
EQUAL_RECALL = 0.02
# A plan that takes no more times the fastest is rightly chosen.
FAIR_REGRET = 1.5
ANSWERS = ["rows", "recall", "p50 ms", "p95 ms"]
CELL = ["indexes: btrees and", "rows", "matching", "LIMIT", "chosen", "ms", *(f"{way} ms" for way in WAYS), "regret"]


def _key(point: dict) -> tuple:
    """What tells the lines of a table apart, besides the variant."""
    return tuple(sorted((n, v) for n, v in point["key"].items() if n not in ("search", "k")))


def answers(points: list[dict]) -> list[str]:
    """The figures of ANSWERS."""
    return [
        f"{spread(summary(points, 'rows_returned'))} of {spread(summary(points, 'rows_right'))}",
        spread(summary(points, "recall"), share),
        *(spread(summary(points, n)) for n in ("p50_ms", "p95_ms")),
    ]


def scans(points: list[dict]) -> str:
    """The scans that the planner chose."""
    return " or ".join(distinct(p["values"]["scan"] for p in points))


def setting(points: list[dict], chosen: str) -> str:
    """The settings of searches, and how they were chosen."""
    values = distinct(p["key"]["search"] for p in points)
    return "–" if values == [None] else f"{' or '.join(str(v) for v in values)} ({chosen})"


class Report:
    """The report of one set. Each method returns lines; comparisons are collected for the list of losses."""

    def __init__(self, header: dict, points: list[dict], name: str) -> None:
        self.titles = header.get("titles", {})
        self.plain = header.get("plain", {})  # variants with filter columns: the one without
        self.points = select(points, set=name)
        self.rows = max((p["rows"] for p in self.points), default=0)
        self.ours = ours(self.points)
        self.rounds = len({p["round"] for p in self.points})
        self.outcomes: list[tuple[str, str, str]] = []  # verdict, what, ratio

    def title(self, variant: str) -> str:
        return self.titles.get(variant, variant)

    def order(self, variant: str) -> int:
        """Place of a variant in tables: that of engines.toml, whatever the order of the rounds was."""
        known = list(self.titles)
        return known.index(variant) if variant in known else len(known)

    def ordered(self, points: list[dict]) -> list[str]:
        """The variants of points, in that order."""
        return sorted(distinct(p["variant"] for p in points), key=self.order)

    def compare(self, what: str, variant: str, mine: dict, other: dict, larger_is_better: bool) -> str:
        """The advantage over a variant as a cell of a table; remembered for the list of wins and losses."""
        if self.ours is None or variant == self.ours or variant in self.plain:
            return ""
        text, word = advantage(mine, other, larger_is_better)
        if word:
            self.outcomes.append((word, f"{what}: {self.title(variant)}", text))
        return f"{text} {word}".strip()

    def headline(self) -> list[str]:
        """QPS and buffers at equal recall."""
        lines, search = [], select(self.points, phase="search")
        for k in distinct(p["key"]["k"] for p in search):
            counts = sorted(c for c in distinct(p["key"]["clients"] for p in select(search, k=k)) if c)
            measures = [("qps", c, f"QPS, {c} client{'s' if c > 1 else ''}", True) for c in counts]
            first = counts[0] if counts else 0
            measures += [("pipelined_qps", 1, f"QPS, 1 client, {IN_FLIGHT} sent at once", True)] if 1 in counts else []
            measures += [("p99_ms", first, "p99 ms, 1 client", False)] if counts else []
            measures.append(("buffers", first, "buffers per query", False))
            for target in TARGETS:
                rows = []
                for figure, clients, label, larger in measures:
                    mine = at_target(select(search, k=k, clients=clients, variant=self.ours), figure, target, larger)
                    for variant in self.ordered(search):
                        chosen = select(search, k=k, clients=clients, variant=variant)
                        if not chosen:
                            continue
                        found = at_target(chosen, figure, target, larger)
                        if not found:
                            continue
                        cell = self.compare(
                            f"{label} at recall@{k} {target}", variant, values_of(mine), values_of(found), larger
                        )
                        rows.append(
                            [
                                label,
                                self.title(variant),
                                at_summary(found, self.rounds, variant.endswith("/exact")),
                                cell,
                            ]
                        )
                if rows:
                    lines += [
                        f"### At recall@{k} = {target}",
                        "",
                        *markdown_table(["figure", "engine", "median [range]", ADVANTAGE], rows),
                    ]
        return lines

    def flat(
        self,
        phase: str,
        title: str,
        columns: list[tuple[str, str, Callable[[float], str]]],
        better: dict[str, bool],
        labels: list[str],
    ) -> list[str]:
        """A table of one phase: a line per variant and key; better says which figures are compared and which way is up.

        The setting of the search (chosen by recall in each round) is no part of the key. Exact search is not compared with.
        """
        points = select(self.points, phase=phase, rows=self.rows)
        rows = []
        for key in distinct(_key(p) for p in points):
            same = [p for p in points if _key(p) == key]
            reference = [p for p in same if p["variant"] in (self.ours, "vecidx")]
            for variant in self.ordered(same):
                chosen = select(same, variant=variant)
                label = [" or ".join(str(v) for v in distinct(p["key"].get(n, "–") for p in chosen)) for n in labels]
                row = [self.title(variant), *label, *(spread(summary(chosen, n), form) for n, _, form in columns)]
                for figure, larger in better.items():
                    mark = variant not in (self.ours, "vecidx") and not variant.endswith("/exact")
                    what = f"{title}, {figure}{''.join(f', {n} {v}' for n, v in key)}"
                    row.append(
                        self.compare(what, variant, by_round(reference, figure), by_round(chosen, figure), larger)
                        if mark
                        else ""
                    )
                rows.append(row)
        table = markdown_table(
            ["engine", *labels, *(c[1] for c in columns), *(f"{ADVANTAGE}: {b}" for b in better)], rows
        )
        return [f"### {title}", "", *table] if table else []

    def sweep(self) -> list[str]:
        """Every measured point of search."""
        rows = []
        for k in distinct(p["key"]["k"] for p in select(self.points, phase="search")):
            for variant in self.ordered(select(self.points, phase="search")):
                for value in distinct(
                    p["key"]["search"] for p in select(self.points, phase="search", variant=variant, k=k)
                ):
                    chosen = select(self.points, phase="search", variant=variant, k=k, search=value)
                    for clients in distinct(p["key"]["clients"] for p in chosen):
                        these = select(chosen, clients=clients)
                        rows.append(
                            [
                                self.title(variant),
                                str(k),
                                str(value if value is not None else "–"),
                                str(clients or "–"),
                                spread(summary(these, "recall"), share),
                                spread(summary(these, "rows_returned")),
                                *(spread(summary(these, n)) for n in ("qps", "p50_ms", "p95_ms", "p99_ms", "buffers")),
                                these[-1]["values"].get("scan", ""),
                            ]
                        )
        head = [
            "engine",
            "k",
            "setting",
            "clients",
            "recall",
            "rows",
            "QPS",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "buffers",
            "scan",
        ]
        return ["### Every point of search", "", *markdown_table(head, rows)] if rows else []

    def filters(self) -> list[str]:
        """Our index with filter columns, a line for each condition, and how many times longer the others take."""
        points = select(self.points, phase="filter")
        others = [v for v in self.ordered(points) if v not in self.plain]
        rows = []
        for chosen in distinct(p["key"]["chosen"] for p in points):
            for label, kind in distinct((p["key"]["filter"], p["key"]["kind"]) for p in select(points, chosen=chosen)):
                here = select(points, filter=label, kind=kind)
                for mine in self.ordered([p for p in here if p["variant"] in self.plain]):
                    these = select(here, variant=mine, chosen=chosen)
                    times = [spread(summary(these, f"times_{n}"), ratio) for n in ("unfiltered", "uniform")]
                    # exact search has no setting to choose
                    beside = [
                        self.times_longer(these, select(here, variant=v, chosen=chosen) or select(here, variant=v))
                        for v in others
                    ]
                    rows.append([label, kind, setting(these, chosen), *answers(these), *times, *beside])
        head = ["matching", "where", "setting", *ANSWERS, "times unfiltered", "times uniform", *map(self.title, others)]
        title = "### Filtered queries: an index with the columns, and how many times longer others take"
        return [title, "", *markdown_table(head, rows)] if rows else []

    def times_longer(self, mine: list[dict], other: list[dict]) -> str:
        """How many times longer a variant takes in its fastest mode that has our recall, or the recall that it has at most."""
        recall = summary(mine, "recall")
        modes = [select(other, mode=m) for m in distinct(p["key"]["mode"] for p in other)]
        found = [(r.median, m) for m in modes if (r := summary(m, "recall"))]
        if not found or recall is None:
            return "–"
        equal = [m for reached, m in found if reached >= recall.median - EQUAL_RECALL]
        if not equal:
            return f"recall {max(reached for reached, _ in found):.3f}"
        times = [t for m in equal if (t := ratio_by_round(by_round(m, "p50_ms"), by_round(mine, "p50_ms")))]
        return spread(min(times, key=lambda t: t.median, default=None), ratio)

    def every_filter(self) -> list[str]:
        """Every point of filtered queries; compared are those whose setting was chosen in the same way, with our index that has the columns."""
        points = select(self.points, phase="filter")
        lines = distinct((p["variant"], p["key"]["mode"], p["key"]["chosen"]) for p in points)
        lines.sort(key=lambda line: (self.order(line[0]), line[1:]))
        rows = []
        for label, kind in distinct((p["key"]["filter"], p["key"]["kind"]) for p in points):
            here = select(points, filter=label, kind=kind)
            mine = self.with_columns(select(here, chosen=BY_RECALL))
            for variant, mode, chosen in lines:
                these = select(here, variant=variant, mode=mode, chosen=chosen)
                if not these:
                    continue
                # without a condition there is the recall curve, and exact search has no recall to lose
                compared = chosen == BY_RECALL and kind != "all"
                rows.append(
                    [
                        label,
                        kind,
                        self.title(variant),
                        mode,
                        setting(these, chosen),
                        *answers(these),
                        *(spread(summary(these, f"times_{n}"), ratio) for n in ("unfiltered", "uniform")),
                        scans(these),
                        self.compare_answers(f"filter {label} {kind} ({mode})", mine, these) if compared else "",
                    ]
                )
        times = ["times unfiltered", "times uniform"]
        head = ["matching", "where", "engine", "mode", "setting", *ANSWERS, *times, "scan", ADVANTAGE]
        return ["### Every point of filtered queries", "", *markdown_table(head, rows)] if rows else []

    def with_columns(self, points: list[dict]) -> list[dict]:
        """Points of our index with filter columns where it is measured, else of our first one."""
        found = [p for p in points if p["variant"] in self.plain and p["variant"].startswith(OURS_PREFIX)]
        return found or select(points, variant=self.ours)

    def compare_answers(self, what: str, mine: list[dict], other: list[dict]) -> str:
        """Time is compared where recall is about equal; elsewhere a faster answer is a worse one, and recall is compared."""
        a, b = summary(mine, "recall"), summary(other, "recall")
        variant = other[0]["variant"]
        if variant == self.ours or variant in self.plain or a is None or b is None:
            return ""
        if abs(a.median - b.median) <= EQUAL_RECALL:
            times = by_round(mine, "p50_ms"), by_round(other, "p50_ms")
            return self.compare(f"{what}, time at equal recall", variant, *times, False)
        word = "better" if a.median > b.median else "worse"
        text = f"recall {a.median:.3f} to {b.median:.3f}"
        self.outcomes.append((word, f"{what}, recall: {self.title(variant)}", text))
        return f"{text} {word}"

    def radius(self) -> list[str]:
        """The rows within a radius."""
        points = select(self.points, phase="radius")
        rows = []
        for matching, limit in distinct((p["key"]["matching"], p["key"]["limit"]) for p in points):
            here = select(points, matching=matching, limit=limit)
            lines = distinct((p["variant"], p["key"]["mode"]) for p in here)
            for variant, mode in sorted(lines, key=lambda line: (self.order(line[0]), line[1])):
                these = select(here, variant=variant, mode=mode)
                what = f"{matching} rows within a radius, LIMIT {limit} ({mode})"
                cell = self.compare_answers(what, select(here, variant=self.ours), these)
                label = [str(matching), str(limit), self.title(variant), mode, setting(these, BY_RECALL)]
                rows.append([*label, *answers(these), scans(these), cell])
        head = ["within", "LIMIT", "engine", "mode", "setting", *ANSWERS, "scan", ADVANTAGE]
        return ["### Radius: rows nearer than a bound", "", *markdown_table(head, rows)] if rows else []

    def columns(self) -> list[str]:
        """What filter columns cost: the index that has two beside the one that has none."""
        points = select(self.points, phase="columns")
        figures: list[tuple[str, str, Callable[[float], str]]] = [
            ("seconds", "build s", number),
            ("index_bytes", "index MB", megabytes),
            ("ms", "unfiltered search ms", number),
            ("recall", "recall", share),
        ]
        rows = []
        for variant in self.ordered(points):
            for workers in distinct(p["key"]["workers"] for p in select(points, variant=variant)):
                these = select(points, variant=variant, workers=workers)
                for name, label, form in figures:
                    if not summary(these, name):
                        continue
                    both = [spread(summary(these, n), form) for n in (f"plain_{name}", name)]
                    times = spread(summary(these, f"times_{name}"), lambda v: f"{v:.3f}")
                    rows.append([self.title(variant), str(workers), label, *both, times])
        head = ["index", "workers", "figure", "without columns", "with columns", "times that"]
        return ["### What filter columns cost", "", *markdown_table(head, rows)] if rows else []

    def planner(self) -> list[str]:
        """How often the planner is right, and where it is not."""
        points = select(self.points, phase="planner")
        rows, bad = [], []
        for variant in self.ordered(points):
            cells = self.cells(select(points, variant=variant))
            regrets = [summary(c, "regret").median for c in cells]
            right = sum(r <= FAIR_REGRET for r in regrets) / len(regrets)
            rows.append([self.title(variant), str(len(cells)), f"{100 * right:.1f} %", ratio(max(regrets))])
            bad += [self.cell(c) for c, r in zip(cells, regrets) if r > FAIR_REGRET]
        if not rows:
            return []
        head = ["indexes: btrees and", "cells", f"chosen plan within {FAIR_REGRET} x of the fastest", "worst"]
        lines = ["### The planner's choices", "", *markdown_table(head, rows)]
        return lines + ([f"Beyond {FAIR_REGRET} x:", "", *markdown_table(CELL, bad)] if bad else [])

    def grid(self) -> list[str]:
        """Every cell of the planner's grid."""
        points = select(self.points, phase="planner")
        rows = [self.cell(c) for v in self.ordered(points) for c in self.cells(select(points, variant=v))]
        return ["### Every cell of the planner's grid", "", *markdown_table(CELL, rows)] if rows else []

    def cells(self, points: list[dict]) -> list[list[dict]]:
        """Points by cell of the grid: those of the same key in all rounds."""
        return [[p for p in points if _key(p) == key] for key in distinct(_key(p) for p in points)]

    def cell(self, these: list[dict]) -> list[str]:
        """A line of the grid."""
        key = these[0]["key"]
        chosen = " or ".join(distinct(p["values"]["chosen"] for p in these))
        figures = [spread(summary(these, n)) for n in ("ms", *(f"{way}_ms" for way in WAYS))]
        regret = spread(summary(these, "regret"), ratio)
        return [
            self.title(these[0]["variant"]),
            f"{key['rows_of']:,} x {key['dims']}",
            key["filter"],
            str(key["limit"]),
            chosen,
            *figures,
            regret,
        ]

    def baselines(self) -> list[str]:
        """NumPy and faiss."""
        rows = []
        for p in select(self.points, phase="baseline"):
            p["key"].setdefault("search", None)
        points = select(self.points, phase="baseline")
        for variant, batch, value in distinct(
            (p["variant"], p["key"].get("batch"), p["key"]["search"]) for p in points
        ):
            these = [p for p in select(points, variant=variant, search=value) if p["key"].get("batch") == batch]
            rows.append(
                [
                    variant,
                    f"batch {batch}" if batch else f"efSearch {value}",
                    spread(summary(these, "recall"), share),
                    spread(summary(these, "qps")),
                ]
            )
        build = summary(select(self.points, phase="baseline_build"), "seconds")
        lines = (
            ["### Without a server, in process", "", *markdown_table(["program", "setting", "recall", "QPS"], rows)]
            if rows
            else []
        )
        return lines + ([f"faiss built its graph in {spread(build)} s.", ""] if build else [])

    def growth(self) -> list[str]:
        """QPS, buffers, build time and size against the number of rows."""
        points = select(self.points, phase="growth")
        first = distinct(p["key"]["k"] for p in points)
        if not first:
            return []
        full = [p for p in select(self.points, phase="search", k=first[0], clients=1)]
        rows = []
        for variant in self.ordered(points):
            for size in sorted({p["rows"] for p in points} | {self.rows}):
                these = select(points + full, variant=variant, rows=size)
                builds = select(self.points, variant=variant, rows=size, phase="growth_build") or select(
                    self.points, variant=variant, rows=size, phase="build"
                )
                if not these:
                    continue
                builds = builds and select(builds, workers=builds[-1]["key"]["workers"])
                rows.append(
                    [
                        self.title(variant),
                        f"{size:,}",
                        *(
                            at_summary(at_target(these, n, TARGETS[0], n == "qps"), self.rounds)
                            for n in ("qps", "buffers")
                        ),
                        spread(summary(builds, "seconds")),
                        spread(summary(builds, "index_bytes"), megabytes),
                    ]
                )
        head = [
            "engine",
            "rows",
            f"QPS at recall {TARGETS[0]}, 1 client",
            f"buffers at recall {TARGETS[0]}",
            "build s",
            "index MB",
        ]
        return ["### Cost against size", "", *markdown_table(head, rows)]

    def lines(self) -> list[str]:
        """The whole report of the set."""
        parts = self.headline()
        parts += self.flat(
            "floor",
            "A query without a search: its vector is fetched, that is all",
            [("qps", "QPS", number), ("pipelined_qps", f"QPS, {IN_FLIGHT} sent at once", number)],
            {},
            ["clients"],
        )
        parts += self.flat(
            "build",
            "Build",
            [
                ("seconds", "s", number),
                ("peak_bytes", "peak MB", megabytes),
                ("processes", "processes", number),
                ("index_bytes", "index MB", megabytes),
                ("wal_bytes", "WAL MB", megabytes),
            ],
            {"seconds": False, "peak_bytes": False, "index_bytes": False},
            ["workers"],
        )
        parts += self.flat(
            "short",
            "Build with memory for a tenth of the vectors",
            [
                ("seconds", "s", number),
                ("plenty_seconds", "s with plenty", number),
                ("times_plenty", "times that", number),
                ("recall", "recall", share),
                ("plenty_recall", "recall with plenty", share),
                ("peak_bytes", "peak MB", megabytes),
            ],
            {"seconds": False},
            ["workers"],
        )
        parts += self.flat(
            "load",
            "Load (COPY, no index)",
            [("rows_per_s", "rows/s", number), ("seconds", "s", number), ("table_bytes", "table MB", megabytes)],
            {"seconds": False},
            ["format"],
        )
        parts += self.flat(
            "client",
            "Rows from a client's memory, end to end (no index)",
            [("rows_per_s", "rows/s", number), ("seconds", "s", number), ("times_binary", "times binary COPY", ratio)],
            {"seconds": False},
            ["form"],
        )
        parts += self.exact()
        parts += self.inside()
        parts += self.columns() + self.filters() + self.radius() + self.planner()
        parts += self.flat(
            "cold",
            "Cold caches: first queries after a restart",
            [("first_ms", "first ms", number), ("p50_ms", "p50 ms", number), ("p95_ms", "p95 ms", number)],
            {"first_ms": False, "p50_ms": False},
            ["search"],
        )
        parts += self.flat(
            "limited",
            "Index and table 2.6 times as large as the memory for their pages, a query inside the server",
            [
                ("recall", "recall", share),
                ("ms", "ms", number),
                ("reads", "reads", number),
                ("disk_pages", "pages from the disk", number),
                ("rounds", "rounds", number),
                ("prewarm_s", "prewarming s", number),
            ],
            {"ms": False},
            ["state", "recall at least", "by"],
        )
        parts += self.flat(
            "insert",
            "Inserts into the built index, a row a transaction",
            [("rows_per_s", "rows/s", number), ("p50_ms", "p50 ms", number), ("p95_ms", "p95 ms", number)],
            {"rows_per_s": True},
            [],
        )
        parts += self.vacuum()
        parts += self.flat(
            "rows",
            "What a changed row costs",
            [
                ("ms_a_row", "ms a row", number),
                ("rows_per_s", "rows/s", number),
                ("wal_bytes_a_row", "WAL bytes a row", number),
                ("rows", "rows", number),
            ],
            {"rows_per_s": True},
            ["change", "sessions"],
        )
        parts += self.flat(
            "storm",
            "Searches, one client, beside other work",
            [
                ("p50_ms", "p50 ms", number),
                ("p99_ms", "p99 ms", number),
                ("times_quiet", "p99, times quiet", ratio),
                ("done", "times the work was done", number),
            ],
            {"p99_ms": False},
            ["beside"],
        )
        parts += self.flat(
            "churn",
            "A fifth of the rows leave and come back",
            [
                ("recall", "recall", share),
                ("ms", "ms in the server", number),
                ("times_ms", "times fresh", ratio),
                ("index_bytes", "index MB", megabytes),
                ("times_size", "times fresh", ratio),
            ],
            {"ms": False},
            ["rounds"],
        )
        parts += self.flat(
            "standby",
            "A standby",
            [
                ("standby_ms", "ms in the server", number),
                ("times_primary", "times the primary", ratio),
                ("insert_s", "inserts s", number),
                ("behind_s", "replayed s later", number),
                ("standby_after_ms", "ms after them", number),
            ],
            {"standby_ms": False},
            ["search"],
        )
        parts += self.dims()
        parts += self.growth() + self.baselines() + self.sweep() + self.every_filter() + self.grid()
        return self.losses() + parts

    def exact(self) -> list[str]:
        """Exact answers without an index."""
        points = select(self.points, phase="exact")
        rows = []
        for queries in distinct(p["key"]["queries"] for p in points):
            same = select(points, queries=queries)
            mine = by_round([p for p in same if p["variant"].startswith(OURS_PREFIX)], "ms")
            for variant in self.ordered(same):
                these = select(same, variant=variant)
                cell = ""
                if not variant.startswith(OURS_PREFIX):
                    # compare() is for variants beside an index
                    cell, word = advantage(mine, by_round(these, "ms"), False)
                    if word:
                        self.outcomes.append((word, f"exact answers, {queries} at once: {self.title(variant)}", cell))
                        cell = f"{cell} {word}"
                rows.append([str(queries), self.title(variant).removeprefix(OURS_PREFIX), spread(summary(these, "ms")), cell])
        table = markdown_table(["queries at once", "by", "ms", ADVANTAGE], rows)
        return ["### Exact answers without an index, one process", "", *table] if rows else []

    def inside(self) -> list[str]:
        """Milliseconds of a query in the server at equal recall, and of faiss in process."""
        points, k = select(self.points, phase="inside"), None
        rows = []
        for target in TARGETS:
            mine = at_target(select(points, variant=self.ours), "ms", target, False)
            for variant in self.ordered(points):
                found = at_target(select(points, variant=variant), "ms", target, False)
                cell = self.compare(f"ms in the server at recall {target}", variant, values_of(mine), values_of(found), False)
                rows.append([str(target), self.title(variant), at_summary(found, self.rounds), cell])
            k = points[0]["key"]["k"] if points else None
            program = at_target(select(self.points, phase="baseline", variant="faiss/hnsw", k=k), "qps", target, True)
            milliseconds = {r: None if f is None else replace(f, value=1000 / f.value) for r, f in program.items()}
            if points and program:
                rows.append([str(target), "faiss/hnsw, in process", at_summary(milliseconds, self.rounds), ""])
        table = markdown_table([f"recall@{k}", "engine", "ms", ADVANTAGE], rows)
        return ["### A query inside the server", "", *table] if rows else []

    def dims(self) -> list[str]:
        """The same vectors several times over, at equal recall."""
        points = select(self.points, phase="dims")
        rows = []
        for dims in distinct(p["key"]["dims"] for p in points):
            here = select(points, dims=dims)
            for target in TARGETS:
                mine = at_target(select(here, variant=self.ours), "ms", target, False)
                for variant in self.ordered(here):
                    these = select(here, variant=variant)
                    found = at_target(these, "ms", target, False)
                    what = f"ms in the server at recall {target}, {dims} dimensions"
                    cell = self.compare(what, variant, values_of(mine), values_of(found), False)
                    where = "out of line" if these[0]["values"]["out_of_line"] else "in the row"
                    build, size = (spread(summary(these, n), f) for n, f in (("build_s", number), ("index_bytes", megabytes)))
                    size_of = f"{these[0]['key']['rows_of']:,} x {dims}, {where}"
                    rows.append([size_of, str(target), self.title(variant), at_summary(found, self.rounds), cell, build, size])
        head = ["rows", "recall", "engine", "ms in the server", ADVANTAGE, "build s", "index MB"]
        return ["### More dimensions: each vector several times over", "", *markdown_table(head, rows)] if rows else []

    def vacuum(self) -> list[str]:
        """VACUUM after deleting a tenth."""
        points = select(self.points, phase="vacuum")
        rows = []
        for variant in self.ordered(points):
            these = select(points, variant=variant)
            cell = self.compare(
                "VACUUM time",
                variant,
                by_round(select(points, variant=self.ours), "seconds"),
                by_round(these, "seconds"),
                False,
            )
            rows.append(
                [
                    self.title(variant),
                    spread(summary(these, "seconds")),
                    *(spread(summary(these, n), share) for n in ("recall_before", "recall_deleted", "recall_after")),
                    cell,
                ]
            )
        head = ["engine", "VACUUM s", "recall before", "recall with dead rows", "recall after", ADVANTAGE]
        return ["### VACUUM after deleting 10 %", "", *markdown_table(head, rows)] if rows else []

    def losses(self) -> list[str]:
        """What vecidx loses and what is undecided; then how many comparisons there were."""
        count = {w: sum(1 for o in self.outcomes if o[0] == w) for w in ("better", "even", "worse")}
        lines = [
            f"Of {len(self.outcomes)} comparisons vecidx is better in {count['better']}, worse in {count['worse']}, and "
            f"in {count['even']} the rounds do not agree or differ by less than 2 %.",
            "",
        ]
        worse = [[what, ratio] for word, what, ratio in self.outcomes if word == "worse"]
        return lines + (
            ["### Where vecidx loses", "", *markdown_table(["figure: against", ADVANTAGE], worse)] if worse else []
        )
