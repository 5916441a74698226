"""Volume-preserving maps of solids to the unit ball: sphere map, harmonic inside, transport, refinement.

The boundary goes to the sphere and the inside to the ball by a harmonic map (Wang, Gu, Yau, "Volumetric harmonic map",
2003), which in space may fold; it is unfolded. The optimal transport from the ball to the vertices' volumes at their
images (Su et al., "Volume preserving mesh parameterization based on optimal mass transportation", 2017) assigns each
vertex a cell, and the vertices move toward their cells. Then they move on until the tetrahedra have their shares of
the ball, as nearly as the mesh allows: a tetrahedral mesh has fewer unknowns than tetrahedra.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from meshot.area import area_preserving_map
from meshot.base.arrays import Floats
from meshot.base.errors import held_back, tell
from meshot.base.progress import Progress, Stages
from meshot.base.settings import TOL, TOL_VOLUME, require_positive
from meshot.conformal.harmonic import harmonic_inside
from meshot.diagrams.domains import Ball
from meshot.maps.measure import Measure, as_measure
from meshot.maps.solid_map import SolidMap
from meshot.maps.target import BALL
from meshot.meshes.check.surface import require_ball
from meshot.meshes.solid import Solid, as_solid
from meshot.refinement.ball_system import BallSystem
from meshot.refinement.placement import cell_positions, smoothly_displaced
from meshot.refinement.refiner import RefinementStep
from meshot.refinement.solid import refine_volumes
from meshot.refinement.untangle import untangle
from meshot.transport.newton import Callback
from meshot.transport.solve import solve_transport


def volume_preserving_map(
    solid: Any,
    *,
    masses: ArrayLike | None = None,
    density: ArrayLike | None = None,
    tol: float = TOL,
    tol_volume: float | None = TOL_VOLUME,
    max_iter: int = 200,
    max_refine_iter: int = 100,
    callback: Callback | None = None,
    refine_callback: Callable[[RefinementStep], None] | None = None,
    progress: Progress | None = None,
) -> SolidMap:
    """Map a solid of genus zero to the unit ball, one to one, so that its tetrahedra keep their shares of the volume.

    The boundary's vertices lie on the unit sphere. No tetrahedron is flipped, or it is told. A mesh has more tetrahedra
    than unknowns, so that volumes can be equal to a few percent alone on coarse meshes, and in proportion to the size
    of the tetrahedra on finer ones; what is reached is the least sum of squares near the start.

    Parameters
    ----------
    solid : Solid, or a PyVista or meshio mesh
        A triangulated ball: connected, without tunnels or cavities.
    masses, density : (V,) or (T,) float, optional
        A measure that the map preserves instead of the volume: masses of the vertices, or a density, the wanted volume
        of the image per volume of the solid, of the tetrahedra or the vertices. Only ratios count.
    tol : float
        Largest relative error of a cell of the transport.
    tol_volume : float or None
        Mean and spread of |ratio - 1|, over the tetrahedra, at which the refinement stops. None leaves the vertices
        where the transport moves them.
    max_iter : int
        Most Newton steps of the transport.
    max_refine_iter : int
        Most steps of the refinement.
    callback : callable, optional
        Gets each `TransportState` of the transport; raising StopIteration halts it.
    refine_callback : callable, optional
        Gets each `RefinementStep` of the refinement; raising StopIteration ends it.
    progress : Progress, optional
        Told of the stages "check", "sphere map", "harmonic map", "transport", "placement" and "refinement".

    Returns
    -------
    SolidMap
        With `harmonic`, the unfolded harmonic map, `transport`, whose site k is the k-th vertex that belongs to a
        tetrahedron, and `measure`, what each tetrahedron is to have.
        ``notes["refinement"]`` records the refinement, see `Refinement.record`, with all tetrahedra that are far
        off, and ``notes["flipped_at_first"]`` counts what the harmonic map flipped.

    Raises
    ------
    TopologyError, GeometryError
        The solid is no ball, or has flat or inverted tetrahedra; or masses or a density are not positive.
    OptionError
        Both masses and a density.

    Warns
    -----
    ConvergenceWarning
        Tetrahedra stay flipped, or the refinement ended before it reached the least squares. What the stages before it
        missed is told only then.

    Examples
    --------
    >>> corner = Solid([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 1, 2, 3]])
    >>> mapped = volume_preserving_map(corner)
    >>> np.linalg.norm(mapped.points, axis=1).round(12)
    array([1., 1., 1., 1.])
    """
    require_positive("tol", tol)
    require_positive("tol_volume", TOL_VOLUME if tol_volume is None else tol_volume)
    stages = Stages(progress)
    given = as_solid(solid)
    with stages("check"):
        require_ball(given)
        measure = as_measure(given, masses, density)
    with stages("sphere map"):
        sphere = boundary_map(given, measure)
    notes: dict[str, Any] = {"seconds": stages.seconds, "measure": measure.kind}
    with held_back() as missed:
        with stages("harmonic map"):
            system, used = _system(given, measure.cells), given.referenced
            first = harmonic_inside(given, sphere)[used]
            notes["flipped_at_first"] = _flips(system, first)
            first = untangle(system, first)
        harmonic = SolidMap(given, _spread(given, first), measure=measure, notes=notes)
        with stages("transport") as client:
            weights = BALL.measure * measure.vertices[used]
            transport = solve_transport(
                first,
                weights,
                Ball(),
                tol=tol,
                max_iter=max_iter,
                duplicates="merge",
                callback=callback,
                progress=client,
            )
        with stages("placement"):
            wanted = cell_positions(transport, first, system.on_sphere)
            inner_edges = system.edges[system.edges[:, 1] < len(first)]
            points = smoothly_displaced(first, wanted, inner_edges, system.on_sphere)
            notes["flipped_by_placement"] = _flips(system, points)
            points = untangle(system, points)
    if tol_volume is not None:
        with stages("refinement") as client:
            refined = refine_volumes(
                system, points, tol=tol_volume, max_iter=max_refine_iter, progress=client, callback=refine_callback
            )
        points, notes["refinement"] = refined.image, refined.record("transport", named=None)
    if _flips(system, points) or not notes.get("refinement", {"converged": False})["converged"]:
        tell(missed)
    return SolidMap(given, _spread(given, points), transport, harmonic, measure, notes)


def _system(solid: Solid, shares: Floats) -> BallSystem:
    """Return the equations, on the vertices that belong to a tetrahedron, with positive volumes."""
    number = np.cumsum(solid.referenced) - 1
    tetrahedra = number[solid.tetrahedra]
    if solid.orientation < 0:
        tetrahedra = tetrahedra[:, [0, 2, 1, 3]]
    return BallSystem(tetrahedra, number[solid.boundary_vertices[solid.boundary.faces]], shares)


def _spread(solid: Solid, points: Floats) -> Floats:
    """Put the rows of the referenced vertices in their places; NaN in the others."""
    everywhere = np.full((len(solid.vertices), 3), np.nan)
    everywhere[solid.referenced] = points
    return everywhere


def _flips(system: BallSystem, points: Floats) -> int:
    """Return how many tetrahedra and faces of the boundary are flipped."""
    return int((system.measures(np.vstack([points, np.zeros(3)])) <= 0).sum())


# Spread of the face areas that the boundary's map is refined to.
TOL_BOUNDARY = 0.05


def boundary_map(solid: Solid, measure: Measure) -> Floats:
    """Map the boundary to the unit sphere so that areas keep their shares, about; (B, 3), vertex by boundary vertex.

    The conformal map shrinks limbs to e^-10 of their size and less; with areas kept, the harmonic map of the inside is
    within a factor of ten of equal volumes nearly everywhere. Where a measure is prescribed, a face counts with the
    density of the tetrahedron behind it.
    """
    density = None
    if measure.prescribed:
        behind = solid.boundary_halffaces // 4
        density = measure.cells[behind] / solid.cell_measures[behind]
    with held_back():  # it is a start alone
        mapped = area_preserving_map(solid.boundary, to="sphere", density=density, tol_area=TOL_BOUNDARY)
    return mapped.image / np.linalg.norm(mapped.image, axis=1, keepdims=True)
