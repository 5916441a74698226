"""Parse VTK's legacy files of unstructured grids and of polygons, text and binary, versions before and from 5 on."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints
from meshot.formats.read.parsing import FormatError, Polygons, SolidElements, floats, integers
from meshot.formats.read.vtk_arrays import cell_lists, polydata, vtk_blocks, whole_numbers

_TYPES = {
    **{"bit": "u1", "unsigned_char": "u1", "char": "i1", "unsigned_short": "u2", "short": "i2", "unsigned_int": "u4"},
    **{"int": "i4", "unsigned_long": "u8", "long": "i8", "float": "f4", "double": "f8"},
    **{"vtktypeint64": "i8", "vtktypeuint64": "u8", "vtkidtype": "i8"},
}
# The sections of cells of the data sets that are read.
_CELLS = {
    "UNSTRUCTURED_GRID": ("CELLS",),
    "POLYDATA": ("POLYGONS", "TRIANGLE_STRIPS", "LINES", "VERTICES"),
}
_NAMES = {"UNSTRUCTURED_GRID": "an unstructured grid", "POLYDATA": "polygons"}


class _Cursor:
    """Reads lines, words and arrays one after the other."""

    def __init__(self, data: bytes, at: int, binary: bool) -> None:
        self.data, self.at, self.binary = data, at, binary

    def words(self) -> list[str]:
        """Return the words of the next line that has any; none at the end."""
        while self.at < len(self.data):
            end = self.data.find(b"\n", self.at)
            line = self.data[self.at : end if end >= 0 else None]
            self.at = end + 1 if end >= 0 else len(self.data)
            if line.strip():
                return line[:400].decode("ascii", "replace").split()
        return []

    def array(self, kind: str, count: int) -> NDArray[Any]:
        """Return the next numbers."""
        if kind.lower() not in _TYPES or count < 0:
            raise FormatError(f"has an array of {count} numbers of the unknown type {kind[:40]!r}")
        dtype = np.dtype(">" + _TYPES[kind.lower()])
        if self.binary:
            end = self.at + count * dtype.itemsize
            if end > len(self.data):
                raise FormatError("is truncated: an array is shorter than it announces")
            array = np.frombuffer(self.data, dtype, count, self.at)
            self.at = end
            return array
        tokens = self._tokens(count)
        return floats(tokens) if dtype.kind == "f" else integers(tokens, "whole number")

    def _tokens(self, count: int) -> list[bytes]:
        """Return the next `count` words, across lines."""
        left = len(self.data) - self.at
        width = 24 * count + 64
        while count <= left:  # split a part of the file only: there may be many small arrays
            part = self.data[self.at : self.at + width]
            tokens = part.split(None, count)
            if len(tokens) > count or (len(tokens) == count and width >= left):
                self.at += len(part) - sum(map(len, tokens[count:]))
                return tokens[:count]
            if width >= left:
                break
            width *= 4
        raise FormatError("is truncated: an array is shorter than it announces")


def parse_vtk(data: bytes) -> SolidElements | Polygons:
    """Parse a legacy VTK file of an unstructured grid or of polygons; values are skipped."""
    head = re.match(rb"# vtk DataFile Version \d[^\n]*\n[^\n]*\n\s*(ASCII|BINARY)[^\n]*\n", data, re.IGNORECASE)
    if head is None:
        raise FormatError("is no legacy VTK file: it does not begin with '# vtk DataFile Version'")
    cursor = _Cursor(data, head.end(), head[1].upper() == b"BINARY")
    dataset = "UNSTRUCTURED_GRID"
    points, types, cells = np.empty((0, 3)), None, dict[str, tuple[Ints, Ints]]()
    while words := cursor.words():
        key = words[0].upper()
        if key == "DATASET":
            dataset = _word(words, 1).upper()
            if dataset not in _CELLS:
                raise FormatError(f"holds {dataset[:40]!r}, neither an unstructured grid nor polygons")
        elif key == "POINTS":
            points = cursor.array(_word(words, 2), 3 * _count(words)).reshape(-1, 3).astype(np.float64)
        elif key in _CELLS[dataset]:
            cells[key] = _cells(cursor, _count(words), _count(words, 2))
        elif key == "CELL_TYPES" and dataset == "UNSTRUCTURED_GRID":
            types = whole_numbers(cursor.array("int", _count(words)), "cell types")
        elif key == "FIELD":
            _skip_field(cursor, _count(words, 2))
        elif key == "METADATA":
            _skip_metadata(cursor)
        elif key in ("CELL_DATA", "POINT_DATA"):
            break
        else:
            raise FormatError(f"is truncated or damaged: {words[0][:40]!r} is no part of {_NAMES[dataset]}")
    return _polygons(points, cells) if dataset == "POLYDATA" else _grid(points, cells, types)


def _polygons(points: Floats, cells: dict[str, tuple[Ints, Ints]]) -> Polygons:
    nothing = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    polys, strips, lines, vertices = (cell_lists(*cells.get(kind, nothing)) for kind in _CELLS["POLYDATA"])
    return polydata(points, polys, strips, len(lines.sizes) + len(vertices.sizes))


def _grid(points: Floats, cells: dict[str, tuple[Ints, Ints]], types: Ints | None) -> SolidElements:
    if "CELLS" not in cells or types is None:
        raise FormatError("is truncated: its points, its cells or their types are missing")
    ends, connectivity = cells["CELLS"]
    return SolidElements(points, vtk_blocks(connectivity, ends, types))


def _cells(cursor: _Cursor, count: int, size: int) -> tuple[Ints, Ints]:
    """Return where each cell ends, and the vertices of all: sizes before each cell, or offsets (from version 5 on)."""
    before = cursor.at
    words = cursor.words()
    if words[:1] == ["OFFSETS"]:
        offsets = whole_numbers(cursor.array(_word(words, 1), count), "offsets of cells")
        words = cursor.words()
        if offsets[:1].any():
            raise FormatError("is truncated or damaged: its first cell does not begin at 0", ids=[0])
        if words[:1] != ["CONNECTIVITY"]:
            raise FormatError("is truncated or damaged: the vertices of its cells are missing")
        return offsets[1:], whole_numbers(cursor.array(_word(words, 1), size), "vertices of cells")
    cursor.at = before
    if count > size:
        raise FormatError(f"is damaged: it announces {count} cells of {size} numbers")
    mixed = whole_numbers(cursor.array("int", size), "vertices of cells")
    starts = np.empty(count, dtype=np.int64)
    at = 0
    for cell in range(count):
        if at >= size or mixed[at] < 0:
            raise FormatError("is truncated or damaged: it announces more cells than it holds", ids=[cell])
        starts[cell] = at
        at += int(mixed[at]) + 1
    kept = np.ones(size, dtype=bool)
    kept[starts] = False
    kept[at:] = False
    return np.cumsum(np.diff(starts, append=at) - 1), mixed[kept]


def _skip_field(cursor: _Cursor, arrays: int) -> None:
    for _ in range(arrays):
        words = cursor.words()
        if _word(words, 3) == "string":
            raise FormatError("has a field of words, which is not read")
        cursor.array(_word(words, 3), _count(words) * _count(words, 2))


def _skip_metadata(cursor: _Cursor) -> None:
    """Move past the blank line that ends it."""
    blank = re.compile(rb"\n[ \t\r]*\n").search(cursor.data, cursor.at - 1)
    cursor.at = blank.end() if blank else len(cursor.data)


def _word(words: list[str], place: int) -> str:
    if len(words) <= place:
        raise FormatError(f"has a line that cannot be read: {' '.join(words)[:60]!r}")
    return words[place]


def _count(words: list[str], place: int = 1) -> int:
    text = _word(words, place)
    if not text.isdecimal():
        raise FormatError(f"has a line that cannot be read: {' '.join(words)[:60]!r}")
    return int(text)
