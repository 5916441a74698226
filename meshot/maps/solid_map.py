"""`SolidMap`: a solid and its image in the unit ball."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.maps.map import Map
from meshot.maps.measure import Measure
from meshot.maps.target import BALL, Target
from meshot.meshes.solid import Solid


@dataclass(frozen=True, eq=False)
class SolidMap(Map[Solid]):
    """A piecewise-linear map of a solid of genus zero to the unit ball.

    Attributes
    ----------
    solid : Solid
        The mapped solid.
    image : (V, 3) float
        Image of each vertex in the unit ball, those of the boundary on the unit sphere; NaN for vertices that belong to
        no tetrahedron.
    transport : object or None
        The transport that a volume-preserving map came from.
    harmonic : SolidMap or None
        The harmonic map on which a volume-preserving one was built.
    measure : Measure or None
        Prescribed share of the ball for each tetrahedron and vertex; None for its share of the volume.
    notes : dict
        How the map was computed.
    """

    solid: Solid
    image: Floats
    transport: Any = None
    harmonic: "SolidMap | None" = None
    measure: Measure | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def mesh(self) -> Solid:
        """The solid."""
        return self.solid

    @property
    def space(self) -> Target:
        """The ball."""
        return BALL

    @property
    def source_vertex(self) -> Ints:  # type: ignore[override]
        """Vertex of the input that each vertex came from, (V,): itself, as solids are not cut."""
        return np.arange(len(self.image))

    @property
    def points(self) -> Floats:
        """The image, (V, 3)."""
        return self.image

    @property
    def shares(self) -> Floats | None:
        """Prescribed share of the ball for each tetrahedron, (T,); None for its share of the volume."""
        return None if self.measure is None else self.measure.cells

    @property
    def signed_volumes(self) -> Floats:
        """Signed volume of each tetrahedron's image, (T,); of the sign of `Solid.volumes` where none is flipped."""
        return self.signed_measures
