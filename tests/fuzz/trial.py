"""What meshot owes to any file: a typed error of one sentence, or a mesh that holds together and a map that is right.

As a program, ``python trial.py``, it reads paths from its input, a line each, and prints a JSON line about each, so
that another process can watch over it.
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
from meshot.formats.registry import read_mesh
from meshot.maps.distortion import distortion
from meshot.meshes.check.surface import check
from meshot.meshes.solid import Solid
from meshot.meshes.surface import Surface
from meshot.volume import volume_preserving_map

# What one file may make a process take; beyond it, memory is refused to the process.
MOST_BYTES = 4 << 30


class BrokenPromiseError(AssertionError):
    """A promise that was not kept."""


def require(kept: object, promise: str) -> None:
    if not kept:
        raise BrokenPromiseError(promise)


def examine(path: Path) -> tuple[str, str]:
    """Read, check and map what is in a file; return what came of it, and the sentence if it was an error.

    Raises
    ------
    BrokenPromiseError
        A promise was not kept. Any other error is one, too.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            mesh = read_mesh(path)
        except MeshReadError as error:
            return "refused", sentence(error)
        cells = mesh.tetrahedra if isinstance(mesh, Solid) else mesh.faces
        require(np.isfinite(mesh.vertices[mesh.referenced]).all(), "vertices of cells are finite")
        require(cells.min() >= 0 and cells.max() < len(mesh.vertices), "indices are in range")
        report = check(mesh)
        require(str(report) and to_json(report.to_dict()), "a report can be written")
    if not report.ok:
        return "not to be mapped", report.problems[0].kind
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
    mapped = area_preserving_map(surface)
    used = mapped.surface.referenced
    require(np.isfinite(mapped.uv[used]).all(), "images are finite")
    require(np.linalg.norm(mapped.uv[used], axis=1).max() < 1 + 1e-9, "images lie in the disk")
    flipped = int((mapped.signed_areas <= 0).sum())
    require(flipped == 0 or caught, f"{flipped} faces are flipped, and nothing is said")
    require_shares(mapped.transport, np.pi, caught)
    for map_ in (mapped, mapped.conformal):
        figures = json.loads(to_json(distortion(map_).summary()))
        require(flipped or None not in figures.values(), "figures of distortion are finite")


def map_solid(solid: Solid, caught: list[warnings.WarningMessage]) -> None:
    mapped = volume_preserving_map(solid)
    require(np.isfinite(mapped.points[solid.referenced]).all(), "images are finite")
    flipped = int((mapped.signed_volumes * solid.orientation <= 0).sum())
    require(flipped == 0 or caught, f"{flipped} tetrahedra are flipped, and nothing is said")
    require_shares(mapped.transport, 4 * np.pi / 3, caught)


def require_shares(transport: object, whole: float, caught: list[warnings.WarningMessage]) -> None:
    """Require that the cells fill the domain, and that each has its share or a warning was given."""
    require(abs(transport.masses.sum() / whole - 1) < 1e-9, "masses sum to the domain's")
    wanted = transport.problem.masses
    require(abs(wanted.sum() / whole - 1) < 1e-9, "masses asked for sum to the domain's")
    off = float(np.abs(transport.masses / wanted - 1).max())
    require(off < 1e-6 or caught, f"a cell is off by {off:.1e}, and nothing is said")


# ---------------------------------------------------------------------------------------------------------------------
# as a program


def tell(path: Path) -> dict[str, object]:
    """Return what came of a file, with the processor seconds and the bytes of memory that it took."""
    ctypes.CDLL(None).malloc_trim(0)  # what was freed shall not hide what is taken now
    Path("/proc/self/clear_refs").write_text("5")  # the greatest memory from now on
    before, start = _memory("VmRSS"), time.process_time()
    try:
        outcome, words = examine(path)
    except BrokenPromiseError as fault:
        outcome, words = "fault", str(fault)
    except Exception:  # whatever it is, it has no place here
        outcome, words = "traceback", traceback.format_exc()
    seconds = time.process_time() - start
    return {"outcome": outcome, "words": words, "seconds": seconds, "bytes": _memory("VmHWM") - before}


def _memory(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return 1024 * int(line.split()[1])
    raise OSError(f"no {name} in /proc/self/status")


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_memory("VmSize") + MOST_BYTES,) * 2)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(tell(Path(line.rstrip("\n")))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
