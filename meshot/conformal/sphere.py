"""Conformal maps of closed genus-zero surfaces to the unit sphere.

One vertex goes to a pole. Without its faces the surface is a disk, and the disk's conformal map, seen from the
sphere by stereographic projection, is the map but for a small error about that vertex. Harmonic maps in the two
stereographic charts in turn (Schwarz's alternating method) take the error away: the idea of Choi, Lam and Lui (2015),
"FLASH: fast landmark aligned spherical harmonic parameterization", with positive weights. The Moebius map that moves
the centroid of the area to the origin (Baden, Crane and Kazhdan 2018) makes the result unique up to rotation.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshot.algebra.operators import Sparse, edge_lengths, mean_value_weights
from meshot.algebra.solve import SPDSolver
from meshot.base.arrays import Floats, Ints, first_largest
from meshot.base.errors import GeometryError
from meshot.conformal.harmonic import (
    center_masses,
    circle_map,
    dirichlet_problem,
    moved_gaps,
    on_circle,
    positive_laplacian,
)
from meshot.conformal.intrinsic import mollified
from meshot.conformal.unfold import DEGENERATE, embed
from meshot.maps.affine import Complexes
from meshot.meshes.surface import Surface

# Each chart is solved from this part of the equator's radius on, so that the two overlap.
OVERLAP = 0.4
ROUNDS = 3
CENTERING_STEPS = 100
SWEEPS = 20
SWEEPS_PER_RING = 5
# A map with a larger part of its faces folded is not smoothed.
MOST_FOLDED = 0.3
# Patches that reach lower over their tangent plane are left alone.
LOWEST = 0.2

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class SphereMap:
    """A map to the unit sphere.

    Attributes
    ----------
    points : (V, 3) float
        NaN for vertices that belong to no face.
    repaired : (F,) bool
        Faces with a vertex that was moved to undo a fold.
    flips : int
        Edge flips that led to the Delaunay triangulation.
    """

    points: Floats
    repaired: Mask
    flips: int


def sphere_map(surface: Surface) -> SphereMap:
    """Map a closed surface of genus zero conformally to the sphere, centered and turned by rule.

    The centroid of the area lies at the origin, the vertex of least index that belongs to a face at (0, 0, 1), and its
    neighbor of least index at y = 0 with x > 0.

    Parameters
    ----------
    surface : Surface

    Raises
    ------
    GeometryError
        Faces fold in double precision.
    """
    z, repaired = _punctured(surface)
    matrix, flips = positive_laplacian(surface)
    improved = _alternate(matrix, _balanced(surface, z), surface)
    for plane in (improved, _balanced(surface, z)):
        points = _centered(surface, on_sphere(plane))
        points, moved = _smoothed_folds(surface, points)
        if not folded_on_sphere(surface.faces, points).any():
            return SphereMap(turned(surface, points), moved | repaired, flips)
    # Central projection keeps straight edges: any plane embedding becomes one of a hemisphere, and the faces about the
    # pole cover the rest.
    for plane in (_balanced(surface, z), z):
        points = from_tangent_plane(plane)
        bad = folded_on_sphere(surface.faces, points)
        if not bad.any():
            return SphereMap(turned(surface, points), repaired, flips)
    raise GeometryError("the map to the sphere folds these faces in double precision", ids=np.flatnonzero(bad).tolist())


def on_sphere(z: Complexes) -> Floats:
    """Return the points of the sphere whose stereographic projection from the south pole is z, (n, 3).

    Examples
    --------
    >>> on_sphere(np.array([0.0, 1.0, np.inf]))
    array([[ 0.,  0.,  1.],
           [ 1.,  0.,  0.],
           [ 0.,  0., -1.]])
    """
    far = np.abs(z) > 1.0
    w = np.where(far, np.conj(_inverse(z)), z)
    size = np.abs(w) ** 2
    height = np.where(far, size - 1.0, 1.0 - size)
    return np.asarray(np.stack([2 * w.real, 2 * w.imag, height], axis=1) / (1.0 + size)[:, None])


def in_plane(points: Floats) -> Complexes:
    """Return the stereographic projection from the south pole, (n,); infinity for that pole itself.

    Examples
    --------
    >>> in_plane(np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]))
    array([0.+0.j, 1.+0.j])
    """
    x, y, height = points.T
    with np.errstate(divide="ignore", invalid="ignore"):
        # 1 + height = (x^2 + y^2) / (1 - height), without cancellation near the pole.
        above = np.where(height < 0.0, (x**2 + y**2) / (1.0 - height), 1.0 + height)
        z = (x + 1j * y) / above
    return np.where(above > 0.0, z, np.inf)


def from_tangent_plane(z: Complexes) -> Floats:
    """Return the central projection to the northern hemisphere of points of the plane at height 1, (n, 3).

    Great circles come from straight lines. Infinity goes to the south pole.

    Examples
    --------
    >>> from_tangent_plane(np.array([0.0, np.inf])) + 0.0
    array([[ 0.,  0.,  1.],
           [ 0.,  0., -1.]])
    """
    far = np.isinf(z)
    near = np.where(far, 0.0, z)
    height = np.where(far, -1.0, 1.0) / np.sqrt(1.0 + np.abs(near) ** 2)
    return np.asarray(np.stack([near.real * height, near.imag * height, height], axis=1))


def folded_on_sphere(faces: Ints, points: Floats) -> Mask:
    """Whether each face is flipped or degenerate, (F,): its plane must have the origin on the inner side.

    Examples
    --------
    >>> folded_on_sphere(np.array([[0, 1, 2], [0, 2, 1]]), np.eye(3))
    array([False,  True])
    """
    a, b, c = points[faces].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    longest = np.max([np.sum((p - q) ** 2, axis=1) for p, q in ((a, b), (b, c), (c, a))], axis=0)
    large = 0.5 * np.linalg.norm(normal, axis=1) > DEGENERATE * longest
    return np.asarray(~(large & (np.sum(normal * (a + b + c), axis=1) > 0.0)))


def _punctured(surface: Surface) -> tuple[Complexes, Mask]:
    """Map the surface without one vertex to the unit disk; that vertex goes to infinity."""
    pole = first_largest(surface.vertex_areas)
    around = (surface.faces == pole).any(axis=1)
    rest = surface.with_faces(surface.faces[~around])
    problem = dirichlet_problem(rest)
    circle = circle_map(problem, rest)
    gaps = moved_gaps(circle.gaps, center_masses(on_circle(circle.gaps), circle.masses))
    unfolded = embed(problem, rest, gaps)
    repaired = np.zeros(len(around), dtype=bool)
    repaired[~around] = unfolded.faces
    z = unfolded.z.copy()
    z[pole] = np.inf
    return z, repaired


def _balanced(surface: Surface, z: Complexes) -> Complexes:
    """Scale the plane so that half of the area lies inside the unit circle."""
    used = surface.referenced
    radius = np.abs(z[used])
    order = np.argsort(radius, kind="stable")
    total = np.cumsum(surface.vertex_areas[used][order])
    middle = radius[order][np.searchsorted(total, 0.5 * total[-1])]
    return _scaled(z, 1.0 / middle) if 0.0 < middle < np.inf else z


def _alternate(matrix: Sparse, z: Complexes, surface: Surface) -> Complexes:
    """Solve for harmonic maps around the two poles in turn, the rest held."""
    used = surface.referenced
    outer, inner = used & (np.abs(z) > OVERLAP), used & (np.abs(z) < 1.0 / OVERLAP)
    if not (used & ~outer).any() or not (used & ~inner).any():
        return z
    charts = [_Chart(matrix, outer, surface), _Chart(matrix, inner, surface)]
    for _ in range(ROUNDS):
        # Seen from the other pole the map is 1 / z.
        z = _inverse(charts[0].solve(_inverse(z)))
        z = charts[1].solve(z)
    return z


def _scaled(z: Complexes, factor: float) -> Complexes:
    """Multiply by a number; infinity stays as it is, which complex arithmetic does not see to."""
    return np.where(np.isinf(z), np.inf, np.where(np.isinf(z), 0.0, z) * factor)


def _inverse(z: Complexes) -> Complexes:
    """Return 1 / z, with zero and infinity each other's inverse."""
    usable = (z != 0.0) & np.isfinite(z)
    inverse = 1.0 / np.where(usable, z, 1.0)
    return np.where(usable, inverse, np.where(z == 0.0, np.inf, 0.0))


class _Chart:
    """Harmonic extension into a set of vertices from those around it."""

    def __init__(self, matrix: Sparse, free: Mask, surface: Surface) -> None:
        self.free = np.flatnonzero(free)
        rows = matrix[self.free]
        rim = np.unique(rows.indices)
        self.held = rim[~free[rim] & surface.referenced[rim]]
        self.coupling = rows[:, self.held]
        self.solver = SPDSolver(rows[:, self.free], positions=surface.vertices[self.free])

    def solve(self, z: Complexes) -> Complexes:
        pulled = -(self.coupling @ z[self.held])
        inside = self.solver.solve(np.stack([pulled.real, pulled.imag], axis=1), tol=1e-12)
        solved = z.copy()
        solved[self.free] = inside[:, 0] + 1j * inside[:, 1]
        return solved


def _centered(surface: Surface, points: Floats) -> Floats:
    """Apply the Moebius map of the sphere that brings the centroid of the area to the origin."""
    used = surface.referenced
    masses = surface.vertex_areas[used] / surface.area
    on = points[used]
    for _ in range(CENTERING_STEPS):
        center = masses @ on
        if np.linalg.norm(center) < 1e-14:
            break
        # To first order in c the map below adds 2 (c - (c . x) x).
        matrix = 2.0 * (np.eye(3) - on.T @ (masses[:, None] * on))
        c = -np.asarray(np.linalg.lstsq(matrix, center, rcond=1e-12)[0], dtype=np.float64)
        c = c * min(1.0, 0.8 / float(np.linalg.norm(c)))
        for _ in range(40):
            moved = _boosted(on, c)
            if np.linalg.norm(masses @ moved) < np.linalg.norm(center):
                break
            c = 0.5 * c
        else:
            break
        on = moved
    centered = np.full_like(points, np.nan)
    centered[used] = on
    return centered


def _boosted(points: Floats, c: Floats) -> Floats:
    """Conformal map of the sphere that moves everything toward c."""
    sums = points + c
    moved = (1.0 - c @ c) / np.sum(sums**2, axis=1)[:, None] * sums + c
    return np.asarray(moved / np.linalg.norm(moved, axis=1)[:, None])


def turned(surface: Surface, points: Floats) -> Floats:
    """Rotate the sphere: first vertex to the north pole, its first neighbor to y = 0, x > 0.

    Examples
    --------
    >>> corner = Surface(np.eye(3), [[0, 1, 2]])
    >>> turned(corner, np.eye(3)).round(12) + 0.0
    array([[0., 0., 1.],
           [1., 0., 0.],
           [0., 1., 0.]])
    """
    first = int(surface.faces.min())
    around = surface.faces[(surface.faces == first).any(axis=1)]
    second = int(np.min(around[around != first]))
    north = points[first]
    east = points[second] - north * (points[second] @ north)
    east = east / np.linalg.norm(east)
    turned = points @ np.stack([east, np.cross(north, east), north], axis=1)
    return np.asarray(turned / np.linalg.norm(turned, axis=1)[:, None])


def _smoothed_folds(surface: Surface, points: Floats) -> tuple[Floats, Mask]:
    """Place the vertices of folded faces at the mean values of their neighbors, face by face in its tangent plane."""
    bad = np.flatnonzero(folded_on_sphere(surface.faces, points))
    moved = np.zeros(len(points), dtype=bool)
    if len(bad) == 0 or len(bad) > MOST_FOLDED * len(surface.faces):
        return points, np.zeros(len(surface.faces), dtype=bool)
    lengths = mollified(edge_lengths(surface), surface.twins)
    weights, points = mean_value_weights(surface.faces, lengths, len(points)), points.copy()
    for sweep in range(SWEEPS):
        # First the corner opposite the longest side alone, then whole faces, then their neighborhoods.
        apex = (lengths[bad].argmax(axis=1) + 2) % 3
        for face, corner in zip(surface.faces[bad], apex, strict=True):
            patch = face[[corner]] if sweep < SWEEPS_PER_RING else face
            for _ in range(sweep // SWEEPS_PER_RING - 1):
                patch = np.union1d(patch, _entries(weights, patch)[1])
            _place(weights, points, patch)
            moved[patch] = True
        bad = np.flatnonzero(folded_on_sphere(surface.faces, points))
        if len(bad) == 0:
            break
    return points, np.asarray(moved[surface.faces].any(axis=1))


def _place(weights: Sparse, points: Floats, patch: Ints) -> None:
    """Move a few vertices to the weighted means of their neighbors in the tangent plane at their middle.

    Central projection to that plane keeps straight what is straight on the sphere.
    """
    rows, columns, values = _entries(weights, patch)
    both, where = np.unique(np.concatenate([patch, columns]), return_inverse=True)
    north = points[patch].sum(axis=0)
    frame = _frame(north / np.linalg.norm(north))
    seen = points[both] @ frame.T
    if np.any(seen[:, 2] < LOWEST):
        return
    z = (seen[:, 0] + 1j * seen[:, 1]) / seen[:, 2]
    inside, local = where[: len(patch)], np.zeros((len(patch), len(both)))
    local[rows, where[len(patch) :]] = values
    matrix = np.diag(local.sum(axis=1)) - local[:, inside]
    local[:, inside] = 0.0
    points[patch] = from_tangent_plane(np.linalg.solve(matrix, local @ z)) @ frame


def _entries(weights: Sparse, patch: Ints) -> tuple[Ints, Ints, Floats]:
    """Entries of a few rows: number of the row in the patch, column, value; quicker than SciPy's slices."""
    parts = [slice(weights.indptr[v], weights.indptr[v + 1]) for v in patch.tolist()]
    rows = np.repeat(np.arange(len(patch)), [part.stop - part.start for part in parts])
    columns, values = (np.concatenate([a[part] for part in parts]) for a in (weights.indices, weights.data))
    return rows, columns, values


def _frame(north: Floats) -> Floats:
    """Return a rotation, (3, 3), whose last row is this unit vector.

    Duff et al. (2017), "Building an orthonormal basis, revisited": no cross product, which takes long for one vector.
    """
    x, y, z = north.tolist()
    sign = math.copysign(1.0, z)
    a = -1.0 / (sign + z)
    return np.array([[1 + sign * x * x * a, sign * x * y * a, -sign * x], [x * y * a, sign + y * y * a, -y], [x, y, z]])
