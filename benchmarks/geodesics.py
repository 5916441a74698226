"""Measure nearest geodesic neighbors: ``python benchmarks/geodesics.py [MESH ...] [-n N] [--tries N] [--repeat N]``.

The question is that of blue noise and its quality: how far, along the surface, is each of n points from the nearest
other one? The points are vertices drawn at random, as most peers know no others; meshot is asked once more with points
inside the faces. Prints one JSON line per mesh and method: seconds for all points, and the relative errors against
meshot's distances.

Peers take part where they import: pygeodesic and gdist (exact, by windows, asked for the points within a radius in a
straight line, which is doubled until a neighbor is found), libigl (exact, asked for all points), potpourri3d's heat
method (asked for all vertices), and its paths by edge flips, to the four points that are nearest in a straight line.
They are asked from `--tries` of the points: `seconds` are those of their set-up, and those of a point times all points.
Figures are medians over the rounds, in which the methods take turns; a first round, which may compile, is not counted.
"""

import argparse
import importlib.util
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from meshot.app.demo import demo_mesh
from meshot.formats.registry import read_surface
from meshot.meshes.surface import Surface
from meshot.sampling.geodesics import nearest_geodesic

CANDIDATES = 4
# First radius of a search, over the distance of neighbors in the hexagonal packing, as `sample_quality` has it.
REACH = 1.1


def spacing(surface: Surface, n: int) -> float:
    """Return the distance of neighbors if n points lay in the hexagonal packing."""
    return float(np.sqrt(2 * surface.area / (np.sqrt(3) * n)))


def at_vertices(surface: Surface, sources: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a face at each vertex, and its barycentric coordinates there."""
    first = np.full(len(surface.vertices), -1)
    corners = surface.faces.ravel()
    first[corners[::-1]] = np.arange(len(corners))[::-1]
    faces, corner = np.divmod(first[sources], 3)
    return faces, np.eye(3)[corner]


def in_faces(surface: Surface, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return n random points, by area."""
    faces = rng.choice(len(surface.faces), n, p=surface.face_areas / surface.area)
    root, second = np.sqrt(rng.random(n)), rng.random(n)
    return faces, np.stack([1 - root, root * (1 - second), root * second], axis=1)


# ---------------------------------------------------------------------------------------------------------------------
# the methods: each sets up the mesh and returns the search, from the number of a source to the nearest other source


Search = Callable[[int], float]


def within(found: Callable[[int, np.ndarray, float], np.ndarray], surface: Surface, sources: np.ndarray) -> Search:
    """Return the search by a method that takes a source, targets and a radius.

    Targets are the others within that radius in a straight line: no nearer one can be missing among them.
    """
    places = surface.vertices[sources]
    tree = cKDTree(places)

    def search(k: int) -> float:
        reach = REACH * spacing(surface, len(sources))
        while True:
            targets = sources[[j for j in tree.query_ball_point(places[k], reach) if j != k]]
            nearest = float(found(int(sources[k]), targets, reach).min()) if len(targets) else np.inf
            if nearest <= reach:
                return nearest
            reach *= 2

    return search


def with_pygeodesic(surface: Surface, sources: np.ndarray) -> Search:
    from pygeodesic.geodesic import PyGeodesicAlgorithmExact  # noqa: PLC0415

    solver = PyGeodesicAlgorithmExact(surface.vertices, surface.faces)
    # Given targets, it goes on until it has met them all; without, a radius makes it fail under NumPy 2 (0.1.11).
    return within(
        lambda source, targets, reach: solver.geodesicDistances([source], targets, reach)[0], surface, sources
    )


def with_gdist(surface: Surface, sources: np.ndarray) -> Search:
    import gdist  # noqa: PLC0415

    vertices, faces = np.array(surface.vertices), surface.faces.astype(np.int32)

    def found(source: int, targets: np.ndarray, reach: float) -> np.ndarray:
        return gdist.compute_gdist(vertices, faces, np.array([source], np.int32), targets.astype(np.int32), reach)

    return within(found, surface, sources)


def with_igl(surface: Surface, sources: np.ndarray) -> Search:
    import igl  # noqa: PLC0415

    vertices, faces, none = np.array(surface.vertices), np.array(surface.faces), np.zeros(0, np.int64)
    return lambda k: igl.exact_geodesic(vertices, faces, sources[[k]], none, np.delete(sources, k), none).min()


def with_heat(surface: Surface, sources: np.ndarray) -> Search:
    import potpourri3d  # noqa: PLC0415

    solver = potpourri3d.MeshHeatMethodDistanceSolver(surface.vertices, surface.faces)
    return lambda k: solver.compute_distance(int(sources[k]))[np.delete(sources, k)].min()


def with_flips(surface: Surface, sources: np.ndarray) -> Search:
    import potpourri3d  # noqa: PLC0415

    solver = potpourri3d.EdgeFlipGeodesicSolver(surface.vertices, surface.faces)
    places = surface.vertices[sources]
    near = sources[cKDTree(places).query(places, CANDIDATES + 1)[1][:, 1:]]

    def length(one: int, two: int) -> float:
        path = solver.find_geodesic_path(int(one), int(two))
        return float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())

    return lambda k: min(length(sources[k], other) for other in near[k])


METHODS = {
    "pygeodesic": ("pygeodesic", with_pygeodesic),
    "gdist": ("gdist", with_gdist),
    "libigl": ("igl", with_igl),
    "potpourri3d heat": ("potpourri3d", with_heat),
    "potpourri3d flips": ("potpourri3d", with_flips),
}


# ---------------------------------------------------------------------------------------------------------------------
# measuring


def ask(prepare: Callable[[Surface, np.ndarray], Search], surface: Surface, sources: np.ndarray, tried: list) -> tuple:
    """Return seconds to set up, seconds for each source, and the distances of those that were tried."""
    start = time.perf_counter()
    search = prepare(surface, sources)
    ready = time.perf_counter()
    found = np.array([search(k) for k in tried])
    return ready - start, (time.perf_counter() - ready) / len(tried), found


def compare(path: Path, n: int, tries: int, repeat: int, methods: list[str]) -> None:
    """Measure one mesh with all methods, in turns."""
    surface, rng = read_surface(path), np.random.default_rng(0)
    used = np.flatnonzero(surface.referenced)
    surface = Surface(surface.vertices[used], np.searchsorted(used, surface.faces))
    sources, reach = rng.choice(len(surface.vertices), n, replace=False), REACH * spacing(surface, n)
    own = {"meshot": at_vertices(surface, sources), "meshot, in faces": in_faces(surface, n, rng)}
    exact = nearest_geodesic(surface, *own["meshot"], reach)
    tried = np.sort(rng.choice(n, min(tries, n), replace=False))
    lines: dict[str, dict] = {name: {"seconds": []} for name in own} | {name: {"seconds": []} for name in methods}
    for turn in range(repeat + 1):
        for name, points in own.items():
            start = time.perf_counter()
            # A surface of its own each time, as what is known of it is kept with it.
            nearest_geodesic(Surface(surface.vertices, surface.faces), *points, reach)
            lines[name]["seconds"] += [time.perf_counter() - start] if turn else []
        for name in methods:
            if "note" in lines[name]:
                continue
            some = tried if turn else tried[:1]
            try:
                set_up, each, found = ask(METHODS[name][1], surface, sources, some.tolist())
            except Exception as error:
                lines[name] = {"seconds": [], "note": f"{type(error).__name__}: {error}"[:120]}
                continue
            if turn:
                off = np.abs(found / exact[some] - 1)
                errors = {"error_mean": float(off.mean()), "error_max": float(off.max())}
                spent = [*lines[name]["seconds"], set_up + n * each]
                lines[name] = {"seconds": spent, "tried": len(some), "set_up": round(set_up, 3), **errors}
    for name, line in lines.items():
        head = {"mesh": path.stem, "vertices": len(surface.vertices), "points": n, "method": name}
        spent = line.pop("seconds")
        times = {"seconds": round(statistics.median(spent), 3)} if spent else {}
        print(json.dumps(head | times | line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("meshes", nargs="*", type=Path, metavar="MESH")
    parser.add_argument("-n", type=int, default=1000, help="points")
    parser.add_argument("--tries", type=int, default=20, help="points of which the peers are asked")
    parser.add_argument("--repeat", type=int, default=3, help="rounds")
    parser.add_argument("--method", choices=list(METHODS), action="append", help="methods (all that import)")
    arguments = parser.parse_args()
    methods = arguments.method or [name for name, (module, _) in METHODS.items() if importlib.util.find_spec(module)]
    for path in arguments.meshes or [Path(demo_mesh("face"))]:
        compare(path, arguments.n, arguments.tries, arguments.repeat, methods)


if __name__ == "__main__":
    main()
