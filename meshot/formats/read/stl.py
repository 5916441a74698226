"""Parse STL, text and binary: bytes in, vertices and triangles out, in the order of the file."""

import re

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.formats.read.parsing import FormatError, Polygons, floats

# What counts in a text: "vertex" with up to three coordinates, "facet normal", and "solid" or "endsolid" with the name
# behind it, which may be any words.
_STL_WORDS = re.compile(
    rb"(?im)\b(?:vertex\b((?:[ \t]+\S+){0,3})|facet(?=\s+normal)|(end)?solid\b(?:(?!\bfacet\s+normal)[^\r\n])*)"
)
_STL_RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def parse_stl(data: bytes) -> Polygons:
    """Parse STL, text or binary; corners at equal positions become one vertex, in order of first appearance."""
    count = int.from_bytes(data[80:84], "little") if len(data) >= 84 else 0
    size = 84 + count * _STL_RECORD.itemsize
    text = len(data) != size and data.lstrip()[:5].lower() == b"solid" and b"\0" not in data
    notes: tuple[str, ...] = ()
    if text:
        corners, notes = _stl_text(data)
    elif len(data) < 84:
        raise FormatError("is not an STL mesh: it neither begins with 'solid' nor has a header of 84 bytes")
    elif len(data) < size:
        room = (len(data) - 84) // _STL_RECORD.itemsize
        raise FormatError(f"is truncated or no STL mesh: it announces {count} triangles, but has room for {room}")
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


def _stl_text(data: bytes) -> tuple[Floats, tuple[str, ...]]:
    """Return the corners, (3F, 3), and a note if the end is missing; line breaks do not matter."""
    coordinates: list[bytes] = []
    facets, ended = 0, False
    for word in _STL_WORDS.finditer(data):
        if word[1] is None:
            if len(coordinates) != 9 * facets:
                raise FormatError("has facets, counted from 0, that are not triangles", ids=[facets - 1])
            ended = word[2] is not None
            facets += word[0].lower() == b"facet"
            continue
        corner = word[1].split()
        if len(corner) < 3:
            raise FormatError("has triangles, counted from 0, with fewer than 3 coordinates", ids=[facets - 1])
        coordinates += corner
    whole = ended or (facets > 0 and data.rstrip().lower().endswith((b"endfacet", b"endsolid")))
    if len(coordinates) != 9 * facets or not whole:
        raise FormatError("is truncated: its last triangle is not complete")
    notes = () if ended else (f"the line 'endsolid' is missing: {facets} whole triangles were read",)
    return floats(coordinates).reshape(-1, 3), notes


def _join_equal(points: Floats) -> tuple[Floats, Ints]:
    """Return the distinct points in order of first appearance, and the index of each point among them."""
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
