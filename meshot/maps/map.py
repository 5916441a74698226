"""The base of all maps: the image of a mesh in a target, its inverse by point location, and the measure to preserve."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.arrays import Floats, Ints, frozen
from meshot.maps.measure import Measure
from meshot.maps.target import Nearest, Target
from meshot.meshes.base import Mesh

if TYPE_CHECKING:
    from meshot.meshes.location import Location, Locator

Mesh_co = TypeVar("Mesh_co", bound=Mesh, covariant=True)


class Map(ABC, Generic[Mesh_co]):
    """A piecewise-linear map of a mesh to a target; `SurfaceMap` and `SolidMap` are such.

    Attributes
    ----------
    image : (V, 2 or 3) float
        Image of each vertex; NaN for vertices that belong to no cell.
    source_vertex : (V,) int
        Vertex of the input that each vertex came from.
    measure : Measure or None
        Prescribed share of the image for each cell and vertex; None for its share of the area or volume.
    """

    image: Floats
    source_vertex: Ints
    measure: Measure | None

    @property
    @abstractmethod
    def mesh(self) -> Mesh_co:
        """The mesh that is mapped."""

    @property
    @abstractmethod
    def space(self) -> Target:
        """The target of the map."""

    @property
    def target(self) -> str:
        """Name of the target: "disk", "sphere" or "ball"."""
        return self.space.name

    @property
    def prescribed(self) -> bool:
        """Whether another measure than area or volume is to be preserved."""
        return self.measure is not None and self.measure.prescribed

    @cached_property
    def signed_measures(self) -> Floats:
        """Signed area or volume of each cell's image, (n,)."""
        return frozen(self.space.signed_measures(self.image, self.mesh.cells))

    @cached_property
    def _locator(self) -> "Locator":
        return self.space.locator(self.image, self.mesh.cells)

    @cached_property
    def _nearest(self) -> Nearest:
        return self.space.nearest(self.mesh, self.image)

    def locate(self, points: ArrayLike, *, snap: bool = False) -> "Location":
        """Return the preimages of points of the target, as cells and barycentric coordinates.

        Parameters
        ----------
        points : (n, 2) or (n, 3) float
            Points of the disk or ball, or directions if the map goes to the sphere; their lengths do not matter.
        snap : bool
            Whether points outside of the image go to its boundary: in the plane to the nearest point there, in the ball
            toward the center.

        Returns
        -------
        Location
            `faces` or `tetrahedra`, (n,), and `barycentric`, (n, 3 or 4). The image in the disk is a polygon, in the
            ball a polyhedron; points outside of it, also those between its sides and the circle or sphere, get cell -1
            and NaN unless they are snapped. On the sphere a face holds what its flat triangle hides from the center,
            and every direction has a face.

        Raises
        ------
        ValueError
            `points` has another number of columns.

        Examples
        --------
        >>> from meshot import Solid, SolidMap, Surface, SurfaceMap
        >>> surface = Surface([[0, 0, 5], [3, 0, 5], [0, 3, 5]], [[0, 1, 2]])
        >>> flat = SurfaceMap(surface, np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.arange(3))
        >>> flat.locate([[0.5, 0.25], [2.0, 0.0]]).faces
        array([ 0, -1])
        >>> flat.locate([[2.0, 0.0]], snap=True).barycentric
        array([[0., 1., 0.]])
        >>> corner = SolidMap(Solid(3 * np.eye(4, 3), [[3, 0, 1, 2]]), np.eye(4, 3))
        >>> corner.locate([[0.25, 0.25, 0.25], [0.5, 0.5, 0.5]]).tetrahedra
        array([ 0, -1])
        """
        wanted, columns = np.asarray(points, dtype=np.float64), self.space.dimension
        if wanted.ndim != 2 or wanted.shape[1] != columns:
            raise ValueError(f"points must have shape (n, {columns}), got {wanted.shape}")
        found = self._locator.locate(wanted)
        outside = np.flatnonzero((found.cells < 0) & np.isfinite(wanted).all(axis=1))
        if snap and len(outside):
            found.cells[outside], found.barycentric[outside] = self._nearest(wanted[outside])
        return found

    def lift(self, points: ArrayLike, *, snap: bool = False) -> Floats:
        """Return the points of the mesh, (n, 3), that the map sends to `points`; NaN outside its image.

        A map that preserves areas or volumes lifts evenly spread points to evenly spread points.

        Parameters
        ----------
        points : (n, 2) or (n, 3) float
        snap : bool
            As for `locate`.

        Returns
        -------
        (n, 3) float

        Examples
        --------
        >>> from meshot import Surface, SurfaceMap
        >>> surface = Surface([[0, 0, 5], [3, 0, 5], [0, 3, 5]], [[0, 1, 2]])
        >>> flat = SurfaceMap(surface, np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.arange(3))
        >>> flat.lift([[0.5, 0.25]])
        array([[1.5 , 0.75, 5.  ]])
        """
        found = self.locate(points, snap=snap)
        return np.asarray(np.einsum("nk,nkd->nd", found.barycentric, self.mesh.corners[found.cells]))

    def image_of(self, cells: Ints, barycentric: Floats) -> Floats:
        """Return the images of points of the mesh.

        Parameters
        ----------
        cells : (n,) int
            Faces or tetrahedra.
        barycentric : (n, 3) or (n, 4) float
            Coordinates there.

        Returns
        -------
        (n, 2) or (n, 3) float
        """
        corners = self.image[self.mesh.cells[cells]]
        return self.space.onto(np.asarray(np.einsum("nk,nkd->nd", barycentric, corners)))

    @property
    def inverse(self) -> "InverseMap":
        """The map back to the mesh, to be called on points, or composed with another map: `meshot.compose`."""
        return InverseMap(self)


@dataclass(frozen=True, eq=False)
class InverseMap:
    """The inverse of a map: from the target to the mesh.

    Attributes
    ----------
    forward : SurfaceMap or SolidMap
    """

    forward: Map[Mesh]

    def __call__(self, points: ArrayLike) -> Floats:
        """Return where on the mesh points of the target come from; see `Map.lift`."""
        return self.forward.lift(points)
