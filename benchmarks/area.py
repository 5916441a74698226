"""Measure the main job: ``python benchmarks/area.py [MESH ...] [--to sphere] [--tol-area T] [--repeat N]``.

Prints one JSON line per mesh and stage, and one for the whole of each mesh: seconds, peak memory, and how good the map
is. Without a mesh it takes the demo meshes. Each run has a process of its own; the figures are medians over the runs.
A first run, which may compile, is not counted.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path

from meshot.app.demo import demo_meshes
from meshot.app.files.run import solver_figures
from meshot.app.job import Clock
from meshot.area import area_preserving_map
from meshot.base.errors import ConvergenceWarning
from meshot.base.progress import SILENT, Stages
from meshot.base.settings import TARGETS, TOL_AREA
from meshot.formats.registry import read_surface
from meshot.maps.distortion import distortion


def measure(path: Path, to: str, tol_area: float) -> dict:
    """Make the area-preserving map of one mesh in this process, and return its seconds and figures."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # the figures say whether it converged
    clock = Clock(SILENT)
    stages = Stages(clock)
    start = time.perf_counter()
    with stages("read"):
        surface = read_surface(path)
    surface_map = area_preserving_map(surface, to=to, tol_area=tol_area, progress=clock)
    with stages("distortion"):
        summary = distortion(surface_map).summary()
    total = time.perf_counter() - start
    seconds = {**clock.seconds, "other": total - sum(clock.seconds.values()), "total": total}
    figures = {"faces": len(surface.faces), "vertices": len(surface.vertices), "closed": not surface.boundary_loops}
    return {"seconds": seconds, "figures": {**figures, "transport": solver_figures(surface_map.transport), **summary}}


def run(path: Path, options: list[str]) -> dict:
    """Measure one mesh in a fresh process; its wall time includes the start of Python and all imports."""
    start = time.perf_counter()
    command = [sys.executable, __file__, str(path), "--inside", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return {**json.loads(done.stdout), "wall": time.perf_counter() - start}


def lines(path: Path, repeat: int, options: list[str]) -> list[dict]:
    """Return one line a stage and one for the whole mesh."""
    runs = [run(path, options) for _ in range(repeat)]
    stages = [
        {"mesh": path.stem, "stage": stage, "seconds": round(statistics.median(r["seconds"][stage] for r in runs), 4)}
        for stage in runs[0]["seconds"]
    ]
    whole = {"wall_seconds": round(statistics.median(r["wall"] for r in runs), 4)}
    whole["peak_mib"] = round(statistics.median(r["peak_mib"] for r in runs), 1)
    return [*stages[:-1], {**stages[-1], **whole, "runs": repeat, **runs[0]["figures"]}]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("meshes", nargs="*", type=Path, metavar="MESH")
    parser.add_argument("--to", choices=TARGETS, default="disk", help="where to map; the sphere takes closed meshes")
    parser.add_argument("--tol-area", type=float, default=TOL_AREA, help="refine to this spread of the area ratios")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each mesh")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        result = measure(arguments.meshes[0], arguments.to, arguments.tol_area)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({**result, "peak_mib": peak}))
        return
    demo = demo_meshes()
    options = ["--to", arguments.to, "--tol-area", str(arguments.tol_area)]
    run(demo["dumbbell"], options)
    for path in arguments.meshes or demo.values():
        for line in lines(path, arguments.repeat, options):
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
