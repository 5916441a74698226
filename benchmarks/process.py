"""Measure whole processes: ``python benchmarks/process.py [MESH ...] [--repeat N] [--demo]``.

Prints a row of a Markdown table for `meshot area` on each mesh: seconds by the clock, processor seconds of all threads
and peak memory of the process, from the start of Python to the written report; medians, after a run that may compile
and is not counted. Without a mesh it takes two of the demo meshes. `--demo` runs `meshot demo` instead, first with an
empty cache of kernels, as on a new machine, then with that cache.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from meshot.app.demo import demo_mesh

HEADER = "| command | wall s | CPU s | peak MiB | runs |\n| --- | --- | --- | --- | --- |"


def measure(arguments: list[str], environment: dict[str, str]) -> tuple[float, float, float]:
    """Run `meshot` with these arguments: seconds by the clock, processor seconds, peak memory in MiB."""
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "meshot", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | environment,
    ) as process:
        assert process.stderr is not None
        messages = process.stderr.read()
        # What the operating system says of this one child; `resource.getrusage` would mix it with those before.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"meshot {' '.join(arguments)} ended with {process.returncode}: {messages.decode().strip()}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def row(name: str, runs: list[tuple[float, float, float]]) -> str:
    """Return a row of the table: medians over the runs."""
    wall, processor, peak = map(statistics.median, zip(*runs, strict=True))
    return f"| {name} | {wall:.1f} | {processor:.1f} | {peak:.0f} | {len(runs)} |"


def measure_area(path: Path, repeat: int, folder: str) -> str:
    """Return the row of one mesh."""
    arguments = ["area", str(path), "-o", f"{folder}/{path.stem}"]
    measure(arguments, {})
    return row(f"meshot area {path.name}", [measure(arguments, {}) for _ in range(repeat)])


def measure_demo(repeat: int, folder: str) -> list[str]:
    """Return the rows of the demo: with an empty cache, then with that."""
    runs: list[list[tuple[float, float, float]]] = [[], []]
    for k in range(repeat):
        for each in runs:
            each.append(measure(["demo", "-o", f"{folder}/demo"], {"NUMBA_CACHE_DIR": f"{folder}/kernels{k}"}))
    return [row(f"meshot demo, {name}", each) for name, each in zip(("empty cache", "again"), runs, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("meshes", nargs="*", type=Path, metavar="MESH")
    parser.add_argument("--repeat", type=int, default=3, help="runs counted of each command")
    parser.add_argument("--demo", action="store_true", help="the demo instead, with an empty cache and again")
    arguments = parser.parse_args()
    print(HEADER, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        if arguments.demo:
            print(*measure_demo(arguments.repeat, folder), sep="\n")
            return
        for path in arguments.meshes or [demo_mesh("face"), demo_mesh("brain")]:
            print(measure_area(path, arguments.repeat, folder), flush=True)


if __name__ == "__main__":
    main()
