"""Refinement of a ball map toward equal volumes of its tetrahedra, without a flip; see `solid_step`."""

from typing import Any

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.base.progress import Progress
from meshot.meshes.base import Mesh
from meshot.meshes.solid import Solid
from meshot.refinement.ball_system import BallSystem
from meshot.refinement.refiner import Callback, Refinement, RefinementStep, Refiner, warn_unless
from meshot.refinement.solid_step import SolidStepper

# The least squares are reached when this many steps have hardly lowered the error.
PATIENCE = 6
# Deviation of a ratio from 1 from which a tetrahedron is named.
NAMED = 0.5


def refine_volumes(
    system: BallSystem,
    points: Floats,
    *,
    tol: float,
    max_iter: int,
    progress: Progress | None = None,
    callback: Callback | None = None,
) -> Refinement:
    """Move the vertices of a ball map until mean and spread of |ratio - 1| of its volumes are at most `tol`.

    Parameters
    ----------
    system : BallSystem
    points : (V, 3) float
        Start without flips, with the boundary on the unit sphere. No step flips an element.
    tol : float
    max_iter : int
        Most steps.
    progress : Progress, optional
    callback : callable, optional
        Gets each `RefinementStep`; raising `StopIteration` ends the refinement.

    Returns
    -------
    Refinement
        It converged where the tolerance is met, or no step lessens the sum of squares any more.

    Warns
    -----
    ConvergenceWarning
        `max_iter` steps did not suffice.
    """
    refiner = SolidRefiner(tol, SolidStepper(system, points), PATIENCE, progress, callback)
    refiner.run(max_iter)
    stepper = refiner.stepper
    refinement = refiner.packaged(
        stepper.image, stepper.ratio, *_obstructed(system, stepper.ratio), settled=refiner.stuck
    )
    warn_unless(refinement.converged or refiner.stopped, refinement, stacklevel=2)
    return refinement


class SolidRefiner(Refiner[SolidStepper]):
    """Refines a map to the ball; it converges where no step lessens the sum of squares any more."""

    mesh: type[Mesh] = Solid

    def __init__(self, tol: float, *others: Any) -> None:
        super().__init__(*others)
        self.tol = tol

    def state(self) -> tuple[Floats, int, Floats, Floats]:
        """Return the tetrahedra's ratios, how many elements are flipped, their damping, and the map."""
        return self.stepper.ratio, self.stepper.flipped, self.stepper.damping, self.stepper.image

    def miss(self, ratio: Floats, step: RefinementStep) -> float:
        """Return the larger of mean and spread of |ratio - 1|, in units of the tolerance."""
        return max(step.ratio_mean_abs_deviation, step.ratio_abs_deviation_sd) / self.tol

    def merit(self, error: tuple[int, float]) -> tuple[int, float]:
        """Return the sum of squares, that the steps lessen."""
        return 0, self.stepper.error

    def advance(self) -> bool:
        """Take a step."""
        self.stepper.step()
        return True


def _obstructed(system: BallSystem, ratio: Floats) -> tuple[Ints, tuple[str, ...]]:
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
