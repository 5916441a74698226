"""Moebius maps of the disk, and the one that centers a measure on the circle."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from meshot.base.arrays import Floats
from meshot.maps.affine import Complexes

MAX_STEPS = 200
# Moebius maps that send points nearer to the circle than this to the origin count as the same.
CLOSEST = 1e-13
# Points at which area distortion is evaluated.
SAMPLE = 20_000


@dataclass(frozen=True)
class DiskMoebius:
    """The map ``z -> turn (z - a) / (1 - conj(a) z)`` of the unit disk to itself.

    Attributes
    ----------
    a : complex
        The point that goes to the origin, ``|a| < 1``.
    turn : complex
        Rotation, ``|turn| = 1``.

    Examples
    --------
    >>> DiskMoebius(0.5)(np.array([0.5 + 0j, 1.0 + 0j]))
    array([0.+0.j, 1.+0.j])
    """

    a: complex = 0.0
    turn: complex = 1.0

    def __call__(self, z: Complexes) -> Complexes:
        """Return the images of points of the closed disk."""
        return np.asarray(self.turn * (z - self.a) / (1.0 - np.conj(self.a) * z))

    def then(self, later: "DiskMoebius") -> "DiskMoebius":
        """Return the composition: this map first, `later` second."""
        # The composition sends to zero what this one sends to later.a; the turn follows from the derivative there.
        b, turn = later.a, self.turn
        a = (b + turn * self.a) / (turn + b * np.conj(self.a))
        new_turn = later.turn * (turn + b * np.conj(self.a)) / (1.0 + np.conj(b) * turn * self.a)
        return DiskMoebius(complex(a), complex(new_turn / abs(new_turn)))


def centering(points: Complexes, masses: Floats, tol: float = 1e-13) -> DiskMoebius:
    """Return the Moebius map of the disk that brings the centroid of masses to the origin.

    Newton's method on the hyperbolic barycenter (Douady and Earle 1986; Baden, Crane and Kazhdan 2018). The centroid
    is unique as long as no point carries half of the mass or more.

    Parameters
    ----------
    points : (n,) complex
        In the closed unit disk.
    masses : (n,) float
        Non-negative.

    Examples
    --------
    >>> points = np.exp(1j * np.array([0.0, 1.0, 2.0]))
    >>> bool(abs(centering(points, np.ones(3))(points).sum()) < 1e-12)
    True
    """
    share = masses / masses.sum()
    total = DiskMoebius()
    z = points
    for _ in range(MAX_STEPS):
        center, square = complex(share @ z), complex(share @ (z * z))
        if abs(center) <= tol:
            break
        # To first order in a the image of z is z - a + conj(a) z^2.
        jacobian = np.array([[1.0 - square.real, -square.imag], [-square.imag, 1.0 + square.real]])
        x, y = np.linalg.lstsq(jacobian, [center.real, center.imag], rcond=1e-12)[0]
        a = _descend(z, share, complex(x, y))
        if a == 0.0:
            break
        further = total.then(DiskMoebius(a))
        if 1.0 - abs(further.a) < CLOSEST:
            break
        total = further
        z = total(points)
    return total


def least_distortion(points: Complexes, log_ratios: Floats, weights: Floats) -> DiskMoebius:
    """Return the Moebius map of the disk after which log area ratios have the least weighted mean square.

    Parameters
    ----------
    points : (n,) complex
        In the open unit disk.
    log_ratios : (n,) float
        Logarithm of image area over original area at these points, before the Moebius map.
    weights : (n,) float
        Non-negative.

    Examples
    --------
    >>> z = 0.9 * np.exp(1j * np.arange(100.0)) * np.linspace(0, 1, 100) ** 0.5
    >>> shrunk = 4 * np.log(np.abs(1 - 0.5 * z)) - 2 * np.log(0.75)
    >>> np.round(least_distortion(z, shrunk, np.ones(100)).a, 5)
    np.complex128(0.5+0j)
    """
    stride = -(-len(points) // SAMPLE)
    z, ratios, share = points[::stride], log_ratios[::stride], weights[::stride] / weights[::stride].sum()

    def shift(p: Floats) -> complex:
        return complex(*p) / math.sqrt(1.0 + p @ p)

    def cost(p: Floats) -> float:
        a = shift(p)
        # The area factor of the map is (1 - |a|^2)^2 / |1 - conj(a) z|^4, and 1 - |a|^2 = 1 / (1 + |p|^2).
        moved = ratios - 2.0 * math.log1p(p @ p) - 4.0 * np.log(np.abs(1.0 - np.conj(a) * z))
        return float(share @ moved**2)

    found = minimize(cost, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-10, "maxiter": 400})
    return DiskMoebius(shift(found.x))


def _descend(z: Complexes, share: Floats, step: complex) -> complex:
    """Shorten a Newton step until the convex function falls whose minimum is the centering."""
    a = step * min(1.0, 0.9 / max(abs(step), 1e-300))
    for _ in range(60):
        fall = share @ np.log(np.abs(1.0 - np.conj(a) * z) ** 2) - np.log1p(-(abs(a) ** 2))
        # Near the minimum the fall drowns in rounding.
        if fall < 0.0 or abs(a) < 1e-7:
            return a
        a *= 0.5
    return 0.0
