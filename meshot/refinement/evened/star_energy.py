"""The energy of a vertex's faces, in the plane and on the sphere, and the vertex's best place.

A face f of wanted area A, with image area a and Dirichlet energy D of the map from the surface's triangle, has

    A (D / a + w (a / A + A / a)),

D / a >= 1 with equality where the map keeps its angles (Hormann and Greiner, "MIPS: an efficient global
parametrization method", 2000), the rest least where it has its area. The energy is infinite where a face folds, so that
no step folds one. Positions of the plane are (x, y, 1): three points turn left if their triple product is positive, in
the plane as on the sphere.
"""

from typing import NamedTuple

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.base.kernels import subkernel

DISK, RIM, SPHERE = 0, 1, 2
# A vertex has moved enough once a step lowers its energy by less than this part.
ENOUGH = 0.05


class Shapes(NamedTuple):
    """What the faces are to look like.

    Attributes
    ----------
    corners : (F, 3) int
    cotangents : (F, 3) float
        Of the angles opposite the edge from each corner to the next.
    areas : (F,) float
        Wanted areas of the images.
    weight : float
        How much areas count against angles.
    """

    corners: Ints
    cotangents: Floats
    areas: Floats
    weight: float


@subkernel
def triple(p, q, r):
    """Triple product of three points, from differences: twice the area in the plane z = 1."""
    ax, ay, az = q[0] - p[0], q[1] - p[1], q[2] - p[2]
    bx, by, bz = r[0] - p[0], r[1] - p[1], r[2] - p[2]
    return p[0] * (ay * bz - az * by) + p[1] * (az * bx - ax * bz) + p[2] * (ax * by - ay * bx)


@subkernel
def face_area(kind, p, q, r):
    """Signed area of a triangle of the plane or the sphere."""
    det = triple(p, q, r)
    if kind != SPHERE:
        return 0.5 * det
    # Van Oosterom and Strackee, "The solid angle of a plane triangle", 1983.
    return 2.0 * np.arctan2(det, 4.0 - 0.5 * (square(p, q) + square(q, r) + square(r, p)))


@subkernel
def area_gradient(kind, p, q, r):
    """Return the derivative of `face_area` by the first point, as far as it lies in the plane or across the point."""
    ex, ey, ez = r[0] - q[0], r[1] - q[1], r[2] - q[2]
    # Half the cross product of the point, which is the plane's normal but for what lies across, and the opposite edge.
    nx, ny, nz = p[1] * ez - p[2] * ey, p[2] * ex - p[0] * ez, p[0] * ey - p[1] * ex
    if kind != SPHERE:
        return 0.5 * nx, 0.5 * ny, 0.5 * nz
    ax, ay, az = q[0] - p[0], q[1] - p[1], q[2] - p[2]
    bx, by, bz = r[0] - p[0], r[1] - p[1], r[2] - p[2]
    nx, ny, nz = nx + ay * bz - az * by, ny + az * bx - ax * bz, nz + ax * by - ay * bx
    det = triple(p, q, r)
    rest = 4.0 - 0.5 * (square(p, q) + square(q, r) + square(r, p))
    factor = 2.0 / (det * det + rest * rest)
    along, across = factor * rest, factor * det
    return along * nx - across * (ax + bx), along * ny - across * (ay + by), along * nz - across * (az + bz)


@subkernel
def square(p, q):
    """Return the squared distance."""
    x, y, z = p[0] - q[0], p[1] - q[1], p[2] - q[2]
    return x * x + y * y + z * z


@subkernel
def span(kind, p, q):
    """How much an edge counts for its length: more and more on the sphere, so that none spans half of it."""
    return 1.0 / max(1.0 - 0.25 * square(p, q), 1e-12) if kind == SPHERE else 1.0


@subkernel
def point(points, i):
    """Return a row as a tuple."""
    return points[i, 0], points[i, 1], points[i, 2]


@subkernel
def rotated(corners, f, vertex):
    """Return which corner of a face is the vertex, and the next and the last."""
    for c in range(2):
        if corners[f, c] == vertex:
            return c, corners[f, (c + 1) % 3], corners[f, (c + 2) % 3]
    return 2, corners[f, 0], corners[f, 1]


@subkernel
def star_energy(kind, p, vertex, star, points, shapes):
    """Energy of the faces of `vertex` were it at `p`; infinite if one folds."""
    energy = 0.0
    for f in star:
        c, j, k = rotated(shapes.corners, f, vertex)
        q, r = point(points, j), point(points, k)
        area = face_area(kind, p, q, r)
        wanted = shapes.areas[f]
        if not area > 0.0:
            return np.inf
        cot = shapes.cotangents
        dirichlet = cot[f, c] * square(p, q) + cot[f, (c + 1) % 3] * square(q, r) + cot[f, (c + 2) % 3] * square(r, p)
        dirichlet *= span(kind, p, q) * span(kind, q, r) * span(kind, r, p)
        ratio = area / wanted
        energy += wanted * (0.25 * dirichlet / area + shapes.weight * (ratio + 1.0 / ratio))
    return energy


@subkernel
def star_derivatives(kind, p, first, second, vertex, star, points, shapes):
    """Gradient and second derivatives of `star_energy` along two directions: (gx, gy, hxx, hxy, hyy)."""
    gx = gy = hxx = hxy = hyy = 0.0
    cot = shapes.cotangents
    for f in star:
        c, j, k = rotated(shapes.corners, f, vertex)
        q, r = point(points, j), point(points, k)
        wanted = shapes.areas[f]
        first_cot, last_cot = cot[f, c], cot[f, (c + 2) % 3]
        dirichlet = 0.25 * (first_cot * square(p, q) + cot[f, (c + 1) % 3] * square(q, r) + last_cot * square(r, p))
        first_span, last_span = span(kind, p, q), span(kind, r, p)
        spans = first_span * span(kind, q, r) * last_span
        dirichlet *= spans
        bent = 0.0 if kind != SPHERE else dirichlet
        first_cot = first_cot * spans + bent * first_span
        last_cot = last_cot * spans + bent * last_span
        area = face_area(kind, p, q, r)
        nx, ny, nz = area_gradient(kind, p, q, r)
        ax = nx * first[0] + ny * first[1] + nz * first[2]
        ay = nx * second[0] + ny * second[1] + nz * second[2]
        dx = dy = 0.0
        for s in range(3):
            pull = 0.5 * (first_cot * (p[s] - q[s]) + last_cot * (p[s] - r[s]))
            dx += pull * first[s]
            dy += pull * second[s]
        curvature = 0.5 * (first_cot + last_cot)
        inverse = 1.0 / area
        shape = dirichlet * inverse
        ratio = area / wanted
        slope = shapes.weight / wanted * (1.0 - ratio**-2) - shape * inverse
        bend = 2.0 * shape * inverse * inverse + 2.0 * shapes.weight / wanted**2 * ratio**-3
        gx += wanted * (dx * inverse + slope * ax)
        gy += wanted * (dy * inverse + slope * ay)
        mixed = inverse * inverse
        hxx += wanted * (curvature * inverse - 2.0 * mixed * dx * ax + bend * ax * ax)
        hxy += wanted * (-mixed * (dx * ay + dy * ax) + bend * ax * ay)
        hyy += wanted * (curvature * inverse - 2.0 * mixed * dy * ay + bend * ay * ay)
    return gx, gy, hxx, hxy, hyy


@subkernel
def frame(kind, p):
    """Two directions in which a point moves: across its position on the sphere, along the circle on the rim."""
    if kind == DISK:
        return (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
    if kind == RIM:
        return (-p[1], p[0], 0.0), (p[0], p[1], 0.0)
    sign = -1.0 if p[2] < 0.0 else 1.0
    a = -1.0 / (sign + p[2])
    b = p[0] * p[1] * a
    return (1.0 + sign * p[0] * p[0] * a, sign * b, -sign * p[0]), (b, sign + p[1] * p[1] * a, -p[1])


@subkernel
def moved(kind, p, first, second, x, y):
    """Return the point after a step along the directions, on the circle or sphere if it belongs there."""
    if kind == RIM:
        c, s = np.cos(x), np.sin(x)
        return c * p[0] - s * p[1], s * p[0] + c * p[1], 1.0
    qx, qy = p[0] + x * first[0] + y * second[0], p[1] + x * first[1] + y * second[1]
    qz = p[2] + x * first[2] + y * second[2]
    if kind == DISK:
        return qx, qy, 1.0
    size = 1.0 / np.sqrt(qx * qx + qy * qy + qz * qz)
    return qx * size, qy * size, qz * size


@subkernel
def newton_step(gx, gy, hxx, hxy, hyy, kind):
    """Return the step down: Newton's with the second derivatives made positive definite."""
    if kind == RIM:
        return -gx / max(abs(hxx), 1e-300), 0.0
    mean, half = 0.5 * (hxx + hyy), 0.5 * (hxx - hyy)
    radius = np.sqrt(half * half + hxy * hxy)
    least = max(abs(mean) + radius, 1e-300)
    # Both eigenvalues at least this part of the larger one.
    low = 1e-3 * least
    if mean - radius < low:
        shift = low - (mean - radius)
        hxx, hyy = hxx + shift, hyy + shift
    det = hxx * hyy - hxy * hxy
    return -(hyy * gx - hxy * gy) / det, -(hxx * gy - hxy * gx) / det


@subkernel
def relax(vertex, kind, star, points, shapes, steps):
    """Move a vertex down its energy by Newton steps; return how much lower it is."""
    p = point(points, vertex)
    energy = begun = star_energy(kind, p, vertex, star, points, shapes)
    if not begun < np.inf:
        return 0.0
    for _ in range(steps):
        first, second = frame(kind, p)
        gx, gy, hxx, hxy, hyy = star_derivatives(kind, p, first, second, vertex, star, points, shapes)
        if kind == RIM:
            hxx -= gy  # the circle's curvature
        x, y = newton_step(gx, gy, hxx, hxy, hyy, kind)
        part, gained = 1.0, False
        for _ in range(12):
            q = moved(kind, p, first, second, part * x, part * y)
            lower = star_energy(kind, q, vertex, star, points, shapes)
            if lower < energy:
                gained = True
                break
            part *= 0.5
        if not gained:
            break
        gain = energy - lower
        p, energy = q, lower
        if gain < ENOUGH * energy:
            break
    points[vertex, 0], points[vertex, 1], points[vertex, 2] = p
    return begun - energy
