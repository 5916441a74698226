"""The sources of a transport in space: ball and convex polyhedron; for boxes see `domains`."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import ConvexHull, QhullError

from meshot.diagrams.domains import Box, finite_point, require_measure, require_radius
from meshot.errors import GeometryError
from meshot.meshes.mesh import Floats


@dataclass(frozen=True, eq=False)
class Ball:
    """A ball, bounded by its true sphere.

    Parameters
    ----------
    center : (3,) float
    radius : float

    Examples
    --------
    >>> Ball().measure / np.pi
    1.3333333333333333
    """

    center: Floats = field(default_factory=lambda: np.zeros(3))
    radius: float = 1.0
    dimension: ClassVar[int] = 3

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", finite_point(self.center, "center", 3))
        require_radius(self.radius)
        require_measure(self.measure, "volume")

    @property
    def measure(self) -> float:
        """Volume of the domain."""
        return float(4 / 3 * np.pi * (self.radius * self.radius * self.radius))

    @property
    def inner_radius(self) -> float:
        """Radius of a ball about `center` that the domain contains."""
        return self.radius

    @property
    def circle_radius(self) -> float:
        """Radius of the sphere about `center` that bounds the domain."""
        return self.radius

    @cached_property
    def extent(self) -> Floats:
        """Lowest and highest corner of a box that contains the domain, relative to `center`; (2, 3)."""
        return np.outer([-self.radius, self.radius], np.ones(3))

    @cached_property
    def walls(self) -> Floats:
        """Half-spaces ``a . x <= c`` relative to `center` that bound the domain: none; (0, 4)."""
        return np.empty((0, 4))

    def contains(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Whether each point lies in the closed domain."""
        offset = np.asarray(points, dtype=np.float64) - self.center
        return np.asarray(np.linalg.norm(offset, axis=-1) <= self.radius)


@dataclass(frozen=True, eq=False)
class ConvexPolyhedron:
    """The convex hull of points in space.

    Parameters
    ----------
    vertices : (m, 3) float
        Points, of which the corners of the hull are kept.

    Raises
    ------
    GeometryError
        Fewer than four points, or all in a plane.

    Examples
    --------
    >>> ConvexPolyhedron([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]).measure * 6
    1.0
    """

    vertices: Floats
    dimension: ClassVar[int] = 3

    def __post_init__(self) -> None:
        points = np.array(self.vertices, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 3 or len(points) < 4 or not np.isfinite(points).all():
            raise GeometryError(f"a polyhedron needs finite points of shape (m >= 4, 3), got {points.shape}")
        try:
            corners = points[np.sort(ConvexHull(points).vertices)]
        except QhullError:
            raise GeometryError("the polyhedron's points lie in a plane") from None
        corners.flags.writeable = False
        object.__setattr__(self, "vertices", corners)
        require_measure(self.measure, "volume")

    @cached_property
    def _hull(self) -> ConvexHull:
        return ConvexHull(self.vertices - self.center)

    @cached_property
    def walls(self) -> Floats:
        """Half-spaces ``a . x <= c`` relative to `center` that bound the domain; (m, 4)."""
        normals = np.unique(self._hull.equations[:, :3], axis=0)  # the triangles of a face share them
        return np.column_stack([normals, (normals @ (self.vertices - self.center).T).max(axis=1)])

    @cached_property
    def center(self) -> Floats:
        """Mean of the corners, an inner point."""
        return np.asarray(self.vertices.mean(axis=0))

    @cached_property
    def measure(self) -> float:
        """Volume of the domain."""
        a, b, c = self._hull.points[self._hull.simplices].transpose(1, 0, 2)
        return float(np.abs((np.cross(a, b) * c).sum(axis=1)).sum() / 6)

    @property
    def inner_radius(self) -> float:
        """Radius of a ball about `center` that the domain contains."""
        return float(self.walls[:, 3].min())

    @property
    def circle_radius(self) -> float:
        """Radius of the sphere about `center` that bounds the domain; infinite if none does."""
        return float("inf")

    @cached_property
    def extent(self) -> Floats:
        """Lowest and highest corner of a box that contains the domain, relative to `center`; (2, 3)."""
        offset = self.vertices - self.center
        return np.stack([offset.min(axis=0), offset.max(axis=0)])

    def contains(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Whether each point lies in the closed domain."""
        offset = np.asarray(points, dtype=np.float64) - self.center
        return np.asarray((offset @ self.walls[:, :3].T <= self.walls[:, 3]).all(axis=-1))


SpaceDomain = Ball | ConvexPolyhedron | Box
