"""Parse MSH, the format of Gmsh: versions 2.2 and 4.1, text and binary."""

import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints
from meshot.formats.read.parsing import FormatError, SolidElements, floats, integers
from meshot.formats.read.vtk_arrays import whole_numbers
from meshot.meshes.elements import BY_MSH, Block, Element


class _Tagged(NamedTuple):
    """Nodes and elements with the tags of the file."""

    tags: Ints
    points: Floats
    elements: list[tuple[Element, Ints]]
    """Kind and node tags, (n, k), of consecutive elements of one kind."""


def parse_msh(data: bytes) -> SolidElements:
    """Parse MSH 2.2 or 4.1; the nodes keep the order of the file."""
    head = re.match(rb"\s*(?:\$Comments.*?\$EndComments\s*)?\$MeshFormat\s+(\S+)\s+(\d+)\s+(\d+)", data, re.DOTALL)
    if head is None:
        raise FormatError("is no MSH mesh: it does not begin with '$MeshFormat'")
    version, binary, width = head[1].decode("ascii", "replace"), head[2] == b"1", int(head[3])
    if version not in ("2", "2.0", "2.1", "2.2", "4.1"):
        raise FormatError(f"is of MSH version {version[:10]}; only 2.2 and 4.1 are read")
    if binary and width != 8:
        raise FormatError(f"is a binary file of numbers of {width} bytes; only 8 are read")
    order = "<"
    if binary and data[head.end() :].lstrip(b" \r")[1:5] == b"\0\0\0\1":
        order = ">"
    nodes, elements = _section(data, b"Nodes"), _section(data, b"Elements")
    stream = _Binary if binary else _Text
    read = _version_4 if version == "4.1" else _version_2
    streams = stream(nodes, order), stream(elements, order)
    raw = read(*streams)
    for each in streams:
        each.done()
    return _numbered(raw)


def _section(data: bytes, name: bytes) -> bytes:
    start = re.search(rb"\$" + name + rb"[ \t\r]*\n", data)
    if start is None:
        raise FormatError(f"is truncated: it has no section ${name.decode()}")
    end = data.find(b"$End" + name, start.end())
    if end < 0:
        raise FormatError(f"is truncated: the line '$End{name.decode()}' is missing")
    return data[start.end() : end]


class _Text:
    """Reads numbers of a section of text one after the other."""

    def __init__(self, data: bytes, order: str) -> None:
        self.tokens, self.at = data.split(), 0

    def _take(self, count: int) -> list[bytes]:
        if not 0 <= count <= len(self.tokens) - self.at:
            raise _too_short()
        self.at += count
        return self.tokens[self.at - count : self.at]

    def ints(self, count: int) -> Ints:
        return integers(self._take(count), "whole number")

    sizes = ints  # in a binary file they have 8 bytes

    def floats(self, count: int) -> Floats:
        return floats(self._take(count))

    def count(self) -> int:
        """Return the number of rows, which comes first."""
        return int(self.ints(1)[0])

    def done(self) -> None:
        """Raise `FormatError` if more numbers follow."""
        if self.at < len(self.tokens):
            raise FormatError("is damaged: a section holds more numbers than it announces")


class _Binary:
    """Reads numbers of a binary section one after the other."""

    def __init__(self, data: bytes, order: str) -> None:
        self.data, self.at, self.order = data, 0, order

    def _take(self, kind: Any, count: int) -> NDArray[Any]:
        dtype = np.dtype(kind).newbyteorder(self.order)
        if not 0 <= count <= (len(self.data) - self.at) // dtype.itemsize:
            raise _too_short()
        self.at += count * dtype.itemsize
        return np.frombuffer(self.data, dtype, count, self.at - count * dtype.itemsize)

    def ints(self, count: int) -> Ints:
        return self._take("i4", count).astype(np.int64)

    def sizes(self, count: int) -> Ints:
        return self._take("i8", count).astype(np.int64)

    def floats(self, count: int) -> Floats:
        return self._take("f8", count).astype(np.float64)

    def points(self, count: int) -> tuple[Ints, Floats]:
        """Return tags and positions, which alternate in version 2."""
        table = self._take([("tag", "i4"), ("point", "f8", 3)], count)
        return table["tag"].astype(np.int64), table["point"].astype(np.float64)

    def count(self) -> int:
        """Return the number of rows, which comes first, as text."""
        end = self.data.find(b"\n", self.at)
        word = self.data[self.at : end].strip()
        if end < 0 or not word.isdigit():
            raise FormatError("is truncated or damaged: the size of a section is no number")
        self.at = end + 1
        return int(word)

    def done(self) -> None:
        """Raise `FormatError` if more numbers follow."""
        if self.data[self.at :].strip():
            raise FormatError("is damaged: a section holds more numbers than it announces")


def _too_short() -> FormatError:
    return FormatError("is truncated or damaged: a section holds fewer numbers than it announces")


def _version_2(nodes: "_Text | _Binary", elements: "_Text | _Binary") -> _Tagged:
    count = nodes.count()
    if isinstance(nodes, _Binary):
        tags, points = nodes.points(count)
    else:
        numbers = nodes.floats(4 * count).reshape(-1, 4)
        tags, points = whole_numbers(numbers[:, 0], "numbers of nodes"), numbers[:, 1:].copy()
    count = elements.count()
    blocks: list[tuple[Element, Ints]] = []
    if isinstance(elements, _Binary):
        while count > 0:
            kind, several, marks = elements.ints(3).tolist()
            element = _kind(kind)
            if not 0 < several <= count or marks < 0:
                raise FormatError("is damaged: a block of elements announces none, or more than there are")
            rows = elements.ints(several * (1 + marks + element.nodes)).reshape(several, -1)
            blocks.append((element, rows[:, 1 + marks :]))
            count -= several
        return _Tagged(tags, points, blocks)
    return _Tagged(tags, points, _rows_of_version_2(elements, count))


def _rows_of_version_2(elements: "_Text", count: int) -> list[tuple[Element, Ints]]:
    """Return the elements of a text file, each a row of id, kind, number of marks, marks and nodes."""
    numbers = elements.ints(len(elements.tokens) - elements.at).tolist()
    if count > len(numbers):
        raise _too_short()
    blocks: list[tuple[Element, Ints]] = []
    rows: list[list[int]] = []
    at, last = 0, None
    for _ in range(count):
        if at + 3 > len(numbers):
            raise _too_short()
        kind, start = numbers[at + 1], at + 3 + max(numbers[at + 2], 0)
        if kind != last:
            if last is not None:
                blocks.append((_kind(last), np.array(rows, dtype=np.int64)))
            rows, last = [], kind
        at = start + _kind(kind).nodes
        if at > len(numbers):
            raise _too_short()
        rows.append(numbers[start:at])
    if last is not None:
        blocks.append((_kind(last), np.array(rows, dtype=np.int64)))
    elements.at -= len(numbers) - at
    return blocks


def _version_4(nodes: "_Text | _Binary", elements: "_Text | _Binary") -> _Tagged:
    count, _, _, _ = nodes.sizes(4).tolist()
    tags, points = [np.empty(0, dtype=np.int64)], [np.empty((0, 3))]
    for _ in range(count):
        dimension, _, parametric = nodes.ints(3).tolist()
        (count,) = nodes.sizes(1).tolist()
        columns = 3 + (dimension if parametric else 0)
        tags.append(nodes.sizes(count))
        if not 3 <= columns <= 6:
            raise FormatError("is damaged: a block of nodes is of no dimension")
        points.append(nodes.floats(columns * count).reshape(-1, columns)[:, :3])
    count, _, _, _ = elements.sizes(4).tolist()
    blocks = []
    for _ in range(count):
        _, _, kind = elements.ints(3).tolist()
        (count,) = elements.sizes(1).tolist()
        element = _kind(kind)
        rows = elements.sizes(count * (1 + element.nodes)).reshape(-1, 1 + element.nodes)
        blocks.append((element, rows[:, 1:]))
    return _Tagged(np.concatenate(tags), np.concatenate(points), blocks)


def _kind(number: int) -> Element:
    if number not in BY_MSH:
        raise FormatError(f"has elements of Gmsh's type {number}, which are not read")
    return BY_MSH[number]


def _numbered(raw: _Tagged) -> SolidElements:
    """Replace tags by positions in the file; unknown tags become -1."""
    count = len(raw.tags)
    notes: tuple[str, ...] = ()
    if np.array_equal(raw.tags, np.arange(1, count + 1)):
        order, ranked = np.arange(count), raw.tags
    else:
        order = np.argsort(raw.tags, kind="stable")
        ranked = raw.tags[order]
        again = np.flatnonzero(ranked[1:] == ranked[:-1])
        if len(again):
            raise FormatError("has several nodes of the same number", ids=np.unique(ranked[again]).tolist())
        notes = ("the nodes are not numbered from 1 on; they are taken in the order of the file",)
    blocks, cells = [], 0
    for element, nodes in raw.elements:
        place = np.searchsorted(ranked, nodes)
        known = place < count
        known[known] = ranked[place[known]] == nodes[known]
        index = np.where(known, order[np.where(known, place, 0)] if count else -1, -1)
        blocks.append(Block(element, index, np.arange(cells, cells + len(nodes))))
        cells += len(nodes)
    return SolidElements(raw.points, blocks, notes)
