"""Composition of one map with the inverse of another: from mesh to mesh, through their common target."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshot.base.arrays import Floats, Ints
from meshot.maps.map import InverseMap, Map
from meshot.meshes.base import Mesh


@dataclass(frozen=True, eq=False)
class Composition:
    """Images of the vertices of one surface or solid, the source, in another, the target.

    Attributes
    ----------
    cells : (n,) int
        Face or tetrahedron of the target for each vertex of the source; -1 for vertices that belong to none.
    barycentric : (n, 3) or (n, 4) float
        Barycentric coordinates there; NaN without a cell.
    corners : (n, 3) or (n, 4) int
        Vertices of the target at the corners of that cell.
    points : (n, 3) float
        The positions in the target.
    snapped : (n,) bool
        Vertices outside of the target's image in the disk, a polygon, or in the ball, a polyhedron: they went to its
        boundary, as `Map.locate` snaps.
    target_vertices : int
        Number of vertices of the target.
    """

    cells: Ints
    barycentric: Floats
    corners: Ints
    points: Floats
    snapped: NDArray[np.bool_]
    target_vertices: int

    @property
    def faces(self) -> Ints:
        """The cells of a surface."""
        return self.cells

    def transfer(self, values: ArrayLike) -> Floats:
        """Carry values of the target's vertices to the source's vertices, interpolated linearly in each cell.

        Parameters
        ----------
        values : (V, ...) float
            One row for each vertex of the target.

        Returns
        -------
        (n, ...) float
            NaN for vertices of the source that belong to no cell.
        """
        given = np.asarray(values, dtype=np.float64)
        if given.ndim == 0 or len(given) != self.target_vertices:
            raise ValueError(f"values must have {self.target_vertices} rows, one for each vertex, got {given.shape}")
        return np.asarray(np.einsum("nk,nk...->n...", self.barycentric, given[self.corners]))


def compose(
    inverse: InverseMap, first: Map[Mesh], *, landmarks: Sequence[Sequence[int]] | Any | None = None
) -> Composition:
    """Compose maps to disk, sphere or ball: ``compose(a.inverse, b)`` sends the surface or solid of b to that of a.

    Both maps are unique up to a rotation. Landmarks determine it: the image of b is first rotated so that the mean
    square distance of the landmarks' images is least.

    Parameters
    ----------
    inverse : InverseMap
        ``a.inverse``; the surface or solid of a is the target.
    first : SurfaceMap or SolidMap
        The map b; its surface or solid is the source.
    landmarks : (k, 2) int, optional
        Pairs of a vertex of the source and the vertex of the target that it should come near.

    Returns
    -------
    Composition

    Raises
    ------
    ValueError
        The maps go to different targets; landmarks that are not pairs of vertices.

    References
    ----------
    Kabsch, "A solution for the best rotation to relate two sets of vectors", Acta Cryst. A 1976.

    Examples
    --------
    >>> from meshot import Surface, SurfaceMap
    >>> surface = Surface([[0, 0, 5], [3, 0, 5], [0, 3, 5]], [[0, 1, 2]])
    >>> flat = SurfaceMap(surface, np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.arange(3))
    >>> compose(flat.inverse, flat).transfer([1.0, 2.0, 3.0])
    array([1., 2., 3.])
    """
    target = inverse.forward
    if target.space is not first.space:
        raise ValueError(f"one map goes to the {target.target}, the other to the {first.target}")
    # A cut adds its vertices at the end.
    image = first.image[: int(first.source_vertex.max()) + 1]
    if landmarks is not None:
        image = image @ _turn(image, target.image, landmarks)
    used = np.flatnonzero(np.isfinite(image).all(axis=1))
    snapped = np.zeros(len(image), dtype=bool)
    cells, barycentric = np.full(len(image), -1), np.full((len(image), target.mesh.CORNERS), np.nan)
    snapped[used] = target.locate(image[used]).cells < 0
    cells[used], barycentric[used] = target.locate(image[used], snap=True)
    corners = target.source_vertex[target.mesh.cells[cells]]
    points = np.einsum("nk,nkd->nd", barycentric, target.mesh.corners[cells])
    return Composition(cells, barycentric, corners, points, snapped, int(target.source_vertex.max()) + 1)


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
