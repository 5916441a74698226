"""Run 200 meshes of 5,000 faces in a batch on two workers, with broken ones among them, and kill workers on the way.

    python benchmarks/batch.py [--meshes 200] [--workers 2] [--kills 2] [--singles 8]

Prints JSON lines: what one mesh takes without a batch, in one process with one thread, before the batch and after it;
the batch; the same batch again, when all is finished. Seconds are by the clock and of processors: on a busy machine
only the latter can be compared.
"""

import argparse
import csv
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from scipy.spatial import Delaunay

import meshot
from meshot.app.batch.job import Order
from meshot.app.batch.work import run_mesh
from meshot.app.batch.workers import ALONE
from meshot.app.demo import demo_meshes
from meshot.formats.write.obj import write_obj

RINGS = 29  # 6 k^2 faces
BROKEN = 5


def coarse(mesh: meshot.Surface, points: np.ndarray, faces: np.ndarray) -> meshot.Surface:
    """Return a mesh with the connectivity of a disk's, whose points are spread evenly over a surface."""
    return meshot.Surface(meshot.area_preserving_map(mesh).lift(points), faces)


def bent(mesh: meshot.Surface, rng: np.random.Generator) -> meshot.Surface:
    """Bend a surface smoothly, each time in another way."""
    size = np.ptp(mesh.vertices, axis=0).max()
    waves, phases = rng.uniform(2, 6, (3, 3)) / size, rng.uniform(0, 2 * np.pi, 3)
    return mesh.with_vertices(mesh.vertices + 0.03 * size * np.sin(mesh.vertices @ waves + phases))


def make_meshes(folder: Path, count: int) -> list[Path]:
    """Write meshes, five of them broken, each in its own way."""
    rng = np.random.default_rng(0)
    rings = [k / RINGS * np.exp(2j * np.pi * (np.arange(6 * k) + 0.5 * k) / (6 * k)) for k in range(1, RINGS + 1)]
    disk = 0.97 * np.concatenate([[0], *rings])
    points = np.column_stack([disk.real, disk.imag])
    faces = Delaunay(points).simplices.astype(np.int64)
    bases = {name: coarse(meshot.read_surface(path), points, faces) for name, path in demo_meshes().items()}
    files = []
    for k in range(count - BROKEN):
        name = list(bases)[k % len(bases)]
        files.append(folder / f"{name}-{k:03d}.obj")
        write_obj(files[-1], bent(bases[name], rng))
    break_meshes(folder, files[0].read_bytes())
    return files


def break_meshes(folder: Path, whole: bytes) -> None:
    """Write five files that cannot be mapped."""
    lines = whole.split(b"\n")
    shifted = b"v 0 0 0\nv 1 0 0\nv 0 1 0\n"
    content = {
        "truncated": whole[: len(whole) * 3 // 4],
        "nan": whole.replace(lines[7], b"v 0 nan 0", 1),
        "empty": b"",
        "two-parts": whole + shifted + b"f -3 -2 -1\n",
        "no-mesh": b"\x89PNG\r\n\x1a\n" + bytes(1000),
    }
    for name, data in content.items():
        (folder / f"broken-{name}.obj").write_bytes(data)


def singles(files: list[Path], folder: Path) -> dict[str, float]:
    """Return the seconds of one mesh without a batch, in a process of its own, with one thread as a worker has."""
    command = [sys.executable, __file__, "--singles-of", *map(str, files), "--into", str(folder)]
    done = subprocess.run(command, env={**os.environ, **ALONE}, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def time_singles(files: list[Path], folder: Path) -> dict[str, float]:
    """Run meshes one after the other; the first, which loads the kernels, is not counted."""
    clock, processor = [], []
    for file in files:
        begin, spent = time.perf_counter(), time.process_time()
        record = run_mesh(Order(file.stem, file, folder, "area"), float("inf"))
        if record.status != "done":
            raise RuntimeError(f"{file.name}: {record.cause}")
        clock.append(time.perf_counter() - begin)
        processor.append(time.process_time() - spent)
    return {"seconds": float(np.mean(clock[1:])), "cpu_seconds": float(np.mean(processor[1:]))}


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process(process.pid).children()
        if any("spawn_main" in word for word in child.cmdline()) and child.cpu_times().user > 2
    ]


def run(command: list[str], out: Path, kills: int, count: int) -> dict[str, object]:
    """Run a batch; kill a worker each time when another part of the meshes is done."""
    spent, begin = cpu_of_children(), time.perf_counter()
    process = subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    struck = 0
    while process.poll() is None and struck < kills:
        ledger = out / "ledger.jsonl"
        done = ledger.read_bytes().count(b"\n") - 1 if ledger.exists() else 0
        alive = workers_of(process) if done >= (struck + 1) * count / (kills + 1) else []
        if alive:
            alive[struck % len(alive)].send_signal(signal.SIGKILL)
            struck += 1
        time.sleep(0.2)
    output, _ = process.communicate()
    seconds = time.perf_counter() - begin
    figures = json.loads(output)
    return {
        **{key: figures[key] for key in ("meshes", "done", "skipped", "attempts", "failed")},
        "exit_code": process.returncode,
        "killed": struck,
        "seconds": seconds,
        "cpu_seconds": cpu_of_children() - spent,
    }


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def look(out: Path) -> dict[str, object]:
    """Return what is in the folder: results that are missing, the workers' memory, sizes."""
    rows = list(csv.DictReader((out / "summary.csv").open()))
    done = [row for row in rows if row["status"] == "done"]
    whole = {"map.obj", "map.ply", "map.npz", "metrics.json", "report.html"}
    return {
        "rows": len(rows),
        "incomplete": [
            row["name"] for row in done if {file.name for file in (out / "meshes" / row["name"]).iterdir()} != whole
        ],
        "left_over": [file.name for file in (out / "meshes").iterdir() if file.name.startswith(".")],
        "tried_again": [row["name"] for row in rows if row["attempts"] != "1"],
        "peak_mib": max(int(row["peak_mib"]) for row in done),
        "estimate_mib": max(int(row["estimate_mib"]) for row in done),
        "index_kib": (out / "index.html").stat().st_size >> 10,
        "thumbnails_kib": sum(file.stat().st_size for file in (out / "thumbnails").iterdir()) >> 10,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--meshes", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--singles", type=int, default=8)
    parser.add_argument("--singles-of", type=Path, nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.singles_of:
        print(json.dumps(time_singles(options.singles_of, options.into)))
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "scans").mkdir()
        files = make_meshes(folder / "scans", options.meshes)
        out = folder / "out"
        command = [sys.executable, "-m", "meshot", "batch", "area", str(folder / "scans"), "-o", str(out)]
        command += ["--workers", str(options.workers)]
        chosen = files[:: max(len(files) // options.singles, 1)][: options.singles + 1]
        before = singles(chosen, folder / "before")
        print(json.dumps({"run": "single, before", **before}), flush=True)
        batch = run(command, out, options.kills, options.meshes)
        print(json.dumps({"run": "batch", **batch, **look(out)}), flush=True)
        after = singles(chosen, folder / "after")
        print(json.dumps({"run": "single, after", **after}), flush=True)
        print(json.dumps({"run": "again", **run(command, out, 0, options.meshes)}), flush=True)


if __name__ == "__main__":
    main()
