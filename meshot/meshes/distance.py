"""Hausdorff distances of surfaces."""

import numpy as np
from scipy.spatial import cKDTree

from meshot.base.arrays import Floats, Ints, norms
from meshot.meshes.surface import Surface

# Sample points of a surface, at least; more if it has many faces.
SAMPLES = 30_000
# Nearest samples of the other surface whose faces are tested.
NEAREST = 8


def hausdorff_distances(first: Surface, second: Surface, samples: int = SAMPLES) -> tuple[float, float]:
    """Return the one-sided Hausdorff distances: of the first surface from the second, and of the second from the first.

    Each surface is sampled; distances are those to the triangles of the other near each sample.

    Parameters
    ----------
    first, second : Surface
    samples : int
        Approximate number of samples.

    Returns
    -------
    tuple of float

    Examples
    --------
    >>> corner = Surface([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    >>> there, back = hausdorff_distances(corner, corner.with_vertices(corner.vertices + [0, 0, 2]))
    >>> round(there, 12), round(back, 12)
    (2.0, 2.0)
    """
    there, back = _spread(first, samples), _spread(second, samples)
    points = [
        np.concatenate([each.vertices[each.referenced], spread[0]]) for each, spread in ((first, there), (second, back))
    ]
    return float(_distances(points[0], second, *back).max()), float(_distances(points[1], first, *there).max())


def _spread(surface: Surface, samples: int) -> tuple[Floats, Ints]:
    """Points of a grid in each face, none on its sides, and the face of each."""
    a, b, c = surface.corners.transpose(1, 0, 2)
    longest = np.max([norms(b - a), norms(c - b), norms(a - c)], axis=0)
    # n steps along each side make n (n + 1) / 2 points
    spacing = np.sqrt(2 * max(surface.area, 1e-300) / samples)
    steps = np.clip(np.ceil(longest / spacing), 1, 500).astype(np.int64)
    points, faces = [], []
    for count in np.unique(steps).tolist():
        ids = np.flatnonzero(steps == count)
        i, j = np.divmod(np.arange(count**2), count)
        i, j = ((each[i + j < count] + 1 / 3) / count for each in (i, j))
        grid = np.einsum("kc,fcd->fkd", np.stack([1 - i - j, i, j], axis=1), surface.corners[ids])
        points.append(grid.reshape(-1, 3))
        faces.append(np.repeat(ids, len(i)))
    return np.concatenate(points), np.concatenate(faces)


def _distances(points: Floats, surface: Surface, samples: Floats, faces: Ints) -> Floats:
    """Distance of each point from a surface with samples on known faces."""
    found, near = cKDTree(samples).query(points, k=min(NEAREST, len(samples)), workers=-1)
    near = near.reshape(len(points), -1)
    best = np.asarray(found).reshape(len(points), -1)[:, 0]
    for column in near.T:
        best = np.minimum(best, point_triangle_distances(points, surface.corners[faces[column]]))
    return best


def point_triangle_distances(points: Floats, corners: Floats) -> Floats:
    """Return the distance of each point, (n, 3), from its triangle, (n, 3, 3).

    The nearest point of the plane where it is inside, else the nearest of the sides.

    Examples
    --------
    >>> corners = np.array([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]] * 3)
    >>> point_triangle_distances(np.array([[0.2, 0.2, 3.0], [-4, 0.5, 3], [2, 0, 0]]), corners)
    array([3., 5., 1.])
    """
    a, b, c = corners.transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    square = np.einsum("nk,nk->n", normal, normal)
    safe = np.where(square > 0, square, 1.0)
    height = np.einsum("nk,nk->n", points - a, normal)
    inside = square > 0
    best = np.full(len(points), np.inf)
    for start, end in ((a, b), (b, c), (c, a)):
        side, offset = end - start, points - start
        length = np.einsum("nk,nk->n", side, side)
        t = np.clip(np.einsum("nk,nk->n", offset, side) / np.where(length > 0, length, 1.0), 0, 1)
        best = np.minimum(best, norms(offset - t[:, None] * side))
        inside &= np.einsum("nk,nk->n", np.cross(side, offset), normal) >= 0
    return np.where(inside, np.abs(height) / np.sqrt(safe), best)
