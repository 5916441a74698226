"""The sources of a sampled transport, in any dimension; they do not need torch."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import lgamma
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.arrays import Floats, cross2
from meshot.base.errors import GeometryError, OptionError
from meshot.diagrams.domains import Ball, Box, ConvexPolygon, Disk
from meshot.diagrams.sites import check_numbers

# Upper bound of the normal variates of Sobol points, which have 30 bits.
MAX_NORMAL = 6.5


def _finite_point(value: ArrayLike, name: str) -> Floats:
    point = check_numbers(value, name)
    if point.ndim != 1 or not len(point) or not np.isfinite(point).all():
        raise GeometryError(f"{name} must be finite numbers, one for each dimension, got {value!r}")
    point.flags.writeable = False
    return point


@dataclass(frozen=True, eq=False)
class UniformBall:
    """The uniform density on a ball; in the plane, a disk.

    Parameters
    ----------
    center : (d,) float
    radius : float

    Examples
    --------
    >>> UniformBall(np.zeros(3)).mass == 4 / 3 * np.pi
    True
    """

    center: Floats
    radius: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", _finite_point(self.center, "center"))
        if not (np.isfinite(self.radius) and self.radius > 0):
            raise GeometryError(f"radius must be positive, got {self.radius!r}")

    @property
    def dimension(self) -> int:
        """Number d of coordinates."""
        return len(self.center)

    @property
    def mass(self) -> float:
        """Volume of the ball."""
        d = self.dimension
        if d <= 3:
            return float((2.0, np.pi, 4 / 3 * np.pi)[d - 1] * self.radius**d)
        return float(np.exp(d / 2 * np.log(np.pi) - lgamma(d / 2 + 1) + d * np.log(self.radius)))

    @property
    def bounds(self) -> tuple[Floats, Floats]:
        """Corners of a box that holds the source, (d,) each."""
        return self.center - self.radius, self.center + self.radius


@dataclass(frozen=True, eq=False)
class UniformBox:
    """The uniform density on an axis-parallel box.

    Parameters
    ----------
    lower, upper : (d,) float
        Opposite corners.

    Examples
    --------
    >>> UniformBox([0, 0, 0], [1, 2, 3]).mass
    6.0
    """

    lower: Floats
    upper: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "lower", _finite_point(self.lower, "lower"))
        object.__setattr__(self, "upper", _finite_point(self.upper, "upper"))
        if self.lower.shape != self.upper.shape or not (self.upper > self.lower).all():
            raise GeometryError(f"upper {self.upper.tolist()} must be above lower {self.lower.tolist()}")

    @property
    def dimension(self) -> int:
        """Number d of coordinates."""
        return len(self.lower)

    @property
    def mass(self) -> float:
        """Volume of the box."""
        return float(np.prod(self.upper - self.lower))

    @property
    def bounds(self) -> tuple[Floats, Floats]:
        """Corners of a box that holds the source, (d,) each."""
        return self.lower, self.upper


@dataclass(frozen=True, eq=False)
class UniformPolygon:
    """The uniform density on a convex polygon of the plane."""

    polygon: ConvexPolygon

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return 2

    @property
    def mass(self) -> float:
        """Area of the polygon."""
        return self.polygon.area

    @property
    def bounds(self) -> tuple[Floats, Floats]:
        """Corners of a box that holds the source, (2,) each."""
        return self.polygon.vertices.min(axis=0), self.polygon.vertices.max(axis=0)

    @cached_property
    def fan(self) -> tuple[Floats, Floats]:
        """The triangles about the first corner, (m, 3, 2), and the shares of the area up to each, (m + 1,)."""
        corners = self.polygon.vertices
        triangles = np.stack([np.broadcast_to(corners[0], corners[2:].shape), corners[1:-1], corners[2:]], axis=1)
        areas = cross2(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
        shares = np.concatenate([[0.0], np.cumsum(areas)])
        return triangles, shares / shares[-1]


@dataclass(frozen=True)
class StandardNormal:
    """The standard normal density, of mean zero and unit covariance.

    Parameters
    ----------
    dimension : int

    Examples
    --------
    >>> StandardNormal(64).mass
    1.0
    """

    dimension: int

    def __post_init__(self) -> None:
        if not self.dimension >= 1:
            raise GeometryError(f"dimension must be at least 1, got {self.dimension!r}")

    @property
    def mass(self) -> float:
        """Total mass."""
        return 1.0

    @property
    def bounds(self) -> tuple[Floats, Floats]:
        """Corners of a box that holds all samples, (d,) each."""
        reach = np.full(self.dimension, MAX_NORMAL)
        return -reach, reach


@dataclass(frozen=True, eq=False)
class CustomSource:
    """A density of total mass 1 that a user's function draws from.

    Parameters
    ----------
    sampler : callable
        ``sampler(count, rng)`` returns (count, d) floats, drawn with a `numpy.random.Generator`. It gets a fresh one,
        of known seed, for each block of samples.
    dimension : int
    """

    sampler: Callable[[int, np.random.Generator], ArrayLike]
    dimension: int

    @property
    def mass(self) -> float:
        """Total mass."""
        return 1.0

    @cached_property
    def bounds(self) -> tuple[Floats, Floats]:
        """Corners of a box that holds nearly all samples, (d,) each."""
        points = self.draw(4096, 0)
        low, high = points.min(axis=0), points.max(axis=0)
        margin = 0.05 * (high - low) + 1e-300
        return low - margin, high + margin

    def draw(self, count: int, *seeds: int) -> Floats:
        """Return `count` samples, (count, d)."""
        points = np.asarray(self.sampler(count, np.random.default_rng(seeds)), dtype=np.float64)
        if points.shape != (count, self.dimension):
            raise GeometryError(f"the sampler must return shape ({count}, {self.dimension}), got {points.shape}")
        if not np.isfinite(points).all():
            raise GeometryError("the sampler returns coordinates that are not finite")
        return points


SampledSource = UniformBall | UniformBox | UniformPolygon | StandardNormal | CustomSource
_SOURCES = (UniformBall, UniformBox, UniformPolygon, StandardNormal, CustomSource)


def as_source(domain: Any, dimension: int) -> SampledSource:
    """Return the source given by a domain, a source or a sampler; the unit ball for None.

    Parameters
    ----------
    domain : Disk, Ball, Box, ConvexPolygon, UniformBall, UniformBox, StandardNormal, callable or None
    dimension : int
        Of the sites.

    Returns
    -------
    SampledSource

    Raises
    ------
    GeometryError
        The source has another dimension.
    OptionError
        The domain has no sampler.

    Examples
    --------
    >>> as_source(None, 3).radius
    1.0
    """
    source: Any
    if domain is None:
        source = UniformBall(np.zeros(dimension))
    elif isinstance(domain, _SOURCES):
        source = domain
    elif isinstance(domain, ConvexPolygon):
        source = UniformPolygon(domain)
    elif isinstance(domain, Disk | Ball):
        source = UniformBall(domain.center, domain.radius)
    elif isinstance(domain, Box):
        source = UniformBox(domain.lower, domain.upper)
    elif callable(domain):
        source = CustomSource(domain, dimension)
    else:
        raise OptionError(f"a sampled transport has no way to draw from a {type(domain).__name__}")
    if source.dimension != dimension:
        raise GeometryError(f"the sites have {dimension} coordinates, the source has {source.dimension}")
    return source
