"""What domains share: of the plane or of space, bounded by flat walls or round."""

from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshot.base.arrays import Floats
from meshot.base.errors import GeometryError
from meshot.diagrams.plane.diagram import PowerEngine
from meshot.diagrams.power_cells import PLANE_BYTES, SPACE_BYTES, SiteBytes, Source
from meshot.diagrams.space.diagram import SpaceEngine

# A frame about a domain of space is larger by this factor, lest the domain's walls coincide with the frame's.
WIDER = 1.01
# Planes that stand for a ball's sphere where faces must be flat: they leave it by less than 1 % of the radius.
TANGENTS = 400
COUNTS = {2: "two", 3: "three"}


def finite_point(value: ArrayLike, name: str, *dimensions: int) -> Floats:
    """Return `value` as a point that cannot be written to, or raise `GeometryError`."""
    point = np.array(value, dtype=np.float64)
    if point.ndim != 1 or len(point) not in dimensions or not np.isfinite(point).all():
        count = " or ".join(COUNTS[dimension] for dimension in dimensions)
        raise GeometryError(f"{name} must be {count} finite numbers, got {value!r}")
    point.flags.writeable = False
    return point


def require_measure(measure: float, name: str) -> None:
    """Raise `GeometryError` unless the area or volume, as `name` says, is positive and finite."""
    if not (np.isfinite(measure) and measure > 0):
        raise GeometryError(f"the domain's {name} must be positive and finite, got {measure!r}")


def require_radius(radius: float) -> None:
    """Raise `GeometryError` unless the radius is positive and finite."""
    if not (np.isfinite(radius) and radius > 0):
        raise GeometryError(f"radius must be positive, got {radius!r}")


def require_uniform(source: Source | None) -> None:
    """Raise GeometryError if a density is given for a domain of space."""
    if source is not None:
        raise GeometryError("densities are for domains of the plane: in space the source is uniform")


class Shape:
    """What all domains share."""

    center: Any
    walls: Any
    measure: Any
    _parameters: Any
    _size: Any

    @property
    def circle_radius(self) -> float:
        """Radius of the circle or sphere about `center` that bounds the domain; infinite if none does."""
        return float("inf")

    @property
    def sides(self) -> Floats:
        """All half-spaces ``a . x <= c`` relative to `center` that bound the domain, (m, d + 1); none of a ball."""
        return np.asarray(self.walls)

    @property
    def flat_walls(self) -> Floats:
        """As `walls`, planes that touch it standing for a ball's sphere."""
        return np.asarray(self.walls)

    def contains(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Whether each point lies in the closed domain.

        Parameters
        ----------
        points : (m, d) float

        Returns
        -------
        (m,) bool
        """
        return self._holds(np.asarray(points, dtype=np.float64) - self.center)

    def _holds(self, offset: Floats) -> NDArray[np.bool_]:
        return np.asarray((offset @ self.walls[:, :-1].T <= self.walls[:, -1]).all(axis=-1))

    def figures(self) -> dict[str, Any]:
        """Return what the domain is, as numbers.

        Returns
        -------
        dict
        """
        parameters = {name: np.asarray(getattr(self, name)).tolist() for name in self._parameters}
        return {"kind": type(self).__name__.lower(), **parameters, self._size: self.measure}


class Planar(Shape):
    """A domain of the plane that is none of space."""

    dimension: ClassVar[int] = 2
    site_bytes: ClassVar[SiteBytes] = PLANE_BYTES
    _size = "area"
    area: Any
    frame: Any
    inner_radius: Any
    corners: Any

    @property
    def measure(self) -> float:
        """Area of the domain."""
        return float(self.area)

    def outline(self) -> Floats:
        """Return the corners, counter-clockwise, or points on a circle, (k, 2).

        Returns
        -------
        (k, 2) float
        """
        return np.asarray(self.corners)

    def engine(self, sites: ArrayLike, source: Source | None = None) -> PowerEngine:
        """Return the engine for diagrams of sites in the domain.

        Parameters
        ----------
        sites : (n, 2) float
        source : DensitySource, optional

        Returns
        -------
        PowerEngine
        """
        return PowerEngine(sites, self, source)


class Spatial(Shape):
    """A domain of space that is none of the plane."""

    dimension: ClassVar[int] = 3
    site_bytes: ClassVar[SiteBytes] = SPACE_BYTES
    _size = "volume"
    extent: Any
    inner_radius: Any

    @cached_property
    def frame(self) -> Floats:
        """Lowest and highest corner of the box that cells are cut out of, relative to `center`; (2, 3)."""
        return np.asarray(WIDER * self.extent)

    def engine(self, sites: ArrayLike, source: Source | None = None) -> SpaceEngine:
        """Return the engine for diagrams of sites in the domain.

        Parameters
        ----------
        sites : (n, 3) float
        source : None
            The density is uniform.

        Returns
        -------
        SpaceEngine
        """
        require_uniform(source)
        return SpaceEngine(sites, self)


class Round(Shape):
    """What a disk and a ball share."""

    radius: float
    dimension: Any
    _parameters = ("center", "radius")

    @property
    def inner_radius(self) -> float:
        """Radius of a disk or ball about `center` that the domain contains."""
        return self.radius

    @property
    def circle_radius(self) -> float:
        """Radius of the circle or sphere about `center` that bounds the domain."""
        return self.radius

    @cached_property
    def walls(self) -> Floats:
        """Half-spaces ``a . x <= c`` relative to `center` that cut the domain out of its frame: none; (0, d + 1)."""
        return np.empty((0, self.dimension + 1))


class Polytope(Shape):
    """What a polygon and a polyhedron share."""

    vertices: Floats
    _parameters = ("corners",)

    @property
    def corners(self) -> Floats:
        """The domain's corners, in the plane counter-clockwise, (m, d)."""
        return self.vertices

    @cached_property
    def center(self) -> Floats:
        """Mean of the corners, an inner point."""
        return np.asarray(self.vertices.mean(axis=0))

    @property
    def inner_radius(self) -> float:
        """Radius of a disk or ball about `center` that the domain contains."""
        return float(self.walls[:, -1].min())

    @property
    def bounds(self) -> Floats:
        """Lowest and highest corner of the bounding box, (2, d)."""
        return np.stack([self.vertices.min(axis=0), self.vertices.max(axis=0)])
