"""`SurfaceMap`: a surface, its image, and where each vertex came from."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from meshot.mesh import Floats, Ints, Surface, cross2

if TYPE_CHECKING:
    from meshot.transport import TransportResult


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
    transport : TransportResult or None
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
    transport: "TransportResult | None" = None
    notes: dict[str, Any] = field(default_factory=dict)
    points: Floats | None = None

    @cached_property
    def signed_areas(self) -> Floats:
        """Signed area of each face's image, (F,); positive if it keeps its orientation (on the sphere: outward)."""
        if self.points is not None:
            p, q, r = self.points[self.surface.faces].transpose(1, 0, 2)
            normal = np.cross(q - p, r - p)
            return np.asarray(0.5 * np.linalg.norm(normal, axis=1) * np.sign(np.sum(normal * (p + q + r), axis=1)))
        a, b, c = self.uv[self.surface.faces].transpose(1, 0, 2)
        return 0.5 * cross2(b - a, c - a)
