"""Refinement of a map until every triangle has its share of the area, without a fold; see `surface_step`."""

import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import ConvergenceWarning, GeometryError
from meshot.base.progress import SILENT, Progress
from meshot.refinement.curvature import AreaDescent
from meshot.refinement.disk_system import AreaSystem
from meshot.refinement.obstruction import name_obstructed, proven_misfit
from meshot.refinement.sphere_system import SphereSystem
from meshot.refinement.surface_step import AreaStepper
from meshot.refinement.valence_three import Reduced, without_valence_three

# Most steps: as many faces as these are worked on altogether, within a range. The refinement gives up when this part of
# the steps has not lowered the error to this part of what it was.
WORK, FEWEST_STEPS, MOST_STEPS = 4e6, 400, 1200
PATIENCE, GAIN = 0.25, 0.97
# Faces that a warning names, the worst first.
WORST_TOLD = 3
# After so many steps that have not lowered the error to this part it goes on with the areas' curvature, or is stirred.
STALLED, NOTABLE = 15, 0.99
# An error that any other is better than.
NOTHING = (sys.maxsize, np.inf)


class RefinementStep(NamedTuple):
    """One step: spread and worst face of the area ratio, folded faces, median damping, seconds since the start."""

    ratio_sd: float
    ratio_max_deviation: float
    flipped: int
    damping: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Refinement:
    """A refined map.

    Attributes
    ----------
    uv : (V, 2) or (V, 3) float
        The map; boundary vertices on the unit circle, or all on the unit sphere.
    area_ratio : (F,) float
        Share of the image's area over the wanted share; 1 is exact.
    iterations : int
        Steps taken.
    converged : bool
        Both tolerances met, and no face folded.
    history : tuple of RefinementStep
        State before the first step and after each.
    error : (int, float)
        Folded faces, and the larger of the two errors in units of their tolerances: maps compare by it.
    obstructed : (n,) int
        Faces beyond ``tol_max``, and if the standard deviation is missed also the fewest that hold half of the squared
        error; worst first; empty if converged.
    reasons : tuple of str
        What holds each of them.
    """

    uv: Floats
    area_ratio: Floats
    iterations: int
    converged: bool
    history: tuple[RefinementStep, ...]
    error: tuple[int, float]
    obstructed: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    reasons: tuple[str, ...] = ()

    @property
    def flipped(self) -> int:
        """Number of faces without positive area."""
        return int((self.area_ratio <= 0).sum())

    @property
    def told(self) -> str:
        """Where the refinement stopped, in a sentence."""
        off = self.area_ratio - 1
        told = (
            f"area refinement stopped after {self.iterations} steps: ratio SD {off.std():.1e}, worst face off by "
            f"{np.abs(off).max():.1e}, {self.flipped} folded"
        )
        if len(self.obstructed):
            worst = ", ".join(str(face) for face in self.obstructed[:WORST_TOLD])
            (reason, count), *_ = Counter(self.reasons).most_common(1)
            told += f"; {len(self.obstructed)} faces hold it, the worst {worst}; of {count} of them: {reason}"
        return told


def refine_areas(
    faces: ArrayLike,
    uv: ArrayLike,
    target_areas: ArrayLike,
    *,
    tol_sd: float = 1e-3,
    tol_max: float = 5e-2,
    max_iter: int | None = None,
    patience: int | None = None,
    progress: Progress | None = None,
    callback: Callable[[RefinementStep], None] | None = None,
) -> Refinement:
    """Move the vertices of a map until each triangle has its share of the area, and unfold it on the way.

    Parameters
    ----------
    faces : (F, 3) int
        A triangulated disk, or sphere, counter-clockwise in the image.
    uv : (V, 2) or (V, 3) float
        Start. In the disk: boundary on the unit circle in increasing angle. With three columns, on the unit sphere,
        where areas are those of spherical triangles. Some faces may be folded. Rows of vertices without a face are
        passed through.
    target_areas : (F,) float
        Wanted areas, positive, in any unit: only their shares count (of the sphere, or of the boundary's polygon, a
        little less than the disk).
    tol_sd, tol_max : float
        Wanted standard deviation, and largest deviation from 1, of the ratio of a face's share to its wanted share.
    max_iter : int, optional
        Most steps; by default 400 for large meshes and up to 1200 for small ones.
    patience : int, optional
        Steps after which it gives up if they have not lowered the error by 3 %; by default a quarter of the most.
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
    No step folds a face that was not folded, so a fold-free map stays fold-free. In the disk, inner vertices of three
    faces take no part: at the end they go where these have their shares of the triangle around them; see `threes`.
    Where linear steps stall in the disk, it goes on with the areas' curvature, see `areadescent`; where nothing lowers
    the error any more, the best map is displaced at random, with a fixed seed, as far as its areas hardly depend on it.

    Examples
    --------
    A fan of four triangles about a center that should have a quarter of the area each:

    >>> faces = [[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]]
    >>> uv = [[1, 0], [0, 1], [-1, 0], [0, -1], [0.3, 0.2]]
    >>> refine_areas(faces, uv, [1, 1, 1, 1], tol_sd=1e-12).area_ratio.round(9)
    array([1., 1., 1., 1.])
    """
    faces, start, targets = _checked(faces, uv, target_areas)
    sphere = start.shape[1] == 3
    reduced = Reduced(faces, targets, np.arange(len(faces)), []) if sphere else without_valence_three(faces, targets)
    used, compact = np.unique(reduced.faces, return_inverse=True)
    compact = compact.reshape(reduced.faces.shape)
    if sphere:
        positions = start[used] / np.linalg.norm(start[used], axis=1, keepdims=True)
        system: AreaSystem = SphereSystem(compact, targets, positions)
    else:
        system = AreaSystem(compact, reduced.targets)
        positions = _on_circle(system, start[used], used)
    stepper = AreaStepper(system, positions)
    steps = int(np.clip(WORK / len(faces), FEWEST_STEPS, MOST_STEPS))
    patience = int(PATIENCE * steps) if patience is None else patience
    refiner = _Refiner(stepper, reduced.parents, tol_sd, tol_max, patience, progress or SILENT, callback)
    refiner.run(steps if max_iter is None else max_iter)
    start[used] = refiner.best
    return refiner.result(faces, targets, reduced.restore(start))


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


class _Refiner:
    """Steps, keeps the best map, and tells of it."""

    def __init__(
        self,
        stepper: AreaStepper,
        parents: Ints,
        tol_sd: float,
        tol_max: float,
        patience: int,
        progress: Progress,
        callback: Callable[[RefinementStep], None] | None,
    ) -> None:
        self.stepper: AreaStepper | AreaDescent = stepper
        self.parents = parents
        self.tol_sd, self.tol_max, self.patience = tol_sd, tol_max, patience
        self.progress, self.callback = progress, callback
        self.began = time.perf_counter()
        self.history: list[RefinementStep] = []
        self.errors: list[tuple[int, float]] = []
        self.best, self.age, self.mark = stepper.uv, 0, NOTHING
        self.rng = np.random.default_rng(0)

    def run(self, max_iter: int) -> None:
        """Step until the tolerances are met, nothing improves, the callback stops, or `max_iter` steps are done.

        What cannot be reached is not striven for beyond what linear steps do.
        """
        while self._report() and len(self.history) <= max_iter:
            # Single faces are worth the trouble only once the many are nearly there.
            near = self.history[-1].ratio_sd < 2 * self.tol_sd and self.history[-1].flipped == 0
            if self.age == STALLED:
                if self._hopeless:
                    return
                self._stir()
            self.stepper.step(0.5 * self.tol_max if near else np.inf)

    @cached_property
    def _hopeless(self) -> bool:
        """Whether it is proved that no map has all faces within the tolerance."""
        return proven_misfit(self.stepper.system, self.tol_max) is not None

    def _stir(self) -> None:
        """Go on otherwise from the best map."""
        stepper, system = self.stepper, self.stepper.system
        if isinstance(stepper, AreaStepper) and system.bends and min(self.errors)[0] == 0:
            counts = np.bincount(self.parents, minlength=len(system.faces)).astype(np.float64)
            self.stepper = AreaDescent(system, self.best, counts, stepper.solver)
        else:
            stepper.stir(self.best, self.rng)
        self.mark, self.age = NOTHING, 0

    def _report(self) -> bool:
        """Record the state; return whether to go on."""
        off = self.stepper.ratio[self.parents] - 1
        sd, worst = float(np.sqrt(np.mean(off**2))), float(np.abs(off).max())
        seconds = time.perf_counter() - self.began
        step = RefinementStep(sd, worst, int((off <= -1).sum()), float(np.median(self.stepper.damping)), seconds)
        error = step.flipped, max(sd / self.tol_sd, worst / self.tol_max)
        self.age += 1
        if not self.errors or error < min(self.errors):
            self.best = self.stepper.uv
        if error < (self.mark[0], NOTABLE * self.mark[1]):
            self.mark, self.age = error, 0
        self.history.append(step)
        self.errors.append(error)
        self.progress.update(self._progress(), f"areas off by {sd:.1e}")
        try:
            if self.callback is not None:
                self.callback(step)
        except StopIteration:
            return False
        return error > (0, 1.0) and not self._stuck()

    def _progress(self) -> float:
        """Part of the way from the first error to the tolerance, by their logarithms."""
        first, least = self.errors[0][1], min(self.errors)[1]
        return 1.0 if least <= 1 else float(np.log(first / least) / np.log(first))

    def _stuck(self) -> bool:
        if len(self.errors) <= self.patience:
            return False
        before, since = min(self.errors[: -self.patience]), min(self.errors[-self.patience :])
        return since[0] >= before[0] and since[1] > GAIN * before[1]

    def result(self, faces: Ints, targets: Floats, image: Floats) -> Refinement:
        """Package the best map met, with all of its vertices."""
        system = self.stepper.system
        if len(faces) != len(system.faces):
            used, compact = np.unique(faces, return_inverse=True)
            system = AreaSystem(compact.reshape(-1, 3), targets)
            areas = system.areas(image[used])
        else:
            areas = system.areas(self.best)
        ratio = areas / (system.shares * areas.sum())
        flipped, error = min(self.errors)
        converged = flipped == 0 and error <= 1
        obstructed, reasons = name_obstructed(system, ratio, self.tol_max, self.tol_sd)
        steps, history = len(self.history) - 1, tuple(self.history)
        refinement = Refinement(image, ratio, steps, converged, history, min(self.errors), obstructed, reasons)
        if not converged:
            warnings.warn(refinement.told, ConvergenceWarning, stacklevel=4)
        return refinement
