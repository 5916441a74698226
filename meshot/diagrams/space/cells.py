"""Kernels: the power cells of space, each cut out of the domain by its bisectors and measured in closed form.

What is known of the cells before, by their facets, or of the last diagram, cuts first; a tree finds the rest.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats
from meshot.base.kernels import innerkernel, kernel
from meshot.diagrams.engine import DONE, NO_ROOM, TOO_SMALL
from meshot.diagrams.site_tree import no_visits
from meshot.diagrams.space.clipping import cut_by_site, cut_by_tree, cut_by_wall, cut_by_walls, cut_through_middle
from meshot.diagrams.space.measure import COLUMNS, measure_polytope
from meshot.diagrams.space.polytope import OUT_OF_ROOM, make_polytope, start_box

# Share of the ball's radius from which a cell begins with a plane that touches the ball.
OUTER = 0.7
# Sites on either side in Hilbert order that cut first where nothing is known.
BESIDE = 6
# Corners and facets that a cell may have which is raised.
ROOM = 1024


class Near(NamedTuple):
    """The sites from `first` to `last` of a list, which cut a cell before any other; negative ones are walls."""

    sites: NDArray[np.int32]
    first: int
    last: int


class SpaceCells(NamedTuple):
    """Measured cells, one after the other.

    Attributes
    ----------
    measures : (m, 9) float
        Volume, centroid, second moment about it, area of the patch on the sphere and the integral of its normal.
    counts : (m,) int32
        Facets of each cell.
    links, areas : (e,) int32, (e,) float
        Of each facet: the site beyond (negative: a wall), and its area in the domain.
    """

    measures: Floats
    counts: NDArray[np.int32]
    links: NDArray[np.int32]
    areas: Floats


class _Known(NamedTuple):
    """The facets of the cells so far by the site beyond: `newest` (n,), and `owner`, `after` (e,) of each facet."""

    newest: NDArray[np.int32]
    owner: NDArray[np.int32]
    after: NDArray[np.int32]


@innerkernel
def _start_cell(cell, o, region):
    """Fill the polytope with the domain's frame; near the sphere of a ball, cut by the plane that touches it.

    Returns the counts of corners and facets.
    """
    frame, radius, (ox, oy, oz) = region.frame, region.radius, o
    count = start_box(
        cell, frame[0, 0] - ox, frame[0, 1] - oy, frame[0, 2] - oz, frame[1, 0] - ox, frame[1, 1] - oy, frame[1, 2] - oz
    )
    far = np.sqrt(ox * ox + oy * oy + oz * oz)
    if far > OUTER * radius and radius < np.inf:
        return cut_by_wall(cell, count, 6, ox / far, oy / far, oz / far, radius - far, 0, region.tol)
    return count, 6


@innerkernel
def cut_out(cell, i, o, tree, region, near, visits):
    """Cut cell i out of the region's frame, by the sites of the list `near` before any other.

    Returns the counts of corners, 0 if the cell is empty, or `OUT_OF_ROOM`, and of facets. The cell is exact
    whatever the list holds, and soon found if it holds sites near it.
    """
    tol, seen, (count, used) = region.tol, visits.seen, _start_cell(cell, o, region)
    seen[i] = i
    for k in range(near.first, near.last):
        j = near.sites[k]
        if count > 0 and j >= 0 and seen[j] != i:
            seen[j] = i
            count, used = cut_by_site(cell, count, used, i, j, o, tree, tol)
    if count > 0:
        count, used = cut_through_middle(cell, count, used, i, o, tree, tol, visits)
    if count > 0:
        count, used = cut_by_walls(cell, count, used, o, region)
    if count > 0:
        count, used = cut_by_tree(cell, count, used, i, o, tree, tol, visits)
    return count, used


@innerkernel
def _list_known(i, links, known, first, last, listed):
    """List the cells before i that are known to touch it, and the neighbors, from `first` to `last`, of cell i - 1.

    If there are none, the sites beside it in Hilbert order take their place. Returns how many are listed.
    """
    count, e = 0, known.newest[i]
    while e >= 0 and count < len(listed):
        listed[count] = known.owner[e]
        count, e = count + 1, known.after[e]
    for k in range(first, last):
        if count < len(listed):
            listed[count] = links[k]
            count += 1
    if count == 0:
        for j in range(max(i - BESIDE, 0), min(i + BESIDE + 1, len(known.newest))):
            listed[count] = j
            count += 1
    return count


@innerkernel
def _make_known(i, links, known, first, last):
    """Link the facets of cell i, from `first` to `last`, with the others of the sites beyond them."""
    for k in range(first, last):
        j = links[k]
        known.owner[k] = i
        if j > i:
            known.after[k], known.newest[j] = known.newest[j], k


@innerkernel
def _write_facets(cell, used, facets, least, curved, cells, place):
    """Write the sites beyond the facets and their areas; a ball's frame is no wall. Returns how many there are now."""
    for f in range(used):
        if cell.work[f, 7] >= 0 and (cell.label[f] >= 0 or not curved):
            area = facets[f, 0]
            cells.links[place], cells.areas[place] = cell.label[f], area if area > least else 0.0
            place += 1
    return place


@kernel
def measure_space_cells(first, last, room, least, origins, tree, region, lists, cells):
    """Measure the cells of the sites from `first` to `last`; fill `cells`.

    The sites that `lists` has (CSR: starts, neighbors; negative ones are none) cut first; if it is empty, those that
    are known from the cells before.
    `origins` are points near the cells, and `room` is the number of corners and facets that a cell may have. No cell's
    volume may fall below `least`.

    Returns
    -------
    outcome : int
        `DONE`, or why the rest is incomplete: `NO_ROOM` (in a cell or in `links`), `TOO_SMALL`.
    total : int
        How many facets there are.
    """
    cell, facets, visits = make_polytope(room), np.empty((room, COLUMNS)), no_visits(len(tree.sites))
    (starts, neighbors), measures, counts, links, total, before = lists, cells.measures, cells.counts, cells.links, 0, 0
    unknown, listed = len(starts) == 0, np.empty(room, np.int32)
    sites_known, facets_known = (len(tree.sites), len(links)) if unknown else (0, 0)
    known = _Known(
        np.full(sites_known, -1, np.int32), np.empty(facets_known, np.int32), np.empty(facets_known, np.int32)
    )
    frame, curved = region.frame, region.radius < np.inf
    size = max(frame[1, 0] - frame[0, 0], frame[1, 1] - frame[0, 1], frame[1, 2] - frame[0, 2])
    for i in range(first, last):
        o = origins[i, 0], origins[i, 1], origins[i, 2]
        near, low, high = listed, 0, 0
        if unknown:
            high = _list_known(i, links, known, before, total, listed)
        else:
            near, low, high = neighbors, starts[i], starts[i + 1]
        count, used = cut_out(cell, i, o, tree, region, Near(near, low, high), visits)
        if count == OUT_OF_ROOM or total + used > len(links):
            return NO_ROOM, total
        m = (0.0, np.nan, np.nan, np.nan, 0.0, 0.0, 0.0, 0.0, 0.0)
        row, before = i - first, total
        if count > 0:
            m = measure_polytope(cell, count, used, o, region, facets)
            threshold = region.tol * size if m[0] > 0.0 else np.inf
            total = _write_facets(cell, used, facets, threshold, curved, cells, total)
        if m[0] < least:
            return TOO_SMALL, total
        counts[row] = total - before
        if unknown:
            _make_known(i, links, known, before, total)
        measures[row, 0], measures[row, 1], measures[row, 2], measures[row, 3] = m[0], m[1], m[2], m[3]
        measures[row, 4], measures[row, 5], measures[row, 6] = m[4], m[5], m[6]
        measures[row, 7], measures[row, 8] = m[7], m[8]
    return DONE, total


@kernel
def raise_space_cells(first, last, small, goals, steps, origins, tree, region, lists, raised):
    """Raise the weight of each site ``small[k]`` until the volume of its cell is ``goals[k]`` to twice that.

    The weights of all others stay, so bounds of the tree hold; ``steps[k]`` is a first guess of the change.
    """
    cell, facets, visits = make_polytope(ROOM), np.empty((ROOM, COLUMNS)), no_visits(len(tree.sites))
    starts, neighbors = lists
    for k in range(first, last):
        i, low, high, rise = small[k], 0.0, np.inf, steps[k]
        before = tree.weights[i]
        o, near = (origins[i, 0], origins[i, 1], origins[i, 2]), Near(neighbors, starts[i], starts[i + 1])
        for _ in range(60):
            tree.weights[i] = before + rise
            for j in range(len(visits.seen)):
                visits.seen[j] = -1
            count, used = cut_out(cell, i, o, tree, region, near, visits)
            volume = 0.0
            if count > 0:
                volume = measure_polytope(cell, count, used, o, region, facets)[0]
            if count == OUT_OF_ROOM or goals[k] <= volume <= 2.0 * goals[k]:
                break
            if volume < goals[k]:
                low = rise
            else:
                high = rise
            rise = 0.5 * (low + high) if high < np.inf else 2.0 * rise
        raised[k], tree.weights[i] = tree.weights[i], before
