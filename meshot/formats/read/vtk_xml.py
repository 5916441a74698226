"""Shared by VTK's XML files: pieces, and arrays as text, base64 or raw, compressed or not, of either byte order."""

import binascii
import lzma
import re
import zlib
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints
from meshot.formats.read.parsing import FormatError, floats, integers
from meshot.formats.read.vtk_arrays import XML_TYPES, whole_numbers

# Memory of an LZMA decompressor; its highest level needs 65 MiB.
_MAX_LZMA_BYTES = 100 << 20
_DECOMPRESSORS: dict[str, Callable[[], Any]] = {
    "vtkZLibDataCompressor": zlib.decompressobj,
    "vtkLZMADataCompressor": lambda: lzma.LZMADecompressor(memlimit=_MAX_LZMA_BYTES),
}
# Numbers that are read from a file, for each of its bytes and besides. Files of meshes contain less than one a byte,
# compressed or not; a file of zeros made to fill the memory, a thousand.
_MAX_NUMBERS_PER_BYTE, _MIN_LIMIT = 4, 1 << 16


class _Budget:
    """Counts down how many numbers may still be read: arrays can be compressed, and pieces can share one."""

    def __init__(self, size: int) -> None:
        self.left = _MAX_NUMBERS_PER_BYTE * size + _MIN_LIMIT

    def take(self, count: int) -> None:
        """Raise `FormatError` if fewer than `count` are left."""
        if count > self.left:
            raise _too_much()
        self.left -= count


def _too_much() -> FormatError:
    return FormatError("holds far more than a mesh of its size can: it seems made to fill the memory")


class XmlFile(NamedTuple):
    """How the arrays of a file are stored."""

    order: str
    """"<" or ">"."""
    header: np.dtype[Any]
    """Type of the numbers in the header of an array."""
    decompressor: Callable[[], Any] | None
    budget: _Budget
    appended: bytes
    """The contents of AppendedData after the underscore."""
    in_base64: bool
    offsets: list[int]
    """Where arrays begin in `appended`, in ascending order."""


def read_pieces(data: bytes, name: str, kind: str, what: str) -> tuple[XmlFile, list[ElementTree.Element]]:
    """Return how a file's arrays are stored, and its pieces.

    Parameters
    ----------
    data : bytes
    name : str
        Of the format.
    kind : str
        What the file must hold, as VTK calls it.
    what : str
        The same in words, for messages.
    """
    head, appended, in_base64 = _split(data)
    try:
        root = ElementTree.fromstring(head)
    except ElementTree.ParseError as error:
        raise FormatError(f"is truncated or damaged: its XML breaks off at line {error.position[0]}") from None
    if root.tag != "VTKFile" or root.get("type") != kind:
        other = root.get("type") or root.tag
        raise FormatError(f"is no {name} mesh: it holds {other[:40]!r}, not {what}")
    return _storage(root, _Budget(len(data)), appended, in_base64), root.findall(f"{kind}/Piece")


def _split(data: bytes) -> tuple[bytes, bytes, bool]:
    """Return the XML without the appended data (which need not be XML), these, and whether they are in base64."""
    tag = re.search(rb"<AppendedData([^<>]*)>", data)
    if tag is None:
        return data, b"", False
    start = data.find(b"_", tag.end())
    end = data.rfind(b"</AppendedData>")
    if start < 0 or end < start:
        raise FormatError("is truncated: the end of its appended data is missing")
    return data[: tag.end()] + data[end:], data[start + 1 : end], b"base64" in tag[1]


def _storage(root: ElementTree.Element, budget: _Budget, appended: bytes, in_base64: bool) -> XmlFile:
    order = ">" if root.get("byte_order") == "BigEndian" else "<"
    header = {"UInt32": "u4", "UInt64": "u8"}.get(root.get("header_type", "UInt32"))
    if header is None:
        raise FormatError(f"has the unknown header type {root.get('header_type')!r}")
    compressor = root.get("compressor")
    if compressor and compressor not in _DECOMPRESSORS:
        raise FormatError(f"is compressed by {compressor}; only ZLib and LZMA are read")
    try:
        offsets = sorted({int(each.get("offset", "")) for each in root.iter("DataArray") if each.get("offset")})
    except ValueError:
        raise FormatError("has an offset that is no number") from None
    if offsets and offsets[0] < 0:
        raise FormatError(f"has the offset {offsets[0]}")
    decompressor = _DECOMPRESSORS[compressor] if compressor else None
    return XmlFile(order, np.dtype(order + header), decompressor, budget, appended, in_base64, offsets)


def count_of(piece: ElementTree.Element, what: str) -> int:
    """Return how many points or cells of a kind a piece announces."""
    try:
        return int(piece.get(f"NumberOf{what}", "0"))
    except ValueError:
        raise FormatError("has a piece whose numbers of points and cells are not numbers") from None


def piece_points(file: XmlFile, piece: ElementTree.Element) -> Floats:
    """Return the points of a piece, (V, 3)."""
    count, places = count_of(piece, "Points"), named(file, piece, "Points")
    if places.size != 3 * count:
        raise FormatError(f"is truncated or damaged: it announces {count} points, and holds {places.size} numbers")
    return places.reshape(-1, 3).astype(np.float64)


def cell_numbers(file: XmlFile, piece: ElementTree.Element, section: str, name: str) -> Ints:
    """Return an array of whole numbers about the cells of a section."""
    return whole_numbers(named(file, piece, section, name), f"{name} of cells")


def named(file: XmlFile, piece: ElementTree.Element, section: str, name: str | None = None) -> NDArray[Any]:
    """Return an array of a section of a piece, by its name or the first."""
    for array in piece.iterfind(f"{section}/DataArray"):
        if name is None or array.get("Name") == name:
            return _array(file, array)
    raise FormatError(f"has no array {name!r} of its cells" if name else "has no points")


def require_own_points(corners: Ints, count: int) -> None:
    """Raise where cells of a piece name other than its `count` points: among all pieces these would be another's."""
    if corners.size and not 0 <= corners.min() <= corners.max() < count:
        raise FormatError(f"is damaged: a piece of {count} points has cells with a vertex that is not among them")


def joined_pieces(pieces: Sequence[Any]) -> tuple[str, ...]:
    """Return the note that pieces were joined, if there are several."""
    return (f"{len(pieces)} pieces were joined",) if len(pieces) > 1 else ()


def _array(file: XmlFile, array: ElementTree.Element) -> NDArray[Any]:
    kind = XML_TYPES.get(array.get("type", ""))
    if kind is None:
        raise FormatError(f"has an array of the unknown type {array.get('type')!r}")
    dtype = np.dtype(file.order + kind[1:])
    how, text = array.get("format"), (array.text or "").encode()
    if how == "ascii":
        return floats(text.split()) if dtype.kind == "f" else integers(text.split(), "whole number")
    if how == "binary":
        raw = _from_base64(text)
    elif how == "appended":
        offset = int(array.get("offset") or 0)
        following = bisect_right(file.offsets, offset)
        raw = file.appended[offset : file.offsets[following] if following < len(file.offsets) else None]
        file.budget.take(len(raw))
        raw = _from_base64(raw) if file.in_base64 else raw
    else:
        raise FormatError(f"has an array of the unknown format {how!r}")
    content = _content(file, raw, dtype.itemsize)
    if len(content) % dtype.itemsize:
        raise FormatError("is truncated or damaged: an array ends within a number")
    file.budget.take(len(content) // dtype.itemsize)
    return np.frombuffer(content, dtype)


def _from_base64(text: bytes) -> bytes:
    """Decode each padded part by itself: the header of an array may be padded before the data."""
    try:
        return b"".join(binascii.a2b_base64(part) for part in re.findall(rb"[A-Za-z0-9+/\s]+=*", text))
    except binascii.Error:
        raise FormatError("is truncated or damaged: an array is no base64") from None


def _content(file: XmlFile, raw: bytes, itemsize: int) -> bytes:
    """Return the bytes of an array of numbers of `itemsize` bytes without its header, decompressed."""
    width = file.header.itemsize
    if len(raw) < width:
        return b"" if not raw else _truncated()
    count = int(np.frombuffer(raw, file.header, 1)[0])
    if file.decompressor is None:
        return raw[width : width + count] if len(raw) >= width + count else _truncated()
    if count == 0:
        return b""
    start = width * (3 + count)
    if len(raw) < start:
        return _truncated()
    sizes = np.frombuffer(raw, file.header, count, 3 * width).astype(np.int64)
    ends = start + np.cumsum(sizes)
    if sizes.min() < 0 or ends[-1] > len(raw):
        return _truncated()
    content = bytearray()
    for begin, end in zip((ends - sizes).tolist(), ends.tolist(), strict=True):
        content += _decompressed(file, raw[begin:end], file.budget.left * itemsize - len(content))
    return bytes(content)


def _decompressed(file: XmlFile, block: bytes, most: int) -> bytes:
    """Decompress a block; raise `FormatError` if it has more than `most` bytes."""
    assert file.decompressor is not None
    decompressor = file.decompressor()
    try:
        content: bytes = decompressor.decompress(block, most + 1)
    except (zlib.error, lzma.LZMAError):
        raise FormatError("is truncated or damaged: an array cannot be decompressed") from None
    if len(content) > most:
        raise _too_much()
    return content if decompressor.eof else _truncated()


def _truncated() -> bytes:
    raise FormatError("is truncated or damaged: an array is shorter than it announces")
