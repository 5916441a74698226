"""Conformal maps of disk-like surfaces to the unit disk, and of closed ones through a cut.

Two linear solves give the map, with one matrix. The Green's function g of an interior point p is, on a disk-like
surface, ``-log |f|`` of the conformal map f with f(p) = 0, and the angle of f on the boundary is its conjugate: the
angle grows along the boundary by the flux of g (harmonic measure). The harmonic map with these boundary values is the
conformal map. On the intrinsic Delaunay triangulation all weights are non-negative, so the fluxes are non-negative,
the boundary is a convex polygon run through once, and the map is an embedding of that triangulation (Tutte 1963;
Floater 2003).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import GeometryError, OptionError
from meshot.base.progress import Progress, Stages
from meshot.base.settings import NORMALIZATIONS, TARGETS
from meshot.conformal.cut import cut_to_disk
from meshot.conformal.harmonic import (
    DirichletProblem,
    center_masses,
    circle_map,
    dirichlet_problem,
    moved_gaps,
    on_circle,
)
from meshot.conformal.moebius import DiskMoebius, least_distortion
from meshot.conformal.sphere import sphere_map
from meshot.conformal.unfold import LEAST_SHARES, Repaired, embed
from meshot.maps.affine import Complexes, beltrami
from meshot.maps.surface_map import SurfaceMap
from meshot.meshes.check.surface import require_closed, require_genus_zero
from meshot.meshes.surface import Surface, as_surface


def conformal_map(
    surface: Any,
    *,
    to: str = "disk",
    normalize: str = "area",
    path: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> SurfaceMap:
    """Map a genus-zero surface conformally to the unit disk, or a closed one to the unit sphere.

    In the disk the boundary goes to the circle and the boundary vertex of least index to (1, 0); a closed surface is
    cut open first. On the sphere the centroid of the area lies at the center, the vertex of least index at (0, 0, 1),
    and its neighbor of least index at y = 0, x > 0. Both maps keep the orientation.

    Parameters
    ----------
    surface : Surface, or a trimesh or PyVista mesh
        One connected, oriented manifold of genus zero with at most one boundary loop.
    to : {"disk", "sphere"}
        The target.
    normalize : {"area", "distortion", "none"}
        The Moebius map of the disk: "area" brings the centroid of the surface's area to the origin; "distortion"
        minimizes the mean square of the logarithms of the area ratios; "none" leaves the origin near the innermost
        vertex. On the sphere only "area" is possible.
    path : sequence of int, optional
        Vertices that the cut of a closed surface passes; see `cut_to_disk`.
    progress : Progress, optional
        Called with the stages.

    Returns
    -------
    SurfaceMap
        `notes` holds "cut_path", "delaunay_flips", "repaired_faces" and "seconds".

    Raises
    ------
    TopologyError, GeometryError
        `meshot.check` finds a problem, or the map would fold in double precision.
    OptionError
        A path is given for an open surface or for the sphere, or another normalization than by area for the sphere.
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
    if to not in TARGETS:
        raise ValueError(f"to must be one of {TARGETS}, got {to!r}")
    if normalize not in NORMALIZATIONS:
        raise ValueError(f"normalize must be one of {NORMALIZATIONS}, got {normalize!r}")
    if to == "sphere" and path is not None:
        raise OptionError("a map to the sphere needs no cut: no path can be given")
    if to == "sphere" and normalize != "area":
        raise OptionError(f"a map to the sphere is always normalized by area, not by {normalize!r}")
    stages = Stages(progress)
    original, source, notes = opened(as_surface(surface), to, stages, path)
    if to == "sphere":
        return _to_sphere(original, source, notes, stages)
    with stages("conformal map"):
        repaired, notes["delaunay_flips"] = _disk_map(original, normalize)
    notes["repaired_faces"] = int(repaired.faces.sum())
    uv = np.stack([repaired.z.real, repaired.z.imag], axis=1)
    uv[~original.referenced] = np.nan
    return SurfaceMap(original, uv, source, notes=notes)


def opened(
    surface: Surface, to: str, stages: Stages, path: Sequence[int] | None = None
) -> tuple[Surface, Ints, dict[str, Any]]:
    """Check a surface, and cut it to a disk if it is closed and that is the target.

    Parameters
    ----------
    surface : Surface
    to, path
        As of `conformal_map`.
    stages : Stages
        Told of "check" and "cut".

    Returns
    -------
    surface : Surface
    source : (V,) int
        The vertex that each one was before the cut.
    notes : dict
        Of the map that is to be made.
    """
    with stages("check"):
        report = require_genus_zero(surface)
    notes: dict[str, Any] = {"repaired_faces": 0, "seconds": stages.seconds}
    if path is not None and surface.boundary_loops:
        raise OptionError("only a closed surface is cut along a path; this one has a boundary")
    source = np.arange(len(surface.vertices))
    if to == "sphere":
        require_closed(report)
    elif not surface.boundary_loops:
        with stages("cut"):
            cut = cut_to_disk(surface, path)
        surface, source = cut.surface, cut.source_vertex
        notes["cut_path"] = cut.path
    return surface, source, notes


def _to_sphere(surface: Surface, source: Ints, notes: dict[str, Any], stages: Stages) -> SurfaceMap:
    with stages("conformal map"):
        mapped = sphere_map(surface)
    notes["delaunay_flips"], notes["repaired_faces"] = mapped.flips, int(mapped.repaired.sum())
    return SurfaceMap(surface, mapped.points, source, notes=notes)


def _disk_map(surface: Surface, normalize: str) -> tuple[Repaired, int]:
    """Return the embedding in the disk, and how many Delaunay flips its weights took."""
    problem = dirichlet_problem(surface)
    boundary = circle_map(problem, surface)
    gaps = boundary.gaps
    if normalize != "none":
        gaps = moved_gaps(gaps, center_masses(on_circle(gaps), boundary.masses))
    gaps = polish(problem, surface, gaps)
    if normalize == "area":
        gaps = moved_gaps(gaps, center_masses(on_circle(gaps), boundary.masses))
    if normalize == "distortion":
        values = on_circle(gaps)
        z = problem.joined(values, problem.extend(values))
        gaps = moved_gaps(gaps, _evening(surface, z))
    repaired = embed(problem, surface, gaps)
    if len(repaired.bad):
        raise GeometryError("the conformal map folds these faces in double precision", ids=repaired.bad.tolist())
    return repaired, problem.flips


def _evening(surface: Surface, z: Complexes) -> DiskMoebius:
    """Return the Moebius map of the disk that evens out the area ratios of the faces."""
    a, b, c = z[surface.faces].T
    image = 0.5 * (np.conj(b - a) * (c - a)).imag
    usable = image > 0.0
    areas = surface.face_areas[usable] / surface.area
    ratios = np.log(image[usable] / np.pi / areas)
    return least_distortion((a + b + c)[usable] / 3, ratios, areas)


ITERATIONS = 3
# Least number of boundary edges for each face; with fewer, the step changes too little for its time.
LEAST_BOUNDARY = 1 / 400
# No gap between neighbors falls below this part of itself.
LEAST_SHRINKAGE = 0.25


def polish(problem: DirichletProblem, surface: Surface, gaps: Floats) -> Floats:
    """Return gaps that make the harmonic map more conformal, (B,), or the same ones.

    Parameters
    ----------
    problem : DirichletProblem
        Of `surface`.
    surface : Surface
    gaps : (B,) float
        Angle of each boundary edge; they sum to 2 pi.
    """
    if len(problem.interior) == 0 or len(gaps) < LEAST_BOUNDARY * len(surface.faces):
        return gaps
    # Where no interior vertex is near, the flux may be zero.
    gaps = np.maximum(gaps, LEAST_SHARES[0] * 2 * np.pi / len(gaps))
    values = on_circle(gaps)
    inside = problem.extend(values)
    step = _newton_step(problem, values, inside, gaps)
    moved = np.maximum(gaps + np.roll(step, -1) - step, LEAST_SHRINKAGE * gaps)
    moved *= 2 * np.pi / moved.sum()
    before = np.mean(np.abs(beltrami(surface, problem.joined(values, inside))))
    better = on_circle(moved)
    after = np.mean(np.abs(beltrami(surface, problem.joined(better, problem.extend(better)))))
    return np.asarray(moved) if after < before else gaps


def _pull(problem: DirichletProblem, values: Complexes, inside: Complexes) -> Complexes:
    """Return the derivative of the Dirichlet energy by the boundary values, (B,)."""
    return np.asarray(problem.rim @ values + problem.coupling.T @ inside)


def _newton_step(problem: DirichletProblem, values: Complexes, inside: Complexes, gaps: Floats) -> Floats:
    """Few preconditioned conjugate gradients on the Newton system for the boundary angles."""
    pull, tangent = _pull(problem, values, inside), 1j * values
    slope, bend = 0.5 * np.cos(gaps), 0.5 * np.sin(gaps)
    radial = (np.conj(values) * pull).real
    residual = np.roll(slope, 1) - slope - (np.conj(tangent) * pull).real
    diagonal = np.maximum(problem.rim.diagonal(), 1.0)
    direction = residual / diagonal
    step, size = np.zeros_like(residual), residual @ direction
    for _ in range(ITERATIONS):
        moved = tangent * direction
        stretch = bend * (np.roll(direction, -1) - direction)
        image = (np.conj(tangent) * _pull(problem, moved, problem.extend(moved))).real
        image += np.roll(stretch, 1) - stretch - radial * direction
        curvature = direction @ image
        if not curvature > 0.0:
            break
        step = step + size / curvature * direction
        residual = residual - size / curvature * image
        scaled = residual / diagonal
        size, before = residual @ scaled, size
        direction = scaled + size / before * direction
    return step
