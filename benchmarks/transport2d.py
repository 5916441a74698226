"""Measure transport in the plane: ``python benchmarks/transport2d.py [SITES ...] [--task diagram] [--repeat N]``.

Prints one JSON line per solver and case: seconds (without imports), peak memory, Newton steps, largest relative error
of a cell. Cases are uniform and Gaussian (sigma 0.1) sites of equal masses on the unit square and on a disk; for the
peers, which take no circle, the disk is the regular 128-gon in it, and meshot takes the same. Each run has a process of
its own, and the figures are medians over the runs. A first run of each solver, which may compile, is not counted. The
error is recomputed from the weights alone, with scipy's qhull. The task "diagram" is one power diagram, from nothing,
of sites with small random weights.
"""

import argparse
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import time

import numpy as np
from scipy.spatial import ConvexHull, cKDTree

CORNERS = 128
TOLERANCE = 1e-6


def domain_corners(shape: str) -> np.ndarray:
    """Return the domain as a convex polygon, counter-clockwise."""
    if shape == "square":
        return np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    angle = 2 * np.pi * np.arange(CORNERS) / CORNERS
    return 0.5 + 0.5 * np.column_stack([np.cos(angle), np.sin(angle)])


def walls_of(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return unit outward normals and offsets of a polygon's sides."""
    side = np.roll(corners, -1, axis=0) - corners
    normal = np.column_stack([side[:, 1], -side[:, 0]]) / np.linalg.norm(side, axis=1, keepdims=True)
    return normal, (normal * corners).sum(axis=1)


def draw_sites(count: int, kind: str, corners: np.ndarray) -> np.ndarray:
    """Return `count` random sites inside the polygon."""
    rng, found = np.random.default_rng(0), np.empty((0, 2))
    normal, offset = walls_of(corners)
    while len(found) < count:
        drawn = rng.random((count, 2)) if kind == "uniform" else rng.normal(0.5, 0.1, (count, 2))
        found = np.concatenate([found, drawn[(drawn @ normal.T < offset - 1e-9).all(axis=1)]])
    return found[:count]


def polygon_area(corners: np.ndarray) -> float:
    following = np.roll(corners, -1, axis=0)
    return float((corners[:, 0] * following[:, 1] - corners[:, 1] * following[:, 0]).sum() / 2)


# ---------------------------------------------------------------------------------------------------------------------
# the check: areas by the divergence theorem from the edges of the dual of qhull's lower hull


def lower_hull(sites: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the hull's triangles, their neighbors, and the power center of each, NaN where it is of the upper hull."""
    hull = ConvexHull(np.column_stack([sites, (sites**2).sum(axis=1) - weights]))
    normal = hull.equations[:, :3]
    lower = normal[:, 2] < 0
    center = np.full((len(normal), 2), np.nan)
    center[lower] = -normal[lower, :2] / (2 * normal[lower, 2:])  # the plane z = 2 <c, y> + const
    return hull.simplices, hull.neighbors, np.where(lower[:, None], center, np.nan)


def power_edges(sites: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the pairs of neighbors and the two ends of the edge between them; an end at infinity is far out."""
    triangles, across, center = lower_hull(sites, weights)
    finite = np.isfinite(center[:, 0])
    lists: list[tuple[np.ndarray, ...]] = []
    for k in range(3):
        a, b, other = triangles[:, (k + 1) % 3], triangles[:, (k + 2) % 3], across[:, k]
        inner = finite & finite[other] & (np.arange(len(triangles)) < other)
        lists.append((a[inner], b[inner], center[inner], center[other[inner]]))
        rim = finite & ~finite[other]
        along = sites[b[rim]] - sites[a[rim]]
        outward = np.column_stack([along[:, 1], -along[:, 0]]) / np.linalg.norm(along, axis=1, keepdims=True)
        apex = sites[triangles[rim, k]] - sites[a[rim]]
        outward *= -np.sign((outward * apex).sum(axis=1, keepdims=True))
        far = center[rim] + 10 * (1 + np.linalg.norm(center[rim], axis=1, keepdims=True)) * outward
        lists.append((a[rim], b[rim], center[rim], far))
    return tuple(np.concatenate(columns) for columns in zip(*lists, strict=True))


def checked_areas(sites: np.ndarray, weights: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Return the areas of the power cells in the polygon, (n,)."""
    middle = corners.mean(axis=0)
    local, psi = sites - middle, weights - weights.mean()
    one, two, start, stop = power_edges(local, psi)
    normal, offset = walls_of(corners - middle)
    enter, leave = np.zeros(len(one)), np.ones(len(one))
    for wall, bound in zip(normal, offset, strict=True):
        s, t = start @ wall - bound, stop @ wall - bound
        with np.errstate(divide="ignore", invalid="ignore"):
            at = s / (s - t)
        enter = np.where((s > 0) & (t <= 0), np.maximum(enter, at), enter)
        leave = np.where((s <= 0) & (t > 0), np.minimum(leave, at), leave)
        leave = np.where((s > 0) & (t > 0), -1.0, leave)
    kept = enter < leave
    one, two, start, stop, enter, leave = (x[kept] for x in (one, two, start, stop, enter, leave))
    p, q = start + enter[:, None] * (stop - start), start + leave[:, None] * (stop - start)
    cuts = np.concatenate([p[enter > 0], q[leave < 1]])
    # the cell of `one` has to lie on the left
    way, between = q - p, local[one] - local[two]
    turned = way[:, 0] * between[:, 1] - way[:, 1] * between[:, 0] < 0
    p, q = np.where(turned[:, None], q, p), np.where(turned[:, None], p, q)
    areas = np.zeros(len(sites))
    _add_edges(areas, local, one, p, q)
    _add_edges(areas, local, two, q, p)
    _add_walls(areas, local, psi, corners - middle, cuts)
    return areas


def _add_edges(areas: np.ndarray, sites: np.ndarray, owner: np.ndarray, p: np.ndarray, q: np.ndarray) -> None:
    """Add the triangles of each edge with its owner."""
    u, v = p - sites[owner], q - sites[owner]
    areas += np.bincount(owner, (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) / 2, len(areas))


def _add_walls(
    areas: np.ndarray, sites: np.ndarray, weights: np.ndarray, corners: np.ndarray, cuts: np.ndarray
) -> None:
    """Add the pieces of the polygon's sides; their cells are those of least power distance at their midpoints."""
    lifted = cKDTree(np.column_stack([sites, np.sqrt(weights.max() - weights)]))
    normal, offset = walls_of(corners)
    for k, corner in enumerate(corners):
        end = corners[(k + 1) % len(corners)]
        on_wall = cuts[np.abs(cuts @ normal[k] - offset[k]) < 1e-9]
        points = np.concatenate([[corner], on_wall, [end]])
        points = points[np.argsort((points - corner) @ (end - corner))]
        middles = (points[1:] + points[:-1]) / 2
        owner = lifted.query(np.column_stack([middles, np.zeros(len(middles))]))[1]
        _add_edges(areas, sites, owner, points[:-1], points[1:])


# ---------------------------------------------------------------------------------------------------------------------
# the solvers: each returns power weights and the number of Newton steps


def run_meshot(sites: np.ndarray, shape: str) -> tuple[np.ndarray, int]:
    from meshot.diagrams.domains import Box, ConvexPolygon  # noqa: PLC0415
    from meshot.transport.solve import solve_transport  # noqa: PLC0415

    domain = Box([0, 0], [1, 1]) if shape == "square" else ConvexPolygon(domain_corners(shape))
    result = solve_transport(sites, domain=domain, tol=TOLERANCE)
    return result.weights, result.iterations


def run_sdot(sites: np.ndarray, shape: str) -> tuple[np.ndarray, int]:
    import sdot  # noqa: PLC0415

    box = sdot.Box(np.zeros(2), np.ones(2))
    target = box if shape == "square" else sdot.Polytope(*walls_of(domain_corners(shape)))
    plan = sdot.ot_solve(sdot.SumOfDiracs(sites), target, tol=TOLERANCE / len(sites), max_iter=300, on_failure="ignore")
    return np.asarray(plan.weights, dtype=np.float64), int(plan.stats["nb_iter"])


def run_pysdot(sites: np.ndarray, shape: str) -> tuple[np.ndarray, int]:
    from pysdot import OptimalTransport  # noqa: PLC0415
    from pysdot.domain_types import ConvexPolyhedraAssembly  # noqa: PLC0415

    corners = domain_corners(shape)
    mass = polygon_area(corners) / len(sites)
    domain = ConvexPolyhedraAssembly()
    domain.add_convex_polyhedron(np.column_stack([corners, walls_of(corners)[0]]), 1.0)
    plan = OptimalTransport(
        sites, None, domain, masses=np.full(len(sites), mass), obj_max_dw=0, obj_max_dm=TOLERANCE * mass
    )
    plan.max_iter = 200
    plan.adjust_weights()
    return np.asarray(plan.get_weights(), dtype=np.float64), len(plan.delta_m)


# ---------------------------------------------------------------------------------------------------------------------
# the diagrams: each returns the areas of the cells


def draw_meshot(sites: np.ndarray, weights: np.ndarray, shape: str) -> np.ndarray:
    from meshot.diagrams.domains import Box, ConvexPolygon  # noqa: PLC0415
    from meshot.diagrams.plane.diagram import PowerEngine  # noqa: PLC0415

    domain = Box([0, 0], [1, 1]) if shape == "square" else ConvexPolygon(domain_corners(shape))
    return PowerEngine(sites, domain).diagram(weights).masses


def draw_sdot(sites: np.ndarray, weights: np.ndarray, shape: str) -> np.ndarray:
    import sdot  # noqa: PLC0415

    box = sdot.Box(np.zeros(2), np.ones(2))
    target = box if shape == "square" else sdot.Polytope(*walls_of(domain_corners(shape)))
    shares = sdot.PowerDiagram(sites, weights, distribution=target, kernel_dtype="FP64").measures
    return np.asarray(shares) * polygon_area(domain_corners(shape))


def draw_geogram(sites: np.ndarray, weights: np.ndarray, shape: str) -> np.ndarray:
    import geogram  # noqa: PLC0415

    corners = domain_corners(shape)
    fan = np.array([[0, k, k + 1] for k in range(1, len(corners) - 1)], dtype=np.uint32)
    pieces = geogram.Voronoi(sites, weights=weights, domain_vertices=corners, domain_simplices=fan)
    sides = pieces.q[pieces.t[:, 1:]] - pieces.q[pieces.t[:, :1]]
    signed = np.bincount(pieces.tseed.ravel(), np.linalg.det(sides), minlength=len(sites)) / 2
    return signed * np.sign(signed.sum())


def draw_pysdot(sites: np.ndarray, weights: np.ndarray, shape: str) -> np.ndarray:
    from pysdot import PowerDiagram  # noqa: PLC0415
    from pysdot.domain_types import ConvexPolyhedraAssembly  # noqa: PLC0415

    corners, domain = domain_corners(shape), ConvexPolyhedraAssembly()
    domain.add_convex_polyhedron(np.column_stack([corners, walls_of(corners)[0]]), 1.0)
    return np.asarray(PowerDiagram(sites, weights, domain).integrals())


TASKS = {
    "transport": {"meshot": run_meshot, "sdot": run_sdot, "pysdot": run_pysdot},
    "diagram": {"meshot": draw_meshot, "sdot": draw_sdot, "geogram": draw_geogram, "pysdot": draw_pysdot},
}


def measure(task: str, solver: str, count: int, kind: str, shape: str) -> dict:
    """Do one case in this process."""
    corners = domain_corners(shape)
    sites = draw_sites(count, kind, corners)
    weights = 0.1 * polygon_area(corners) / count * np.random.default_rng(1).random(count)
    importlib.import_module({"meshot": "meshot.transport.solve"}.get(solver, solver))
    few = draw_sites(3000, "gauss", corners)
    TASKS[task][solver](few, *(() if task == "transport" else (np.zeros(3000),)), shape)  # loads what it compiled
    wall, cpu = time.perf_counter(), time.process_time()
    if task == "transport":
        weights, steps = TASKS[task][solver](sites, shape)
    else:
        drawn, steps = TASKS[task][solver](sites, weights, shape), 0
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    areas = checked_areas(sites, weights, corners)
    goal = drawn if task == "diagram" else np.full(count, polygon_area(corners) / count)
    error = float(np.abs(areas - goal).max() * count / polygon_area(corners))
    sum_error = float(abs(areas.sum() / polygon_area(corners) - 1))
    figures = {"newton_steps": steps, "error": error, "sum_error": sum_error}
    return {"seconds": wall, "cpu_seconds": cpu, "peak_mib": peak, **figures}


def run(*case: str) -> dict:
    """Measure one case in a fresh process."""
    done = subprocess.run([sys.executable, __file__, "--inside", *case], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        return {"failed": done.returncode}
    return json.loads(done.stdout.splitlines()[-1])


def line(task: str, solver: str, case: tuple[str, ...], repeat: int) -> dict:
    """Return the medians of one solver and case."""
    count, kind, shape = case
    head = {"task": task, "solver": solver, "sites": int(count), "kind": kind, "domain": shape}
    if solver != "meshot" and importlib.util.find_spec(solver) is None:
        return {**head, "note": f"{solver} is not installed"}
    runs = [run(task, solver, *case) for _ in range(repeat)]
    if any("failed" in one for one in runs):
        return {**head, "note": f"{solver} failed"}
    middle = {key: statistics.median(r[key] for r in runs) for key in ("seconds", "cpu_seconds", "peak_mib")}
    return {**head, "runs": repeat, **{k: round(v, 3) for k, v in middle.items()}, **_rest(runs[0])}


def _rest(one: dict) -> dict:
    return {key: one[key] for key in ("newton_steps", "error", "sum_error")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sites", nargs="*", type=int, default=[10_000, 100_000], metavar="SITES")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each case")
    parser.add_argument("--kind", choices=["uniform", "gauss"], action="append", help="kinds of sites (both)")
    parser.add_argument("--domain", choices=["square", "disk"], action="append", help="domains (both)")
    parser.add_argument("--task", choices=list(TASKS), default="transport", help="what to do (transport)")
    parser.add_argument("--solver", choices=list(TASKS["diagram"]), action="append", help="solvers (all there are)")
    parser.add_argument("--inside", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        task, solver, count, kind, shape = arguments.inside
        print(json.dumps(measure(task, solver, int(count), kind, shape)))
        return
    solvers = [solver for solver in arguments.solver or TASKS[arguments.task] if solver in TASKS[arguments.task]]
    for solver in solvers:
        line(arguments.task, solver, ("30000", "gauss", "disk"), 1)
    for count in arguments.sites:
        for kind in arguments.kind or ["uniform", "gauss"]:
            for shape in arguments.domain or ["square", "disk"]:
                for solver in solvers:
                    case = str(count), kind, shape
                    print(json.dumps(line(arguments.task, solver, case, arguments.repeat)), flush=True)


if __name__ == "__main__":
    main()
