"""How much memory a mesh will take, from its size.

Bytes were measured as the peak of a worker's process on meshes of 5,000 to 1,120,000 faces, with a margin for closed
and ill-shaped ones; ``benchmarks/reliability.md`` sets them beside what was taken.
"""

from collections.abc import Mapping
from typing import Any

from meshot.meshes.mesh import Surface
from meshot.meshes.solid import Solid
from meshot.meshes.tetrahedra import filling_size

MIB = 2**20
BASE = 640 * MIB  # the interpreter, libraries, kernels, and the pictures of a report
READING = 16  # times the size of a file: its bytes and what is parsed of them
FACE = {"area": 4000, "conformal": 1600, "sample": 4200}
POINT = 500
TETRAHEDRON = 6000


def reading_bytes(size: int) -> float:
    """Return the bytes of memory that reading a file of so many bytes takes."""
    return BASE + READING * size


def job_bytes(command: str, mesh: Surface | Solid, options: Mapping[str, Any]) -> float:
    """Return the bytes of memory that a command takes for a mesh.

    Parameters
    ----------
    command : {"area", "conformal", "volume", "sample"}
    mesh : Surface or Solid
    options : mapping
        The command's, where they differ from their defaults.

    Examples
    --------
    >>> cube = Surface([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])
    >>> job_bytes("area", cube, {}) < job_bytes("volume", cube, {"edge_length": 0.01})
    True
    """
    if isinstance(mesh, Solid):
        return BASE + TETRAHEDRON * len(mesh.tetrahedra)
    if command == "volume":
        count, filling = filling_size(mesh, options.get("edge_length"))
        return BASE + max(filling, TETRAHEDRON * count)
    return BASE + FACE[command] * len(mesh.faces) + POINT * options.get("count", 0)
