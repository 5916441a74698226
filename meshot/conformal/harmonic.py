"""Harmonic maps of disk-like surfaces, whose boundary values make them conformal, and of the inside of solids.

The Green's function g of an interior point p is, on a disk-like surface, ``-log |f|`` of the conformal map f with
f(p) = 0; the angle of f is its conjugate, so along the boundary it grows by the flux of g (harmonic measure).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from meshot.algebra.operators import LEAST_WEIGHT, Sparse, edge_weights, laplacian
from meshot.algebra.solve import SPDSolver
from meshot.base.arrays import Floats, Ints, first_largest
from meshot.base.errors import ConvergenceError
from meshot.conformal.intrinsic import intrinsic_delaunay
from meshot.conformal.moebius import DiskMoebius, centering
from meshot.maps.affine import Complexes
from meshot.meshes.solid import Solid
from meshot.meshes.surface import Surface

SOLVER_TOLERANCE = 1e-12
# A pole is changed if the Moebius map that centers the area moves the origin further than this.
OFF_CENTER = 0.9
POLES = 12
# Masses of half the total or more cannot be centered; gaps of half the circle or more leave the origin outside.
LARGEST_ATOM = 0.4
LARGEST_GAP = 0.45


@dataclass(frozen=True, eq=False)
class DirichletProblem:
    """Harmonic extension from the boundary loop, with one prepared solver.

    Attributes
    ----------
    boundary, interior : (B,), (I,) int
        Vertices of the loop in its order, and the others that belong to a face.
    solver : SPDSolver
        For the interior block of the Laplacian.
    coupling : (I, B) sparse
        The Laplacian's block between interior and boundary; its entries are not positive.
    rim : (B, B) sparse
        The Laplacian's block on the boundary.
    laplacian : (V, V) sparse
        The whole Laplacian.
    flips : int
        Edge flips that led to the intrinsic Delaunay triangulation.
    """

    boundary: Ints
    interior: Ints
    solver: SPDSolver
    coupling: Sparse
    rim: Sparse
    laplacian: Sparse
    flips: int

    def flux(self, inside: Floats) -> Floats:
        """Return the flux through the boundary at each vertex, (B,), of a function that is zero on the boundary."""
        return np.asarray(-(self.coupling.T @ inside))

    def solve(self, rhs: Floats) -> Floats:
        """Return the function that is zero on the boundary and has this Laplacian inside, (I,) or (I, k)."""
        return self.solver.solve(rhs, tol=SOLVER_TOLERANCE)

    def extend(self, values: Complexes) -> Complexes:
        """Return the harmonic function with these boundary values at the interior vertices, (I,)."""
        pulled = -(self.coupling @ values)
        inside = self.solve(np.stack([pulled.real, pulled.imag], axis=1))
        return np.asarray(inside[:, 0] + 1j * inside[:, 1])

    def joined(self, values: Complexes, inside: Complexes) -> Complexes:
        """Return boundary and interior values as one array, (V,); zero at vertices that belong to no face."""
        z = np.zeros(self.laplacian.shape[0], dtype=np.complex128)
        z[self.boundary], z[self.interior] = values, inside
        return z


def positive_laplacian(surface: Surface) -> tuple[Sparse, int]:
    """Return the Laplacian of the intrinsic Delaunay triangulation, (V, V), and how many edge flips led there.

    The weights of all inner edges are positive; those of boundary edges may be negative.
    """
    triangulation = intrinsic_delaunay(surface)
    weights, twins = edge_weights(triangulation.lengths).ravel(), triangulation.twins
    # An inner edge's weight is shared evenly by its halves.
    shared = 0.5 * np.maximum(weights + weights[twins], LEAST_WEIGHT)
    halves = np.where(twins >= 0, shared, weights).reshape(-1, 3)
    return laplacian(triangulation.faces, halves, len(surface.vertices)), triangulation.flips


def dirichlet_problem(surface: Surface) -> DirichletProblem:
    """Set up the Dirichlet problem on the intrinsic Delaunay triangulation of a disk-like surface.

    All weights are positive, so a harmonic map to a convex polygon embeds that triangulation (Floater 2003,
    "One-to-one piecewise linear mappings over triangulations").

    Parameters
    ----------
    surface : Surface
        One boundary loop, genus zero.
    """
    matrix, flips = positive_laplacian(surface)
    boundary = surface.boundary_loops[0]
    inside = surface.referenced.copy()
    inside[boundary] = False
    interior = np.flatnonzero(inside)
    rows = matrix[interior]
    solver = SPDSolver(rows[:, interior], positions=surface.vertices[interior])
    coupling, rim = rows[:, boundary], matrix[boundary][:, boundary]
    return DirichletProblem(boundary, interior, solver, coupling, rim, matrix, flips)


@dataclass(frozen=True, eq=False)
class CircleMap:
    """A map of the boundary to the unit circle.

    Attributes
    ----------
    gaps : (B,) float
        Angle of each boundary edge; they sum to 2 pi.
    masses : (B,) float
        Share of each boundary vertex in the centroid of the area: under the harmonic map with boundary values z that
        centroid is ``masses @ z``.
    """

    gaps: Floats
    masses: Floats


def circle_map(problem: DirichletProblem, surface: Surface) -> CircleMap:
    """Return the boundary values of the conformal map of a surface to the disk, with the pole near the area's center.

    Parameters
    ----------
    problem : DirichletProblem
        Of `surface`.
    surface : Surface
    """
    loop = problem.boundary
    length = np.linalg.norm(surface.vertices[np.roll(loop, -1)] - surface.vertices[loop], axis=1)
    areas = surface.vertex_areas
    if len(problem.interior) == 0:
        return CircleMap(length * (2 * np.pi / length.sum()), areas[loop] / areas[loop].sum())
    exit_time = problem.solve(areas[problem.interior])
    masses = areas[loop] + np.maximum(problem.flux(exit_time), 0.0)
    masses /= masses.sum()
    pole = first_largest(exit_time)
    gaps = _harmonic_measure(problem, length, pole)
    for _ in range(POLES):
        moebius = center_masses(on_circle(gaps), masses)
        if abs(moebius.a) <= OFF_CENTER:
            break
        # From this pole, too many vertices are too far away for double precision: take one nearer to the center.
        pole = first_largest(1.0 - np.abs(moebius(problem.extend(on_circle(gaps)))))
        gaps = _harmonic_measure(problem, length, pole)
    return CircleMap(gaps, masses)


def center_masses(values: Complexes, masses: Floats) -> DiskMoebius:
    """Return the Moebius map that brings the centroid of masses on the circle to the origin.

    If one vertex carries so much that there is hardly such a map, part of every mass is spread evenly first.
    """
    return centering(values, _with_largest(masses / masses.sum(), LARGEST_ATOM))


def _with_largest(shares: Floats, largest: float) -> Floats:
    """Spread part of all shares evenly, just so much that none is larger than a bound."""
    heaviest, even = float(shares.max()), 1.0 / len(shares)
    spread = max(0.0, heaviest - largest) / max(heaviest - even, largest - even)
    return np.asarray((1.0 - spread) * shares + spread * even)


def moved_gaps(gaps: Floats, moebius: DiskMoebius) -> Floats:
    """Return the gaps after a Moebius map of the disk."""
    moved = moebius(on_circle(gaps))
    turned = np.angle(np.roll(moved, -1) / moved)
    # Beyond rounding a gap is negative only if it is larger than pi.
    return np.where(turned > -1e-9, np.maximum(turned, 0.0), turned + 2 * np.pi)


def _harmonic_measure(problem: DirichletProblem, length: Floats, pole: int) -> Floats:
    """Angle of each boundary edge under the conformal map that sends interior vertex number `pole` to the origin."""
    source = np.zeros(len(problem.interior))
    source[pole] = 1.0
    return _gaps(problem.flux(problem.solve(source)), length)


def _gaps(flux: Floats, length: Floats) -> Floats:
    """Angle of each boundary edge from the fluxes at its ends: flux density at the vertices, linear between them."""
    density = np.maximum(flux, 0.0) / (0.5 * (length + np.roll(length, 1)))
    gaps = 0.5 * length * (density + np.roll(density, -1))
    return np.asarray(gaps * (2 * np.pi / gaps.sum()))


def on_circle(gaps: Floats, least: float = 0.0) -> Complexes:
    """Return points on the unit circle with these angles between them, (B,), the first at 1.

    Parameters
    ----------
    gaps : (B,) float
        Angles between neighbors, about 2 pi in all.
    least : float
        Smallest angle between neighbors; the others give way in proportion.

    Notes
    -----
    No gap is made larger than 0.9 pi, so that the origin lies in the polygon of these points.

    Examples
    --------
    >>> on_circle(np.full(4, np.pi / 2)).round(12) + 0.0
    array([ 1.+0.j,  0.+1.j, -1.+0.j,  0.-1.j])
    """
    kept = np.maximum(gaps, least)
    shares = _with_largest(kept / kept.sum(), LARGEST_GAP)
    angle = 2 * np.pi * np.concatenate([[0.0], np.cumsum(shares)[:-1]])
    return np.asarray(np.exp(1j * angle))


# Unknowns from which on multigrid computes the harmonic map: in space, factors have much fill.
MULTIGRID_FROM = 5_000


def harmonic_inside(solid: Solid, sphere: Floats) -> Floats:
    """Return the harmonic map with these values on the boundary, (V, 3); NaN for vertices without a tetrahedron."""
    laplacian = dirichlet_matrix(solid)
    rim = solid.boundary_vertices
    inner = solid.referenced.copy()
    inner[rim] = False
    points = np.full((len(solid.vertices), 3), np.nan)
    points[rim] = sphere
    names = np.flatnonzero(inner)
    if len(names) == 0:
        return points
    rows = laplacian[names]
    matrix, rhs = rows[:, names], -(rows[:, rim] @ sphere)
    try:
        points[names] = SPDSolver(matrix, "multigrid" if len(names) > MULTIGRID_FROM else "direct").solve(rhs, tol=1e-8)
    except ConvergenceError:
        points[names] = SPDSolver(matrix, "direct").solve(rhs)
    return points


def dirichlet_matrix(solid: Solid) -> Sparse:
    """Return the Dirichlet energy's matrix for piecewise-linear functions, (V, V): ``u @ L @ u`` is it for u.

    Examples
    --------
    >>> corner = Solid(np.vstack([np.zeros(3), np.eye(3)]), [[0, 1, 2, 3]])
    >>> (6 * dirichlet_matrix(corner).toarray()).round(12) + 0.0
    array([[ 3., -1., -1., -1.],
           [-1.,  1.,  0.,  0.],
           [-1.,  0.,  1.,  0.],
           [-1.,  0.,  0.,  1.]])
    """
    corners = solid.corners
    inverse: Any = np.linalg.inv(corners[:, 1:] - corners[:, :1])
    gradients = np.concatenate([-inverse.sum(axis=2)[:, None], inverse.transpose(0, 2, 1)], axis=1)
    local = np.abs(solid.volumes)[:, None, None] * (gradients @ gradients.transpose(0, 2, 1))
    count = len(solid.vertices)
    rows, columns = np.repeat(solid.tetrahedra, 4, axis=1).ravel(), np.tile(solid.tetrahedra, (1, 4)).ravel()
    matrix: Sparse = sparse.coo_array((local.ravel(), (rows, columns)), shape=(count, count)).tocsr()
    return matrix
