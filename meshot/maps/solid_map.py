"""`SolidMap`: a solid and its image in the unit ball."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.arrays import Floats, frozen
from meshot.meshes.solid import OPPOSITE, Solid, signed_volumes

if TYPE_CHECKING:
    from meshot.meshes.location import Location, Locator, SphereLocator


@dataclass(frozen=True, eq=False)
class SolidMap:
    """A piecewise-linear map of a solid of genus zero to the unit ball.

    Attributes
    ----------
    solid : Solid
        The mapped solid.
    points : (V, 3) float
        Image of each vertex in the unit ball, those of the boundary on the unit sphere; NaN for vertices that belong to
        no tetrahedron.
    transport : object or None
        The transport that a volume-preserving map came from.
    harmonic : SolidMap or None
        The harmonic map on which a volume-preserving one was built.
    shares : (T,) float or None
        What share of the ball each tetrahedron is to have; None for its share of the volume.
    notes : dict
        What was done on the way.
    """

    solid: Solid
    points: Floats
    transport: Any = None
    harmonic: "SolidMap | None" = None
    shares: Floats | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def signed_volumes(self) -> Floats:
        """Signed volume of each tetrahedron's image, (T,); of the sign of `Solid.volumes` where none is flipped."""
        return frozen(signed_volumes(self.points, self.solid.tetrahedra))

    @cached_property
    def _locator(self) -> "Locator":
        from meshot.meshes.location import Locator  # noqa: PLC0415

        return Locator(self.solid.tetrahedra, self.points)

    @cached_property
    def _boundary_locator(self) -> "SphereLocator":
        from meshot.meshes.location import SphereLocator  # noqa: PLC0415

        return SphereLocator(self.solid.boundary.faces, self.points[self.solid.boundary_vertices])

    def locate(self, points: ArrayLike, *, snap: bool = False) -> "Location":
        """Find where in the solid points of the ball come from.

        Parameters
        ----------
        points : (n, 3) float
        snap : bool
            Whether points outside of the image, also those between its sides and the sphere, go toward the center
            until they meet it.

        Returns
        -------
        Location
            `tetrahedra`, (n,), and `barycentric`, (n, 4): -1 and NaN for points outside of the image, a polyhedron
            with its corners on the sphere, unless they are snapped.

        Raises
        ------
        ValueError
            `points` has another number of columns.

        Examples
        --------
        >>> corner = Solid(3 * np.eye(4, 3), [[3, 0, 1, 2]])
        >>> mapped = SolidMap(corner, np.eye(4, 3))
        >>> mapped.locate([[0.25, 0.25, 0.25], [0.5, 0.5, 0.5]]).tetrahedra
        array([ 0, -1])
        """
        wanted = np.asarray(points, dtype=np.float64)
        if wanted.ndim != 2 or wanted.shape[1] != 3:
            raise ValueError(f"points must have shape (n, 3), got {wanted.shape}")
        found = self._locator.locate(wanted)
        outside = np.flatnonzero((found.tetrahedra < 0) & np.isfinite(wanted).all(axis=1))
        if snap and len(outside):
            self._snap(found, wanted, outside)
        return found

    def _snap(self, found: "Location", wanted: Floats, rows: Any) -> None:
        """Put the `rows` of `found` where the rays to them leave the image."""
        solid = self.solid
        on_sphere = self._boundary_locator.locate(wanted[rows])
        met = on_sphere.faces >= 0
        rows, faces, barycentric = rows[met], on_sphere.faces[met], on_sphere.barycentric[met]
        tetrahedra, corner = np.divmod(solid.boundary_halffaces[faces], 4)
        found.tetrahedra[rows], found.barycentric[rows] = tetrahedra, 0.0
        corners = OPPOSITE[corner] if solid.orientation > 0 else OPPOSITE[corner][:, ::-1]
        found.barycentric[rows[:, None], corners] = barycentric

    def lift(self, points: ArrayLike, *, snap: bool = False) -> Floats:
        """Return the points of the solid, (n, 3), that the map sends to `points`; NaN outside its image.

        A map that preserves volumes lifts evenly spread points of the ball to evenly spread points of the solid.

        Parameters
        ----------
        points : (n, 3) float
        snap : bool
            As for `locate`.

        Returns
        -------
        (n, 3) float

        Examples
        --------
        >>> corner = Solid(3 * np.eye(4, 3), [[3, 0, 1, 2]])
        >>> SolidMap(corner, np.eye(4, 3)).lift([[0.25, 0.25, 0.25]])
        array([[0.75, 0.75, 0.75]])
        """
        found = self.locate(points, snap=snap)
        return np.asarray(np.einsum("nk,nkd->nd", found.barycentric, self.solid.corners[found.tetrahedra]))

    @property
    def inverse(self) -> "InverseSolidMap":
        """The map back to the solid, to be called on points."""
        return InverseSolidMap(self)


@dataclass(frozen=True, eq=False)
class InverseSolidMap:
    """The inverse of a map: from the ball to the solid.

    Attributes
    ----------
    forward : SolidMap
    """

    forward: SolidMap

    def __call__(self, points: ArrayLike) -> Floats:
        """Return where in the solid points of the ball come from; see `SolidMap.lift`."""
        return self.forward.lift(points)
