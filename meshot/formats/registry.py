"""Read meshes from files: surfaces and solids, told apart by the suffix.

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

from meshot.base.arrays import Ints
from meshot.base.errors import MeshReadError
from meshot.base.files import PathLike, read_bytes
from meshot.formats.read.medit import parse_medit
from meshot.formats.read.msh import parse_msh
from meshot.formats.read.obj import parse_obj
from meshot.formats.read.off import parse_off
from meshot.formats.read.parsing import FormatError, Polygons, without_mark
from meshot.formats.read.ply import parse_ply
from meshot.formats.read.stl import parse_stl
from meshot.formats.read.vtk import parse_vtk
from meshot.formats.read.vtk_arrays import Elements
from meshot.formats.read.vtu import parse_vtu
from meshot.meshes.elements import tetrahedra
from meshot.meshes.solid import Solid
from meshot.meshes.surface import Surface

_SURFACE_PARSERS: dict[str, Callable[[bytes], Polygons]] = {
    ".obj": parse_obj,
    ".ply": parse_ply,
    ".stl": parse_stl,
    ".off": parse_off,
}

SURFACE_SUFFIXES = tuple(_SURFACE_PARSERS)
"""The formats of `read_surface`."""


@dataclass(frozen=True, eq=False)
class SurfaceFile:
    """A surface and the file it came from.

    Attributes
    ----------
    surface : Surface
        Vertex i is vertex i of the file, counted from 0.
    notes : tuple of str
        What reading had to change: polygons cut into triangles, corners of STL triangles joined.
    sha256 : str
        Hash of the file's bytes, in hexadecimal.
    """

    surface: Surface
    notes: tuple[str, ...]
    sha256: str


# ---------------------------------------------------------------------------------------------------------------------
# reading


def read_surface(path: PathLike) -> Surface:
    r"""Read a triangle mesh from an OBJ, PLY, STL or OFF file, told apart by the suffix.

    Vertices are kept as they are: none is merged, moved, reordered or dropped, whether or not a face uses it. Quads and
    polygons become fans of triangles around their first corner, in place. STL alone stores no shared vertices: there,
    corners at equal positions become one vertex, numbered in order of first appearance.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    Surface
        Vertices (V, 3) and faces (F, 3). Whether it can be mapped is for `meshot.check` to say.

    Raises
    ------
    MeshReadError
        The file is missing, a folder, empty, of an unknown suffix, truncated or no mesh; or it has coordinates that are
        NaN or infinite, a vertex index out of range, a face with fewer than three corners, or no faces.
    OSError
        The file exists and the system does not let it be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "quad.obj"
    ...     _ = path.write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 1 2 3 4")
    ...     read_surface(path).faces.tolist()
    [[0, 1, 2], [0, 2, 3]]
    """
    return read_surface_file(path).surface


def read_surface_file(path: PathLike) -> SurfaceFile:
    """Read a surface as `read_surface` does, and say what reading had to change.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    SurfaceFile
        The surface, notes and the hash of the file.

    Raises
    ------
    MeshReadError, OSError
        As `read_surface`.
    """
    name = os.fspath(path)
    data = read_bytes(name)
    suffix = Path(name).suffix.lower()
    if suffix not in _SURFACE_PARSERS:
        raise MeshReadError(f"{name} has the suffix '{suffix}', but meshot reads {', '.join(_SURFACE_PARSERS)}")
    if not data or data.isspace():
        raise MeshReadError(f"{name} is empty")
    try:
        with np.errstate(all="ignore"):  # what is no number is found by itself
            surface, notes = _surface(_SURFACE_PARSERS[suffix](without_mark(data)))
    except FormatError as error:
        raise MeshReadError(f"{name} {error}", ids=error.ids) from None
    except (ValueError, IndexError, OverflowError, MemoryError) as error:  # what no parser foresaw
        raise MeshReadError(f"{name} is damaged ({error})") from error
    return SurfaceFile(surface, notes, hashlib.sha256(data).hexdigest())


def _surface(polygons: Polygons) -> tuple[Surface, tuple[str, ...]]:
    """Check what every format can get wrong, and cut polygons into triangles."""
    vertices, corners, sizes, notes, first = polygons
    bad = np.flatnonzero(~np.isfinite(vertices).all(axis=1))
    if len(bad):
        raise FormatError("has vertices, counted from 0, with NaN or infinite coordinates", bad.tolist())
    if len(sizes) == 0:
        raise FormatError("has no faces")
    small = np.flatnonzero(sizes < 3)
    if len(small):
        raise FormatError("has faces, counted from 0, with fewer than 3 corners", small.tolist())
    outside = np.flatnonzero((corners < 0) | (corners >= len(vertices)))
    if len(outside):
        faces = np.unique(np.searchsorted(np.cumsum(sizes), outside, side="right"))
        last = len(vertices) - 1 + first
        raise FormatError(f"has faces, counted from 0, with a vertex index outside {first} to {last}", faces.tolist())
    polygon_count = int((sizes > 3).sum())
    if polygon_count:
        cut = int((sizes[sizes > 3] - 2).sum())
        notes += (f"{polygon_count} faces with more than 3 corners were cut into {cut} triangles (fans)",)
    return Surface(vertices, fan_triangles(corners, sizes)), notes


def fan_triangles(corners: Ints, sizes: Ints) -> Ints:
    """Cut polygons into fans of triangles around their first corners, in order.

    Parameters
    ----------
    corners : (sum of sizes,) int
        The polygons' vertices, one polygon after the other.
    sizes : (P,) int
        Number of corners of each polygon, at least 3.

    Returns
    -------
    (F, 3) int
        The triangles.

    Examples
    --------
    >>> fan_triangles(np.array([7, 8, 9, 0, 1, 2, 3]), np.array([3, 4])).tolist()
    [[7, 8, 9], [0, 1, 2], [0, 2, 3]]
    """
    counts = sizes - 2
    start = np.repeat(np.cumsum(sizes) - sizes, counts)
    step = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    triangles: Ints = corners[np.stack([start, start + step + 1, start + step + 2], axis=1)]
    return triangles


_SOLID_PARSERS: dict[str, Callable[[bytes], Elements]] = {
    ".vtu": parse_vtu,
    ".vtk": parse_vtk,
    ".msh": parse_msh,
    ".mesh": parse_medit,
}

SOLID_SUFFIXES = tuple(_SOLID_PARSERS)
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
    if suffix not in _SOLID_PARSERS:
        raise MeshReadError(f"{name} has the suffix '{suffix}', but solids are read from {', '.join(_SOLID_PARSERS)}")
    if not data or data.isspace():
        raise MeshReadError(f"{name} is empty")
    try:
        with np.errstate(all="ignore"):  # what is no number is found by itself
            solid, notes = _solid(_SOLID_PARSERS[suffix](without_mark(data)))
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


def read_mesh_file(path: PathLike) -> SurfaceFile | SolidFile:
    """Read a surface from an OBJ, PLY, STL or OFF file, or a solid from a VTU, VTK, MSH or MESH file.

    Raises
    ------
    MeshReadError, OSError
        As `read_surface` and `read_solid`.
    """
    suffix = Path(os.fspath(path)).suffix.lower()
    if suffix in SOLID_SUFFIXES:
        return read_solid_file(path)
    if suffix in SURFACE_SUFFIXES:
        return read_surface_file(path)
    known = f"{', '.join(SURFACE_SUFFIXES)}, and solids from {', '.join(SOLID_SUFFIXES)}"
    raise MeshReadError(f"{os.fspath(path)} has the suffix '{suffix}', but surfaces are read from {known}")
