"""Read, check and map files that went wrong, and count what came of them.

    python benchmarks/mutants.py [--count 10000] [--start 0] [--seed 0] [--processes 2] [--keep FOLDER] [--commands]

The mutants are those of `tests/fuzz`: mutant N of a seed is the same on every machine, so that a run can be split into
ranges, and one mutant be looked at again. Prints a JSON line, with its number, for every mutant on which a promise was
broken, or which `check` accepted and no map could be made of; and one at the end that counts outcomes by format.
Seconds are of the processor. The exit code is 1 if a promise was broken. `--commands` has the command ``meshot area``
try them instead, a process each.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "fuzz"), str(ROOT / "tests")]

from commanding import CODES, command  # noqa: E402
from mutating import Mutant, mutant  # noqa: E402
from watching import BROKEN, Told, Watch  # noqa: E402


def tried(seed: int, numbers: range, processes: int) -> Iterator[tuple[int, Mutant, Told]]:
    """Try the mutants in so many processes; yield what came of each, in order."""
    with ExitStack() as stack, ThreadPoolExecutor(processes) as pool:
        idle: SimpleQueue[Watch] = SimpleQueue()
        for _ in range(processes):
            idle.put(stack.enter_context(Watch()))

        def run(number: int) -> tuple[int, Mutant, Told]:
            made = mutant(seed, number)
            watch = idle.get()
            try:
                return number, made, watch.try_file(made.suffix, made.data, made.area)
            finally:
                idle.put(watch)

        yield from pool.map(run, numbers)


def commanded(seed: int, numbers: range) -> Iterator[tuple[int, Mutant, Told]]:
    """Try the mutants by ``meshot area``; yield what came of each, in order."""
    for number in numbers:
        made = mutant(seed, number)
        with tempfile.TemporaryDirectory(prefix="meshot-trial-") as top:
            path = Path(top) / "above" / "folder" / f"mesh.{made.suffix}"
            path.parent.mkdir(parents=True)
            path.write_bytes(made.data)
            code, broken = command(path, path.parent / "out")
        yield number, made, Told("fault", "; ".join(broken)) if broken else Told(CODES[code], "")


def report(made: Mutant, number: int, told: Told, keep: Path | None) -> None:
    """Print what came of a mutant, and keep its file where a folder is given."""
    row = {"number": number, "kind": made.kind, "changes": made.changes, **vars(told)}
    print(json.dumps(row), flush=True)
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{number}.{made.suffix}").write_bytes(made.data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder for the reported files")
    parser.add_argument("--commands", action="store_true", help="by processes of the command line")
    options = parser.parse_args()
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    most = {"seconds": 0.0, "reading": 0.0, "bytes": 0}
    results = commanded if options.commands else partial(tried, processes=options.processes)
    for number, made, told in results(options.seed, range(options.start, options.start + options.count)):
        outcomes[made.suffix][told.outcome] += 1
        most = {name: max(value, getattr(told, name)) for name, value in most.items()}
        if told.outcome in (*BROKEN, "not mapped"):
            report(made, number, told, options.keep)
    print(json.dumps({"seed": options.seed, "mutants": options.count, "outcomes": outcomes, "most": most}))
    sys.exit(any(counts[outcome] for counts in outcomes.values() for outcome in BROKEN))


if __name__ == "__main__":
    main()
