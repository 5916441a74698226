"""Kernels: one cell of a power diagram of the unit sphere at a time, cut out of a hemisphere and measured exactly.

With points p_i = e^(h_i) y_i the cell of site i holds the directions x in which <x, p_i> is the largest of all: the
outer normals at a corner of the convex hull of the points. Its sides are arcs of the great circles <x, p_j - p_i> = 0.
A cell lies in the hemisphere about its own site, so it starts as that, three corners on a great circle, and is cut by
candidates: the listed ones, and those listed for them.

If the arrays of a polygon are too small, the functions return `FULL`, and the caller repeats with larger ones.
"""

from typing import NamedTuple

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.base.kernels import innerkernel, kernel
from meshot.diagrams.engine import DONE, NO_ROOM, TOO_SMALL, relative_gap

FULL = -1
AREA = 4 * np.pi
# Label of the hemisphere's rim.
RIM = -1


class _Polygon(NamedTuple):
    """A spherical polygon in arrays longer than needed; the number of corners is stored separately.

    Attributes
    ----------
    xyz : (c, 3) float
        Its corners, unit vectors, counter-clockwise seen from outside.
    tag : (c,) int
        The label of the edge that starts at each corner.
    side, spare, spare_tag : (c,) float, (c, 3) float, (c,) int
        Room for a cut.
    """

    xyz: Floats
    tag: Ints
    side: Floats
    spare: Floats
    spare_tag: Ints


class SphereCells(NamedTuple):
    """Measured cells, one after the other.

    Attributes
    ----------
    measures : (m, 4) float
        Area, and the integral of the position.
    counts : (m,) int
        Number of sides.
    links, conductances : (e,) int, (e,) float
        Of each side: the site beyond, `RIM` if there is none, and the derivative of the area by its height.
    """

    measures: Floats
    counts: Ints
    links: Ints
    conductances: Floats

    @property
    def certificate(self) -> float:
        """``|sum of areas - 4 pi| / 4 pi``."""
        return relative_gap(self.measures[:, 0], AREA)


@innerkernel
def _start(cell, x, y, z):
    """Fill the polygon with the hemisphere about a direction; returns its corner count."""
    xyz, tag = cell.xyz, cell.tag
    size = np.sqrt(x * x + y * y + z * z)
    x, y, z = x / size, y / size, z / size
    # A direction across it: its cross product with the axis that it leans to least.
    if abs(x) <= abs(y) and abs(x) <= abs(z):
        ux, uy, uz = 0.0, z, -y
    elif abs(y) <= abs(z):
        ux, uy, uz = -z, 0.0, x
    else:
        ux, uy, uz = y, -x, 0.0
    size = np.sqrt(ux * ux + uy * uy + uz * uz)
    ux, uy, uz = ux / size, uy / size, uz / size
    vx, vy, vz = y * uz - z * uy, z * ux - x * uz, x * uy - y * ux
    for k in range(3):
        c, s = np.cos(2.0 * np.pi * k / 3.0), np.sin(2.0 * np.pi * k / 3.0)
        xyz[k, 0], xyz[k, 1], xyz[k, 2], tag[k] = c * ux + s * vx, c * uy + s * vy, c * uz + s * vz, -1
    return 3


@innerkernel
def _copy_corner(xyz, tag, k, to_xyz, to_tag, m):
    to_xyz[m, 0], to_xyz[m, 1], to_xyz[m, 2], to_tag[m] = xyz[k, 0], xyz[k, 1], xyz[k, 2], tag[k]


@innerkernel
def _crossing(xyz, side, k, m):
    t = side[k] / (side[k] - side[m])
    x = xyz[k, 0] + t * (xyz[m, 0] - xyz[k, 0])
    y = xyz[k, 1] + t * (xyz[m, 1] - xyz[k, 1])
    z = xyz[k, 2] + t * (xyz[m, 2] - xyz[k, 2])
    size = 1.0 / np.sqrt(x * x + y * y + z * z)
    return x * size, y * size, z * size


@innerkernel
def _cut(cell, count, a, b, c, label):
    """Keep the part with ``a x + b y + c z <= 0``; the new edge gets `label`. Returns the new corner count, or `FULL`.

    The kept corners are the run around the one farthest inside, whatever signs rounding gives to the others.
    """
    xyz, tag, side, spare, spare_tag = cell
    outside, start = 0, 0
    for k in range(count):
        side[k] = -(a * xyz[k, 0] + b * xyz[k, 1] + c * xyz[k, 2])
        outside += side[k] < 0.0
        if side[k] > side[start]:
            start = k
    if outside == 0 or outside == count:
        return count - outside
    last, before, after = start, start - 1 if start > 0 else count - 1, start + 1 if start + 1 < count else 0
    while side[before] >= 0.0:
        start, before = before, before - 1 if before > 0 else count - 1
    while side[after] >= 0.0:
        last, after = after, after + 1 if after + 1 < count else 0
    inside = last - start + 1 if last >= start else last - start + 1 + count
    if inside + 3 > len(xyz):
        return FULL
    in_x, in_y, in_z = _crossing(xyz, side, before, start)
    out_x, out_y, out_z = _crossing(xyz, side, last, after)
    in_label = tag[before]
    if start + inside <= count:
        for k in range(inside):
            _copy_corner(xyz, tag, start + k, xyz, tag, k)
    else:
        front = count - start
        for k in range(inside):
            _copy_corner(xyz, tag, start + k if k < front else k - front, spare, spare_tag, k)
        for k in range(inside):
            _copy_corner(spare, spare_tag, k, xyz, tag, k)
    k = inside
    xyz[k, 0], xyz[k, 1], xyz[k, 2], tag[k] = out_x, out_y, out_z, label
    if in_x * out_x + in_y * out_y + in_z * out_z < -0.5:
        # The ends may be opposite points: a quarter turn from one on, the side gets another corner.
        k, size = k + 1, 1.0 / np.sqrt(a * a + b * b + c * c)
        xyz[k, 0], xyz[k, 1] = (out_y * c - out_z * b) * size, (out_z * a - out_x * c) * size
        xyz[k, 2], tag[k] = (out_x * b - out_y * a) * size, label
    k += 1
    xyz[k, 0], xyz[k, 1], xyz[k, 2], tag[k] = in_x, in_y, in_z, in_label
    return k + 1


@innerkernel
def _cut_by_candidates(i, points, lists, cell, count, seen):
    """Cut cell i by its neighbors in `lists` (CSR), then by theirs."""
    xyz, (starts, neighbors) = cell.xyz, lists
    seen[i] = i
    px, py, pz = points[i, 0], points[i, 1], points[i, 2]
    for ring in range(2):
        for m in range(starts[i], starts[i + 1]):
            middle = neighbors[m]
            low, high = (m, m + 1) if ring == 0 else (starts[middle], starts[middle + 1])
            for n in range(low, high):
                j = neighbors[n]
                if seen[j] == i:
                    continue
                seen[j] = i
                a, b, c = points[j, 0] - px, points[j, 1] - py, points[j, 2] - pz
                for k in range(count):
                    if a * xyz[k, 0] + b * xyz[k, 1] + c * xyz[k, 2] > 0.0:
                        count = _cut(cell, count, a, b, c, j)
                        break
                if count <= 0:
                    return count
    return count


@innerkernel
def _measure(xyz, count):
    """Area of a spherical polygon, and the integral of the position over it.

    The area is the sum of spherical excesses (van Oosterom and Strackee 1983) over a fan of triangles; the triple
    products are of differences, which keep their digits in small triangles. The integral is, by Stokes, half the sum
    over the sides of their lengths times the normals of their planes.
    """
    area, mx, my, mz = 0.0, 0.0, 0.0, 0.0
    ox, oy, oz = xyz[0, 0], xyz[0, 1], xyz[0, 2]
    for k in range(count):
        m = k + 1 if k + 1 < count else 0
        px, py, pz = xyz[k, 0], xyz[k, 1], xyz[k, 2]
        dx, dy, dz = xyz[m, 0] - px, xyz[m, 1] - py, xyz[m, 2] - pz
        nx, ny, nz = py * dz - pz * dy, pz * dx - px * dz, px * dy - py * dx
        pq = 1.0 - 0.5 * (dx * dx + dy * dy + dz * dz)
        sine = np.sqrt(nx * nx + ny * ny + nz * nz)
        factor = 0.5 * np.arctan2(sine, pq) / sine if sine > 0.0 else 0.5
        mx, my, mz = mx + factor * nx, my + factor * ny, mz + factor * nz
        if 0 < k < count - 1:
            ex, ey, ez = px - ox, py - oy, pz - oz
            # det(o, p - o, q - p)
            det = ox * (ey * dz - ez * dy) + oy * (ez * dx - ex * dz) + oz * (ex * dy - ey * dx)
            op = ox * px + oy * py + oz * pz
            oq = ox * xyz[m, 0] + oy * xyz[m, 1] + oz * xyz[m, 2]
            area += 2.0 * np.arctan2(max(det, 0.0), 1.0 + op + oq + pq)
    return area, mx, my, mz


@innerkernel
def _conductance(xyz, k, m, px, py, pz, dx, dy, dz):
    """Integral of <x, p_i> / |p_j - p_i| over the side from corner k to m, d being the difference.

    The integral of the position over an arc from a to b is (a + b) tan(angle / 2).
    """
    sx, sy, sz = xyz[k, 0] + xyz[m, 0], xyz[k, 1] + xyz[m, 1], xyz[k, 2] + xyz[m, 2]
    ex, ey, ez = xyz[k, 0] - xyz[m, 0], xyz[k, 1] - xyz[m, 1], xyz[k, 2] - xyz[m, 2]
    tangent = np.sqrt((ex * ex + ey * ey + ez * ez) / (sx * sx + sy * sy + sz * sz))
    return tangent * (sx * px + sy * py + sz * pz) / np.sqrt(dx * dx + dy * dy + dz * dz)


@kernel
def measure_sphere_cells(first, last, which, room, least, points, lists, cells):
    """Cut and measure the cells of the sites `which`, from its place `first` to `last`; fill `cells`.

    Parameters
    ----------
    room : int
        Corners that a cell may have.
    least : float
        Area below which no cell may fall.
    points : (n, 3) float
        The sites, of length e^h.
    lists : tuple of (n + 1,) int and (l,) int
        Candidates for each site (CSR).

    Returns
    -------
    outcome : int
        `DONE`, or why the rest is incomplete: `NO_ROOM`, `TOO_SMALL`.
    sides : int
        How many there are.
    """
    tag, spare_tag = np.empty(room, np.int64), np.empty(room, np.int64)
    cell = _Polygon(np.empty((room, 3)), tag, np.empty(room), np.empty((room, 3)), spare_tag)
    (measures, counts, links, conductances), seen, total = cells, np.full(len(points), -1), 0
    for row in range(last - first):
        i = which[first + row]
        px, py, pz = points[i, 0], points[i, 1], points[i, 2]
        count = _cut_by_candidates(i, points, lists, cell, _start(cell, px, py, pz), seen)
        if count == FULL or total + count > len(links):
            return NO_ROOM, total
        counts[row] = count
        if count > 0:
            measures[row, 0], measures[row, 1], measures[row, 2], measures[row, 3] = _measure(cell.xyz, count)
        if measures[row, 0] < least:
            return TOO_SMALL, total
        for k in range(count):
            m = k + 1 if k + 1 < count else 0
            j = cell.tag[k]
            links[total], conductances[total] = j, 0.0
            if j >= 0:
                dx, dy, dz = points[j, 0] - px, points[j, 1] - py, points[j, 2] - pz
                conductances[total] = _conductance(cell.xyz, k, m, px, py, pz, dx, dy, dz)
            total += 1
    return DONE, total
