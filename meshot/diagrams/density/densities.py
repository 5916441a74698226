"""Densities of a transport's source: piecewise constant or linear, on a pixel grid or on a triangulation.

A density consists of pieces, pixels or triangles, on each of which it is linear. It is not scaled here: the transport
scales it to the total prescribed mass.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.arrays import Floats, Ints, cross2
from meshot.base.errors import GeometryError
from meshot.diagrams.domains import Box, ConvexPolygon, Disk
from meshot.diagrams.power_cells import Domain
from meshot.meshes.location import Locator

# Points at which a function is evaluated at a time, and parts of a pixel's side to compare it with its interpolant.
BATCH, FINER = 1 << 20, 2


class DensityPieces(NamedTuple):
    """What the kernels of `cells` read; what belongs to the other kind of density is empty.

    All arrays are writable: the kernels would be compiled once more for others.

    ``xs, ys`` are the grid's lines and ``grid_values`` its values, one a pixel or one a node; ``corners`` (m, 6) and
    ``corner_values`` (m, 3) belong to triangles in the order of a tree of ``boxes`` whose leaves begin at ``first``.
    """

    xs: Floats
    ys: Floats
    grid_values: Floats
    corners: Floats
    corner_values: Floats
    boxes: Floats
    first: int


@dataclass(frozen=True, eq=False)
class GridDensity:
    """A density on a grid of equal pixels.

    Parameters
    ----------
    values : (rows, columns) float
        Row 0 is the lowest, so turn pictures upside down: ``image[::-1]``. One value a pixel, or one a node: the
        corners of the pixels, the outermost on the border of the rectangle.
    lower, upper : (2,) float
        Opposite corners of the rectangle.
    at : {"pixels", "nodes"}
        With "pixels" the density is constant on each. With "nodes" it is continuous, and linear on the two triangles
        into which the diagonal from its lower left corner parts a pixel (not bilinear).
    quadrature_error : float
        The estimate of `sample_density`; 0 for a density that is given exactly.

    Raises
    ------
    GeometryError
        Wrong shapes, no rectangle, a value that is negative or not finite (with the flat indices), or nothing but
        zeros.

    Examples
    --------
    >>> density = GridDensity([[1.0, 3.0]], [0, 0], [2, 1])
    >>> density([[0.5, 0.5], [1.5, 0.5]])
    array([1., 3.])
    """

    values: Floats
    lower: Floats
    upper: Floats
    at: str = "pixels"
    quadrature_error: float = 0.0

    def __post_init__(self) -> None:
        if self.at not in ("pixels", "nodes"):
            raise GeometryError(f'values of a grid are at "pixels" or "nodes", not at {self.at!r}')
        values = np.array(self.values, dtype=np.float64)
        least = 1 if self.at == "pixels" else 2
        if values.ndim != 2 or min(values.shape) < least:
            raise GeometryError(f"values at {self.at} must have shape (>= {least}, >= {least}), got {values.shape}")
        _check_values(values, self.at[:-1])
        rectangle = Box(self.lower, self.upper)
        values.flags.writeable = False
        for name, value in (("values", values), ("lower", rectangle.lower), ("upper", rectangle.upper)):
            object.__setattr__(self, name, value)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of pixels."""
        rows, columns = self.values.shape
        return (rows, columns) if self.at == "pixels" else (rows - 1, columns - 1)

    @cached_property
    def domain(self) -> Box:
        """The rectangle of the grid."""
        return Box(self.lower, self.upper)

    @property
    def largest(self) -> float:
        """The largest value."""
        return float(self.values.max())

    @cached_property
    def pieces(self) -> DensityPieces:
        """The arrays for the kernels."""
        rows, columns = self.shape
        xs = np.linspace(self.lower[0], self.upper[0], columns + 1)
        ys = np.linspace(self.lower[1], self.upper[1], rows + 1)
        return DensityPieces(xs, ys, self.values.copy(), np.empty((0, 6)), np.empty((0, 3)), np.empty((0, 4)), 0)

    def __call__(self, points: ArrayLike) -> Floats:
        """Return the density at points (n, 2); NaN outside the rectangle."""
        points = np.asarray(points, dtype=np.float64)
        rows, columns = self.shape
        place = (points - self.lower) / (self.upper - self.lower) * [columns, rows]
        outside = ~self.domain.contains(points)
        pixel = np.clip(np.nan_to_num(place), 0, np.array([columns, rows]) - 1).astype(np.int64)
        c, r = pixel.T
        if self.at == "pixels":
            values = self.values[r, c]
        else:
            x, y = (place - pixel).T
            low, high = self.values[r, c], self.values[r + 1, c + 1]
            corner, by_x = np.where(x > y, self.values[r, c + 1], self.values[r + 1, c]), x > y
            values = low + np.where(by_x, x, y) * (corner - low) + np.where(by_x, y, x) * (high - corner)
        return np.where(outside, np.nan, values)


@dataclass(frozen=True, eq=False)
class TriangulationDensity:
    """A density on a triangulation of the plane.

    Parameters
    ----------
    vertices : (V, 2) float
    triangles : (F, 3) int
        Counter-clockwise, without overlap.
    values : (F,) or (V,) float
        One value a triangle, on which the density is constant, or one a vertex, between which it is linear.
    at : {"triangles", "vertices"}, optional
        Which of the two, if the number of values does not decide it.

    Raises
    ------
    GeometryError
        Wrong shapes, a vertex that does not exist, coordinates that are not finite, a triangle that is clockwise, a
        value that is negative or not finite (each with the ids), or nothing but zeros.

    Examples
    --------
    >>> density = TriangulationDensity([[0, 0], [1, 0], [0, 1]], [[0, 1, 2]], [0.0, 1.0, 1.0])
    >>> density([[0.25, 0.25]])
    array([0.5])
    """

    vertices: Floats
    triangles: Ints
    values: Floats
    at: str = ""

    def __post_init__(self) -> None:
        vertices, triangles = _checked_triangulation(self.vertices, self.triangles)
        values = np.array(self.values, dtype=np.float64)
        counts = {"triangles": len(triangles), "vertices": len(vertices)}
        fitting = [name for name, count in counts.items() if values.shape == (count,) and self.at in ("", name)]
        if len(fitting) != 1:
            raise GeometryError(
                f"values must be one for each of {len(triangles)} triangles or {len(vertices)} vertices "
                f"(where these are as many, at= says which), got shape {values.shape}"
            )
        _check_values(values, {"triangles": "triangle", "vertices": "vertex"}[fitting[0]])
        for name, value in (("vertices", vertices), ("triangles", triangles), ("values", values)):
            value.flags.writeable = False
            object.__setattr__(self, name, value)
        object.__setattr__(self, "at", fitting[0])

    @cached_property
    def domain(self) -> ConvexPolygon:
        """The polygon of the boundary vertices.

        Raises
        ------
        GeometryError
            The boundary is not one loop, or not convex.
        """
        sides = np.stack([self.triangles, np.roll(self.triangles, -1, axis=1)], axis=2).reshape(-1, 2)
        count = len(self.vertices)
        inner = np.isin(sides[:, 0] * count + sides[:, 1], sides[:, 1] * count + sides[:, 0])
        following = dict(sides[~inner].tolist())
        loop = list(following)[:1]
        while loop and following[loop[-1]] != loop[0] and len(loop) < len(following):
            loop.append(following[loop[-1]])
        if len(loop) != np.count_nonzero(~inner):
            raise GeometryError("the triangulation's boundary is not one loop")
        return ConvexPolygon(self.vertices[loop])

    @property
    def largest(self) -> float:
        """The largest value."""
        return float(self.values.max())

    @cached_property
    def _locator(self) -> Locator:
        return Locator(self.triangles, self.vertices)

    @cached_property
    def _corner_values(self) -> Floats:
        """Values at the triangles' corners, (F, 3)."""
        if self.at == "vertices":
            return np.asarray(self.values[self.triangles])
        return np.repeat(self.values, 3).reshape(-1, 3)

    @cached_property
    def pieces(self) -> DensityPieces:
        """The arrays for the kernels."""
        locator, none = self._locator, np.empty(0)
        corner_values = np.ascontiguousarray(self._corner_values[locator.order])
        return DensityPieces(none, none, np.empty((0, 0)), locator.corners, corner_values, locator.boxes, locator.first)

    def __call__(self, points: ArrayLike) -> Floats:
        """Return the density at points (n, 2); NaN outside the triangulation."""
        place = self._locator.locate(np.asarray(points, dtype=np.float64))
        return np.asarray((place.barycentric * self._corner_values[place.faces]).sum(axis=1))


Density = GridDensity | TriangulationDensity


def _check_values(values: Floats, where: str) -> None:
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(bad):
        raise GeometryError(f"{where} with a density that is negative or not finite", ids=bad.tolist())
    if not values.max(initial=0.0) > 0:
        raise GeometryError("the density is zero everywhere")


def _checked_triangulation(vertices: ArrayLike, triangles: ArrayLike) -> tuple[Floats, Ints]:
    points, faces = np.array(vertices, dtype=np.float64), np.array(triangles)
    if points.ndim != 2 or points.shape[1] != 2 or faces.ndim != 2 or faces.shape[1] != 3 or len(faces) == 0:
        raise GeometryError(f"vertices (V, 2) and triangles (F >= 1, 3) wanted, got {points.shape} and {faces.shape}")
    if faces.dtype.kind not in "iu":
        raise GeometryError(f"triangles must be integers, got {faces.dtype}")
    faces = faces.astype(np.int64)
    bad = np.flatnonzero(((faces < 0) | (faces >= len(points))).any(axis=1))
    if len(bad):
        raise GeometryError("triangle with a vertex that does not exist", ids=bad.tolist())
    corners = points[faces]
    bad = np.flatnonzero(~np.isfinite(corners).all(axis=(1, 2)))
    if len(bad):
        raise GeometryError("triangle with a coordinate that is not finite", ids=bad.tolist())
    bad = np.flatnonzero(cross2(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) < 0)
    if len(bad):
        raise GeometryError("triangle that is clockwise", ids=bad.tolist())
    return points, faces


def sample_density(
    function: Callable[[Floats], ArrayLike], domain: Disk | Box | ConvexPolygon, pixels: int = 256
) -> GridDensity:
    """Sample a function to a continuous, piecewise linear density on a grid around a domain.

    Where the domain ends, nodes outside it belong to pixels inside: a value there that is negative or not finite
    becomes zero.

    Parameters
    ----------
    function : callable
        Takes points (n, 2), returns values (n,).
    domain : Disk, Box or ConvexPolygon
    pixels : int
        Number of pixels along the longer side of the domain's bounding box.

    Returns
    -------
    GridDensity
        Its `quadrature_error` is an estimate of the integral of ``|sampled - function|`` over that of the function, by
        evaluating both at the middles of the triangles' edges. No part of the domain is wrong by more than this share
        of the total. It falls with the square of the pixels' size where the function is smooth.

    Raises
    ------
    GeometryError
        A value in the domain is negative or not finite, or a wrong number of values.

    Examples
    --------
    >>> density = sample_density(lambda x: 1 + x[:, 0], Box([0, 0], [2, 1]), pixels=8)
    >>> density.shape, density.quadrature_error < 1e-15
    ((4, 8), True)
    """
    lower, upper = domain.bounds
    side = (upper - lower).max() / max(int(pixels), 1)
    columns, rows = np.maximum(np.rint((upper - lower) / side), 1).astype(int).tolist()
    nodes = _nodes(lower, upper, FINER * rows + 1, FINER * columns + 1)
    fine = np.concatenate([_evaluate(function, domain, nodes[k : k + BATCH], k) for k in range(0, len(nodes), BATCH)])
    picture = fine.reshape(FINER * rows + 1, -1)
    density = GridDensity(picture[::FINER, ::FINER], lower, upper, at="nodes")
    inside = domain.contains(nodes)
    # The middles of a triangle's edges, which are the finer nodes that are no nodes, have the same mean as the whole
    # triangle for a quadratic, and that is what the difference is but for higher orders.
    middle = np.ones_like(picture, dtype=bool)
    middle[::FINER, ::FINER] = False
    middles = inside & middle.ravel()
    difference = np.abs(density(nodes[middles]) - fine[middles]).mean()
    return replace(density, quadrature_error=float(difference / fine[inside].mean()))


def _nodes(lower: Floats, upper: Floats, rows: int, columns: int) -> Floats:
    x, y = np.meshgrid(np.linspace(lower[0], upper[0], columns), np.linspace(lower[1], upper[1], rows))
    return np.column_stack([x.ravel(), y.ravel()])


def _evaluate(function: Callable[[Floats], ArrayLike], domain: Domain, points: Floats, first: int) -> Floats:
    """Return the values at points, of which the first has the number `first`; outside the domain, zero for bad ones."""
    with np.errstate(divide="ignore", invalid="ignore"):  # outside the domain that is no error
        values = np.array(function(points), dtype=np.float64)
    if values.shape != (len(points),):
        raise GeometryError(f"the density at {len(points)} points must have as many values, got shape {values.shape}")
    bad = ~(np.isfinite(values) & (values >= 0))
    wrong = np.flatnonzero(bad & domain.contains(points))
    if len(wrong):
        where = ", ".join(f"({x:.6g}, {y:.6g})" for x, y in points[wrong[:3]])
        raise GeometryError(f"the density is negative or not finite at {where}", (wrong + first).tolist())
    values[bad] = 0.0
    return values
