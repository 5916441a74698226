"""Make a piecewise-linear map of a disk free of folds, and move as few vertices as that takes.

A harmonic map embeds the triangulation that its weights belong to. On the input's own triangles, where those are far
from Delaunay, the same vertex positions may fold. Folded faces are then kept when edges are flipped; vertices at edges
that are not Delaunay for that get mean value weights instead of cotangents, which may be negative there. All weights
are positive again, so by Floater's theorem (2003) the new map embeds the new triangulation and with it the faces kept.
It is solved for in a patch around them, which grows if it does not suffice.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from meshot.algebra.operators import LEAST_WEIGHT, Sparse, edge_lengths, edge_weights, laplacian, mean_value_weights
from meshot.conformal.harmonic import DirichletProblem, on_circle
from meshot.conformal.intrinsic import intrinsic_delaunay, mollified
from meshot.mapping.affine import Complexes, beltrami
from meshot.meshes.mesh import Floats, Ints, Surface

# A face is degenerate if its signed area is at most this times its longest edge squared.
DEGENERATE = 2e-12
# Smallest angle between neighbors on the circle, as a share of equal angles: a transport to sites that are much closer
# than the rest has too few digits left. Where a map folds in double precision, the next share is tried.
LEAST_SHARES = (1e-4, 1e-2, 1.0)
# Rings around the faces kept that are solved for, round by round.
PATCH_RINGS = (1, 2, 4, 4, 8, 8, 16, 32, 64, 64, 64)
# A face whose Beltrami coefficient is larger than this is kept as well, unless this part of all faces or more is.
SPOILED = 0.9
MOST_SPOILED = 0.5
# Passes in which weights are shifted towards vertices that are not compressed.
STRETCH_PASSES = 60
LARGEST_SHIFT = 10.0
SMALLEST_RATIO = 1e-300
LEAST_SHARE = 1e-4
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


def embed(problem: DirichletProblem, surface: Surface, gaps: Floats) -> Repaired:
    """Return the harmonic map with these boundary values, made free of folds.

    Parameters
    ----------
    problem : DirichletProblem
        Of `surface`.
    surface : Surface
    gaps : (B,) float
        Angle of each boundary edge. Small ones are enlarged.
    """
    for share in LEAST_SHARES:
        values = on_circle(gaps, share * 2 * np.pi / len(gaps))
        repaired = unfold(surface, problem.joined(values, problem.extend(values)), problem.boundary)
        if len(repaired.bad) == 0:
            break
    return repaired


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
    bad = folded(surface.faces, z)
    if not (bad.any() and free.any()):
        return Repaired(z, np.zeros_like(bad), np.flatnonzero(bad))
    kept = _spoiled(surface, z)
    for rings in PATCH_RINGS:
        kept |= bad
        patch = grown(surface, kept, rings) & free
        if 2 * patch.sum() > free.sum() or rings == PATCH_RINGS[-1]:
            patch = free
        moved = weighted_means(_convex_weights(surface, kept), z, patch)
        bad = folded(surface.faces, moved)
        if not bad.any():
            return Repaired(moved, np.asarray(patch[surface.faces].any(axis=1)), np.flatnonzero(bad))
    moved = _stretch(surface, moved, free)
    return Repaired(moved, np.asarray(free[surface.faces].any(axis=1)), np.flatnonzero(folded(surface.faces, moved)))


def _spoiled(surface: Surface, z: Complexes) -> Mask:
    """Faces that are nearly folded, (F,), if they are few."""
    with np.errstate(divide="ignore", invalid="ignore"):
        spoiled = np.abs(beltrami(surface, z)) > SPOILED
    return spoiled if spoiled.mean() < MOST_SPOILED else np.zeros_like(spoiled)


def _convex_weights(surface: Surface, kept: Mask) -> Sparse:
    """Positive weights, (V, V), of the triangulation that is Delaunay but for some faces of the input, which it keeps.

    Vertices at edges that are not Delaunay get mean value weights, the others cotangent weights.
    """
    triangulation = intrinsic_delaunay(surface, kept)
    faces, lengths, twins = triangulation.faces, triangulation.lengths, triangulation.twins
    count, halves = len(surface.vertices), edge_weights(triangulation.lengths).ravel()
    summed = np.where(twins >= 0, halves + halves[twins], 1.0)
    special = np.zeros(count, dtype=bool)
    special[faces.ravel()[summed < 0.0]] = True
    special[np.roll(faces, -1, axis=1).ravel()[summed < 0.0]] = True
    cotangents = -laplacian(faces, 0.5 * np.maximum(summed, LEAST_WEIGHT).reshape(-1, 3), count)
    cotangents.setdiag(0.0)
    means = mean_value_weights(faces, lengths, count)
    choose, other = (sparse.diags_array(mask.astype(np.float64)) for mask in (special, ~special))
    mixed = sparse.csr_array(choose @ means + other @ cotangents)
    mixed.eliminate_zeros()
    return mixed


def grown(surface: Surface, marked: Mask, rings: int) -> Mask:
    """Vertices of marked faces, with so many rings around them, (V,)."""
    faces = surface.faces
    vertices = np.zeros(len(surface.vertices), dtype=bool)
    vertices[faces[marked]] = True
    for _ in range(rings):
        vertices[faces[vertices[faces].any(axis=1)]] = True
    return vertices


def weighted_means(weights: Sparse, z: Complexes, patch: Mask) -> Complexes:
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


def _stretch(surface: Surface, z: Complexes, free: Mask) -> Complexes:
    """Solve on the input's own triangles again and again, with weights shifted towards less compressed vertices.

    Yoshizawa, Belyaev and Seidel (2004), "A fast and simple stretch-minimizing mesh parameterization". All weights
    stay positive, so each pass is an embedding in exact arithmetic; the shift brings features back that were too
    small for double precision. For the same reason every neighbor keeps a least share in the mean.
    """
    weights = mean_value_weights(surface.faces, mollified(edge_lengths(surface), surface.twins), len(z))
    entries = weights.tocoo()
    values = entries.data.copy()
    for _ in range(STRETCH_PASSES):
        scale = _scale(surface, z)
        values *= np.clip(scale[entries.col] / scale[entries.row], 1 / LARGEST_SHIFT, LARGEST_SHIFT)
        least = LEAST_SHARE * np.bincount(entries.row, values, minlength=len(z))
        bounded = np.maximum(values, least[entries.row])
        shifted = sparse.coo_array((bounded, (entries.row, entries.col)), shape=weights.shape).tocsr()
        z = weighted_means(shifted, z, free)
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
