"""Parse PLY, text and binary of either byte order: bytes in, vertices and polygons out, in the order of the file."""

import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Ints
from meshot.formats.read.parsing import FormatError, Polygons, floats
from meshot.formats.read.strips import strip_triangles

_TYPES = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"},
    **{"float": "f4", "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4"},
    **{"uint32": "u4", "int64": "i8", "uint64": "u8", "float32": "f4", "float64": "f8"},
}


# Elements whose rows are lists of vertices.
_LISTS = ("face", "tristrips")


class _Property(NamedTuple):
    name: str
    dtype: np.dtype[Any]
    length_dtype: np.dtype[Any] | None
    """Type of the length that stands before a list; None for a single value."""


class PlyElement(NamedTuple):
    """An element of the header, with its properties."""

    name: str
    rows: int
    properties: list[_Property]


class _Body(NamedTuple):
    """The data after the header: bytes, or the words of a text as floats (each of width 1)."""

    cells: NDArray[Any]
    text: bool

    def width(self, dtype: np.dtype[Any] | None) -> int:
        if dtype is None:
            return 0
        return 1 if self.text else dtype.itemsize

    def take(self, at: Ints, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Values of type `dtype` at the offsets `at`."""
        if self.text:
            return np.asarray(self.cells[at])
        return np.ascontiguousarray(self.cells[at[:, None] + np.arange(dtype.itemsize)]).view(dtype)[:, 0]


class _Table(NamedTuple):
    """Where the values of an element's rows stand."""

    offsets: Ints
    """(rows, properties)."""
    lengths: Ints
    """(rows, properties); 1 for single values."""
    end: int


def parse_ply(data: bytes) -> Polygons:
    """Parse PLY, text or binary of either byte order, with any further elements and properties."""
    order, elements, start = ply_header(data)
    body = _Body(np.frombuffer(data, np.uint8), text=False)
    if order == "text":
        _require_rows(data[start:], elements)
        body, start = _Body(floats(data[start:].split(), "number"), text=True), 0
    tables: dict[str, tuple[PlyElement, _Table]] = {}
    for element in elements:
        table = _table(body, element, start)
        start = table.end
        tables.setdefault(element.name, (element, table))
        if "vertex" in tables and "face" in tables:
            break
    if "vertex" not in tables:
        raise FormatError("is a PLY file without vertices")
    vertices = np.stack([_values(body, *tables["vertex"], [axis])[0] for axis in "xyz"], axis=1)
    vertices = vertices.astype(np.float64)
    if "face" in tables:
        corners, sizes = _values(body, *tables["face"], ["vertex_indices", "vertex_index"])
        return Polygons(vertices, _whole(corners), sizes)
    if "tristrips" in tables:
        corners, sizes = _values(body, *tables["tristrips"], ["vertex_indices", "vertex_index"])
        triangles, note = strip_triangles(_whole(corners), sizes)
        return Polygons(vertices, triangles.ravel(), np.full(len(triangles), 3), (note,))
    raise FormatError("is a PLY file without faces: a point cloud has no area to preserve")


def _require_rows(text: bytes, elements: list[PlyElement]) -> None:
    """Raise where the first row of an element without lists is a line of another length than the header says."""
    lines = [line for line in text.splitlines() if line and not line.isspace()]
    if len(lines) != sum(element.rows for element in elements):
        return  # rows are not lines
    first = 0
    for element in elements:
        names = len(element.properties)
        if element.rows and all(each.length_dtype is None for each in element.properties):
            words = len(lines[first].split())
            if words != names:
                difference = "longer" if words > names else "shorter"
                raise FormatError(
                    f"has rows of its PLY element '{element.name}' that are {difference} than the header says: "
                    f"{words} numbers for {names} properties"
                )
        first += element.rows


def _whole(corners: NDArray[Any]) -> Ints:
    """Return vertex indices as integers."""
    if not np.isfinite(corners).all() or (corners != np.trunc(corners)).any():
        raise FormatError("has faces whose vertex indices are not integers")
    if corners.dtype.kind == "f":
        corners = np.clip(corners, -1, 2.0**53)  # what lies outside is out of range all the same
    return corners.astype(np.int64)


def ply_header(data: bytes) -> tuple[str, list[PlyElement], int]:
    """Return byte order ("<", ">" or "text"), elements, and where the data begin."""
    magic = re.match(rb"ply[ \t]*(\r\n|\n|\r)", data)
    if magic is None:
        raise FormatError("is not a PLY mesh: its first line is not 'ply'")
    ending = re.compile(magic[1] + rb"[ \t]*end_header[ \t]*" + magic[1])
    end = ending.search(data, len(magic[0]) - len(magic[1]))
    if end is None:
        raise FormatError("is truncated: the line 'end_header' is missing")
    orders = {"ascii": "text", "binary_little_endian": "<", "binary_big_endian": ">"}
    order, elements = "", list[PlyElement]()
    for line in data[len(magic[0]) : end.start()].decode("ascii", "replace").splitlines():
        words = line.split()
        try:
            if words[:1] == ["format"]:
                order = orders[words[1]]
            elif words[:1] == ["element"]:
                elements.append(PlyElement(words[1], int(words[2]), []))
            elif words[:1] == ["property"]:
                elements[-1].properties.append(_property(words[1:], order))
        except (KeyError, IndexError, ValueError):
            raise FormatError(f"has a PLY header line that cannot be read: {line[:60]!r}") from None
    if not order:
        raise FormatError("has no line 'format' in its PLY header")
    return order, elements, end.end()


def _property(words: list[str], order: str) -> _Property:
    byte_order = "<" if order == "text" else order
    *kinds, name = words
    if kinds[0] != "list":
        return _Property(name, np.dtype(byte_order + _TYPES[kinds[0]]), None)
    count = np.dtype(byte_order + _TYPES[kinds[1]])
    if count.kind == "f":
        raise ValueError("the length of a list must be an integer")
    return _Property(name, np.dtype(byte_order + _TYPES[kinds[2]]), count)


def _table(body: _Body, element: PlyElement, start: int) -> _Table:
    """Locate all values; quickly if every row has lists of the same lengths as the first, else row by row."""
    widths = [(body.width(p.length_dtype), body.width(p.dtype)) for p in element.properties]
    least = sum(count or value for count, value in widths)
    if element.rows < 0 or element.rows * least > len(body.cells) - start:
        raise _truncated(element)
    if element.rows == 0 or not widths:
        nothing = np.zeros((0, len(widths)), dtype=np.int64)
        return _Table(nothing, nothing, start)
    first = _walk(body, element._replace(rows=1), start, widths)
    stride = first.end - start
    end = start + stride * element.rows
    if end <= len(body.cells):
        offsets = first.offsets + stride * np.arange(element.rows)[:, None]
        lists = [k for k, p in enumerate(element.properties) if p.length_dtype is not None]
        if all((_counts(body, element, offsets, k) == first.lengths[0, k]).all() for k in lists):
            return _Table(offsets, np.repeat(first.lengths, element.rows, axis=0), end)
    return _walk(body, element, start, widths)


def _counts(body: _Body, element: PlyElement, offsets: Ints, k: int) -> NDArray[Any]:
    count = element.properties[k].length_dtype
    assert count is not None
    return body.take(offsets[:, k] - body.width(count), count)


def _walk(body: _Body, element: PlyElement, start: int, widths: list[tuple[int, int]]) -> _Table:
    at, end = start, len(body.cells)
    offsets, lengths = list[int](), list[int]()
    for _ in range(element.rows):
        for prop, (count_width, value_width) in zip(element.properties, widths, strict=True):
            length = 1
            if prop.length_dtype is not None:
                if at + count_width > end:
                    raise _truncated(element)
                value = body.cells[at] if body.text else body.cells[at : at + count_width].view(prop.length_dtype)[0]
                if not 0 <= value <= end or value != int(value):
                    raise FormatError(f"has a list of length {value} in its PLY element '{element.name}'")
                length = int(value)
            offsets.append(at + count_width)
            lengths.append(length)
            at += count_width + length * value_width
        if at > end:
            raise _truncated(element)
    shape = (element.rows, len(widths))
    return _Table(np.array(offsets).reshape(shape), np.array(lengths).reshape(shape), at)


def _truncated(element: PlyElement) -> FormatError:
    return FormatError(f"is truncated: its data end before the {element.rows} announced of element '{element.name}'")


def _values(body: _Body, element: PlyElement, table: _Table, names: list[str]) -> tuple[NDArray[Any], Ints]:
    """All values of the first property in `names`, flat, and their number in each row."""
    known = {p.name: k for k, p in reversed(list(enumerate(element.properties)))}
    k = next((known[name] for name in names if name in known), None)
    if k is None or (element.properties[k].length_dtype is None) == (element.name in _LISTS):
        raise FormatError(f"has no property '{names[0]}' in its PLY element '{element.name}'")
    sizes = table.lengths[:, k]
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    prop = element.properties[k]
    return body.take(np.repeat(table.offsets[:, k], sizes) + body.width(prop.dtype) * within, prop.dtype), sizes
