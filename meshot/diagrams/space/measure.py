"""Kernels: the volume and moments of a polytope, or of its part in a ball, in closed form.

By the divergence theorem, the integral of a function that is homogeneous of degree m about an origin is a sum over the
boundary's parts, 1 / (m + 3) times the integral of the function and of ``x . n`` over each. On a facet ``x . n`` is
its plane's offset, and on the ball's sphere, about the ball's center, its radius. So all that is wanted follows from
the integrals over the facets, and from the area of the cell's patch of the sphere. About a patch it is enough to know

* the integral of its normal, minus that of the facets: the cell's surface is closed;
* its area: the solid angle, from the ball's center, of what of the facets lies outside the ball.

Facets are sums over their edges of signed triangles: from one of their corners, or, if the ball cuts the facet, from
the foot of the ball's center, which is the center of the circle along which the sphere cuts the plane. There an edge is
the chord within the circle, and circular sectors before and after it. No arc is ever traced, so a patch may have any
number of parts and holes.
"""

from typing import NamedTuple

import numpy as np

from meshot.base.kernels import innerkernel

# Columns of `facets`: area, the three first moments, the second moment, the solid angle of the part outside the ball.
COLUMNS = 6


class _Circle(NamedTuple):
    """Where the sphere cuts a facet's plane, at the offset h: its center `foot`, its radius, and that of the sphere."""

    foot: tuple[float, float, float]
    h: float
    rho: float
    radius: float


@innerkernel
def _mark_outside(cell, count, o, radius):
    """Mark, in column 8 of `work`, the facets that have a corner outside the ball; returns whether there are any."""
    pos, top, work, found, (ox, oy, oz) = cell.pos, cell.top, cell.work, False, o
    for v in range(count):
        if (pos[0, v] + ox) ** 2 + (pos[1, v] + oy) ** 2 + (pos[2, v] + oz) ** 2 > radius * radius:
            found = True
            work[top[v, 0], 8], work[top[v, 1], 8], work[top[v, 2], 8] = 1, 1, 1
    return found


@innerkernel
def _add_triangle(facets, f, n, r, v, w):
    """Add the signed triangle (r, v, w) to facet f with the normal n."""
    (nx, ny, nz), (rx, ry, rz), (vx, vy, vz), (wx, wy, wz) = n, r, v, w
    ax, ay, az, bx, by, bz = vx - rx, vy - ry, vz - rz, wx - rx, wy - ry, wz - rz
    area = 0.5 * (nx * (ay * bz - az * by) + ny * (az * bx - ax * bz) + nz * (ax * by - ay * bx))
    sx, sy, sz = rx + vx + wx, ry + vy + wy, rz + vz + wz
    square = rx * rx + ry * ry + rz * rz + vx * vx + vy * vy + vz * vz + wx * wx + wy * wy + wz * wz
    facets[f, 0] += area
    facets[f, 1] += area * sx / 3
    facets[f, 2] += area * sy / 3
    facets[f, 3] += area * sz / 3
    facets[f, 4] += area * (square + sx * sx + sy * sy + sz * sz) / 12


@innerkernel
def _solid_angle(t0, t1, p, h, angle, radius):
    """Solid angle of what lies between the circle and an edge outside it, which the foot sees under `angle`.

    The edge alone would have ``angle - change``, where ``tan a = h t / (p |x|)`` at its ends.
    """
    rest = h * h + p * p
    d0, d1, size = np.sqrt(rest + t0 * t0), np.sqrt(rest + t1 * t1), abs(p)
    # t1 d0 - t0 d1 without cancellation
    across = t1 * d0 - t0 * d1 if t0 * t1 <= 0.0 else rest * (t1 - t0) * (t1 + t0) / (t1 * d0 + t0 * d1)
    change = np.copysign(np.arctan2(abs(h) * size * across, size * size * d0 * d1 + h * h * t0 * t1), p)
    return np.copysign(1.0, h) * (min(abs(h) / radius, 1.0) * angle - change)


@innerkernel
def _add_sector(facets, f, t0, t1, p, circle, along, aside):
    """Add the circular sector between the points t0 and t1 of an edge, as seen from the foot."""
    foot, h, rho, radius = circle
    angle = np.copysign(np.arctan2(abs(p) * (t1 - t0), p * p + t0 * t1), p)
    facets[f, 5] += _solid_angle(t0, t1, p, h, angle, radius)
    if rho > 0.0:
        area, lever = 0.5 * rho * rho * angle, rho * rho * rho / 3
        s0, s1 = np.sqrt(p * p + t0 * t0), np.sqrt(p * p + t1 * t1)
        # the change of the unit vector from the foot, which a right angle turns into the sector's direction
        da, dt = p * (t0 * t0 - t1 * t1) / (s0 * s1 * (s0 + s1)), t1 / s1 - t0 / s0
        facets[f, 0] += area
        for k in range(3):
            facets[f, 1 + k] += area * foot[k] + lever * (dt * aside[k] - da * along[k])
        facets[f, 4] += area * h * h + 0.25 * rho * rho * rho * rho * angle


@innerkernel
def _add_edge(facets, f, n, h, radius, v, w):
    """Add the edge from v to w of facet f, a part of it for each side of the sphere."""
    (nx, ny, nz), (vx, vy, vz), (wx, wy, wz) = n, v, w
    ex, ey, ez = wx - vx, wy - vy, wz - vz
    length = np.sqrt(ex * ex + ey * ey + ez * ez)
    if not length > 0.0:
        return
    ex, ey, ez = ex / length, ey / length, ez / length
    ax, ay, az = ey * nz - ez * ny, ez * nx - ex * nz, ex * ny - ey * nx
    foot, along, aside = (h * nx, h * ny, h * nz), (ex, ey, ez), (ax, ay, az)
    dx, dy, dz = vx - foot[0], vy - foot[1], vz - foot[2]
    p, t0 = dx * ax + dy * ay + dz * az, dx * ex + dy * ey + dz * ez
    t1, square = t0 + length, max(radius * radius - h * h, 0.0)
    rho, root = np.sqrt(square), np.sqrt(max(square - p * p, 0.0))
    a, b, circle = max(t0, -root), min(t1, root), _Circle(foot, h, rho, radius)
    if not a < b:
        _add_sector(facets, f, t0, t1, p, circle, along, aside)
        return
    if t0 < a:
        _add_sector(facets, f, t0, a, p, circle, along, aside)
    if b < t1:
        _add_sector(facets, f, b, t1, p, circle, along, aside)
    area = 0.5 * p * (b - a)
    facets[f, 0] += area
    for k in range(3):
        facets[f, 1 + k] += area * (foot[k] + (2 * p * aside[k] + (a + b) * along[k]) / 3)
    facets[f, 4] += area * (h * h + (3 * p * p + a * a + b * b + a * b) / 6)


@innerkernel
def _sum_facets(cell, count, used, o, radius, facets):
    """Fill the integrals over all facets, relative to the cell's origin o; or to the ball's center, if it cuts some.

    Column 7 of `work` holds a corner of each facet, -1 if it is none of the polytope's, column 8 whether the ball cuts
    it. Returns the offset from what it is relative to, (x, y, z), and whether the ball cuts the cell.
    """
    pos, top, planes, work, (ox, oy, oz) = cell.pos, cell.top, cell.planes, cell.work, o
    for f in range(used):
        work[f, 7], work[f, 8] = -1, 0
        for k in range(6):
            facets[f, k] = 0.0
    if not _mark_outside(cell, count, o, radius):
        radius, ox, oy, oz = np.inf, 0.0, 0.0, 0.0
    for v in range(count):
        here = pos[0, v] + ox, pos[1, v] + oy, pos[2, v] + oz
        for k in range(3):
            f, w = top[v, k + 1 if k < 2 else 0], top[v, 3 + k]
            if work[f, 7] < 0:
                work[f, 7] = v
            n, r = (planes[f, 0], planes[f, 1], planes[f, 2]), work[f, 7]
            there = pos[0, w] + ox, pos[1, w] + oy, pos[2, w] + oz
            if work[f, 8] == 1:
                _add_edge(facets, f, n, planes[f, 3] + n[0] * ox + n[1] * oy + n[2] * oz, radius, here, there)
            elif v != r and w != r:
                root = pos[0, r] + ox, pos[1, r] + oy, pos[2, r] + oz
                _add_triangle(facets, f, n, root, here, there)
    return ox, oy, oz, radius < np.inf


@innerkernel
def _holds_ball(cell, used, o, radius):
    """Whether no facet cuts the ball that the polytope has part in: it then holds all of it."""
    planes, work, (ox, oy, oz) = cell.planes, cell.work, o
    for f in range(used):
        h = planes[f, 3] + planes[f, 0] * ox + planes[f, 1] * oy + planes[f, 2] * oz
        if work[f, 7] >= 0 and h < radius:
            return False
    return True


@innerkernel
def measure_polytope(cell, count, used, o, region, facets):
    """Measure the polytope's part in the region's ball; its coordinates are relative to the point o.

    Returns volume, centroid relative to the domain's center, second moment about the centroid, area of the patch on the
    sphere, and the integral of its normal. Fills the areas of the facets in the ball, column 0 of `facets`.
    """
    planes, work, radius, (ox, oy, oz) = cell.planes, cell.work, region.radius, o
    bx, by, bz, cut = _sum_facets(cell, count, used, o, radius, facets)
    volume, mx, my, mz, second, area = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    nx, ny, nz, solid = 0.0, 0.0, 0.0, 0.0
    for f in range(used):
        if work[f, 7] < 0:
            continue
        h = planes[f, 3] + planes[f, 0] * bx + planes[f, 1] * by + planes[f, 2] * bz
        volume, second = volume + h * facets[f, 0], second + h * facets[f, 4]
        mx, my, mz = mx + h * facets[f, 1], my + h * facets[f, 2], mz + h * facets[f, 3]
        a = facets[f, 0]
        nx, ny, nz = nx - planes[f, 0] * a, ny - planes[f, 1] * a, nz - planes[f, 2] * a
        area, solid = area + abs(facets[f, 0]), solid + facets[f, 5]
    patch = 0.0
    if cut:
        square = radius * radius
        if area > 0.0:
            patch = max(solid * square, 0.0)
        elif _holds_ball(cell, used, o, radius):
            patch = 4.0 * np.pi * square
        volume, second = volume + radius * patch, second + radius * square * patch
        mx, my, mz = mx + square * nx, my + square * ny, mz + square * nz
    else:
        bx, by, bz, nx, ny, nz = ox, oy, oz, 0.0, 0.0, 0.0
    volume /= 3
    if not volume > region.tol * (area + patch):  # no thicker than rounding
        return 0.0, np.nan, np.nan, np.nan, 0.0, 0.0, 0.0, 0.0, 0.0
    cx, cy, cz = 0.25 * mx / volume, 0.25 * my / volume, 0.25 * mz / volume
    second = max(0.2 * second - volume * (cx * cx + cy * cy + cz * cz), 0.0)
    if cut:
        return volume, cx, cy, cz, second, patch, nx, ny, nz
    return volume, cx + ox, cy + oy, cz + oz, second, patch, nx, ny, nz
