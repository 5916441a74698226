"""Transport in space beside what others have: one JSON line per solver and case.

    python benchmarks/transport3d.py [SITES ...] [--repeat 3] [--kind uniform|gauss] [--domain cube|ball] [--solver ...]

Sites of equal masses, uniform or Gaussian (sigma 0.1), in the unit cube or in the ball of radius 1/2 in it. meshot
takes the ball itself; sdot, which takes polyhedra, the one of 200 planes that touch it. Each run has a process of
its own, and figures are medians over the runs; a smaller problem before the clock starts loads what was compiled.
CPU seconds are those of all threads. The error is the largest relative error of a cell by the solver's own volumes,
and "checked" by those of geogram's wheel (its exact polyhedra in the cube), if it is installed.
"""

import argparse
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import time
from itertools import permutations

import numpy as np

TOLERANCE = 1e-6
FACES = 200


def touching_planes() -> tuple[np.ndarray, np.ndarray]:
    """Return unit normals and offsets of the polyhedron about the ball, spread evenly (Fibonacci)."""
    z = 1 - (2 * np.arange(FACES) + 1) / FACES
    turn, rim = np.pi * (3 - np.sqrt(5)) * np.arange(FACES), np.sqrt(1 - z**2)
    normals = np.column_stack([rim * np.cos(turn), rim * np.sin(turn), z])
    return normals, 0.5 + normals @ np.full(3, 0.5)


def draw_sites(count: int, kind: str, shape: str) -> np.ndarray:
    """Return `count` random sites inside the domain."""
    rng, found = np.random.default_rng(0), np.empty((0, 3))
    while len(found) < count:
        drawn = rng.random((count, 3)) if kind == "uniform" else rng.normal(0.5, 0.1, (count, 3))
        inside = (
            ((drawn > 0) & (drawn < 1)).all(axis=1) if shape == "cube" else np.linalg.norm(drawn - 0.5, axis=1) < 0.499
        )
        found = np.concatenate([found, drawn[inside]])
    return found[:count]


def run_meshot(sites: np.ndarray, shape: str) -> tuple[np.ndarray, float, int]:
    from meshot.diagrams.domains import Ball, Box  # noqa: PLC0415
    from meshot.transport.solve import solve_transport  # noqa: PLC0415

    domain = Box([0, 0, 0], [1, 1, 1]) if shape == "cube" else Ball([0.5, 0.5, 0.5], 0.5)
    result = solve_transport(sites, domain=domain, tol=TOLERANCE)
    return result.weights, result.max_relative_error, result.iterations


def run_sdot(sites: np.ndarray, shape: str) -> tuple[np.ndarray, float, int]:
    import sdot  # noqa: PLC0415

    target = sdot.Box(np.zeros(3), np.ones(3)) if shape == "cube" else sdot.Polytope(*touching_planes())
    plan = sdot.ot_solve(sdot.SumOfDiracs(sites), target, tol=TOLERANCE / len(sites), max_iter=300, on_failure="ignore")
    shares = np.asarray(plan.cell_masses, dtype=np.float64)
    weights = np.asarray(plan.weights, dtype=np.float64)
    return weights, float(np.abs(shares / shares.sum() * len(sites) - 1).max()), int(plan.stats["nb_iter"])


SOLVERS = {"meshot": run_meshot, "sdot": run_sdot}


def checked_error(sites: np.ndarray, weights: np.ndarray) -> float | None:
    """Return the largest relative error of a cell of the cube by geogram's volumes; None where it is not installed."""
    if importlib.util.find_spec("geogram") is None:
        return None
    import geogram  # noqa: PLC0415

    corners = np.array([[x, y, z] for x in (0.0, 1.0) for y in (0.0, 1.0) for z in (0.0, 1.0)])
    simplices = np.array([np.cumsum([0, *(4 >> np.array(order))]) for order in permutations(range(3))])
    turned = np.linalg.det(corners[simplices[:, 1:]] - corners[simplices[:, :1]]) < 0
    simplices[turned, :2] = simplices[turned, 1::-1]
    pieces = geogram.Voronoi(
        sites, weights=weights, domain_vertices=corners, domain_simplices=simplices.astype(np.uint32)
    )
    sides = pieces.q[pieces.t[:, 1:]] - pieces.q[pieces.t[:, :1]]
    volumes = np.bincount(pieces.tseed.ravel(), np.linalg.det(sides), minlength=len(sites)) / 6
    return float(np.abs(np.abs(volumes) * len(sites) - 1).max())


def measure(solver: str, count: int, kind: str, shape: str) -> dict:
    """Solve one case in this process."""
    sites = draw_sites(count, kind, shape)
    SOLVERS[solver](draw_sites(3000, "gauss", shape), shape)
    wall, cpu = time.perf_counter(), time.process_time()
    weights, error, steps = SOLVERS[solver](sites, shape)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = {"newton_steps": steps, "error": error}
    if shape == "cube" and count <= 100_000:
        figures["checked"] = checked_error(sites, weights - weights.min())
    return {"seconds": wall, "cpu_seconds": cpu, "peak_mib": peak, **figures}


def run(*case: str) -> dict:
    """Measure one case in a fresh process."""
    done = subprocess.run([sys.executable, __file__, "--inside", *case], stdout=subprocess.PIPE, text=True, check=False)
    return {"failed": done.returncode} if done.returncode else json.loads(done.stdout.splitlines()[-1])


def line(solver: str, count: int, kind: str, shape: str, repeat: int) -> dict:
    """Return the medians of one solver and case."""
    head = {"solver": solver, "sites": count, "kind": kind, "domain": shape}
    if importlib.util.find_spec(solver) is None:
        return {**head, "note": f"{solver} is not installed"}
    runs = [run(solver, str(count), kind, shape) for _ in range(repeat)]
    if any("failed" in one for one in runs):
        return {**head, "note": f"{solver} failed"}
    middle = {key: statistics.median(r[key] for r in runs) for key in ("seconds", "cpu_seconds", "peak_mib")}
    rest = {key: value for key, value in runs[0].items() if key not in middle}
    return {**head, "runs": repeat, **{key: round(value, 3) for key, value in middle.items()}, **rest}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sites", nargs="*", type=int, default=[10_000, 100_000], metavar="SITES")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each case")
    parser.add_argument("--kind", choices=["uniform", "gauss"], action="append", help="kinds of sites (uniform)")
    parser.add_argument("--domain", choices=["cube", "ball"], action="append", help="domains (both)")
    parser.add_argument("--solver", choices=list(SOLVERS), action="append", help="solvers (all there are)")
    parser.add_argument("--inside", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        solver, count, kind, shape = arguments.inside
        print(json.dumps(measure(solver, int(count), kind, shape)))
        return
    for count in arguments.sites:
        for kind in arguments.kind or ["uniform"]:
            for shape in arguments.domain or ["cube", "ball"]:
                for solver in arguments.solver or list(SOLVERS):
                    print(json.dumps(line(solver, count, kind, shape, arguments.repeat)), flush=True)


if __name__ == "__main__":
    main()
