"""Make a piecewise-linear map of a disk free of folds, and move as few vertices as that takes.

A harmonic map embeds the triangulation that its weights belong to. On the input's own triangles, where those are far
from Delaunay, the same vertex positions may fold. The vertices around a fold are then placed anew as convex
combinations of their neighbors in the input mesh, with mean value weights; the patch grows until no fold is left. If it
takes in everything, Floater's theorem (2003) gives an embedding.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from meshot.mesh import Floats, Ints, Surface
from meshot.moebius import Complexes
from meshot.operators import Sparse, mean_value_weights

# A face is degenerate if its signed area is at most this times its longest edge squared.
DEGENERATE = 2e-12
# Passes in which weights are shifted towards vertices that are not compressed.
STRETCH_PASSES = 60
LARGEST_SHIFT = 10.0
SMALLEST_RATIO = 1e-300
# Solves of one patch: the second takes back the first one's rounding.
REFINEMENTS = 2

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Repaired:
    """Outcome of a repair.

    Attributes
    ----------
    z : (V,) complex
        Image of each vertex.
    faces : (F,) bool
        Faces with a vertex that was placed anew.
    bad : (n,) int
        Faces that are still flipped or degenerate.
    """

    z: Complexes
    faces: Mask
    bad: Ints


def folded(faces: Ints, z: Complexes) -> Mask:
    """Whether each face is flipped or degenerate in the plane, (F,).

    Examples
    --------
    >>> folded(np.array([[0, 1, 2], [2, 1, 0]]), np.array([0, 1, 1j]))
    array([False,  True])
    """
    a, b, c = z[faces].T
    p, q = b - a, c - a
    longest = np.maximum(np.maximum(np.abs(p), np.abs(q)), np.abs(b - c))
    area = 0.5 * (p.real * q.imag - p.imag * q.real)
    return np.asarray(~(area > DEGENERATE * longest**2))


def unfold(surface: Surface, z: Complexes, boundary: Ints) -> Repaired:
    """Place vertices around folds anew until there is none; the boundary stays where it is.

    Parameters
    ----------
    surface : Surface
    z : (V,) complex
        A map with the boundary on a strictly convex curve.
    boundary : (B,) int
    """
    free = surface.referenced.copy()
    free[boundary] = False
    patch = np.zeros(len(free), dtype=bool)
    bad = folded(surface.faces, z)
    if not bad.any():
        return Repaired(z, bad, np.flatnonzero(bad))
    rows = mean_value_weights(surface)
    rings, moved = 0, z
    while bad.any() and not patch[free].all():
        patch |= _grown(surface, bad, rings) & free
        if 2 * patch.sum() > free.sum():
            patch = free.copy()
        moved = _average(rows, z, patch)
        bad = folded(surface.faces, moved)
        rings = max(1, 2 * rings)
    if bad.any() and free.any():
        moved = _stretch(surface, rows, moved, free)
        bad = folded(surface.faces, moved)
    return Repaired(moved, np.asarray(patch[surface.faces].any(axis=1)), np.flatnonzero(bad))


def _grown(surface: Surface, marked: Mask, rings: int) -> Mask:
    """Vertices of marked faces, with so many rings around them, (V,)."""
    faces = surface.faces
    vertices = np.zeros(len(surface.vertices), dtype=bool)
    vertices[faces[marked]] = True
    for _ in range(rings):
        vertices[faces[vertices[faces].any(axis=1)]] = True
    return vertices


def _average(weights: Sparse, z: Complexes, patch: Mask) -> Complexes:
    """Place the patch's vertices at weighted averages of their neighbors; the others stay where they are."""
    inside = np.flatnonzero(patch)
    rows = weights[inside]
    matrix = sparse.diags_array(np.asarray(rows.sum(axis=1)).ravel()) - rows[:, inside]
    # Diagonally dominant by rows: no pivoting needed.
    options = {"SymmetricMode": True}
    solver = splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
    entries = rows.tocoo()
    placed = z.copy()
    for _ in range(REFINEMENTS):
        # Differences of neighbors keep the digits that tiny features need.
        pull = entries.data * (placed[entries.col] - placed[inside[entries.row]])
        missing = [np.bincount(entries.row, part, minlength=len(inside)) for part in (pull.real, pull.imag)]
        step = solver.solve(np.stack(missing, axis=1))
        placed[inside] += step[:, 0] + 1j * step[:, 1]
    return placed


def _stretch(surface: Surface, weights: Sparse, z: Complexes, free: Mask) -> Complexes:
    """Solve again and again with weights shifted towards vertices that are less compressed.

    Yoshizawa, Belyaev and Seidel (2004), "A fast and simple stretch-minimizing mesh parameterization". All weights
    stay positive, so each pass is an embedding in exact arithmetic; the shift brings features back that were too
    small for double precision.
    """
    entries = weights.tocoo()
    values = entries.data.copy()
    for _ in range(STRETCH_PASSES):
        scale = _scale(surface, z)
        values *= np.clip(scale[entries.col] / scale[entries.row], 1 / LARGEST_SHIFT, LARGEST_SHIFT)
        shifted = sparse.coo_array((values, (entries.row, entries.col)), shape=weights.shape).tocsr()
        z = _average(shifted, z, free)
        if not folded(surface.faces, z).any():
            break
    return z


def _scale(surface: Surface, z: Complexes) -> Floats:
    """Root of the ratio of image area to surface area of the faces at each vertex, (V,)."""
    a, b, c = z[surface.faces].T
    p, q = b - a, c - a
    image = np.repeat(np.abs(p.real * q.imag - p.imag * q.real), 3)
    around = np.bincount(surface.faces.ravel(), image, minlength=len(z))
    areas = surface.vertex_areas
    ratio = np.divide(around, areas, out=np.ones_like(around), where=areas > 0)
    return np.asarray(np.sqrt(np.maximum(ratio, SMALLEST_RATIO)))
