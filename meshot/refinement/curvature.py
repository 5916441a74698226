"""Descent where linear steps stall: Newton's method for the sum of squares of the areas' errors, with their curvature.

Where each inner vertex has six faces, like in a lattice, the difference of the errors of two neighboring triangles
changes, at first order, by third derivatives of a stream function along the lattice's three directions: a hyperbolic
equation with data all around the boundary. So singular values of the areas' derivative J go down to nothing, and linear
steps do not see the errors r along them. There the sum of squares is governed by the sum of r times the areas' second
derivatives, which outweighs J^T J where singular values squared are below r: what looks like a minimum is a saddle.

A step minimizes the quadratic model, whose matrix is J^T J, that sum, and as much damping as makes it definite; then
the areas' second-order change is taken back by a correction with the same factor. Part of the last step is kept. True
local minima are left by stirring: a random displacement along the weak directions.
"""

from dataclasses import dataclass

import numpy as np

from meshot.algebra.multifrontal.cholesky import BlockCholesky
from meshot.base.arrays import Floats
from meshot.base.errors import ConvergenceError
from meshot.refinement.disk_system import DiskSystem
from meshot.refinement.system import Blocks

# Damping at the start and its range; what it becomes after a step that was hardly bent, and after one that failed.
FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1e-2, 1e-9, 1e6
FALL, RISE = 0.5, 3.0
# Length of the correction in steps: up to which the damping falls, and beyond which a step fails.
STRAIGHT, BENT = 0.075, 0.25
# What the damping leaves of the last step, and how much a step may raise the sum of squares for that.
MOMENTUM, SLACK = 0.8, 1.02
# Least part of its area that a face keeps in a step, and of its angle that a boundary edge keeps.
KEEP = 0.2
# Most that the weight of a face far off is raised.
HEAVIEST = 100.0
# Size of a random displacement, the quadratic mean of its gradient in the triangles' own shapes, in units of the square
# root of the error, as it changes areas by second order; the damping with which it is found; how it shrinks for folds,
# and its least size.
STIRRED, LOOSE, SHRINK, LEAST_STEP = 3.0, 3e-4, 0.7, 1e-12


@dataclass(frozen=True, eq=False)
class Model:
    """The sum of squares around a map: its weights, its slope, its curvature, and the metric of the damping."""

    counts: Floats
    gradients: Floats
    weights: Floats
    slope: Floats
    curvature: Blocks
    metric: Blocks


class AreaDescent:
    """A disk map without folds on its way to less error of its areas.

    Parameters
    ----------
    system : DiskSystem
    uv : (V, 2) float
        Start, without a fold, the boundary on the unit circle.
    counts : (F,) float
        How much each face counts.
    solver : BlockCholesky
        For the vertices and edges of the system.

    Attributes
    ----------
    image, measures : (V, 2) and (F,) float
        The current map and its areas, which stay positive.
    damping : float
    """

    def __init__(self, system: DiskSystem, uv: Floats, counts: Floats, solver: BlockCholesky) -> None:
        self.system, self.image, self.measures, self.solver = system, uv, system.measures(uv), solver
        self.counts = counts / counts.sum()
        self.damping = FIRST_DAMPING
        self.last = np.zeros((system.count, 2))

    @property
    def ratio(self) -> Floats:
        """Share of each face over its wanted share, (F,)."""
        return self._ratio(self.measures)

    def step(self, most: float = np.inf) -> None:
        """Take one step, damped until it lowers the error; faces that are off by more than `most` weigh more."""
        model = self._model(self.counts * np.clip(((self.ratio - 1) / most) ** 2, 1.0, HEAVIEST))
        while self.damping < MOST_DAMPING:
            if self._taken(model):
                return
            self.damping *= RISE
            self.last *= 0.5
        self.damping = FIRST_DAMPING

    def stir(self, uv: Floats, rng: np.random.Generator) -> None:
        """Go on from a random displacement of a map, largest along the directions that hardly change areas."""
        self.image, self.measures, self.last = uv, self.system.measures(uv), np.zeros_like(uv)
        step = self._random_step(rng)
        while np.abs(step).max() > LEAST_STEP and self._folds(self.system.move(uv, step)):
            step *= SHRINK
        if np.abs(step).max() > LEAST_STEP:
            self.image, self.last = self.system.move(uv, step), step
            self.measures = self.system.measures(self.image)
        self.damping = FIRST_DAMPING

    def _random_step(self, rng: np.random.Generator) -> Floats:
        model = self._model(self.counts)
        noise = rng.normal(size=self.image.shape) * np.sqrt(np.einsum("vaa->v", model.metric[0]))[:, None]
        noise[self.system.loop, 1] = 0.0
        squares, damping = self._squares(model.gradients, model.weights), LOOSE
        while damping < MOST_DAMPING:
            try:
                self.solver.factorize(*_damped(squares, damping, model.metric))
            except ConvergenceError:  # not definite in double precision
                damping *= RISE
                continue
            step = self.solver.solve(noise)
            return step * (STIRRED * np.sqrt(np.std(self.ratio)) / self._length(model.metric, step))
        return 0.0 * noise

    def _model(self, counts: Floats) -> Model:
        system, off, total = self.system, self.ratio - 1, self.measures.sum()
        targets = system.shares * total
        weights = counts / targets**2
        # Derivatives of half the sum of squares by the areas; the last part is that by the total area.
        forces = counts * off / targets - np.sum(counts * off * (1 + off)) / total
        frames = system.frames(self.image)
        gradients = system.gradients(self.image, frames)
        curvature = system.bend(self._squares(gradients, weights), self.image, frames, forces)
        metric = system.matrix(self.image, frames, gradients, 0 * weights, self.counts, 0.01 * targets)
        metric[0][system.loop, 1, 1] = 0.0
        return Model(counts, gradients, weights, system.pull(gradients, forces), curvature, metric)

    def _squares(self, gradients: Floats, weights: Floats) -> Blocks:
        """Return J^T J with weights of the faces."""
        system, floor = self.system, 0.01 * self.system.shares * self.measures.sum()
        return system.matrix(self.image, system.frames(self.image), gradients, weights, 0 * weights, floor)

    def _taken(self, model: Model) -> bool:
        """Try a step with the current damping; return whether it is taken."""
        system = self.system
        try:
            self.solver.factorize(*_damped(model.curvature, self.damping, model.metric))
        except ConvergenceError:  # not definite
            return False
        anchor = self.damping * system.multiply(model.metric, MOMENTUM * self.last)
        step = self.solver.solve(anchor - model.slope)
        bent = system.measures(system.move(self.image, step)) - self.measures - system.change(model.gradients, step)
        bent -= system.shares * bent.sum()
        correction = self.solver.solve(-system.pull(model.gradients, model.weights * bent))
        rate = self._length(model.metric, correction) / self._length(model.metric, step)
        moved = system.move(self.image, step + correction)
        areas = system.measures(moved)
        lower = self._error(areas, model.counts) < SLACK * self._error(self.measures, model.counts)
        if not (rate < BENT and lower) or self._folds(moved):
            return False
        self.image, self.measures, self.last = moved, areas, step + correction
        if rate < STRAIGHT:
            self.damping = max(FALL * self.damping, LEAST_DAMPING)
        return True

    def _length(self, metric: Blocks, step: Floats) -> float:
        return float(np.sqrt(np.sum(step * self.system.multiply(metric, step))))

    def _ratio(self, areas: Floats) -> Floats:
        return areas / (self.system.shares * areas.sum())

    def _error(self, areas: Floats, counts: Floats) -> float:
        return float(np.sum(counts * (self._ratio(areas) - 1) ** 2))

    def _folds(self, moved: Floats) -> bool:
        """Return whether a face or a boundary edge of a map would lose nearly all it has."""
        system = self.system
        thin = system.measures(moved) <= KEEP * self.measures
        return bool(thin.any() or (system.gaps(moved) <= KEEP * system.gaps(self.image)).any())


def _damped(curvature: Blocks, damping: float, metric: Blocks) -> Blocks:
    return Blocks(curvature[0] + damping * metric[0], curvature[1] + damping * metric[1])
