"""`Samples`: points of a surface with their faces and barycentric coordinates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.arrays import Floats, Ints, norms
from meshot.base.errors import GeometryError
from meshot.meshes.surface import Surface


class Sampled(Protocol):
    """Protocol of what can be sampled: a `SurfaceMap`, or a `BareSurface`."""

    @property
    def surface(self) -> Surface:
        """The surface, cut or not."""

    @property
    def source_vertex(self) -> Ints:
        """Vertex of the input that each vertex came from, (V,)."""

    def image_of(self, cells: Ints, barycentric: Floats) -> Floats:
        """Return the images of points of the surface, (n, 2 or 3)."""


@dataclass(frozen=True, eq=False)
class BareSurface:
    """A surface without a map."""

    surface: Surface

    @property
    def source_vertex(self) -> Ints:
        """The vertices themselves."""
        return np.arange(len(self.surface.vertices))

    def image_of(self, cells: Ints, barycentric: Floats) -> Floats:
        """Return NaN, (n, 2): there is no image."""
        return np.full((len(cells), 2), np.nan)


@dataclass(frozen=True, eq=False)
class Samples:
    """Points of a surface with their faces and barycentric coordinates; every array is read-only.

    Attributes
    ----------
    points : (n, 3) float
        Positions.
    faces : (n,) int
        Face that each point lies on.
    barycentric : (n, 3) float
        Weights of the face's corners, not negative, of sum 1.
    normals : (n, 3) float
        Unit normals, interpolated from the vertices.
    uv : (n, 2) or (n, 3) float
        Image of each point in the disk, or on the sphere; NaN if a bare surface was sampled by a method that needs no
        map.
    corners : (n, 3) int
        Vertices of the input at the corners of each point's face.
    surface_map : SurfaceMap or BareSurface
        The surface that was sampled.
    attributes : mapping of str to (n, ...) float
        Interpolated attributes, by name.
    """

    points: Floats
    faces: Ints
    barycentric: Floats
    normals: Floats
    uv: Floats
    corners: Ints = field(repr=False)
    surface_map: Sampled = field(repr=False)
    attributes: Mapping[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for array in [*vars(self).values(), *self.attributes.values()]:
            if isinstance(array, np.ndarray):
                array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.points)

    def interpolate(self, values: ArrayLike) -> Floats:
        """Interpolate any values given per vertex of the input (colors, texture coordinates, ...) at the points.

        Parameters
        ----------
        values : (V, ...) float
            One row for each vertex of the input mesh; rows for vertices added by a cut are not needed.

        Returns
        -------
        (n, ...) float
        """
        return weigh(self.barycentric, np.asarray(values, dtype=np.float64)[self.corners])


def uncut(surface_map: Sampled) -> Surface:
    """Return the mapped surface with the faces of the input: where it was cut open, they are joined again."""
    return surface_map.surface.with_faces(surface_map.source_vertex[surface_map.surface.faces])


def check_attributes(surface_map: Sampled, attributes: Mapping[str, ArrayLike] | None) -> dict[str, Floats]:
    """Return attributes as arrays with a row for each vertex of the input, or raise `GeometryError`."""
    rows = int(surface_map.source_vertex.max()) + 1
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in (attributes or {}).items()}
    for name, array in arrays.items():
        if array.ndim == 0 or len(array) < rows:
            raise GeometryError(f"attribute {name!r} must have a row for each of {rows} vertices, got {array.shape}")
    return arrays


def make_samples(surface_map: Sampled, faces: Ints, barycentric: Floats, attributes: dict[str, Floats]) -> Samples:
    """Return the samples at given places: faces (n,) and barycentric coordinates (n, 3)."""
    surface = surface_map.surface
    corners = surface.faces[faces]
    source = surface_map.source_vertex[corners]
    # On the uncut faces, so that the normals do not show the cut.
    vertex_normals = uncut(surface_map).vertex_normals
    normals = weigh(barycentric, vertex_normals[source])
    length = norms(normals)
    lost = np.flatnonzero(length == 0)
    normals[lost], length[lost] = surface.face_normals[faces[lost]], 1.0
    samples = Samples(
        points=weigh(barycentric, surface.vertices[corners]),
        faces=faces,
        barycentric=barycentric,
        normals=normals / length[:, None],
        uv=surface_map.image_of(faces, barycentric),
        corners=source,
        surface_map=surface_map,
        attributes={name: weigh(barycentric, values[source]) for name, values in attributes.items()},
    )
    return samples


def weigh(barycentric: Floats, values: Floats) -> Floats:
    """Sum the values at three corners, (n, 3, ...), with their weights."""
    total: Floats = np.einsum("nk,nk...->n...", barycentric, values)
    return total
