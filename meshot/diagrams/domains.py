"""The sources of a transport: convex domains of the plane with uniform density."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshot.errors import GeometryError
from meshot.meshes.mesh import Floats, cross2


def _point(value: ArrayLike, name: str) -> Floats:
    point = np.array(value, dtype=np.float64)
    if point.shape != (2,) or not np.isfinite(point).all():
        raise GeometryError(f"{name} must be two finite numbers, got {value!r}")
    point.flags.writeable = False
    return point


def _require_area(area: float) -> None:
    if not (np.isfinite(area) and area > 0):
        raise GeometryError(f"the domain's area must be positive and finite, got {area!r}")


def _rectangle(lower: Floats, upper: Floats) -> Floats:
    return np.array([lower, [upper[0], lower[1]], upper, [lower[0], upper[1]]])


@dataclass(frozen=True, eq=False)
class Disk:
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
        object.__setattr__(self, "center", _point(self.center, "center"))
        if not (np.isfinite(self.radius) and self.radius > 0):
            raise GeometryError(f"radius must be positive, got {self.radius!r}")
        _require_area(self.area)

    @property
    def area(self) -> float:
        """Area of the domain."""
        return float(np.pi * (self.radius * self.radius))  # a float to a power would overflow with an error

    @property
    def inner_radius(self) -> float:
        """Radius of a disk about `center` that the domain contains."""
        return self.radius

    @property
    def circle_radius(self) -> float:
        """Radius of the circle about `center` that bounds the domain; infinite if none does."""
        return self.radius

    @cached_property
    def frame(self) -> Floats:
        """Corners of a rectangle that contains the domain, counter-clockwise, relative to `center`; (4, 2)."""
        reach = np.full(2, 1.25 * self.radius)
        return _rectangle(-reach, reach)

    @cached_property
    def walls(self) -> Floats:
        """Half-planes ``a x + b y <= c`` relative to `center` that cut the domain out of its frame; (m, 3)."""
        return np.empty((0, 3))

    def contains(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Whether each point lies in the closed domain."""
        offset = np.asarray(points, dtype=np.float64) - self.center
        return np.asarray(np.hypot(offset[..., 0], offset[..., 1]) <= self.radius)


@dataclass(frozen=True, eq=False)
class ConvexPolygon:
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
        _require_area(self.area)

    @cached_property
    def center(self) -> Floats:
        """Mean of the corners, an inner point."""
        return np.asarray(self.vertices.mean(axis=0))

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

    @property
    def inner_radius(self) -> float:
        """Radius of a disk about `center` that the domain contains."""
        return float(self.walls[:, 2].min())

    @property
    def circle_radius(self) -> float:
        """Radius of the circle about `center` that bounds the domain; infinite if none does."""
        return float("inf")

    @cached_property
    def frame(self) -> Floats:
        """Corners of a rectangle that contains the domain, counter-clockwise, relative to `center`; (4, 2)."""
        corners = self.vertices - self.center
        reach = 1.25 * np.abs(corners).max(axis=0)
        return _rectangle(-reach, reach)

    def contains(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Whether each point lies in the closed domain."""
        offset = np.asarray(points, dtype=np.float64) - self.center
        return np.asarray((offset @ self.walls[:, :2].T <= self.walls[:, 2]).all(axis=-1))


@dataclass(frozen=True, eq=False)
class Box:
    """An axis-parallel rectangle.

    Parameters
    ----------
    lower, upper : (2,) float
        Opposite corners.

    Examples
    --------
    >>> Box([0, 0], [2, 1]).area
    2.0
    """

    lower: Floats
    upper: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "lower", _point(self.lower, "lower"))
        object.__setattr__(self, "upper", _point(self.upper, "upper"))
        if not (self.upper > self.lower).all():
            raise GeometryError(f"upper {self.upper.tolist()} must be above lower {self.lower.tolist()}")
        _require_area(self.area)

    @cached_property
    def center(self) -> Floats:
        """Middle of the box."""
        return np.asarray((self.lower + self.upper) / 2)

    @property
    def area(self) -> float:
        """Area of the domain."""
        return float(np.prod(self.upper - self.lower))

    @cached_property
    def walls(self) -> Floats:
        """Half-planes ``a x + b y <= c`` relative to `center` that cut the domain out of its frame; none here."""
        return np.empty((0, 3))

    @property
    def inner_radius(self) -> float:
        """Radius of a disk about `center` that the domain contains."""
        return float((self.upper - self.lower).min() / 2)

    @property
    def circle_radius(self) -> float:
        """Radius of the circle about `center` that bounds the domain; infinite if none does."""
        return float("inf")

    @cached_property
    def frame(self) -> Floats:
        """Corners of a rectangle that contains the domain, counter-clockwise, relative to `center`; (4, 2)."""
        return _rectangle(self.lower - self.center, self.upper - self.center)

    def contains(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Whether each point lies in the closed domain."""
        x = np.asarray(points, dtype=np.float64)
        return np.asarray(((x >= self.lower) & (x <= self.upper)).all(axis=-1))


Domain = Disk | ConvexPolygon | Box
