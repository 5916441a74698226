"""Semi-discrete optimal transport on the sphere: from its uniform density to weighted sites, cost -log <x, y>.

With points p_i = e^(h_i) y_i the map sends the cell {x : <x, p_i> is the largest of all} to the site y_i. Its mass
grows with h_i and falls with the heights of its neighbors:

    dw_i/dh_j = - rho * integral over the facet of <x, p_i> ds / |p_i - p_j|,

since a facet, <x, p_i> = <x, p_j>, moves by <x, p_i> / |p_i - p_j| where h_j changes by one. This is a graph Laplacian
again, and the damped Newton method of the plane (see `newton`) computes the heights (Cui et al., "Spherical optimal
transportation", CAD 2019). The cost is infinite for a right angle, so a solution exists only if no convex part of the
sphere has more mass than the source within a right angle of it (Oliker 2007): for a surface's conformal image it is
enough that its centroid is at the center. Unlike in the plane, the iteration converges from the Voronoi cells in 5 to
20 steps, however clustered the sites are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.arrays import Floats
from meshot.base.memory import require_memory
from meshot.base.progress import Progress
from meshot.base.settings import TOL, require_positive
from meshot.diagrams.sites import check_masses
from meshot.diagrams.sphere.cells import AREA
from meshot.diagrams.sphere.diagram import SphereDiagram, check_directions
from meshot.transport.newton import Callback, DampedNewton, NewtonResult
from meshot.transport.problem import SphereProblem

# Peak memory for each site, in bytes.
SPHERE_BYTES = 3000


@dataclass(frozen=True, eq=False)
class SphereTransport(NewtonResult):
    """The optimal map from the uniform density of the unit sphere to weighted sites.

    Attributes
    ----------
    problem : SphereProblem
        Sites and prescribed masses.
    heights : (n,) float
        Heights h, of mean zero.
    diagram : SphereDiagram
        Its cells, with areas as measures.
    history, converged, reason
        As of `NewtonResult`.
    """

    problem: SphereProblem
    diagram: SphereDiagram

    @property
    def centroids(self) -> Floats:
        """Centroid of each cell, on the sphere, (n, 3)."""
        return self.diagram.centroids


def solve_sphere_transport(
    sites: ArrayLike,
    masses: ArrayLike | None = None,
    *,
    tol: float = TOL,
    max_iter: int = 200,
    callback: Callback | None = None,
    progress: Progress | None = None,
) -> SphereTransport:
    """Solve semi-discrete optimal transport from the uniform unit sphere to weighted sites, cost -log <x, y>.

    Parameters
    ----------
    sites : (n, 3) float
        Distinct directions, at least four and not all in one hemisphere.
    masses : (n,) float, optional
        Positive masses; equal ones, of 4 pi in total, by default. The source's density is scaled to their sum.
    tol : float
        Largest relative error of a cell's mass.
    max_iter : int
        Most Newton steps.
    callback : callable, optional
        Gets each `TransportState`; raising StopIteration halts.
    progress : Progress, optional

    Returns
    -------
    SphereTransport

    Raises
    ------
    GeometryError
        Sites that coincide or lie in one hemisphere, masses that are not positive and finite, wrong shapes.
    NotEnoughMemoryError
        There are too many sites for the memory that is available.

    Warns
    -----
    ConvergenceWarning
        The tolerance was not reached, for instance because there is no solution; `reason` says why.

    Examples
    --------
    >>> sites = np.concatenate([np.eye(3), -np.eye(3)])
    >>> result = solve_sphere_transport(sites, [2.0, 1.0, 1.0, 2.0, 1.0, 1.0])
    >>> result.masses.round(6)
    array([2., 1., 1., 2., 1., 1.])
    """
    require_positive("tol", tol)
    directions = check_directions(sites)
    n = len(directions)
    require_memory(n * SPHERE_BYTES, f"a transport to {n:,} sites")
    problem = SphereProblem(directions, check_masses(np.full(n, AREA / n) if masses is None else masses, n))
    solver, engine = DampedNewton(tol, max_iter), problem.engine()
    state, converged, reason = solver.run(problem, engine, solver.start(problem, engine), callback, progress)
    heights = state.heights - state.heights.mean()
    return SphereTransport(problem, heights, state.diagram, state.history, converged, reason)
