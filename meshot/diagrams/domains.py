"""The convex domains of transports: of the plane, of space, and boxes of both. Each makes the engine for its cells."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import ConvexHull, QhullError

from meshot.base.arrays import Floats, cross2
from meshot.base.errors import GeometryError
from meshot.diagrams.plane.diagram import PowerEngine
from meshot.diagrams.plane.polygons import arc_points
from meshot.diagrams.power_cells import PLANE_BYTES, SPACE_BYTES, PowerCells, SiteBytes, SiteEngine, Source
from meshot.diagrams.shapes import (
    TANGENTS,
    Planar,
    Polytope,
    Round,
    Shape,
    Spatial,
    finite_point,
    require_measure,
    require_radius,
    require_uniform,
)
from meshot.diagrams.space.diagram import SpaceEngine


def _rectangle(lower: Floats, upper: Floats) -> Floats:
    return np.array([lower, [upper[0], lower[1]], upper, [lower[0], upper[1]]])


@dataclass(frozen=True, eq=False)
class Disk(Round, Planar):
    """A disk, bounded by its true circle.

    Parameters
    ----------
    center : (2,) float
    radius : float

    Examples
    --------
    >>> Disk().area
    3.141592653589793
    """

    center: Floats = field(default_factory=lambda: np.zeros(2))
    radius: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", finite_point(self.center, "center", 2))
        require_radius(self.radius)
        require_measure(self.area, "area")

    @property
    def area(self) -> float:
        """Area of the domain."""
        return float(np.pi * (self.radius * self.radius))  # a float to a power would overflow with an error

    @cached_property
    def frame(self) -> Floats:
        """Corners of a rectangle that contains the domain, counter-clockwise, relative to `center`; (4, 2)."""
        reach = np.full(2, 1.25 * self.radius)
        return _rectangle(-reach, reach)

    @cached_property
    def corners(self) -> Floats:
        """The domain's corners: none, (0, 2)."""
        return np.empty((0, 2))

    @property
    def bounds(self) -> Floats:
        """Lower left and upper right corner of the bounding box, (2, 2)."""
        return np.stack([self.center - self.radius, self.center + self.radius])

    def outline(self) -> Floats:
        """Return points on the circle, half a degree apart, (k, 2).

        Returns
        -------
        (n, 2) float
        """
        return arc_points(np.array([[0.0, 0.0, 2 * np.pi]]), self, np.pi / 360)[1]

    def _holds(self, offset: Floats) -> NDArray[np.bool_]:
        return np.asarray(np.hypot(offset[..., 0], offset[..., 1]) <= self.radius)


@dataclass(frozen=True, eq=False)
class ConvexPolygon(Polytope, Planar):
    """A convex polygon.

    Parameters
    ----------
    vertices : (m, 2) float
        Corners, counter-clockwise.

    Raises
    ------
    GeometryError
        Fewer than three corners, no area, clockwise or not convex.

    Examples
    --------
    >>> ConvexPolygon([[0, 0], [2, 0], [0, 1]]).area
    1.0
    """

    vertices: Floats

    def __post_init__(self) -> None:
        corners = np.array(self.vertices, dtype=np.float64)
        if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3 or not np.isfinite(corners).all():
            raise GeometryError(f"a polygon needs finite corners of shape (m >= 3, 2), got {corners.shape}")
        sides = np.roll(corners, -1, axis=0) - corners
        turns = cross2(sides, np.roll(sides, -1, axis=0))
        total_turn = np.arctan2(turns, (sides * np.roll(sides, -1, axis=0)).sum(axis=1)).sum()
        if (turns < 0).any() or not np.isclose(total_turn, 2 * np.pi):
            bad = np.flatnonzero(turns <= 0)
            raise GeometryError("the polygon is not convex and counter-clockwise", ids=bad.tolist())
        corners.flags.writeable = False
        object.__setattr__(self, "vertices", corners)
        require_measure(self.area, "area")

    @cached_property
    def area(self) -> float:
        """Area of the domain."""
        offset = self.vertices - self.vertices[0]
        return float(cross2(offset, np.roll(offset, -1, axis=0)).sum() / 2)

    @cached_property
    def walls(self) -> Floats:
        """Half-planes ``a x + b y <= c`` relative to `center` that cut the domain out of its frame; (m, 3)."""
        corners = self.vertices - self.center
        sides = np.roll(corners, -1, axis=0) - corners
        normals = np.stack([sides[:, 1], -sides[:, 0]], axis=1) / np.linalg.norm(sides, axis=1, keepdims=True)
        return np.column_stack([normals, (normals * corners).sum(axis=1)])

    @cached_property
    def frame(self) -> Floats:
        """Corners of a rectangle that contains the domain, counter-clockwise, relative to `center`; (4, 2)."""
        corners = self.vertices - self.center
        reach = 1.25 * np.abs(corners).max(axis=0)
        return _rectangle(-reach, reach)


@dataclass(frozen=True, eq=False)
class Box(Shape):
    """An axis-parallel rectangle of the plane, or box in space.

    Parameters
    ----------
    lower, upper : (2,) or (3,) float
        Opposite corners.

    Examples
    --------
    >>> Box([0, 0], [2, 1]).area
    2.0
    >>> Box([0, 0, 0], [2, 1, 3]).measure
    6.0
    """

    lower: Floats
    upper: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "lower", finite_point(self.lower, "lower", 2, 3))
        object.__setattr__(self, "upper", finite_point(self.upper, "upper", self.dimension))
        if not (self.upper > self.lower).all():
            raise GeometryError(f"upper {self.upper.tolist()} must be above lower {self.lower.tolist()}")
        require_measure(self.measure, self._size)

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return len(self.lower)

    @property
    def _flat(self) -> bool:
        return self.dimension == 2

    @property
    def _size(self) -> str:
        return "area" if self._flat else "volume"

    @property
    def _parameters(self) -> tuple[str, ...]:
        return ("corners",) if self._flat else ("lower", "upper")

    @property
    def site_bytes(self) -> SiteBytes:
        """Bytes of memory that a site takes."""
        return PLANE_BYTES if self._flat else SPACE_BYTES

    @cached_property
    def center(self) -> Floats:
        """Middle of the box."""
        return np.asarray((self.lower + self.upper) / 2)

    @property
    def measure(self) -> float:
        """Area or volume of the domain."""
        return float(np.prod(self.upper - self.lower))

    @property
    def area(self) -> float:
        """Area of the domain, in the plane."""
        if not self._flat:
            raise GeometryError("the domain is a box in space: it has a volume, which is its measure")
        return self.measure

    @property
    def inner_radius(self) -> float:
        """Radius of a disk or ball about `center` that the domain contains."""
        return float((self.upper - self.lower).min() / 2)

    @cached_property
    def walls(self) -> Floats:
        """Half-spaces ``a . x <= c`` relative to `center` that cut the domain out of its frame: none; (0, d + 1)."""
        return np.empty((0, self.dimension + 1))

    @cached_property
    def extent(self) -> Floats:
        """Lowest and highest corner of the domain, relative to `center`; (2, d)."""
        return np.stack([self.lower - self.center, self.upper - self.center])

    @cached_property
    def frame(self) -> Floats:
        """What cells are cut out of, relative to `center`: the box's corners, (4, 2), or in space two, (2, 3)."""
        return _rectangle(*self.extent) if self._flat else self.extent

    @cached_property
    def sides(self) -> Floats:
        """All half-spaces ``a . x <= c`` relative to `center` that bound the domain, (2 d, d + 1)."""
        low, high = self.extent
        normals = np.eye(self.dimension)
        return np.column_stack([np.concatenate([-normals, normals]), np.concatenate([-low, high])])

    @cached_property
    def corners(self) -> Floats:
        """Corners of a rectangle, counter-clockwise, (4, 2)."""
        return self.frame + self.center

    @property
    def bounds(self) -> Floats:
        """Lowest and highest corner, (2, d)."""
        return np.stack([self.lower, self.upper])

    def outline(self) -> Floats:
        """Return the corners of a rectangle, (4, 2).

        Returns
        -------
        (n, 2) float
        """
        return self.corners

    def contains(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Whether each point, (m, d), lies in the closed domain.

        Parameters
        ----------
        points : (m, d) float

        Returns
        -------
        (m,) bool
        """
        x = np.asarray(points, dtype=np.float64)
        return np.asarray(((x >= self.lower) & (x <= self.upper)).all(axis=-1))

    def engine(self, sites: ArrayLike, source: Source | None = None) -> SiteEngine[PowerCells]:
        """Return the engine for diagrams of sites in the box.

        Parameters
        ----------
        sites : (n, d) float
        source : DensitySource, optional

        Returns
        -------
        PowerEngine or SpaceEngine
        """
        if self._flat:
            return PowerEngine(sites, self, source)
        require_uniform(source)
        return SpaceEngine(sites, self)


@dataclass(frozen=True, eq=False)
class Ball(Round, Spatial):
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", finite_point(self.center, "center", 3))
        require_radius(self.radius)
        require_measure(self.measure, "volume")

    @property
    def measure(self) -> float:
        """Volume of the domain."""
        return float(4 / 3 * np.pi * (self.radius * self.radius * self.radius))

    @cached_property
    def extent(self) -> Floats:
        """Lowest and highest corner of a box that contains the domain, relative to `center`; (2, 3)."""
        return np.outer([-self.radius, self.radius], np.ones(3))

    @property
    def flat_walls(self) -> Floats:
        """Half-spaces of planes that touch the ball, spread evenly (Fibonacci); (m, 4)."""
        z = 1 - (2 * np.arange(TANGENTS) + 1) / TANGENTS
        turn, rim = np.pi * (3 - np.sqrt(5)) * np.arange(TANGENTS), np.sqrt(1 - z**2)
        return np.column_stack([rim * np.cos(turn), rim * np.sin(turn), z, np.full(TANGENTS, self.radius)])

    def _holds(self, offset: Floats) -> NDArray[np.bool_]:
        return np.asarray(np.linalg.norm(offset, axis=-1) <= self.radius)


@dataclass(frozen=True, eq=False)
class ConvexPolyhedron(Polytope, Spatial):
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
    def measure(self) -> float:
        """Volume of the domain."""
        a, b, c = self._hull.points[self._hull.simplices].transpose(1, 0, 2)
        return float(np.abs((np.cross(a, b) * c).sum(axis=1)).sum() / 6)

    @cached_property
    def extent(self) -> Floats:
        """Lowest and highest corner of a box that contains the domain, relative to `center`; (2, 3)."""
        offset = self.vertices - self.center
        return np.stack([offset.min(axis=0), offset.max(axis=0)])
