"""The kernels of a tree over weighted sites in space: see `sitetree`, which holds those in the plane.

A node keeps a paraboloid ``A + <g, y> + (1 - k) |y|^2`` above the weights of its sites, with which

    |v - y|^2 - psi  >=  k dist((v + g/2) / k, box)^2 + ((k - 1) |v|^2 - <g, v> - |g|^2 / 4) / k - A.

Where a transport stretches space by the factor k, the weights bend like that: a plane would leave bounds too loose.

The order of the sites is Hilbert's in three dimensions, by Skilling, "Programming the Hilbert curve", AIP Conf. Proc.
707, 2004.
"""

import numpy as np

from meshot.kernels import innerkernel, kernel

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
def nearest_in_space(x, y, z, best, found, sites, weights, spans, bounds, stack):
    """Site of least power distance to (x, y, z), if that is below `best`; else `found`."""
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
def nearest_space_sites(points, sites, weights, spans, bounds):
    """Site of least power distance to each point (n, 3), (n,) int."""
    found = np.empty(len(points), np.int64)
    stack = np.empty(128, np.int64)
    for k in range(len(points)):
        found[k] = nearest_in_space(
            points[k, 0], points[k, 1], points[k, 2], np.inf, -1, sites, weights, spans, bounds, stack
        )
    return found
