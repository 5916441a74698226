"""Read solids from files.

All formats are parsed here. VTK's own readers, which PyVista calls, ended the whole process at 9 of 212 files in which
a few bytes had been changed (VTK 9.7), and went on with what they found in the others; meshio is hardly maintained,
and says nothing of what it passes over.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from meshot.errors import MeshReadError
from meshot.files import PathLike, read_bytes
from meshot.formats.formats import FormatError, without_mark
from meshot.formats.medit import parse_medit
from meshot.formats.msh import parse_msh
from meshot.formats.vtkarrays import Elements
from meshot.formats.vtklegacy import parse_vtk
from meshot.formats.vtkxml import parse_vtu
from meshot.meshes.elements import tetrahedra
from meshot.meshes.solid import Solid

_PARSERS: dict[str, Callable[[bytes], Elements]] = {
    ".vtu": parse_vtu,
    ".vtk": parse_vtk,
    ".msh": parse_msh,
    ".mesh": parse_medit,
}

SOLID_SUFFIXES = tuple(_PARSERS)
"""The formats of `read_solid`."""


@dataclass(frozen=True, eq=False)
class SolidFile:
    """A solid and the file it came from.

    Attributes
    ----------
    solid : Solid
        Vertex i is vertex i of the file, counted from 0, and its tetrahedra are the file's, in their order.
    notes : tuple of str
        What reading passed over or changed: boundary triangles, nodes on edges, numbers of nodes.
    sha256 : str
        Hash of the file's bytes, in hexadecimal.
    """

    solid: Solid
    notes: tuple[str, ...]
    sha256: str


def read_solid(path: PathLike) -> Solid:
    r"""Read a tetrahedral mesh from a VTU, VTK, MSH (Gmsh) or MESH (Medit) file, told apart by the suffix.

    Vertices are kept as they are: none is merged, moved, reordered or dropped, whether or not a tetrahedron uses it.
    Triangles and other elements of lower dimension are passed over.

    Parameters
    ----------
    path : str or path
        The file: VTU with any encoding but LZ4; legacy VTK in text or binary; MSH 2.2 or 4.1 in text or binary; MESH in
        text.

    Returns
    -------
    Solid
        Vertices (V, 3) and tetrahedra (T, 4). Whether it can be mapped is for `meshot.check` to say.

    Raises
    ------
    MeshReadError
        The file is missing, a folder, empty, of an unknown suffix, truncated or no mesh; or it has coordinates that are
        NaN or infinite, a vertex index out of range, no tetrahedra, or other solid elements, whose ids are named.
    OSError
        The file exists and the system does not let it be read.

    Examples
    --------
    >>> import tempfile
    >>> words = "MeshVersionFormatted 2 Dimension 3 Vertices 4 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1 0"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "corner.mesh"
    ...     _ = path.write_text(words + " Tetrahedra 1 1 2 3 4 0 End")
    ...     read_solid(path).tetrahedra.tolist()
    [[0, 1, 2, 3]]
    """
    return read_solid_file(path).solid


def read_solid_file(path: PathLike) -> SolidFile:
    """Read a solid as `read_solid` does, and say what reading passed over.

    Raises
    ------
    MeshReadError, OSError
        As `read_solid`.
    """
    name = os.fspath(path)
    data = read_bytes(name)
    suffix = Path(name).suffix.lower()
    if suffix not in _PARSERS:
        raise MeshReadError(f"{name} has the suffix '{suffix}', but solids are read from {', '.join(_PARSERS)}")
    if not data or data.isspace():
        raise MeshReadError(f"{name} is empty")
    try:
        with np.errstate(all="ignore"):  # what is no number is found by itself
            solid, notes = _solid(_PARSERS[suffix](without_mark(data)))
    except FormatError as error:
        raise MeshReadError(f"{name} {error}", ids=error.ids) from None
    except MeshReadError as error:
        named = MeshReadError(f"{name}: {error}")
        named.ids = error.ids
        raise named from None
    except (ValueError, IndexError, OverflowError, MemoryError) as error:  # what no parser foresaw
        raise MeshReadError(f"{name} is damaged ({error})") from error
    return SolidFile(solid, notes, hashlib.sha256(data).hexdigest())


def _solid(elements: Elements) -> tuple[Solid, tuple[str, ...]]:
    """Check what every format can get wrong, and keep the tetrahedra."""
    points, blocks, notes = elements
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if len(bad):
        raise FormatError("has vertices, counted from 0, with NaN or infinite coordinates", bad.tolist())
    for element, nodes, ids in blocks:
        outside = ids[((nodes < 0) | (nodes >= len(points))).any(axis=1)]
        if len(outside):
            raise FormatError(
                f"has elements ({element.name}), counted from 0, with a vertex that is not among its {len(points)}",
                ids=outside.tolist(),
            )
    found, told = tetrahedra(blocks)
    return Solid(points, found), (*notes, *told)
