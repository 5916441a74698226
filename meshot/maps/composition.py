"""Composition of one map with the inverse of another: from surface to surface, by way of the disk or the sphere."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshot.base.arrays import Floats, Ints
from meshot.maps.surface_map import InverseMap, SurfaceMap


@dataclass(frozen=True, eq=False)
class Composition:
    """Where the vertices of one surface, the source, come to lie on another, the target.

    Attributes
    ----------
    faces : (n,) int
        Face of the target for each vertex of the source; -1 for vertices that belong to no face.
    barycentric : (n, 3) float
        Barycentric coordinates there; NaN without a face.
    corners : (n, 3) int
        Vertices of the target at the corners of that face.
    points : (n, 3) float
        The positions on the target.
    snapped : (n,) bool
        Vertices outside of the target's image in the disk, a polygon: they went to the nearest point of its boundary.
    target_vertices : int
        Number of vertices of the target.
    """

    faces: Ints
    barycentric: Floats
    corners: Ints
    points: Floats
    snapped: NDArray[np.bool_]
    target_vertices: int

    def transfer(self, values: ArrayLike) -> Floats:
        """Carry values of the target's vertices to the source's vertices, interpolated linearly on each face.

        Parameters
        ----------
        values : (V, ...) float
            One row for each vertex of the target.

        Returns
        -------
        (n, ...) float
            NaN for vertices of the source that belong to no face.
        """
        given = np.asarray(values, dtype=np.float64)
        if given.ndim == 0 or len(given) != self.target_vertices:
            raise ValueError(f"values must have {self.target_vertices} rows, one for each vertex, got {given.shape}")
        return np.asarray(np.einsum("nk,nk...->n...", self.barycentric, given[self.corners]))


def compose(
    inverse: InverseMap, first: SurfaceMap, *, landmarks: Sequence[Sequence[int]] | Any | None = None
) -> Composition:
    """Compose maps to the disk, or to the sphere: ``compose(a.inverse, b)`` sends the surface of b to that of a.

    Both maps are unique up to a rotation only. Landmarks settle it: the image of b is first turned so that theirs come
    as near as they can in the mean square.

    Parameters
    ----------
    inverse : InverseMap
        ``a.inverse``; the surface of a is the target.
    first : SurfaceMap
        The map b; its surface is the source.
    landmarks : (k, 2) int, optional
        Pairs of a vertex of the source and the vertex of the target that it should come near.

    Returns
    -------
    Composition

    Raises
    ------
    ValueError
        One map goes to the disk, the other to the sphere; landmarks that are not pairs of vertices.

    References
    ----------
    Kabsch, "A solution for the best rotation to relate two sets of vectors", Acta Cryst. A 1976.

    Examples
    --------
    >>> from meshot.meshes.surface import Surface
    >>> surface = Surface([[0, 0, 5], [3, 0, 5], [0, 3, 5]], [[0, 1, 2]])
    >>> flat = SurfaceMap(surface, np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.arange(3))
    >>> compose(flat.inverse, flat).transfer([1.0, 2.0, 3.0])
    array([1., 2., 3.])
    """
    target = inverse.forward
    if target.target != first.target:
        raise ValueError(f"one map goes to the {target.target}, the other to the {first.target}")
    # A cut adds its vertices at the end.
    image = first.image[: int(first.source_vertex.max()) + 1]
    if landmarks is not None:
        image = image @ _turn(image, target.image, landmarks)
    used = np.flatnonzero(np.isfinite(image).all(axis=1))
    snapped = np.zeros(len(image), dtype=bool)
    faces, barycentric = np.full(len(image), -1), np.full((len(image), 3), np.nan)
    snapped[used] = target.locate(image[used]).faces < 0
    faces[used], barycentric[used] = target.locate(image[used], snap=True)
    corners = target.source_vertex[target.surface.faces[faces]]
    points = np.einsum("nk,nkd->nd", barycentric, target.surface.corners[faces])
    return Composition(faces, barycentric, corners, points, snapped, int(target.source_vertex.max()) + 1)


def _turn(image: Floats, target: Floats, landmarks: Any) -> Floats:
    """Return the rotation that brings the landmarks' images nearest to their targets', for rows from the right."""
    pairs = np.asarray(landmarks)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not np.issubdtype(pairs.dtype, np.integer):
        raise ValueError(f"landmarks must be pairs of vertices, (k, 2) int, got shape {pairs.shape}")
    if pairs.min() < 0 or (pairs.max(axis=0) >= [len(image), len(target)]).any():
        raise ValueError("landmark that is no vertex")
    u, _, vt = np.linalg.svd(image[pairs[:, 0]].T @ target[pairs[:, 1]])
    signs = np.ones(len(u))
    signs[-1] = np.sign(np.linalg.det(u @ vt))
    return np.asarray(u * signs @ vt)
