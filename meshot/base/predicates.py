"""Exact signs of determinants: on which side of a line or plane a point lies, whatever the rounding.

Signs are read off floating-point determinants where these are above a bound on their rounding errors, and computed
with rational numbers for the few that are not (Shewchuk, "Adaptive precision floating-point arithmetic and fast robust
geometric predicates", 1997; his bounds, but only one level of them).
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from meshot.base.arrays import Floats, Ints

# Relative to the sum of the absolute values of a determinant's products, by the dimension: his bounds A.
_ERRORS = {2: (3 + 16 * 2.0**-53) * 2.0**-53, 3: (7 + 56 * 2.0**-53) * 2.0**-53}
# Absolute, for coordinates up to 1: products below the least normal number lose digits.
_UNDERFLOW = 1e-300
# Simplices at a time: their coordinates stay in the cache.
_BLOCK = 1 << 14


class Orientations(NamedTuple):
    """Exact orientations of simplices."""

    signs: Ints
    """1, -1 or, where all corners lie in one line or plane, 0; (n,)."""
    in_doubt: int
    """How many took rational numbers."""


def orientations(points: Floats, simplices: Ints) -> Orientations:
    """Return the exact orientations of triangles in the plane or tetrahedra in space.

    Parameters
    ----------
    points : (V, 2) or (V, 3) float
        Positions; finite where a simplex has a corner.
    simplices : (n, 3) or (n, 4) int
        Their corners. Triangles are positive if they are counterclockwise, tetrahedra if the last three corners are
        clockwise seen from the first.

    Returns
    -------
    Orientations

    Examples
    --------
    Three points on a line, and the last one moved by one unit in the last place:

    >>> line = np.array([[0.1, 0.1], [0.2, 0.2], [0.7, 0.7], [0.7, 0.7 + 2.0**-53]])
    >>> orientations(line, np.array([[0, 1, 2], [0, 1, 3]])).signs
    array([0, 1])
    """
    signs, in_doubt = np.zeros(len(simplices), dtype=np.int64), 0
    for start in range(0, len(simplices), _BLOCK):
        block = slice(start, start + _BLOCK)
        signs[block], more = _orientations(points[simplices[block]])
        in_doubt += more
    return Orientations(signs, in_doubt)


def _orientations(corners: Floats) -> tuple[Ints, int]:
    dimension = corners.shape[2]
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        determinant, size = (_planar if dimension == 2 else _spatial)(corners)
        certain = np.abs(determinant) > _ERRORS[dimension] * size + _UNDERFLOW * (1 + np.abs(corners).max())
    signs = np.where(certain, np.sign(determinant), 0).astype(np.int64)
    doubtful = np.flatnonzero(~certain)
    signs[doubtful] = [_exact_sign(each) for each in corners[doubtful].tolist()]
    return signs, len(doubtful)


def _planar(corners: Floats) -> tuple[Floats, Floats]:
    """Return determinants of edges from the first corner, and the sums of the absolute values of their products."""
    (ax, ay), (bx, by), (cx, cy) = corners.transpose(1, 2, 0)
    left, right = (bx - ax) * (cy - ay), (by - ay) * (cx - ax)
    return left - right, np.abs(left) + np.abs(right)


def _spatial(corners: Floats) -> tuple[Floats, Floats]:
    (ax, ay, az), *others = corners.transpose(1, 2, 0)
    (ux, uy, uz), (vx, vy, vz), (wx, wy, wz) = ((x - ax, y - ay, z - az) for x, y, z in others)
    determinant, size = np.zeros_like(ax), np.zeros_like(ax)
    for u, left, right in ((ux, vy * wz, vz * wy), (uy, vz * wx, vx * wz), (uz, vx * wy, vy * wx)):
        determinant += u * (left - right)
        size += np.abs(u) * (np.abs(left) + np.abs(right))
    return determinant, size


def _exact_sign(corners: Sequence[Sequence[float]]) -> int:
    """Return the sign of the determinant of the edges from the first corner."""
    first, *others = [[Fraction(x) for x in corner] for corner in corners]
    value = _determinant([[x - y for x, y in zip(corner, first, strict=True)] for corner in others])
    return (value > 0) - (value < 0)


def _determinant(rows: list[list[Fraction]]) -> Fraction:
    if len(rows) == 1:
        return rows[0][0]
    minors = ([row[:k] + row[k + 1 :] for row in rows[1:]] for k in range(len(rows)))
    terms = (x * _determinant(minor) for x, minor in zip(rows[0], minors, strict=True))
    return sum((term if k % 2 == 0 else -term for k, term in enumerate(terms)), Fraction(0))
