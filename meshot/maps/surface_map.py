"""`SurfaceMap`: a surface, its image, and where each vertex came from."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.arrays import Floats, Ints, cross2
from meshot.base.directions import spherical_areas
from meshot.base.settings import TargetName
from meshot.meshes.surface import Surface

if TYPE_CHECKING:
    from meshot.maps.measure import Measure
    from meshot.meshes.location import Location, Locator, SphereLocator
    from meshot.transport.newton import NewtonResult


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
    measure : Measure or None
        What share of the image each face and vertex is to have; None for its share of the area.
    area_weight : float or None
        Where an area-preserving map stands on the way from the conformal one, 0, to preserving its measure, 1.
    """

    surface: Surface
    uv: Floats
    source_vertex: Ints
    conformal: "SurfaceMap | None" = None
    transport: "NewtonResult | None" = None
    notes: dict[str, Any] = field(default_factory=dict)
    points: Floats | None = None
    measure: "Measure | None" = None
    area_weight: float | None = None

    @property
    def prescribed(self) -> bool:
        """Whether another measure than the area is to be preserved."""
        return self.measure is not None and self.measure.kind != "area"

    @property
    def target(self) -> TargetName:
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

    @property
    def inverse(self) -> "InverseMap":
        """The map back to the surface, to be called on points, or composed with another map: `meshot.compose`."""
        return InverseMap(self)

    @cached_property
    def _locator(self) -> "Locator | SphereLocator":
        from meshot.meshes.location import Locator, SphereLocator  # noqa: PLC0415

        if self.points is not None:
            return SphereLocator(self.surface.faces, self.points)
        return Locator(self.surface.faces, self.uv)

    def locate(self, points: ArrayLike, *, snap: bool = False) -> "Location":
        """Find where in the surface points of the disk or the sphere come from.

        Parameters
        ----------
        points : (n, 2) or (n, 3) float
            Points of the plane, or directions if the map goes to the sphere; their lengths do not matter.
        snap : bool
            Whether points of the plane outside of the image go to the nearest point of its boundary.

        Returns
        -------
        Location
            `faces`, (n,), and `barycentric`, (n, 3). The image in the disk is a polygon; points outside of it, also
            those between its sides and the circle, get face -1 and NaN unless they are snapped. On the sphere a face
            holds what its flat triangle hides from the center, and every direction has a face.

        Raises
        ------
        ValueError
            `points` has another number of columns.

        Examples
        --------
        >>> surface = Surface([[0, 0, 5], [3, 0, 5], [0, 3, 5]], [[0, 1, 2]])
        >>> flat = SurfaceMap(surface, np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.arange(3))
        >>> flat.locate([[0.5, 0.25], [2.0, 0.0]]).faces
        array([ 0, -1])
        >>> flat.locate([[2.0, 0.0]], snap=True).barycentric
        array([[0., 1., 0.]])
        """
        wanted = np.asarray(points, dtype=np.float64)
        columns = self.image.shape[1]
        if wanted.ndim != 2 or wanted.shape[1] != columns:
            raise ValueError(f"points must have shape (n, {columns}), got {wanted.shape}")
        found = self._locator.locate(wanted)
        outside = np.flatnonzero((found.cells < 0) & np.isfinite(wanted).all(axis=1))
        if snap and self.points is None and len(outside):
            from meshot.meshes.location import nearest_on_boundary  # noqa: PLC0415

            found.cells[outside], found.barycentric[outside] = nearest_on_boundary(
                self.uv, self.surface.halfedges, self.surface.twins, wanted[outside]
            )
        return found

    def lift(self, points: ArrayLike) -> Floats:
        """Return the points of the surface, (n, 3), that the map sends to `points`; NaN outside its image.

        Parameters
        ----------
        points : (n, 2) or (n, 3) float
            Points of the disk, or of the sphere.

        Returns
        -------
        (n, 3) float

        Examples
        --------
        >>> surface = Surface([[0, 0, 5], [3, 0, 5], [0, 3, 5]], [[0, 1, 2]])
        >>> flat = SurfaceMap(surface, np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.arange(3))
        >>> flat.lift([[0.5, 0.25]])
        array([[1.5 , 0.75, 5.  ]])
        """
        found = self.locate(points)
        return np.asarray(np.einsum("nk,nkd->nd", found.barycentric, self.surface.corners[found.faces]))


@dataclass(frozen=True, eq=False)
class InverseMap:
    """The inverse of a map: from the disk or the sphere to the surface.

    Attributes
    ----------
    forward : SurfaceMap
    """

    forward: SurfaceMap

    def __call__(self, points: ArrayLike) -> Floats:
        """Return where on the surface points of the disk or the sphere come from; see `SurfaceMap.lift`."""
        return self.forward.lift(points)
