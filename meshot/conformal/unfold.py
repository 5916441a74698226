"""Remove the folds of a piecewise-linear map of a disk, moving as few vertices as possible.

A harmonic map embeds the triangulation that its weights belong to. On the input's own triangles, where those are far
from Delaunay, the same vertex positions may fold. Folded faces are then kept when edges are flipped; vertices at edges
that are not Delaunay for that get mean value weights instead of cotangents, which may be negative there. All weights
are positive again, so by Floater's theorem (2003) the new map embeds the new triangulation and with it the faces kept.
It is solved for in a patch around them, which grows if it does not suffice.
"""

from dataclasses import dataclass
from itertools import islice

import numpy as np
from scipy import sparse

from meshot.algebra.operators import LEAST_WEIGHT, Sparse, edge_weights, laplacian, mean_value_weights
from meshot.base.arrays import Floats, Ints
from meshot.conformal.harmonic import DirichletProblem, on_circle
from meshot.conformal.intrinsic import intrinsic_delaunay
from meshot.conformal.stretch import Mask, loosened, weighted_means
from meshot.maps.affine import Complexes, beltrami
from meshot.meshes.surface import Surface

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
# Passes in which weights are shifted toward vertices that are not compressed.
STRETCH_PASSES = 60


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


def _stretch(surface: Surface, z: Complexes, free: Mask) -> Complexes:
    """Solve on the input's own triangles until features are back that were too small for double precision."""
    for moved in islice(loosened(surface, z, surface.face_areas, free), STRETCH_PASSES):
        if not folded(surface.faces, moved).any():
            break
    return moved
