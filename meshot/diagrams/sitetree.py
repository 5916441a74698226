"""A tree over weighted sites that bounds, from below, the power distance from a point to all sites of a branch.

The sites stand in Hilbert order, so consecutive ones are close to each other: a leaf is `LEAF` consecutive sites
(`SPACE_LEAF` in space), an inner node `FAN` consecutive nodes of the level below, and no pointers are needed. Each node
keeps its bounding box and a plane ``A + <g, y>`` above the weights of its sites. With it

    |v - y|^2 - psi  >=  dist(v + g/2, box)^2 - <g, v> - |g|^2 / 4 - A

for every site (y, psi) of the node; in space a paraboloid takes the plane's place (see `spacetree`). A box and the
largest weight alone would be far too loose for transport, where the weights slope steeply (by twice the way that the
map moves a point): the plane takes the slope out.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from meshot.diagrams.spacetree import fit_space_nodes, space_hilbert_keys
from meshot.kernels import kernel, run_in_chunks, subkernel
from meshot.meshes.mesh import Floats, Ints

LEAF, SPACE_LEAF = 8, 16
FAN = 4


class SiteTree(NamedTuple):
    """Node arrays, root first.

    Attributes
    ----------
    spans : (k, 3) int
        First and last-but-one child of each node, or site if it is a leaf; 1 if it is a leaf.
    bounds : (k, 7) or (k, 11) float
        Box (low x, low y, high x, high y), slope (g_x, g_y) and offset (|g|^2 / 4 + A); in space box, slope, offset
        (|g|^2 / 4 k + A) and k.
    """

    spans: Ints
    bounds: Floats


@kernel
def _hilbert_keys(first, last, points, low, scale, bits, keys):
    """Fill `keys` with the place of each point along a Hilbert curve over the square at `low` of side ``1 / scale``."""
    largest = (1 << bits) - 1
    for i in range(first, last):
        x = min(max(int((points[i, 0] - low[0]) * scale * largest), 0), largest)
        y = min(max(int((points[i, 1] - low[1]) * scale * largest), 0), largest)
        key = 0
        for bit in range(bits - 1, -1, -1):
            rx, ry = (x >> bit) & 1, (y >> bit) & 1
            key = 4 * key + ((3 * rx) ^ ry)
            if ry == 0:
                if rx == 1:
                    x, y = largest - x, largest - y
                x, y = y, x
        keys[i] = key


def hilbert_order(points: Floats) -> Ints:
    """Return the permutation that sorts points of plane or space, (n, 2 or 3), along a Hilbert curve.

    Examples
    --------
    >>> hilbert_order(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])).tolist()
    [0, 2, 3, 1]
    """
    low = np.array([column.min() for column in points.T])
    extent = max(float(column.max() - start) for column, start in zip(points.T, low, strict=True))
    keys, scale = np.empty(len(points), dtype=np.int64), 1.0 / extent if extent > 0 else 0.0
    fill, bits = (_hilbert_keys, 30) if len(low) == 2 else (space_hilbert_keys, 20)
    run_in_chunks(lambda first, last: fill(first, last, points, low, scale, bits, keys), len(points), 1 << 15)
    order = np.argsort(keys)
    tied = (np.diff(np.take(keys, order)) == 0).any()
    return np.argsort(keys, kind="stable") if tied else order  # only ties need the slower sort to be reproducible


def _levels(count: int, leaf: int) -> list[Ints]:
    """Return for each level, root first, the ranges of sites of its nodes, (nodes, 2)."""
    size, levels = leaf, []
    while True:
        starts = np.arange(0, count, size)
        levels.append(np.column_stack([starts, np.minimum(starts + size, count)]))
        if len(starts) == 1:
            return levels[::-1]
        size *= FAN


def build_tree(sites: Floats, weights: Floats) -> SiteTree:
    """Build the tree of `sites` (n, 2 or 3), which stand in Hilbert order, and `weights` (n,)."""
    plane = sites.shape[1] == 2
    levels = _levels(len(sites), LEAF if plane else SPACE_LEAF)
    spans = []
    below = 0
    for level, lower in pairwise(levels):
        below += len(level)
        start = np.arange(len(level)) * FAN
        stop = np.minimum(start + FAN, len(lower))
        spans.append(np.column_stack([below + start, below + stop, np.zeros_like(start)]))
    spans.append(np.column_stack([levels[-1], np.ones(len(levels[-1]), dtype=np.int64)]))
    fit = _fit_nodes if plane else fit_space_nodes
    return SiteTree(np.concatenate(spans), fit(np.concatenate(levels), sites, weights))


@kernel
def _fit_nodes(ranges, sites, weights):
    """Box of each node, and a plane above its weights: least-squares slope, offset raised over the largest residual."""
    bounds = np.empty((len(ranges), 7))
    for node in range(len(ranges)):
        start, stop = ranges[node]
        low_x, low_y, high_x, high_y = np.inf, np.inf, -np.inf, -np.inf
        cx, cy, cw = 0.0, 0.0, 0.0
        for i in range(start, stop):
            x, y = sites[i]
            low_x, low_y, high_x, high_y = min(low_x, x), min(low_y, y), max(high_x, x), max(high_y, y)
            cx, cy, cw = cx + x, cy + y, cw + weights[i]
        size = stop - start
        cx, cy, cw = cx / size, cy / size, cw / size
        xx, xy, yy, xw, yw = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(start, stop):
            x, y, w = sites[i, 0] - cx, sites[i, 1] - cy, weights[i] - cw
            xx, xy, yy, xw, yw = xx + x * x, xy + x * y, yy + y * y, xw + x * w, yw + y * w
        det, gx, gy = xx * yy - xy * xy, 0.0, 0.0
        if det > 1e-6 * (xx + yy) ** 2:  # else the sites are nearly collinear, and the slope means nothing
            gx, gy = (yy * xw - xy * yw) / det, (xx * yw - xy * xw) / det
        highest = -np.inf
        for i in range(start, stop):
            highest = max(highest, weights[i] - gx * sites[i, 0] - gy * sites[i, 1])
        row = bounds[node]
        row[0], row[1], row[2], row[3] = low_x, low_y, high_x, high_y
        row[4], row[5], row[6] = gx, gy, 0.25 * (gx * gx + gy * gy) + highest
    return bounds


@kernel
def raise_bounds(i, sites, weights, bounds):
    """Lift the planes of all nodes above site i over its weight, after it has grown."""
    count, stop, size = len(sites), len(bounds), LEAF
    while stop > 0:
        stop -= (count + size - 1) // size
        node = stop + i // size
        gx, gy = bounds[node, 4], bounds[node, 5]
        over = weights[i] - gx * sites[i, 0] - gy * sites[i, 1] + 0.25 * (gx * gx + gy * gy)
        bounds[node, 6] = max(bounds[node, 6], over)
        size *= FAN


@kernel
def node_bound(bounds, node, x, y):
    """Lower bound of the power distance from (x, y) to the sites of `node` (the module's formula)."""
    gx, gy = bounds[node, 4], bounds[node, 5]
    qx, qy = x + 0.5 * gx, y + 0.5 * gy
    dx = max(bounds[node, 0] - qx, 0.0, qx - bounds[node, 2])
    dy = max(bounds[node, 1] - qy, 0.0, qy - bounds[node, 3])
    return dx * dx + dy * dy - gx * x - gy * y - bounds[node, 6]


@subkernel
def nearest_site(x, y, best, found, sites, weights, spans, bounds, stack):
    """Site of least power distance to (x, y), if that is below `best`; else `found`."""
    stack[0], top = 0, 1
    while top > 0:
        top -= 1
        node = stack[top]
        if node_bound(bounds, node, x, y) >= best:
            continue
        start, stop = spans[node, 0], spans[node, 1]
        if spans[node, 2] == 1:
            for i in range(start, stop):
                power = (x - sites[i, 0]) ** 2 + (y - sites[i, 1]) ** 2 - weights[i]
                if power < best:
                    best, found = power, i
            continue
        nearest, least = start, np.inf
        for child in range(start, stop):
            bound = node_bound(bounds, child, x, y)
            if bound < least:
                nearest, least = child, bound
        for child in range(start, stop):
            if child != nearest:
                stack[top] = child
                top += 1
        stack[top] = nearest  # the most promising child is opened first
        top += 1
    return found


@kernel
def nearest_sites(points, sites, weights, spans, bounds):
    """Site of least power distance to each point, (n,) int."""
    found = np.empty(len(points), np.int64)
    stack = np.empty(128, np.int64)
    for k in range(len(points)):
        found[k] = nearest_site(points[k, 0], points[k, 1], np.inf, -1, sites, weights, spans, bounds, stack)
    return found
