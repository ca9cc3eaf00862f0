"""The Markdown document of a run: what was measured where, then the report of each set."""

from __future__ import annotations

from .report import Report
from .tables import distinct, markdown_table, number, select

HOW_TO_READ = (
    "Figures are medians over the rounds [lowest–highest]. Ratios are taken within each round; above 1 vecidx is better, and "
    "*better* or *worse* is said only where all rounds agree (with a single round any difference above 2 % is). "
    '"Curve starts above": even the smallest setting reaches the target, so the engine might do better with less.'
)


def environment(header: dict, points: list[dict]) -> list[list[str]]:
    """Rows of the table of machine, versions and settings."""
    machine, server, source = (header.get(n, {}) for n in ("machine", "server", "source"))
    hardware = [
        f"{machine.get('cpu')}, {machine.get('cores')} cores{', virtual' if machine.get('hypervisor') else ''}",
        f"{number(machine.get('memory_bytes', 0) / (1 << 30))} GB",
        " ".join(machine.get("simd", [])),
        f"Linux {machine.get('kernel')}",
    ]
    code = f"commit {source.get('commit') or 'unknown'}"
    code += f"{' with uncommitted changes' if source.get('modified') else ''}, contents {source.get('source_hash')}"
    if not source.get("compiled", True):
        code += " (the checkout: the server had vecidx installed before)"
    settings = [f"{name}={value}" for name, value in server.get("settings", {}).items() if value]
    settings.append(f"builds: maintenance_work_mem={header['options']['maintenance_work_mem']}")
    load = [number(p["values"]["one_minute"]) for p in select(points, phase="load_average")]
    return [
        ["command", f"`{' '.join(header['command'])}`"],
        ["time", f"{header['started']} to {header.get('ended', '?')}"],
        ["machine", ", ".join(hardware)],
        ["load average", f"{', '.join(load)} at the start of the rounds"],
        ["server", str(server.get("version"))],
        ["extensions", ", ".join(f"{name} {version}" for name, version in server.get("extensions", {}).items())],
        ["vecidx source", code],
        ["settings", ", ".join(settings)],
    ]


def of_set(header: dict, points: list[dict], name: str) -> list[str]:
    """The chapter of one set: failures, tables, and what the server said."""
    rows, rounds = max(p["rows"] for p in points), len({p["round"] for p in points})
    shape = f"{rows:,} x {points[0]['dim']}, {points[0]['metric']}"
    lines = [f"## {name}: {shape}, {rounds} round{'s' if rounds > 1 else ''}", ""]
    for p in select(points, phase="failure"):
        lines += [f"- **failed:** {p['variant']} (round {p['round']}): {p['values']['message']}", ""]
    lines += Report(header, points, name).lines()
    said = distinct(f"- {p['variant']}: {note}" for p in points for note in p.get("notes", []))
    return lines + (["Said by the server during builds:", "", *said, ""] if said else [])


def markdown(header: dict, points: list[dict]) -> str:
    """The document of a run."""
    lines = ["# Benchmark of vecidx", ""]
    if header.get("interrupted"):
        lines += ["**This run was interrupted.** What follows is what had been measured by then.", ""]
    lines += markdown_table(["", ""], environment(header, points))
    lines += [f"- {line}" for line in [*header.get("absent", []), *header.get("notices", [])]]
    lines += ["", HOW_TO_READ, ""]
    for name in distinct(p["set"] for p in points):
        lines += of_set(header, select(points, set=name), name)
    return "\n".join(lines) + "\n"
