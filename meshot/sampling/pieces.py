"""Subdivision of the faces of a surface into triangles on which a density is nearly constant."""

from typing import NamedTuple

import numpy as np

from meshot.base.arrays import Floats, Ints


class Pieces(NamedTuple):
    """Parts of faces.

    Attributes
    ----------
    parent : (P,) int
        Face that each is a part of.
    corners : (P, 3, 3) float or None
        Barycentric coordinates of its corners in that face; None if the pieces are the faces.
    """

    parent: Ints
    corners: Floats | None = None

    def carry(self, piece: Ints, barycentric: Floats) -> tuple[Ints, Floats]:
        """Return face and barycentric coordinates there of points given by those in pieces, (n,) and (n, 3)."""
        if self.corners is None:
            return self.parent[piece], barycentric
        return self.parent[piece], np.asarray(np.einsum("nk,nkd->nd", barycentric, self.corners[piece]))

    def at_corners(self, values: Floats) -> Floats:
        """Interpolate values given at the corners of the faces, (F, 3, ...), at those of the pieces, (P, 3, ...)."""
        of_parent = values[self.parent]
        if self.corners is None:
            return of_parent
        return np.asarray(np.einsum("pkc,pc...->pk...", self.corners, of_parent))


def split_faces(cuts: Ints) -> Pieces:
    """Cut the sides of each face into `cuts` (F,) parts, and the face into as many squared congruent triangles.

    Examples
    --------
    >>> split_faces(np.array([1, 2])).parent
    array([0, 1, 1, 1, 1])
    """
    count = cuts**2
    starts = np.cumsum(count) - count
    corners = np.empty((int(count.sum()), 3, 3))
    for k in np.unique(cuts).tolist():
        faces = np.flatnonzero(cuts == k)
        corners[starts[faces, None] + np.arange(k * k)] = _lattice(k)
    return Pieces(np.repeat(np.arange(len(cuts)), count), corners)


def _lattice(k: int) -> Floats:
    """Return the corners of k^2 congruent parts of a triangle, (k^2, 3, 3), in barycentric coordinates."""
    i, j = (part.ravel() for part in np.meshgrid(np.arange(k), np.arange(k), indexing="ij"))
    up, down = i + j < k, i + j < k - 1
    places = np.stack([i, j], axis=1)
    upward = places[up][:, None] + np.array([[0, 0], [1, 0], [0, 1]])
    downward = places[down][:, None] + np.array([[1, 1], [0, 1], [1, 0]])
    corners = np.concatenate([upward, downward]) / k
    return np.concatenate([1 - corners.sum(axis=2, keepdims=True), corners], axis=2)
