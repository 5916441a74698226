"""Files of singular sets: curves of the plane as polylines, sheets of space as triangles, with their numbers."""

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.base.files import PathLike
from meshot.formats.write.ply import write_ply
from meshot.formats.write.vtu import write_vtu
from meshot.meshes.topology import fan_triangles
from meshot.singular.detect import SingularSet


def fold_simplices(folds: SingularSet) -> tuple[Floats, Ints, Ints]:
    """Return the set as segments (s, 2) or triangles (s, 3) between points (p, 3), and the facet of each.

    Points of the plane get z = 0.
    """
    if folds.dimension == 2:
        points = np.column_stack([folds.points, np.zeros(len(folds.points))])
        return points, folds.facets, np.arange(len(folds))
    sizes = (folds.facets >= 0).sum(axis=1)
    triangles = fan_triangles(folds.facets[folds.facets >= 0], sizes)
    return folds.points, triangles, np.repeat(np.arange(len(folds)), sizes - 2)


def fold_scalars(folds: SingularSet, facet: Ints) -> dict[str, Floats | Ints]:
    """Return the numbers of simplices that belong to the facets `facet`, (s,), by name."""
    return {
        "jump": folds.jump[facet],
        "sheet": folds.sheets[facet],
        "site_i": folds.pairs[facet, 0],
        "site_j": folds.pairs[facet, 1],
    }


def write_folds(path: PathLike, folds: SingularSet) -> None:
    """Write a singular set as binary PLY with the properties ``jump``, ``sheet``, ``site_i`` and ``site_j``.

    Curves of the plane become edges between points with z = 0, sheets of space triangles.

    Parameters
    ----------
    path : str or path
        The file.
    folds : SingularSet

    Raises
    ------
    OSError
        The file cannot be written.
    """
    points, simplices, facet = fold_simplices(folds)
    write_ply(path, points, simplices, fold_scalars(folds, facet))


def write_folds_vtu(path: PathLike, folds: SingularSet) -> None:
    """Write a singular set as VTU, segments or triangles with the same numbers as `write_folds`."""
    points, simplices, facet = fold_simplices(folds)
    write_vtu(path, points, simplices, cell_values=fold_scalars(folds, facet))
