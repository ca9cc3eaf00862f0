"""What all measurements share: options, the cluster, the set at hand, the record of points, and the plan of steps."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .cluster import Cluster
from .data import VectorSet
from .engines import Engine, Variant
from .errors import BenchError

PHASES = (
    "load",
    "client",
    "exact",
    "short",
    "build",
    "search",
    "inside",
    "columns",
    "filter",
    "radius",
    "cold",
    "limited",
    "write",
    "rows",
    "storm",
    "churn",
    "standby",
    "dims",
    "planner",
    "growth",
    "baseline",
)
TARGETS = (0.95, 0.99)


@dataclass(frozen=True)
class Options:
    """How much is measured. Sizes are chosen in cli.py; --quick makes all of them small."""

    quick: bool
    repeat: int
    clients: tuple[int, ...]  # 1 and N
    seconds: int  # of each pgbench run
    ks: tuple[int, ...]  # LIMITs; the first is the one for which everything is measured
    phases: frozenset[str]
    recall_queries: int
    explain_queries: int
    filter_queries: int
    planner_queries: int
    planner_rows: tuple[int, ...]  # divisors of the set's size
    planner_copies: tuple[int, ...]  # of the vector behind itself: more dimensions
    planner_limits: tuple[int, ...]
    cold_queries: int
    insert_rows: int
    load_rows: int
    workers: tuple[int, ...]  # max_parallel_maintenance_workers of builds, the last for the measured index
    growth: tuple[int, ...]  # divisors of the set's size
    limited_queries: int  # different ones, where memory is limited
    inside_queries: int  # asked by one statement
    churn_rounds: int
    dims_copies: tuple[int, ...]  # of the vector behind itself
    maintenance_work_mem: str
    seed: int


@dataclass(frozen=True)
class Step:
    """A piece of work that yields points; weight is about how many seconds it takes, for the progress bar."""

    label: str
    weight: float
    run: Callable[[], None]


class Recorder:
    """Keeps every point in memory and, as soon as it is there, in a file of one JSON object a line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.points: list[dict] = []
        self.finished: set[tuple[str, int]] = set()
        if path.is_file():
            self._read()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "a", encoding="utf-8")

    def _read(self) -> None:
        for number, line in enumerate(self.path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                entry = json.loads(line)
            except json.JSONDecodeError as error:
                raise BenchError(f"{self.path}: line {number} is not JSON ({error})") from error
            if entry.get("finished"):
                self.finished.add((entry["set"], entry["round"]))
            else:
                self.points.append(entry)

    def drop_unfinished(self) -> None:
        """Forgets points of rounds that were not finished, which a resumed run measures again."""
        self.points = [p for p in self.points if (p["set"], p["round"]) in self.finished]
        self._file.close()
        lines = [json.dumps(p) for p in self.points] + [
            json.dumps({"finished": True, "set": s, "round": r}) for s, r in sorted(self.finished)
        ]
        partial = self.path.with_suffix(".partial")
        partial.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        partial.replace(self.path)
        self._file = open(self.path, "a", encoding="utf-8")

    def add(self, point: dict) -> None:
        """Records one point."""
        self.points.append(point)
        self._write(point)

    def finish_round(self, name: str, number: int) -> None:
        """Marks a round of a set as complete."""
        self.finished.add((name, number))
        self._write({"finished": True, "set": name, "round": number})

    def close(self) -> None:
        """Closes the file; what was recorded stays readable."""
        self._file.close()

    def _write(self, entry: dict) -> None:
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()


@dataclass
class Context:
    """Everything a measurement needs. round changes as the run goes on."""

    options: Options
    cluster: Cluster
    engines: list[Engine]
    data: VectorSet
    recorder: Recorder
    say: Callable[[str], None]
    round: int = 1
    said: set[str] = field(default_factory=set)

    def variants(self, indexed: bool = False, columns: bool = False) -> list[Variant]:
        """The variants for this set, in turns: each round begins with another one.

        indexed: those with a vector index; columns: also those with filter columns, which only the phases that are about
        filters measure.
        """
        found = [
            v
            for e in self.engines
            for v in e.variants
            if v.fits(self.data.rows)
            and not (indexed and v.method is None)
            and (columns or not v.columns)
            and not (self.options.quick and v.only_full)
        ]
        shift = (self.round - 1) % len(found) if found else 0
        return found[shift:] + found[:shift]

    def engine(self, variant: Variant) -> Engine:
        """The engine of a variant."""
        return next(e for e in self.engines if e.name == variant.engine)

    def plain(self, variant: Variant) -> Variant:
        """The variant that is like it but for filter columns."""
        return self.engine(variant).plain(variant)

    def table(self, variant: Variant) -> str:
        """The table of a variant, in its engine's database."""
        return f"items_{variant.name}"

    def add(
        self, phase: str, variant: str, key: dict, values: dict, rows: int | None = None, notes: list[str] | None = None
    ) -> None:
        """Records a point of this round: key says which, values are its figures."""
        point = {
            "set": self.data.name,
            "metric": self.data.metric,
            "dim": self.data.dim,
            "rows": self.data.rows if rows is None else rows,
            "round": self.round,
            "phase": phase,
            "variant": variant,
            "key": key,
            "values": values,
        }
        if notes:
            point["notes"] = notes
        self.recorder.add(point)

    def latest(self, phase: str, variant: Variant, **key) -> dict | None:
        """The last point of a phase and variant in this round whose key has these values."""
        mine = (phase, self.data.name, self.round, variant.key)
        found = [
            p
            for p in self.recorder.points
            if (p["phase"], p["set"], p["round"], p["variant"]) == mine and key.items() <= p["key"].items()
        ]
        return found[-1] if found else None

    def once(self, message: str) -> None:
        """Tells the user something, the first time."""
        if message not in self.said:
            self.said.add(message)
            self.say(message)

    def value_at_recall(self, variant: Variant, target: float = TARGETS[0]) -> object:
        """The smallest value of the sweep that reached the target recall in this round, else the largest, else the default.

        Of a variant with filter columns it is that of the one without, which has the same graph.
        """
        if variant.search is None:
            return None
        variant = self.plain(variant)
        found = [
            (p["key"]["search"], p["values"]["recall"])
            for p in self.recorder.points
            if p["phase"] == "search"
            and p["set"] == self.data.name
            and p["round"] == self.round
            and p["variant"] == variant.key
            and p["key"]["k"] == self.options.ks[0]
        ]
        if not found:
            return variant.search.default
        return min((value for value, reached in found if reached >= target), default=max(v for v, _ in found))
