"""The loop of all refinements: damped steps until shares are equal or nothing improves, and its result."""

import sys
import time
import warnings
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import ConvergenceWarning
from meshot.base.progress import SILENT, Progress
from meshot.maps.distortion import ratio_figures
from meshot.meshes.base import Mesh

# A refinement stops if the steps of its patience have not lowered the error to this part of what it was.
GAIN = 0.97
# Cells that a warning names, the worst first; cells that the record of a refinement names.
WORST_NAMED, NAMED_IN_RECORD = 3, 20
# An error that any other is better than.
NOTHING = (sys.maxsize, np.inf)


class RefinementStep(NamedTuple):
    """The state before the first step or after one.

    Attributes
    ----------
    ratio_mean_abs_deviation, ratio_abs_deviation_sd, ratio_sd, ratio_max_deviation : float
        Of the cells' shares over the wanted ones, as in `RatioFigures`.
    flipped : int
        Cells without positive area or volume.
    damping : float
        The median of the cells' damping.
    seconds : float
        Since the start.
    """

    ratio_mean_abs_deviation: float
    ratio_abs_deviation_sd: float
    ratio_sd: float
    ratio_max_deviation: float
    flipped: int
    damping: float
    seconds: float


Callback = Callable[[RefinementStep], None]
"""Gets each step; raising `StopIteration` ends the refinement."""


@dataclass(frozen=True, eq=False)
class Refinement:
    """A refined map to disk, sphere or ball.

    Attributes
    ----------
    mesh : type
        `Surface` or `Solid`: what its cells are.
    image : (V, 2) or (V, 3) float
        The map; boundary vertices on the unit circle or sphere.
    ratio : (n,) float
        Share of each cell's image over the wanted share; 1 is exact.
    iterations : int
        Steps taken.
    reached : bool
        The tolerances are met, and no cell is folded.
    converged : bool
        That, or the mesh does not allow for better volumes nearby: no step lessens the sum of squares any more.
    history : tuple of RefinementStep
        State before the first step and after each.
    error : (int, float)
        Folded cells, and the error in units of the tolerance: maps compare by it.
    obstructed : (n,) int
        Cells that are far off, worst first; empty where the tolerances are met.
    reasons : tuple of str
        The reason for each of them.
    """

    mesh: type[Mesh]
    image: Floats
    ratio: Floats
    iterations: int
    reached: bool
    converged: bool
    history: tuple[RefinementStep, ...]
    error: tuple[int, float]
    obstructed: Ints
    reasons: tuple[str, ...] = ()

    @property
    def flipped(self) -> int:
        """Number of cells without positive area or volume."""
        return int((self.ratio <= 0).sum())

    @property
    def sentence(self) -> str:
        """The state in which the refinement stopped, in words."""
        mesh, off = self.mesh, self.ratio - 1
        words = (
            f"{mesh.QUANTITY} refinement stopped after {self.iterations} steps: ratio SD {off.std():.1e}, worst "
            f"{mesh.CELL} off by {np.abs(off).max():.1e}, {self.flipped} folded"
        )
        if len(self.obstructed):
            worst = ", ".join(str(cell) for cell in self.obstructed[:WORST_NAMED])
            (reason, count), *_ = Counter(self.reasons).most_common(1)
            words += f"; {len(self.obstructed)} {mesh.CELLS} hold it, the worst {worst}; of {count} of them: {reason}"
        return words

    def record(self, start: str, named: int | None = NAMED_IN_RECORD) -> dict[str, Any]:
        """Return ``notes["refinement"]`` of a map: the same for disk, sphere and ball.

        Parameters
        ----------
        start : str
            Name of the start.
        named : int or None
            Number of off cells that are listed; None for all.

        Returns
        -------
        dict
            "start"; "iterations"; "reached" and "converged"; "off", cells that are far off, the worst first; "reasons",
            how many there are of each reason; "history", a tuple of `RefinementStep`.
        """
        return {
            "start": start,
            "iterations": self.iterations,
            "reached": self.reached,
            "converged": self.converged,
            "off": self.obstructed[:named].tolist(),
            "reasons": dict(Counter(self.reasons)),
            "history": self.history,
        }


AnyStepper = TypeVar("AnyStepper")


class Refiner(ABC, Generic[AnyStepper]):
    """Runs steps, keeps the best map, and reports progress.

    Parameters
    ----------
    stepper : SurfaceStepper, SolidStepper or AreaDescent
    patience : int
        Steps after which it gives up if they have not lowered the error to `GAIN` of what it was.
    progress : Progress, optional
    callback : callable, optional
    """

    mesh: type[Mesh]

    def __init__(
        self, stepper: AnyStepper, patience: int, progress: Progress | None = None, callback: Callback | None = None
    ) -> None:
        self.stepper, self.patience, self.progress, self.callback = stepper, patience, progress or SILENT, callback
        self.began, self.stopped = time.perf_counter(), False
        self.history: list[RefinementStep] = []
        # Flips and error of each state: in units of the tolerance, and the merit for patience.
        self.errors: list[tuple[int, float]] = []
        self.merits: list[tuple[int, float]] = []
        self.best: Floats

    @abstractmethod
    def state(self) -> tuple[Floats, int, Floats, Floats]:
        """Return the cells' ratios, how many are flipped, their damping, and the map."""

    @abstractmethod
    def miss(self, ratio: Floats, step: RefinementStep) -> float:
        """Return the error in units of the tolerance: at most 1 where it is met."""

    def merit(self, error: tuple[int, float]) -> tuple[int, float]:
        """Return the merit for patience."""
        return error

    @abstractmethod
    def advance(self) -> bool:
        """Take a step; return False to give up."""

    def run(self, max_iter: int) -> None:
        """Step until the tolerances are met, nothing improves, the callback stops, or `max_iter` steps are done."""
        while self._report() and len(self.history) <= max_iter:
            if not self.advance():
                return

    @property
    def reached(self) -> bool:
        """Whether the best map met is within the tolerances."""
        return min(self.errors) <= (0, 1.0)

    @property
    def stuck(self) -> bool:
        """Whether the patience is exhausted."""
        if len(self.merits) <= self.patience:
            return False
        before, since = min(self.merits[: -self.patience]), min(self.merits[-self.patience :])
        return since[0] >= before[0] and since[1] > GAIN * before[1]

    def _report(self) -> bool:
        """Record the state; return whether to go on."""
        ratio, flipped, damping, image = self.state()
        seconds = time.perf_counter() - self.began
        step = RefinementStep(*ratio_figures(ratio), flipped, float(np.median(damping)), seconds)
        error = flipped, self.miss(ratio, step)
        merit = self.merit(error)
        if not self.merits or merit < min(self.merits):
            self.best = image
        self.history.append(step)
        self.errors.append(error)
        self.merits.append(merit)
        self.progress.update(self._progress(), f"{self.mesh.QUANTITY}s off by {step.ratio_sd:.1e}")
        try:
            if self.callback is not None:
                self.callback(step)
        except StopIteration:
            self.stopped = True
        return not self.stopped and error > (0, 1.0) and not self.stuck

    def _progress(self) -> float:
        """Part of the way from the first error to the tolerance, by their logarithms."""
        first, least = self.errors[0][1], min(self.errors)[1]
        return 1.0 if least <= 1 else float(np.log(first / least) / np.log(first))

    def packaged(
        self, image: Floats, ratio: Floats, obstructed: Ints, reasons: tuple[str, ...], *, settled: bool = False
    ) -> Refinement:
        """Return the refinement; `settled` says that it converged though the tolerances are not met."""
        iterations, history = len(self.history) - 1, tuple(self.history)
        converged = self.reached or settled
        return Refinement(
            self.mesh, image, ratio, iterations, self.reached, converged, history, min(self.errors), obstructed, reasons
        )


def warn_unless(fine: bool, refinement: Refinement, stacklevel: int) -> None:
    """Warn that a refinement did not converge, and why."""
    if not fine:
        warnings.warn(refinement.sentence, ConvergenceWarning, stacklevel=stacklevel + 1)
