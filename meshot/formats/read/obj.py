"""Parse OBJ: bytes in, vertices and polygons out, in the order of the file."""

import re
from collections.abc import Iterable, Iterator

import numpy as np

from meshot.base.arrays import Ints
from meshot.formats.read.parsing import FormatError, Polygons, floats, integers, quoted

_CONTINUED = (b"v", b"vt", b"vn", b"vp", b"f", b"l", b"p")


def parse_obj(data: bytes) -> Polygons:
    """Parse the lines ``v`` and ``f`` of Wavefront OBJ; groups, materials, normals and textures are skipped.

    Negative indices count back from the last vertex before the face.
    """
    coordinates: list[bytes] = []
    corners: list[bytes] = []
    sizes: list[int] = []
    before: list[int] = []
    for line in _whole_lines(data):
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


def _whole_lines(data: bytes) -> Iterable[bytes]:
    """Return lines, those of numbers joined where a backslash at the end says that they go on.

    In comments and names (``usemtl``, ``g``) a backslash is one, as in a path of Windows.
    """
    lines = data.splitlines()
    return lines if b"\\" not in data else _joined(lines)


def _joined(lines: list[bytes]) -> Iterator[bytes]:
    going_on = b""
    for line in lines:
        whole = going_on + line
        begun = whole.rstrip()
        words = begun[:-1].split(None, 1)  # the first word may be all that stands before the backslash
        if begun.endswith(b"\\") and words and words[0] in _CONTINUED and b"#" not in begun:
            going_on = begun[:-1] + b" "
        else:
            going_on = b""
            yield whole
    if going_on:
        yield going_on


def _obj_indices(corners: list[bytes]) -> Ints:
    """Vertex indices of corners written ``v``, ``v/vt``, ``v//vn`` or ``v/vt/vn``."""
    text = b" ".join(corners)
    tokens = re.sub(rb"/[^ ]*", b"", text).split() if b"/" in text else corners
    if len(tokens) < len(corners):
        bad = next(corner for corner in corners if corner.startswith(b"/"))
        raise FormatError(f"has {quoted(bad)} where a vertex index should be")
    return integers(tokens)
