"""Measure conformal maps: ``python benchmarks/conformal.py [MESH ...] [--repeat N] [--finer N | --scaling N]``.

Prints one JSON line per mesh and method: meshot's disk and sphere map beside libigl's harmonic map (boundary on the
circle by arc length) and least-squares conformal map, which has a free boundary. All are judged by the same figures,
and libigl gets the surface that meshot cut open. Without a mesh it takes the demo meshes and, where nilearn is
installed, six surfaces of fsaverage5. Each line's map is made in a process of its own; seconds are the median over
the runs of a map in that process after a first one, which may compile; `cpu_seconds` add up over all threads and
say more on a shared machine.

With ``--scaling N`` every mesh is measured with its faces split in four 0, 1, ... N times, and a last line gives the
power of the number of faces with which the seconds grow.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from meshot.app.demo import demo_meshes
from meshot.conformal.cut import cut_to_disk
from meshot.conformal.disk import conformal_map
from meshot.formats.registry import read_surface
from meshot.maps.distortion import distortion
from meshot.maps.surface_map import SurfaceMap
from meshot.meshes.surface import Surface

BRAINS = ("pial_left", "pial_right", "white_left", "infl_left", "flat_left", "flat_right")
METHODS = ("meshot disk", "meshot sphere", "igl harmonic", "igl lscm")


def finer(surface: Surface) -> Surface:
    """Split each face in four at the middles of its edges."""
    order, starts = surface.edge_order
    which = np.empty(len(order), dtype=np.int64)
    which[order] = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(order)))
    ab, bc, ca = which.reshape(-1, 3).T + len(surface.vertices)
    a, b, c = surface.faces.T
    parts = [[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]]
    vertices = np.concatenate([surface.vertices, surface.vertices[surface.edges].mean(axis=1)])
    return Surface(vertices, np.array(parts).transpose(2, 0, 1).reshape(-1, 3))


def load(name: str, splits: int) -> Surface:
    """Read a file, or a surface of fsaverage5 by its name; libigl wants no vertices without faces."""
    if not Path(name).suffix:
        import nibabel  # noqa: PLC0415
        import nilearn  # noqa: PLC0415

        folder = Path(nilearn.__file__).parent / "datasets" / "data" / "fsaverage5"
        surface = Surface(*nibabel.load(folder / f"{name}.gii.gz").agg_data())
    else:
        surface = read_surface(name)
    used = np.flatnonzero(surface.referenced)
    surface = Surface(surface.vertices[used], np.searchsorted(used, surface.faces))
    for _ in range(splits):
        surface = finer(surface)
    return surface


def igl_map(surface: Surface, method: str) -> Callable[[], SurfaceMap]:
    """Return a function that makes libigl's map; the surface is open."""
    import igl  # noqa: PLC0415

    vertices, faces = np.array(surface.vertices), np.array(surface.faces)
    loop = surface.boundary_loops[0]

    def harmonic() -> np.ndarray:
        circle = igl.map_vertices_to_circle(vertices, np.array(loop))
        return igl.harmonic(vertices, faces, np.array(loop), circle, 1)

    def lscm() -> np.ndarray:
        ends = np.array([loop[0], loop[len(loop) // 2]])
        found = igl.lscm(vertices, faces, ends, np.array([[0.0, 0.0], [1.0, 0.0]]))
        return found if isinstance(found, np.ndarray) else found[0]

    make = harmonic if method == "igl harmonic" else lscm
    return lambda: SurfaceMap(surface, np.ascontiguousarray(make()), np.arange(len(vertices)))


def measure(name: str, method: str, repeat: int, splits: int) -> dict:
    """Make one map several times in this process, and return its seconds and figures."""
    surface = load(name, splits)
    # A fresh copy each time, as adjacency is kept with the surface.
    fresh = replace(surface)
    if method == "meshot sphere":
        make = lambda: conformal_map(replace(fresh), to="sphere")  # noqa: E731
    elif method == "meshot disk":
        make = lambda: conformal_map(replace(fresh))  # noqa: E731
    else:
        make = igl_map(surface if surface.boundary_loops else cut_to_disk(surface).surface, method)
    made, seconds, busy = make(), [], []
    for _ in range(repeat):
        start, before = time.perf_counter(), time.process_time()
        made = make()
        seconds.append(time.perf_counter() - start)
        busy.append(time.process_time() - before)
    # Before the map is judged, which takes memory too.
    peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    times = {"seconds": round(statistics.median(seconds), 4), "cpu_seconds": round(statistics.median(busy), 4)}
    return {"faces": len(surface.faces), **times, "peak_mib": peak, **judge(made)}


def judge(made: SurfaceMap) -> dict:
    """Return flips, deviation from the circle or sphere, and distortion."""
    seen = distortion(made)
    if made.points is not None:
        off = np.abs(np.linalg.norm(made.points, axis=1) - 1).max()
    else:
        off = np.abs(np.linalg.norm(made.uv[made.surface.boundary_loops[0]], axis=1) - 1).max()
    summary = seen.summary()
    return {
        "flipped": int(seen.flipped.sum()),
        "degenerate": int(seen.degenerate.sum()),
        "off_circle": float(off),
        "repaired_faces": made.notes.get("repaired_faces"),
        "beltrami_mean": float(np.nanmean(seen.beltrami)),
        "beltrami_max": float(np.nanmax(seen.beltrami)),
        "angle_mean_degrees": summary["angle"]["mean_abs_degrees"],
        "log_area_mean_abs": summary["area"]["log_mean_abs"],
    }


def run(name: str, method: str, repeat: int, splits: int) -> dict:
    """Measure one map in a fresh process."""
    command = [sys.executable, __file__, name, "--inside", method, "--repeat", str(repeat), "--finer", str(splits)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    line = {"mesh": Path(name).stem, "method": method}
    if done.returncode:
        return {**line, "failed": done.stderr.strip().splitlines()[-1]}
    return {**line, **json.loads(done.stdout)}


def scaling(name: str, method: str, repeat: int, splits: int) -> None:
    """Measure a mesh as it is and finer and finer; print the power of the number of faces that fits the seconds."""
    lines = []
    for finer_by in range(splits + 1):
        lines.append(run(name, method, repeat, finer_by))
        print(json.dumps(lines[-1]), flush=True)
    made = [line for line in lines if "failed" not in line]
    if len(made) > 1:
        faces = np.log([line["faces"] for line in made])
        powers = {
            f"exponent_{key}": round(float(np.polyfit(faces, np.log([line[key] for line in made]), 1)[0]), 3)
            for key in ("seconds", "cpu_seconds")
        }
        print(json.dumps({"mesh": Path(name).stem, "method": method, **powers}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("meshes", nargs="*", metavar="MESH", help="files, or names of fsaverage5 surfaces")
    parser.add_argument("--repeat", type=int, default=3, help="counted runs of each map")
    parser.add_argument("--finer", type=int, default=0, help="times that every face is split in four first")
    parser.add_argument("--scaling", type=int, metavar="N", help="split in four 0 to N times, and fit the growth")
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        result = measure(arguments.meshes[0], arguments.inside, arguments.repeat, arguments.finer)
        print(json.dumps(result))
        return
    for name in arguments.meshes or [*map(str, demo_meshes().values()), *BRAINS]:
        closed = not load(name, 0).boundary_loops
        for method in arguments.methods:
            if method == "meshot sphere" and not closed:
                continue
            if arguments.scaling is not None:
                scaling(name, method, arguments.repeat, arguments.scaling)
            else:
                print(json.dumps(run(name, method, arguments.repeat, arguments.finer)), flush=True)


if __name__ == "__main__":
    main()
