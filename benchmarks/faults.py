"""Kill, interrupt and terminate ``meshot area`` at random moments, and look at what is left.

    python benchmarks/faults.py [--tries 50] [MESH]

Prints one JSON line for each kind of end: how many tries found the former files, the new ones or anything else in the
folder, and after what time the process was gone. Half of the moments are spread over the run, half over the writing of
the files, which is much shorter.
"""

import argparse
import hashlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parent.parent / "data"
KINDS = {"SIGKILL": signal.SIGKILL, "SIGINT": signal.SIGINT, "SIGTERM": signal.SIGTERM}


def start(mesh: Path, out: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "meshot", "area", str(mesh), "-o", str(out), *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def files(out: Path) -> dict[str, str]:
    """Hash every file but those that hold times."""
    timed = ("metrics.json", "report.html")
    return {
        path.name: "" if path.name in timed else hashlib.sha256(path.read_bytes()).hexdigest() for path in out.iterdir()
    }


def finish(mesh: Path, out: Path, *options: str) -> float:
    """Run to the end; return the seconds."""
    begin = time.perf_counter()
    if start(mesh, out, *options).wait() != 0:
        raise RuntimeError("the run that was to be interrupted does not succeed on its own")
    return time.perf_counter() - begin


def strike(process: subprocess.Popen[bytes], folder: Path, kind: str, moment: float, writing: bool) -> float | None:
    """Send the signal at a moment, counted from the first unfinished file if `writing`; return the seconds it took."""
    if writing:
        while process.poll() is None and not any(path.name.endswith(".part") for path in folder.iterdir()):
            time.sleep(0.0005)
    time.sleep(moment)
    if process.poll() is not None:
        return None
    begin = time.perf_counter()
    process.send_signal(KINDS[kind])
    process.wait()
    return time.perf_counter() - begin


def try_often(mesh: Path, folder: Path, kind: str, tries: int, rng: np.random.Generator) -> dict[str, object]:
    out = folder / "out"
    new, former = folder / "new", folder / "former"
    finish(mesh, former, "--area-weight", "0.5")
    whole = finish(mesh, new)
    outcomes: Counter[str] = Counter()
    took, codes = [], Counter[int]()
    for k in range(tries):
        if not out.exists() or files(out) != files(former):
            finish(mesh, out, "--area-weight", "0.5")
        process = start(mesh, out)
        moment = rng.uniform(0, whole) if k % 2 else rng.uniform(0, 0.15)
        spent = strike(process, folder, kind, moment, writing=k % 2 == 0)
        words = (process.stderr.read() if process.stderr else b"").decode()
        if spent is None:
            outcomes["finished before"] += 1
            continue
        took.append(spent)
        codes[process.returncode] += 1
        found = files(out)
        outcomes["former" if found == files(former) else "new" if found == files(new) else "mixed"] += 1
        outcomes["traceback"] += "Traceback" in words
    return {
        "signal": kind,
        "mesh": mesh.name,
        "tries": tries,
        "outcomes": dict(outcomes),
        "exit_codes": {str(code): count for code, count in codes.items()},
        "seconds_to_end": {"median": float(np.median(took)), "most": float(np.max(took))},
        "left_behind": sorted(path.name for path in folder.iterdir() if path.name not in ("out", "new", "former")),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mesh", type=Path, nargs="?", default=DATA / "cap.ply")
    parser.add_argument("--tries", type=int, default=50)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    options = parser.parse_args()
    for kind in options.kinds:
        with tempfile.TemporaryDirectory() as folder:
            figures = try_often(options.mesh, Path(folder), kind, options.tries, np.random.default_rng(0))
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
