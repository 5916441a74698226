"""One step toward prescribed triangle areas: Levenberg-Marquardt, damped face by face, with momentum.

A triangulated disk with V_i interior and V_b boundary vertices has 2 V_i + V_b unknowns for F - 1 = 2 V_i + V_b - 3
area conditions, but the conditions are nearly dependent: a smooth area-preserving map, sampled at the vertices, leaves
neighboring triangles off by about the size of a triangle times the map's second derivatives, in a pattern that only
large smooth displacements can remove. The derivative J of the areas thus has singular values down to nothing, and the
path to equal areas is long and narrow. What leads along it:

* the damping measures a step relative to each triangle's own shape (`System.matrix`), so that it bounds the areas'
  quadratic change, and is adapted face by face to how well the linear model predicted the areas (trust region);
* the damping pulls toward a part of the last step instead of toward rest (momentum), as successive steps are much
  alike, except where the last step was mispredicted; where nothing improves any more, toward a random one;
* the areas' own curvature, times what they are off by, is part of the matrix, as far as the damping outweighs it: where
  the derivative's null directions lessen the errors, only that shows it;
* second-order corrections with the same factor bring a long step back to where the strong conditions hold; what a face
  asks of them is bounded, so that a few faces beyond the model's reach do not spoil the rest.
"""

import numpy as np
from numpy.typing import NDArray

from meshot.algebra.multifrontal.cholesky import BlockCholesky
from meshot.base.arrays import Floats
from meshot.base.errors import ConvergenceError
from meshot.refinement.disk_system import DiskSystem

FIRST_DAMPING, STIRRED_DAMPING = 0.1, 1e-3
DAMPING_RANGE = (1e-13, 10.0)
# Relative model error under which a face's damping falls, and above which it rises; the most it changes in a step.
TRUST = (0.2, 0.3)
FALL, RISE = 0.1, 10.0
# What the damping leaves of the last step, and more of it where areas are off by less than this: the valley is narrow.
MOMENTUM, NARROW_MOMENTUM, NARROW = 0.8, 0.9, 5e-3
# Standard deviation of the random displacements that stir a map, in units of a vertex' shortest edge and of the square
# root of the error: as these change areas by second order.
STIRRED = 3.0
# Relative model error around a vertex up to which it keeps its momentum, and from which it has none.
CALM = (0.3, 0.6)
CORRECTIONS = 3
# Most of a face's curvature, relative to its area, that a correction takes back; a face's error up to which its
# curvature is part of the matrix.
CURVED = 0.1
# Relative change of a step below which no more corrections are made.
SETTLED = 0.1
# A face asks at most for this part of its neighborhood's mean area, less or more, in one step.
SHRINK, GROW = 0.7, 1.0
# Least part of its area that a face keeps in a step, and of its angle that a boundary edge keeps.
KEEP = 0.2
# Share of vertices whose step may be cut in a part of a step that is taken.
CUT_LIMIT = 0.1
# Most that the weight of a face far off is raised.
HEAVIEST = 100.0
# A step may raise the sum of squares this much, and to so much more than the least met: the next one mends what a long
# step breaks.
SLACK, ASTRAY = 2.0, 4.0
# Shortest part of a step that is tried.
SHORTEST = 0.01
# Errors beyond this multiple of their quadratic mean count little when step lengths are compared.
OUTLIER = 2.0


class SurfaceStepper:
    """A disk map on its way to prescribed areas.

    Parameters
    ----------
    system : DiskSystem
    uv : (V, 2) float
        Start, with the boundary on the unit circle.

    Attributes
    ----------
    image, measures : (V, 2) or (V, 3), and (F,) float
        The current map and its signed areas. Once all areas are positive they stay so.
    damping : (F,) float
    counts : (F,) float
        How much each face counts: its share, or more if it is small.
    """

    def __init__(self, system: DiskSystem, uv: Floats) -> None:
        self.system, self.image, self.measures = system, uv, system.measures(uv)
        self.damping = np.full(len(system.shares), FIRST_DAMPING)
        self.solver = BlockCholesky(uv, system.edges, thin=True)
        self.last, self.calm = np.zeros((system.count, 2)), np.ones((system.count, 1))
        self.least = np.inf
        # Small faces count more than by area, as relative errors are asked for, but not so much that they lead.
        self.counts = np.maximum(system.shares, np.sqrt(system.shares / len(system.shares)))

    @property
    def ratio(self) -> Floats:
        """Share of each face over its wanted share, (F,)."""
        return self.measures / (self.system.shares * self.measures.sum())

    def step(self, most: float = np.inf) -> None:
        """Take one step, or refuse it and raise the damping; faces that are off by more than `most` weigh more."""
        system = self.system
        targets = system.shares * self.measures.sum()
        # Errors are relative to the wanted area, times the neighborhood's mean ratio where all of it is off.
        size = system.average(np.abs(self.measures), 2) / system.average(targets, 2)
        scale = np.maximum(targets * np.clip(size, 1e-6, 1e6), 0.25 * np.abs(self.measures))
        limit = np.maximum(np.abs(self.measures), scale)
        goal = np.clip(targets - self.measures, -SHRINK * limit, GROW * limit)
        weights = self.counts * targets.sum() / scale**2 * np.clip((goal / (most * scale)) ** 2, 1.0, HEAVIEST)
        frames = system.frames(self.image)
        gradients = system.gradients(self.image, frames)
        blocks = system.matrix(self.image, frames, gradients, weights, targets * self.damping, 0.01 * scale)
        # What the areas' curvature adds, as far as each face's own damping keeps it definite.
        bound = targets * self.damping / np.maximum(np.abs(self.measures), 0.1 * scale)
        near = np.abs(goal) < CURVED * scale
        forces = np.where(near, np.clip(-weights * goal, -bound, bound), 0.0)
        try:
            self.solver.factorize(*system.bend(blocks, self.image, frames, forces))
        except ConvergenceError:  # too little damping for double precision
            self._refuse()
            return
        narrow = np.mean((goal / scale) ** 2) < NARROW**2
        drift = (NARROW_MOMENTUM if narrow else MOMENTUM) * self.calm * self.last
        anchor = system.multiply(blocks, drift) - system.pull(gradients, weights * system.change(gradients, drift))
        first, corrected = self._solve(gradients, weights, goal, anchor, scale)
        part, taken, moved = self._search(first, corrected, scale)
        whole = moved if part == 1.0 else system.move(self.image, corrected)
        areas = system.measures(whole)
        predicted = self.measures + system.change(gradients, first) + self._growth(areas)
        self._adapt((areas - predicted) / scale, goal / scale, part)
        if part == 0.0:
            self._refuse()
            return
        self.image, self.measures, self.last = moved, system.measures(moved), min(1.0, 2 * part) * taken

    def stir(self, uv: Floats, rng: np.random.Generator) -> None:
        """Start anew at a map, as if a random displacement had led there.

        The next step goes on with it as far as the strong conditions allow: it leaves the local minima of the sum of
        squares, of which there are many, along the weak ones.
        """
        system = self.system
        self.image, self.measures, self.least = uv, system.measures(uv), np.inf
        self.damping[:], self.calm[:] = STIRRED_DAMPING, 1.0
        tail, head = system.edges.T
        shortest = np.full(system.count, np.inf)
        for ends in (tail, head):
            np.minimum.at(shortest, ends, np.linalg.norm(uv[tail] - uv[head], axis=1))
        amount = STIRRED * np.sqrt(np.std(self.ratio))
        self.last = amount * shortest[:, None] * rng.normal(size=(system.count, 2))
        self.last[system.loop, 1] = 0.0

    def _refuse(self) -> None:
        """Stay, and raise the damping."""
        self.last[:] = 0.0
        self.damping = np.minimum(RISE * self.damping, DAMPING_RANGE[1])

    def _growth(self, areas: Floats) -> Floats:
        """Part of a change of the areas that only follows the growth of the boundary's polygon."""
        return self.system.shares * (areas.sum() - self.measures.sum())

    def _solve(
        self, gradients: Floats, weights: Floats, goal: Floats, anchor: Floats, scale: Floats
    ) -> tuple[Floats, Floats]:
        """Return the Levenberg-Marquardt step and the corrected one.

        With J the derivative and r(d) = a(d) - a - J d the curvature's part of the change, the corrected step solves
        the damped equations J d = goal - r(d) by fixed-point iteration, for as long as this contracts. Each face's r
        is bounded.
        """
        system, solver = self.system, self.solver
        first = step = solver.solve(system.pull(gradients, weights * goal) + anchor)
        limit = 0.7
        for _ in range(CORRECTIONS):
            areas = system.measures(system.move(self.image, step))
            curved = areas - self.measures - system.change(gradients, step) - self._growth(areas)
            curved = np.clip(curved, -CURVED * scale, CURVED * scale)
            corrected = solver.solve(system.pull(gradients, weights * (goal - curved)) + anchor)
            rate = np.sqrt(np.sum((corrected - step) ** 2) / np.sum(step**2))
            if not rate < limit:
                break
            step, limit = corrected, float(rate)
            if limit < SETTLED:
                break
        return first, step

    def _search(self, first: Floats, corrected: Floats, scale: Floats) -> tuple[float, Floats, Floats]:
        """Go along part * first + part^2 * (corrected - first): return the part, the step, and the map.

        The first part is taken that few faces cut, that does not raise the quadratic error beyond `SLACK`, or lessens
        the error with outliers counted as little, and, once there are no folds, does not lead astray; 0 if none does.
        """
        system, shares, counts = self.system, self.system.shares, self.counts

        def squares(areas: Floats) -> Floats:
            return ((areas - shares * areas.sum()) / scale) ** 2

        before = squares(self.measures)
        outlier = OUTLIER**2 * before.mean()
        error = float(np.sum(counts * before))
        if (self.measures > 0).all():
            self.least = min(self.least, error)
        part = 1.0
        while True:
            taken, moved, cut = self._cut(part * first + part**2 * (corrected - first))
            after = squares(system.measures(moved))
            fewer = np.sum(counts * (after / (outlier + after) - before / (outlier + before))) < 0
            raised = float(np.sum(counts * after))
            few = cut.mean() <= CUT_LIMIT
            if few and (fewer or raised < SLACK * error) and raised < ASTRAY * self.least:
                return part, taken, moved
            part /= 2
            if part < SHORTEST:
                return 0.0, taken, moved

    def _cut(self, step: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Shorten the steps of vertices about faces that would fold; return the step, the map, and who was cut."""
        system = self.system
        part = np.ones((system.count, 1))
        gaps = system.gaps(self.image)
        for attempt in range(200):
            moved = system.move(self.image, step * part)
            bad = (system.measures(moved) <= KEEP * self.measures) & (self.measures > 0)
            tight = np.flatnonzero(system.gaps(moved) <= KEEP * gaps)
            if not bad.any() and not len(tight):
                break
            factor = 0.6 if attempt < 50 else 0.0
            part[np.unique(system.faces[bad])] *= factor
            part[np.unique([system.loop[tight], np.roll(system.loop, -1)[tight]])] *= factor
        return step * part, moved, part[:, 0] < 1

    def _adapt(self, error: Floats, goal: Floats, part: float) -> None:
        """Raise the damping where the linear model mispredicted the areas, lower it elsewhere."""
        average = self.system.average
        wanted = np.sqrt(average(goal**2, 1)) + 0.01 * np.sqrt(np.mean(goal**2))
        noise = np.sqrt(average(error**2, 1)) / wanted
        low, high = TRUST
        factor = np.where(noise < low, np.maximum(noise / low, FALL), np.clip(noise / high, 1.0, RISE))
        if part < 1.0:
            factor = np.maximum(factor, 1.0)
        around = np.zeros(self.system.count)
        np.maximum.at(around, self.system.faces.ravel(), np.repeat(noise, 3))
        calm, wild = CALM
        self.calm = np.clip((wild - around) / (wild - calm), 0.0, 1.0)[:, None]
        self.damping = np.exp(average(np.log(np.clip(self.damping * factor, *DAMPING_RANGE)), 1))
