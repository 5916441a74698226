"""Parse OBJ, OFF and STL (PLY has a file of its own): bytes in, vertices and polygons out, in the order of the file.

General-purpose loaders split vertices at texture seams, merge them by position, sort polygons by their size, or drop
what no face uses. Here vertex i of the file is vertex i of the result. Only STL, where no vertex is shared, is joined.
"""

import codecs
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from meshot.meshes.mesh import Floats, Ints


class FormatError(ValueError):
    """The bytes are no mesh of this format; the message goes on after the file's name ("FILE is truncated")."""

    def __init__(self, message: str, ids: Sequence[int] = ()) -> None:
        self.ids = ids
        super().__init__(message)


class Polygons(NamedTuple):
    """What a file holds: vertices and polygons."""

    vertices: Floats
    """Positions, (V, 3)."""
    corners: Ints
    """Vertex indices of all polygons, one after the other, from 0."""
    sizes: Ints
    """Number of corners of each polygon, (P,)."""
    notes: tuple[str, ...] = ()
    """What had to be done to read it."""
    first: int = 0
    """The number that the format gives its first vertex, for messages."""


def without_mark(data: bytes) -> bytes:
    """Return a file's bytes without the byte order mark that some editors put before a text in UTF-8.

    Raises
    ------
    FormatError
        The mark is one of UTF-16.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and 0 in data[2:4]:
        raise FormatError("is a text in UTF-16: save it as UTF-8")
    return data.removeprefix(codecs.BOM_UTF8)


def floats(tokens: list[bytes], what: str = "coordinate") -> Floats:
    """Convert text to floats ("nan" and "inf" are numbers here), or name the first token that is none."""
    if b"_" not in b"".join(tokens):  # Python, but no mesh format, reads 1_000
        try:
            return np.array(list(map(float, tokens)), dtype=np.float64)
        except ValueError:
            pass
    raise FormatError(f"has {_quoted(_first_bad(tokens, float))} where a {what} should be")


def integers(tokens: list[bytes], what: str = "vertex index") -> Ints:
    """Convert text to integers, or name the first token that is none."""
    if b"_" not in b"".join(tokens):
        try:
            return np.array(list(map(int, tokens)), dtype=np.int64)
        except (ValueError, OverflowError):
            pass
    raise FormatError(f"has {_quoted(_first_bad(tokens, int))} where a {what} should be")


def _first_bad(tokens: list[bytes], convert: Callable[[bytes], float]) -> bytes:
    for token in tokens:
        try:
            if b"_" in token or (convert is int and abs(convert(token)) >= 2**63):
                return token
            convert(token)
        except ValueError:
            return token
    return b""


def _quoted(token: bytes) -> str:
    return repr(token[:30].decode("ascii", "replace"))


# ---------------------------------------------------------------------------------------------------------------------
# OBJ


def parse_obj(data: bytes) -> Polygons:
    """Parse Wavefront OBJ: the ``v`` and ``f`` lines; groups, materials, normals and textures are passed over.

    Negative indices count back from the last vertex before the face.
    """
    coordinates: list[bytes] = []
    corners: list[bytes] = []
    sizes: list[int] = []
    before: list[int] = []
    for line in re.sub(rb"\\\r?\n", b" ", data).splitlines():
        words = (line.partition(b"#")[0] if b"#" in line else line).split()
        if not words:
            continue
        if words[0] == b"v":
            if len(words) < 4:
                raise FormatError("has a vertex with fewer than 3 coordinates", ids=[len(coordinates) // 3])
            coordinates += words[1:4]
        elif words[0] == b"f":
            corners += words[1:]
            sizes.append(len(words) - 1)
            before.append(len(coordinates) // 3)
    if not coordinates:
        raise FormatError("is not an OBJ mesh: it has no line 'v x y z'")
    index = _obj_indices(corners)
    resolved = np.where(index > 0, index - 1, np.where(index < 0, np.repeat(before, sizes) + index, -1))
    return Polygons(floats(coordinates).reshape(-1, 3), resolved, np.array(sizes, dtype=np.int64), first=1)


def _obj_indices(corners: list[bytes]) -> Ints:
    """Vertex indices of corners written ``v``, ``v/vt``, ``v//vn`` or ``v/vt/vn``."""
    text = b" ".join(corners)
    tokens = re.sub(rb"/[^ ]*", b"", text).split() if b"/" in text else corners
    if len(tokens) < len(corners):
        bad = next(corner for corner in corners if corner.startswith(b"/"))
        raise FormatError(f"has {_quoted(bad)} where a vertex index should be")
    return integers(tokens)


# ---------------------------------------------------------------------------------------------------------------------
# OFF


def parse_off(data: bytes) -> Polygons:
    """Parse the text form of OFF, also with colours, normals or texture coordinates (``COFF``, ``NOFF``, ``STOFF``)."""
    lines = [words for line in data.splitlines() if (words := line.partition(b"#")[0].split())]
    head = re.fullmatch(rb"(?i)(?:ST)?C?N?OFF", lines[0][0]) if lines else None
    if head is None:
        raise FormatError("is not an OFF mesh in three dimensions: its first word is not OFF")
    counts = lines.pop(0)[1:] or (lines.pop(0) if lines else [])
    if counts[:1] == [b"BINARY"]:
        raise FormatError("is a binary OFF file; only the text form is read")
    if len(counts) < 2:
        raise FormatError("is truncated: the numbers of vertices and faces are missing")
    vertex_count, face_count = integers(counts[:2], "number of vertices or faces").tolist()
    if vertex_count < 0 or face_count < 0 or len(lines) < vertex_count + face_count:
        announced = f"{vertex_count} vertices and {face_count} faces"
        raise FormatError(f"is truncated: it announces {announced}, but holds {len(lines)} lines of data")
    vertex_lines, face_lines = lines[:vertex_count], lines[vertex_count : vertex_count + face_count]
    short = [i for i, words in enumerate(vertex_lines) if len(words) < 3]
    if short:
        raise FormatError("has vertices with fewer than 3 coordinates", ids=short)
    sizes = integers([words[0] for words in face_lines], "number of corners")
    short = [i for i, words in enumerate(face_lines) if not 0 <= sizes[i] < len(words)]
    if short:
        raise FormatError("has faces, counted from 0, with fewer corners than they announce", ids=short)
    corners = [word for words, size in zip(face_lines, sizes.tolist(), strict=True) for word in words[1 : size + 1]]
    coordinates = [word for words in vertex_lines for word in words[:3]]
    return Polygons(floats(coordinates).reshape(-1, 3), integers(corners), sizes)


# ---------------------------------------------------------------------------------------------------------------------
# STL

_STL_RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def parse_stl(data: bytes) -> Polygons:
    """Parse STL, text or binary; corners at equal positions become one vertex, in order of first appearance."""
    count = int.from_bytes(data[80:84], "little") if len(data) >= 84 else 0
    size = 84 + count * _STL_RECORD.itemsize
    text = len(data) != size and data.lstrip()[:5].lower() == b"solid" and b"\0" not in data
    notes: tuple[str, ...] = ()
    if text:
        corners = _stl_text(data)
    elif len(data) < 84:
        raise FormatError("is not an STL mesh: it neither begins with 'solid' nor has a header of 84 bytes")
    elif len(data) < size:
        found = (len(data) - 84) // _STL_RECORD.itemsize
        raise FormatError(f"is truncated or no STL mesh: it announces {count} triangles, but has room for {found}")
    else:
        corners = np.frombuffer(data, _STL_RECORD, count, offset=84)["corners"].reshape(-1, 3).astype(np.float64)
        if len(data) > size:
            notes = (f"{len(data) - size} bytes after the last triangle were passed over",)
    bad = np.flatnonzero(~np.isfinite(corners).all(axis=1)) // 3
    if len(bad):
        raise FormatError("has triangles, counted from 0, with NaN or infinite coordinates", np.unique(bad).tolist())
    vertices, index = _join_equal(corners)
    joined = f"STL has no shared vertices: {len(corners)} corners at {len(vertices)} different positions were joined"
    return Polygons(vertices, index, np.full(len(corners) // 3, 3), (joined, *notes))


def _stl_text(data: bytes) -> Floats:
    coordinates: list[bytes] = []
    facets, ended = 0, False
    for line in data.splitlines():
        words = line.split()
        if not words:
            continue
        key = words[0].lower()
        if key == b"vertex":
            if len(words) < 4:
                raise FormatError("has triangles, counted from 0, with fewer than 3 coordinates", ids=[facets - 1])
            coordinates += words[1:4]
        elif key in (b"facet", b"endsolid"):
            if len(coordinates) != 9 * facets:
                raise FormatError("has facets, counted from 0, that are not triangles", ids=[facets - 1])
            facets += key == b"facet"
            ended = key == b"endsolid"
    if not ended or len(coordinates) != 9 * facets:
        raise FormatError("is truncated: the line 'endsolid' is missing")
    return floats(coordinates).reshape(-1, 3)


def _join_equal(points: Floats) -> tuple[Floats, Ints]:
    """Distinct points in order of first appearance, and for each point the index of its own."""
    if len(points) == 0:
        return points, np.zeros(0, dtype=np.int64)
    order = np.lexsort(points.T)  # stable: the first of equal points comes first
    ranked = points[order]
    starts = np.concatenate([[True], (ranked[1:] != ranked[:-1]).any(axis=1)])
    group = np.cumsum(starts) - 1
    firsts = order[starts]
    by_appearance = np.argsort(firsts)
    number = np.empty(len(firsts), dtype=np.int64)
    number[by_appearance] = np.arange(len(firsts))
    index = np.empty(len(points), dtype=np.int64)
    index[order] = number[group]
    return points[firsts[by_appearance]], index
