"""Refinement of a map until every triangle has its share of the area, without a fold; see `surface_step`."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import GeometryError
from meshot.base.progress import Progress
from meshot.meshes.base import Mesh
from meshot.meshes.surface import Surface
from meshot.refinement.curvature import AreaDescent
from meshot.refinement.disk_system import DiskSystem
from meshot.refinement.obstruction import name_obstructed, proven_misfit
from meshot.refinement.refiner import NOTHING, Callback, Refinement, RefinementStep, Refiner, warn_unless
from meshot.refinement.sphere_system import SphereSystem
from meshot.refinement.surface_step import SurfaceStepper
from meshot.refinement.valence_three import Reduced, without_valence_three

# Most steps: as many faces as these are worked on altogether, within a range; the part of them that is its patience.
WORK, FEWEST_STEPS, MOST_STEPS = 4e6, 400, 1200
PATIENCE = 0.25
# After so many steps that have not lowered the error to this part it goes on with the areas' curvature, or is stirred.
STALLED, NOTABLE = 15, 0.99


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
    callback: Callback | None = None,
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
        Called with the steps.
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
    >>> refine_areas(faces, uv, [1, 1, 1, 1], tol_sd=1e-12).ratio.round(9)
    array([1., 1., 1., 1.])
    """
    faces, start, targets = _checked(faces, uv, target_areas)
    sphere = start.shape[1] == 3
    reduced = Reduced(faces, targets, np.arange(len(faces)), []) if sphere else without_valence_three(faces, targets)
    used, compact = np.unique(reduced.faces, return_inverse=True)
    compact = compact.reshape(reduced.faces.shape)
    if sphere:
        positions = start[used] / np.linalg.norm(start[used], axis=1, keepdims=True)
        system: DiskSystem = SphereSystem(compact, targets, positions)
    else:
        system = DiskSystem(compact, reduced.targets)
        positions = _on_circle(system, start[used], used)
    stepper = SurfaceStepper(system, positions)
    steps = int(np.clip(WORK / len(faces), FEWEST_STEPS, MOST_STEPS))
    patience = int(PATIENCE * steps) if patience is None else patience
    refiner = SurfaceRefiner(reduced.parents, tol_sd, tol_max, stepper, patience, progress, callback)
    refiner.run(steps if max_iter is None else max_iter)
    start[used] = refiner.best
    refinement = refiner.result(faces, targets, reduced.restore(start))
    warn_unless(refinement.converged, refinement, stacklevel=2)
    return refinement


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


def _on_circle(system: DiskSystem, positions: Floats, names: Ints) -> Floats:
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


class SurfaceRefiner(Refiner[SurfaceStepper | AreaDescent]):
    """Refines a map to disk or sphere; what cannot be reached is not striven for beyond what linear steps do.

    Parameters
    ----------
    parents : (F,) int
        Face of the stepper in which each face lies.
    tol_sd, tol_max : float
        The tolerances.
    others
        As of `Refiner`.
    """

    mesh: type[Mesh] = Surface

    def __init__(self, parents: Ints, tol_sd: float, tol_max: float, *others: Any) -> None:
        super().__init__(*others)
        self.parents, self.tol_sd, self.tol_max, self.spread = parents, tol_sd, tol_max, np.inf
        # Steps since the error was notably lower than before, and what it was then.
        self.age, self.mark = 0, NOTHING

    def state(self) -> tuple[Floats, int, Floats, Floats]:
        """Return the faces' ratios, how many are folded, their damping, and the map."""
        ratio = self.stepper.ratio[self.parents]
        return ratio, int((ratio - 1 <= -1).sum()), np.asarray(self.stepper.damping), self.stepper.image

    def miss(self, ratio: Floats, step: RefinementStep) -> float:
        """Return the larger of the errors, quadratic mean and worst face, in units of their tolerances."""
        self.spread = float(np.sqrt(np.mean((ratio - 1) ** 2)))
        error = max(self.spread / self.tol_sd, step.ratio_max_deviation / self.tol_max)
        self.age += 1
        if (step.flipped, error) < (self.mark[0], NOTABLE * self.mark[1]):
            self.mark, self.age = (step.flipped, error), 0
        return error

    def advance(self) -> bool:
        """Take a step, from elsewhere where steps have led to nothing; return False where it is proved to be vain."""
        # Single faces are worth the trouble only once the many are nearly there.
        near = self.spread < 2 * self.tol_sd and self.history[-1].flipped == 0
        if self.age == STALLED:
            if self._hopeless:
                return False
            self._stir()
        self.stepper.step(0.5 * self.tol_max if near else np.inf)
        return True

    @cached_property
    def _hopeless(self) -> bool:
        """Whether it is proved that no map has all faces within the tolerance."""
        return proven_misfit(self.stepper.system, self.tol_max) is not None

    @cached_property
    def _rng(self) -> np.random.Generator:
        return np.random.default_rng(0)

    def _stir(self) -> None:
        """Go on otherwise from the best map."""
        stepper, system = self.stepper, self.stepper.system
        if not isinstance(stepper, AreaDescent) and system.bends and min(self.errors)[0] == 0:
            counts = np.bincount(self.parents, minlength=len(system.faces)).astype(np.float64)
            self.stepper = AreaDescent(system, self.best, counts, stepper.solver)
        else:
            stepper.stir(self.best, self._rng)
        self.mark, self.age = NOTHING, 0

    def result(self, faces: Ints, targets: Floats, image: Floats) -> Refinement:
        """Package the best map met, with all of its vertices."""
        system = self.stepper.system
        if len(faces) != len(system.faces):
            used, compact = np.unique(faces, return_inverse=True)
            system = DiskSystem(compact.reshape(-1, 3), targets)
            areas = system.measures(image[used])
        else:
            areas = system.measures(self.best)
        ratio = areas / (system.shares * areas.sum())
        return self.packaged(image, ratio, *name_obstructed(system, ratio, self.tol_max, self.tol_sd))
