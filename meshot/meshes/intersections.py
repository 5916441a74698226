"""Self-intersections of a surface."""

import numpy as np

from meshot.base.arrays import Ints
from meshot.base.kernels import kernel, run_in_chunks, subkernel
from meshot.meshes.location import LEAF, STACK, box_tree, morton_order
from meshot.meshes.surface import Surface

# Volumes below this part of the surface's size cubed count as zero: faces that only touch do not cross.
ROUNDING = 1e-15


def self_intersections(surface: Surface) -> Ints:
    """Return the faces that cross others, in ascending order.

    Two faces cross if an edge of one passes through the interior of the other. Faces that share a vertex, only touch,
    or lie in the same plane do not count.

    Examples
    --------
    >>> corners = [[0, 0, 0], [4, 0, 0], [0, 4, 0], [1, 1, -1], [1, 1, 1], [9, 9, 1]]
    >>> self_intersections(Surface(corners, [[0, 1, 2], [3, 4, 5]]))
    array([0, 1])
    """
    middle = surface.vertices[surface.referenced].mean(axis=0)
    size = float(np.abs(surface.vertices[surface.referenced] - middle).max(initial=0.0)) or 1.0
    points = (surface.vertices - middle) / size
    order = morton_order(points[surface.faces].mean(axis=1))
    faces = surface.faces[order]
    corners = points[faces]
    boxes, first = box_tree(corners.min(axis=1), corners.max(axis=1))
    edge_order, starts = surface.edge_order
    edges = np.ascontiguousarray(surface.edges)
    through, pierced = np.zeros(len(edges), dtype=np.bool_), np.zeros(len(faces), dtype=np.bool_)
    flat = np.ascontiguousarray(corners.reshape(-1, 9))

    def work(start: int, stop: int) -> None:
        part = slice(start, stop)
        _cross(edges[part], points, flat, faces, boxes, first, through[part], pierced, LEAF, ROUNDING)

    run_in_chunks(work, len(edges), 1 << 12)
    crossing = np.zeros(len(faces), dtype=bool)
    crossing[order[pierced]] = True
    which = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(edge_order)))
    crossing[edge_order[through[which]] // 3] = True
    return np.flatnonzero(crossing)


@subkernel
def _volume(a, b, c, d):
    """Six times the signed volume of a tetrahedron."""
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    wx, wy, wz = d[0] - a[0], d[1] - a[1], d[2] - a[2]
    return ux * (vy * wz - vz * wy) + uy * (vz * wx - vx * wz) + uz * (vx * wy - vy * wx)


@kernel
def _cross(edges, points, corners, faces, boxes, first, through, pierced, leaf, rounding):
    """Mark the edges that pass through a face, and the faces."""
    stack = np.empty(STACK, dtype=np.int64)
    for e in range(len(edges)):
        i, j = edges[e, 0], edges[e, 1]
        p = (points[i, 0], points[i, 1], points[i, 2])
        q = (points[j, 0], points[j, 1], points[j, 2])
        stack[0], top = 0, 1
        while top > 0:
            top -= 1
            node = stack[top]
            if max(p[0], q[0]) < boxes[node, 0] or min(p[0], q[0]) > boxes[node, 3]:
                continue
            if max(p[1], q[1]) < boxes[node, 1] or min(p[1], q[1]) > boxes[node, 4]:
                continue
            if max(p[2], q[2]) < boxes[node, 2] or min(p[2], q[2]) > boxes[node, 5]:
                continue
            if node < first:
                stack[top], stack[top + 1] = 2 * node + 2, 2 * node + 1
                top += 2
                continue
            begin = (node - first) * leaf
            for t in range(begin, min(begin + leaf, len(faces))):
                u, v, w = faces[t, 0], faces[t, 1], faces[t, 2]
                if i in (u, v, w) or j in (u, v, w):
                    continue
                a = (corners[t, 0], corners[t, 1], corners[t, 2])
                b = (corners[t, 3], corners[t, 4], corners[t, 5])
                c = (corners[t, 6], corners[t, 7], corners[t, 8])
                above, below = _volume(a, b, c, p), _volume(a, b, c, q)
                if min(above, below) > -rounding or max(above, below) < rounding:
                    continue
                x, y, z = _volume(p, q, a, b), _volume(p, q, b, c), _volume(p, q, c, a)
                if min(x, y, z) > rounding or max(x, y, z) < -rounding:
                    through[e] = True
                    pierced[t] = True
