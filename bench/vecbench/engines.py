"""Reads engines.toml: which extensions are measured, with which index definitions and settings."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from .errors import BenchError
from .filters import COLUMNS

OPERATORS = {"l2": "<->", "ip": "<#>", "cosine": "<=>"}


@dataclass(frozen=True)
class Search:
    """The setting that trades speed for recall, and the values it is measured at."""

    setting: str
    values: tuple
    default: object
    quick: tuple


@dataclass(frozen=True)
class Variant:
    """An index definition of an engine, or exact search when method is None."""

    engine: str
    name: str
    title: str
    method: str | None = None
    options: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    search: Search | None = None
    filters: dict[str, dict[str, str]] = field(default_factory=dict)
    min_rows: int = 0
    max_rows: int | None = None
    only_full: bool = False
    type: str = "vector"
    # filter columns: of the index, behind the vector; without method, of btree indexes of their own
    columns: tuple[str, ...] = ()
    # more cannot be indexed; None: as many as the bench has
    max_dims: int | None = None
    prewarm: str | None = None  # a statement

    @property
    def key(self) -> str:
        return f"{self.engine}/{self.name}"

    def fits(self, rows: int) -> bool:
        """Whether the engine's documentation recommends this variant for a table of that size."""
        return self.min_rows <= rows and (self.max_rows is None or rows <= self.max_rows)

    def values(self, quick: bool) -> tuple:
        """The sweep; (None,) for exact search, which has nothing to choose."""
        if self.search is None:
            return (None,)
        return self.search.quick if quick else self.search.values

    def create_index(self, index: str, table: str, metric: str, rows: int) -> str:
        """The CREATE INDEX statement."""
        lists = max(1, rows // 1000 if rows <= 1_000_000 else round(4 * math.sqrt(rows)))
        options = (
            f" WITH ({self.options.replace('{rows}', str(rows)).replace('{lists}', str(lists))})"
            if self.options
            else ""
        )
        keys = ", ".join([f"embedding {self.type}_{metric}_ops", *self.columns])
        return f"CREATE INDEX {index} ON {table} USING {self.method} ({keys}){options}"

    def session(self, value: object, extra: dict[str, str] | None = None) -> dict[str, str]:
        """Settings of a search session at one value of the sweep."""
        rescore = str(max(50, value) if isinstance(value, int) else 50)
        settings = {k: v.replace("{rescore}", rescore) for k, v in self.settings.items()}
        if self.search is not None and value is not None:
            settings[self.search.setting] = str(value)
        settings.update(extra or {})
        return settings


@dataclass(frozen=True)
class Engine:
    """An extension, in a database of its own."""

    name: str
    title: str
    extension: str
    preload: str | None
    variants: tuple[Variant, ...]

    @property
    def database(self) -> str:
        return f"vecbench_{self.name}"

    def plain(self, variant: Variant) -> Variant:
        """The variant that differs in having no filter columns; the variant itself where it has none."""
        kind = (variant.method, variant.type, variant.options)
        return next((v for v in self.variants if (v.method, v.type, v.options) == kind and not v.columns), variant)


def _variant(engine: str, name: str, entry: dict, source: str) -> Variant:
    known = {
        "title",
        "method",
        "columns",
        "with",
        "set",
        "search",
        "filters",
        "min_rows",
        "max_rows",
        "max_dims",
        "prewarm",
        "only_full",
        "type",
    }
    unknown = entry.keys() - known
    if unknown:
        raise BenchError(f"{source}: {engine}.variants.{name} has unknown keys: {', '.join(sorted(unknown))}")
    search = None
    if "search" in entry:
        try:
            given = entry["search"]
            search = Search(given["setting"], tuple(given["values"]), given["default"], tuple(given["quick"]))
        except KeyError as error:
            raise BenchError(f"{source}: {engine}.variants.{name}.search lacks {error}") from error
    elif entry.get("method"):
        raise BenchError(f"{source}: {engine}.variants.{name} has an index but no search setting")
    columns = tuple(entry.get("columns", ()))
    if set(columns) - set(COLUMNS):
        raise BenchError(f"{source}: {engine}.variants.{name}.columns: there are {', '.join(COLUMNS)}")
    filters = {n: {k: str(v) for k, v in s.items()} for n, s in entry.get("filters", {"default": {}}).items()}
    return Variant(
        engine,
        name,
        entry.get("title", f"{engine} {name}"),
        entry.get("method"),
        entry.get("with", ""),
        {k: str(v) for k, v in entry.get("set", {}).items()},
        search,
        filters,
        entry.get("min_rows", 0),
        entry.get("max_rows"),
        entry.get("only_full", False),
        entry.get("type", "vector"),
        columns,
        entry.get("max_dims"),
        entry.get("prewarm"),
    )


def load(path: Path, only: list[str] | None = None) -> list[Engine]:
    """The engines of the file, or those named in only. Raises BenchError for unknown names or malformed entries."""
    try:
        with open(path, "rb") as file:
            content = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BenchError(f"{path}: {error}") from error
    engines = []
    for name, entry in content.items():
        if not name.replace("_", "").isalnum() or "extension" not in entry or not entry.get("variants"):
            raise BenchError(f"{path}: [{name}] needs a plain name, an extension and variants")
        variants = tuple(_variant(name, v, e, str(path)) for v, e in entry["variants"].items())
        engines.append(Engine(name, entry.get("title", name), entry["extension"], entry.get("preload"), variants))
    missing = set(only or ()) - {e.name for e in engines}
    if missing:
        raise BenchError(
            f"{path}: no engine named {', '.join(sorted(missing))}; there are: {', '.join(e.name for e in engines)}"
        )
    return [e for e in engines if not only or e.name in only]
