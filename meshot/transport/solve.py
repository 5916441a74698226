"""Semi-discrete optimal transport in plane and space: from a density on a convex domain to weighted sites.

The Brenier potential is u(x) = max_i (<x, y_i> + h_i); its gradient sends the cell W_i of the power diagram with
weights psi_i = 2 h_i + |y_i|^2 to the site y_i. A damped Newton method (see `newton`) computes the heights h for which
every cell has the prescribed mass, from the solution of coarser problems (see `multilevel`).
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.arrays import Floats
from meshot.base.errors import GeometryError, OptionError
from meshot.base.files import PathLike
from meshot.base.memory import require_memory
from meshot.base.progress import Progress
from meshot.base.settings import METHODS, TOL, Device, Method, require_positive
from meshot.diagrams.density.densities import Density
from meshot.diagrams.power_cells import Domain
from meshot.diagrams.power_diagram import domain_and_source
from meshot.diagrams.sites import Duplicates, Merged, check_duplicates, check_masses, check_numbers, check_sites, merge
from meshot.transport.initial_weights import fade_out, give_all_mass
from meshot.transport.multilevel import multilevel_start
from meshot.transport.newton import DampedNewton, first_state
from meshot.transport.problem import TransportProblem
from meshot.transport.result import TransportResult
from meshot.transport.sampled.result import solve_by_sampling

# Sites from which on coarser problems save time.
MULTILEVEL_FROM = 2000


def solve_transport(
    sites: ArrayLike,
    masses: ArrayLike | None = None,
    domain: Any = None,
    density: Density | None = None,
    *,
    tol: float = TOL,
    max_iter: int = 200,
    heights: ArrayLike | None = None,
    multilevel: bool = True,
    duplicates: Duplicates = "error",
    method: Method = "newton",
    device: Device = "auto",
    samples: int | None = None,
    rng: int | np.random.Generator | None = 0,
    optimizer: str = "newton",
    checkpoint: PathLike | None = None,
    callback: Callable[[Any], None] | None = None,
    progress: Progress | None = None,
) -> TransportResult:
    """Solve semi-discrete optimal transport from a density to weighted sites, cost |x - y|^2.

    Parameters
    ----------
    sites : (n, 2) or (n, 3) float
        Distinct sites, anywhere in the plane or in space.
    masses : (n,) float, optional
        Positive masses; equal ones, of the domain's area or volume or, with a density, its mass in total, by default.
        The density is scaled to their sum.
    domain : Disk, Box or ConvexPolygon; Ball, Box or ConvexPolyhedron; optional
        By default the unit disk, or all that the density covers; in space the unit ball.
    density : GridDensity or TriangulationDensity, optional
        Density of the source, uniform by default; `sample_density` makes one of a function. It may vanish in parts of
        the domain. In space it is uniform.
    tol : float
        Largest relative error of a cell's mass.
    max_iter : int
        Most Newton steps.
    heights : (n,) float, optional
        Heights to start from (a warm start); every cell must have mass.
    multilevel : bool
        Start from the solutions of coarser problems, if there are many sites and no `heights`.
    duplicates : {"error", "merge"}
        Sites in the same place: an error, or merged into one with the sum of their masses; `cell_of_site` of the result
        is then their common cell.
    method : {"newton", "montecarlo"}
        Exact cells, or masses estimated from samples, in any dimension (needs torch, the extra ``gpu``). The second
        stops when the error of the masses is below the sampling noise and returns a `SampledTransport`, which estimates
        its `mass_error`. Its `domain` may also be a `UniformBall`, `UniformBox` or `StandardNormal`, or a function
        ``sampler(count, rng)`` that returns (count, d) samples. It does not take `tol`, `max_iter`, `multilevel` and
        `density`; the following options are for it alone.
    device : {"auto", "cpu", "cuda"}
        Where samples are drawn and assigned.
    samples : int, optional
        Samples of the last batches, by default at least 128 for each site.
    rng : int or numpy.random.Generator, optional
        Seed. On a CPU the result is the same bit for bit, for any number of threads.
    optimizer : {"newton", "adam", "lbfgs"}
        For the finest level; coarser ones are always solved by Newton's method, with facets estimated from the
        second-best sites of the samples.
    checkpoint : path, optional
        A file for the state, written every half minute; if it exists, the computation resumes from it.
    callback : callable, optional
        Gets each `TransportState` (of the finest level), or each `State` of a sampled transport; raising StopIteration
        halts.
    progress : Progress, optional

    Returns
    -------
    TransportResult
        A `SampledTransport` with ``method="montecarlo"``.

    Raises
    ------
    OptionError
        Options contradict each other; torch is not installed, or the device does not exist.
    GeometryError
        Sites that coincide, masses that are not positive and finite, wrong shapes, a density that does not cover the
        domain or vanishes on all of it, or one in space.
    NotEnoughMemoryError
        There are too many sites for the memory that is available.

    Warns
    -----
    ConvergenceWarning
        The tolerance was not reached; `TransportResult.reason` says why.

    References
    ----------
    Kitagawa, Merigot, Thibert, "Convergence of a Newton algorithm for semi-discrete optimal transport", JEMS 2019; for
    sampling see `meshot.transport.sampled`.

    Examples
    --------
    >>> result = solve_transport([[-0.1, 0.0], [0.3, 0.0]], [1.0, 1.0])
    >>> bool(result.converged), float(round(abs(result.diagram.facet_lengths[0]), 6))
    (True, 2.0)
    >>> result = solve_transport([[-0.1, 0.0, 0.0], [0.3, 0.0, 0.0]])  # the unit ball, of volume 4 pi / 3
    >>> result.masses.round(6)
    array([2.094395, 2.094395])
    """
    require_positive("tol", tol)
    check_method(method, tol != TOL or max_iter != 200 or not multilevel or density is not None, samples, checkpoint)
    if method == "montecarlo":
        return solve_by_sampling(
            sites, masses, domain, heights=heights, duplicates=duplicates, device=device, samples=samples, rng=rng,
            optimizer=optimizer, checkpoint=checkpoint, callback=callback, progress=progress,
        )  # fmt: skip
    given, merged = _checked_problem(sites, masses, domain, density, duplicates)
    problem, scale = given.moved_in() if given.far_off else (given, 1.0)
    solver = DampedNewton(tol, max_iter)
    begin = time.perf_counter()
    engine = problem.engine()
    level = given.sites @ given.domain.center  # between heights by absolute position, and relative to the center
    if heights is not None:
        start = solver.start(problem, engine, scale * (_checked_heights(heights, merged) + level))
    elif multilevel and engine.count >= MULTILEVEL_FROM:
        start = first_state(problem, multilevel_start(problem, engine), time.perf_counter() - begin)
    else:
        plain = engine.diagram(problem.power_weights(problem.first_heights()))
        start = first_state(problem, give_all_mass(problem, engine, plain), time.perf_counter() - begin)
    rescue = None if problem.source is None else partial(fade_out, problem, engine, tol=tol)
    state, converged, reason = solver.run(problem, engine, start, callback, progress, rescue)
    found = state.heights / scale - level
    found -= found.mean()
    return TransportResult(given, found, state.diagram, state.history, converged, reason, merged.place, scale)


def check_method(method: str, exact: bool, samples: int | None, checkpoint: PathLike | None) -> None:
    """Raise OptionError if a method is given an option of the other; `exact` is whether one of the first is given."""
    if method not in METHODS:
        raise OptionError(f'method must be "newton" or "montecarlo", got {method!r}')
    if method == "montecarlo" and exact:
        raise OptionError('tol, max_iter, multilevel and density are for method="newton": a sampled transport has none')
    if method == "newton" and (samples is not None or checkpoint is not None):
        raise OptionError('samples and checkpoint are for method="montecarlo"')


def _checked_problem(
    sites: ArrayLike,
    masses: ArrayLike | None,
    domain: Domain | None,
    density: Density | None,
    duplicates: Duplicates,
) -> tuple[TransportProblem, Merged]:
    """Return the problem and which sites it merges."""
    check_duplicates(duplicates)
    domain, source = domain_and_source(sites, domain, density)
    positions = check_sites(sites, distinct=duplicates == "error", dimension=domain.dimension)
    n = len(positions)
    require_memory(n * domain.site_bytes.transport, f"a transport to {n:,} sites")
    total = domain.measure if source is None else source.mass
    wanted = check_masses(np.full(n, total / n) if masses is None else masses, n)
    if duplicates == "error":
        return TransportProblem(positions, wanted, domain, source), Merged(np.arange(n), np.arange(n))
    merged = merge(positions)
    summed = np.bincount(merged.place, wanted).astype(np.float64)
    return TransportProblem(positions[merged.first], summed, domain, source), merged


def _checked_heights(heights: ArrayLike, merged: Merged) -> Floats:
    array = check_numbers(heights, "heights")
    if array.shape != merged.place.shape or not np.isfinite(array).all():
        raise GeometryError(f"heights must be {len(merged.place)} finite numbers, got shape {array.shape}")
    return array[merged.first]
