"""Kernels: convex polygons and a circle about the origin."""

import numpy as np

from meshot.base.kernels import innerkernel


@innerkernel
def turn_between(px, py, qx, qy, only):
    """Counter-clockwise angle from p to q about the origin, in [0, 2 pi].

    If the arc is the only one of its cell, the chord from q to p alone bounds the cell, which decides between nearly
    nothing and nearly the full circle; else a negative angle of rounding size is nothing.
    """
    cross, dot = px * qy - py * qx, px * qx + py * qy
    angle = np.arctan2(cross, dot)
    if angle < 0.0 and (only or angle < -1e-6):
        angle += 2 * np.pi
    return max(angle, 0.0)


@innerkernel
def segments_in_circle(xy, count, radius, segments):
    """Fill `segments` (px, py, qx, qy) with each edge's part in the circle, NaN if none; returns how many there are."""
    parts = 0
    for k in range(count):
        m = k + 1 if k + 1 < count else 0
        px, py, qx, qy = xy[k, 0], xy[k, 1], xy[m, 0], xy[m, 1]
        t0, t1 = inside_circle(px, py, qx, qy, radius)
        if t0 > t1:
            segments[k, 0] = np.nan
            continue
        parts += 1
        segments[k, 0], segments[k, 1] = (px, py) if t0 == 0.0 else (px + t0 * (qx - px), py + t0 * (qy - py))
        segments[k, 2], segments[k, 3] = (qx, qy) if t1 == 1.0 else (px + t1 * (qx - px), py + t1 * (qy - py))
    return parts


@innerkernel
def holds_origin(xy, count):
    """Whether the origin lies in a convex polygon, counter-clockwise, with `count` corners."""
    for k in range(count):
        m = k + 1 if k + 1 < count else 0
        if xy[k, 0] * xy[m, 1] - xy[k, 1] * xy[m, 0] < 0.0:
            return False
    return count > 0


@innerkernel
def inside_circle(px, py, qx, qy, radius):
    """Parameters t0 < t1 between which p + t (q - p), 0 <= t <= 1, is inside the circle about the origin, or (1, 0)."""
    dx, dy = qx - px, qy - py
    a, b, c = dx * dx + dy * dy, px * dx + py * dy, px * px + py * py - radius * radius
    discriminant = b * b - a * c
    if not discriminant > 0.0:
        return 1.0, 0.0
    root = np.sqrt(discriminant)
    # the form without cancellation for either root
    t0 = c / (root - b) if b < 0.0 else (-b - root) / a
    t1 = -c / (b + root) if b > 0.0 else (root - b) / a
    t0, t1 = max(t0, 0.0), min(t1, 1.0)
    if not t0 < t1:
        return 1.0, 0.0
    return t0, t1
