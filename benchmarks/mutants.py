"""Read, check and map files that went wrong, and count what came of them.

    python benchmarks/mutants.py [--count 10000] [--start 0] [--seed 0] [--processes 2] [--keep FOLDER]

The mutants are those of `tests/fuzz`: mutant N of a seed is the same on every machine, so that a run can be split into
ranges, and one mutant be looked at again. Prints a JSON line for every mutant on which a promise was broken, with its
number, and one at the end that counts outcomes by format. Seconds are of the processor.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "fuzz"), str(ROOT / "tests")]

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
                return number, made, watch.try_file(made.suffix, made.data)
            finally:
                idle.put(watch)

        yield from pool.map(run, numbers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder for the files on which a promise was broken")
    options = parser.parse_args()
    outcomes: Counter[tuple[str, str]] = Counter()
    most = {"seconds": 0.0, "bytes": 0}
    numbers = range(options.start, options.start + options.count)
    for number, made, told in tried(options.seed, numbers, options.processes):
        outcomes[made.suffix, told.outcome] += 1
        most = {"seconds": max(most["seconds"], told.seconds), "bytes": max(most["bytes"], told.bytes)}
        if told.outcome in BROKEN or (options.keep and told.outcome == "not mapped"):
            row = {"number": number, "kind": made.kind, "changes": made.changes, **vars(told)}
            print(json.dumps(row), flush=True)
            if options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                (options.keep / f"{options.seed}-{number}.{made.suffix}").write_bytes(made.data)
    table: dict[str, dict[str, int]] = {}
    for (suffix, outcome), count in sorted(outcomes.items()):
        table.setdefault(suffix, {})[outcome] = count
    print(json.dumps({"seed": options.seed, "mutants": options.count, "outcomes": table, "most": most}))


if __name__ == "__main__":
    main()
