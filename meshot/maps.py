"""`SurfaceMap`: a surface, its image, and where each vertex came from."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from meshot.mesh import Floats, Ints, Surface

if TYPE_CHECKING:
    from meshot.transport import TransportResult


@dataclass(frozen=True, eq=False)
class SurfaceMap:
    """A piecewise-linear map of a disk-like surface to the unit disk.

    Attributes
    ----------
    surface : Surface
        The mapped surface; it was cut open if the input was closed, and the vertices that this added stand at the end.
    uv : (V, 2) float
        Image of each vertex; NaN for vertices that belong to no face.
    source_vertex : (V,) int
        Vertex of the input that each vertex came from.
    conformal : SurfaceMap or None
        The conformal map on which an area-preserving one was built.
    transport : TransportResult or None
        The transport that an area-preserving map came from.
    notes : dict
        What was done on the way: the cut, repaired faces, iterations.
    """

    surface: Surface
    uv: Floats
    source_vertex: Ints
    conformal: "SurfaceMap | None" = None
    transport: "TransportResult | None" = None
    notes: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def signed_areas(self) -> Floats:
        """Signed area of each face's image, (F,); positive if it keeps its orientation."""
        a, b, c = self.uv[self.surface.faces].transpose(1, 0, 2)
        return 0.5 * cross2(b - a, c - a)


def cross2(a: Floats, b: Floats) -> Floats:
    """Cross product of plane vectors along the last axis.

    Examples
    --------
    >>> import numpy as np
    >>> float(cross2(np.array([1.0, 0.0]), np.array([0.0, 1.0])))
    1.0
    """
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
