"""Shared by all parsers: numbers in text, what a file holds before it is checked, and errors.

General-purpose loaders split vertices at texture seams, merge them by position, sort polygons by their size, or drop
what no face uses. Here vertex i of the file is vertex i of the result. Only STL, where no vertex is shared, is joined.
"""

import codecs
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.meshes.elements import Block


class FormatError(ValueError):
    """The bytes are not a mesh of this format; the message continues the file's name ("FILE is truncated")."""

    def __init__(self, message: str, ids: Sequence[int] = ()) -> None:
        self.ids = ids
        super().__init__(message)


class Polygons(NamedTuple):
    """Vertices and polygons of a surface's file, not yet checked."""

    vertices: Floats
    """Positions, (V, 3)."""
    corners: Ints
    """Vertex indices of all polygons, one after the other, from 0."""
    sizes: Ints
    """Number of corners of each polygon, (P,)."""
    notes: tuple[str, ...] = ()
    """What was changed or skipped."""
    first: int = 0
    """Number of the first vertex in the format, for messages."""


class SolidElements(NamedTuple):
    """Points and elements of all kinds of a solid's file, not yet checked."""

    points: Floats
    """Positions, (V, 3)."""
    blocks: list[Block]
    """Elements, with vertex indices from 0."""
    notes: tuple[str, ...] = ()
    """What was changed or skipped."""


def without_mark(data: bytes) -> bytes:
    """Remove the byte order mark that some editors put before UTF-8 text.

    Raises
    ------
    FormatError
        The mark is that of UTF-16.
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
    raise FormatError(f"has {quoted(_first_bad(tokens, float))} where a {what} should be")


def integers(tokens: list[bytes], what: str = "vertex index") -> Ints:
    """Convert text to integers, or name the first token that is none."""
    if b"_" not in b"".join(tokens):
        try:
            return np.array(list(map(int, tokens)), dtype=np.int64)
        except (ValueError, OverflowError):
            pass
    raise FormatError(f"has {quoted(_first_bad(tokens, int))} where a {what} should be")


def _first_bad(tokens: list[bytes], convert: Callable[[bytes], float]) -> bytes:
    for token in tokens:
        try:
            if b"_" in token or (convert is int and abs(convert(token)) >= 2**63):
                return token
            convert(token)
        except ValueError:
            return token
    return b""


def quoted(token: bytes) -> str:
    """Return the beginning of a word in quotation marks, for messages."""
    return repr(token[:30].decode("ascii", "replace"))
