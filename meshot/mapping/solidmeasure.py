"""Measures on a solid: what share of the ball each tetrahedron and each vertex is to have; see `measure`."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from meshot.errors import OptionError
from meshot.mapping.measure import positive
from meshot.meshes.mesh import Floats
from meshot.meshes.solid import Solid

Kind = Literal["volume", "density", "masses"]


@dataclass(frozen=True, eq=False)
class SolidMeasure:
    """A measure on a solid, of total 1.

    Attributes
    ----------
    kind : {"volume", "density", "masses"}
        How it was prescribed; "volume" if it was not.
    vertices : (V,) float
        Mass of each vertex: what the cells of the transport get. 0 for a vertex without a tetrahedron.
    tetrahedra : (T,) float
        Share of each tetrahedron.
    """

    kind: Kind
    vertices: Floats
    tetrahedra: Floats


def as_solid_measure(solid: Solid, masses: ArrayLike | None = None, density: ArrayLike | None = None) -> SolidMeasure:
    """Return the measure on a solid that vertex masses or a density prescribe; that of its volume if neither is given.

    Parameters
    ----------
    solid : Solid
        All of its tetrahedra have volume, of one sign.
    masses : (V,) float, optional
        Mass of each vertex in any unit; only shares count, and those of vertices without a tetrahedron are passed over.
        A tetrahedron gets the mean of ``masses / vertex_volumes`` over its corners, times its volume.
    density : (T,) or (V,) float, optional
        Wanted volume of the image per volume of the solid, up to a common factor. One number a tetrahedron; or one a
        vertex, which is averaged over the corners. A vertex's mass is a quarter of the shares of its tetrahedra.

    Raises
    ------
    OptionError
        Both masses and a density.
    GeometryError
        A wrong number of numbers; one that is not positive and finite (the vertices or tetrahedra are named).

    Examples
    --------
    >>> corners = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, -1]]
    >>> double = Solid(corners, [[0, 1, 2, 3], [0, 2, 1, 4]])
    >>> as_solid_measure(double, density=[3, 1]).tetrahedra
    array([0.75, 0.25])
    """
    if masses is not None and density is not None:
        raise OptionError("either masses or a density can be prescribed, not both")
    volumes, corners, used = np.abs(solid.volumes), solid.tetrahedra, solid.referenced
    if masses is not None:
        given = positive(masses, "masses", {"vertex": len(used)}, used)
        with np.errstate(divide="ignore", invalid="ignore"):
            at_vertex = np.where(used, given / solid.vertex_volumes, 0.0)
        shares, vertices = volumes * at_vertex[corners].mean(axis=1), np.where(used, given, 0.0)
        return SolidMeasure("masses", vertices / vertices.sum(), shares / shares.sum())
    if density is None:
        total = volumes.sum()
        return SolidMeasure("volume", solid.vertex_volumes / total, volumes / total)
    values = positive(density, "density", {"tetrahedron": len(volumes), "vertex": len(used)}, used)
    shares = volumes * (values if len(values) == len(volumes) else values[corners].mean(axis=1))
    shares = shares / shares.sum()
    quarters = np.repeat(shares / 4, 4)
    return SolidMeasure("density", np.bincount(corners.ravel(), quarters, len(used)).astype(np.float64), shares)
