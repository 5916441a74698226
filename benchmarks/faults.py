"""Kill, interrupt and terminate commands at random moments, take their disk away, and look at what is left.

    python benchmarks/faults.py [--commands area volume ...] [--kinds SIGKILL ...] [--tries 50] [--disks]

Prints one JSON line for each command, kind of end and state of the folder before (empty, or full of former results):
how many tries found the former files, the new ones or anything else, by the checksums of all files and by
``metrics.json`` without its seconds, and after what time the process was gone. Half of the moments are spread over the
run, half over the writing of the files, which is much shorter. ``--disks`` runs every command on a file system that is
full or read-only; it needs the right to mount one.
"""

import argparse
import hashlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from meshot.formats.write.vtu import write_vtu

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
import shapes

DATA = Path(__file__).resolve().parent.parent / "data"
KINDS = {"SIGKILL": signal.SIGKILL, "SIGINT": signal.SIGINT, "SIGTERM": signal.SIGTERM}
# For each command what stands before its output, what makes the former results different, and the output itself.
COMMANDS = {
    "area": (["area", "{mesh}"], ["--area-weight", "0.5"], "out"),
    "conformal": (["conformal", "{mesh}"], ["--normalize", "none"], "out"),
    "volume": (["volume", "{solid}"], ["--tol-volume", "0.5"], "out"),
    "sample": (["sample", "{mesh}", "-n", "20000"], ["--seed", "7"], "out.npy"),
}
TIMED = ("seconds", "command", "options", "run")


class Try:
    """A command, its inputs, and what it leaves in a folder of its own."""

    def __init__(self, command: str, mesh: Path, work: Path) -> None:
        behind, self.others, self.name = COMMANDS[command]
        solid = work / "solid.vtu"
        if command == "volume" and not solid.exists():
            write_solid(solid)
        self.arguments = [word.format(mesh=mesh, solid=solid) for word in behind]
        self.folder = work / "place"
        self.folder.mkdir()
        self.out = self.folder / self.name

    def start(self, *more: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "meshot", *self.arguments, "-o", str(self.out), *more]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def finish(self, *more: str) -> tuple[float, dict[str, str]]:
        """Run to the end; return the seconds and what is in the folder then."""
        begin = time.perf_counter()
        if self.start(*more).wait() != 0:
            raise RuntimeError("the run that was to be interrupted does not succeed on its own")
        return time.perf_counter() - begin, contents(self.folder)

    def put_back(self, kept: Path | None) -> None:
        """Make the folder hold what it held before."""
        shutil.rmtree(self.folder)
        if kept is None:
            self.folder.mkdir()
        else:
            shutil.copytree(kept, self.folder)


def write_solid(path: Path) -> None:
    solid = shapes.dumbbell_solid(2)
    write_vtu(path, solid.vertices, solid.tetrahedra)


def contents(folder: Path) -> dict[str, str]:
    """Hash every file that is not hidden; of metrics what does not change from run to run, of reports their length."""
    hashes = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_dir() or name.startswith("."):
            continue
        data = path.read_bytes()
        if path.name == "metrics.json":
            figures = json.loads(data)
            data = json.dumps({key: value for key, value in figures.items() if key not in TIMED}).encode()
        elif path.name == "report.html":
            data = b"whole" if data.rstrip().endswith(b"</html>") else b"cut off"
        hashes[name] = hashlib.sha256(data).hexdigest()
    return hashes


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


def try_often(attempt: Try, kind: str, full: bool, tries: int, rng: np.random.Generator) -> dict[str, object]:
    """Strike a command many times; return what became of its files."""
    kept = attempt.folder.parent / "former" if full else None
    whole, new = attempt.finish()
    attempt.put_back(None)
    _, former = attempt.finish(*attempt.others)
    if kept is None:
        former = {}
    else:
        shutil.copytree(attempt.folder, kept)
    outcomes: Counter[str] = Counter()
    codes, hidden = Counter[str](), Counter[str]()
    took = []
    for k in range(tries):
        attempt.put_back(kept)
        process = attempt.start()
        moment = rng.uniform(0, whole) if k % 2 else rng.uniform(0, 0.2)
        spent = strike(process, attempt.folder, kind, moment, writing=k % 2 == 0)
        words = (process.stderr.read() if process.stderr else b"").decode()
        found = contents(attempt.folder)
        outcome = "former" if found == former else "new" if found == new else "mixed"
        outcomes[outcome if spent is not None else f"finished before: {outcome}"] += 1
        outcomes["traceback"] += "Traceback" in words
        outcomes["untrue"] += "nothing was written" in words and outcome != "former"
        hidden["left behind"] += any(path.name.startswith(".") for path in attempt.folder.iterdir())
        if spent is not None:
            took.append(spent)
            codes[str(process.returncode)] += 1
    attempt.finish()
    hidden["left behind by the run after all"] = sum(p.name.startswith(".") for p in attempt.folder.iterdir())
    return {
        "tries": tries,
        "outcomes": dict(outcomes),
        "exit_codes": dict(codes),
        "seconds_of_a_run": whole,
        "seconds_to_end": {"median": float(np.median(took)), "most": float(np.max(took))} if took else None,
        "hidden": dict(hidden),
    }


# ---------------------------------------------------------------------------------------------------------------------
# disks

DISKS = {"full": "size=40k", "read-only": "size=4m"}


def on_disk(attempt: Try, kind: str) -> dict[str, object]:
    """Run a command into a file system that takes no files."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", DISKS[kind], "tmpfs", str(attempt.folder)], check=True)
    try:
        former = attempt.out if attempt.out.suffix else attempt.out / "metrics.json"
        former.parent.mkdir(exist_ok=True)
        former.write_text("{}")
        if kind == "read-only":
            subprocess.run(["mount", "-o", "remount,ro", str(attempt.folder)], check=True)
        process = attempt.start()
        words = process.communicate()[1].decode()
        left = sorted(str(path.relative_to(attempt.folder)) for path in attempt.folder.rglob("*") if path.is_file())
        kept = left == [str(former.relative_to(attempt.folder))] and former.read_text() == "{}"
    finally:
        subprocess.run(["umount", str(attempt.folder)], check=True)
    return {"exit_code": process.returncode, "sentence": words.strip(), "former_file_alone": kept}


def report(command: str, kind: str, before: str, figures: dict[str, Any]) -> None:
    print(json.dumps({"command": command, "kind": kind, "before": before, **figures}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mesh", type=Path, default=DATA / "cap.ply")
    parser.add_argument("--tries", type=int, default=50)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=KINDS)
    parser.add_argument("--commands", nargs="*", default=list(COMMANDS), choices=COMMANDS)
    parser.add_argument("--before", nargs="*", default=["empty", "full"], choices=["empty", "full"])
    parser.add_argument("--disks", action="store_true")
    options = parser.parse_args()
    for command in options.commands:
        for kind in DISKS if options.disks else []:
            with tempfile.TemporaryDirectory() as folder:
                report(command, kind, "full", on_disk(Try(command, options.mesh.resolve(), Path(folder)), kind))
        for kind in options.kinds:
            for before in options.before:
                with tempfile.TemporaryDirectory() as folder:
                    attempt = Try(command, options.mesh.resolve(), Path(folder))
                    rng = np.random.default_rng(0)
                    report(command, kind, before, try_often(attempt, kind, before == "full", options.tries, rng))


if __name__ == "__main__":
    main()
