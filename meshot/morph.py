"""Ball-to-shape transport: the optimal map from a ball to a solid in its own position, and its interpolation.

The sites are the solid's own vertices, each with a quarter of the volumes of the tetrahedra at it, the source is the
ball of the same volume about the same centroid. The map's inverse sends a vertex to the centroid of its cell. Where
the solid is not convex, the map tears the ball apart, and the inverse image of a tetrahedron that spans the tear is
flat or flipped.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import GeometryError, OptionError
from meshot.base.progress import Progress, Stages
from meshot.base.settings import TOL, require_positive
from meshot.diagrams.domains import Ball
from meshot.diagrams.sites import check_masses, check_sites
from meshot.meshes.solid import Solid, as_solid, signed_volumes
from meshot.singular.detect import SingularSet
from meshot.transport.newton import Callback
from meshot.transport.result import TransportResult
from meshot.transport.solve import solve_transport


@dataclass(frozen=True, eq=False)
class Morph:
    """The optimal map from a ball to a solid or to weighted points, seen from its target.

    Attributes
    ----------
    solid : Solid or None
        The target as it was given; None if it was bare points.
    vertices : (V, 3) float
        The target's vertices or points.
    points : (V, 3) float
        Where each comes from: the centroid of its cell in the ball; NaN for vertices that belong to no tetrahedron.
    transport : TransportResult
        Its sites are the vertices that have mass, those in the same place made one.
    cell_of_vertex : (V,) int
        The transport's site at each vertex; -1 where there is none.
    """

    solid: Solid | None
    vertices: Floats
    points: Floats
    transport: TransportResult
    cell_of_vertex: Ints

    def interpolate(self, t: float) -> Floats:
        """Return where the vertices are at time t, ``(1 - t) points + t vertices``, (V, 3).

        Parameters
        ----------
        t : float
            From 0, in the ball, to 1, in the shape.

        Returns
        -------
        (V, 3) float

        References
        ----------
        McCann, "A convexity principle for interacting gases", Adv. Math. 1997.
        """
        return np.asarray((1 - t) * self.points + t * self.vertices)

    @cached_property
    def inverse_volumes(self) -> Floats:
        """Volume in the ball of each tetrahedron, (T,), negative where it is flipped against its own in the solid."""
        solid = self._require_solid()
        return np.asarray(signed_volumes(self.points, solid.tetrahedra) * np.where(solid.volumes < 0, -1.0, 1.0))

    @property
    def flipped(self) -> Ints:
        """Tetrahedra whose inverse image is flipped or flat, ascending."""
        return np.flatnonzero(~(self.inverse_volumes > 0))

    @cached_property
    def volume_ratio(self) -> Floats:
        """Each tetrahedron's share of the inverse image over its share of the solid, (T,); negative where flipped.

        NaN where the tetrahedron has no volume in the solid.
        """
        own = np.abs(self._require_solid().volumes)
        shares = self.inverse_volumes / self.inverse_volumes.sum()
        return np.divide(shares, own / own.sum(), out=np.full(len(own), np.nan), where=own > 0)

    @property
    def displacements(self) -> Floats:
        """How far each vertex goes, (V,); NaN where it comes from nowhere."""
        return np.asarray(np.linalg.norm(self.vertices - self.points, axis=1))

    def _require_solid(self) -> Solid:
        if self.solid is None:
            raise OptionError("bare points have no tetrahedra")
        return self.solid


def ball_to_shape(
    target: Any,
    masses: ArrayLike | None = None,
    *,
    tol: float = TOL,
    max_iter: int = 200,
    callback: Callback | None = None,
    progress: Progress | None = None,
) -> Morph:
    """Compute the optimal transport from a ball to a shape in its own place, cost |x - y|^2.

    Parameters
    ----------
    target : Solid, PyVista or meshio mesh, or (V, 3) float
        Any tetrahedral mesh, whatever its genus and the number of its parts; or bare points.
    masses : (V,) float, optional
        Positive masses of the vertices. By default a solid's are a quarter of the volumes of the tetrahedra at each;
        those of points are equal.
    tol : float
        Largest relative error of a cell's mass.
    max_iter : int
        Most Newton steps.
    callback : callable, optional
        Gets each `TransportState`; raising StopIteration halts.
    progress : Progress, optional

    Returns
    -------
    Morph
        Its ball is centered at the target's center of mass, and has the solid's volume or, for bare points, their mean
        squared distance from the center.

    Raises
    ------
    GeometryError
        No volume, coordinates that are not finite, masses that are not positive, wrong shapes, points all in one place.
    MeshReadError
        A target that is neither a tetrahedral mesh nor points.
    NotEnoughMemoryError
        There are too many vertices for the memory that is available.

    Warns
    -----
    ConvergenceWarning
        The tolerance was not reached; ``transport.reason`` says why.

    References
    ----------
    Levy, "A numerical algorithm for L2 semi-discrete optimal transport in 3D", ESAIM M2AN 2015.

    Examples
    --------
    >>> solid = Solid([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 1, 2, 3]])
    >>> morph = ball_to_shape(solid)
    >>> bool(np.allclose(morph.transport.masses, 1 / 24)), len(morph.flipped)
    (True, 0)
    """
    require_positive("tol", tol)
    solid = None if _are_points(target) else as_solid(target)
    if solid is None or masses is not None:
        vertices = check_sites(target if solid is None else solid.vertices, distinct=False, dimension=3)
    else:
        vertices = solid.vertices  # those of no tetrahedron may stand anywhere, or nowhere
        check_sites(np.where(solid.referenced[:, None], vertices, 0.0), distinct=False, dimension=3)
    wanted, kept = _masses(solid, masses, len(vertices))
    ball = _ball(solid, vertices[kept], wanted)
    with Stages(progress)("transport") as client:
        transport = solve_transport(
            vertices[kept], wanted, ball, tol=tol, max_iter=max_iter, duplicates="merge", callback=callback,
            progress=client,
        )  # fmt: skip
    cell_of_vertex = np.full(len(vertices), -1)
    cell_of_vertex[kept] = transport.cell_of_site
    points = np.full(vertices.shape, np.nan)
    points[kept] = transport.centroids[transport.cell_of_site]
    return Morph(solid, vertices, points, transport, cell_of_vertex)


def _are_points(target: Any) -> bool:
    return isinstance(target, np.ndarray | list | tuple)


def _masses(solid: Solid | None, masses: ArrayLike | None, count: int) -> tuple[Floats, Ints]:
    """Return the masses of the vertices that have one, and these vertices."""
    if masses is not None:
        return check_masses(masses, count), np.arange(count)
    if solid is None:
        return np.full(count, 1 / count), np.arange(count)
    kept = np.flatnonzero(solid.vertex_volumes > 0)
    if len(kept) == 0:
        raise GeometryError("the solid has no volume")
    return solid.vertex_volumes[kept], kept


def _ball(solid: Solid | None, sites: Floats, masses: Floats) -> Ball:
    """Return the ball about the center of mass, of the solid's volume or with the spread of the points."""
    center = masses @ sites / masses.sum()
    if solid is not None:
        return Ball(center, float(np.cbrt(3 * np.abs(solid.volumes).sum() / (4 * np.pi))))
    # a ball's mean squared distance from its center is 3/5 of its squared radius
    spread = float(masses @ ((sites - center) ** 2).sum(axis=1) / masses.sum())
    if spread == 0 and len(sites) > 1:
        raise GeometryError("all points are in one place")
    return Ball(center, np.sqrt(spread / 0.6) if spread > 0 else 1.0)


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
