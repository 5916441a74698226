"""Check, map, sample and fill every mesh that installed packages ship, and count what came of it.

    python benchmarks/corpus.py [FOLDER ...] [--results FILE] [--steps check disk ...] [--seconds 120] [--table]

Meshes are the files with a suffix that meshot reads among those of the installed Python packages, and below the folders
given, whose subfolders count as packages; files of equal content count once. Each goes through ``meshot check``, then,
by what that says, through ``area`` to the disk and the sphere, ``sample`` and ``volume``, smallest first, in a process
that is started anew when it dies or takes too long. Prints a JSON line a step and keeps it in the file of results;
steps that stand there are not done again. ``--table`` prints a table of what the file holds, and every miss, instead.

What a map is worth is computed anew from the files that the command wrote. A miss is a crash, a traceback, a command
that does not end, a map that is refused where ``check`` found no problem or made where it found one, a face that is
flipped, a standard deviation of the area ratios above the tolerance, exit code 3, or more than 60 s for less than
100,000 faces.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import select
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import numpy as np

from meshot.app.cli import main as meshot
from meshot.base.settings import TOL_AREA
from meshot.formats.registry import FORMATS

POINTS = 1000
OUT = {"disk": "disk", "sphere": "sphere", "sample": "points.npy", "volume": "ball"}
ARGUMENTS = {
    "check": ["check", "--json"],
    "disk": ["area", "--json"],
    "sphere": ["area", "--to", "sphere", "--json"],
    "sample": ["sample", "-n", str(POINTS), "--json"],
    "volume": ["volume", "--json"],
}
BROKEN = ("crash", "traceback", "no end")
CODES = {0: "done", 2: "refused", 3: "exit 3", 4: "no access"}
SLOW_SECONDS, SLOW_FACES = 60, 100_000
START_SECONDS = 600.0
"""What the first step of a process may take besides: kernels may be compiled."""


# ---------------------------------------------------------------------------------------------------------------------
# the meshes


def found(folders: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Yield the packages and paths of meshes, smallest first, each content once."""
    meshes = [*in_packages(), *(each for folder in folders for each in below(folder))]
    known = set()
    for package, path in sorted(meshes, key=lambda each: (each[1].stat().st_size, str(each[1]))):
        digest = hashlib.sha256(path.read_bytes()).digest()
        if digest not in known:
            known.add(digest)
            yield package, path


def in_packages() -> Iterator[tuple[str, Path]]:
    """Yield the meshes of the Python packages that are installed."""
    for each in distributions():
        for file in each.files or ():
            path = Path(str(each.locate_file(file)))
            if file.suffix.lower() in FORMATS and path.is_file() and each.name != "meshot":
                yield each.name, path


def below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the meshes of a folder; what stands in a folder of its own there is a package."""
    for path in folder.rglob("*"):
        if path.suffix.lower() in FORMATS and path.is_file():
            inside = path.relative_to(folder).parts
            yield (inside[0] if len(inside) > 1 else folder.name), path


# ---------------------------------------------------------------------------------------------------------------------
# one command, in a process that can die


def work() -> None:
    """Run the commands whose arguments come in, and answer each by a line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what libraries print there is nobody's answer
    for line in sys.stdin:
        said, shown = io.StringIO(), io.StringIO()
        begin = time.perf_counter()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(shown):
            try:
                code: int | None = meshot(json.loads(line))
            except BaseException:  # whatever a command lets through is what is looked for
                code = None
                traceback.print_exc()
        answer = {"code": code, "figures": said.getvalue(), "words": shown.getvalue()}
        answers.write(json.dumps(answer | {"seconds": round(time.perf_counter() - begin, 2)}) + "\n")
        answers.flush()


class Worker:
    """The process that runs the commands, started anew when it has died."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.process = seconds, None
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  (as long as this lives)

    def run(self, arguments: Sequence[str]) -> dict[str, Any]:
        """Return the answer to a command, or what became of the process."""
        allowed = self.seconds
        if self.process is None:
            command = [sys.executable, __file__, "--work"]
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True
            )
            allowed += START_SECONDS
        begin = time.perf_counter()
        self.process.stdin.write(json.dumps([str(each) for each in arguments]) + "\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], allowed)[0]:
            self.end()
            return {"outcome": "no end", "seconds": self.seconds}
        line = self.process.stdout.readline()
        if line:
            answer = json.loads(line)
            answer["outcome"] = "traceback" if answer["code"] is None else CODES.get(answer["code"], "crash")
            return answer
        code = self.process.wait()
        self.errors.seek(0)
        words = f"ended with {code}: {self.errors.read().decode(errors='replace')[-500:]}"
        self.end()
        return {"outcome": "crash", "words": words, "seconds": round(time.perf_counter() - begin, 2)}

    def end(self) -> None:
        """End the process, if there is one."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


# ---------------------------------------------------------------------------------------------------------------------
# what a map is worth


def worth(folder: Path) -> dict[str, Any]:
    """Return what the written map of a surface keeps of the areas, computed from its corners alone."""
    with np.load(folder / "map.npz") as kept:
        faces, image = kept["faces"], kept["uv"]
        source = kept["vertices"][kept["source_vertex"]] if "source_vertex" in kept else kept["vertices"]
    surface = np.linalg.norm(np.cross(*edges(source[faces])), axis=1)
    a, b, c = np.moveaxis(image[faces], 1, 0)
    if image.shape[1] == 2:
        (x, y), (z, w) = (b - a).T, (c - a).T
        areas = x * w - y * z
    else:
        below = 1 + (a * b).sum(axis=1) + (b * c).sum(axis=1) + (c * a).sum(axis=1)
        areas = 2 * np.arctan2((a * np.cross(b, c)).sum(axis=1), below)
    ratios = (areas / areas.sum() / (surface / surface.sum()))[surface > 0]
    spread = float(np.sqrt(np.average((ratios - 1) ** 2, weights=surface[surface > 0])))
    return {"sd": spread, "worst": float(np.abs(ratios - 1).max()), "flipped": int((areas < 0).sum())}


def edges(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the two edges of each triangle that leave its first corner."""
    return corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]


def figures_of(step: str, folder: Path, figures: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of a step that say what came of it."""
    if step == "check":
        names = ("ok", "faces", "tetrahedra", "boundary_loops")
        kinds = [each["kind"] for each in figures["problems"]]
        return {name: figures[name] for name in names if name in figures} | {"problems": kinds}
    if step == "sample":
        points = np.load(folder / OUT[step])
        return {"points": len(points), "flipped": 0 if np.isfinite(points).all() else -1}
    if step == "volume":
        volume = figures["volume"]
        return {"sd": volume["ratio_sd"], "worst": volume["ratio_max_deviation"], "flipped": volume["flipped"]}
    told, own = figures["area"], worth(folder / OUT[step])
    return {**own, "told": {"sd": told["ratio_sd"], "flipped": told["flipped"]}}


# ---------------------------------------------------------------------------------------------------------------------
# all of them


def steps_for(checked: dict[str, Any]) -> list[str]:
    """Return what can be done with a mesh, by what its check says."""
    if not checked.get("ok"):
        return ["disk"]  # to be refused
    if "tetrahedra" in checked:
        return ["volume"]
    closed = checked["boundary_loops"] == 0
    return ["disk", "sphere", "sample", "volume"] if closed else ["disk", "sample"]


def do(worker: Worker, step: str, package: str, path: Path) -> dict[str, Any]:
    """Do a step and return what came of it."""
    with tempfile.TemporaryDirectory(prefix="meshot-corpus-") as name:
        folder = Path(name)
        out = ["-o", folder / OUT[step]] if step in OUT else []
        answer = worker.run([*ARGUMENTS[step], path, *out])
        row = {"package": package, "mesh": path.name, "path": str(path), "step": step}
        row |= {key: answer.get(key) for key in ("outcome", "seconds", "words")}
        if answer.get("figures"):
            row |= figures_of(step, folder, json.loads(answer["figures"]))
    return row


def go_through(options: argparse.Namespace) -> None:
    """Do the steps that are not done, a step for all meshes before the next."""
    done = read(options.results)
    worker = Worker(options.seconds)
    meshes = list(found(options.folders))
    with options.results.open("a") as results:
        for step in options.steps:
            for package, path in meshes:
                checked = done.get((str(path), "check"), {})
                wanted = step == "check" or step in steps_for(checked)
                wanted = wanted and not (checked.get("faces") or 0) > options.most_faces
                if wanted and (str(path), step) not in done:
                    row = do(worker, step, package, path)
                    done[str(path), step] = row
                    line = json.dumps(row)
                    results.write(line + "\n")
                    results.flush()
                    print(line, flush=True)
    worker.end()


def read(results: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the rows of a file of results, by path and step."""
    lines = results.read_text().splitlines() if results.exists() else []
    return {(row["path"], row["step"]): row for row in map(json.loads, lines)}


# ---------------------------------------------------------------------------------------------------------------------
# the table


def misses(row: dict[str, Any], checked: dict[str, Any]) -> str | None:
    """Return why a step is a miss, or None."""
    if row["outcome"] in BROKEN:
        return str(row["outcome"])
    if row["step"] == "check":
        return None
    if not checked.get("ok"):
        return None if row["outcome"] in ("refused", "no access") else "not refused"
    reasons = {
        row["outcome"]: row["outcome"] != "done",
        f"{row.get('flipped')} flipped, without a word": row.get("flipped"),
        "areas missed, without a word": row["step"] in ("disk", "sphere") and row.get("sd", 0) > 1.001 * TOL_AREA,
        f"{row['seconds']:.0f} s": row["seconds"] > SLOW_SECONDS and checked.get("faces", 0) < SLOW_FACES,
    }
    return next((why for why, holds in reasons.items() if holds), None)


def table(rows: dict[tuple[str, str], dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a table by package, and of one of misses."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    missed = []
    for (path, step), row in rows.items():
        checked = rows.get((path, "check"), {})
        why = misses(row, checked)
        count = counts[row["package"]]
        if step == "check":
            count["files"] += 1
            count["meshes"] += "ok" in row
            count["accepted"] += bool(row.get("ok"))
        elif checked.get("ok"):
            count[step] += 1
            count[f"{step} right"] += why is None
        if why is not None:
            sizes = checked.get("faces") or checked.get("tetrahedra") or 0
            reached = f"SD {row['sd']:.2g}, worst {row['worst']:.2g}, {row['flipped']} flipped" if "sd" in row else ""
            words = (row["words"] or "").strip().replace("\n", " ")
            missed.append(f"| {row['package']}: {row['mesh']} | {sizes:,} | {step} | {why} | {reached} | {words} |")
    yield "| package | files | meshes | accepted | disk | sphere | sample | volume |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    total: Counter[str] = sum(counts.values(), Counter())
    for package, count in [*sorted(counts.items()), ("**all**", total)]:
        cells = (f"{count[f'{step} right']} of {count[step]}" if count[step] else "" for step in OUT)
        yield f"| {package} | {count['files']} | {count['meshes']} | {count['accepted']} | {' | '.join(cells)} |"
    yield "\n| mesh | faces | step | miss | reached | words |\n| --- | --- | --- | --- | --- | --- |"
    yield from missed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="folders of packages to look in, too")
    parser.add_argument("--results", type=Path, default=Path("corpus.jsonl"), help="file that keeps the rows")
    parser.add_argument("--steps", nargs="*", default=list(ARGUMENTS), choices=ARGUMENTS)
    parser.add_argument("--seconds", type=float, default=120, help="what a command may take")
    parser.add_argument("--most-faces", type=float, default=np.inf, help="meshes of more are checked alone")
    parser.add_argument("--table", action="store_true", help="print a table of the results instead")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work()
    elif options.table:
        print(*table(read(options.results)), sep="\n")
    else:
        go_through(options)


if __name__ == "__main__":
    main()
