"""Polygons cut into triangles: convex ones into fans, others by ear clipping in their own plane.

A fan of a polygon that is not convex covers parts outside it, and some of its triangles are turned over. Libraries that
clip ears (mapbox-earcut) leave out corners in the middle of a straight side, which another face may share: the mesh
would come apart there. Here a polygon of n corners becomes n - 2 triangles, whatever it looks like.
"""

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints, cross2, norms
from meshot.formats.read.parsing import FormatError
from meshot.meshes.topology import fan_triangles

# Sine of the turn at a corner up to which it counts as straight.
MAX_STRAIGHT_SINE = 1e-9
# Distance of a polygon's corners from a plane, relative to its size, up to which it counts as flat.
MAX_FLAT_DISTANCE = 1e-6


def cut_polygons(vertices: Floats, corners: Ints, sizes: Ints) -> tuple[Ints, tuple[str, ...]]:
    """Cut polygons into triangles, in order.

    Parameters
    ----------
    vertices : (V, 3) float
        Positions.
    corners : (sum of sizes,) int
        The polygons' vertices, one polygon after the other.
    sizes : (P,) int
        Number of corners of each polygon, at least 3.

    Returns
    -------
    triangles : (F, 3) int
        A polygon of n corners gives n - 2 of them.
    notes : tuple of str
        What was cut, and how.

    Raises
    ------
    FormatError
        Flat polygons that cross themselves.

    Examples
    --------
    >>> dart = np.array([[0.0, 0, 0], [2, 1, 0], [0, 2, 0], [1, 1, 0]])  # corner 3 is reflex
    >>> cut_polygons(dart, np.array([0, 1, 2, 3]), np.array([4]))[0].tolist()
    [[3, 0, 1], [3, 1, 2]]
    """
    triangles = fan_triangles(corners, sizes)
    if (sizes == 3).all():
        return triangles, ()
    starts, firsts = np.cumsum(sizes) - sizes, np.cumsum(sizes - 2) - (sizes - 2)
    crossing, bent, fans = list[int](), 0, 0
    for size in np.unique(sizes[sizes > 3]).tolist():
        polygons = np.flatnonzero(sizes == size)
        reflex = _reflex_corners(vertices[corners[starts[polygons][:, None] + np.arange(size)]])
        one = (reflex.sum(axis=1) == 1) & (size == 4)
        middle = starts[polygons[one], None] + (np.argmax(reflex[one], axis=1)[:, None] + np.arange(4)) % 4
        for k in range(2):  # a quad with one reflex corner is a fan about that corner
            triangles[firsts[polygons[one]] + k] = corners[middle[:, [0, k + 1, k + 2]]]
        bent += int(reflex.any(axis=1).sum())
        for polygon in polygons[reflex.any(axis=1) & ~one].tolist():
            loop = corners[starts[polygon] : starts[polygon] + size]
            flat, height = _laid_flat(vertices[loop])
            crosses = _crosses_itself(flat)
            ears = None if crosses else _clip_ears(flat)
            if ears is not None:
                triangles[firsts[polygon] : firsts[polygon] + size - 2] = loop[ears]
            elif crosses and height <= MAX_FLAT_DISTANCE:
                crossing.append(polygon)
            else:
                fans += 1
    if crossing:
        raise FormatError("has faces, counted from 0, that cross themselves", sorted(crossing))
    notes = f"{(sizes > 3).sum()} faces with more than 3 corners were cut into {(sizes[sizes > 3] - 2).sum()} triangles"
    notes += f"; {bent} of these faces are not convex" if bent else " (fans)"
    return triangles, (
        notes + (f", and {fans} of them, twisted or without area, are fans all the same" if fans else ""),
    )


def _reflex_corners(points: Floats) -> NDArray[np.bool_]:
    """Say of polygons, (P, n, 3), which corners turn back, (P, n): all, where one winds around twice or has no area."""
    after = np.roll(points, -1, axis=1) - points
    before = np.roll(after, 1, axis=1)
    bends = np.cross(before, after)
    fans = np.cross(points[:, 1:-1] - points[:, :1], points[:, 2:] - points[:, :1])
    normal = fans.sum(axis=1)[:, None]
    turns = (bends * normal).sum(axis=2)
    reflex: NDArray[np.bool_] = turns < -MAX_STRAIGHT_SINE * norms(before) * norms(after) * norms(normal)
    reflex[norms(normal)[:, 0] < MAX_STRAIGHT_SINE * (norms(after) ** 2).sum(axis=1)] = True
    if points.shape[1] > 4:
        angles = np.arctan2(turns, norms(normal) * (before * after).sum(axis=2))
        reflex[angles.sum(axis=1) > 3 * np.pi] = True
    return reflex


def _laid_flat(points: Floats) -> tuple[Floats, float]:
    """Return a polygon in its own plane, (n, 2), counter-clockwise, and how far off it the corners are, in its size."""
    centered = points - points.mean(axis=0)
    size = float(norms(centered).max())
    _, _, axes = np.linalg.svd(centered, full_matrices=False)
    normal = np.cross(centered, np.roll(centered, -1, axis=0)).sum(axis=0)
    if axes[2] @ normal * np.linalg.det(axes) < 0:
        axes[1] = -axes[1]
    return centered @ axes[:2].T, float(np.abs(centered @ axes[2]).max()) / size if size > 0 else 0.0


def _crosses_itself(flat: Floats) -> bool:
    """Whether two sides of a polygon cross within both."""
    ends = np.roll(flat, -1, axis=0)
    a, b = flat[:, None], ends[:, None]
    c, d = flat[None], ends[None]
    apart = cross2(b - a, c - a) * cross2(b - a, d - a) < 0
    return bool((apart & apart.T).any())


def _clip_ears(flat: Floats) -> Ints | None:
    """Return n - 2 triangles of a polygon without crossings, (n - 2, 3) rows of corners; None where rounding stops it.

    Of all ears the one with the largest least angle goes first: of the two cuts of a dart, the one through its reflex
    corner is left.
    """
    ring, triangles = list(range(len(flat))), []
    while len(ring) > 3:
        points = flat[ring]
        before, after = np.roll(points, 1, axis=0), np.roll(points, -1, axis=0)
        ears = np.stack([before, points, after], axis=1)
        quality = _least_sines(ears)
        by_quality = np.argsort(-quality, kind="stable")
        fitting = by_quality[quality[by_quality] > MAX_STRAIGHT_SINE].tolist()
        best = next((k for k in fitting if not _holds_any(ears[k], points)), None)
        if best is None:
            return None
        triangles.append([ring[best - 1], ring[best], ring[(best + 1) % len(ring)]])
        del ring[best]
    return np.array([*triangles, ring])


def _least_sines(triangles: Floats) -> Floats:
    """Return the least sine of each triangle's angles, of (n, 3, 2); negative if it is clockwise, 0 without a side."""
    sides = np.roll(triangles, -1, axis=1) - triangles
    longest = np.sort(norms(sides), axis=1)[:, 1:].prod(axis=1)
    return np.divide(cross2(sides[:, 0], sides[:, 1]), longest, out=np.zeros(len(sides)), where=longest > 0)


def _holds_any(triangle: Floats, points: Floats) -> bool:
    """Whether a counter-clockwise triangle holds one of the points, on a side or inside, other than at its corners."""
    sides = np.roll(triangle, -1, axis=0) - triangle
    inside = np.all([cross2(side, points - corner) >= 0 for side, corner in zip(sides, triangle, strict=True)], axis=0)
    corner = (points[:, None] == triangle[None]).all(axis=2).any(axis=1)
    return bool((inside & ~corner).any())
