"""``meshot area`` on files that went wrong, as a process: exit codes, words, and what is left behind."""

import os
import subprocess
import sys
from pathlib import Path

CODES = {0: "done", 2: "refused", 3: "not converged", 4: "cannot read or write"}


def command(path: Path, out: Path) -> tuple[int, list[str]]:
    """Run ``meshot area PATH -o OUT``; return its exit code and the promises that it broke.

    `path` and `out` stand in the same folder, in which there is nothing else, and which has two above it that nobody
    else writes to.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = [sys.executable, "-m", "meshot", "area", str(path), "-o", str(out)]
    done = subprocess.run(arguments, env=environment, cwd=path.parent, capture_output=True, check=False)
    words = done.stderr.decode(errors="backslashreplace")
    broken = []
    if done.returncode not in CODES:
        broken.append(f"exit code {done.returncode}")
    if "Traceback" in words or words.count("\n") != (done.returncode != 0):
        broken.append(f"no sentence: {words[-300:]}")
    if done.returncode in (2, 4) and out.exists():
        broken.append("a folder of a run that was refused")
    top = path.parents[2]
    strangers = {str(each.relative_to(top)) for each in top.rglob("*") if out not in (each, *each.parents)}
    if strangers != {str(each.relative_to(top)) for each in (path, path.parents[0], path.parents[1])}:
        broken.append(f"left behind: {sorted(strangers)}")
    return done.returncode, broken
