"""Map the unit square to the triangles of a surface such that each gets exactly its share (hierarchical warping).

Triangle areas of a map are right up to a percent, which limits the error of integrals by more than some 10^4
low-discrepancy points. So the square is not placed on the image of the map, but cut like a k-d tree of the triangles
there: every node divides its rectangle in proportion to the masses of its halves, across the rectangle's longer side,
until each triangle has one rectangle (Clarberg et al., "Wavelet importance sampling", 2005). If the map preserves the
masses, the cuts follow the triangles, and a point lands within a triangle's size of its position under the map. Each
rectangle is mapped to its triangle by the piecewise linear map of Heitz ("A low-distortion map between triangle and
square", 2019), rotated for the best fit. The image of n points of star discrepancy D in the square has at most 4 m D n
points too many in any union of m triangles.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints, stable_order
from meshot.base.kernels import kernel, run_in_chunks
from meshot.maps.surface_map import SurfaceMap
from meshot.sampling.pieces import Pieces

BELOW_ONE = float(np.nextafter(1.0, 0.0))


@dataclass(frozen=True, eq=False)
class SquareWarp:
    """The map from the square to pieces; `leaves` are the pieces in the order of the tree.

    Attributes
    ----------
    cuts : (nodes,) float
        Share of each node's rectangle that its first child gets; node k has the children 2 k + 1 and 2 k + 2.
    upright : (nodes,) bool
        Whether the cut is vertical.
    leaves : (2^depth,) int
        Piece of each leaf; -1 for leaves without any.
    turns : (2^depth,) int
        How the rectangle is turned, 0 to 3, plus 4 times the corner of the piece that its first corner goes to.
    """

    cuts: Floats
    upright: NDArray[np.bool_]
    leaves: Ints
    turns: Ints

    def locate(self, points: Floats) -> tuple[Ints, Floats]:
        """Return the piece of each point of the square, (n, 2), and its barycentric coordinates there."""
        points = np.ascontiguousarray(points)
        places, weights = np.empty(len(points), dtype=np.int64), np.empty((len(points), 3))

        def work(start: int, stop: int) -> None:
            part = slice(start, stop)
            _descend(points[part], self.cuts, self.upright, self.turns, places[part], weights[part])

        run_in_chunks(work, len(points), 1 << 14)
        return self.leaves[places], weights


def square_warp(surface_map: SurfaceMap, pieces: Pieces, masses: Floats) -> SquareWarp:
    """Build the warp of the square to pieces of the given masses (P,), of which not all are 0."""
    live = np.flatnonzero(masses)
    corners = pieces.at_corners(surface_map.image[surface_map.surface.faces])[live]
    space = surface_map.space
    middles = space.to_square(corners.mean(axis=1))
    order, cuts, upright, sizes = _tree(middles, masses[live])
    outline = space.to_square(corners[order].reshape(-1, corners.shape[2])).reshape(-1, 3, 2)
    offset = outline - middles[order, None]
    if space.around:
        offset[..., 0] -= np.round(offset[..., 0])
    return SquareWarp(cuts, upright, *_placed(live[order], _best_turns(offset, sizes), len(cuts) + 1))


def _tree(middles: Floats, masses: Floats) -> tuple[Ints, Floats, NDArray[np.bool_], Floats]:
    """Return the order of the pieces, cuts and directions of the nodes, and the sizes of the rectangles, (P, 2)."""
    count = len(middles)
    depth = (count - 1).bit_length()
    ranks = np.empty((2, count), dtype=np.int64)
    for axis in range(2):
        ranks[axis, np.argsort(middles[:, axis], kind="stable")] = np.arange(count)
    order = np.arange(count)
    sizes = np.ones((1, 2))
    cuts, upright = np.zeros((1 << depth) - 1), np.zeros((1 << depth) - 1, dtype=np.bool_)
    for level in range(depth):
        nodes = 1 << level
        bounds = np.arange(2 * nodes + 1) * count >> (level + 1)
        wide = sizes[:, 0] >= sizes[:, 1]
        node = np.repeat(np.arange(nodes), np.diff(bounds[::2]))
        order = order[stable_order(node * count + ranks[np.where(wide[node], 0, 1), order])]
        running = np.append(0.0, np.cumsum(masses[order]))[bounds]
        low, middle, high = running[:-1:2], running[1::2], running[2::2]
        with np.errstate(invalid="ignore", divide="ignore"):
            cut = np.where(high > low, (middle - low) / (high - low), 0.5)
        cut[bounds[:-1:2] == bounds[1::2]], cut[bounds[1::2] == bounds[2::2]] = 0.0, 1.0
        cuts[nodes - 1 : 2 * nodes - 1], upright[nodes - 1 : 2 * nodes - 1] = cut, wide
        parts = np.stack([cut, 1 - cut], axis=1)[..., None]
        sizes = np.where(np.stack([wide, ~wide], axis=1)[:, None], parts, 1.0) * sizes[:, None]
        sizes = sizes.reshape(-1, 2)
    bounds = np.arange((1 << depth) + 1) * count >> depth
    return order, cuts, upright, sizes[np.diff(bounds) > 0]


def _best_turns(offset: Floats, sizes: Floats) -> Ints:
    """Choose, out of twelve ways, the one in which a rectangle's corners lie most as those of the triangle.

    `offset` (P, 3, 2) are the triangle's corners in the square from its middle, `sizes` (P, 2) those of the rectangles.
    """
    scaled = offset / np.maximum(sizes, np.finfo(float).tiny)[:, None]
    template = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]) - 1 / 3
    best, turns = np.full(len(offset), -np.inf), np.zeros(len(offset), dtype=np.int64)
    for turn in range(4):
        cosine, sine = [(1, 0), (0, 1), (-1, 0), (0, -1)][turn]
        turned = template @ np.array([[cosine, sine], [-sine, cosine]])
        for first in range(3):
            score = (np.roll(scaled, -first, axis=1) * turned).sum(axis=(1, 2))
            better = score > best
            best[better], turns[better] = score[better], turn + 4 * first
    return turns


def _placed(pieces: Ints, turns: Ints, leaves: int) -> tuple[Ints, Ints]:
    """Put the pieces to their leaves: those that hold one, in order."""
    filled = np.flatnonzero(np.diff(np.arange(leaves + 1) * len(pieces) // leaves))
    leaf, turn = np.full(leaves, -1), np.zeros(leaves, dtype=np.int64)
    leaf[filled], turn[filled] = pieces, turns
    return leaf, turn


@kernel
def _descend(points, cuts, upright, turns, places, weights):
    """Walk down the tree with each point of the square, to its leaf and the weights of its piece's corners."""
    inner = len(cuts)
    for i in range(len(points)):
        # Below 1, where a child may be empty.
        x, y, node = min(points[i, 0], BELOW_ONE), min(points[i, 1], BELOW_ONE), 0
        while node < inner:
            cut = cuts[node]
            along = x if upright[node] else y
            if along < cut:
                along, node = along / cut, 2 * node + 1
            else:
                along, node = min((along - cut) / (1.0 - cut), BELOW_ONE), 2 * node + 2
            # The cut was that of the parent of `node`.
            if upright[(node - 1) // 2]:
                x = along
            else:
                y = along
        leaf = node - inner
        places[i] = leaf
        turn, first = turns[leaf] % 4, turns[leaf] // 4
        # Turned back, so that the first corner is at the origin.
        if turn == 1:
            x, y = y, 1.0 - x
        elif turn == 2:
            x, y = 1.0 - x, 1.0 - y
        elif turn == 3:
            x, y = 1.0 - y, x
        if y > x:
            x *= 0.5
            y -= x
        else:
            y *= 0.5
            x -= y
        weights[i, first] = max(1.0 - x - y, 0.0)
        weights[i, (first + 1) % 3] = x
        weights[i, (first + 2) % 3] = y
