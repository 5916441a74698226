"""Maps of a disk by weighted means of neighbors (Tutte's embedding), with weights that even out compression.

A map whose inner vertices are means of their neighbors, with positive weights, has no fold if the boundary is convex
(Tutte 1963; Floater 2003). This holds for any weights, so they can be shifted, pass by pass, toward vertices that are
not compressed (Yoshizawa, Belyaev and Seidel 2004, "A fast and simple stretch-minimizing mesh parameterization"). This
restores limbs that a conformal map makes too small for double precision.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from meshot.algebra.multifrontal.dissection import dissect
from meshot.algebra.operators import Sparse, edge_lengths, mean_value_weights
from meshot.base.arrays import Floats, Ints
from meshot.conformal.harmonic import on_circle
from meshot.conformal.intrinsic import mollified
from meshot.maps.affine import Complexes
from meshot.meshes.surface import Surface

Mask = NDArray[np.bool_]

# Most that a weight, or a gap on the circle, changes in a pass.
LARGEST_SHIFT = 10.0
SMALLEST_RATIO = 1e-300
# Least share of a neighbor in a mean, and of a gap on the circle against equal ones.
LEAST_SHARE, LEAST_GAP = 1e-4, 1e-6
# Unknowns from which a dissection is quicker than minimum degree: by a fifth at 140,000, by more where there are more.
DISSECTED_FROM = 100_000
# Solves of one patch: the second takes back the first one's rounding.
REFINEMENTS = 2


def plain_weights(surface: Surface) -> Sparse:
    """Mean value weights of a surface's own triangles, (V, V)."""
    lengths = mollified(edge_lengths(surface), surface.twins)
    return mean_value_weights(surface.faces, lengths, len(surface.vertices))


def weighted_means(weights: Sparse, z: Complexes, patch: Mask) -> Complexes:
    """Place the patch's vertices at weighted averages of their neighbors; the others stay where they are."""
    inside = np.flatnonzero(patch)
    rows = weights[inside]
    matrix = sparse.diags_array(np.asarray(rows.sum(axis=1)).ravel()) - rows[:, inside]
    order, ordering = _elimination_order(matrix, z[inside])
    # Diagonally dominant by rows: no pivoting needed.
    options = {"SymmetricMode": True}
    solver = splu(matrix[order][:, order].tocsc(), permc_spec=ordering, diag_pivot_thresh=0.0, options=options)
    entries = rows.tocoo()
    placed = z.copy()
    for _ in range(REFINEMENTS):
        # Differences of neighbors keep the digits that tiny features need.
        pull = entries.data * (placed[entries.col] - placed[inside[entries.row]])
        missing = [np.bincount(entries.row, part, minlength=len(inside)) for part in (pull.real, pull.imag)]
        step = solver.solve(np.stack(missing, axis=1)[order])
        placed[inside[order]] += step[:, 0] + 1j * step[:, 1]
    return placed


def _elimination_order(matrix: Sparse, z: Complexes) -> tuple[Ints, Literal["NATURAL", "MMD_AT_PLUS_A"]]:
    """Return an order of the unknowns, which are at `z`, and what SuperLU is to make of it."""
    if len(z) < DISSECTED_FROM:
        return np.arange(len(z)), "MMD_AT_PLUS_A"
    entries = matrix.tocoo()
    across = entries.row != entries.col
    edges = np.stack([entries.row[across], entries.col[across]], axis=1)
    return dissect(np.stack([z.real, z.imag], axis=1), edges).order, "NATURAL"


def loosened(
    surface: Surface, z: Complexes, wanted: Floats, free: Mask, gaps: Floats | None = None
) -> Iterator[Complexes]:
    """Yield maps, each solved for on the input's own triangles with weights shifted by the one before, without end.

    All weights stay positive, so each pass is an embedding in exact arithmetic; for the same reason every neighbor
    keeps a least share in the mean.

    Parameters
    ----------
    surface : Surface
        A disk.
    z : (V,) complex
        A map to begin with.
    wanted : (F,) float
        What the faces' areas should come near, in any unit.
    free : (V,) bool
        Inner vertices.
    gaps : (B,) float, optional
        Angles between neighbors on the circle, which are shifted too; the boundary stays as it is without them.
    """
    weights, loop = plain_weights(surface), surface.boundary_loops[0]
    entries = weights.tocoo()
    values = entries.data.copy()
    while True:
        scale = _scale(surface.faces, z, wanted)
        values *= np.clip(scale[entries.col] / scale[entries.row], 1 / LARGEST_SHIFT, LARGEST_SHIFT)
        least = LEAST_SHARE * np.bincount(entries.row, values, minlength=len(z))
        bounded = np.maximum(values, least[entries.row])
        shifted = sparse.coo_array((bounded, (entries.row, entries.col)), shape=weights.shape).tocsr()
        if gaps is not None:
            gaps = _shifted_gaps(gaps, scale[loop])
            z = z.copy()
            z[loop] = on_circle(gaps)
        z = weighted_means(shifted, z, free)
        yield z


def _shifted_gaps(gaps: Floats, scale: Floats) -> Floats:
    """Widen the angles where the boundary is compressed, (B,), by half of the correction."""
    shift = np.clip((scale * np.roll(scale, -1)) ** -0.25, 1 / LARGEST_SHIFT, LARGEST_SHIFT)
    shares = gaps * shift / (gaps * shift).sum()
    return np.asarray(2 * np.pi * np.maximum(shares, LEAST_GAP / len(gaps)))


def _scale(faces: Ints, z: Complexes, wanted: Floats) -> Floats:
    """Root of the ratio of image area to wanted area of the faces at each vertex, (V,), but for a common factor."""
    a, b, c = z[faces].T
    p, q = b - a, c - a
    corners = faces.ravel()
    image = np.bincount(corners, np.repeat(np.abs(p.real * q.imag - p.imag * q.real), 3), minlength=len(z))
    areas = np.bincount(corners, np.repeat(wanted, 3), minlength=len(z))
    image *= wanted.sum() / image.sum()
    ratio = np.divide(image, areas, out=np.ones_like(image), where=areas > 0)
    return np.asarray(np.sqrt(np.maximum(ratio, SMALLEST_RATIO)))
