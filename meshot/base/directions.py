"""Unit vectors: areas of spherical triangles, and the octahedral projection to a square."""

import numpy as np

from meshot.base.arrays import Floats


def spherical_areas(corners: Floats) -> Floats:
    """Return the signed areas of spherical triangles, (n,), from their corners (n, 3, 3), unit vectors.

    The tangent of half the area is the triple product over 1 plus the scalar products (van Oosterom and Strackee,
    "The solid angle of a plane triangle", 1983), here from differences, so that small triangles keep their digits.

    Examples
    --------
    >>> float(spherical_areas(np.eye(3)[None])[0] / np.pi)
    0.5
    """
    p, q, r = corners.transpose(1, 0, 2)
    a, b = q - p, r - p
    triple = np.sum(p * np.cross(a, b), axis=1)
    squares = np.sum(a**2 + b**2 + (b - a) ** 2, axis=1)
    return np.asarray(2 * np.arctan2(triple, 4 - 0.5 * squares))


def octahedral_projection(directions: Floats) -> Floats:
    """Map directions (n, 3) to the square [-1, 1]^2 by the octahedral projection (n, 2).

    The lower four faces of the octahedron are folded outward, so that a space-filling curve through the square visits
    neighboring directions one after the other.

    Examples
    --------
    >>> octahedral_projection(np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.5, 0.5, -np.sqrt(0.5)]])).round(3) + 0.0
    array([[1.   , 0.   ],
           [0.   , 0.   ],
           [0.707, 0.707]])
    """
    flat = directions / np.abs(directions).sum(axis=1, keepdims=True)
    turned = (1 - np.abs(flat[:, 1::-1])) * np.where(flat[:, :2] < 0, -1.0, 1.0)
    return np.asarray(np.where(flat[:, 2:] < 0, turned, flat[:, :2]))
