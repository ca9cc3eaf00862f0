"""coverage.py TREE [--lines]: reads what gcov knows of a tree that tools/coverage has built and run, and prints it."""
import collections
import gzip
import json
import pathlib
import re
import subprocess
import sys
import tempfile

RAISES = re.compile(r"\b(ereport|elog|vecgraph_corrupted|broken|float_overflow_error|float_underflow_error|out_of_range|malformed)\s*\(")


def counters(tree):
    """{file: {line: count}} and {file: {function: (line, count)}}, summed over all objects that have the file in them."""
    lines = collections.defaultdict(collections.Counter)
    functions = collections.defaultdict(dict)
    for data in sorted(tree.rglob("*.gcda")):
        with tempfile.TemporaryDirectory() as out:
            subprocess.run(["gcov", "--json-format", "--object-directory", str(data.parent), str(data)], cwd=out, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for report in pathlib.Path(out).glob("*.gcov.json.gz"):
                base = json.loads(gzip.decompress(report.read_bytes()))
                for file in base["files"]:
                    path = (pathlib.Path(base["current_working_directory"]) / file["file"]).resolve()
                    if tree / "src" not in path.parents:
                        continue
                    name = str(path.relative_to(tree))
                    for line in file["lines"]:
                        lines[name][line["line_number"]] += line["count"]
                    for function in file["functions"]:
                        _, count = functions[name].get(function["name"], (0, 0))
                        functions[name][function["name"]] = (function["start_line"], count + function["execution_count"])
    return lines, functions


def main():
    tree = pathlib.Path(sys.argv[1]).resolve()
    every_line = "--lines" in sys.argv
    lines, functions = counters(tree)
    print("\n== lines that were run")
    for name, counts in sorted(lines.items()):
        run = sum(count > 0 for count in counts.values())
        print(f"{100 * run / len(counts):5.1f} %  {run:5} of {len(counts):5}  {name}")
    total = sum(len(c) for c in lines.values())
    run = sum(count > 0 for c in lines.values() for count in c.values())
    print(f"{100 * run / max(total, 1):5.1f} %  {run:5} of {total:5}")
    print("\n== functions that never ran")
    for name, found in sorted(functions.items()):
        for function, (line, count) in sorted(found.items(), key=lambda item: item[1]):
            if count == 0:
                print(f"{name}:{line}: {function}")
    print("\n== " + ("lines that never ran" if every_line else "errors that were never raised"))
    for name, counts in sorted(lines.items()):
        text = (tree / name).read_text().splitlines()
        for number, count in sorted(counts.items()):
            if count == 0 and (every_line or RAISES.search(text[number - 1])):
                print(f"{name}:{number}: {text[number - 1].strip()}")


main()
