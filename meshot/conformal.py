"""Conformal maps of disk-like surfaces to the unit disk, and of closed ones through a cut.

Two linear solves give the map, with one matrix. The Green's function g of an interior point p is, on a disk-like
surface, ``-log |f|`` of the conformal map f with f(p) = 0, and the angle of f on the boundary is its conjugate: the
angle grows along the boundary by the flux of g (harmonic measure). The harmonic map with these boundary values is the
conformal map. On the intrinsic Delaunay triangulation all weights are non-negative, so the fluxes are non-negative,
the boundary is a convex polygon run through once, and the map is an embedding of that triangulation (Tutte 1963;
Floater 2003).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from meshot.check import require_genus_zero
from meshot.cut import cut_to_disk
from meshot.errors import GeometryError
from meshot.intrinsic import intrinsic_delaunay
from meshot.linsolve import SPDSolver
from meshot.maps import SurfaceMap, cross2
from meshot.mesh import Floats, Ints, Surface, as_surface
from meshot.moebius import Complexes, centering
from meshot.operators import Sparse, edge_weights, laplacian
from meshot.progress import Progress, Stages

# Smallest angle between neighbors on the circle.
SMALLEST_GAP = 1e-9
# A face counts as degenerate if its signed area is at most this times its longest edge squared.
DEGENERATE = 1e-12
NORMALIZATIONS = ("area", "none")


def conformal_map(
    surface: Any,
    *,
    to: str = "disk",
    normalize: str = "area",
    path: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> SurfaceMap:
    """Map a genus-zero surface conformally to the unit disk.

    The boundary goes to the circle, the boundary vertex of least index to (1, 0); the map keeps the orientation.
    A closed surface is cut open first.

    Parameters
    ----------
    surface : Surface, or a trimesh or PyVista mesh
        One connected, oriented manifold of genus zero with at most one boundary loop.
    to : {"disk"}
        The target.
    normalize : {"area", "none"}
        How the Moebius maps of the disk are used: "area" brings the centroid of the surface's area to the origin;
        "none" leaves the most inward vertex there.
    path : sequence of int, optional
        Vertices that the cut of a closed surface passes; see `cut_to_disk`.
    progress : Progress, optional
        Told of the stages.

    Returns
    -------
    SurfaceMap
        `notes` holds "cut_path", "delaunay_flips", "repaired_faces" and "seconds".

    Raises
    ------
    TopologyError, GeometryError
        The surface is refused by `meshot.check`, or the map would fold in double precision.
    ConvergenceError
        A solver did not converge.

    Examples
    --------
    >>> corners = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0.5, 0.5, 0]]
    >>> square = Surface(corners, [[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
    >>> conformal_map(square).uv.round(12) + 0.0
    array([[ 1.,  0.],
           [ 0.,  1.],
           [-1.,  0.],
           [ 0., -1.],
           [ 0.,  0.]])
    """
    if to != "disk":
        raise ValueError(f'to must be "disk", got {to!r}')
    if normalize not in NORMALIZATIONS:
        raise ValueError(f"normalize must be one of {NORMALIZATIONS}, got {normalize!r}")
    stages = Stages(progress)
    original = as_surface(surface)
    with stages("check"):
        require_genus_zero(original)
    notes: dict[str, Any] = {"repaired_faces": 0, "seconds": stages.seconds}
    source = np.arange(len(original.vertices))
    if not original.boundary_loops:
        with stages("cut"):
            cut = cut_to_disk(original, path)
        original, source = cut.surface, cut.source_vertex
        notes["cut_path"] = cut.path
    with stages("conformal map"):
        problem, notes["delaunay_flips"] = _prepare(original)
        z = problem.extend(_boundary_values(problem, original, normalize))
    uv = np.stack([z.real, z.imag], axis=1)
    uv[~original.referenced] = np.nan
    _refuse_folds(original.faces, uv)
    return SurfaceMap(original, uv, source, notes=notes)


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
    vertex_count : int
    """

    boundary: Ints
    interior: Ints
    solver: SPDSolver
    coupling: Sparse
    vertex_count: int

    def flux(self, inside: Floats) -> Floats:
        """Return what flows out at each boundary vertex, (B,), of a function that is zero on the boundary."""
        return np.asarray(-(self.coupling.T @ inside))

    def extend(self, values: Complexes) -> Complexes:
        """Return the harmonic function with these boundary values, (V,)."""
        pulled = -(self.coupling @ values)
        inside = self.solver.solve(np.stack([pulled.real, pulled.imag], axis=1), tol=1e-12)
        z = np.zeros(self.vertex_count, dtype=np.complex128)
        z[self.boundary] = values
        z[self.interior] = inside[:, 0] + 1j * inside[:, 1]
        return z


def _prepare(surface: Surface) -> tuple[DirichletProblem, int]:
    """Return the Dirichlet problem on the intrinsic Delaunay triangulation, and how many flips led there."""
    triangulation = intrinsic_delaunay(surface)
    weights = edge_weights(triangulation.lengths).ravel()
    twins = triangulation.twins
    inner = twins >= 0
    # What is left of negative weights is rounding; an edge's weight is shared evenly by its two halves.
    summed = np.maximum(weights + weights[twins], 1e-12)
    shares = np.where(inner, 0.5 * summed, 0.0).reshape(-1, 3)
    matrix = laplacian(triangulation.faces, shares, len(surface.vertices))
    boundary = surface.boundary_loops[0]
    inside = surface.referenced.copy()
    inside[boundary] = False
    interior = np.flatnonzero(inside)
    rows = matrix[interior]
    problem = DirichletProblem(
        boundary, interior, SPDSolver(rows[:, interior]), rows[:, boundary], len(surface.vertices)
    )
    return problem, triangulation.flips


def _boundary_values(problem: DirichletProblem, surface: Surface, normalize: str) -> Complexes:
    """Return the boundary's image on the circle, (B,)."""
    loop = problem.boundary
    length = np.linalg.norm(surface.vertices[np.roll(loop, -1)] - surface.vertices[loop], axis=1)
    if len(problem.interior) == 0:
        return _circle(length)
    areas = surface.vertex_areas
    exit_time = problem.solver.solve(areas[problem.interior])
    pole = np.zeros(len(problem.interior))
    pole[np.argmax(exit_time)] = 1.0
    values = _circle(_gaps(problem.flux(problem.solver.solve(pole)), length))
    if normalize == "none":
        return values
    # The centroid of the area under the harmonic extension is that of these masses on the boundary.
    masses = areas[loop] + problem.flux(exit_time)
    return _spread(centering(values, np.maximum(masses, 0.0))(values))


def _gaps(flux: Floats, length: Floats) -> Floats:
    """Angle of each boundary edge from the fluxes at its ends: flux density at the vertices, linear between them."""
    density = np.maximum(flux, 0.0) / (0.5 * (length + np.roll(length, 1)))
    return 0.5 * length * (density + np.roll(density, -1))


def _circle(gaps: Floats) -> Complexes:
    """Place points on the unit circle with gaps in this proportion, the first at 1."""
    share = np.maximum(gaps * (2 * np.pi / gaps.sum()), SMALLEST_GAP)
    angle = np.concatenate([[0.0], np.cumsum(share)[:-1]]) * (2 * np.pi / share.sum())
    return np.asarray(np.exp(1j * angle))


def _spread(values: Complexes) -> Complexes:
    """Turn points on the circle so that the first is at 1, and keep neighbors apart."""
    return _circle(np.maximum(np.angle(np.roll(values, -1) / values), 0.0))


def _refuse_folds(faces: Ints, uv: Floats) -> None:
    """Raise `GeometryError` if a face is flipped or degenerate."""
    a, b, c = uv[faces].transpose(1, 0, 2)
    longest = np.max([np.sum((p - q) ** 2, axis=1) for p, q in ((a, b), (b, c), (c, a))], axis=0)
    bad = np.flatnonzero(~(0.5 * cross2(b - a, c - a) > DEGENERATE * longest))
    if len(bad):
        raise GeometryError("the conformal map folds these faces", ids=bad.tolist())
