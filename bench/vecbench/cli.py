"""The command line: options, checks before anything starts, and the order of a run."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path

from . import data, database, debianroot, document, engines, machine, plots, runner
from .cluster import Cluster, PrivateCluster
from .context import PHASES, Options, Recorder
from .errors import BenchError
from .host import Host
from .progress import plain_say as say
from .truth import METRICS

BENCH = Path(__file__).resolve().parent.parent
QUICK_SET = "sift-10k"


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def parser() -> argparse.ArgumentParser:
    """The options."""
    p = argparse.ArgumentParser(
        prog="bench/run",
        description="Measures vecidx beside pgvector and exact search, in one run on "
        "one machine. bench/README.md says how to read the result.",
    )
    what = p.add_argument_group("what is measured")
    what.add_argument("--quick", action="store_true", help="a small set, few points: some three minutes")
    what.add_argument(
        "--set",
        action="append",
        metavar="NAME|PATH",
        help="a set by name, a directory with base.* and query.*, or an "
        ".fvecs, .bvecs, .npy or .hdf5 file; may be repeated (default: all that are there)",
    )
    what.add_argument("--queries", type=Path, help="a file of queries for a single --set file (default: its last rows)")
    what.add_argument(
        "--metric", choices=METRICS, help="(default: that of the file, else cosine for unit vectors, else l2)"
    )
    what.add_argument("--rows", type=_positive, help="only the first ROWS rows of each set")
    what.add_argument("--engines", metavar="NAME,...", help="only these of bench/engines.toml; each must be there")
    what.add_argument("--engines-file", type=Path, default=BENCH / "engines.toml", help=argparse.SUPPRESS)
    what.add_argument("--phases", metavar="NAME,...", help=f"only these of: {', '.join(PHASES)}")
    what.add_argument("--repeat", type=_positive, help="rounds (3; quick: 2)")
    what.add_argument(
        "--clients",
        type=_positive,
        default=max(2, os.cpu_count() or 1),
        help="N of the runs with N clients (number of cores, at least 2)",
    )
    what.add_argument("--seconds", type=_positive, help="of each pgbench run (5; quick: 1)")
    what.add_argument("--seed", type=int, default=1)
    where = p.add_argument_group("where")
    kind = where.add_mutually_exclusive_group()
    kind.add_argument(
        "--root", type=Path, help="a Debian 13 root to use, made if it is not there (default: bench/cache/root)"
    )
    kind.add_argument(
        "--pg-config",
        type=Path,
        help="use this installed PostgreSQL, with the extensions it has, for a private cluster",
    )
    kind.add_argument("--dsn", help="use this running server; databases named vecbench_* are made and dropped in it")
    where.add_argument("--bindir", help="with --dsn: the directory of pgbench")
    where.add_argument(
        "--mirror", default=None, help="Debian mirror for a new root (debootstrap's own default)"
    )
    where.add_argument(
        "--checkout", type=Path, default=BENCH.parent, help="vecidx source to compile in the root (this checkout)"
    )
    where.add_argument("--shared-buffers", help="of the private cluster (a quarter of memory)")
    where.add_argument("--maintenance-work-mem", help="for builds and VACUUM (three times the vectors, at least 512MB)")
    where.add_argument("--keep", action="store_true", help="leave the private cluster's files")
    out = p.add_argument_group("result")
    out.add_argument("--out", type=Path, help="directory for the result (default: a new one in bench/results)")
    out.add_argument("--resume", action="store_true", help="go on with the run in --out: finished rounds are kept")
    return p


def build_options(a: argparse.Namespace, vector_bytes: int) -> Options:
    """The sizes of a run."""
    phases = frozenset(a.phases.split(",")) if a.phases else frozenset(PHASES)
    if phases - set(PHASES):
        raise BenchError(f"no phase named {', '.join(sorted(phases - set(PHASES)))}; there are: {', '.join(PHASES)}")
    parallel = max(1, (os.cpu_count() or 1) - 1)
    work_mem = a.maintenance_work_mem or f"{max(512, 3 * vector_bytes >> 20)}MB"
    common = dict(
        repeat=a.repeat or (2 if a.quick else 3),
        clients=(1, a.clients) if a.clients > 1 else (1,),
        phases=phases,
        maintenance_work_mem=work_mem,
        seed=a.seed,
    )
    if a.quick:
        return Options(
            quick=True,
            seconds=a.seconds or 1,
            ks=(10,),
            recall_queries=100,
            explain_queries=20,
            filter_queries=20,
            planner_queries=1,
            planner_rows=(1,),
            planner_copies=(1,),
            planner_limits=(10, 1000),
            cold_queries=20,
            insert_rows=200,
            load_rows=20000,
            workers=(parallel,),
            growth=(4,),
            limited_queries=1000,
            inside_queries=100,
            churn_rounds=2,
            dims_copies=(2,),
            **common,
        )
    return Options(
        quick=False,
        seconds=a.seconds or 5,
        ks=(10, 100),
        recall_queries=500,
        explain_queries=50,
        filter_queries=100,
        planner_queries=3,
        planner_rows=(1, 5, 25),
        planner_copies=(1, 4),
        planner_limits=(1, 10, 100, 1000),
        cold_queries=100,
        insert_rows=data.MAX_INSERTS,
        load_rows=200000,
        workers=(0, parallel),
        growth=(8, 4, 2),
        limited_queries=10000,
        inside_queries=500,
        churn_rounds=10,
        dims_copies=(1, 2, 4, 8),
        **common,
    )


def load_sets(a: argparse.Namespace, cache: Path) -> list[data.VectorSet]:
    """Reads the sets that were asked for."""
    checkout = BENCH.parent
    shared, shipped = checkout.parent / "shared" / "data", checkout / "data"
    if a.set:
        paths = [data.find(name, shared, shipped) for name in a.set]
    elif a.quick:
        paths = [data.find(QUICK_SET, shared, shipped)]
    else:
        paths = data.available(shared, shipped)
        if not paths:
            raise BenchError(f"no vector sets in {shared} or {shipped}; name one with --set")
    if a.queries and len(paths) != 1:
        raise BenchError("--queries needs exactly one --set")
    sets = [data.load(p, cache / "truth", a.metric, a.queries, a.rows, 200 if a.quick else None) for p in paths]
    names = [s.name for s in sets]
    if len(set(names)) != len(names):
        raise BenchError(f"two sets have the same name: {', '.join(names)}")
    return sets


def check_space(place: Path, sets: list, chosen: list, shared_buffers: int) -> None:
    """Raises BenchError when disk or memory will not do, before anything is started."""
    disk, memory = machine.estimate_bytes(sets, chosen)
    free = shutil.disk_usage(place).free
    if free < disk:
        raise BenchError(
            f"about {disk >> 20} MB of disk are needed in {place}, {free >> 20} MB are free; use fewer --rows"
        )
    available = machine.memory_bytes("MemAvailable")
    if available and available < memory + shared_buffers // 2:
        raise BenchError(
            f"about {(memory + shared_buffers // 2) >> 20} MB of memory are needed, {available >> 20} MB are available; "
            "use fewer --rows or a smaller --shared-buffers"
        )


def parse_size(text: str) -> int:
    """Bytes of a PostgreSQL memory setting such as 512MB."""
    units = {"kB": 10, "MB": 20, "GB": 30}
    for unit, shift in units.items():
        if text.endswith(unit) and text[:-2].strip().isdigit():
            return int(text[:-2]) << shift
    raise BenchError(f'"{text}" is not a size such as 512MB or 2GB')


def server_settings(shared_buffers: str, preload: list[str]) -> dict[str, str]:
    """Settings of the private cluster, the same for every engine."""
    return {
        "shared_buffers": shared_buffers,
        "shared_preload_libraries": ",".join(preload),
        "max_wal_size": "8GB",
        "checkpoint_timeout": "1h",
        "autovacuum": "off",
        "jit": "off",
        "max_connections": "100",
    }


def open_cluster(
    a: argparse.Namespace, cache: Path, out: Path, chosen: list, shared_buffers: str, held: ExitStack
) -> tuple[Cluster, Host | None]:
    """The cluster to measure in, started if it is to be private; held keeps the lock of a root."""
    if a.dsn:
        return Cluster(a.dsn, a.bindir), None
    if a.pg_config:
        if not a.pg_config.is_file():
            raise BenchError(f"{a.pg_config}: no such program")
        host, config = Host(), str(a.pg_config.resolve())
    else:
        root = (a.root or cache / "root").resolve()
        debianroot.check(root)
        held.enter_context(debianroot.lock(root))
        host = debianroot.prepare(root, a.mirror, out / "root.log", say)
        config = debianroot.PG_CONFIG
        debianroot.install_vecidx(host, a.checkout.resolve(), out / "root.log", say)
    bindir, library = (host.run([config, flag], config).stdout.strip() for flag in ("--bindir", "--pkglibdir"))
    preload = [e.preload for e in chosen if e.preload and host.outside(f"{library}/{e.preload}.so").is_file()]
    return PrivateCluster(host, bindir, server_settings(shared_buffers, preload), a.keep), host


def output_directory(a: argparse.Namespace) -> Path:
    """Where the result goes; must be new unless the run is resumed."""
    if a.resume and a.out is None:
        raise BenchError("--resume needs --out, the directory of the run to go on with")
    out = a.out or BENCH / "results" / (machine.now().replace(":", "") + ("-quick" if a.quick else ""))
    if a.resume and not (out / "points.jsonl").is_file():
        raise BenchError(f"{out} holds no run to resume (no points.jsonl in it)")
    if not a.resume and out.exists() and any(out.iterdir()):
        raise BenchError(f"{out} is not empty; name another directory, or --resume the run in it")
    out.mkdir(parents=True, exist_ok=True)
    return out


def measure(a: argparse.Namespace, held: ExitStack) -> int:
    """A whole run. Returns the exit status. held: what is to be released at the end."""
    cache = Path(os.environ.get("VECBENCH_CACHE", BENCH / "cache"))
    cache.mkdir(parents=True, exist_ok=True)
    names = a.engines.split(",") if a.engines else None
    chosen = engines.load(a.engines_file, names)
    sets = load_sets(a, cache)
    options = build_options(a, max(s.vector_bytes for s in sets))
    parse_size(options.maintenance_work_mem)
    shared_buffers = a.shared_buffers or f"{max(128, machine.memory_bytes() >> 22)}MB"
    check_space(
        cache if not (a.root and a.root.exists()) else a.root, sets, chosen, 0 if a.dsn else parse_size(shared_buffers)
    )
    out = output_directory(a)
    recorder = held.enter_context(closing(Recorder(out / "points.jsonl")))
    recorder.drop_unfinished()
    header: dict = {
        "started": machine.now(),
        "command": without_passwords(["bench/run", *sys.argv[1:]]),
        "options": {**asdict(options), "phases": sorted(options.phases)},
        "titles": {v.key: v.title for e in chosen for v in e.variants},
        "plain": {v.key: e.plain(v).key for e in chosen for v in e.variants if v.columns and v.method},
    }
    interrupted = True
    notices: list[str] = []
    present: list[engines.Engine] = []
    cluster, host = open_cluster(a, cache, out, chosen, shared_buffers, held)
    try:
        present, versions, absent = runner.choose_engines(cluster, chosen, names, say)
        header.update(runner.machine_header(cluster, versions, host, a.checkout.resolve()))
        header["absent"] = absent
        header["source"]["compiled"] = not (a.dsn or a.pg_config)
        interrupted, notices = runner.run(cluster, present, sets, options, recorder, say)
    finally:
        try:
            for engine in present if a.dsn else ():
                database.drop_database(cluster, engine)
        finally:
            cluster.close()
        if recorder.points and "machine" in header:
            header.update(ended=machine.now(), interrupted=interrupted, notices=notices)
            write_results(out, header, recorder)
    failures = sum(1 for p in recorder.points if p["phase"] == "failure")
    if failures:
        say(f"{failures} steps failed; the report names them")
    return 130 if interrupted else 1 if failures else 0


def write_results(out: Path, header: dict, recorder: Recorder) -> None:
    """JSON, table and plots."""
    runner.write_json(out / "result.json", header, recorder)
    (out / "result.md").write_text(document.markdown(header, recorder.points), encoding="utf-8")
    drawn = plots.draw(out, header, recorder.points)
    say(f"wrote {out}/result.md, result.json and {len(drawn)} plots")


def _interrupt(*_) -> None:
    """SIGTERM ends a run as Ctrl-C does: with what was measured so far."""
    raise KeyboardInterrupt


def without_passwords(words: list[str]) -> list[str]:
    """A command line as it may be recorded."""
    hidden = [re.sub(r"(password\s*=\s*)('[^']*'|\S+)", r"\1***", w) for w in words]
    return [re.sub(r"(://[^:/@]*:)[^@]*@", r"\1***@", w) for w in hidden]


def main() -> int:
    """Entry point. 0 done, 1 could not, 2 wrong usage, 130 interrupted."""
    arguments = parser().parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with ExitStack() as held:
            return measure(arguments, held)
    except BenchError as error:
        print(f"bench/run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench/run: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 1
    except subprocess.SubprocessError as error:
        print(f"bench/run: {error}", file=sys.stderr)
        return 1
