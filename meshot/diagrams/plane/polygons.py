"""The outlines of power cells, for drawing: from the ends of their facets, the arcs and the corners of the domain.

A cell is convex, so its corners in order are its corners by their angle about its centroid.
"""

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints
from meshot.diagrams.edges import CellPolygons
from meshot.diagrams.power_cells import CutDomain

# Corners nearer to each other, in units of the cell's size, are one.
SAME_CORNER = 1e-9
# Radians between points of a disk's circle.
ARC_STEP = 2 * np.pi / 360


@runtime_checkable
class PlaneDomain(CutDomain, Protocol):
    """A domain of the plane."""

    @property
    def corners(self) -> Floats:
        """Its corners, counter-clockwise, (k, 2); none if it is a disk."""


def arc_points(arcs: Floats, domain: PlaneDomain, step: float) -> tuple[Ints, Floats]:
    """Return points along each arc and at its ends, at most `step` radians apart: their sites (p,) and (p, 2)."""
    pieces = np.maximum(np.ceil(arcs[:, 2] / step), 1).astype(np.int64)
    arc = np.repeat(np.arange(len(arcs)), pieces + 1)
    place = np.arange(len(arc)) - np.repeat(np.cumsum(pieces + 1) - pieces - 1, pieces + 1)
    angle = arcs[arc, 1] + arcs[arc, 2] * place / pieces[arc]
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    return arcs[arc, 0].astype(np.int64), np.asarray(domain.center + domain.circle_radius * circle)


def cell_polygons(
    sites: Floats,
    weights: Floats,
    domain: PlaneDomain,
    masses: Floats,
    centroids: Floats,
    facets: Ints,
    facet_ends: Floats,
    arcs: Floats,
    step: float,
) -> CellPolygons:
    """Return the outlines of the cells of a power diagram; see there for the arguments.

    Parameters
    ----------
    step : float
        Largest angle, in radians, between points along the circle of a disk.
    """
    corners = domain.corners
    nearest = [int((((corner - sites) ** 2).sum(axis=1) - weights).argmin()) for corner in corners]
    arc_owner, on_arcs = arc_points(arcs, domain, step)
    owner = np.concatenate(
        [np.repeat(facets[:, 0], 2), np.repeat(facets[:, 1], 2), arc_owner, np.array(nearest, dtype=np.int64)]
    )
    points = np.concatenate([facet_ends.reshape(-1, 2), facet_ends.reshape(-1, 2), on_arcs, corners])
    full = masses[owner] > 0
    owner, points = owner[full], points[full]
    offset = points - centroids[owner]
    order = np.lexsort((np.arctan2(offset[:, 1], offset[:, 0]), owner))
    owner, points = owner[order], points[order]
    new = _differs_from_the_one_before(owner, points, SAME_CORNER * np.sqrt(masses))
    starts = np.concatenate([[0], np.cumsum(np.bincount(owner[new], minlength=len(sites)))])
    return CellPolygons(starts, points[new])


def _differs_from_the_one_before(owner: Ints, points: Floats, least: Floats) -> NDArray[np.bool_]:
    """Whether each corner is farther than `least` (n,) of its polygon from the one before, around each polygon."""
    count = len(owner)
    before = np.arange(-1, count - 1)
    first = np.flatnonzero(np.append(True, np.diff(owner) != 0)[:count])
    before[first] = np.append(first[1:], count)[: len(first)] - 1
    gap = np.hypot(*(points - points[before]).T)
    return gap > least[owner]
