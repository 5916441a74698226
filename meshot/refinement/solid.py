"""Refinement of a ball map toward equal volumes of its tetrahedra, without a flip.

A step is Levenberg-Marquardt on the logarithms of the tetrahedra's volume ratios.

A tetrahedral mesh has about three unknowns a vertex for five or six tetrahedra: equal volumes are overdetermined, and
what can be reached is the least sum of squares. The logarithm of the ratio is a barrier against flips, and near ratio 1
it is the relative error. Cones over the boundary's faces have a one-sided barrier alone, against getting thin.

* The damping measures a step relative to each element's own shape (`System.matrix`), so that it bounds the volumes'
  higher-order change, and is adapted element by element to how well the linear model predicted the volumes (trust
  region).
* Second-order corrections with the same matrix bring a long step back to where the linear model leads.
* While there are flipped elements, the ratio r in the logarithm is replaced by the positive (r + sqrt(r^2 + eps^2)) / 2
  (Garanzha, Kaporin, Kudryavtseva, Protais, Ray, Sokolov, "Foldover-free maps in 50 lines of code", 2021, eq. 4).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshot.algebra.block_cg import BlockCG
from meshot.base.arrays import Floats, Ints
from meshot.base.progress import Progress
from meshot.meshes.base import Mesh
from meshot.meshes.solid import Solid
from meshot.refinement.ball_system import BallSystem
from meshot.refinement.refiner import Callback, Refinement, RefinementStep, Refiner, warn_unless

FIRST_DAMPING = 0.1
DAMPING_RANGE = (1e-7, 10.0)
# Relative model error under which an element's damping falls, and above which it rises; the most it changes in a step.
TRUST = (0.2, 0.3)
FALL, RISE = 0.1, 10.0
# Most that a step asks of the logarithm of a ratio: to shrink, and to grow.
SHRINK, GROW = 1.0, 1.0
# A cone resists where its volume is below this part of its first one.
THIN = 0.3
# Regularization of ratios while some are negative.
EPSILON = 0.1
# Ratio below which the slope of the logarithm is no longer followed.
NEARLY_FLAT = 1e-3
CORRECTIONS = 2
# Most of an element's curvature, relative to its volume, that a correction takes back.
CURVED = 0.3
# Least contraction of the corrections, and their relative change below which no more are made.
CONTRACTION, SETTLED = 0.7, 0.1
# Least part of its volume that an element keeps in a step.
KEEP = 0.1
# Share of vertices whose step may be cut before all steps are.
CUT_LIMIT = 2e-3
# Factor of step lengths that are tried, and the shortest.
SHORTER, SHORTEST = 0.6, 1e-3
# Relative accuracy of the linear systems, and most iterations.
ACCURACY, ITERATIONS = 1e-2, 200


class SolidStepper:
    """A ball map on its way to prescribed volumes.

    Parameters
    ----------
    system : BallSystem
    points : (V, 3) float
        Start, with the boundary on the unit sphere; without the center.

    Attributes
    ----------
    points : (V + 1, 3) float
        The current map, and the center.
    measures : (T + B,) float
        Signed volumes of tetrahedra and cones. Once they are all positive they stay so.
    damping : (T + B,) float
    """

    def __init__(self, system: BallSystem, points: Floats) -> None:
        self.system = system
        self.points = np.vstack([points, np.zeros(3)])
        self.measures = system.measures(self.points)
        cones = self.measures[system.tetrahedra :]
        self._cones = np.maximum(cones, 0.1 * np.median(np.abs(cones)))
        self.damping = np.full(len(system.elements), FIRST_DAMPING)
        self.solver = BlockCG(system.count, system.edges)

    @property
    def image(self) -> Floats:
        """The current map without the center, (V, 3)."""
        return self.points[:-1]

    @property
    def ratio(self) -> Floats:
        """Share of each tetrahedron over its wanted share, (T,)."""
        volumes = self.measures[: self.system.tetrahedra]
        return volumes / (self.system.shares * volumes.sum())

    @property
    def flipped(self) -> int:
        """Number of tetrahedra and cones without positive volume."""
        return int((self.measures <= 0).sum())

    @property
    def error(self) -> float:
        """The objective: the sum of the squared logarithms, with outliers counted linearly (Huber)."""
        return _robust(self._residual(self.measures, EPSILON if self.flipped else 0.0)[1])

    def step(self) -> bool:
        """Take one step; return False, with the damping raised, if none was accepted."""
        system, epsilon = self.system, EPSILON if self.flipped else 0.0
        units, residual, slope = self._residual(self.measures, epsilon)
        goal = -np.clip(residual, -GROW, SHRINK)
        active = 1 / np.maximum(1.0, np.abs(residual))
        active[system.tetrahedra :][residual[system.tetrahedra :] == 0] = 0.0
        frames = system.frames(self.points)
        gradients = system.gradients(self.points, frames, units / slope)
        floor = (1e-3 * units) ** (2 / 3)
        self.solver.factorize(*system.matrix(self.points, frames, gradients, active, self.damping, floor))
        first, corrected, error = self._solve(gradients, active, goal, units / slope)
        part = self._search(first, corrected, residual, epsilon)
        self._adapt(error, goal, part)
        return part > 0.0

    def _residual(self, volumes: Floats, epsilon: float) -> tuple[Floats, Floats, Floats]:
        """Return each element's unit of volume, the logarithm of its regularized ratio, and its slope by the ratio."""
        inner = self.system.tetrahedra
        units = np.concatenate([self.system.shares * abs(volumes[:inner].sum()), self._cones])
        ratio = volumes / units
        root = np.sqrt(ratio**2 + epsilon**2)
        if epsilon:
            safe = np.maximum(root + np.abs(ratio), 1e-300)
            positive = np.where(ratio > 0, 0.5 * (ratio + root), 0.5 * epsilon**2 / safe)
        else:
            positive = np.maximum(ratio, 1e-300)
        residual = np.log(positive)
        residual[inner:] = np.minimum(residual[inner:] - np.log(THIN), 0.0)
        return units, residual, 1 / np.maximum(root, NEARLY_FLAT)

    def _solve(self, gradients: Floats, active: Floats, goal: Floats, units: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the Levenberg-Marquardt step, the corrected one, and the linear model's error for the first.

        With J the derivative and r(d) the volumes' change beyond J d, the corrected step solves the damped equations
        J d = goal - r(d) by fixed-point iteration, for as long as this contracts; each element's r is bounded.
        """
        system = self.system

        def beyond(step: Floats) -> Floats:
            moved = system.measures(system.move(self.points, step))
            return (moved - self.measures) / units - system.change(gradients, step)

        pulled = system.pull(gradients, active * goal)
        first = corrected = self.solver.solve(pulled, ACCURACY, ITERATIONS)
        curvature = beyond(first)
        error, limit = np.clip(curvature, -1.0, 1.0), CONTRACTION
        for _ in range(CORRECTIONS):
            bounded = np.clip(curvature, -CURVED, CURVED)
            more = system.pull(gradients, active * (goal - bounded))
            improved = first + self.solver.solve(more - pulled, 10 * ACCURACY, ITERATIONS)
            rate = np.sqrt(np.sum((improved - corrected) ** 2) / np.sum(corrected**2))
            if not rate < limit:
                break
            corrected, limit = improved, float(rate)
            if limit < SETTLED:
                break
            curvature = beyond(corrected)
        return first, corrected, error

    def _search(self, first: Floats, corrected: Floats, residual: Floats, epsilon: float) -> float:
        """Go along part * first + part^2 * (corrected - first); return the part, 0 if none lessens the squares."""
        error, part = _robust(residual), 1.0
        while part > SHORTEST:
            step = part * first + part**2 * (corrected - first)
            trial = self._cut(step)
            if trial is not None:
                moved, volumes = trial
                if _robust(self._residual(volumes, epsilon)[1]) < error:
                    self.points, self.measures = moved, volumes
                    return part
            part *= SHORTER
        return 0.0

    def _cut(self, step: Floats) -> tuple[Floats, Floats] | None:
        """Shorten the steps of a few vertices about elements that would flip; None if there are more than a few."""
        system = self.system
        part = np.ones((system.count, 1))
        for attempt in range(30):
            moved = system.move(self.points, step * part)
            volumes = system.measures(moved)
            bad = (volumes <= KEEP * self.measures) & (self.measures > 0)
            if not bad.any():
                return moved, volumes
            held: NDArray[np.int64] = np.unique(system.elements[bad])
            if len(held) > max(8.0, CUT_LIMIT * system.count):
                return None
            part[held] *= SHORTER if attempt < 20 else 0.0
        return None

    def _adapt(self, error: Floats, goal: Floats, part: float) -> None:
        """Raise the damping where the linear model mispredicted the volumes, lower it elsewhere."""
        average, inner = self.system.average, self.system.tetrahedra
        typical = np.sqrt(np.mean(goal[:inner] ** 2))
        asked = np.concatenate([goal[:inner], np.maximum(goal[inner:], typical)])
        wanted = np.sqrt(average(asked**2, 1)) + 0.01 * typical
        noise = np.sqrt(average(error**2, 1)) / wanted
        low, high = TRUST
        factor = np.where(noise < low, np.maximum(noise / low, FALL), np.clip(noise / high, 1.0, RISE))
        if part < 0.5:
            factor = np.maximum(factor, 1.0)
        if part == 0.0:
            factor *= RISE
        self.damping = np.exp(average(np.log(np.clip(self.damping * factor, *DAMPING_RANGE)), 1))


def _robust(residual: Floats) -> float:
    """Sum of squares, continued linearly where a residual is beyond 1 (Huber 1964)."""
    size = np.abs(residual)
    return float(np.sum(np.where(size < 1, size**2, 2 * size - 1)))


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
