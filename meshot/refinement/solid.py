"""Refinement of a ball map toward equal volumes of its tetrahedra, without a flip; see `solid_step`."""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import ConvergenceWarning
from meshot.base.progress import Progress
from meshot.refinement.ball_system import VolumeSystem
from meshot.refinement.solid_step import VolumeStepper

# The least squares are found when this many steps have not lowered the error to this part of what it was.
PATIENCE, GAIN = 6, 0.97
# Deviation of a ratio from 1 from which a tetrahedron is named.
NAMED = 0.5


class VolumeState(NamedTuple):
    """Before the first step or after one: mean, spread and largest of |ratio - 1|, flips, damping, seconds."""

    ratio_mean_abs_deviation: float
    ratio_sd: float
    ratio_max_deviation: float
    flipped: int
    damping: float
    seconds: float


@dataclass(frozen=True, eq=False)
class VolumeRefinement:
    """A refined map to the ball.

    Attributes
    ----------
    points : (V, 3) float
        The map; boundary vertices on the unit sphere.
    volume_ratio : (T,) float
        Share of the image's volume over the wanted share.
    iterations : int
        Steps taken.
    reached : bool
        Mean and spread of |ratio - 1| are within the tolerance.
    converged : bool
        That, or no step lessens the sum of squares any more: the mesh does not allow for better volumes nearby.
    history : tuple of VolumeState
    obstructed : (n,) int
        Tetrahedra whose ratio is off by more than `NAMED`, worst first.
    reasons : tuple of str
        What holds each of them.
    """

    points: Floats
    volume_ratio: Floats
    iterations: int
    reached: bool
    converged: bool
    history: tuple[VolumeState, ...]
    obstructed: Ints
    reasons: tuple[str, ...]


def refine_volumes(
    system: VolumeSystem,
    shares: Floats,
    points: Floats,
    *,
    tol: float,
    max_iter: int,
    progress: Progress,
    callback: Callable[[VolumeState], None] | None = None,
) -> VolumeRefinement:
    """Move the vertices of a ball map until mean and spread of |ratio - 1| of its volumes are at most `tol`.

    Parameters
    ----------
    system : VolumeSystem
    shares : (T,) float
        Wanted shares, of sum 1.
    points : (V, 3) float
        Start without flips, with the boundary on the unit sphere. No step flips an element.
    tol : float
    max_iter : int
        Most steps.
    progress : Progress
    callback : callable, optional
        Gets each `VolumeState`; raising `StopIteration` ends the refinement.

    Warns
    -----
    ConvergenceWarning
        `max_iter` steps did not suffice.
    """
    began = time.perf_counter()
    stepper = VolumeStepper(system, shares, points)
    history: list[VolumeState] = []
    errors: list[float] = []
    stopped = settled = False
    while True:
        history.append(_state(stepper, began))
        errors.append(stepper.error)
        reached = max(history[-1].ratio_mean_abs_deviation, history[-1].ratio_sd) <= tol
        settled = len(errors) > PATIENCE and errors[-1] > GAIN * errors[-1 - PATIENCE]
        progress.update(len(history) / (max_iter + 1), f"volumes off by {history[-1].ratio_mean_abs_deviation:.1e}")
        try:
            if callback is not None:
                callback(history[-1])
        except StopIteration:
            stopped = True
        if reached or settled or stopped or len(history) > max_iter:
            break
        stepper.step()
    if not (reached or settled or stopped):
        last = history[-1]
        warnings.warn(
            f"volume refinement stopped after {max_iter} steps: ratios off by {last.ratio_mean_abs_deviation:.1e} in "
            f"the mean, {last.ratio_max_deviation:.1e} at most",
            ConvergenceWarning,
            stacklevel=3,
        )
    obstructed, reasons = _obstructed(system, stepper.ratio)
    return VolumeRefinement(
        stepper.points[:-1], stepper.ratio, len(history) - 1, reached, reached or settled, tuple(history), obstructed,
        reasons,
    )  # fmt: skip


def _state(stepper: VolumeStepper, began: float) -> VolumeState:
    off = np.abs(stepper.ratio - 1)
    damping, seconds = float(np.median(stepper.damping)), time.perf_counter() - began
    return VolumeState(float(off.mean()), float(off.std()), float(off.max()), stepper.flipped, damping, seconds)


def _obstructed(system: VolumeSystem, ratio: Floats) -> tuple[Ints, tuple[str, ...]]:
    """Return the tetrahedra that are far off, worst first, and what holds each."""
    off = np.abs(np.log(np.maximum(ratio, 1e-300)))
    order = np.argsort(-off, kind="stable")
    obstructed = order[np.abs(ratio[order] - 1) > NAMED]
    rim = np.zeros(system.count, dtype=bool)
    rim[system.on_sphere] = True
    touching = rim[system.elements[: system.tetrahedra]].sum(axis=1)
    causes = [touching == 4, touching > 0]
    names = ["all four vertices lie on the sphere", "it has a vertex on the sphere"]
    chosen = np.select(causes, names, default="its neighbors' volumes hold it")
    return obstructed, tuple(chosen[obstructed].tolist())
