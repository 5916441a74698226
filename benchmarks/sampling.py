"""Samples of surfaces beside other tools: ``python benchmarks/sampling.py [MESH ...] [-n N] [--rates] [--million]``.

Prints a JSON line for each mesh and method: how many points came, seconds and processor seconds, and the measures of
`meshot.sample_quality`, the same for all. trimesh and point-cloud-utils take part where they import. `--rates` fits the
error of an integral over the surface against the number of points, `--million` times 10^6 points once the map is there.
One run of each method before the first is not counted: it compiles the kernels where the cache has none.
"""

import argparse
import json
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import meshot
from meshot.app.demo import demo_mesh
from meshot.sampling.samples import Samples, make_samples

METHODS = ("random", "stratified", "sobol", "r2", "fibonacci", "blue")
SIZES = 2 ** np.arange(8, 19, 2)
SEEDS = 16


def placed(surface_map: meshot.SurfaceMap, faces: np.ndarray, barycentric: np.ndarray) -> Samples:
    return make_samples(surface_map, faces.astype(np.int64), barycentric.astype(np.float64), {})


def others(surface_map: meshot.SurfaceMap, n: int) -> dict[str, Callable[[], Samples]]:
    """Return the samplers of the other tools that are installed."""
    surface, found = surface_map.surface, {}
    vertices, faces = np.array(surface.vertices), np.array(surface_map.source_vertex[surface.faces])
    if find_spec("trimesh") is not None:
        import trimesh  # noqa: PLC0415

        mesh = trimesh.Trimesh(vertices, faces, process=False)

        def with_trimesh(sampler: Callable[..., tuple]) -> Samples:
            points, where = sampler(mesh, n, seed=0)
            weights = trimesh.triangles.points_to_barycentric(surface.corners[where], points).clip(0, 1)
            return placed(surface_map, where, weights / weights.sum(axis=1, keepdims=True))

        found["trimesh sample_surface"] = lambda: with_trimesh(trimesh.sample.sample_surface)
        found["trimesh sample_surface_even"] = lambda: with_trimesh(trimesh.sample.sample_surface_even)
    if find_spec("point_cloud_utils") is not None:
        import point_cloud_utils as pcu  # noqa: PLC0415

        found["point-cloud-utils poisson disk"] = lambda: placed(
            surface_map, *pcu.sample_mesh_poisson_disk(vertices, faces, n, random_seed=1)
        )
    return found


def compare(name: str, surface_map: meshot.SurfaceMap, n: int) -> None:
    """Sample one mesh with everything there is."""
    samplers: dict[str, Callable[[], Samples]] = {
        f"meshot {method}": lambda method=method: meshot.sample(surface_map, n, method, rng=0) for method in METHODS
    } | others(surface_map, n)
    for method, sampler in samplers.items():
        wall, work = time.perf_counter(), time.process_time()
        samples = sampler()
        wall, work = time.perf_counter() - wall, time.process_time() - work
        row = {"mesh": name, "method": method, "asked": n, "points": len(samples)}
        row |= {"seconds": round(wall, 3), "processor_seconds": round(work, 3)}
        summary = meshot.sample_quality(samples).summary()
        row |= {key: None if value is None else float(f"{value:.4g}") for key, value in summary.items()}
        print(json.dumps(row), flush=True)


def polynomial(points: np.ndarray) -> np.ndarray:
    """A quadratic polynomial: its mean over a face is that of its values at the middles of the sides."""
    x, y, z = np.moveaxis(points, -1, 0)
    return x * y + z * z - 0.5 * x + 0.7 * y * y - z * x


def rates(name: str, surface_map: meshot.SurfaceMap) -> None:
    """Fit log(root mean square error) of an integral against log n."""
    surface = surface_map.surface
    low, high = surface.vertices.min(axis=0), surface.vertices.max(axis=0)
    middle, scale = (low + high) / 2, (high - low).max() / 2
    sides = (surface.corners + np.roll(surface.corners, 1, axis=1)) / 2
    exact = (polynomial((sides - middle) / scale).mean(axis=1) * surface.face_areas).sum() / surface.area
    for method in ("random", "stratified", "sobol", "r2", "fibonacci"):
        errors = []
        for n in SIZES.tolist():
            points = (meshot.sample(surface_map, n, method, rng=seed).points for seed in range(SEEDS))
            misses = [polynomial((p - middle) / scale).mean() - exact for p in points]
            errors.append(float(np.sqrt(np.mean(np.square(misses)))))
        rate = float(np.polyfit(np.log(SIZES), np.log(errors), 1)[0])
        row = {"mesh": name, "method": method, "rate": round(rate, 3), "sizes": SIZES.tolist()}
        print(json.dumps(row | {"errors": [float(f"{e:.3g}") for e in errors]}), flush=True)


def million(name: str, surface_map: meshot.SurfaceMap) -> None:
    """Time 10^6 points."""
    for method in METHODS[:-1]:
        wall, work = time.perf_counter(), time.process_time()
        meshot.sample(surface_map, 10**6, method, rng=0)
        row = {"mesh": name, "method": method, "points": 10**6, "seconds": round(time.perf_counter() - wall, 2)}
        print(json.dumps(row | {"processor_seconds": round(time.process_time() - work, 2)}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("meshes", nargs="*", type=Path)
    parser.add_argument("-n", type=int, default=10_000)
    parser.add_argument("--rates", action="store_true")
    parser.add_argument("--million", action="store_true")
    arguments = parser.parse_args()
    for path in arguments.meshes or [Path(demo_mesh("brain"))]:
        surface_map = meshot.area_preserving_map(meshot.read_surface(path))
        if arguments.rates:
            rates(path.stem, surface_map)
        if arguments.million:
            million(path.stem, surface_map)
        if not (arguments.rates or arguments.million):
            for method in METHODS:  # compiles what the clock is not to see
                meshot.sample_quality(meshot.sample(surface_map, 100, method, rng=0))
            compare(path.stem, surface_map, arguments.n)


if __name__ == "__main__":
    main()
