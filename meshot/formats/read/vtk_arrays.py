"""Shared by VTK's text and XML files: number types, and cells given by offsets into one list of vertices."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints
from meshot.formats.read.parsing import FormatError, Polygons
from meshot.formats.read.strips import strip_triangles
from meshot.meshes.elements import ANY, BY_VTK, Block

# NumPy's types of the number types in VTK's XML files; little-endian, as most files are.
XML_TYPES = {
    "Int8": "<i1",
    "UInt8": "<u1",
    "Int16": "<i2",
    "UInt16": "<u2",
    "Int32": "<i4",
    "UInt32": "<u4",
    "Int64": "<i8",
    "UInt64": "<u8",
    "Float32": "<f4",
    "Float64": "<f8",
}


def vtk_blocks(connectivity: Ints, ends: Ints, types: Ints) -> list[Block]:
    """Group VTK's cells by type, in order of first appearance.

    Parameters
    ----------
    connectivity : (n,) int
        Vertex indices of all cells, one after the other.
    ends : (c,) int
        Where each cell ends in it.
    types : (c,) int
        VTK's type of each cell.

    Returns
    -------
    list of Block

    Raises
    ------
    FormatError
        The arrays do not match, or a type is not supported.
    """
    if len(ends) != len(types):
        raise FormatError(f"has {len(types)} cell types for {len(ends)} cells")
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    sizes = ends - starts
    if len(ends) and (sizes.min() < 0 or ends[-1] > len(connectivity)):
        raise FormatError(f"is truncated or damaged: its cells end at {ends.max()} of {len(connectivity)} indices")
    kinds, firsts = np.unique(types, return_index=True)
    blocks = []
    for kind in kinds[np.argsort(firsts)].tolist():
        ids = np.flatnonzero(types == kind)
        element = BY_VTK.get(kind)
        if element is None:
            raise FormatError(f"has cells of VTK's type {kind}, which are not read", ids=ids.tolist())
        if element.name == "polygon":
            for size in np.unique(sizes[ids]).tolist():
                some = ids[sizes[ids] == size]
                blocks.append(Block(element, connectivity[starts[some, None] + np.arange(size)], some))
            continue
        if element.nodes == ANY:
            blocks.append(Block(element, np.zeros((len(ids), 0), dtype=np.int64), ids))
            continue
        wrong = ids[sizes[ids] != element.nodes]
        if len(wrong):
            raise FormatError(f"has {element.name} cells without {element.nodes} vertices each", ids=wrong.tolist())
        blocks.append(Block(element, connectivity[starts[ids, None] + np.arange(element.nodes)], ids))
    return blocks


def whole_numbers(array: NDArray[Any], what: str) -> Ints:
    """Return an array as int64, or raise `FormatError` if it contains other than whole numbers."""
    if array.dtype.kind == "f":
        if not np.isfinite(array).all() or (array != np.trunc(array)).any() or (np.abs(array) >= 2.0**53).any():
            raise FormatError(f"has {what} that are not integers")
    elif array.dtype.kind == "u" and array.dtype.itemsize == 8 and (array >> np.uint64(63)).any():
        raise FormatError(f"has {what} beyond 2^63")
    return array.astype(np.int64)


class Lists(NamedTuple):
    """Cells of one kind that differ in their numbers of vertices."""

    corners: Ints
    """Vertex indices of all cells, one after the other."""
    sizes: Ints
    """Number of vertices of each cell."""

    @classmethod
    def joined(cls, parts: "Sequence[Lists]") -> "Lists":
        """Return several, one after the other."""
        return cls(np.concatenate([part.corners for part in parts]), np.concatenate([part.sizes for part in parts]))


NO_LISTS = Lists(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


def cell_lists(ends: Ints, connectivity: Ints) -> Lists:
    """Return cells that are given by where each ends in the list of all their vertices, or raise `FormatError`."""
    sizes = np.diff(ends, prepend=0)
    last = int(ends[-1]) if len(ends) else 0
    if len(ends) and (sizes.min() < 0 or last > len(connectivity)):
        raise FormatError(f"is truncated or damaged: its cells end at {ends.max()} of {len(connectivity)} indices")
    return Lists(connectivity[:last], sizes)


def polydata(points: Floats, polys: Lists, strips: Lists, others: int) -> Polygons:
    """Return what VTK calls PolyData: polygons, then the triangles of strips; says how many other cells were skipped.

    Parameters
    ----------
    points : (V, 3) float
    polys, strips : Lists
    others : int
        Number of lines and points among the cells.
    """
    notes = [f"{others} lines and points among the cells were passed over"] if others else []
    corners, sizes = polys
    if len(strips.sizes):
        triangles, note = strip_triangles(*strips)
        corners = np.concatenate([corners, triangles.ravel()])
        sizes = np.concatenate([sizes, np.full(len(triangles), 3)])
        notes.append(note)
    return Polygons(points, corners, sizes, tuple(notes))
