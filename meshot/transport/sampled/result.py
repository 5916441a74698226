"""Transport by sampling, in any dimension: `solve_transport` with ``method="montecarlo"``, and its result."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import ConvergenceWarning, GeometryError, OptionError
from meshot.base.files import PathLike
from meshot.base.progress import Progress
from meshot.base.settings import require_torch
from meshot.diagrams.sites import Duplicates, check_duplicates, check_masses, check_numbers, check_sites, merge
from meshot.transport.result import TransportResult
from meshot.transport.sampled.sources import SampledSource, UniformBall, as_source

if TYPE_CHECKING:
    from meshot.transport.sampled.solve import Solution

# Points on the circle for each cell at the boundary, of which there are about 8 sqrt(n) at most.
POINTS_PER_ARC = 256
_EXACT = "a sampled transport has no exact cells; for d <= 3, power_diagram(sites, result.weights, domain) has them"


@dataclass(frozen=True, eq=False)
class SampledProblem:
    """A source, scaled to the total mass, to be sent to `masses` (n,) at `sites` (n, d)."""

    sites: Floats
    masses: Floats
    domain: Any
    source: SampledSource

    @property
    def density(self) -> float:
        """The factor that scales the source to the total mass of the transport."""
        return float(self.masses.sum() / self.source.mass)


@dataclass(frozen=True, eq=False)
class SampledTransport(TransportResult):
    """The optimal map from a source to weighted sites, computed by sampling.

    The map, the potentials and the weights follow exactly from the heights; masses, centroids and the cost are
    estimates from samples. There is no `diagram`, and methods that need its exact cells raise OptionError.

    Attributes
    ----------
    problem : SampledProblem
        Sites, prescribed masses, domain and source.
    heights : (n,) float
        Heights h of the Brenier potential, of mean zero.
    history : tuple of SampledStep
        One entry for each step on all levels of the hierarchy: samples, errors, and the gain of the quasi-random
        samples.
    converged : bool
        The error of the masses is below the noise of the last batches.
    reason : str
        Why the iteration ended.
    cell_of_site : (n,) int
        The cell of each input site.
    solution : Solution
        The last estimates in detail.
    """

    diagram: Any = field(init=False, repr=False)
    solution: "Solution"

    def __getattr__(self, name: str) -> Any:
        if name == "diagram":
            raise OptionError(_EXACT)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def source(self) -> SampledSource:
        """The source, before it is scaled to the total mass."""
        problem: Any = self.problem
        return problem.source

    @property
    def mass_error(self) -> float:
        """RMS relative error of the cells' true masses, estimated without the noise of the estimate."""
        return self.solution.quality.error

    @property
    def mass_error_se(self) -> float:
        """Standard error of `mass_error`."""
        return self.solution.quality.deviation

    @property
    def sampling_error(self) -> float:
        """RMS relative standard error of the estimated `masses`."""
        return self.solution.quality.noise

    @property
    def samples(self) -> int:
        """Number of samples drawn in all."""
        return self.solution.samples

    @property
    def masses(self) -> Floats:
        """Mass of each cell, (n,), estimated; see `sampling_error`."""
        return np.asarray(self.solution.shares * self.problem.masses.sum())

    @property
    def centroids(self) -> Floats:
        """Centroid of each cell, (n, d), estimated; NaN for a cell without samples."""
        return self.solution.cells.centroids

    @property
    def weights(self) -> Floats:
        """Power weights psi_i = 2 h_i + |y_i|^2, (n,), up to a constant."""
        return np.asarray(2 * self.heights + (self.problem.sites**2).sum(axis=1))

    @property
    def certificate(self) -> float:
        """NaN: there are no exact cells whose masses could be summed."""
        return float("nan")

    @property
    def cost(self) -> float:
        """Squared Wasserstein distance W_2^2, estimated from the cells' masses, centroids and variances."""
        cells = self.solution.cells
        spread = cells.covariances
        if spread.ndim == 3:
            spread = np.trace(spread, axis1=1, axis2=2)
        moved = ((cells.centroids - self.problem.sites) ** 2).sum(axis=1) + spread
        return float(np.nansum(self.masses * moved))

    @property
    def dual_cost(self) -> float:
        """Value of Kantorovich's dual problem, estimated; it differs from `cost` by the error of the masses."""
        return self.cost + float((self.weights - self.weights.mean()) @ (self.problem.masses - self.masses))

    @property
    def arc_midpoints(self) -> Floats:
        """Midpoint of each cell's arc on the circle of a disk, (n, 2), to a hundredth of the arc; NaN without one."""
        source, n = self.source, len(self.problem.sites)
        if not isinstance(source, UniformBall) or source.dimension != 2:
            raise OptionError("only cells of a disk have arcs")
        count = int(POINTS_PER_ARC * 8 * np.sqrt(n))
        angles = (np.arange(count) + 0.5) * (2 * np.pi / count)
        circle = np.column_stack([np.cos(angles), np.sin(angles)])
        cell = self.locate(source.center + source.radius * circle)
        sums = np.stack([np.bincount(cell, values, n) for values in circle.T], axis=1)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            middles = source.center + source.radius * sums / lengths
        return np.where(lengths > 0, middles, np.nan)

    def locate(self, x: ArrayLike) -> Ints:
        """Return the site in whose cell each point (m, d) lies, (m,); points outside the source too get their site.

        Parameters
        ----------
        x : (m, d) float

        Returns
        -------
        (m,) int
        """
        import torch  # noqa: PLC0415

        points = np.ascontiguousarray(x, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != self.problem.sites.shape[1]:
            raise GeometryError(f"points must have shape (m, {self.problem.sites.shape[1]}), got {points.shape}")
        parts = [self._search(torch.from_numpy(points[k : k + 8192])).first for k in range(0, len(points), 8192)]
        return np.concatenate([np.empty(0, dtype=np.int64), *(part.numpy() for part in parts)])

    @cached_property
    def _search(self) -> Any:
        import torch  # noqa: PLC0415

        from meshot.transport.sampled.estimates import LevelProblem  # noqa: PLC0415

        problem: Any = self.problem
        level = LevelProblem(problem.sites, problem.masses, problem.source, torch.device("cpu"))
        return level.search(self.heights, 64.0 * len(problem.sites), 1)


def solve_by_sampling(
    sites: ArrayLike,
    masses: ArrayLike | None,
    domain: Any,
    *,
    heights: ArrayLike | None = None,
    duplicates: Duplicates = "error",
    device: str = "auto",
    samples: int | None = None,
    rng: int | np.random.Generator | None = 0,
    optimizer: str = "newton",
    checkpoint: PathLike | None = None,
    callback: Callable[[Any], None] | None = None,
    progress: Progress | None = None,
) -> SampledTransport:
    """Solve by sampling: `solve_transport` with ``method="montecarlo"``, which documents parameters and result."""
    require_torch('method="montecarlo"')
    from meshot.transport.sampled.solve import Settings, solve_sampled  # noqa: PLC0415

    check_duplicates(duplicates)
    dimension = np.shape(sites)[1] if len(np.shape(sites)) == 2 else 0
    positions = check_sites(sites, distinct=duplicates == "error", dimension=max(dimension, 1))
    source, n = as_source(domain, dimension), len(positions)
    wanted = check_masses(np.full(n, source.mass / n) if masses is None else masses, n)
    place, first = np.arange(n), np.arange(n)
    if duplicates == "merge":
        merged = merge(positions)
        place, first = merged.place, merged.first
        positions, wanted = positions[first], np.bincount(place, wanted).astype(np.float64)
    start = None
    if heights is not None:
        given = check_numbers(heights, "heights")
        if given.shape != (n,) or not np.isfinite(given).all():
            raise GeometryError(f"heights must be {n} finite numbers, got shape {given.shape}")
        start = given[first]
    seed = int(rng) if isinstance(rng, int | np.integer) else int(np.random.default_rng(rng).integers(1 << 31))
    settings = Settings(device, samples, seed, optimizer, checkpoint)
    solution = solve_sampled(positions, wanted / wanted.sum(), source, settings, start, callback, progress)
    if not solution.converged and "callback" not in solution.reason:
        warnings.warn(f"transport did not converge: {solution.reason}", ConvergenceWarning, stacklevel=3)
    problem: Any = SampledProblem(positions, wanted, domain, source)
    history: Any = solution.history
    return SampledTransport(
        problem,
        solution.heights - solution.heights.mean(),
        history,
        solution.converged,
        solution.reason,
        place,
        1.0,
        solution=solution,
    )
