"""Another start of the refinement: a disk map of roughly even areas, by Tutte embeddings with shifted weights.

The local minima of the refinement that it leads to are others than those from the evened image.
"""

from itertools import islice

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.conformal.harmonic import dirichlet_problem, on_circle
from meshot.conformal.stretch import loosened, plain_weights, weighted_means
from meshot.conformal.unfold import folded
from meshot.maps.affine import Complexes
from meshot.meshes.surface import Surface

# Passes of shifting weights and boundary, and the range of the logarithms of area ratios at which they end.
PASSES, EVEN = 20, 3.0
# Least angle between neighbors on the circle at the start, as a share of equal angles.
LEAST_ANGLE = 1e-3


def even_map(surface: Surface, shares: Floats) -> Floats | None:
    """Map a disk-like surface to the unit disk without a fold, so that no face is much too small or too large.

    Each boundary vertex gets an angle by the area that belongs to it, and the weights of the inner ones are shifted
    until areas are roughly even; see `stretch`.

    Parameters
    ----------
    surface : Surface
        One boundary loop, genus zero.
    shares : (F,) float
        Wanted shares of the image's area.

    Returns
    -------
    (V, 2) float or None
        The most even map met, boundary on the circle in order; None if all have folds in double precision.

    Examples
    --------
    >>> square = Surface([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    >>> even_map(square, np.array([0.5, 0.5])).shape
    (4, 2)
    """
    loop = surface.boundary_loops[0]
    free = surface.referenced.copy()
    free[loop] = False
    gaps = _boundary_gaps(surface, shares, loop)
    z = np.zeros(len(surface.vertices), dtype=np.complex128)
    z[loop] = on_circle(gaps)
    if free.any():
        z = weighted_means(plain_weights(surface), z, free)
    best, least = None, np.inf
    for moved in [z, *islice(loosened(surface, z, shares, free, gaps), PASSES if free.any() else 0)]:
        spread, uneven = _unevenness(surface.faces, moved, shares)
        if uneven < least:
            best, least = moved, uneven
        if spread < EVEN:
            break
    return None if best is None else np.stack([best.real, best.imag], axis=1)


def _unevenness(faces: Ints, z: Complexes, shares: Floats) -> tuple[float, float]:
    """Return the range and the quadratic mean of the logarithms of area ratios; infinite if a face is folded."""
    if folded(faces, z).any():
        return np.inf, np.inf
    a, b, c = z[faces].T
    areas = ((b - a).conj() * (c - a)).imag
    logs = np.log(areas / areas.sum() / shares)
    return float(np.ptp(logs)), float(np.sum(shares * logs**2))


def _boundary_gaps(surface: Surface, shares: Floats, loop: Ints) -> Floats:
    """Angles between neighbors on the circle, (B,), by the area that leaves the surface there in a random walk."""
    problem = dirichlet_problem(surface)
    corners = surface.faces.ravel()
    masses = np.bincount(corners, np.repeat(shares / 3, 3), minlength=len(surface.vertices)).astype(np.float64)
    leaving = masses[loop]
    if len(problem.interior):
        leaving = leaving + np.maximum(problem.flux(problem.solve(masses[problem.interior])), 0.0)
    gaps = leaving + np.roll(leaving, -1)
    return np.asarray(2 * np.pi * np.maximum(gaps / gaps.sum(), LEAST_ANGLE / len(loop)))
