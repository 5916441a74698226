"""Measure the compiled kernels, family by family: ``python benchmarks/kernels.py [FAMILY ...] [--against CHECKOUT]``.

Prints one JSON line per family: processor seconds of one thread, the median of `--repeat` processes that each give the
median of three runs after one that may compile, and a digest of what that one returned, which has to stay the same bit
for bit. With `--against`, processes of that checkout of meshot take turns with those of this one, and their median and
digest stand beside.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull, Delaunay

ROOT = Path(__file__).parents[1]


def _ball(n: int, dimension: int) -> np.ndarray:
    """Return n random points of the unit ball."""
    points = np.random.default_rng(0).uniform(-1, 1, (3 * n, dimension))
    return points[(points**2).sum(axis=1) < 1][:n]


def _weights(sites: np.ndarray) -> np.ndarray:
    return 0.3 * len(sites) ** (-2 / sites.shape[1]) * np.sin(9 * sites).sum(axis=1)


def plane() -> Callable[[], Any]:
    from meshot.diagrams.domains import Disk  # noqa: PLC0415
    from meshot.diagrams.plane.diagram import PowerEngine  # noqa: PLC0415

    sites = _ball(200_000, 2)
    engine, weights = PowerEngine(sites, Disk()), _weights(sites)
    return lambda: [(d.masses, d.edges.lengths) for d in (engine.diagram(weights), engine.diagram(-weights))]


def search() -> Callable[[], Any]:
    from meshot.diagrams.domains import Disk  # noqa: PLC0415
    from meshot.diagrams.plane.diagram import PowerEngine  # noqa: PLC0415

    sites = _ball(30_000, 2)
    engine, weights = PowerEngine(sites, Disk()), _weights(sites)
    return lambda: engine._search(weights)


def triangulation() -> Callable[[], Any]:
    from meshot.diagrams.plane.triangulation import RegularTriangulation  # noqa: PLC0415
    from meshot.diagrams.site_tree import hilbert_order  # noqa: PLC0415

    sites = _ball(200_000, 2)
    sites = sites[hilbert_order(sites)]

    def run() -> Any:
        dual = RegularTriangulation(sites)
        dual.update(_weights(sites), may_hide=True)
        return dual.triangles

    return run


def space() -> Callable[[], Any]:
    from meshot.diagrams.domains import Ball  # noqa: PLC0415
    from meshot.diagrams.space.diagram import SpaceEngine  # noqa: PLC0415

    sites = _ball(50_000, 3)

    def run() -> Any:
        engine = SpaceEngine(sites, Ball())
        both = engine.diagram(_weights(sites)), engine.diagram(-_weights(sites))
        return [(d.masses, d.edges.lengths, d.patches) for d in both]

    return run


def faces() -> Callable[[], Any]:
    from meshot.diagrams.power_diagram import power_diagram  # noqa: PLC0415

    diagram = power_diagram(_ball(5000, 3))
    return lambda: tuple(diagram.cell_faces())


def sphere() -> Callable[[], Any]:
    from meshot.diagrams.sphere.diagram import SphereEngine  # noqa: PLC0415

    sites = np.random.default_rng(0).normal(size=(50_000, 3))
    engine = SphereEngine(sites / np.linalg.norm(sites, axis=1)[:, None])
    heights = 1e-6 * np.sin(9 * engine.sites).sum(axis=1)
    engine.diagram(heights)
    return lambda: [(d.masses, d.conductances) for d in (engine.diagram(-heights), engine.diagram(heights))]


def surface() -> Callable[[], Any]:
    from meshot.diagrams.surface.diagram import SurfaceEngine, SurfaceSites  # noqa: PLC0415
    from meshot.formats.registry import read_surface  # noqa: PLC0415

    engine, rng = SurfaceEngine(read_surface(ROOT / "data" / "hare.ply")), np.random.default_rng(0)
    faces = rng.choice(len(engine.surface.faces), 3000, p=engine.surface.face_areas / engine.surface.area)
    places = SurfaceSites(faces, rng.dirichlet(np.ones(3), len(faces)))

    def run() -> Any:
        engine.place(places)
        diagram = engine.diagram(np.zeros(len(faces)))
        return diagram.masses, diagram.conductances

    return run


def density() -> Callable[[], Any]:
    from meshot.diagrams.density.densities import GridDensity, TriangulationDensity  # noqa: PLC0415
    from meshot.diagrams.density.source import DensitySource  # noqa: PLC0415
    from meshot.diagrams.domains import Disk  # noqa: PLC0415
    from meshot.diagrams.power_diagram import power_diagram  # noqa: PLC0415

    x, y = np.meshgrid(np.linspace(-1, 1, 150), np.linspace(-1, 1, 150))
    points = np.column_stack([x.ravel(), y.ravel()])
    values, diagram = 2 + np.sin(5 * x) * np.cos(4 * y), power_diagram(_ball(20_000, 2))
    nodes = GridDensity(values, [-1, -1], [1, 1], at="nodes")
    pixels = GridDensity(values, [-1, -1], [1, 1], at="pixels")
    triangles = TriangulationDensity(points, Delaunay(points).simplices, values.ravel(), at="vertices")
    sources = [DensitySource(each, Disk()) for each in (nodes, pixels, triangles)]
    return lambda: [tuple(each.measures(diagram)) for each in sources]


def initial_weights() -> Callable[[], Any]:
    from meshot.diagrams.domains import Ball, Disk  # noqa: PLC0415
    from meshot.diagrams.plane.diagram import PowerEngine  # noqa: PLC0415
    from meshot.diagrams.space.diagram import SpaceEngine  # noqa: PLC0415
    from meshot.transport.initial_weights import mend  # noqa: PLC0415

    def run() -> Any:
        results = []
        for engine in (PowerEngine(_ball(20_000, 2), Disk()), SpaceEngine(_ball(4000, 3), Ball())):
            n, d = engine.sites.shape
            near = engine.diagram(np.zeros(n)).edges.neighbors
            weights = np.where(np.arange(n) % 20 == 0, -2 * n ** (-2 / d), 0.0)
            mended = mend(engine, weights, np.full(n, engine.domain.measure / n), *near)
            results.append((mended.weights, mended.masses))
        return results

    return run


def nearest_sites() -> Callable[[], Any]:
    from meshot.transport.solve import solve_transport as transport  # noqa: PLC0415

    results = [transport(_ball(1500, dimension)) for dimension in (2, 3)]
    return lambda: [result.locate(_ball(100_000, result.problem.sites.shape[1])) for result in results]


def box_search() -> Callable[[], Any]:
    import torch  # noqa: PLC0415

    from meshot.transport.sampled.nearest.box_search import BoxSearch  # noqa: PLC0415

    sites, cpu = _ball(20_000, 2), torch.device("cpu")
    points = torch.from_numpy(_ball(300_000, 2))
    bounds = -np.ones(2), np.ones(2)

    def run() -> Any:
        found = BoxSearch(sites, -(sites**2).sum(axis=1) / 2, bounds, len(points), 2, cpu)(points)
        return found.first.numpy(), found.score.numpy()

    return run


def micro_kernel() -> Callable[[], Any]:
    import torch  # noqa: PLC0415

    from meshot.transport.sampled.nearest.micro_kernel import pack_panels, two_best  # noqa: PLC0415

    sites, points = torch.from_numpy(_ball(3000, 5)), torch.from_numpy(_ball(200_000, 5))
    heights = -(sites**2).sum(dim=1) / 2
    panels, center = pack_panels(sites, heights), torch.zeros(5, dtype=torch.float64)
    return lambda: [t.numpy() for t in two_best(points, center, panels, (1e-5, 1e-5), sites, heights)]


def cholesky() -> Callable[[], Any]:
    from meshot.algebra.multifrontal.cholesky import BlockCholesky  # noqa: PLC0415

    system, uv = _disk_system(40_000)
    edges = system.edges
    solver = BlockCholesky(uv, edges)

    def run() -> Any:
        solver.factorize(4 * len(uv) * np.ones((len(uv), 1, 1)) * np.eye(2), -np.ones((len(edges), 1, 1)) * np.eye(2))
        return solver.solve(uv)

    return run


def block_cg() -> Callable[[], Any]:
    from meshot.algebra.block_cg import BlockCG  # noqa: PLC0415

    points = _ball(15_000, 3)
    pairs = Delaunay(points).simplices[:, [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]].reshape(-1, 2)
    edges = np.unique(np.sort(pairs, axis=1), axis=0).astype(np.int64)
    diagonal = (np.bincount(edges.ravel(), minlength=len(points)) + 0.01)[:, None, None] * np.eye(3)

    def run() -> Any:
        solver = BlockCG(len(points), edges)
        solver.factorize(diagonal, -np.tile(np.eye(3), (len(edges), 1, 1)))
        return solver.solve(points, 1e-8, 300)

    return run


def newton() -> Callable[[], Any]:
    from meshot.transport.solve import solve_transport as transport  # noqa: PLC0415

    return lambda: [transport(_ball(n, d)).heights for n, d in ((30_000, 2), (5000, 3))]


def assembly() -> Callable[[], Any]:
    from meshot.refinement.ball_system import BallSystem  # noqa: PLC0415
    from meshot.refinement.sphere_system import SphereSystem  # noqa: PLC0415

    disk, uv = _disk_system(40_000)
    directions = _ball(40_000, 3)
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    hull = ConvexHull(directions)
    inward = (hull.equations[:, :3] * np.cross(*_sides(directions[hull.simplices]))).sum(axis=1) < 0
    hull.simplices[inward, :2] = hull.simplices[inward, 1::-1]
    sphere = SphereSystem(hull.simplices.astype(np.int64), np.ones(len(hull.simplices)), directions)
    points = np.concatenate([0.9 * _ball(8000, 3), directions[:2000]])
    cells, rim = Delaunay(points).simplices.astype(np.int64), ConvexHull(points).simplices.astype(np.int64)
    ball, center = BallSystem(cells, rim, np.full(len(cells), 1 / len(cells))), np.zeros((1, 3))
    cases = [(disk, uv, disk.faces), (sphere, directions, sphere.faces)]
    cases += [(ball, np.concatenate([points, center]), ball.elements)]

    def run() -> Any:
        results = []
        for system, places, elements in cases:
            ones, frames = np.ones(len(elements)), system.frames(places)
            units = (ones,) if system is ball else ()
            gradients = system.gradients(places, frames, *units)
            results.append(system.matrix(places, frames, gradients, 2 * ones, ones, 1e-6 * ones))
        return results

    return run


def _sides(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]


def geodesics() -> Callable[[], Any]:
    from meshot.formats.registry import read_surface  # noqa: PLC0415
    from meshot.sampling.geodesics import nearest_geodesic  # noqa: PLC0415

    shape, rng = read_surface(ROOT / "data" / "hare.ply"), np.random.default_rng(0)
    at = rng.choice(len(shape.faces), 10_000, p=shape.face_areas / shape.area)
    places = rng.dirichlet(np.ones(3), len(at))
    return lambda: nearest_geodesic(shape, at, places, 0.02)


def flips() -> Callable[[], Any]:
    from meshot.conformal.intrinsic import intrinsic_delaunay  # noqa: PLC0415
    from meshot.formats.registry import read_surface  # noqa: PLC0415

    shape = read_surface(ROOT / "data" / "hare.ply")

    def run() -> Any:
        found = intrinsic_delaunay(shape)
        return found.faces, found.lengths, found.twins

    return run


def raster() -> Callable[[], Any]:
    from meshot.app.report.pictures.raster import rasterize  # noqa: PLC0415

    system, uv = _disk_system(40_000)
    points = np.column_stack([500 * (uv + 1), np.zeros(len(uv))])

    def run() -> Any:
        seen = rasterize(points, system.faces, (1000, 1000))
        return seen.pixels, seen.faces, seen.barycentric

    return run


def _disk_system(count: int) -> Any:
    from meshot.refinement.disk_system import DiskSystem  # noqa: PLC0415

    rim = np.exp(2j * np.pi * np.arange(400) / 400)
    uv = np.concatenate([0.99 * _ball(count, 2), np.column_stack([rim.real, rim.imag])])
    faces = Delaunay(uv).simplices
    a, b = _sides(uv[faces])
    turned = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] < 0
    faces[turned] = faces[turned, ::-1]
    return DiskSystem(faces.astype(np.int64), np.ones(len(faces))), uv


FAMILIES = {
    family.__name__: family
    for family in (
        plane, search, triangulation, space, faces, sphere, surface, density, initial_weights, nearest_sites, newton,
        box_search, micro_kernel, cholesky, block_cg, assembly, geodesics, flips, raster,
    )
}  # fmt: skip


def _digest(result: Any) -> str:
    """Return the digest of arrays in tuples and lists."""
    digest = hashlib.blake2b(digest_size=8)

    def feed(part: Any) -> None:
        if isinstance(part, tuple | list):
            for each in part:
                feed(each)
        else:
            digest.update(np.ascontiguousarray(part).tobytes())

    feed(result)
    return digest.hexdigest()


def _measure(family: str) -> None:
    """Print the seconds and the digest of one family, after a first run."""
    run, seconds = FAMILIES[family](), []
    digest = _digest(run())
    for _ in range(3):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    print(json.dumps([statistics.median(seconds), digest]))


def _child(checkout: Path, family: str) -> tuple[float, str]:
    environment = os.environ | {"PYTHONPATH": str(checkout), "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--child", family]
    printed = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, cwd=checkout).stdout
    seconds, digest = json.loads(printed.splitlines()[-1])
    return seconds, digest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*", help=", ".join(FAMILIES))
    parser.add_argument("--against", type=Path, help="another checkout")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        _measure(arguments.child)
        return
    checkouts = {"this": ROOT} | ({"against": arguments.against.resolve()} if arguments.against else {})
    for family in arguments.families or FAMILIES:
        runs: dict[str, list[tuple[float, str]]] = {name: [] for name in checkouts}
        for _ in range(arguments.repeat):
            for name, checkout in checkouts.items():
                runs[name].append(_child(checkout, family))
        line: dict[str, Any] = {"family": family}
        for name, measured in runs.items():
            line |= {name: round(statistics.median(seconds for seconds, _ in measured), 4)}
            line |= {f"{name}_digest": " ".join(sorted({digest for _, digest in measured}))}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
