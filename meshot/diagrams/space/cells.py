"""Kernels: the power cells of space, each cut out of the domain by its bisectors and measured in closed form.

What is known of the cells before, by their facets, or of the last diagram, cuts first; a tree finds the rest.
"""

import numpy as np

from meshot.base.kernels import innerkernel, kernel
from meshot.diagrams.space.clipping import cut_by_site, cut_by_tree, cut_by_wall, cut_by_walls, cut_through_middle
from meshot.diagrams.space.measure import COLUMNS, measure_polytope
from meshot.diagrams.space.polytope import OUT_OF_ROOM, start_box

# outcomes of `measure_space_cells`
DONE, NO_ROOM, TOO_SMALL = 0, 1, 2
# Share of the ball's radius from which a cell begins with a plane that touches the ball.
OUTER = 0.7
# Sites on either side in Hilbert order that cut first where nothing is known.
BESIDE = 6


@innerkernel
def _start_cell(pos, top, planes, label, work, ox, oy, oz, frame, radius, tol):
    """Fill the polytope with the domain's frame; near the sphere of a ball, cut by the plane that touches it.

    Returns the counts of corners and facets.
    """
    count = start_box(
        pos, top, planes, frame[0, 0] - ox, frame[0, 1] - oy, frame[0, 2] - oz, frame[1, 0] - ox, frame[1, 1] - oy,
        frame[1, 2] - oz,
    )  # fmt: skip
    for k in range(6):
        label[k] = -1 - k
    far = np.sqrt(ox * ox + oy * oy + oz * oz)
    if far > OUTER * radius and radius < np.inf:
        nx, ny, nz = ox / far, oy / far, oz / far
        return cut_by_wall(pos, top, planes, label, work, count, 6, nx, ny, nz, radius - far, 0, tol)
    return count, 6


@innerkernel
def _cut_by_listed(
    pos, top, planes, label, work, count, used, i, ox, oy, oz, sites, weights, tol, listed, first, last, seen
):  # fmt: skip
    """Cut cell i by the sites from `first` to `last` of a list; negative ones are walls."""
    for k in range(first, last):
        j = listed[k]
        if count > 0 and j >= 0 and seen[j] != i:
            seen[j] = i
            count, used = cut_by_site(
                pos, top, planes, label, work, count, used, i, j, ox, oy, oz, sites, weights, tol
            )  # fmt: skip
    return count, used


@innerkernel
def cut_out(
    pos, top, planes, label, work, i, ox, oy, oz, sites, weights, frame, walls, radii, tol, spans, bounds, listed,
    first, last, stack, seen,
):  # fmt: skip
    """Cut cell i out of the frame, by the sites from `first` to `last` of the list before any other.

    Returns the counts of corners, 0 if the cell is empty, or `OUT_OF_ROOM`, and of facets. The cell is exact
    whatever the list holds, and soon found if it holds sites near it.
    """
    count, used = _start_cell(pos, top, planes, label, work, ox, oy, oz, frame, radii[0], tol)
    seen[i] = i
    count, used = _cut_by_listed(
        pos, top, planes, label, work, count, used, i, ox, oy, oz, sites, weights, tol, listed, first, last, seen
    )  # fmt: skip
    if count > 0:
        count, used = cut_through_middle(
            pos, top, planes, label, work, count, used, i, ox, oy, oz, sites, weights, tol, spans, bounds, stack, seen
        )  # fmt: skip
    if count > 0:
        count, used = cut_by_walls(pos, top, planes, label, work, count, used, ox, oy, oz, walls, radii[1], tol)
    if count > 0:
        count, used = cut_by_tree(
            pos, top, planes, label, work, count, used, i, ox, oy, oz, sites, weights, tol, spans, bounds, stack, seen
        )  # fmt: skip
    return count, used


@innerkernel
def _list_known(i, links, owner, after, newest, first, last, listed):
    """List the cells before i that are known to touch it, and the neighbors, from `first` to `last`, of cell i - 1.

    `after` links the facets with the same site beyond, from the `newest` on. If there are none, the sites beside it in
    Hilbert order take their place. Returns how many are listed.
    """
    count, e = 0, newest[i]
    while e >= 0 and count < len(listed):
        listed[count] = owner[e]
        count, e = count + 1, after[e]
    for k in range(first, last):
        if count < len(listed):
            listed[count] = links[k]
            count += 1
    if count == 0:
        for j in range(max(i - BESIDE, 0), min(i + BESIDE + 1, len(newest))):
            listed[count] = j
            count += 1
    return count


@innerkernel
def _make_known(i, links, owner, after, newest, first, last):
    """Link the facets of cell i, from `first` to `last`, with the others of the sites beyond them."""
    for k in range(first, last):
        j = links[k]
        owner[k] = i
        if j > i:
            after[k], newest[j] = newest[j], k


@innerkernel
def _write_facets(used, label, facets, work, least, curved, links, areas, place):
    """Write the sites beyond the facets and their areas; a ball's frame is no wall. Returns how many there are now."""
    for f in range(used):
        if work[f, 7] >= 0 and (label[f] >= 0 or not curved):
            area = facets[f, 0]
            links[place], areas[place] = label[f], area if area > least else 0.0
            place += 1
    return place


@kernel
def measure_space_cells(
    first, last, room, least, origins, sites, weights, frame, walls, radii, spans, bounds, starts, neighbors, measures,
    counts, links, areas,
):  # fmt: skip
    """Measure the cells of the sites from `first` to `last`.

    The sites that ``starts, neighbors`` list (CSR; negative ones are none) cut first; if there are no lists, those that
    are known from the cells before.
    `origins` are points near the cells, `radii` those of the sphere and the inner ball, and `room` is the number of
    corners and facets that a cell may have. No cell's volume may fall below `least`.

    Fills
    -----
    measures : (m, 9) float
        Volume, centroid, second moment about it, area of the patch on the sphere and the integral of its normal.
    counts : (m,) int
        Facets of each cell.
    links : (e,) int, areas : (e,) float
        Of each facet: the site beyond (negative: a wall), and its area in the domain.

    Returns
    -------
    outcome : int
        `DONE`, or why the rest is incomplete: `NO_ROOM` (in a cell or in `links`), `TOO_SMALL`.
    total : int
        How many facets there are.
    """
    pos, top, work = np.empty((7, room)), np.empty((room, 6), np.int32), np.empty((room, 9), np.int32)
    planes, label, facets = np.empty((room, 4)), np.empty(room, np.int32), np.empty((room, COLUMNS))
    seen, stack, total, before = np.full(len(sites), -1, np.int32), np.empty(256, np.int64), 0, 0
    unknown, listed = len(starts) == 0, np.empty(room, np.int32)
    newest = np.full(len(sites) if unknown else 0, -1, np.int32)
    owner, after = np.empty(len(links) if unknown else 0, np.int32), np.empty(len(links) if unknown else 0, np.int32)
    size, curved = frame[1, 0] - frame[0, 0], radii[0] < np.inf
    for axis in range(1, 3):
        size = max(size, frame[1, axis] - frame[0, axis])
    tol = 5e-16 * size
    for i in range(first, last):
        ox, oy, oz = origins[i, 0], origins[i, 1], origins[i, 2]
        near, low, high = listed, 0, 0
        if unknown:
            high = _list_known(i, links, owner, after, newest, before, total, listed)
        else:
            near, low, high = neighbors, starts[i], starts[i + 1]
        count, used = cut_out(
            pos, top, planes, label, work, i, ox, oy, oz, sites, weights, frame, walls, radii, tol, spans, bounds,
            near, low, high, stack, seen,
        )  # fmt: skip
        if count == OUT_OF_ROOM or total + used > len(links):
            return NO_ROOM, total
        m = (0.0, np.nan, np.nan, np.nan, 0.0, 0.0, 0.0, 0.0, 0.0)
        row, before = i - first, total
        if count > 0:
            m = measure_polytope(pos, top, planes, count, used, ox, oy, oz, radii[0], tol, facets, work)
            threshold = tol * size if m[0] > 0.0 else np.inf
            total = _write_facets(used, label, facets, work, threshold, curved, links, areas, total)
        if m[0] < least:
            return TOO_SMALL, total
        counts[row] = total - before
        if unknown:
            _make_known(i, links, owner, after, newest, before, total)
        measures[row, 0], measures[row, 1], measures[row, 2], measures[row, 3] = m[0], m[1], m[2], m[3]
        measures[row, 4], measures[row, 5], measures[row, 6] = m[4], m[5], m[6]
        measures[row, 7], measures[row, 8] = m[7], m[8]
    return DONE, total
