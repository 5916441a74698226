"""A tree over weighted sites that bounds, from below, the power distance from a point to all sites of a branch.

The sites stand in Hilbert order, so consecutive ones are close to each other: a leaf is `LEAF` consecutive sites
(`SPACE_LEAF` in space), an inner node `FAN` consecutive nodes of the level below, and no pointers are needed. Each node
keeps its bounding box and a plane ``A + <g, y>`` above the weights of its sites. With it

    |v - y|^2 - psi  >=  dist(v + g/2, box)^2 - <g, v> - |g|^2 / 4 - A

for every site (y, psi) of the node; in space a paraboloid takes the plane's place (`fit_space_nodes`). A box and the
largest weight alone would be far too loose for transport, where the weights slope steeply (by twice the way that the
map moves a point): the plane takes the slope out.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints
from meshot.base.kernels import innerkernel, kernel, run_in_chunks, subkernel

LEAF, SPACE_LEAF = 8, 16
FAN = 4
# Nodes that a search may have to come back to.
STACK = 256


class SiteTree(NamedTuple):
    """Weighted sites and the nodes over them, root first.

    Attributes
    ----------
    sites : (n, 2 or 3) float
        In Hilbert order.
    weights : (n,) float
        The power weights psi.
    spans : (k, 3) int
        First and last-but-one child of each node, or site if it is a leaf; 1 if it is a leaf.
    bounds : (k, 7) or (k, 11) float
        Box (low x, low y, high x, high y), slope (g_x, g_y) and offset (|g|^2 / 4 + A); in space box, slope, offset
        (|g|^2 / 4 k + A) and k.
    """

    sites: Floats
    weights: Floats
    spans: Ints
    bounds: Floats


class Visits(NamedTuple):
    """What a search of the tree writes over: `stack` of nodes, and `seen` (n,), the last cell that a site met."""

    stack: Ints
    seen: NDArray[np.signedinteger]


@subkernel
def no_visits(count):
    """Return the visits of a search among `count` sites that has not begun."""
    return Visits(np.empty(STACK, np.int64), np.full(count, -1, np.int32))


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
    return SiteTree(sites, weights, np.concatenate(spans), fit(np.concatenate(levels), sites, weights))


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
def raise_bounds(i, tree):
    """Lift the planes of all nodes above site i over its weight, after it has grown."""
    sites, bounds = tree.sites, tree.bounds
    count, stop, size = len(sites), len(bounds), LEAF
    while stop > 0:
        stop -= (count + size - 1) // size
        node = stop + i // size
        gx, gy = bounds[node, 4], bounds[node, 5]
        over = tree.weights[i] - gx * sites[i, 0] - gy * sites[i, 1] + 0.25 * (gx * gx + gy * gy)
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


@innerkernel
def nearest_site(x, y, best, found, tree, stack):
    """Site of least power distance to (x, y), if that is below `best`, else `found`; and how many bounds were taken."""
    sites, weights, spans, bounds = tree
    stack[0], top, looks = 0, 1, 1
    while top > 0:
        top -= 1
        node = stack[top]
        if node_bound(bounds, node, x, y) >= best:
            continue
        start, stop = spans[node, 0], spans[node, 1]
        looks += stop - start
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
    return found, looks


# Relative rounding error of a bound, with a margin.
ROUNDING = 2e-15
# Range of k.
LEAST_STIFF, MOST_STIFF = 0.05, 1e3


@innerkernel
def _hilbert_key(x, y, z, bits):
    """Place of the cell (x, y, z) along a Hilbert curve through ``2^bits`` cells a side."""
    half = 1 << (bits - 1)
    bit = half
    while bit > 1:
        low = bit - 1
        if x & bit:
            x ^= low
        if y & bit:
            x ^= low
        else:
            swap = (x ^ y) & low
            x, y = x ^ swap, y ^ swap
        if z & bit:
            x ^= low
        else:
            swap = (x ^ z) & low
            x, z = x ^ swap, z ^ swap
        bit >>= 1
    y ^= x
    z ^= y
    flip, bit = 0, half
    while bit > 1:
        if z & bit:
            flip ^= bit - 1
        bit >>= 1
    x, y, z = x ^ flip, y ^ flip, z ^ flip
    key = 0
    for k in range(bits - 1, -1, -1):
        key = (key << 3) | (((x >> k) & 1) << 2) | (((y >> k) & 1) << 1) | ((z >> k) & 1)
    return key


@kernel
def space_hilbert_keys(first, last, points, low, scale, bits, keys):
    """Fill `keys` with the place of each point on a Hilbert curve through the cube at `low` of side ``1 / scale``."""
    largest = (1 << bits) - 1
    for i in range(first, last):
        x = min(max(int((points[i, 0] - low[0]) * scale * largest), 0), largest)
        y = min(max(int((points[i, 1] - low[1]) * scale * largest), 0), largest)
        z = min(max(int((points[i, 2] - low[2]) * scale * largest), 0), largest)
        keys[i] = _hilbert_key(x, y, z, bits)


@innerkernel
def _slope(sites, weights, start, stop):
    """Slope of the plane that fits the weights of the sites from `start` to `stop` best; zero if they are flat."""
    size = stop - start
    cx, cy, cz, cw = 0.0, 0.0, 0.0, 0.0
    for i in range(start, stop):
        cx, cy, cz, cw = cx + sites[i, 0], cy + sites[i, 1], cz + sites[i, 2], cw + weights[i]
    cx, cy, cz, cw = cx / size, cy / size, cz / size, cw / size
    xx, xy, xz, yy, yz, zz, xw, yw, zw = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(start, stop):
        x, y, z, w = sites[i, 0] - cx, sites[i, 1] - cy, sites[i, 2] - cz, weights[i] - cw
        xx, xy, xz, xw = xx + x * x, xy + x * y, xz + x * z, xw + x * w
        yy, yz, yw = yy + y * y, yz + y * z, yw + y * w
        zz, zw = zz + z * z, zw + z * w
    p, q, r = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
    det = xx * p + xy * q + xz * r
    if not det > 1e-6 * (xx + yy + zz) ** 3:
        return 0.0, 0.0, 0.0
    s, t, u = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
    return (p * xw + q * yw + r * zw) / det, (q * xw + s * yw + t * zw) / det, (r * xw + t * yw + u * zw) / det


@innerkernel
def _bend(sites, weights, start, stop, gx, gy, gz):
    """Coefficient of ``|y - c|^2`` that fits what the slope leaves of the weights best, and the centroid c."""
    size = stop - start
    cx, cy, cz, cw, cs = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(start, stop):
        cx, cy, cz, cw = cx + sites[i, 0], cy + sites[i, 1], cz + sites[i, 2], cw + weights[i]
    cx, cy, cz, cw = cx / size, cy / size, cz / size, cw / size
    for i in range(start, stop):
        cs += (sites[i, 0] - cx) ** 2 + (sites[i, 1] - cy) ** 2 + (sites[i, 2] - cz) ** 2
    cs, both, own = cs / size, 0.0, 0.0
    for i in range(start, stop):
        x, y, z = sites[i, 0] - cx, sites[i, 1] - cy, sites[i, 2] - cz
        square = x * x + y * y + z * z - cs
        both += square * (weights[i] - cw - gx * x - gy * y - gz * z)
        own += square * square
    return (both / own if own > 1e-6 * size * cs * cs else 0.0), cx, cy, cz


@kernel
def fit_space_nodes(ranges, sites, weights):
    """Box of each node, and a paraboloid above its weights: least squares, offset raised over the largest residual."""
    bounds = np.empty((len(ranges), 11))
    for node in range(len(ranges)):
        start, stop = ranges[node]
        for axis in range(3):
            low, high = np.inf, -np.inf
            for i in range(start, stop):
                low, high = min(low, sites[i, axis]), max(high, sites[i, axis])
            bounds[node, axis], bounds[node, 3 + axis] = low, high
        gx, gy, gz = _slope(sites, weights, start, stop)
        bend, cx, cy, cz = _bend(sites, weights, start, stop, gx, gy, gz)
        bend = max(min(bend, 1.0 - LEAST_STIFF), 1.0 - MOST_STIFF)
        gx, gy, gz = gx - 2.0 * bend * cx, gy - 2.0 * bend * cy, gz - 2.0 * bend * cz
        lowest, highest, above, far = np.inf, -np.inf, -np.inf, 0.0
        for i in range(start, stop):
            square = sites[i, 0] ** 2 + sites[i, 1] ** 2 + sites[i, 2] ** 2
            lowest, highest, far = min(lowest, weights[i]), max(highest, weights[i]), max(far, square)
            plane = gx * sites[i, 0] + gy * sites[i, 1] + gz * sites[i, 2]
            above = max(above, weights[i] - plane - bend * square)
        stiff = 1.0 - bend
        square = gx * gx + gy * gy + gz * gz
        rough = square / stiff + abs(bend) * far
        if not ROUNDING * rough < highest - lowest:  # so steep that rounding would make more of it than it is worth
            gx, gy, gz, square, above, stiff, rough = 0.0, 0.0, 0.0, 0.0, highest, 1.0, 0.0
        bounds[node, 6], bounds[node, 7], bounds[node, 8] = gx, gy, gz
        bounds[node, 9] = 0.25 * square / stiff + above + ROUNDING * (rough + abs(above))
        bounds[node, 10] = stiff
    return bounds


@kernel
def space_node_bound(bounds, node, x, y, z):
    """Lower bound of the power distance from (x, y, z) to the sites of `node` (the module's formula)."""
    gx, gy, gz, stiff = bounds[node, 6], bounds[node, 7], bounds[node, 8], bounds[node, 10]
    qx, qy, qz = (x + 0.5 * gx) / stiff, (y + 0.5 * gy) / stiff, (z + 0.5 * gz) / stiff
    dx = max(bounds[node, 0] - qx, 0.0, qx - bounds[node, 3])
    dy = max(bounds[node, 1] - qy, 0.0, qy - bounds[node, 4])
    dz = max(bounds[node, 2] - qz, 0.0, qz - bounds[node, 5])
    bent = (stiff - 1.0) * (x * x + y * y + z * z)
    plane = (bent - gx * x - gy * y - gz * z) / stiff
    return stiff * (dx * dx + dy * dy + dz * dz) + plane - ROUNDING * abs(bent) - bounds[node, 9]


@innerkernel
def nearest_in_space(x, y, z, best, found, tree, stack):
    """Site of least power distance to (x, y, z), if that is below `best`; else `found`."""
    sites, weights, spans, bounds = tree
    stack[0], top = 0, 1
    while top > 0:
        top -= 1
        node = stack[top]
        if space_node_bound(bounds, node, x, y, z) >= best:
            continue
        start, stop = spans[node, 0], spans[node, 1]
        if spans[node, 2] == 1:
            for i in range(start, stop):
                power = (x - sites[i, 0]) ** 2 + (y - sites[i, 1]) ** 2 + (z - sites[i, 2]) ** 2 - weights[i]
                if power < best:
                    best, found = power, i
            continue
        nearest, least = start, np.inf
        for child in range(start, stop):
            bound = space_node_bound(bounds, child, x, y, z)
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
def nearest_sites(points, tree):
    """Site of least power distance to each point (n, 2 or 3), (n,) int."""
    found, stack = np.empty(len(points), np.int64), np.empty(STACK, np.int64)
    for k in range(len(points)):
        x, y = points[k, 0], points[k, 1]
        if points.shape[1] == 2:
            found[k], _ = nearest_site(x, y, np.inf, -1, tree, stack)
        else:
            found[k] = nearest_in_space(x, y, points[k, 2], np.inf, -1, tree, stack)
    return found
