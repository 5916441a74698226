"""Volume-preserving maps of solids: one JSON line a mesh.

    python benchmarks/volume.py [--edge 0.03] [MESH ...]

A MESH is a solid (VTU, VTK, MSH, MESH), or a surface, which is tetrahedralized first (its seconds are separate); by
default the dumbbell, the hare and the brain of `data/`, and a ball of 82,000 tetrahedra with waist. Everything is
compiled beforehand. `mean`, `sd` and `max` are of |ratio - 1| over the tetrahedra, ratio being a tetrahedron's share of
the image over its share of the solid.
"""

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np

import meshot
from meshot import Solid

ROOT = Path(__file__).parent.parent
SOLIDS = (".vtu", ".vtk", ".msh", ".mesh")


def read(path: str, edge: float) -> tuple[Solid, float]:
    if Path(path).suffix.lower() in SOLIDS:
        return meshot.read_solid(path), 0.0
    start = time.perf_counter()
    surface = meshot.read_surface(path)
    size = float(np.linalg.norm(np.ptp(surface.vertices, axis=0)))
    made = meshot.tetrahedralize(surface, edge_length=edge * size)
    return getattr(made, "solid", made), time.perf_counter() - start


def waisted(levels: int) -> Solid:
    sys.path.insert(0, str(ROOT))
    from tests.shapes import dumbbell_solid  # noqa: PLC0415

    return dumbbell_solid(levels)


def measure(name: str, solid: Solid, preparing: float) -> None:
    start, used = time.perf_counter(), time.process_time()
    mapped = meshot.volume_preserving_map(solid)
    seconds, cpu = time.perf_counter() - start, time.process_time() - used
    refinement = mapped.notes["refinement"]
    volumes = mapped.signed_volumes * solid.orientation
    off = np.abs(volumes / volumes.sum() / mapped.shares - 1)
    rim = np.linalg.norm(mapped.points[solid.boundary_vertices], axis=1)
    row = {
        "mesh": name,
        "tetrahedra": len(solid.tetrahedra),
        "vertices": len(solid.vertices),
        "tetrahedralization": round(preparing, 2),
        "seconds": round(seconds, 2),
        "cpu": round(cpu, 2),
        "stages": {stage: round(spent, 2) for stage, spent in mapped.notes["seconds"].items()},
        "flipped": int((volumes <= 0).sum()),
        "flipped_at_first": mapped.notes["flipped_at_first"],
        "mean": float(off.mean()),
        "sd": float(off.std()),
        "max": float(off.max()),
        "steps": refinement["iterations"],
        "far_off": len(refinement["off"]),
        "off_sphere": float(np.abs(rim - 1).max()),
    }
    print(json.dumps(row), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("meshes", nargs="*")
    parser.add_argument("--edge", type=float, default=0.03, help="edge length over the bounding box's diagonal")
    options = parser.parse_args()
    warnings.simplefilter("ignore", meshot.ConvergenceWarning)
    meshot.volume_preserving_map(waisted(3))
    for path in options.meshes:
        measure(Path(path).name, *read(path, options.edge))
    if not options.meshes:
        measure("waisted ball", waisted(4), 0.0)
        for name in ("dumbbell.obj", "hare.ply", "brain.ply"):
            measure(name, *read(str(ROOT / "data" / name), options.edge))


if __name__ == "__main__":
    main()
