"""`SurfaceMap`: a surface, its image, and where each vertex came from."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from meshot.mesh import Floats, Ints, Surface, cross2
from meshot.settings import Target

if TYPE_CHECKING:
    from meshot.locate import Location, Locator
    from meshot.newton import NewtonResult


@dataclass(frozen=True, eq=False)
class SurfaceMap:
    """A piecewise-linear map of a disk-like surface to the unit disk, or of a closed one to the unit sphere.

    Attributes
    ----------
    surface : Surface
        The mapped surface; it was cut open if the input was closed, and the vertices that this added stand at the end.
    uv : (V, 2) float
        Image of each vertex in the disk; NaN for vertices that belong to no face. None for a map to the sphere.
    source_vertex : (V,) int
        Vertex of the input that each vertex came from.
    conformal : SurfaceMap or None
        The conformal map on which an area-preserving one was built.
    transport : TransportResult, SphereTransport or None
        The transport that an area-preserving map came from.
    notes : dict
        What was done on the way: the cut, repaired faces, iterations.
    points : (V, 3) float or None
        Image of each vertex on the sphere; NaN for vertices that belong to no face. None for a map to the disk.
    """

    surface: Surface
    uv: Floats
    source_vertex: Ints
    conformal: "SurfaceMap | None" = None
    transport: "NewtonResult | None" = None
    notes: dict[str, Any] = field(default_factory=dict)
    points: Floats | None = None

    @property
    def target(self) -> Target:
        """Where the map goes: "disk" or "sphere"."""
        return "disk" if self.points is None else "sphere"

    @property
    def image(self) -> Floats:
        """Image of each vertex: `uv`, (V, 2), or on the sphere `points`, (V, 3)."""
        return self.uv if self.points is None else self.points

    @cached_property
    def signed_areas(self) -> Floats:
        """Signed area of each face's image, (F,); positive if it keeps its orientation (on the sphere: outward).

        On the sphere the image is the spherical triangle, and an embedding's areas sum to 4 pi.
        """
        if self.points is not None:
            return spherical_areas(self.points[self.surface.faces])
        a, b, c = self.uv[self.surface.faces].transpose(1, 0, 2)
        return 0.5 * cross2(b - a, c - a)

    @cached_property
    def _locator(self) -> "Locator":
        from meshot.locate import Locator  # noqa: PLC0415

        if self.points is not None:
            raise ValueError("points are located in the disk only, not on the sphere")
        return Locator(self.surface.faces, self.uv)

    def locate(self, uv: ArrayLike) -> "Location":
        """Find where in the surface points of the disk come from.

        Parameters
        ----------
        uv : (n, 2) float

        Returns
        -------
        Location
            `faces`, (n,), and `barycentric`, (n, 3). The image is a polygon; points outside of it, also those between
            its sides and the circle, get face -1 and NaN.

        Raises
        ------
        ValueError
            The map goes to the sphere, or `uv` does not have two columns.

        Examples
        --------
        >>> surface = Surface([[0, 0, 5], [3, 0, 5], [0, 3, 5]], [[0, 1, 2]])
        >>> flat = SurfaceMap(surface, np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.arange(3))
        >>> flat.locate([[0.5, 0.25], [2.0, 0.0]]).faces
        array([ 0, -1])
        """
        points = np.asarray(uv, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"uv must have shape (n, 2), got {points.shape}")
        return self._locator.locate(points)

    def lift(self, uv: ArrayLike) -> Floats:
        """Return the points of the surface, (n, 3), that the map sends to `uv`, (n, 2); NaN outside its image.

        Examples
        --------
        >>> surface = Surface([[0, 0, 5], [3, 0, 5], [0, 3, 5]], [[0, 1, 2]])
        >>> flat = SurfaceMap(surface, np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.arange(3))
        >>> flat.lift([[0.5, 0.25]])
        array([[1.5 , 0.75, 5.  ]])
        """
        found = self.locate(uv)
        return np.asarray(np.einsum("nk,nkd->nd", found.barycentric, self.surface.corners[found.faces]))


def spherical_areas(corners: Floats) -> Floats:
    """Return the signed areas of spherical triangles, (n,), from their corners (n, 3, 3), unit vectors.

    The tangent of half the area is the triple product over 1 plus the scalar products (van Oosterom and Strackee,
    "The solid angle of a plane triangle", 1983), here from differences, so that small triangles keep their digits.

    Examples
    --------
    >>> float(spherical_areas(np.eye(3)[None])[0] / np.pi)
    0.5
    """
    p, q, r = corners.transpose(1, 0, 2)
    a, b = q - p, r - p
    triple = np.sum(p * np.cross(a, b), axis=1)
    squares = np.sum(a**2 + b**2 + (b - a) ** 2, axis=1)
    return np.asarray(2 * np.arctan2(triple, 4 - 0.5 * squares))
