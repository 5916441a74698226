"""Affine maps of triangles: their complex derivatives and Beltrami coefficients."""

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats
from meshot.meshes.surface import Surface

Complexes = NDArray[np.complex128]


def laid_flat(corners: Floats) -> tuple[Floats, Complexes]:
    """Lay each face, (F, 3, 3), in the plane, its corners at 0, `length` and `apex`, counterclockwise; both (F,)."""
    base, side = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    length = np.linalg.norm(base, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return length, (np.sum(base * side, axis=1) + 1j * np.linalg.norm(np.cross(base, side), axis=1)) / length


def wirtinger(length: Floats, apex: Complexes, z: Complexes) -> tuple[Complexes, Complexes]:
    """Return the derivatives ``f_z`` and ``f_zbar``, each (F,), of the affine map of each face to the plane.

    Parameters
    ----------
    length : (F,) float
    apex : (F,) complex
        The faces as `laid_flat` gives them.
    z : (F, 3) complex
        Images of the corners.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (z[:, 1] - z[:, 0]) / length, z[:, 2] - z[:, 0]
        holomorphic = (second - first * np.conj(apex)) / (apex - np.conj(apex))
        return holomorphic, first - holomorphic


def beltrami(surface: Surface, z: Complexes) -> Complexes:
    """Return ``f_zbar / f_z`` of the piecewise-linear map to the plane in each face, (F,); zero where it is conformal.

    Above 1 in absolute value where the face is turned over, not finite where its image is a point.

    Parameters
    ----------
    surface : Surface
    z : (V,) complex
        Image of each vertex.

    Examples
    --------
    >>> right = Surface([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    >>> beltrami(right, np.array([0, 1, 2j])).round(12) + 0.0
    array([-0.33333333+0.j])
    """
    holomorphic, antiholomorphic = wirtinger(*laid_flat(surface.corners), z[surface.faces])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(antiholomorphic / holomorphic)
