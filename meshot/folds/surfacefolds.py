"""How far from the folds in the ball the surface of a solid comes from: it is where the ball tears that it was laid."""

import numpy as np

from meshot.folds.singular import SingularSet
from meshot.meshes.mesh import Floats
from meshot.morph.morph import Morph


def fold_distances(morph: Morph, folds: SingularSet) -> Floats:
    """Return the distance in the ball from each vertex's inverse image to the singular set, (V,).

    It is NaN for vertices that come from nowhere, and infinite if there are no folds.
    """
    distances = np.full(len(morph.points), np.nan)
    known = np.isfinite(morph.points).all(axis=1)
    distances[known] = folds.distances(morph.points[known])
    return distances


def cell_sizes(morph: Morph) -> Floats:
    """Return the radius of the ball that is as large as each vertex's cell, (V,); NaN where there is none."""
    radii = np.cbrt(3 * morph.transport.diagram.masses / (4 * np.pi))
    return np.where(morph.cell_of_vertex >= 0, radii[morph.cell_of_vertex], np.nan)
