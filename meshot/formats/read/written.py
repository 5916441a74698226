"""Read back what `meshot.formats.write` wrote, with texture coordinates and values, many times faster than any file.

The readers of other people's files take what comes; these take what the writers here make of a mesh, and nothing else.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints
from meshot.formats.read.parsing import FormatError
from meshot.formats.read.ply import ply_header
from meshot.formats.read.vtk_xml import named, piece_points, read_pieces

# Of a PLY list's length; no property is called so.
_COUNT = " count"


class WrittenOBJ(NamedTuple):
    """A surface with texture coordinates, if it has any."""

    vertices: Floats
    texture: Floats
    """(T, 2); T is 0 without texture."""
    corners: Ints
    """Vertices of the corners of all polygons, one polygon after the other, from 0."""
    rows: Ints
    """Rows of `texture` of the same corners; the vertices themselves without texture."""
    sizes: Ints
    """Number of corners of each polygon."""


def read_written_obj(data: bytes) -> WrittenOBJ:
    r"""Read what `write_obj` writes.

    Raises
    ------
    FormatError
        It is something else.

    Examples
    --------
    >>> read_written_obj(b"v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0.5\nf 1/1 2/1 3/1\n").texture
    array([[0. , 0.5]])
    """
    first_face = data.find(b"\nf ") + 1
    first_texture = data.find(b"\nvt ", 0, first_face) + 1 or first_face
    if not data.startswith(b"v ") or not first_face or not data.endswith(b"\n"):
        raise FormatError("is not laid out as meshot writes OBJ files")
    points = _rows(data[:first_texture], b"v", 3)
    texture = _rows(data[first_texture:first_face], b"vt", 2)
    faces = data[first_face:]
    content = np.frombuffer(faces, np.uint8)
    blanks, lines = (np.flatnonzero(content == ord(sign)) for sign in " \n")
    slashes = faces.count(b"/")
    numbers = _numbers(faces.replace(b"f", b"").replace(b"/", b" "), np.int64)
    if slashes not in (0, len(blanks)) or len(numbers) != len(blanks) + slashes or faces.count(b"f") != len(lines):
        raise FormatError("has faces whose corners are not numbers, all with or all without texture")
    indices = numbers.reshape(len(blanks), -1) - 1
    sizes = np.diff(np.searchsorted(blanks, lines), prepend=0)
    return WrittenOBJ(points, texture, indices[:, 0], indices[:, -1], sizes)


def _rows(lines: bytes, word: bytes, width: int) -> Floats:
    """Return the numbers of lines that all begin with the same word."""
    numbers, count = _numbers(lines.replace(word, b""), np.float64), lines.count(b"\n")
    if lines.count(word) != count or len(numbers) != count * width:
        raise FormatError(f"has lines '{word.decode()}' with more or fewer than {width} numbers")
    return numbers.reshape(-1, width)


def _numbers(text: bytes, kind: type) -> NDArray[Any]:
    """Return the numbers of a text, or raise where it has anything else."""
    if not text.strip():
        return np.zeros(0, dtype=kind)
    try:
        return np.fromstring(text.decode("ascii"), dtype=kind, sep=" ")
    except (ValueError, DeprecationWarning):
        raise FormatError("has something else where a number should be") from None


def read_written_ply(data: bytes) -> Mapping[str, NDArray[Any]]:
    """Read what `write_ply` writes of triangles: for each element its rows, a structured array.

    The field of the faces' corners is called "vertex_indices".

    Raises
    ------
    FormatError
        It is something else.
    """
    _, elements, start = ply_header(data)
    tables = {}
    for element in elements:
        fields: list[tuple[Any, ...]] = []
        for each in element.properties:
            if each.length_dtype is not None:
                fields += [(_COUNT, each.length_dtype), (each.name, each.dtype, 3)]
            else:
                fields.append((each.name, each.dtype))
        kind = np.dtype(fields)
        if start + element.rows * kind.itemsize > len(data):
            raise FormatError("is truncated")
        tables[element.name] = table = np.frombuffer(data, kind, element.rows, start)
        if _COUNT in [name for name, *_ in fields] and (table[_COUNT] != 3).any():
            raise FormatError("has other faces than triangles")
        start += element.rows * kind.itemsize
    return tables


class WrittenVTU(NamedTuple):
    """Tetrahedra with values."""

    points: Floats
    tetrahedra: Ints
    point_values: Mapping[str, NDArray[Any]]
    cell_values: Mapping[str, NDArray[Any]]


def read_written_vtu(data: bytes) -> WrittenVTU:
    """Read what `write_vtu` writes of tetrahedra.

    Raises
    ------
    FormatError
        It is something else.
    """
    file, pieces = read_pieces(data, "VTU", "UnstructuredGrid", "an unstructured grid")
    if len(pieces) != 1:
        raise FormatError(f"has {len(pieces)} pieces, not one")
    (piece,) = pieces
    corners = named(file, piece, "Cells", "connectivity")
    if len(corners) % 4:
        raise FormatError("has other cells than tetrahedra")
    values = []
    for section in ("PointData", "CellData"):
        arrays = [(each.get("Name", ""), each) for each in piece.iterfind(f"{section}/DataArray")]
        widths = {name: int(each.get("NumberOfComponents", "0")) for name, each in arrays}
        values.append({name: _rows_of(named(file, piece, section, name), width) for name, width in widths.items()})
    return WrittenVTU(piece_points(file, piece), corners.reshape(-1, 4), *values)


def _rows_of(array: NDArray[Any], width: int) -> NDArray[Any]:
    return array.reshape(-1, width) if width else array
