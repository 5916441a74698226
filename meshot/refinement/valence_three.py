"""Inner vertices of three faces: where their neighbors are, there is one place that gives each face its share.

The three faces fill the triangle of the neighbors, and a point with the barycentric coordinates w divides it into parts
w times its area. So these vertices drop out of the equations, one round after the other where they are nested, and are
put back at the end, however thin their faces are.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints
from meshot.meshes.surface import Surface


class Placement(NamedTuple):
    """Vertices (n,) between three others each, `corners` (n, 3), at barycentric coordinates `weights` (n, 3)."""

    vertices: Ints
    corners: Ints
    weights: Floats


class Reduced(NamedTuple):
    """A disk without inner vertices of three faces.

    Attributes
    ----------
    faces : (R, 3) int
        With the vertices' old numbers.
    targets : (R,) float
        What the old faces inside each want together.
    parents : (F,) int
        The face in which each old one lies.
    placements : list of Placement
        Where the vertices go that were left out, the last ones first.
    """

    faces: Ints
    targets: Floats
    parents: Ints
    placements: list[Placement]

    def restore(self, uv: Floats) -> Floats:
        """Return a copy of the map, (V, 2), with the vertices that were left out in their places."""
        full = uv.copy()
        for vertices, corners, weights in reversed(self.placements):
            full[vertices] = np.einsum("nk,nkx->nx", weights, full[corners])
        return full


def without_valence_three(faces: Ints, targets: Floats) -> Reduced:
    """Leave out the inner vertices of a disk that have three faces, again and again.

    Examples
    --------
    >>> reduced = without_valence_three(np.array([[0, 1, 3], [1, 2, 3], [2, 0, 3]]), np.array([1.0, 2.0, 1.0]))
    >>> reduced.faces.tolist(), reduced.targets.tolist()
    ([[0, 1, 2]], [4.0])
    >>> reduced.restore(np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0], [9.0, 9.0]]))[3].tolist()
    [0.25, 0.0]
    """
    count = int(faces.max()) + 1
    on_rim = np.zeros(count, dtype=bool)
    for loop in Surface(np.zeros((count, 3)), faces).boundary_loops:
        on_rim[loop] = True
    parents = np.arange(len(faces))
    placements: list[Placement] = []
    while True:
        centers, stars = _stars(faces, on_rim)
        if len(stars) == 0:
            return Reduced(faces, targets, parents, placements)
        placement, filled = _filled(faces, targets, centers, stars)
        placements.append(placement)
        # The first face of a star becomes the triangle around it; the others go.
        kept = np.ones(len(faces), dtype=bool)
        kept[stars[:, 1:]] = False
        number = np.cumsum(kept) - 1
        number[stars[:, 1:]] = number[stars[:, :1]]
        targets = np.bincount(number, targets).astype(np.float64)
        faces = faces.copy()
        faces[stars[:, 0]] = filled
        faces, parents = faces[kept], number[parents]


def _stars(faces: Ints, on_rim: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Return inner vertices that have three faces, of two on one face the first, and these faces: (n,) and (n, 3)."""
    count = len(on_rim)
    three = (np.bincount(faces.ravel(), minlength=count) == 3) & ~on_rim
    first = np.where(three[faces], faces, count).min(axis=1)
    chosen = np.bincount(first, minlength=count + 1)[:count] == 3
    around = np.flatnonzero(np.append(chosen, False)[first])
    around = around[np.argsort(first[around], kind="stable")]
    return first[around[::3]], around.reshape(-1, 3)


def _filled(faces: Ints, targets: Floats, centers: Ints, stars: Ints) -> tuple[Placement, Ints]:
    """Return where the stars' centers go, and the triangles around them, (n, 3)."""
    corners = faces[stars]
    # Each face's edge that does not touch the center, and the corner of the triangle opposite to it.
    turn = (corners == centers[:, None, None]).argmax(axis=2)
    tail, head = (np.take_along_axis(corners, (turn + k)[..., None] % 3, axis=2)[..., 0] for k in (1, 2))
    opposite = tail.sum(axis=1, keepdims=True) - tail - head
    weights = targets[stars] / targets[stars].sum(axis=1, keepdims=True)
    return Placement(centers, opposite, weights), np.stack([tail[:, 0], head[:, 0], opposite[:, 0]], axis=1)
