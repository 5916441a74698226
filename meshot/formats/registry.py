"""Read meshes from files: the suffix says which format it is, and whether it holds a surface or a solid.

To add a format, write ``read/NAME.py`` with a function ``parse_NAME`` (bytes to `Polygons` or `SolidElements`) and give
it a line in `FORMATS`. Of a format that can hold either, the file's content says which it is.

All formats are parsed here. VTK's own readers, which PyVista calls, ended the whole process at 9 of 212 files in which
a few bytes had been changed (VTK 9.7), and went on with what they read of the others; meshio is hardly maintained, and
does not report what it skips.
"""

import hashlib
import os
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import MeshReadError, OptionError
from meshot.base.files import PathLike, read_bytes
from meshot.formats.polygons import cut_polygons
from meshot.formats.read.parsing import FormatError, Polygons, SolidElements, without_mark
from meshot.meshes.elements import is_surface, polygons, tetrahedra
from meshot.meshes.join import Joined, join_boundary
from meshot.meshes.polygons import PolygonFaces
from meshot.meshes.solid import Solid
from meshot.meshes.surface import Surface


class Format(NamedTuple):
    """A file format: what its files can hold, the usual first, and the module of `meshot.formats.read` for them."""

    holds: tuple[type[Surface] | type[Solid], ...]
    parser: str


FORMATS = {
    ".obj": Format((Surface,), "obj"),
    ".ply": Format((Surface,), "ply"),
    ".stl": Format((Surface,), "stl"),
    ".off": Format((Surface,), "off"),
    ".vtp": Format((Surface,), "vtp"),
    ".vtk": Format((Surface, Solid), "vtk"),
    ".vtu": Format((Solid, Surface), "vtu"),
    ".msh": Format((Solid, Surface), "msh"),
    ".mesh": Format((Solid, Surface), "medit"),
}
"""The formats that can be read, by suffix. A parser is imported when a file needs it."""

SURFACE_SUFFIXES = tuple(suffix for suffix, each in FORMATS.items() if Surface in each.holds)
"""The formats of `read_surface`."""
USUAL_SURFACE_SUFFIXES = tuple(suffix for suffix, each in FORMATS.items() if each.holds[0] is Surface)
"""Those whose files usually hold a surface."""
SOLID_SUFFIXES = tuple(suffix for suffix, each in FORMATS.items() if Solid in each.holds)
"""The formats of `read_solid`."""

MeshType = TypeVar("MeshType", bound=Surface | Solid)


@dataclass(frozen=True, eq=False)
class MeshFile(Generic[MeshType]):
    """A mesh and the file it was read from.

    Attributes
    ----------
    mesh : Surface or Solid
        Vertex i is vertex i of the file, counted from 0; tetrahedra are in the order of the file.
    notes : tuple of str
        What was changed or skipped: polygons cut into triangles, corners of STL triangles joined, boundary triangles of
        a solid, nodes on edges.
    sha256 : str
        Hash of the file's bytes, in hexadecimal.
    polygons : PolygonFaces or None
        The faces as the file has them, if some have more than three corners.
    joined : Joined or None
        What joining the boundary did, if it was asked for.
    """

    mesh: MeshType
    notes: tuple[str, ...]
    sha256: str
    polygons: PolygonFaces | None = None
    joined: Joined | None = None


def read_surface(path: PathLike, *, join: float | None = None) -> Surface:
    r"""Read a surface from an OBJ, PLY, STL, OFF, VTP, VTK, VTU, MSH (Gmsh) or MESH (Medit) file, by the suffix.

    Vertices are kept as they are: none is merged, moved, reordered or dropped, whether or not a face uses it. Quads and
    polygons become triangles, in place: convex ones fans around their first corner, others by ear clipping. STL alone
    stores no shared vertices: there, corners at equal positions become one vertex, numbered in order of first
    appearance.

    Parameters
    ----------
    path : str or path
        The file: VTP and VTU with any encoding but LZ4; legacy VTK and MSH 2.2 or 4.1 in text or binary; MESH in text.
        Grids of elements, as VTU and MSH, are surfaces if they hold triangles, quads or polygons and no solid element.
    join : float, optional
        Join vertices of the boundary that are within this distance of one another, 0 for equal positions alone; see
        `meshot.join_boundary`. All vertices stay where they are, with their numbers; faces then name those that were
        joined by the first of them.

    Returns
    -------
    Surface
        Vertices (V, 3) and faces (F, 3). Whether it can be mapped is for `meshot.check` to say.

    Raises
    ------
    MeshReadError
        The file is missing, a folder, empty, of an unknown suffix, truncated or no mesh; or its faces have coordinates
        that are NaN or infinite, a vertex index out of range, fewer than three corners, or sides that cross one
        another; or it has no faces.
    OptionError
        A tolerance of joining that is negative, or greater than the mesh.
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
    return read_surface_file(path, join=join).mesh


def read_solid(path: PathLike) -> Solid:
    r"""Read a tetrahedral mesh from a VTU, VTK, MSH (Gmsh) or MESH (Medit) file, by the suffix.

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
        The file is missing, a folder, empty, of an unknown suffix, truncated or no mesh; or its tetrahedra have
        coordinates that are NaN or infinite, or a vertex index out of range; or it has none, or other solid elements,
        whose ids are named.
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
    return read_solid_file(path).mesh


def read_mesh(path: PathLike) -> Surface | Solid:
    """Read a surface or a solid, whichever the format of the suffix holds.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    Surface or Solid

    Raises
    ------
    MeshReadError, OSError
        As `read_surface` and `read_solid`.
    """
    return read_mesh_file(path).mesh


def read_surface_file(path: PathLike, *, join: float | None = None) -> MeshFile[Surface]:
    """Read a surface as `read_surface` does, with notes, its polygons and the hash of the file.

    Parameters
    ----------
    path : str or path
    join : float, optional

    Returns
    -------
    MeshFile
    """
    return _read(path, Surface, join=join)


def read_solid_file(path: PathLike) -> MeshFile[Solid]:
    """Read a solid as `read_solid` does, with notes and the hash of the file.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    MeshFile
    """
    return _read(path, Solid)


def read_mesh_file(path: PathLike, *, join: float | None = None) -> MeshFile[Surface | Solid]:
    """Read a mesh as `read_mesh` does, with notes and the hash of the file.

    Parameters
    ----------
    path : str or path
    join : float, optional
        As of `read_surface`.

    Returns
    -------
    MeshFile

    Raises
    ------
    OptionError
        The boundary of a solid was to be joined.
    """
    return _read(path, Surface, Solid, join=join)


def _read(path: PathLike, *kinds: type[Surface] | type[Solid], join: float | None = None) -> MeshFile[Any]:
    """Read a file whose format holds one of the `kinds`."""
    name = os.fspath(path)
    data = read_bytes(name)
    suffix = Path(name).suffix.lower()
    if suffix not in FORMATS or not set(FORMATS[suffix].holds) & set(kinds):
        known = " and ".join(_suffixes_of(kind) for kind in kinds)
        raise MeshReadError(f"{name} has the suffix '{suffix}', but {known}")
    if not data or data.isspace():
        raise MeshReadError(f"{name} is empty")
    try:
        with np.errstate(all="ignore"):  # numbers that are not finite are reported below
            file = _parsed(FORMATS[suffix], without_mark(data), kinds)
    except FormatError as error:
        raise MeshReadError(f"{name} {error}", ids=error.ids) from None
    except MeshReadError as error:
        named = MeshReadError(f"{name}: {error}")
        named.ids = error.ids
        raise named from None
    except (ValueError, IndexError, OverflowError, MemoryError) as error:  # what no parser foresaw
        raise MeshReadError(f"{name} is damaged ({error})") from error
    file = replace(file, sha256=hashlib.sha256(data).hexdigest())
    if join is None:
        return file
    if isinstance(file.mesh, Solid):
        raise OptionError(f"only the boundary of a surface can be joined: {name} holds tetrahedra")
    return _joined(file, join)


def _suffixes_of(kind: type[Surface] | type[Solid]) -> str:
    if kind is Surface:
        return f"surfaces are read from {', '.join(SURFACE_SUFFIXES)}"
    return f"solids are read from {', '.join(SOLID_SUFFIXES)}"


def _parsed(format: Format, data: bytes, kinds: tuple[type[Surface] | type[Solid], ...]) -> MeshFile[Any]:
    module = import_module(f"meshot.formats.read.{format.parser}")
    content = getattr(module, f"parse_{format.parser}")(data)
    if isinstance(content, Polygons):
        if Surface not in kinds:
            raise FormatError("holds a surface, and a solid of tetrahedra is needed")
        return _surface(content)
    if Surface in kinds and is_surface(content.blocks):
        return _surface(Polygons(content.points, *polygons(content.blocks, content.notes)))
    if Solid not in kinds:
        has = "solid elements" if any(block.element.dimension == 3 for block in content.blocks) else "no faces"
        raise FormatError(f"holds {has}, and a surface is needed")
    return _solid(content)


def _surface(content: Polygons) -> MeshFile[Surface]:
    """Check what every format can get wrong, and cut polygons into triangles."""
    vertices, corners, sizes, notes, first = content
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
    _require_finite(vertices, corners)
    triangles, cut = cut_polygons(vertices, corners, sizes)
    whole = None
    if (sizes > 3).any():
        whole = PolygonFaces(corners, sizes, np.repeat(np.arange(len(sizes)), sizes - 2))
    return MeshFile(Surface(vertices, triangles), notes + cut, "", whole)


def _require_finite(vertices: Floats, used: Ints) -> None:
    """Raise for coordinates of vertices in use that are not finite; others have no image, wherever they are."""
    bad = np.zeros(len(vertices), dtype=bool)
    bad[used] = True
    bad &= ~np.isfinite(vertices).all(axis=1)
    if bad.any():
        raise FormatError(
            "has vertices, counted from 0, with NaN or infinite coordinates", np.flatnonzero(bad).tolist()
        )


def _solid(elements: SolidElements) -> MeshFile[Solid]:
    """Check what every format can get wrong, and keep the tetrahedra."""
    points, blocks, notes = elements
    for element, nodes, ids in blocks:
        outside = ids[((nodes < 0) | (nodes >= len(points))).any(axis=1)]
        if len(outside):
            raise FormatError(
                f"has elements ({element.name}), counted from 0, with a vertex that is not among its {len(points)}",
                ids=outside.tolist(),
            )
    corners, skipped = tetrahedra(blocks)
    _require_finite(points, corners)
    return MeshFile(Solid(points, corners), (*notes, *skipped), "")


def _joined(file: MeshFile[Surface], tolerance: float) -> MeshFile[Surface]:
    """Return what was read with its boundary joined."""
    joined = join_boundary(file.mesh, tolerance)
    polygons = None
    if file.polygons is not None:
        polygons = file.polygons.renamed(joined.first, joined.faces)
    return replace(file, mesh=joined.surface, notes=file.notes + joined.notes, polygons=polygons, joined=joined)
