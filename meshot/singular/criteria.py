"""Criteria for a facet between two cells to be singular: their sites are far apart in the target."""

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints, norms
from meshot.base.errors import OptionError
from meshot.singular.spacing import Spacing
from meshot.singular.target import TargetShape, farther_apart, leaves_support

Criterion = Literal["jump", "adjacency", "angle", "normal"]

# Default radius of the balls about sites, in local spacings, where the target is known.
HOLE_IN_TARGET = 0.5
# Without a target, facets that are still singular at a threshold larger by this factor are sure.
SURE_FACTOR = 1.2
# Default number of edges up to which sites count as near.
MAX_EDGES = 3
# Default threshold of angles, as a multiple of their median.
MEDIAN_FACTOR = 6.0


class Sites(NamedTuple):
    """Input of the criteria.

    Attributes
    ----------
    positions : (n, d) float
    spacing : Spacing
    target : TargetShape or None
    """

    positions: Floats
    spacing: Spacing
    target: TargetShape | None


class Verdict(NamedTuple):
    """Result of a criterion.

    Attributes
    ----------
    singular : (m,) bool
        Which facets are singular.
    sure : (m,) bool
        Those that would be with a threshold larger by a fifth, if the threshold separates tears from the irregularity
        of the sites; else all.
    threshold : float
        The threshold that was used.
    """

    singular: NDArray[np.bool_]
    sure: NDArray[np.bool_]
    threshold: float


def judge(sites: Sites, pairs: Ints, criterion: Criterion, threshold: float | None) -> Verdict:
    """Return which facets are singular.

    Parameters
    ----------
    sites : Sites
    pairs : (m, 2) int
        The two sites of each facet.
    criterion : {"jump", "adjacency", "angle", "normal"}
    threshold : float or None
        None stands for the criterion's default.

    Returns
    -------
    Verdict

    Raises
    ------
    OptionError
        The criterion is unknown, the threshold is not positive, or adjacency is asked for without a target.
    """
    if criterion not in get_args(Criterion):
        raise OptionError(f"criterion must be one of {', '.join(get_args(Criterion))}, not {criterion!r}")
    if threshold is not None and not (np.isfinite(threshold) and threshold > 0):
        raise OptionError(f"threshold must be a positive number, got {threshold!r}")
    return _CRITERIA[criterion](sites, pairs, threshold)


def _by_jump(sites: Sites, pairs: Ints, threshold: float | None) -> Verdict:
    balls = sites.positions, sites.spacing.nearby
    if sites.target is not None:
        threshold = HOLE_IN_TARGET if threshold is None else threshold
        return _all_sure(leaves_support(*balls, pairs, threshold, sites.target.inside), threshold)
    threshold = sites.spacing.hole if threshold is None else threshold
    singular = leaves_support(*balls, pairs, threshold)
    sure = np.zeros(len(pairs), dtype=bool)
    sure[singular] = leaves_support(*balls, pairs[singular], SURE_FACTOR * threshold)
    return Verdict(singular, sure, threshold)


def _by_adjacency(sites: Sites, pairs: Ints, threshold: float | None) -> Verdict:
    if sites.target is None:
        raise OptionError("criterion 'adjacency' needs a target: a mesh, a solid, a density or a function of points")
    steps = float(MAX_EDGES) if threshold is None else threshold
    if steps != int(steps):
        raise OptionError(f"the threshold of criterion 'adjacency' is a whole number of edges, got {threshold!r}")
    return _all_sure(farther_apart(sites.target.adjacency(sites.positions), pairs, int(steps)), steps)


def _by_angle(sites: Sites, pairs: Ints, threshold: float | None) -> Verdict:
    return _above(angles_between(sites.positions, pairs), threshold)


def _by_normal(sites: Sites, pairs: Ints, threshold: float | None) -> Verdict:
    return _above(angles_between(plane_normals(sites.positions), pairs), threshold)


_CRITERIA: dict[str, Callable[[Sites, Ints, float | None], Verdict]] = {
    "jump": _by_jump,
    "adjacency": _by_adjacency,
    "angle": _by_angle,
    "normal": _by_normal,
}


def plane_normals(sites: Floats) -> Floats:
    """Return the normals (y_i, -1) of the potential's supporting planes, (n, d + 1)."""
    return np.column_stack([sites, np.full(len(sites), -1.0)])


def angles_between(vectors: Floats, pairs: Ints) -> Floats:
    """Return the angle between the vectors (n, d) of each pair, in radians: 0 where one has no direction."""
    first, second = vectors[pairs[:, 0]], vectors[pairs[:, 1]]
    # Kahan's formula, which does not lose small angles as the arc cosine does
    a, b = norms(second)[:, None] * first, norms(first)[:, None] * second
    return np.asarray(2 * np.arctan2(norms(a - b), norms(a + b)))


def _above(angles: Floats, threshold: float | None) -> Verdict:
    if threshold is None:
        threshold = min(MEDIAN_FACTOR * float(np.median(angles)), np.pi) if len(angles) else np.pi
    return _all_sure(angles > threshold, threshold)


def _all_sure(singular: NDArray[np.bool_], threshold: float) -> Verdict:
    return Verdict(singular, singular, threshold)
