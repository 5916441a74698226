"""What meshot owes to any file: a typed error of one sentence, or a mesh that holds together and a map that is right.

As a program, ``python trial.py``, it reads lines from its input, each a path and the area that must be found there, or
nothing, behind a tab; it prints a JSON line about each, so that another process can watch over it.
"""

import ctypes
import json
import resource
import sys
import time
import traceback
import warnings
from pathlib import Path

import numpy as np

from meshot.area import area_preserving_map
from meshot.base.errors import ConvergenceWarning, MeshotError, MeshReadError
from meshot.base.files import to_json
from meshot.base.settings import TOL_AREA
from meshot.formats.registry import read_mesh
from meshot.maps.distortion import distortion
from meshot.meshes.check.surface import check
from meshot.meshes.solid import Solid
from meshot.meshes.surface import Surface
from meshot.volume import volume_preserving_map

# What one file may make a process take; beyond it, memory is refused to the process.
MOST_BYTES = 4 << 30
# Relative error of an area.
MOST_OFF = 1e-6


class BrokenPromiseError(AssertionError):
    """A promise that was not kept."""


def require(kept: object, promise: str) -> None:
    if not kept:
        raise BrokenPromiseError(promise)


def examine(path: Path, area: float | None = None) -> tuple[str, str]:
    """Read, check and map what is in a file; return what came of it, and the sentence if it was an error.

    `area` is that of the surface in it, NaN if it must be refused, None if none is known.

    Raises
    ------
    BrokenPromiseError
        A promise was not kept. Any other error is one, too.
    """
    mesh, outcome, words = read(path, area)
    return (outcome, words) if mesh is None else mapped(mesh)


def read(path: Path, area: float | None) -> tuple[Surface | Solid | None, str, str]:
    """Read and check what is in a file; return the mesh if it can be mapped, or else what came of it, as `examine`."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            mesh = read_mesh(path)
        except MeshReadError as error:
            return None, "refused", sentence(error)
        if area is not None:
            require(not np.isnan(area), "faces that cross themselves are refused")
            require(abs(mesh.area - area) <= MOST_OFF * area, f"the area is {area}, not {mesh.area}")
        cells = mesh.tetrahedra if isinstance(mesh, Solid) else mesh.faces
        require(np.isfinite(mesh.vertices[mesh.referenced]).all(), "vertices of cells are finite")
        require(cells.min() >= 0 and cells.max() < len(mesh.vertices), "indices are in range")
        report = check(mesh)
        require(str(report) and to_json(report.to_dict()), "a report can be written")
    return (mesh, "", "") if report.ok else (None, "not to be mapped", report.problems[0].kind)


def mapped(mesh: Surface | Solid) -> tuple[str, str]:
    """Map a mesh that `check` accepts; return as `examine`."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            (map_surface if isinstance(mesh, Surface) else map_solid)(mesh, caught)
        except MeshotError as error:
            return "not mapped", sentence(error)
    stray = [each for each in caught if not issubclass(each.category, ConvergenceWarning)]
    require(not stray, f"no stray warnings: {[(str(s.message), s.filename, s.lineno) for s in stray[:3]]}")
    told = [str(warning.message) for warning in caught if issubclass(warning.category, ConvergenceWarning)]
    return ("mapped with a warning", told[0]) if told else ("mapped", "")


def sentence(error: MeshotError) -> str:
    """Return the message of an error, which must be one sentence."""
    text = str(error)
    require(text and "\n" not in text and len(text) < 1000, f"one sentence: {text[:80]!r}")
    return text


def map_surface(surface: Surface, caught: list[warnings.WarningMessage]) -> None:
    """Map it to the disk, and to the sphere if it is closed."""
    map_to("disk", surface, caught)
    if not surface.boundary_loops:
        map_to("sphere", surface, caught)


def map_to(target: str, surface: Surface, caught: list[warnings.WarningMessage]) -> None:
    mapped = area_preserving_map(surface, to=target)
    image = mapped.image[mapped.surface.referenced]
    require(np.isfinite(image).all(), "images are finite")
    require(np.linalg.norm(image, axis=1).max() < 1 + 1e-9, "images lie in the disk or on the sphere")
    areas = mapped.signed_areas
    flipped = int((areas <= 0).sum())
    require(flipped == 0 or caught, f"{flipped} faces are flipped, and nothing is said")
    deviation = float(np.std(areas / areas.sum() / (mapped.surface.face_areas / mapped.surface.area)))
    require(deviation <= TOL_AREA * (1 + 1e-6) or caught, f"areas are off by {deviation:.1e}, and nothing is said")
    require_shares(mapped.transport, {"disk": np.pi, "sphere": 4 * np.pi}[target], deviation <= TOL_AREA or caught)
    for map_ in (mapped, mapped.conformal):
        figures = json.loads(to_json(distortion(map_).summary()))
        require(flipped or None not in figures.values(), "figures of distortion are finite")


def map_solid(solid: Solid, caught: list[warnings.WarningMessage]) -> None:
    mapped = volume_preserving_map(solid)
    require(np.isfinite(mapped.points[solid.referenced]).all(), "images are finite")
    flipped = int((mapped.signed_volumes * solid.orientation <= 0).sum())
    require(flipped == 0 or caught, f"{flipped} tetrahedra are flipped, and nothing is said")
    require_shares(mapped.transport, 4 * np.pi / 3, caught)


def require_shares(transport: object, whole: float, excused: object) -> None:
    """Require that the cells fill the domain, and that each has its share unless there is an excuse."""
    require(abs(transport.masses.sum() / whole - 1) < 1e-9, "masses sum to the domain's")
    wanted = transport.problem.masses
    require(abs(wanted.sum() / whole - 1) < 1e-9, "masses asked for sum to the domain's")
    off = float(np.abs(transport.masses / wanted - 1).max())
    require(off < 1e-6 or excused, f"a cell is off by {off:.1e}, and nothing is said")


# ---------------------------------------------------------------------------------------------------------------------
# as a program


def tell(path: Path, area: float | None) -> dict[str, object]:
    """Return what came of a file, the processor seconds, those of reading among them, and the memory that it took."""
    ctypes.CDLL(None).malloc_trim(0)  # what was freed shall not hide what is taken now
    Path("/proc/self/clear_refs").write_text("5")  # the greatest memory from now on
    before, start, reading = _memory("VmRSS"), time.process_time(), None
    try:
        mesh, outcome, words = read(path, area)
        reading = time.process_time() - start
        if mesh is not None:
            outcome, words = mapped(mesh)
    except BrokenPromiseError as fault:
        outcome, words = "fault", str(fault)
    except Exception:  # whatever it is, it has no place here
        outcome, words = "traceback", traceback.format_exc()
    seconds = time.process_time() - start
    reading = seconds if reading is None else reading
    memory = _memory("VmHWM") - before
    return {"outcome": outcome, "words": words, "seconds": seconds, "reading": reading, "bytes": memory}


def _memory(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return 1024 * int(line.split()[1])
    raise OSError(f"no {name} in /proc/self/status")


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_memory("VmSize") + MOST_BYTES,) * 2)
    for line in sys.stdin:
        path, _, area = line.rstrip("\n").rpartition("\t")
        sys.stdout.write(json.dumps(tell(Path(path), float(area) if area else None)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
