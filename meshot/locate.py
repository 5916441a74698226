"""Find the triangle of a plane mesh that holds a point, by a tree of bounding boxes.

The triangles are put in the Morton order of the ranks of their middles, which spreads them evenly however they cluster;
neighbors in that order share a box, neighboring boxes the next larger one.
"""

from typing import NamedTuple

import numpy as np

from meshot.kernels import kernel, run_in_chunks
from meshot.mesh import Floats, Ints

# Triangles in one box of the lowest level.
LEAF = 4
# How far outside a triangle a point may lie, in barycentric coordinates, because positions are rounded.
ROUNDING = 1e-12
STACK = 64


class Location(NamedTuple):
    """Where points lie.

    Attributes
    ----------
    faces : (n,) int
        Face that holds each point, -1 outside of all.
    barycentric : (n, 3) float
        Its barycentric coordinates there, NaN outside.
    """

    faces: Ints
    barycentric: Floats


class Locator:
    """Point location in a plane triangle mesh.

    Parameters
    ----------
    faces : (F, 3) int
    uv : (V, 2) float
        Vertices that belong to no face may be NaN.

    Examples
    --------
    >>> locator = Locator(np.array([[0, 1, 2]]), np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    >>> locator.locate(np.array([[0.25, 0.25], [0.9, 0.9]]))
    Location(faces=array([ 0, -1]), barycentric=array([[0.5 , 0.25, 0.25],
           [ nan,  nan,  nan]]))
    """

    def __init__(self, faces: Ints, uv: Floats) -> None:
        corners = uv[faces]
        order = _morton_order(corners.mean(axis=1))
        self.order = order
        self.corners = np.ascontiguousarray(corners[order].reshape(-1, 6))
        low, high = corners[order].min(axis=1), corners[order].max(axis=1)
        reach = ROUNDING * (high - low).max(axis=1) + 4 * np.finfo(float).eps * np.abs(corners).max()
        self.boxes, self.first = _tree(low - reach[:, None], high + reach[:, None])

    def locate(self, points: Floats) -> Location:
        """Return the face and the barycentric coordinates of each point, (n, 2)."""
        points = np.ascontiguousarray(points, dtype=np.float64)
        places, weights = np.empty(len(points), dtype=np.int64), np.empty((len(points), 3))

        def work(start: int, stop: int) -> None:
            part = slice(start, stop)
            _locate(points[part], self.corners, self.boxes, self.first, places[part], weights[part], LEAF, ROUNDING)

        run_in_chunks(work, len(points), 1 << 14)
        return Location(np.where(places < 0, -1, self.order[places]), weights)


def _morton_order(middles: Floats) -> Ints:
    """Sort points along a Z-shaped curve through their ranks."""
    code = np.zeros(len(middles), dtype=np.int64)
    for axis in range(2):
        rank = np.empty(len(middles), dtype=np.int64)
        rank[np.argsort(middles[:, axis], kind="stable")] = np.arange(len(middles))
        # Put a zero between each bit and the next.
        for shift, mask in ((16, 0x0000FFFF0000FFFF), (8, 0x00FF00FF00FF00FF), (4, 0x0F0F0F0F0F0F0F0F)):
            rank = (rank | rank << shift) & mask
        for shift, mask in ((2, 0x3333333333333333), (1, 0x5555555555555555)):
            rank = (rank | rank << shift) & mask
        code |= rank << axis
    return np.argsort(code, kind="stable")


def _tree(low: Floats, high: Floats) -> tuple[Floats, int]:
    """Return boxes, (nodes, 4), of a complete binary tree and its first leaf; children of k are 2 k + 1 and 2 k + 2."""
    leaves = -(-len(low) // LEAF)
    width = 1 << max(0, (leaves - 1).bit_length())
    level = np.empty((width, 4))
    level[:, :2], level[:, 2:] = np.inf, -np.inf
    starts = np.arange(0, len(low), LEAF)
    level[:leaves, :2], level[:leaves, 2:] = np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)
    levels = [level]
    while len(level) > 1:
        level = np.concatenate(
            [np.minimum(level[::2, :2], level[1::2, :2]), np.maximum(level[::2, 2:], level[1::2, 2:])], 1
        )
        levels.append(level)
    return np.concatenate(levels[::-1]), width - 1


@kernel
def _locate(points, corners, boxes, first, places, weights, leaf, rounding):  # type: ignore[no-untyped-def]
    """For each point the place of its triangle, or -1, and its barycentric coordinates there."""
    stack = np.empty(STACK, dtype=np.int64)
    for i in range(len(points)):
        x, y = points[i, 0], points[i, 1]
        # The worst coordinate of the best triangle so far.
        best, place = -rounding, -1
        stack[0], top = 0, 1
        while top > 0 and best < 0.0:
            top -= 1
            node = stack[top]
            if not (boxes[node, 0] <= x <= boxes[node, 2] and boxes[node, 1] <= y <= boxes[node, 3]):
                continue
            if node < first:
                stack[top], stack[top + 1] = 2 * node + 2, 2 * node + 1
                top += 2
                continue
            begin = (node - first) * leaf
            for t in range(begin, min(begin + leaf, len(corners))):
                ax, ay, bx, by = corners[t, 0] - x, corners[t, 1] - y, corners[t, 2] - x, corners[t, 3] - y
                cx, cy = corners[t, 4] - x, corners[t, 5] - y
                a, b, c = bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx
                total = a + b + c
                worst = min(a / total, b / total, c / total)
                if worst > best or (worst == best and place < 0):
                    best, place = worst, t
                    weights[i, 0], weights[i, 1], weights[i, 2] = a / total, b / total, c / total
        places[i] = place
        if place < 0:
            weights[i, 0], weights[i, 1], weights[i, 2] = np.nan, np.nan, np.nan
        elif best < 0.0:
            # On an edge but for rounding.
            a, b, c = max(weights[i, 0], 0.0), max(weights[i, 1], 0.0), max(weights[i, 2], 0.0)
            weights[i, 0], weights[i, 1], weights[i, 2] = a / (a + b + c), b / (a + b + c), c / (a + b + c)
