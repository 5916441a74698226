"""Discrepancy of points on a surface over geodesic discs.

A disc holds what is nearer than r to its center along the surface, by the heat method (Crane, Weischedel and Wardetzky,
"Geodesics in heat", 2013): distances at the vertices, linear on each face. The area of a disc is that of the same
piecewise linear function, exactly, so what the distances are off moves the discs a little but not the discrepancy.
"""

import numpy as np
from scipy import sparse

from meshot.algebra.linsolve import SPDSolver
from meshot.algebra.operators import cotangent_laplacian, edge_lengths
from meshot.meshes.mesh import Floats, Ints, Surface, norms

CENTERS, RADII = 24, 48
"""How many centers there are, and discs around each."""
# Share of the mass matrix that keeps the distances' system regular.
REGULAR = 1e-10


def disc_discrepancy(surface: Surface, faces: Ints, barycentric: Floats) -> float:
    """Return the greatest difference, over many geodesic discs, between share of the points and share of the area.

    The centers are vertices, picked by area with a seed of their own; the radii halve, third, ... the area.
    """
    areas = surface.vertex_areas
    picks = np.random.default_rng(0).random(CENTERS) * areas.sum()
    centers = np.searchsorted(np.cumsum(areas), picks)
    worst = 0.0
    for field in distances(surface, centers).T:
        of_points = np.sort((field[surface.faces[faces]] * barycentric).sum(axis=1))
        radii = np.quantile(field[surface.referenced], (np.arange(RADII) + 0.5) / RADII)
        found = np.searchsorted(of_points, radii, side="right") / len(faces)
        worst = max(worst, float(np.abs(found - area_below(surface, field, radii)).max()))
    return worst


def area_below(surface: Surface, field: Floats, levels: Floats) -> Floats:
    """Return the share of the area where a function, linear on each face with values (V,), is below each level.

    Examples
    --------
    >>> triangle = Surface([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    >>> area_below(triangle, np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.5, 1.0]))
    array([0.  , 0.25, 1.  ])
    """
    a, b, c = np.sort(field[surface.faces], axis=1).T
    shares = np.empty(len(levels))
    with np.errstate(invalid="ignore", divide="ignore"):
        for k, level in enumerate(levels.tolist()):
            lower = (level - a) ** 2 / ((b - a) * (c - a))
            upper = 1 - (c - level) ** 2 / ((c - a) * (c - b))
            part = np.where(level <= a, 0.0, np.where(level >= c, 1.0, np.where(level < b, lower, upper)))
            part = np.where(c > a, part, np.where(level >= c, 1.0, 0.0))
            shares[k] = (part * surface.face_areas).sum() / surface.area
    return shares


def distances(surface: Surface, centers: Ints) -> Floats:
    """Return the geodesic distance of all vertices to each center by the heat method, (V, centers).

    Vertices without a face get 0.
    """
    lengths, count = edge_lengths(surface), len(surface.vertices)
    stiffness = sparse.csr_array(cotangent_laplacian(surface.faces, lengths, count))
    mass = np.where(surface.referenced, surface.vertex_areas, surface.area / count)
    time = float((lengths**2).mean())
    heat = np.zeros((count, len(centers)))
    heat[centers, np.arange(len(centers))] = 1.0
    heat = SPDSolver(sparse.diags_array(mass) + time * stiffness).solve(heat)
    # Gradients of the corners' hat functions: the opposite side, turned by a right angle, over twice the area.
    corners = surface.corners
    opposite = np.roll(corners, -2, axis=1) - np.roll(corners, -1, axis=1)
    doubled = 2 * np.where(surface.face_areas > 0, surface.face_areas, 1.0)
    hats = np.cross(surface.face_normals[:, None], opposite) / doubled[:, None, None]
    flow = np.empty_like(heat)
    for k in range(len(centers)):
        gradient = np.einsum("fc,fcd->fd", heat[surface.faces, k], hats)
        length = norms(gradient)
        away = -gradient / np.where(length > 0, length, 1.0)[:, None]
        part = np.einsum("fd,fcd->fc", away, hats) * surface.face_areas[:, None]
        flow[:, k] = np.bincount(surface.faces.ravel(), part.ravel(), minlength=count)
    scale = float(stiffness.diagonal().sum() / mass.sum())
    found = SPDSolver(stiffness + REGULAR * scale * sparse.diags_array(mass)).solve(flow)
    return np.asarray(np.where(surface.referenced[:, None], found - found[centers, np.arange(len(centers))], 0.0))
