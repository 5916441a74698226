"""Areas, volumes and solid angles with bounds on their rounding errors.

They are computed in extended precision, where the processor has it; the bounds follow from its unit roundoff u, by the
usual rules: every operation is off by at most u times its result (Higham, "Accuracy and Stability of Numerical
Algorithms", 2002, section 3). Their constants have room for terms of second order.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints, stable_order

Long = NDArray[np.floating[Any]]

UNIT = np.finfo(np.longdouble).eps / 2
"""Unit roundoff u of the extended precision."""
# Cells at a time: their coordinates stay in the cache.
_BLOCK = 1 << 13


class Enclosed(NamedTuple):
    """Numbers, each with a bound on its distance from the true one; (n,) and (n,)."""

    values: Long
    errors: Long

    def total(self) -> "Enclosed":
        """Return the sum, (1,), added up in pairs, pairs of pairs, and so on."""
        values, errors = self
        levels = 0
        while len(values) > 1:
            values, errors = (np.append(each, each[:0] if len(each) % 2 == 0 else 0) for each in (values, errors))
            values, errors, levels = values[::2] + values[1::2], errors[::2] + errors[1::2], levels + 1
        return Enclosed(values, errors + (levels + 1) * UNIT * (np.abs(values) + errors))

    def summed(self, groups: Ints) -> "Enclosed":
        """Return the sums over the members of each group; `groups`, (n,), are their numbers, from 0, none left out."""
        order = stable_order(groups)
        sizes = np.bincount(groups)
        values, errors = (np.add.reduceat(each[order], np.cumsum(sizes) - sizes) for each in self)
        return Enclosed(values, errors + (sizes + 1) * UNIT * (np.abs(values) + errors))


def exact(values: Floats) -> Enclosed:
    """Return numbers that are what they are."""
    return Enclosed(values.astype(np.longdouble), np.zeros(len(values), dtype=np.longdouble))


def areas(points: Floats, triangles: Ints) -> Enclosed:
    """Return the areas of triangles in the plane or in space, without signs.

    Parameters
    ----------
    points : (V, 2) or (V, 3) float
    triangles : (n, 3) int

    Returns
    -------
    Enclosed

    Examples
    --------
    >>> area = areas(np.array([[0.0, 0.0], [0.1, 0.0], [0.0, 0.1]]), np.array([[0, 1, 2]]))
    >>> abs(area.values - 0.005) < 1e-18, area.errors < 1e-18
    (array([ True]), array([ True]))
    """
    return _in_blocks(_areas, points, triangles)


def volumes(points: Floats, tetrahedra: Ints) -> Enclosed:
    """Return the volumes of tetrahedra, (n,), without signs; otherwise as `areas`."""
    return _in_blocks(_volumes, points, tetrahedra)


def solid_angles(points: Floats, triangles: Ints) -> Enclosed:
    """Return the areas, without signs, of triangles projected from the center to the unit sphere.

    Of any triangles whose corners are not at the center, whether or not they lie on the sphere (van Oosterom and
    Strackee, "The solid angle of a plane triangle", 1983); otherwise as `areas`.

    Examples
    --------
    >>> octant = solid_angles(2 * np.eye(3), np.array([[0, 1, 2]]))
    >>> abs(octant.values - np.pi / 2) < 1e-15, octant.errors < 1e-15
    (array([ True]), array([ True]))
    """
    return _in_blocks(_solid_angles, points, triangles)


def _in_blocks(measure: Callable[[Long], Enclosed], points: Floats, cells: Ints) -> Enclosed:
    """Measure a few cells at a time, given their corners by axis: (corners, axes, cells)."""
    starts = range(0, len(cells), _BLOCK)
    parts = [measure(points[cells[k : k + _BLOCK]].transpose(1, 2, 0).astype(np.longdouble)) for k in starts]
    return Enclosed(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _cross(u: Long, v: Long) -> tuple[Long, Long]:
    """Return the cross product of edges, and the sums of the absolute values of its products; off by 4 u of these."""
    left = np.stack([u[1] * v[2], u[2] * v[0], u[0] * v[1]])
    right = np.stack([u[2] * v[1], u[0] * v[2], u[1] * v[0]])
    return left - right, np.abs(left) + np.abs(right)


def _triple(u: Long, v: Long, w: Long) -> Enclosed:
    """Return the triple product of edges."""
    cross, sizes = _cross(v, w)
    return Enclosed((u * cross).sum(axis=0), 10 * UNIT * (np.abs(u) * sizes).sum(axis=0))


def _areas(corners: Long) -> Enclosed:
    a, b, c = corners
    if len(a) == 2:
        (ux, uy), (vx, vy) = b - a, c - a
        left, right = ux * vy, uy * vx
        return Enclosed(np.abs(left - right) / 2, 3 * UNIT * (np.abs(left) + np.abs(right)))
    cross, sizes = _cross(b - a, c - a)
    return Enclosed(np.sqrt((cross**2).sum(axis=0)) / 2, 5 * UNIT * np.sqrt((sizes**2).sum(axis=0)))


def _volumes(corners: Long) -> Enclosed:
    a, b, c, d = corners
    values, errors = _triple(b - a, c - a, d - a)
    return Enclosed(np.abs(values) / 6, errors / 5)


def _solid_angles(corners: Long) -> Enclosed:
    """Return twice the angles of the vectors (real, triple)."""
    p, q, r = corners
    triple, triple_error = _triple(p, q - p, r - p)
    lengths = [np.sqrt((each**2).sum(axis=0)) for each in (p, q, r)]
    product = lengths[0] * lengths[1] * lengths[2]
    real = product.copy()
    for first, second, length in ((p, q, lengths[2]), (q, r, lengths[0]), (r, p, lengths[1])):
        real += (first * second).sum(axis=0) * length
    real_error = 64 * UNIT * product
    square = triple**2 + real**2
    with np.errstate(divide="ignore", invalid="ignore"):
        turned = (np.abs(real) * triple_error + np.abs(triple) * real_error) / square
    # the angle of a vector that is off by much of its length is not known at all
    turned[~(triple_error**2 + real_error**2 < square / 100)] = np.pi
    angle = 2 * np.abs(np.arctan2(triple, real))
    return Enclosed(angle, 2.5 * turned + 4 * UNIT * angle)
