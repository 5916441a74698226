"""Read surfaces from files, and write maps, points and figures: every file appears whole or not at all."""

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from meshot.errors import MeshotError, MeshReadError
from meshot.files import PathLike, read_bytes, replacing, write_npy, write_text
from meshot.formats.formats import FormatError, Polygons, parse_obj, parse_off, parse_stl, without_mark
from meshot.formats.ply import parse_ply
from meshot.meshes.mesh import Floats, Ints, Surface

_PARSERS: dict[str, Callable[[bytes], Polygons]] = {
    ".obj": parse_obj,
    ".ply": parse_ply,
    ".stl": parse_stl,
    ".off": parse_off,
}

SURFACE_SUFFIXES = tuple(_PARSERS)
"""The formats of `read_surface`."""

POINT_SUFFIXES = (".ply", ".xyz", ".npy", ".csv", ".obj")
"""The formats of `write_points`."""


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
    if suffix not in _PARSERS:
        raise MeshReadError(f"{name} has the suffix '{suffix}', but meshot reads {', '.join(_PARSERS)}")
    if not data or data.isspace():
        raise MeshReadError(f"{name} is empty")
    try:
        with np.errstate(all="ignore"):  # what is no number is found by itself
            surface, notes = _surface(_PARSERS[suffix](without_mark(data)))
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


# ---------------------------------------------------------------------------------------------------------------------
# writing


def write_obj(
    path: PathLike, surface: Surface, texture: ArrayLike | None = None, texture_faces: ArrayLike | None = None
) -> None:
    """Write a surface as OBJ, with texture coordinates if given.

    Lines ``v`` hold the positions with 17 significant digits, which gives them back bit by bit; lines ``vt`` hold the
    texture coordinates; faces read ``f a/t b/t c/t``. A row without coordinates (NaN) gets ``vt 0 0``.

    Parameters
    ----------
    path : str or path
        The file.
    surface : Surface
        The surface.
    texture : (T, 2) float, optional
        Texture coordinates; of each vertex, if there are no `texture_faces`.
    texture_faces : (F, 3) int, optional
        For each corner of a face its row in `texture`.

    Raises
    ------
    ValueError
        Shapes that do not fit.
    OSError
        The file cannot be written.
    """
    lines = _lines("v %.17g %.17g %.17g", surface.vertices)
    corners = surface.faces + 1
    if texture is None:
        lines += _lines("f %d %d %d", corners)
    else:
        coordinates, rows = np.asarray(texture, dtype=np.float64), surface.faces
        if texture_faces is not None:
            rows = np.asarray(texture_faces)
        elif len(coordinates) != len(surface.vertices):
            raise ValueError(f"texture must have {len(surface.vertices)} rows, got {len(coordinates)}")
        if coordinates.shape[1:] != (2,) or rows.shape != corners.shape:
            raise ValueError(f"texture must have 2 columns, and its faces 3; got {coordinates.shape} and {rows.shape}")
        lines += _lines(
            "vt %.17g %.17g", np.where(np.isfinite(coordinates).all(axis=1, keepdims=True), coordinates, 0.0)
        )
        lines += _lines("f %d/%d %d/%d %d/%d", np.stack([corners, rows + 1], axis=2).reshape(-1, 6))
    write_text(path, "\n".join(lines) + "\n")


def _lines(template: str, rows: Floats | Ints) -> list[str]:
    return [template % tuple(row) for row in rows.tolist()]


def write_ply(
    path: PathLike,
    vertices: ArrayLike,
    faces: ArrayLike | None,
    face_scalars: Mapping[str, ArrayLike] | None = None,
    vertex_scalars: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Write a mesh as binary little-endian PLY with double positions and named double values.

    Parameters
    ----------
    path : str or path
        The file.
    vertices : (V, 3) float
        Positions.
    faces : (F, 3) or (F, 2) int or None
        Vertex indices of triangles, or of the ends of edges, which become the element ``edge`` with ``vertex1`` and
        ``vertex2``; None writes a point cloud.
    face_scalars, vertex_scalars : mapping of str to (F,) or (V,) float, optional
        Properties of each face and vertex, by name.

    Raises
    ------
    ValueError
        Shapes that do not fit, or a name with a blank or already taken.
    OSError
        The file cannot be written.
    """
    points = np.asarray(vertices, dtype=np.float64)
    header = ["ply", "format binary_little_endian 1.0"]
    position = {axis: points[:, k] for k, axis in enumerate("xyz")}
    blocks = [_ply_block(header, "vertex", len(points), {**position, **(vertex_scalars or {})}, None)]
    clash = set(position) & set(vertex_scalars or {})
    if clash:
        raise ValueError(f"the name {sorted(clash)[0]!r} is taken by the position")
    if faces is not None:
        corners = np.asarray(faces)
        kind = "face" if corners.shape[1] == 3 else "edge"
        blocks.append(_ply_block(header, kind, len(corners), face_scalars or {}, corners))
    with replacing(path) as file:
        file.write("\n".join([*header, "end_header", ""]).encode())
        for block in blocks:
            file.write(block)


def _ply_block(header: list[str], name: str, rows: int, scalars: Mapping[str, ArrayLike], faces: Any) -> bytes:
    """Return an element's bytes; its lines go to the end of `header`."""
    header.append(f"element {name} {rows}")
    fields: list[tuple[Any, ...]] = []
    if name == "face":
        header.append("property list uchar int vertex_indices")
        fields = [(" count", "<u1"), (" index", "<i4", 3)]
    elif name == "edge":
        header += ["property int vertex1", "property int vertex2"]
        fields = [(" index", "<i4", 2)]
    for key in scalars:
        if not key.isascii() or len(key.split()) != 1 or key != key.strip():
            raise ValueError(f"{key!r} cannot name a PLY property")
        header.append(f"property double {key}")
        fields.append((key, "<f8"))
    table = np.zeros(rows, dtype=fields)
    if faces is not None:
        table[" index"] = faces
    if name == "face":
        table[" count"] = 3
    for key, values in scalars.items():
        if np.shape(values) != (rows,):
            raise ValueError(f"{key!r} must hold one value for each {name}: ({rows},), got {np.shape(values)}")
        table[key] = values
    return table.tobytes()


def write_points(
    path: PathLike,
    points: ArrayLike,
    normals: ArrayLike | None = None,
    attributes: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Write points, with normals and attributes if given, in the format of the suffix: PLY, XYZ, NPY, CSV or OBJ.

    PLY is binary with double values; XYZ has a point per line; CSV has also a header line; NPY holds an (n, k) float
    array with a column for each number; OBJ has lines ``v`` and ``vn``, a point element ``p`` for each, and no place
    for attributes.

    Parameters
    ----------
    path : str or path
        The file.
    points : (n, 3) float
        Positions.
    normals : (n, 3) float, optional
        Unit normals.
    attributes : mapping of str to (n,) or (n, k) float, optional
        Further columns, by name; those of several numbers are called ``name_0``, ``name_1``, ...

    Raises
    ------
    MeshotError
        The suffix is another, or OBJ is to take attributes (`check_points_suffix` says so before any work is done).
    OSError
        The file cannot be written.
    """
    suffix = check_points_suffix(path, attributes=bool(attributes))
    columns = [np.asarray(points, dtype=np.float64).reshape(-1, 3)]
    names = ["x", "y", "z"]
    if normals is not None:
        columns.append(np.asarray(normals, dtype=np.float64).reshape(-1, 3))
        names += ["nx", "ny", "nz"]
    for name, values in (attributes or {}).items():
        array = np.asarray(values, dtype=np.float64)
        columns.append(array.reshape(len(columns[0]), -1))
        names += [name] if array.ndim == 1 else [f"{name}_{k}" for k in range(columns[-1].shape[1])]
    table = np.concatenate(columns, axis=1)
    if suffix == ".ply":
        write_ply(path, table[:, :3], None, vertex_scalars=dict(zip(names[3:], table.T[3:], strict=True)))
    elif suffix == ".npy":
        write_npy(path, table)
    elif suffix == ".obj":
        lines = _lines("v %.17g %.17g %.17g", table[:, :3])
        if normals is not None:
            lines += _lines("vn %.17g %.17g %.17g", table[:, 3:])
        write_text(path, "\n".join([*lines, *(f"p {k + 1}" for k in range(len(table)))]) + "\n")
    else:
        separator, head = (",", [",".join(names)]) if suffix == ".csv" else (" ", [])
        lines = head + _lines(separator.join(["%.17g"] * len(names)), table)
        write_text(path, "\n".join(lines) + "\n")


def check_points_suffix(path: PathLike, *, attributes: bool = False) -> str:
    """Return the suffix in small letters, or raise `MeshotError` if `write_points` has no format for it."""
    suffix, name = Path(path).suffix.lower(), os.fspath(path)
    if suffix not in POINT_SUFFIXES:
        raise MeshotError(f"{name} has the suffix '{suffix}', but points are written as {', '.join(POINT_SUFFIXES)}")
    if attributes and suffix == ".obj":
        raise MeshotError(f"{name} is to be an OBJ file, which has no place for attributes of points")
    return suffix
