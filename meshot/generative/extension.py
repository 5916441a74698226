"""The piecewise-linear extension of a semi-discrete map, which generates new samples instead of copies."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from meshot.base.arrays import Floats, Ints, norms
from meshot.base.errors import ConvergenceError, GeometryError, OptionError
from meshot.base.settings import Device, require_positive, require_torch
from meshot.diagrams.sites import check_numbers, check_sites
from meshot.generative.crossings import Crossings, cells_along
from meshot.singular.criteria import angles_between, plane_normals
from meshot.transport.result import TransportResult
from meshot.transport.sampled.device import find_device
from meshot.transport.sampled.estimates import LevelProblem, cell_moments, estimate_cells
from meshot.transport.sampled.processes import ProcessGroup
from meshot.transport.sampled.result import SampledTransport
from meshot.transport.sampled.solve import default_samples
from meshot.transport.sampled.sources import SampledSource, as_source

AngleCriterion = Literal["angle", "normal"]

THETA = 0.75
"""Angle between supporting planes, in radians, above which the map is torn (An et al., for codes of images)."""

# Coordinates of neighboring sites in memory at once.
MAX_COORDINATES_HELD = 1 << 20
# Rounds of replacing rejected samples.
MAX_ROUNDS = 200


@dataclass(frozen=True, eq=False)
class ExtensionRecord:
    """Cells of mapped points, and how their images were made.

    Attributes
    ----------
    cells : (m,) int
        The site in whose cell each point lies.
    dropped : (m,) int
        How many of the best planes of each point were dropped because their angles exceed the threshold.
    rejected : int
        Points near the singular set that were replaced.
    """

    cells: Ints
    dropped: Ints
    rejected: int = 0

    @property
    def singular(self) -> NDArray[np.bool_]:
        """Whether a point is near the singular set: a plane was dropped; (m,)."""
        return self.dropped > 0


class Extension(NamedTuple):
    """Images of points, (m, d), and the record of how they were made."""

    points: Floats
    record: ExtensionRecord


class Drawn(NamedTuple):
    """Samples of the source, (n, d), their images, (n, d), and the record."""

    source: Floats
    points: Floats
    record: ExtensionRecord


class ExtendedMap:
    """The piecewise-linear extension of a semi-discrete transport map.

    A point x lies in the cell i whose plane <x, y_i> + h_i is the highest. Of the d + 1 highest planes there, those
    whose angle to plane i exceeds `theta` are dropped: the map is torn there, and a mean of the two sides would not be
    a sample of the target. The image of x is the mean of the remaining sites y_j, with weights proportional to
    1 / |x - c_j|, where c_j is the mass center of cell j; each mass center goes to its site.

    Parameters
    ----------
    transport : TransportResult or (sites, heights)
        A transport, or the (n, d) sites and (n,) heights of a Brenier potential.
    domain : optional
        With sites and heights, the source, as `solve_transport` takes it.
    theta : float
        Threshold in radians.
    criterion : {"angle", "normal"}
        "angle" is the angle between y_i and y_j, which depends on the origin: it suits codes spread about the origin in
        many dimensions. "normal" is the angle between (y_i, -1) and (y_j, -1), the normals of the two planes, which
        suits sites anywhere with a spread of about one.
    neighbors : int, optional
        Number of highest planes, by default d + 1.
    centers : (n, d) float, optional
        Mass centers; by default those of the transport, exact or estimated, and estimated by sampling for sites and
        heights. Cells with NaN map to their own site, and contribute to no other point.
    samples : int, optional
        Samples of that estimate, by default at least 128 for each site.
    device : {"auto", "cpu", "cuda"}
        Where planes are evaluated.
    rng : int or numpy.random.Generator
        Seed of the estimate.

    Raises
    ------
    OptionError
        Torch is not installed, or options contradict each other.
    GeometryError
        Arrays have wrong shapes.

    References
    ----------
    An, Guo, Lei, Luo, Yau, Gu, "AE-OT: a new generative model based on extended semi-discrete optimal transport",
    ICLR 2020, section 3.2.

    Examples
    --------
    >>> import meshot
    >>> sites = [[-2.0, 0.5], [-2.2, 0.4], [2.0, 0.5], [2.2, 0.4]]
    >>> extended = ExtendedMap(meshot.solve_transport(sites, domain=meshot.Box([0, 0], [1, 1])))
    >>> points, record = extended([[0.49, 0.5], [0.51, 0.5]])
    >>> bool(points[0, 0] < -2), bool(points[1, 0] > 2), record.singular.tolist()
    (True, True, [True, True])
    """

    def __init__(
        self,
        transport: TransportResult | tuple[ArrayLike, ArrayLike],
        *,
        domain: Any = None,
        theta: float = THETA,
        criterion: AngleCriterion = "angle",
        neighbors: int | None = None,
        centers: ArrayLike | None = None,
        samples: int | None = None,
        device: Device = "auto",
        rng: int | np.random.Generator = 0,
    ) -> None:
        require_torch("an extended map")
        require_positive("theta", theta)
        if criterion not in get_args(AngleCriterion):
            raise OptionError(f'criterion must be "angle" or "normal", got {criterion!r}')
        if isinstance(transport, TransportResult):
            if domain is not None:
                raise OptionError("a transport has its own domain")
            self.sites, self.heights, self._domain = transport.problem.sites, transport.heights, _domain_of(transport)
            centers = transport.centroids if centers is None else centers
        else:
            self.sites, self.heights = _checked_planes(transport)
            self._domain = as_source(domain, self.sites.shape[1])
        n, d = self.sites.shape
        self.theta, self.criterion, self.device = float(theta), criterion, device
        self.neighbors = min(n, _checked_count("neighbors", d + 1 if neighbors is None else neighbors))
        self.centers = self._estimated(samples, rng) if centers is None else _checked_centers(centers, (n, d))

    def __call__(self, x: ArrayLike) -> Extension:
        """Return the images of points (m, d) of the source, and the record of how they were made."""
        points, d = self._checked_points(x), self.sites.shape[1]
        rows = max(1, MAX_COORDINATES_HELD // (self.neighbors * d))
        parts = [self._extend(points[k : k + rows]) for k in range(0, max(1, len(points)), rows)]
        images, cells, dropped = (np.concatenate(values) for values in zip(*parts, strict=True))
        return Extension(images, ExtensionRecord(cells, dropped))

    def sample(self, n: int, *, rng: int | np.random.Generator = 0, reject: bool = False) -> Drawn:
        """Draw `n` independent samples of the source and map them.

        Parameters
        ----------
        n : int
        rng : int or numpy.random.Generator
        reject : bool
            Replace samples near the singular set; the record counts them.

        Returns
        -------
        Drawn

        Raises
        ------
        OptionError
            The source, a density on a mesh or a picture, cannot be sampled.
        ConvergenceError
            Nearly all samples are rejected.
        """
        from meshot.transport.sampled.samples import random_points  # noqa: PLC0415

        generator, wanted = np.random.default_rng(rng), _checked_count("n", n)
        kept: list[tuple[Floats, Floats, Ints, Ints]] = []
        have = rejected = 0
        for _ in range(MAX_ROUNDS):
            x = random_points(self.source, wanted - have, generator)
            images, record = self(x)
            good = ~record.singular if reject else np.ones(len(x), dtype=bool)
            kept.append((x[good], images[good], record.cells[good], record.dropped[good]))
            have, rejected = have + int(good.sum()), rejected + int((~good).sum())
            if have == wanted:
                x, images, cells, dropped = (np.concatenate(values) for values in zip(*kept, strict=True))
                return Drawn(x, images, ExtensionRecord(cells, dropped, rejected))
        raise ConvergenceError(f"{rejected:,} samples were rejected as singular for {have:,} that are not: raise theta")

    def crossings(self, start: ArrayLike, stop: ArrayLike) -> Crossings:
        """Return where the segment between two points of the source crosses from cell to cell, exactly.

        Between crossings the semi-discrete map is constant; the images jump where a crossing is singular.

        Parameters
        ----------
        start, stop : (d,) float

        Returns
        -------
        Crossings
        """
        ends: Any = [start, stop]
        a, b = self._checked_points(ends)
        times, cells = cells_along(self.sites @ (b - a), self.sites @ a + self.heights)
        pairs = np.stack([cells[:-1], cells[1:]], axis=1)
        angles, jumps = angles_between(self._normals, pairs), norms(self.sites[pairs[:, 0]] - self.sites[pairs[:, 1]])
        return Crossings(times, cells, angles, jumps, angles > self.theta)

    @cached_property
    def source(self) -> SampledSource:
        """The source of samples; OptionError if it cannot be sampled."""
        if self._domain is None:
            raise OptionError("there is no way to draw from a density of the plane: map samples of your own by a call")
        return as_source(self._domain, self.sites.shape[1])

    @cached_property
    def _normals(self) -> Floats:
        return self.sites if self.criterion == "angle" else plane_normals(self.sites)

    @cached_property
    def _planes(self) -> Any:

        from meshot.transport.sampled.device import find_device  # noqa: PLC0415

        return BestPlanes(self.sites, self.heights, self.neighbors, find_device(self.device))

    def _estimated(self, samples: int | None, rng: int | np.random.Generator) -> Floats:

        seed = int(np.random.default_rng(rng).integers(1 << 31))
        return estimate_centers(self.sites, self.heights, self.source, samples, seed, self.device)

    def _extend(self, x: Floats) -> tuple[Floats, Ints, Ints]:
        """Return images, cells and numbers of dropped planes of a chunk of points."""
        best = self._planes(x)
        pairs = np.stack([np.repeat(best[:, 0], self.neighbors), best.ravel()], axis=1)
        near = (angles_between(self._normals, pairs) <= self.theta).reshape(best.shape)
        distances = np.sqrt(((x[:, None, :] - self.centers[best]) ** 2).sum(axis=2))
        distances[:, 0] = np.nan_to_num(distances[:, 0])
        distances[~near | np.isnan(distances)] = np.inf
        # relative to the smallest one, so that at a mass center nothing is divided by zero
        distances = np.maximum(distances, np.finfo(float).tiny)
        weights = distances.min(axis=1, keepdims=True) / distances
        weights /= weights.sum(axis=1, keepdims=True)
        return np.einsum("mk,mkd->md", weights, self.sites[best]), best[:, 0], (~near).sum(axis=1)

    def _checked_points(self, x: ArrayLike) -> Floats:
        points, d = check_numbers(x, "points"), self.sites.shape[1]
        if points.ndim != 2 or points.shape[1] != d:
            raise GeometryError(f"points must have shape (m, {d}), got {points.shape}")
        if not np.isfinite(points).all():
            raise GeometryError("points must be finite", ids=np.flatnonzero(~np.isfinite(points).all(axis=1)).tolist())
        return points


def _domain_of(transport: TransportResult) -> Any:
    """Return the source of a transport; None for a density of the plane, which cannot be sampled."""
    if isinstance(transport, SampledTransport):
        return transport.source
    return transport.problem.domain if transport.problem.source is None else None


def _checked_planes(planes: Any) -> tuple[Floats, Floats]:
    if not (isinstance(planes, tuple) and len(planes) == 2):
        raise OptionError(f"give a transport, or a pair of sites and heights, not a {type(planes).__name__}")
    shape = np.shape(planes[0])
    sites = check_sites(planes[0], distinct=False, dimension=max(1, shape[-1]) if len(shape) == 2 else 1)
    heights = check_numbers(planes[1], "heights")
    if heights.shape != sites.shape[:1] or not np.isfinite(heights).all():
        raise GeometryError(f"heights must be {len(sites)} finite numbers, got shape {heights.shape}")
    return sites, heights


def _checked_centers(centers: ArrayLike, shape: tuple[int, ...]) -> Floats:
    array = check_numbers(centers, "centers")
    if array.shape != shape:
        raise GeometryError(f"centers must have shape {shape}, one for each site, got {array.shape}")
    return array


def _checked_count(name: str, value: int) -> int:
    if not (isinstance(value, int | np.integer) and value >= 1):
        raise OptionError(f"{name} must be a whole number of at least 1, got {value!r}")
    return int(value)


def estimate_centers(
    sites: Floats, heights: Floats, source: SampledSource, samples: int | None, seed: int, device: Device
) -> Floats:
    """Estimate the mass centers of the cells from samples.

    Parameters
    ----------
    sites, heights : (n, d) float, (n,) float
    source : SampledSource
    samples : int or None
        At least 128 for each site by default.
    seed : int
    device : {"auto", "cpu", "cuda"}

    Returns
    -------
    (n, d) float
        NaN for cells without samples.

    Examples
    --------
    >>> from meshot.transport.sampled.sources import UniformBox
    >>> source = UniformBox([-1.0], [1.0])
    >>> estimate_centers(np.array([[-1.0], [1.0]]), np.zeros(2), source, 1 << 12, 0, "cpu").round(2).tolist()
    [[-0.5], [0.5]]
    """
    n, d = sites.shape
    problem = LevelProblem(sites, np.full(n, 1 / n), source, find_device(device))
    size = default_samples(n) if samples is None else samples
    result = estimate_cells(problem, heights, size, (seed,), ProcessGroup(), neighbors=False, moments=True)
    return cell_moments(result, d).centroids


# Scores in memory at once.
MAX_SCORES_HELD = {"cpu": 1 << 22, "cuda": 1 << 27}


class BestPlanes:
    """Computes the `count` largest of the values <x, y_i> + h_i.

    Parameters
    ----------
    sites : (n, d) float
    heights : (n,) float
    count : int
        At most n.
    device : torch.device

    Examples
    --------
    >>> planes = BestPlanes(np.array([[-1.0], [0.0], [1.0]]), np.zeros(3), 2, torch.device("cpu"))
    >>> planes(np.array([[0.5], [-0.5]])).tolist()
    [[2, 1], [0, 1]]
    """

    def __init__(self, sites: Floats, heights: Floats, count: int, device: torch.device) -> None:
        self._sites = torch.tensor(sites, device=device)
        self._heights = torch.tensor(heights, device=device)
        self._count = count
        self._rows = max(1, MAX_SCORES_HELD[device.type] // len(sites))

    def __call__(self, points: Floats) -> Ints:
        """Return the planes of points (m, d), (m, count), the best first."""
        result = np.empty((len(points), self._count), dtype=np.int64)
        for start in range(0, len(points), self._rows):
            part = torch.from_numpy(points[start : start + self._rows]).to(self._sites.device)
            scores = torch.addmm(self._heights, part, self._sites.T)
            result[start : start + self._rows] = torch.topk(scores, self._count, dim=1).indices.cpu().numpy()
        return result
