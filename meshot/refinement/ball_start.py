"""The start of a volume-preserving map: the boundary on the sphere, the inside by a harmonic map.

The boundary is mapped to the sphere by its area-preserving map. The conformal one shrinks limbs to e^-10 of their size
and less; with areas preserved, the harmonic map of the inside is within a factor of ten of equal volumes nearly
everywhere.
"""

from typing import Any

import numpy as np
from scipy import sparse

from meshot.algebra.operators import Sparse
from meshot.algebra.solve import SPDSolver
from meshot.base.arrays import Floats
from meshot.base.errors import ConvergenceError
from meshot.meshes.solid import Solid

# Unknowns from which on multigrid computes the harmonic map: in space, factors have much fill.
MULTIGRID_FROM = 5_000


def harmonic_inside(solid: Solid, sphere: Floats) -> Floats:
    """Return the harmonic map with these values on the boundary, (V, 3); NaN for vertices without a tetrahedron."""
    laplacian = dirichlet_matrix(solid)
    rim = solid.boundary_vertices
    inner = solid.referenced.copy()
    inner[rim] = False
    points = np.full((len(solid.vertices), 3), np.nan)
    points[rim] = sphere
    names = np.flatnonzero(inner)
    if len(names) == 0:
        return points
    rows = laplacian[names]
    matrix, rhs = rows[:, names], -(rows[:, rim] @ sphere)
    try:
        points[names] = SPDSolver(matrix, "multigrid" if len(names) > MULTIGRID_FROM else "direct").solve(rhs, tol=1e-8)
    except ConvergenceError:
        points[names] = SPDSolver(matrix, "direct").solve(rhs)
    return points


def dirichlet_matrix(solid: Solid) -> Sparse:
    """Return the Dirichlet energy's matrix for piecewise-linear functions, (V, V): ``u @ L @ u`` is it for u.

    Examples
    --------
    >>> corner = Solid(np.vstack([np.zeros(3), np.eye(3)]), [[0, 1, 2, 3]])
    >>> (6 * dirichlet_matrix(corner).toarray()).round(12) + 0.0
    array([[ 3., -1., -1., -1.],
           [-1.,  1.,  0.,  0.],
           [-1.,  0.,  1.,  0.],
           [-1.,  0.,  0.,  1.]])
    """
    corners = solid.corners
    inverse: Any = np.linalg.inv(corners[:, 1:] - corners[:, :1])
    gradients = np.concatenate([-inverse.sum(axis=2)[:, None], inverse.transpose(0, 2, 1)], axis=1)
    local = np.abs(solid.volumes)[:, None, None] * (gradients @ gradients.transpose(0, 2, 1))
    count = len(solid.vertices)
    rows, columns = np.repeat(solid.tetrahedra, 4, axis=1).ravel(), np.tile(solid.tetrahedra, (1, 4)).ravel()
    matrix: Sparse = sparse.coo_array((local.ravel(), (rows, columns)), shape=(count, count)).tocsr()
    return matrix
