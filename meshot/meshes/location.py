"""Point location: the triangle or tetrahedron that contains a point, in plane, sphere or space, by a tree of boxes."""

from typing import NamedTuple

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.base.directions import octahedral_projection
from meshot.base.kernels import kernel, run_in_chunks, subkernel

# Things in one box of the lowest level.
LEAF = 4
# Nodes that a search may have to come back to.
STACK = 64
# Steps that put one zero, or two, between each bit of a number and the next: shift to the left, keep the mask's bits.
SPREAD = {
    2: (
        (16, 0x0000FFFF0000FFFF),
        (8, 0x00FF00FF00FF00FF),
        (4, 0x0F0F0F0F0F0F0F0F),
        (2, 0x3333333333333333),
        (1, 0x5555555555555555),
    ),
    3: (
        (32, 0x001F00000000FFFF),
        (16, 0x001F0000FF0000FF),
        (8, 0x100F00F00F00F00F),
        (4, 0x10C30C30C30C30C3),
        (2, 0x1249249249249249),
    ),
}


def morton_order(middles: Floats) -> Ints:
    """Return the order of points, (n, 2 or 3), along a Z-shaped curve through their ranks."""
    code, axes = np.zeros(len(middles), dtype=np.int64), middles.shape[1]
    spare = max(0, len(middles).bit_length() - 63 // axes)
    for axis in range(axes):
        rank = np.empty(len(middles), dtype=np.int64)
        rank[np.argsort(middles[:, axis], kind="stable")] = np.arange(len(middles)) >> spare
        for shift, mask in SPREAD[axes]:
            rank = (rank | rank << shift) & mask
        code |= rank << axis
    return np.argsort(code, kind="stable")


def box_tree(low: Floats, high: Floats) -> tuple[Floats, int]:
    """Return boxes, (nodes, 2 d), of a complete binary tree and its first leaf; k has the children 2 k + 1, 2 k + 2."""
    leaves, axes = -(-len(low) // LEAF), low.shape[1]
    width = 1 << max(0, (leaves - 1).bit_length())
    level = np.empty((width, 2 * axes))
    level[:, :axes], level[:, axes:] = np.inf, -np.inf
    starts = np.arange(0, len(low), LEAF)
    level[:leaves, :axes], level[:leaves, axes:] = np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)
    levels = [level]
    while len(level) > 1:
        lower = np.minimum(level[::2, :axes], level[1::2, :axes])
        level = np.concatenate([lower, np.maximum(level[::2, axes:], level[1::2, axes:])], axis=1)
        levels.append(level)
    return np.concatenate(levels[::-1]), width - 1


# How far outside a triangle a point may lie, in barycentric coordinates, because positions are rounded.
ROUNDING = 1e-12
# Pairs of a point and a boundary edge that are compared at once; bounds the memory.
PAIRS = 1_000_000


class Location(NamedTuple):
    """Where points lie in a mesh.

    Attributes
    ----------
    cells : (n,) int
        Triangle or tetrahedron that contains each point, -1 outside the mesh.
    barycentric : (n, 3) or (n, 4) float
        Its barycentric coordinates there, NaN outside.
    """

    cells: Ints
    barycentric: Floats

    @property
    def faces(self) -> Ints:
        """The cells of a surface."""
        return self.cells

    @property
    def tetrahedra(self) -> Ints:
        """The cells of a solid."""
        return self.cells


class Locator:
    """Point location in a triangle mesh of the plane, or a tetrahedral mesh of space.

    Parameters
    ----------
    cells : (n, d + 1) int
        Triangles or tetrahedra.
    points : (V, d) float
        The mesh's vertices; those that belong to no cell may be NaN.

    Examples
    --------
    >>> locator = Locator(np.array([[0, 1, 2]]), np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    >>> locator.locate(np.array([[0.25, 0.25], [0.9, 0.9]]))
    Location(cells=array([ 0, -1]), barycentric=array([[0.5 , 0.25, 0.25],
           [ nan,  nan,  nan]]))
    """

    def __init__(self, cells: Ints, points: Floats) -> None:
        corners = points[cells]
        self.axes = points.shape[1]
        self.order = morton_order(self._middles(corners))
        corners = corners[self.order]
        self.corners = np.ascontiguousarray(corners.reshape(len(cells), -1))
        reach = self._reach(corners)[:, None]
        self.boxes, self.first = box_tree(corners.min(axis=1) - reach, corners.max(axis=1) + reach)

    def locate(self, points: Floats) -> Location:
        """Return the cell and the barycentric coordinates of each point, (n, d)."""
        points = np.ascontiguousarray(points, dtype=np.float64)
        count = self.corners.shape[1] // self.axes
        places, weights = np.empty(len(points), dtype=np.int64), np.empty((len(points), count))

        def work(start: int, stop: int) -> None:
            part = slice(start, stop)
            _locate(points[part], self.corners, self.boxes, self.first, places[part], weights[part], LEAF, ROUNDING)

        run_in_chunks(work, len(points), 1 << 14)
        return Location(np.where(places < 0, -1, self.order[places]), weights)

    def _middles(self, corners: Floats) -> Floats:
        """Return points by which the cells are put in order, (n, 2 or 3)."""
        return np.asarray(corners.mean(axis=1))

    def _reach(self, corners: Floats) -> Floats:
        """Return how far beyond the box of its corners each cell reaches, (n,)."""
        sizes = (corners.max(axis=1) - corners.min(axis=1)).max(axis=1)
        return np.asarray(ROUNDING * sizes + 4 * np.finfo(float).eps * np.abs(corners).max())


class SphereLocator(Locator):
    """Point location in a triangle mesh with vertices on the unit sphere, by central projection.

    A direction belongs to the flat triangle that the ray from the center meets; its barycentric coordinates there are
    the triple products with two corners each, over their sum.

    Parameters
    ----------
    cells : (F, 3) int
        An embedding: counter-clockwise seen from outside, the whole sphere covered once.
    points : (V, 3) float
        Unit vectors; NaN for vertices that belong to no face.

    Examples
    --------
    >>> locator = SphereLocator(np.array([[0, 1, 2]]), np.eye(3))
    >>> locator.locate(np.array([[1.0, 1.0, 2.0], [-1.0, -1.0, -2.0]]))
    Location(cells=array([ 0, -1]), barycentric=array([[0.25, 0.25, 0.5 ],
           [ nan,  nan,  nan]]))
    """

    def locate(self, points: Floats) -> Location:
        """Return the face and the barycentric coordinates of each direction, (n, 3)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return super().locate(points / np.linalg.norm(points, axis=1, keepdims=True))

    def _middles(self, corners: Floats) -> Floats:
        return octahedral_projection(corners.sum(axis=1))

    def _reach(self, corners: Floats) -> Floats:
        # The flat triangle lies this much below the sphere at most: its longest side, or three of that length.
        longest = np.sum((corners - np.roll(corners, 1, axis=1)) ** 2, axis=2).max(axis=1)
        return np.asarray(1 - np.sqrt(np.maximum(1 - longest / 3, 0)) + ROUNDING)


def nearest_on_boundary(uv: Floats, halfedges: Ints, twins: Ints, points: Floats) -> tuple[Ints, Floats]:
    """Return face and barycentric coordinates of the point nearest to each of `points` (n, 2) on the boundary.

    Parameters
    ----------
    uv : (V, 2) float
    halfedges, twins : (3F, 2) int, (3F,) int
        As `Surface` has them; -1 in `twins` marks the boundary.
    points : (n, 2) float
    """
    rim = np.flatnonzero(twins < 0)
    tail, head = uv[halfedges[rim]].transpose(1, 0, 2)
    edge = head - tail
    squares = np.maximum((edge**2).sum(axis=1), np.finfo(float).tiny)
    parts = []
    block = max(1, PAIRS // len(edge))
    for start in range(0, len(points), block):
        offset = points[start : start + block, None] - tail
        t = ((offset * edge).sum(axis=2) / squares).clip(0, 1)
        nearest = ((offset - t[..., None] * edge) ** 2).sum(axis=2).argmin(axis=1)
        parts.append((rim[nearest], t[np.arange(len(t)), nearest]))
    halfedge, t = (np.concatenate(column) for column in zip(*parts, strict=True))
    faces, corner = np.divmod(halfedge, 3)
    barycentric, row = np.zeros((len(points), 3)), np.arange(len(points))
    barycentric[row, corner], barycentric[row, (corner + 1) % 3] = 1 - t, t
    return faces, barycentric


@subkernel
def _settle(weights, i, place, best):
    """Leave no coordinate negative where the worst, `best`, is so by rounding; none where there is no simplex."""
    if place < 0:
        for k in range(weights.shape[1]):
            weights[i, k] = np.nan
    elif best < 0.0:  # on a side
        total = 0.0
        for k in range(weights.shape[1]):
            weights[i, k] = max(weights[i, k], 0.0)
            total += weights[i, k]
        for k in range(weights.shape[1]):
            weights[i, k] /= total


@subkernel
def _in_plane(corners, t, x, y):
    """Return a point's barycentric coordinates in triangle t times their sum, and the sum."""
    ax, ay, bx, by = corners[t, 0] - x, corners[t, 1] - y, corners[t, 2] - x, corners[t, 3] - y
    cx, cy = corners[t, 4] - x, corners[t, 5] - y
    a, b, c = bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx
    return a, b, c, a + b + c


@subkernel
def _on_sphere(corners, t, x, y, z):
    """As `_in_plane`, of the place where a unit vector's ray meets the triangle; NaN on the far side."""
    ax, ay, az = corners[t, 0] - x, corners[t, 1] - y, corners[t, 2] - z
    bx, by, bz = corners[t, 3] - x, corners[t, 4] - y, corners[t, 5] - z
    cx, cy, cz = corners[t, 6] - x, corners[t, 7] - y, corners[t, 8] - z
    if x * (ax + bx + cx) + y * (ay + by + cy) + z * (az + bz + cz) <= -3.0:
        return np.nan, np.nan, np.nan, np.nan
    a = x * (by * cz - bz * cy) + y * (bz * cx - bx * cz) + z * (bx * cy - by * cx)
    b = x * (cy * az - cz * ay) + y * (cz * ax - cx * az) + z * (cx * ay - cy * ax)
    c = x * (ay * bz - az * by) + y * (az * bx - ax * bz) + z * (ax * by - ay * bx)
    return a, b, c, a + b + c


@subkernel
def _in_space(corners, t, x, y, z):
    """As `_in_plane`, of tetrahedron t."""
    ax, ay, az = corners[t, 0] - x, corners[t, 1] - y, corners[t, 2] - z
    bx, by, bz = corners[t, 3] - x, corners[t, 4] - y, corners[t, 5] - z
    cx, cy, cz = corners[t, 6] - x, corners[t, 7] - y, corners[t, 8] - z
    dx, dy, dz = corners[t, 9] - x, corners[t, 10] - y, corners[t, 11] - z
    # 2x2 minors of the pairs a, b and c, d
    abx, aby, abz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    cdx, cdy, cdz = cy * dz - cz * dy, cz * dx - cx * dz, cx * dy - cy * dx
    a = bx * cdx + by * cdy + bz * cdz
    b = -(ax * cdx + ay * cdy + az * cdz)
    c = dx * abx + dy * aby + dz * abz
    d = -(cx * abx + cy * aby + cz * abz)
    return a, b, c, d, a + b + c + d


@kernel
def _locate(points, corners, boxes, first, places, weights, leaf, rounding):
    """For each point the place of its triangle or tetrahedron, or -1, and its barycentric coordinates there."""
    axes, solid = points.shape[1], weights.shape[1] == 4
    stack = np.empty(STACK, dtype=np.int64)
    for i in range(len(points)):
        x, y, z = points[i, 0], points[i, 1], points[i, axes - 1]  # in the plane z is y
        # The worst coordinate of the best cell so far.
        best, place = -rounding, -1
        stack[0], top = 0, 1
        while top > 0 and best < 0.0:
            top -= 1
            node = stack[top]
            if not (boxes[node, 0] <= x <= boxes[node, axes] and boxes[node, 1] <= y <= boxes[node, axes + 1]):
                continue
            if not boxes[node, axes - 1] <= z <= boxes[node, 2 * axes - 1]:
                continue
            if node < first:
                stack[top], stack[top + 1] = 2 * node + 2, 2 * node + 1
                top += 2
                continue
            begin = (node - first) * leaf
            for t in range(begin, min(begin + leaf, len(corners))):
                d = 0.0
                if solid:
                    a, b, c, d, total = _in_space(corners, t, x, y, z)
                    worst = min(a / total, b / total, c / total, d / total)
                elif axes == 3:
                    a, b, c, total = _on_sphere(corners, t, x, y, z)
                    worst = min(a / total, b / total, c / total)
                else:
                    a, b, c, total = _in_plane(corners, t, x, y)
                    worst = min(a / total, b / total, c / total)
                if worst > best or (worst == best and place < 0):
                    best, place = worst, t
                    weights[i, 0], weights[i, 1], weights[i, 2] = a / total, b / total, c / total
                    if solid:
                        weights[i, 3] = d / total
        places[i] = place
        _settle(weights, i, place, best)
