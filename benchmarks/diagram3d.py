"""Measure power diagrams of space: ``python benchmarks/diagram3d.py [SITES ...] [--repeat N]``.

Prints one JSON line per program and case: seconds, processor seconds, peak memory. The sites are uniform or Gaussian
(sigma 0.1) in the unit cube, their weights small and random; each program computes the volumes of all cells, once and
from nothing, in a process of its own, and the figures are medians over the runs. A first, small diagram, which may
compile, is not counted. `again_seconds` is the next diagram of the same sites for other weights, which only meshot
begins from the last. `difference` is the largest difference to meshot's volumes, in units of the mean cell; `sum_error`
is the difference between the volumes' sum and the cube's. Cases "ball" are meshot's alone: the others have no sphere.
"""

import argparse
import importlib
import importlib.util
import itertools
import json
import resource
import statistics
import subprocess
import sys
import time

import numpy as np


def draw_sites(count: int, kind: str) -> np.ndarray:
    """Return `count` random sites in the unit cube; those of the kind "ball" lie in the ball that touches it."""
    rng, found = np.random.default_rng(0), np.empty((0, 3))
    while len(found) < count:
        drawn = rng.normal(0.5, 0.1, (count, 3)) if kind == "gauss" else rng.random((count, 3))
        inside = ((drawn > 0) & (drawn < 1)).all(axis=1)
        if kind == "ball":
            inside &= ((drawn - 0.5) ** 2).sum(axis=1) < 0.25
        found = np.concatenate([found, drawn[inside]])
    return found[:count]


def draw_meshot(sites: np.ndarray, weights: np.ndarray, kind: str) -> tuple[np.ndarray, dict]:
    from meshot.diagrams.domains import Ball, Box  # noqa: PLC0415
    from meshot.diagrams.space.diagram import SpaceEngine  # noqa: PLC0415

    engine = SpaceEngine(sites, Ball([0.5, 0.5, 0.5], 0.5) if kind == "ball" else Box([0, 0, 0], [1, 1, 1]))
    volumes = engine.diagram(weights).masses
    wall, cpu = time.perf_counter(), time.process_time()
    engine.diagram(weights[::-1])
    again = {"again_seconds": time.perf_counter() - wall, "again_cpu_seconds": time.process_time() - cpu}
    return volumes, again


def draw_pyvoro2(sites: np.ndarray, weights: np.ndarray, kind: str) -> tuple[np.ndarray, dict]:
    import pyvoro2  # noqa: PLC0415

    plain = {"return_vertices": False, "return_adjacency": False, "return_faces": False, "output": "cells"}
    box, volumes = pyvoro2.Box(((0.0, 1.0), (0.0, 1.0), (0.0, 1.0))), np.zeros(len(sites))
    for cell in pyvoro2.compute(sites, domain=box, mode="power", weights=weights, include_empty=True, **plain):
        volumes[cell["id"]] = cell["volume"]
    return volumes, {}


def draw_geogram(sites: np.ndarray, weights: np.ndarray, kind: str) -> tuple[np.ndarray, dict]:
    import geogram  # noqa: PLC0415

    corners = np.array(list(itertools.product([0.0, 1.0], repeat=3)))
    paths = [np.cumsum([0, *(4 >> k for k in order)]) for order in itertools.permutations(range(3))]
    cubes = np.array(paths, dtype=np.uint32)  # Kuhn's six tetrahedra
    turned = np.linalg.det(corners[cubes[:, 1:]] - corners[cubes[:, :1]]) < 0
    cubes[turned, :2] = cubes[turned, 1::-1]
    pieces = geogram.Voronoi(sites, weights=weights, domain_vertices=corners, domain_simplices=cubes)
    sides = pieces.q[pieces.t[:, 1:]] - pieces.q[pieces.t[:, :1]]
    signed = np.bincount(pieces.tseed.ravel(), np.linalg.det(sides), minlength=len(sites)) / 6
    return signed * np.sign(signed.sum()), {}


def draw_sdot(sites: np.ndarray, weights: np.ndarray, kind: str) -> tuple[np.ndarray, dict]:
    import sdot  # noqa: PLC0415

    cube = sdot.Box(np.zeros(3), np.ones(3))
    return np.asarray(sdot.PowerDiagram(sites, weights, distribution=cube, kernel_dtype="FP64").measures), {}


PROGRAMS = {"meshot": draw_meshot, "pyvoro2": draw_pyvoro2, "geogram": draw_geogram, "sdot": draw_sdot}


def small_weights(count: int) -> np.ndarray:
    """Return random weights, small against the squared spacing: most cells stay."""
    return 0.1 * count ** (-2 / 3) * np.random.default_rng(1).random(count)


def measure(program: str, count: int, kind: str, checked: bool) -> dict:
    """Do one case in this process."""
    sites, weights, volume = draw_sites(count, kind), small_weights(count), np.pi / 6 if kind == "ball" else 1.0
    PROGRAMS[program](draw_sites(3000, kind), small_weights(3000), kind)  # loads what it compiled
    wall, cpu = time.perf_counter(), time.process_time()
    volumes, more = PROGRAMS[program](sites, weights, kind)
    figures = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu, **more}
    figures["seconds"] -= more.get("again_seconds", 0.0)
    figures["cpu_seconds"] -= more.get("again_cpu_seconds", 0.0)
    figures["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures["sum_error"] = float(abs(volumes.sum() / volume - 1))
    if checked and program != "meshot" and importlib.util.find_spec("numba"):
        figures["difference"] = float(np.abs(volumes - draw_meshot(sites, weights, kind)[0]).max() * count / volume)
    return figures


def run(program: str, count: int, kind: str, checked: bool) -> dict:
    """Measure one case in a fresh process."""
    case = [program, str(count), kind, "checked" if checked else ""]
    done = subprocess.run([sys.executable, __file__, "--inside", *case], stdout=subprocess.PIPE, text=True, check=False)
    return {"failed": done.returncode} if done.returncode != 0 else json.loads(done.stdout.splitlines()[-1])


def line(program: str, count: int, kind: str, repeat: int) -> dict:
    """Return the medians of one program and case."""
    head = {"program": program, "sites": count, "kind": kind}
    if importlib.util.find_spec(program) is None:
        return {**head, "note": f"{program} is not installed"}
    runs = [run(program, count, kind, k == 0) for k in range(repeat)]
    if any("failed" in one for one in runs):
        return {**head, "note": f"{program} failed"}
    timed = [key for key in runs[0] if "seconds" in key or key == "peak_mib"]
    middle = {key: statistics.median(one[key] for one in runs) for key in timed}
    rest = {key: runs[0][key] for key in ("sum_error", "difference") if key in runs[0]}
    return {**head, "runs": repeat, **{key: round(value, 3) for key, value in middle.items()}, **rest}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sites", nargs="*", type=int, default=[10_000, 100_000], metavar="SITES")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each case")
    parser.add_argument("--kind", choices=["uniform", "gauss", "ball"], action="append", help="kinds of sites (all)")
    parser.add_argument("--program", choices=list(PROGRAMS), action="append", help="programs (all there are)")
    parser.add_argument("--inside", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        program, count, kind, checked = arguments.inside
        print(json.dumps(measure(program, int(count), kind, bool(checked))))
        return
    for count in arguments.sites:
        for kind in arguments.kind or ["uniform", "gauss", "ball"]:
            for program in arguments.program or PROGRAMS:
                if program == "meshot" or kind != "ball":
                    print(json.dumps(line(program, count, kind, arguments.repeat)), flush=True)


if __name__ == "__main__":
    main()
