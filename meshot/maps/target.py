"""Targets of maps: the unit disk, the unit sphere and the unit ball.

A new target takes one more class here; `maps.map.Map` asks for nothing else.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from meshot.base.arrays import Floats, Ints, cross2, norms
from meshot.base.directions import spherical_areas
from meshot.meshes.solid import OPPOSITE, signed_volumes

if TYPE_CHECKING:
    from meshot.meshes.location import Locator

GOLDEN_ANGLE = np.pi * (3 - 5**0.5)

Nearest = Callable[[Floats], tuple[Ints, Floats]]
"""Cells, (n,), and barycentric coordinates, (n, k), for points outside of an image; -1 and NaN where there is none."""


class Target(ABC):
    """The target of a map.

    Attributes
    ----------
    name : str
    dimension : int
        Number of coordinates of its points.
    measure : float
        Its area or volume.
    around : bool
        Whether the first coordinate of `to_square` is an angle, so that 0 and 1 are the same.
    """

    name: str
    dimension: int
    measure: float
    around = False

    @abstractmethod
    def signed_measures(self, image: Floats, cells: Ints) -> Floats:
        """Return the signed area or volume of each cell's image, (n,)."""

    @abstractmethod
    def locator(self, image: Floats, cells: Ints) -> "Locator":
        """Return a point locator for the image."""

    def nearest(self, mesh: Any, image: Floats) -> Nearest:
        """Return a function that projects points outside the image to its boundary; cell -1 without a boundary."""
        return lambda points: (np.full(len(points), -1), np.full((len(points), mesh.CORNERS), np.nan))

    def onto(self, points: Floats) -> Floats:
        """Return points between images of vertices as points of the target."""
        return points


class SquareTarget(Target):
    """A target of surfaces, with a map of constant area ratio to the unit square."""

    @abstractmethod
    def to_square(self, points: Floats) -> Floats:
        """Map points, (n, dimension), to the unit square."""

    @abstractmethod
    def spiral(self, n: int, turn: float = 0.0) -> Floats:
        """Return a golden spiral of n points of equal areas, (n, dimension), turned by an angle."""


class DiskTarget(SquareTarget):
    """The unit disk."""

    name, dimension, measure = "disk", 2, np.pi

    def signed_measures(self, image: Floats, cells: Ints) -> Floats:
        """Return the area of each triangle, negative if it is clockwise."""
        a, b, c = image[cells].transpose(1, 0, 2)
        return 0.5 * cross2(b - a, c - a)

    def locator(self, image: Floats, cells: Ints) -> "Locator":
        """Return a point locator for the triangles."""
        from meshot.meshes.location import Locator  # noqa: PLC0415  (kernels)

        return Locator(cells, image)

    def nearest(self, mesh: Any, image: Floats) -> Nearest:
        """Return a function that projects points to the polygon of the boundary."""
        from meshot.meshes.location import nearest_on_boundary  # noqa: PLC0415  (kernels)

        return lambda points: nearest_on_boundary(image, mesh.halfedges, mesh.twins, points)

    def to_square(self, points: Floats) -> Floats:
        """Map points, (n, 2), to the unit square, circles to squares."""
        return disk_to_square(points)

    def spiral(self, n: int, turn: float = 0.0) -> Floats:
        """Return the spiral from the middle out (Vogel 1979)."""
        share, angle = (np.arange(n) + 0.5) / n, turn + GOLDEN_ANGLE * np.arange(n)
        radius = np.sqrt(share)
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


class SphereTarget(SquareTarget):
    """The unit sphere; the image of a face is a spherical triangle, the central projection of the flat one."""

    name, dimension, measure, around = "sphere", 3, 4 * np.pi, True

    def signed_measures(self, image: Floats, cells: Ints) -> Floats:
        """Return the area of each spherical triangle, negative if it faces inward."""
        return spherical_areas(image[cells])

    def locator(self, image: Floats, cells: Ints) -> "Locator":
        """Return a point locator for the central projection of the triangles."""
        from meshot.meshes.location import SphereLocator  # noqa: PLC0415  (kernels)

        return SphereLocator(cells, image)

    def onto(self, points: Floats) -> Floats:
        """Return points of flat triangles projected from the center."""
        return np.asarray(points / norms(points)[:, None])

    def to_square(self, points: Floats) -> Floats:
        """Map directions, (n, 3), to the unit square: angle and height."""
        return sphere_to_square(points)

    def spiral(self, n: int, turn: float = 0.0) -> Floats:
        """Return the spiral from pole to pole (Swinbank and Purser 2006)."""
        share, angle = (np.arange(n) + 0.5) / n, turn + GOLDEN_ANGLE * np.arange(n)
        height = 1 - 2 * share
        radius = np.sqrt(1 - height**2)
        return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)


class BallTarget(Target):
    """The unit ball, of solids."""

    name, dimension, measure = "ball", 3, 4 * np.pi / 3

    def signed_measures(self, image: Floats, cells: Ints) -> Floats:
        """Return the signed volume of each tetrahedron."""
        return signed_volumes(image, cells)

    def locator(self, image: Floats, cells: Ints) -> "Locator":
        """Return a point locator for the tetrahedra."""
        from meshot.meshes.location import Locator  # noqa: PLC0415  (kernels)

        return Locator(cells, image)

    def nearest(self, mesh: Any, image: Floats) -> Nearest:
        """Return a function that projects points along rays from the center to the boundary of the image."""
        from meshot.meshes.location import SphereLocator  # noqa: PLC0415  (kernels)

        boundary = SphereLocator(mesh.boundary.faces, image[mesh.boundary_vertices])
        opposite = OPPOSITE if mesh.orientation > 0 else OPPOSITE[:, ::-1]

        def leaving(points: Floats) -> tuple[Ints, Floats]:
            found = boundary.locate(points)
            cells, barycentric = np.full(len(points), -1), np.full((len(points), 4), np.nan)
            met = np.flatnonzero(found.cells >= 0)
            cells[met], corner = np.divmod(mesh.boundary_halffaces[found.cells[met]], 4)
            barycentric[met] = 0.0
            barycentric[met[:, None], opposite[corner]] = found.barycentric[met]
            return cells, barycentric

        return leaving


DISK, SPHERE, BALL = DiskTarget(), SphereTarget(), BallTarget()

SURFACE_TARGETS: dict[str, SquareTarget] = {"disk": DISK, "sphere": SPHERE}
"""The targets of surfaces by name."""


def square_to_sphere(points: Floats) -> Floats:
    """Map the unit square to the unit sphere with constant area ratio: x around, y along the axis (Archimedes).

    Examples
    --------
    >>> square_to_sphere(np.array([[0.0, 0.5], [0.3, 1.0]])).round(12)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    angle, height = 2 * np.pi * points[:, 0], 2 * points[:, 1] - 1
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1) + 0.0


def sphere_to_square(points: Floats) -> Floats:
    """Map directions, (n, 3), to the unit square: the inverse of `square_to_sphere`.

    Examples
    --------
    >>> sphere_to_square(np.array([[0.0, 2.0, 0.0]]))
    array([[0.25, 0.5 ]])
    """
    height = points[:, 2] / np.linalg.norm(points, axis=1)
    around = np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi) % 1
    return np.stack([around, (1 + height) / 2], axis=1)


def square_to_disk(points: Floats) -> Floats:
    """Map the unit square to the unit disk, squares to circles, with constant area ratio (Shirley and Chiu 1997).

    Examples
    --------
    >>> square_to_disk(np.array([[0.5, 0.5], [1.0, 0.5], [0.75, 0.5]]))
    array([[0. , 0. ],
           [1. , 0. ],
           [0.5, 0. ]])
    """
    x, y = 2 * points.T - 1
    along_x = np.abs(x) > np.abs(y)
    radius = np.where(along_x, x, y)
    ratio = np.where(along_x, y, x) / np.where(radius == 0, 1, radius)
    angle = np.where(along_x, np.pi / 4 * ratio, np.pi / 2 - np.pi / 4 * ratio)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def disk_to_square(points: Floats) -> Floats:
    """Map the unit disk to the unit square, circles to squares: the inverse of `square_to_disk`.

    Examples
    --------
    >>> disk_to_square(np.array([[0.5, 0.0], [0.0, -1.0]]))
    array([[0.75, 0.5 ],
           [0.5 , 0.  ]])
    """
    x, y = points.T
    along_x = np.abs(x) > np.abs(y)
    long, short = np.where(along_x, x, y), np.where(along_x, y, x)
    radius = np.copysign(np.hypot(x, y), long)
    # The angle from the nearer axis, at most pi / 4.
    other = radius * np.arctan2(short * np.sign(long), np.abs(long)) * (4 / np.pi)
    square = np.where(along_x, [radius, other], [other, radius])
    return np.asarray((1 + square.T) / 2)
