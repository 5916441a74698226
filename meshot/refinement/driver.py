"""Maps between the conformal and the area-preserving one, without a fold.

Let c_f be the share of face f in the conformal image and m_f its wanted share. The map of area weight w has the shares
c_f^(1-w) m_f^w, normalized: the logarithm of every face's area ratio is 1 - w times that in the conformal map, up to
one constant. Its start is McCann's displacement interpolation between the two maps ("A convexity principle for
interacting gases", 1997), along which a transport map does not fold; the refinement of the triangles then makes the
shares exact, and unfolds what the mesh still folds. Of the paths tried (the interpolation alone, shares mixed linearly
or geometrically) this one has the least angle error at a given mean |log area ratio|.
"""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import ConvergenceWarning, held_back
from meshot.base.progress import Progress
from meshot.maps.surface_map import SurfaceMap
from meshot.maps.target import DISK
from meshot.meshes.surface import Surface
from meshot.refinement.angle_relaxation import conformal_energy, lessen_angles
from meshot.refinement.evened.image import evened_image, relaxed_image
from meshot.refinement.refiner import Callback, Refinement
from meshot.refinement.starts import even_map
from meshot.refinement.surface import refine_areas
from meshot.refinement.valence_three import without_valence_three

# Tolerance of the worst face, in units of that of the standard deviation, and for loose and tight ones: 5 % for 1e-3,
# where the worst faces take most of the steps.
WORST_FACE, LOOSE, TIGHT = 5e-2, 20.0, 50.0
# Continuation to distant shares: the ratio by which a face's share changes against another's in a step, and the looser
# tolerance of the intermediate maps.
STRIDE, TOL_ON_THE_WAY = 3.0, 0.1
# A face whose image is folded or tiny is taken to have this part of its share at the start of that way.
LEAST = 1e-2
# Steps without progress after which another start is tried. Range of the logarithms of a conformal map's area ratios
# from which the evened image takes over: cells of a transport are then worse than those from it, and angles too.
BRIEF, LOST = 15, 10.0
# How often faces are made rounder where all starts stall; steps times faces of the last attempt, and its least steps.
RELAXED, WORK, LEAST_STEPS = 6, 4_000_000, 30
# Name of the start.
EVENED = "evened image"


def blended_shares(first: Floats, last: Floats, weight: float) -> Floats:
    """Return the shares at a weight between two maps, (F,): from `first` at 0 to `last` at 1.

    Examples
    --------
    >>> blended_shares(np.array([0.2, 0.8]), np.array([0.8, 0.2]), 0.5)
    array([0.5, 0.5])
    """
    logs = (1 - weight) * np.log(np.maximum(first, np.finfo(float).tiny)) + weight * np.log(last)
    shares = np.exp(logs - logs.max())
    return np.asarray(shares / shares.sum())


def displaced(first: Floats, last: Floats, part: float, loop: Ints) -> Floats:
    """Move a part of the way from one disk map, (V, 2), to another; boundary vertices go along the circle.

    Examples
    --------
    >>> displaced(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), 0.5, np.array([0])).round(4)
    array([[0.7071, 0.7071]])
    """
    uv = (1 - part) * first + part * last
    starts, ends = (_rising(np.arctan2(*each[loop].T[::-1])) for each in (first, last))
    turns = ends - starts
    turns -= 2 * np.pi * np.round(turns.mean() / (2 * np.pi))
    angles = starts + part * turns
    uv[loop] = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return uv


def _rising(angles: Floats) -> Floats:
    """Return angles of points in order along the circle, each up to full turns, such that they rise."""
    return np.asarray(angles[0] + np.append(0.0, np.cumsum(np.diff(angles) % (2 * np.pi))))


def approached(surface: Surface, image: Floats, areas: Floats, shares: Floats) -> Floats:
    """Move a map toward distant shares by continuation, through intermediate ones.

    Where a density jumps by orders of magnitude from one face to the next, the centroids of a transport's cells leave
    the small faces there far too large. Small steps succeed where the refinement alone stalls.

    Parameters
    ----------
    surface : Surface
    image : (V, 2) or (V, 3) float
        The map; some faces may be folded.
    areas, shares : (F,) float
        Its signed areas, and the wanted shares.

    Returns
    -------
    (V, 2) or (V, 3) float
        The map one step before the wanted shares, for a last refinement.
    """
    first = np.maximum(areas / areas.sum(), LEAST * shares)
    steps = int(np.ceil(np.ptp(np.log(first / shares)) / np.log(STRIDE)))
    worst = worst_allowed(TOL_ON_THE_WAY)
    with held_back():
        for step in range(1, steps):
            between = blended_shares(first, shares, step / steps)
            refinement = refine_areas(
                surface.faces, image, between, tol_sd=TOL_ON_THE_WAY, tol_max=worst, patience=BRIEF
            )
            image = refinement.image
    return image


def worst_allowed(tol_area: float) -> float:
    """Return the tolerance of the worst face at the tolerance `tol_area` of the standard deviation.

    Examples
    --------
    >>> worst_allowed(1e-2), worst_allowed(1e-3), worst_allowed(1e-4)
    (0.2, 0.05, 0.005)
    """
    return max(LOOSE * tol_area, min(TIGHT * tol_area, WORST_FACE))


def evened_start(conformal: SurfaceMap, shares: Floats) -> Floats | None:
    """Return the evened image, (V, 2) or (V, 3), if the conformal map of the same surface loses limbs; else None.

    Parameters
    ----------
    conformal : SurfaceMap
    shares : (F,) float
        Wanted shares of the faces.
    """
    areas = np.maximum(conformal.signed_areas, np.finfo(float).tiny)
    if np.ptp(np.log(areas / shares)) < LOST:
        return None
    return evened_image(conformal.surface, shares, conformal.space)


def settle(
    conformal: SurfaceMap,
    image: Floats,
    shares: Floats,
    *,
    evened: Floats | None = None,
    tol_area: float,
    angle_sweeps: int = 0,
    max_iter: int | None = None,
    progress: Progress | None = None,
    callback: Callback | None = None,
) -> tuple[Floats, dict[str, Any]]:
    """Refine a map to the wanted shares, and lower its angle distortion at these.

    Parameters
    ----------
    conformal : SurfaceMap
        The conformal map. If a refinement leaves folds or stalls, another one starts from the evened image or from
        this one, which have no folds and keep none; the best of them continues.
    image : (V, 2) or (V, 3) float
        Another map of the same surface; some faces may be folded.
    shares : (F,) float
        Wanted shares of the faces.
    evened : (V, 2) or (V, 3) float, optional
        The evened image, if it is to be the first start; else it is made where it is needed.
    tol_area : float
        Standard deviation of share over wanted share; the worst face may be off by `worst_allowed`.
    angle_sweeps : int
        Most steps to less angle distortion; see `lessen_angles`. In the disk only.
    max_iter : int, optional
        Most steps from each start; see `refine_areas`.
    progress : Progress, optional
    callback : callable, optional
        Gets each `RefinementStep`; raising StopIteration ends the refinement from that start.

    Returns
    -------
    image : (V, 2) or (V, 3) float
    note : dict
        Of the refinement, as of `Refinement.record`, with the "start" "transport", "evened image", "even map" or
        "conformal map"; with sweeps "angle_sweeps", how many there were, and "distortion", the mean of
        (s1/s2 + s2/s1)/2 before and after. They are undone, "angle_sweeps" is 0, if the map cannot be refined again or
        became no better.
    """
    surface = conformal.surface

    def refined(start: Floats, patience: int | None = None, budget: int | None = None) -> Refinement:
        with held_back():  # told at the end
            return refine_areas(
                surface.faces, start, shares,
                tol_sd=tol_area, tol_max=worst_allowed(tol_area), max_iter=budget if max_iter is None else max_iter,
                patience=patience,
                progress=progress, callback=callback,
            )  # fmt: skip

    refinement, origin, steps = _tried(conformal, image, shares, evened, refined)
    note: dict[str, Any] = {}
    if angle_sweeps > 0:
        before = conformal_energy(surface, refinement.image, shares)
        slid, done = lessen_angles(
            surface, refinement.image, shares, tol_sd=tol_area, sweeps=angle_sweeps, progress=progress
        )
        again = refined(slid)
        after = conformal_energy(surface, again.image, shares)
        better = after < before and again.flipped <= refinement.flipped and again.converged >= refinement.converged
        refinement = again if better else refinement
        note = {"angle_sweeps": done if better else 0, "distortion": [before, after if better else before]}
    if not refinement.converged:
        warnings.warn(refinement.sentence, ConvergenceWarning, stacklevel=3)
    return refinement.image, {**refinement.record(origin), "iterations": steps, **note}


def _tried(
    conformal: SurfaceMap, image: Floats, shares: Floats, evened: Floats | None, refined: Callable[..., Refinement]
) -> tuple[Refinement, str, int]:
    """Refine from one start after the other, each until it stalls, and go on with the best: its name and its steps."""
    refinements: list[tuple[Refinement, str]] = []
    for start, name in _starts(conformal, image, shares, evened):
        refinements.append((refined(start, BRIEF), name))
        if refinements[-1][0].converged:
            break
    best, name = min(refinements, key=lambda each: each[0].error)
    last = best
    for _ in range(RELAXED):
        if best.converged or last.flipped:
            break
        last = refined(relaxed_image(conformal.surface, last.image, shares, conformal.space), BRIEF)
        best = min(best, last, key=lambda each: each.error)
    if best.converged:
        return best, name, best.iterations
    longer = refined(best.image, budget=max(LEAST_STEPS, WORK // len(shares)))
    return longer, name, best.iterations + longer.iterations


def _starts(
    conformal: SurfaceMap, image: Floats, shares: Floats, evened: Floats | None
) -> Iterator[tuple[Floats, str]]:
    """Yield the starts and their names, each made when it is asked for."""
    if evened is not None:
        yield evened, EVENED
    yield image, "transport"
    if evened is None:
        later = evened_image(conformal.surface, shares, conformal.space)
        if later is not None:
            yield later, EVENED
    if conformal.space is DISK:
        reduced = without_valence_three(conformal.surface.faces, shares)
        even = even_map(Surface(conformal.surface.vertices, reduced.faces), reduced.targets)
        if even is not None:
            yield reduced.restore(even), "even map"
    if (conformal.signed_areas > 0).all():
        yield conformal.image, "conformal map"
