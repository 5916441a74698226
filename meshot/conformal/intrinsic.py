"""Intrinsic Delaunay triangulation: edge flips on lengths alone, so that every cotangent weight is non-negative.

Bobenko and Springborn (2007), "A discrete Laplace-Beltrami operator for simplicial surfaces"; Fisher, Springborn,
Bobenko and Schroeder (2006). The flipped triangulation may hold loops and multiple edges; it is an array-based
triangulation, where twins and not vertex pairs say what is glued to what.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshot.algebra.operators import edge_lengths
from meshot.base.arrays import Floats, Ints
from meshot.base.errors import ConvergenceError
from meshot.base.kernels import kernel, subkernel
from meshot.meshes.surface import Surface

# An edge is flipped if the cotangents opposite it sum to less than minus this.
TOLERANCE = 1e-10
FLIPS_PER_EDGE = 200
FLIPS_AT_LEAST = 1000
# Flips in one call of the kernel, which cannot be interrupted: a tenth of a second.
FLIPS_AT_A_TIME = 500_000
# Least amount by which two sides of a triangle are longer than the third, in units of the longest.
SLACK = 1e-12
MOLLIFICATIONS = 30


@dataclass(frozen=True, eq=False)
class IntrinsicTriangulation:
    """Faces and edge lengths of a triangulation of a surface with straight edges inside the surface.

    Attributes
    ----------
    faces : (F, 3) int
    lengths : (F, 3) float
        Length of the edge from corner k to corner k + 1.
    twins : (3F,) int
        Opposite halfedge, -1 on the boundary.
    flips : int
        How many edge flips led here.
    """

    faces: Ints
    lengths: Floats
    twins: Ints
    flips: int


def intrinsic_delaunay(surface: Surface, kept: NDArray[np.bool_] | None = None) -> IntrinsicTriangulation:
    """Flip edges until the angles opposite each sum to at most pi.

    Parameters
    ----------
    surface : Surface
        Manifold and oriented, without zero-area faces.
    kept : (F,) bool, optional
        Faces whose edges are not flipped.

    Raises
    ------
    ConvergenceError
        The flips do not end, which only broken lengths can cause.

    Examples
    --------
    >>> kite = Surface([[-3, 0, 0], [0, -1, 0], [3, 0, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    >>> intrinsic_delaunay(kite).flips
    1
    """
    faces, twins = surface.faces.copy(), surface.twins.copy()
    lengths = mollified(edge_lengths(surface), twins)
    limit = FLIPS_PER_EDGE * len(twins) + FLIPS_AT_LEAST
    fixed = np.zeros(len(twins), dtype=bool) if kept is None else np.repeat(kept, 3)
    fixed |= (twins >= 0) & fixed[twins]
    begin = np.flatnonzero(twins > np.arange(len(twins)))
    stack, waiting = np.empty(len(twins), dtype=np.int64), np.zeros(len(twins), dtype=bool)
    stack[: len(begin)], waiting[begin] = begin, True
    flips, top = 0, len(begin)
    while top > 0:
        made, top = _flip_all(faces, lengths, twins, fixed, TOLERANCE, FLIPS_AT_A_TIME, stack, waiting, top)
        flips += made
        if flips > limit:
            raise ConvergenceError(f"the Delaunay flips did not end after {limit}")
    return IntrinsicTriangulation(faces, lengths, twins, flips)


def mollified(lengths: Floats, twins: Ints) -> Floats:
    """Return lengths with the triangle inequality strict by `SLACK` of the longest edge, changed only where needed.

    Sharp and Crane (2020), "A Laplacian for nonmanifold triangle meshes", lengthen all edges alike; here only those
    of faces that are flat in double precision, so that small faces elsewhere keep their shape.

    Parameters
    ----------
    lengths : (F, 3) float
    twins : (3F,) int

    Examples
    --------
    >>> bool(mollified(np.array([[2.0, 1.0, 1.0]]), np.full(3, -1)).sum() > 4)
    True
    """
    lengths = lengths.copy()
    for _ in range(MOLLIFICATIONS):
        longest = lengths.max(axis=1)
        missing = SLACK * longest - (lengths.sum(axis=1) - 2 * longest)
        flat = np.flatnonzero(missing > 0)
        if len(flat) == 0:
            return lengths
        raised = lengths.copy()
        raised[flat] += np.where(lengths[flat] < longest[flat, None], missing[flat, None], 0.0)
        both = raised.ravel()
        lengths = np.maximum(both, np.where(twins >= 0, both[twins], 0.0)).reshape(-1, 3)
    # Lengthening all edges alike always ends it.
    return np.asarray(lengths + float(np.max(missing)))


@subkernel
def _height_and_foot(base: float, left: float, right: float) -> tuple[float, float]:
    """Apex of a triangle over its base: distance `left` from the base's start and `right` from its end."""
    foot = 0.5 * (base + (left - right) * (left + right) / base)
    a = max(base, left, right)
    c = min(base, left, right)
    b = base + left + right - a - c
    b = min(max(b, c), a)
    product = (a + (b + c)) * (c - (a - b)) * (c + (a - b)) * (a + (b - c))
    return foot, 0.5 * np.sqrt(max(product, 0.0)) / base


@kernel
def _flip_all(faces, lengths, twins, fixed, tolerance, most, stack, waiting, top):
    """Flip non-Delaunay edges in place, last pushed first, at most so many; returns how many, and how many are waiting.

    The first `top` of the `stack` (3F,) are the halfedges to look at, which are `waiting` (3F,), none of them twice.
    """
    flips = 0
    while top > 0 and flips < most:
        top -= 1
        h = stack[top]
        waiting[h] = False
        t = twins[h]
        f, g = h // 3, t // 3
        if t < 0 or f == g or fixed[h]:
            continue
        k, m = h % 3, t % 3
        base = lengths[f, k]
        # The quad laid out in the plane: h runs from (0, 0) to (base, 0), apex c above, apex d below.
        foot_c, height_c = _height_and_foot(base, lengths[f, (k + 2) % 3], lengths[f, (k + 1) % 3])
        foot_d, height_d = _height_and_foot(base, lengths[g, (m + 1) % 3], lengths[g, (m + 2) % 3])
        if height_c <= 0.0 or height_d <= 0.0:
            continue
        cot_c = (height_c * height_c - foot_c * (base - foot_c)) / (base * height_c)
        cot_d = (height_d * height_d - foot_d * (base - foot_d)) / (base * height_d)
        if cot_c + cot_d >= -tolerance * (abs(cot_c) + abs(cot_d) + 1.0):
            continue
        flips += 1
        diagonal = np.hypot(foot_c - foot_d, height_c + height_d)
        _flip(faces, lengths, twins, fixed, h, t, diagonal)
        # The new edge is Delaunay; the four around it may have become bad.
        for e in (3 * f + 1, 3 * f + 2, 3 * g + 1, 3 * g + 2):
            o = min(e, twins[e])
            if o >= 0 and not waiting[o]:
                waiting[o] = True
                stack[top] = o
                top += 1
    return flips, top


@subkernel
def _flip(faces, lengths, twins, fixed, h, t, diagonal):
    """Turn the edge of h (a to b, apex c) and t (b to a, apex d) into c-d; faces become (c, d, b) and (d, c, a)."""
    f, g = h // 3, t // 3
    h1, h2 = 3 * f + (h + 1 - 3 * f) % 3, 3 * f + (h + 2 - 3 * f) % 3
    t1, t2 = 3 * g + (t + 1 - 3 * g) % 3, 3 * g + (t + 2 - 3 * g) % 3
    a, b = faces[f, h - 3 * f], faces[g, t - 3 * g]
    c, d = faces[f, h2 - 3 * f], faces[g, t2 - 3 * g]
    outer = (t2, h1, h2, t1)
    length = (
        lengths[g, t2 - 3 * g],
        lengths[f, h1 - 3 * f],
        lengths[f, h2 - 3 * f],
        lengths[g, t1 - 3 * g],
    )
    target = (3 * f + 1, 3 * f + 2, 3 * g + 1, 3 * g + 2)
    twin, held = np.empty(4, dtype=np.int64), np.empty(4, dtype=np.bool_)
    for i in range(4):
        twin[i] = twins[outer[i]]
        held[i] = fixed[outer[i]]
    for i in range(4):
        # Two of the four outer edges may be glued to each other.
        for j in range(4):
            if twin[i] == outer[j]:
                twin[i] = target[j]
                break
    faces[f, 0], faces[f, 1], faces[f, 2] = c, d, b
    faces[g, 0], faces[g, 1], faces[g, 2] = d, c, a
    lengths[f, 0], lengths[f, 1], lengths[f, 2] = diagonal, length[0], length[1]
    lengths[g, 0], lengths[g, 1], lengths[g, 2] = diagonal, length[2], length[3]
    twins[3 * f], twins[3 * g] = 3 * g, 3 * f
    fixed[3 * f], fixed[3 * g] = False, False
    for i in range(4):
        twins[target[i]] = twin[i]
        fixed[target[i]] = held[i]
        if twin[i] >= 0:
            twins[twin[i]] = target[i]
