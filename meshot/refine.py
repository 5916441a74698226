"""Refinement of a disk map until every triangle has exactly its share of the area, without a fold.

A triangulated disk with V_i interior and V_b boundary vertices has 2 V_i + V_b unknowns for F - 1 = 2 V_i + V_b - 3
area conditions, but the conditions are nearly dependent: a smooth area-preserving map sampled at the vertices leaves
neighboring triangles off by the curvature of the map times the size of a triangle, in a pattern that only large smooth
displacements can remove. Hence Levenberg-Marquardt steps in a metric that knows the triangles' shapes, damped locally,
each face by how well the linear model foretold its area, and completed by second-order corrections with the same
factorisation.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshot.areasystem import AreaSystem
from meshot.blockcholesky import BlockCholesky
from meshot.errors import ConvergenceWarning, GeometryError
from meshot.mesh import Floats, Ints
from meshot.progress import SILENT, Progress

FIRST_DAMPING = 0.1
DAMPING_RANGE = (1e-13, 10.0)
# Least part of its area that a face keeps in a step, and of its angle that a boundary edge keeps.
KEEP = 0.2
# Relative model error under which a face's damping falls, and above which it rises.
TRUST = (0.2, 0.3)
CORRECTIONS = 3
# A face asks at most for this part of its neighbourhood's mean area, less or more, in one step.
SHRINK, GROW = 0.7, 1.0
# Share of vertices whose step may be cut before the whole step is refused.
CUT_LIMIT = 0.1


class RefinementStep(NamedTuple):
    """One step: spread and worst face of the area ratio, folded faces, median damping, seconds since the start."""

    ratio_sd: float
    ratio_max_deviation: float
    flipped: int
    damping: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Refinement:
    """A refined disk map.

    Attributes
    ----------
    uv : (V, 2) float
        The map; boundary vertices on the unit circle.
    area_ratio : (F,) float
        Share of the image's area over the wanted share; 1 is exact.
    iterations : int
        Steps taken.
    converged : bool
        Both tolerances met, and no face folded.
    history : tuple of RefinementStep
        State before the first step and after each.
    obstructed : (n,) int
        Faces beyond ``tol_max``, worst first; empty if converged.
    reasons : tuple of str
        What holds each of them.
    """

    uv: Floats
    area_ratio: Floats
    iterations: int
    converged: bool
    history: tuple[RefinementStep, ...]
    obstructed: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    reasons: tuple[str, ...] = ()

    @property
    def flipped(self) -> int:
        """Number of faces without positive area."""
        return int((self.area_ratio <= 0).sum())


def refine_areas(
    faces: ArrayLike,
    uv: ArrayLike,
    target_areas: ArrayLike,
    *,
    tol_sd: float = 1e-3,
    tol_max: float = 5e-2,
    max_iter: int = 60,
    progress: Progress | None = None,
    callback: Callable[[RefinementStep], None] | None = None,
) -> Refinement:
    """Move the vertices of a disk map until each triangle has its share of the area, and unfold it on the way.

    Parameters
    ----------
    faces : (F, 3) int
        A triangulated disk, counter-clockwise in the image.
    uv : (V, 2) float
        Start: boundary on the unit circle in increasing angle; some faces may be folded. Rows of vertices without a
        face are passed through.
    target_areas : (F,) float
        Wanted areas, positive, in any unit: only their shares count (of the boundary's polygon, a little less than the
        disk).
    tol_sd, tol_max : float
        Wanted standard deviation, and largest deviation from 1, of the ratio of a face's share to its wanted share.
    max_iter : int
        Most steps.
    progress : Progress, optional
        Client that hears of the steps.
    callback : callable, optional
        Gets each `RefinementStep`; raising `StopIteration` ends the refinement.

    Returns
    -------
    Refinement
        The best map met. If it is not within the tolerances, `obstructed` names the faces, and a `ConvergenceWarning`
        is given.

    Raises
    ------
    GeometryError
        A target area that is not positive, or a boundary that does not run once round the circle.

    Notes
    -----
    No step folds a face that was not folded, so a fold-free map stays fold-free.

    Examples
    --------
    A fan of four triangles about a centre that should have a quarter of the area each:

    >>> faces = [[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]]
    >>> uv = [[1, 0], [0, 1], [-1, 0], [0, -1], [0.3, 0.2]]
    >>> refine_areas(faces, uv, [1, 1, 1, 1], tol_sd=1e-12).area_ratio.round(9)
    array([1., 1., 1., 1.])
    """
    faces, start, targets = _checked(faces, uv, target_areas)
    used, compact = np.unique(faces, return_inverse=True)
    system = AreaSystem(compact.reshape(faces.shape), targets)
    positions = _on_circle(system, start[used], used)
    loop = _Loop(system, positions, tol_sd, tol_max, progress or SILENT, callback)
    loop.run(max_iter)
    return loop.result(start, used)


def _checked(faces: ArrayLike, uv: ArrayLike, target_areas: ArrayLike) -> tuple[Ints, Floats, Floats]:
    faces = np.asarray(faces, dtype=np.int64)
    start = np.array(uv, dtype=np.float64)
    targets = np.asarray(target_areas, dtype=np.float64)
    if targets.shape != (len(faces),):
        raise GeometryError(f"target_areas must have shape ({len(faces)},), got {targets.shape}")
    bad = np.flatnonzero(~(targets > 0) | ~np.isfinite(targets))
    if len(bad):
        raise GeometryError("target area that is not positive", ids=bad.tolist())
    bad = np.unique(faces[~np.isfinite(start[faces]).all(axis=2)])
    if len(bad):
        raise GeometryError("face with a vertex at no finite position", ids=bad.tolist())
    return faces, start, targets


def _on_circle(system: AreaSystem, positions: Floats, names: Ints) -> Floats:
    """Positions with the boundary exactly on the circle; raise unless it runs round it once."""
    rim = positions[system.loop]
    positions[system.loop] = rim / np.linalg.norm(rim, axis=1, keepdims=True)
    gaps = system.gaps(positions)
    bad = np.flatnonzero(~(gaps > 0))
    if len(bad) or gaps.sum() > 2 * np.pi + 1:
        raise GeometryError(
            "boundary that does not run once round the circle in increasing angle", ids=names[system.loop[bad]].tolist()
        )
    return positions


class _Loop:
    """The iteration's state and its steps."""

    def __init__(
        self,
        system: AreaSystem,
        uv: Floats,
        tol_sd: float,
        tol_max: float,
        progress: Progress,
        callback: Callable[[RefinementStep], None] | None,
    ) -> None:
        self.system, self.uv = system, uv
        self.tol_sd, self.tol_max = tol_sd, tol_max
        self.progress, self.callback = progress, callback
        self.areas = system.areas(uv)
        self.damping = np.full(len(system.shares), FIRST_DAMPING)
        self.began = time.perf_counter()
        self.history: list[RefinementStep] = []
        self.iterations = 0
        self.best = (np.inf, np.inf), uv
        self.solver = BlockCholesky(system.count, system.edges, uv)

    def run(self, max_iter: int) -> None:
        """Step until the tolerances are met, the callback stops, or `max_iter` steps are done."""
        while self._report() and self.iterations < max_iter:
            self.iterations += 1
            self._step()

    def _report(self) -> bool:
        """Record the state; return whether to go on."""
        ratio = self.ratio(self.areas)
        sd, worst = float(np.sqrt(((ratio - 1) ** 2).mean())), float(np.abs(ratio - 1).max())
        step = RefinementStep(
            sd, worst, int((ratio <= 0).sum()), float(np.median(self.damping)), time.perf_counter() - self.began
        )
        self.history.append(step)
        merit = max(sd / self.tol_sd, worst / self.tol_max)
        self.best = min(self.best, ((step.flipped, merit), self.uv), key=lambda entry: entry[0])
        first = self.history[0].ratio_sd
        done = np.log(max(first / sd, 1.0)) / np.log(max(first / self.tol_sd, 1.0 + 1e-9)) if sd > 0 else 1.0
        self.progress.update(min(1.0, done), f"areas off by {sd:.1e}")
        try:
            if self.callback is not None:
                self.callback(step)
        except StopIteration:
            return False
        return bool(step.flipped or merit > 1)

    def ratio(self, areas: Floats) -> Floats:
        """Share of each face over its wanted share."""
        return areas / (self.system.shares * areas.sum())

    def _step(self) -> None:
        """Factorise, solve, correct, cut where a face would fold, and adapt the damping; or refuse and damp more."""
        system, areas = self.system, self.areas
        targets = system.shares * areas.sum()
        size = system.average(np.abs(areas), 2) / system.average(targets, 2)
        scale = np.maximum(targets * np.clip(size, 1e-6, 1e6), 0.25 * np.abs(areas))
        limit = np.maximum(np.abs(areas), scale)
        goal = np.clip(targets - areas, -SHRINK * limit, GROW * limit)
        frames = system.frames(self.uv)
        gradients = system.gradients(self.uv, frames)
        weights = targets / scale**2
        matrix = system.matrix(self.uv, frames, gradients, weights, targets * self.damping, 0.01 * scale)
        self.solver.factorise(*matrix)
        step, first = self._solve(gradients, weights, goal)
        moved, cut = self._cut(step)
        if cut.mean() > CUT_LIMIT:
            self.damping = np.minimum(self.damping * 10, DAMPING_RANGE[1])
            return
        new = system.areas(moved)
        foretold = areas + system.change(gradients, first)
        foretold += system.shares * (new.sum() - areas.sum())
        self._adapt((new - foretold) / scale, goal / scale)
        self.uv, self.areas = moved, new

    def _solve(self, gradients: Floats, weights: Floats, goal: Floats) -> tuple[Floats, Floats]:
        """Return the corrected step and the Levenberg-Marquardt step it came from.

        With J the derivative at the start, r(d) = a(d) - a - J d is the curvature's part of the change; d solves the
        damped equations J d = goal - r(d) by fixed-point iteration, for as long as this contracts.
        """
        system = self.system
        first = step = self.solver.solve(system.pull(gradients, weights * goal))
        limit = 0.7
        for _ in range(CORRECTIONS):
            new = system.areas(system.move(self.uv, step))
            curved = new - self.areas - system.change(gradients, step) - system.shares * (new.sum() - self.areas.sum())
            corrected = self.solver.solve(system.pull(gradients, weights * (goal - curved)))
            rate = np.linalg.norm(corrected - step) / np.linalg.norm(step)
            if not rate < limit:
                break
            step, limit = corrected, float(rate)
        return step, first

    def _cut(self, step: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Shorten the steps of vertices about faces that would fold; return the map and which vertices were cut."""
        system = self.system
        part = np.ones(system.count)
        gaps = system.gaps(self.uv)
        for attempt in range(200):
            moved = system.move(self.uv, step * part[:, None])
            bad = (system.areas(moved) <= KEEP * self.areas) & (self.areas > 0)
            tight = np.flatnonzero(system.gaps(moved) <= KEEP * gaps)
            if not bad.any() and not len(tight):
                break
            factor = 0.6 if attempt < 50 else 0.0
            part[np.unique(system.faces[bad])] *= factor
            part[np.unique([system.loop[tight], np.roll(system.loop, -1)[tight]])] *= factor
        return moved, part < 1

    def _adapt(self, error: Floats, goal: Floats) -> None:
        """Raise the damping where the areas came out otherwise than foretold, lower it where they did not."""
        system = self.system
        wanted = np.sqrt(system.average(goal**2, 1)) + 0.01 * np.sqrt((goal**2).mean())
        noise = np.sqrt(system.average(error**2, 1)) / wanted
        low, high = TRUST
        factor = np.where(noise < low, np.maximum(noise / low, 0.1), np.clip(noise / high, 1.0, 10.0))
        damping = np.clip(self.damping * factor, *DAMPING_RANGE)
        self.damping = np.exp(system.average(np.log(damping), 1))

    def result(self, start: Floats, used: Ints) -> Refinement:
        """Package the best map met."""
        (flipped, merit), best = self.best
        ratio = self.ratio(self.system.areas(best))
        start[used] = best
        converged = flipped == 0 and merit <= 1
        obstructed, reasons = self._explain(ratio)
        if not converged:
            worst, spread = np.abs(ratio - 1).max(), ratio.std()
            warnings.warn(
                f"area refinement stopped after {self.iterations} steps: ratio SD {spread:.1e}, "
                f"worst face off by {worst:.1e}, {flipped} folded, {len(obstructed)} faces beyond {self.tol_max:g}",
                ConvergenceWarning,
                stacklevel=3,
            )
        return Refinement(start, ratio, self.iterations, converged, tuple(self.history), obstructed, reasons)

    def _explain(self, ratio: Floats) -> tuple[Ints, tuple[str, ...]]:
        """Faces beyond the tolerance, worst first, and what holds each."""
        faces, off = self.system.faces, np.abs(ratio - 1)
        order = np.argsort(-off)
        obstructed = order[off[order] > self.tol_max]
        rim = self.system.on_circle[faces].sum(axis=1)
        valence = np.bincount(faces.ravel(), minlength=self.system.count)[faces].min(axis=1)
        reasons = []
        for face in obstructed:
            if rim[face] == 3:
                reasons.append("all three vertices lie on the circle")
            elif valence[face] <= 3:
                reasons.append("it has a vertex of at most three faces")
            elif rim[face] == 2:
                reasons.append("it has an edge on the circle")
            else:
                reasons.append("its neighbours' areas hold it")
        return obstructed, tuple(reasons)
