"""Measure what is done with a solid besides its map: ``python benchmarks/solids.py [SOLID ...] [--fill MESH]``.

Prints one JSON line per solid: CPU seconds and seconds of reading, adjacency, check, point location of a million points
and of writing. Without a file it takes a box of 413,526 tetrahedra, deformed. `--fill` fills a closed surface with
tetrahedra and measures how far the boundary moved.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from meshot.formats.registry import read_solid, read_surface
from meshot.formats.write.vtu import write_vtu
from meshot.maps.distortion import distortion
from meshot.maps.solid_map import SolidMap
from meshot.meshes.check.surface import check
from meshot.meshes.solid import Solid
from meshot.meshes.tetrahedralization import make_tetrahedra

CELLS = 41
POINTS = 1_000_000


def box(cells: int) -> Solid:
    """A deformed cube of six tetrahedra in each of cells^3 cells (Kuhn)."""
    steps = np.arange(cells + 1)
    points = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3) / cells
    corner = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    tetrahedra = []
    for order in ([0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1], [2, 1, 0], [1, 0, 2]):
        path = np.concatenate([np.zeros((1, 3), int), np.cumsum(np.eye(3, dtype=int)[order], axis=0)])
        if round(np.linalg.det(np.eye(3)[order])) < 0:
            path = path[[0, 1, 3, 2]]
        tetrahedra.append((corner[:, None] + path) @ [(cells + 1) ** 2, cells + 1, 1])
    return Solid(points + 0.05 * np.sin(6 * points[:, [1, 2, 0]]), np.concatenate(tetrahedra))


def measure(name: str, solid: Solid) -> dict[str, Any]:
    """Return seconds, and CPU seconds, of each thing done."""
    rng = np.random.default_rng(0)
    mapped = SolidMap(solid, solid.vertices)
    mapped.locate(np.zeros((1, 3)))  # compiles
    low, high = solid.vertices.min(axis=0), solid.vertices.max(axis=0)
    points = rng.uniform(low, high, (POINTS, 3))
    figures: dict[str, Any] = {"solid": name, "tetrahedra": len(solid.tetrahedra), "seconds": {}, "cpu_seconds": {}}

    def timed(what: str, work: Callable[[], Any]) -> None:
        start, cpu = time.perf_counter(), time.process_time()
        work()
        figures["seconds"][what] = round(time.perf_counter() - start, 2)
        figures["cpu_seconds"][what] = round(time.process_time() - cpu, 2)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "solid.vtu"
        values = {"volume": solid.volumes}
        timed("write", lambda: write_vtu(path, solid.vertices, solid.tetrahedra, cell_values=values))
        timed("read", lambda: read_solid(path))
    fresh = solid.with_vertices(solid.vertices)
    timed("adjacency", lambda: (fresh.neighbors, fresh.boundary, fresh.edges))
    timed("check", lambda: check(solid.with_vertices(solid.vertices)))
    timed(f"locate {POINTS} points", lambda: SolidMap(solid, solid.vertices).locate(points))
    timed("distortion", lambda: distortion(SolidMap(solid, solid.vertices)))
    return figures


def fill(path: Path, edge_length: float | None) -> dict[str, Any]:
    """Fill a surface with tetrahedra."""
    start = time.perf_counter()
    made = make_tetrahedra(read_surface(path), edge_length)
    report = check(made.solid)
    figures = {"surface": path.name, "tetrahedra": len(made.solid.tetrahedra), "ok": report.ok}
    figures |= {"smallest_angle": round(report.smallest_angle, 2), "outward": made.outward, "inward": made.inward}
    return {**figures, "seconds": round(time.perf_counter() - start, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("solids", nargs="*", type=Path)
    parser.add_argument("--fill", type=Path)
    parser.add_argument("--edge-length", type=float)
    options = parser.parse_args()
    if options.fill is not None:
        print(json.dumps(fill(options.fill, options.edge_length)), flush=True)
        return
    solids = {path.name: read_solid(path) for path in options.solids} or {"box": box(CELLS)}
    for name, solid in solids.items():
        print(json.dumps(measure(name, solid)), flush=True)


if __name__ == "__main__":
    main()
