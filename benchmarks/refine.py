"""Measure the triangles' refinement: ``python benchmarks/refine.py [MESH ...] [--scaling MESH] [--hard]``.

Prints one JSON line per mesh: spread and worst face of the area ratio, folds, mean angle change, seconds of the
conformal map, of the transport, of the refinement to ratio SD 1.6e-2 and 1e-3, and of all three to these; processor
seconds of all cores; peak memory. Without a mesh it takes the demo meshes. Each map is made in a process of its own.

`--scaling` subdivides a mesh until it has a million faces, and prints rows of a Markdown table instead, with the power
of the faces by which the time grows from each row to the next.

`--hard` takes the torture set and the gloves of the tests instead, through the whole `area_preserving_map` with its
defaults, and says what the refinement started from.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np

from meshot.app.demo import demo_meshes
from meshot.area import area_preserving_map, vertex_transport
from meshot.base.errors import ConvergenceWarning
from meshot.conformal.disk import conformal_map
from meshot.formats.registry import read_surface
from meshot.maps.distortion import distortion
from meshot.maps.surface_map import SurfaceMap
from meshot.meshes.surface import Surface
from meshot.refinement.ears import widen_ears
from meshot.refinement.placement import place_vertices
from meshot.refinement.surface import refine_areas

TOLERANCES = (1.6e-2, 1e-3)
MOST_FACES = 1_200_000


def measure(path: Path, splits: int) -> dict:
    """Make the map of one mesh, its faces split in four `splits` times, and return its seconds and figures."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # the figures say whether it converged
    surface = read_surface(path)
    for _ in range(splits):
        surface = split(surface)
    start, processor = time.perf_counter(), time.process_time()
    conformal = conformal_map(surface)
    mapped = time.perf_counter()
    transport = vertex_transport(conformal, tol=1e-6)
    uv = place_vertices(conformal.surface, transport)
    moved = time.perf_counter()
    areas = conformal.surface.face_areas
    uv = widen_ears(conformal.surface.faces, uv, areas)
    widened = time.perf_counter() - moved
    result = refine_areas(conformal.surface.faces, uv, areas, tol_sd=TOLERANCES[-1], tol_max=50 * TOLERANCES[-1])
    seconds = {"conformal": mapped - start, "transport": moved - mapped}
    for tol in TOLERANCES:
        reached = [s.seconds for s in result.history if s.flipped == 0 and s.ratio_sd <= tol]
        seconds[f"refinement to {tol:g}"] = widened + reached[0] if reached else None
        seconds[f"all to {tol:g}"] = moved - start + widened + reached[0] if reached else None
    seconds["refinement"] = widened + result.history[-1].seconds
    seconds["all"] = moved - start + seconds["refinement"]
    seconds["processor"] = time.process_time() - processor
    summary = distortion(SurfaceMap(conformal.surface, result.image, conformal.source_vertex)).summary()
    figures = {"faces": len(areas), "steps": result.iterations, "converged": result.converged}
    figures |= {key: summary["area"][key] for key in ("ratio_sd", "ratio_max_deviation", "flipped")}
    figures["angle_mean_abs_degrees"] = summary["angle"]["mean_abs_degrees"]
    rounded = {stage: None if s is None else round(s, 3) for stage, s in seconds.items()}
    peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return {"mesh": path.stem, **figures, "seconds": rounded, "peak_mib": peak}


def measure_hard() -> None:
    """Print a line for each case of the torture set and for gloves with fingers of several lengths."""
    sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
    from shapes import glove  # noqa: PLC0415
    from torture import CASES  # noqa: PLC0415

    warnings.simplefilter("ignore", ConvergenceWarning)
    cases = CASES | {f"glove {length}": partial(glove, float(length)) for length in (3, 6, 8, 12)}
    for name, make in cases.items():
        surface = make()
        start = time.perf_counter()
        amap = area_preserving_map(surface)
        seconds, area = time.perf_counter() - start, distortion(amap).summary()["area"]
        figures = {key: area[key] for key in ("ratio_sd", "ratio_max_deviation", "flipped")}
        note = {key: amap.notes["refinement"][key] for key in ("start", "iterations", "converged")}
        print(json.dumps({"mesh": name, "faces": len(amap.surface.faces), **figures, **note, "seconds": seconds}))


def measure_apart(path: Path, splits: int) -> dict:
    """Call `measure` in a process of its own."""
    command = [sys.executable, __file__, str(path), "--inside", str(splits)]
    return dict(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))


def measure_growth(path: Path) -> None:
    """Print a row for a mesh, its faces split in four again and again."""
    print("| mesh | faces | wall s | CPU s | steps | peak MiB | SD of area ratio | worst face | flipped | power |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    measure_apart(path, 0)  # may compile
    last = None
    for splits in range(10):
        made = measure_apart(path, splits)
        faces, wall, processor = made["faces"], made["seconds"]["all"], made["seconds"]["processor"]
        power = "" if last is None else f"{np.log(processor / last[1]) / np.log(faces / last[0]):.2f}"
        print(
            f"| {made['mesh']} | {faces:,} | {wall:.1f} | {processor:.1f} | {made['steps']} | {made['peak_mib']:,} | "
            f"{made['ratio_sd']:.1e} | {100 * made['ratio_max_deviation']:.1f} % | {made['flipped']} | {power} |",
            flush=True,
        )
        last = faces, processor
        if 4 * faces > MOST_FACES:
            return


def split(surface: Surface) -> Surface:
    """Split each face in four at the middles of its edges."""
    pairs = np.sort(np.stack([surface.faces, np.roll(surface.faces, -1, axis=1)], axis=2), axis=2)
    edges, inverse = np.unique(pairs.reshape(-1, 2), axis=0, return_inverse=True)
    middle = (len(surface.vertices) + inverse).reshape(-1, 3)
    (a, b, c), (ab, bc, ca) = surface.faces.T, middle.T
    quarters = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    added = surface.vertices[edges].mean(axis=1)
    faces = np.stack([np.stack(quarter, axis=1) for quarter in quarters], axis=1).reshape(-1, 3)
    return Surface(np.concatenate([surface.vertices, added]), faces)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("meshes", nargs="*", type=Path, metavar="MESH")
    parser.add_argument(
        "--scaling", type=Path, metavar="MESH", help="a table of this mesh, subdivided to a million faces"
    )
    parser.add_argument("--hard", action="store_true", help="torture set and gloves of the tests instead")
    parser.add_argument("--inside", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside is not None:
        print(json.dumps(measure(arguments.meshes[0], arguments.inside)), flush=True)
        return
    if arguments.hard:
        measure_hard()
        return
    if arguments.scaling:
        measure_growth(arguments.scaling)
    for path in arguments.meshes or ([] if arguments.scaling else demo_meshes().values()):
        print(json.dumps(measure_apart(path, 0)), flush=True)


if __name__ == "__main__":
    main()
