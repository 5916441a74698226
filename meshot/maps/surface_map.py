"""`SurfaceMap`: a surface, its image in disk or sphere, and where each vertex came from."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.maps.map import Map
from meshot.maps.measure import Measure
from meshot.maps.target import DISK, SPHERE, SquareTarget
from meshot.meshes.surface import Surface

if TYPE_CHECKING:
    from meshot.transport.newton import NewtonResult


@dataclass(frozen=True, eq=False)
class SurfaceMap(Map[Surface]):
    """A piecewise-linear map of a disk-like surface to the unit disk, or of a closed one to the unit sphere.

    Attributes
    ----------
    surface : Surface
        The mapped surface; it was cut open if the input was closed, and the vertices that this added stand at the end.
    image : (V, 2) or (V, 3) float
        Image of each vertex in the disk or on the sphere; NaN for vertices that belong to no face.
    source_vertex : (V,) int
        Vertex of the input that each vertex came from.
    conformal : SurfaceMap or None
        The conformal map on which an area-preserving one was built.
    transport : TransportResult, SphereTransport or None
        The transport that an area-preserving map came from.
    notes : dict
        How the map was computed: the cut, repaired faces, iterations.
    measure : Measure or None
        Prescribed share of the image for each face and vertex; None for its share of the area.
    area_weight : float or None
        Position of an area-preserving map between the conformal one, 0, and one that preserves its measure, 1.
    """

    surface: Surface
    image: Floats
    source_vertex: Ints
    conformal: "SurfaceMap | None" = None
    transport: "NewtonResult | None" = None
    notes: dict[str, Any] = field(default_factory=dict)
    measure: Measure | None = None
    area_weight: float | None = None

    @property
    def mesh(self) -> Surface:
        """The surface."""
        return self.surface

    @property
    def space(self) -> SquareTarget:
        """The disk or the sphere, by the number of coordinates of the image."""
        return DISK if self.image.shape[1] == DISK.dimension else SPHERE

    @property
    def start(self) -> "SurfaceMap":
        """The map whose image are the transport's sites: the conformal one, or the evened image in its place.

        An area-preserving map goes on from it; without a transport it is this map itself.
        """
        if self.transport is None:
            return self
        problem: Any = self.transport.problem
        image = np.full_like(self.image, np.nan)
        image[self.surface.referenced] = problem.sites
        return replace(self, image=image, transport=None)

    @property
    def uv(self) -> Any:
        """The image in the disk, (V, 2) float; None for a map to the sphere."""
        return self.image if self.space is DISK else None

    @property
    def points(self) -> Floats | None:
        """The image on the sphere, (V, 3); None for a map to the disk."""
        return self.image if self.space is SPHERE else None

    @property
    def signed_areas(self) -> Floats:
        """Signed area of each face's image, (F,); positive if it keeps its orientation (on the sphere: outward).

        On the sphere the image is the spherical triangle, and an embedding's areas sum to 4 pi.
        """
        return self.signed_measures
