"""Power cells by another way: the regular triangulation from qhull's lower hull of the lifted points. And domains."""

import numpy as np
from scipy.spatial import ConvexHull

from meshot.diagrams.domains import Ball, Box, ConvexPolygon, ConvexPolyhedron, Disk

PLANE_DOMAINS = {
    "disk": Disk(),
    "box": Box([-1, -0.5], [1, 1]),
    "polygon": ConvexPolygon([[-1, -1], [1, -0.5], [0.2, 1]]),
}
SPACE_DOMAINS = {
    "ball": Ball([0.2, -0.1, 0.3], 1.1),
    "box": Box([-1, -1, -1], [1, 1, 1]),
    "polyhedron": ConvexPolyhedron([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]),
}


def lower_hull(sites, weights):
    """The regular triangulation."""
    hull = ConvexHull(np.column_stack([sites, (sites**2).sum(axis=1) - weights]))
    return hull.simplices[hull.equations[:, 2] < -1e-12]


def as_set(triangles):
    """Triangles by their corners, in whatever order these and they themselves are."""
    return set(map(tuple, np.sort(triangles, axis=1).tolist()))


def qhull_cells(sites, weights, corners):
    """Areas and centroids of the power cells in a convex polygon, cell by cell, from the lifted lower hull's pairs."""
    lift = (sites**2).sum(axis=1) - weights
    low, high = corners.min(axis=0), corners.max(axis=0)
    reach = 10 * np.linalg.norm(high - low) + 10 * np.abs(sites).max() + np.abs(weights).max()
    far = reach * np.array([[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, 1], [1, -1], [-1, -1]])
    top = np.concatenate([lift, (far**2).sum(axis=1)])
    points = np.column_stack([np.concatenate([sites, far]), top])
    hull = ConvexHull(points, qhull_options="Qt")
    lower = hull.simplices[hull.equations[:, 2] < 0]
    near = [set() for _ in sites]
    for a, b, c in lower:
        for i, j in ((a, b), (b, c), (c, a)):
            if i < len(sites):
                near[i].add(j)
            if j < len(sites):
                near[j].add(i)
    areas, centroids = np.zeros(len(sites)), np.full(sites.shape, np.nan)
    for i, neighbors in enumerate(near):
        if not neighbors:
            continue
        cell = corners
        for j in neighbors:
            normal = 2 * (points[j, :2] - sites[i])
            cell = _clip(cell, normal, top[j] - lift[i])
        areas[i], centroids[i] = _area_and_centroid(cell)
    return areas, centroids


def _clip(polygon, normal, bound):
    out = []
    for p, q in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        s, t = bound - normal @ p, bound - normal @ q
        if s >= 0:
            out.append(p)
        if (s >= 0) != (t >= 0):
            out.append(p + s / (s - t) * (q - p))
    return np.array(out).reshape(-1, 2)


def _area_and_centroid(polygon):
    if len(polygon) < 3:
        return 0.0, np.full(2, np.nan)
    p, q = polygon - polygon[0], np.roll(polygon, -1, axis=0) - polygon[0]
    cross = p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]
    area = cross.sum() / 2
    return area, polygon[0] + (cross[:, None] * (p + q)).sum(axis=0) / (6 * area) if area > 0 else np.full(2, np.nan)
