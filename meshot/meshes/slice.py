"""Cut a solid along a level of a function that is linear in each tetrahedron."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints
from meshot.meshes.solid import OPPOSITE, Solid

# The two corners of a tetrahedron below, and the two above, in an even order: the section then turns counter-clockwise
# seen from above.
PAIRS = np.array([[0, 1, 2, 3], [0, 2, 3, 1], [0, 3, 1, 2], [1, 2, 0, 3], [1, 3, 2, 0], [2, 3, 0, 1]])


@dataclass(frozen=True, eq=False)
class SolidSlice:
    """The boundary of the part of a solid where a function is at most zero, as triangles that face outward.

    Attributes
    ----------
    ends : (F, 3, 2) int
        For each corner of a triangle the two vertices between which it lies; twice the same where it is one.
    shares : (F, 3) float
        How far from the first of them to the second it is, 0 to 1.
    tetrahedra : (F,) int
        The tetrahedron that each triangle belongs to.
    section : (F,) bool
        Whether it lies in the section; the others are parts of the solid's own boundary.
    """

    ends: Ints
    shares: Floats
    tetrahedra: Ints
    section: NDArray[np.bool_]

    def at_corners(self, values: Floats) -> Floats:
        """Return values of the vertices, (V, k), at the corners of the triangles, (F, 3, k)."""
        first, second = values[self.ends[..., 0]], values[self.ends[..., 1]]
        return np.asarray(first + self.shares[..., None] * (second - first))


def slice_solid(solid: Solid, heights: Floats) -> SolidSlice:
    """Cut away the part of a solid where a function is above zero.

    Parameters
    ----------
    solid : Solid
    heights : (V,) float
        The function's values; linear in each tetrahedron.

    Examples
    --------
    >>> corner = Solid([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 1, 2, 3]])
    >>> cut = slice_solid(corner, corner.vertices[:, 2] - 0.5)
    >>> cut.at_corners(corner.vertices)[cut.section]
    array([[[0. , 0. , 0.5],
            [0.5, 0. , 0.5],
            [0. , 0.5, 0.5]]])
    """
    below = heights <= 0
    parts = [*_clipped(solid, below), *_sections(solid, below)]
    ends = np.concatenate([each[0] for each in parts])
    tetrahedra = np.concatenate([each[1] for each in parts])
    section = np.repeat([False, False, False, True, True, True], [len(each[1]) for each in parts])
    if solid.orientation < 0:
        ends = ends[:, ::-1]
    first, second = heights[ends[..., 0]], heights[ends[..., 1]]
    shares = np.divide(first, first - second, out=np.zeros(first.shape), where=first != second)
    return SolidSlice(ends, shares, tetrahedra, section)


Part = tuple[Ints, Ints]


def _clipped(solid: Solid, below: NDArray[np.bool_]) -> list[Part]:
    """Return what is left of the boundary's faces, by how many of their corners are: 3, 1 or 2."""
    faces, tetrahedra = solid.halffaces[solid.boundary_halffaces], solid.boundary_halffaces // 4
    left = below[faces].sum(axis=1)
    parts = [(np.stack([faces[left == 3]] * 2, axis=2), tetrahedra[left == 3])]
    for count in (1, 2):
        rows = np.flatnonzero(left == count)
        odd = np.argmax(below[faces[rows]] == (count == 1), axis=1)  # the one on its own side
        a, b, c = faces[rows[:, None], (odd[:, None] + np.arange(3)) % 3].T
        corners = [(a, a), (a, b), (a, c)] if count == 1 else [(b, b), (c, c), (c, a), (b, a)]
        parts.append(_polygons(corners, tetrahedra[rows]))
    return parts


def _sections(solid: Solid, below: NDArray[np.bool_]) -> list[Part]:
    """Return the sections of the tetrahedra, by how many of their corners are left: 1, 3 or 2."""
    cells = solid.tetrahedra
    left = below[cells].sum(axis=1)
    parts = []
    for count in (1, 3):
        rows = np.flatnonzero(left == count)
        odd = np.argmax(below[cells[rows]] == (count == 1), axis=1)
        tip, (a, b, c) = cells[rows, odd], cells[rows[:, None], OPPOSITE[odd]].T
        corners = [(tip, a), (tip, b), (tip, c)] if count == 1 else [(a, tip), (c, tip), (b, tip)]
        parts.append(_polygons(corners, rows))
    rows = np.flatnonzero(left == 2)
    low = np.argsort(~below[cells[rows]], axis=1, kind="stable")[:, :2]
    which = np.array([[-1, 0, 1, 2], [-1, -1, 3, 4], [-1, -1, -1, 5]])[low[:, 0], low[:, 1]]
    p, q, r, s = cells[rows[:, None], PAIRS[which]].T
    parts.append(_polygons([(p, r), (p, s), (q, s), (q, r)], rows))
    return parts


def _polygons(corners: list[tuple[Ints, Ints]], tetrahedra: Ints) -> Part:
    """Return polygons, each corner between two vertices, as triangles around their first corners."""
    ends = np.stack([np.stack(pair, axis=1) for pair in corners], axis=1)
    fans = [ends[:, [0, k, k + 1]] for k in range(1, len(corners) - 1)]
    return np.concatenate(fans), np.tile(tetrahedra, len(fans))
