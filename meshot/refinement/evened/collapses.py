"""A triangulation taken apart: vertices merged into neighbors, round by round, down to a triangle or a tetrahedron.

A vertex may be merged into a neighbor if their common neighbors are just the opposite corners of the faces at their
edge (the link condition): what is left is again a triangulated disk or sphere (Hoppe, "Progressive meshes", 1996).
Undone in the reverse order, the merges put the vertices back one by one.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints
from meshot.base.kernels import kernel, subkernel

Mask = NDArray[np.bool_]

# A vertex is merged in a round if it has at most this many times the mean mass of those left; and most neighbors of
# what it is merged into.
HEAVY, CROWDED = 2.0, 9
# Where a round merges fewer than this part of the vertices, the limits of the next are this many times as wide.
SLOW, WIDER = 0.08, 2
# A round leaves about this part of the vertices, and so many on the rim for each root of their number: as many as there
# are where a disk's vertices are spaced evenly.
ROUND, RIM_SHARE = 0.75, 2.0
# What the length of the edge counts against the number of neighbors.
LENGTH_WEIGHT = 2.0


class Collapses(NamedTuple):
    """The merges, in order.

    Attributes
    ----------
    corners : (F, 3) int
        Corners of the faces: of those that are gone, as they were then.
    alive : (F,) bool
        Faces that are left.
    vertex, into : (n,) int
        The vertex that was merged, and the neighbor it was merged into.
    starts, stars : (n + 1,) and (m,) int
        Faces of the merged vertex at that time: ``stars[starts[i]:starts[i + 1]]``.
    rounds : (k,) int
        How many merges there were at the end of each round.
    masses : (V,) float
        Each vertex's mass at its own merge or at the end, with what was merged into it.
    """

    corners: Ints
    alive: Mask
    vertex: Ints
    into: Ints
    starts: Ints
    stars: Ints
    rounds: Ints
    masses: Floats


def collapse(faces: Ints, positions: Floats, masses: Floats, loop: Ints) -> Collapses:
    """Take a disk or a sphere apart.

    Parameters
    ----------
    faces : (F, 3) int
        A triangulated disk or sphere.
    positions : (V, 3) float
        Short edges go first.
    masses : (V,) float
        Light vertices go first, and hand their mass on.
    loop : (B,) int
        The boundary's vertices; none for a sphere.

    Returns
    -------
    Collapses

    Examples
    --------
    >>> fan = np.array([[0, 1, 3], [1, 2, 3], [2, 0, 3]])
    >>> collapse(fan, np.eye(4, 3), np.ones(4), np.array([0, 1, 2])).vertex
    array([3])
    """
    count = len(masses)
    on_rim = np.zeros(count, dtype=np.bool_)
    on_rim[loop] = True
    corners, alive = faces.copy(), np.ones(len(faces), dtype=np.bool_)
    weights, left = masses.copy(), np.zeros(count, dtype=np.bool_)
    left[faces] = True
    links, heads, tails = _incidence(corners, count)
    last = 3 if len(loop) else 4
    names = [np.zeros(0, dtype=np.int64)] * 3
    heavy, crowded, rim_share, rounds = HEAVY, CROWDED, RIM_SHARE, [0]
    while (remaining := int(left.sum())) > last:
        candidates = np.flatnonzero(left)
        candidates = candidates[np.argsort(weights[candidates], kind="stable")]
        limit = heavy * weights[candidates].sum() / remaining
        rim = int((left & on_rim).sum())
        spare = min(rim - 3, int(np.ceil(rim - rim_share * np.sqrt(ROUND * remaining)))) if rim < remaining else rim
        merged = _round(
            corners, alive, links, heads, tails, positions, weights, on_rim, left, candidates, limit, crowded,
            remaining - last, spare,
        )  # fmt: skip
        names = [np.concatenate(pair) for pair in zip(names, merged, strict=True)]
        if len(merged[0]):
            rounds.append(len(names[0]))
        if len(merged[0]) < SLOW * remaining:
            heavy, crowded, rim_share = WIDER * heavy, WIDER * crowded, rim_share / WIDER
            if crowded > 2 * WIDER * count:
                break
    vertex, into, packed = names
    starts, stars = _unpacked(packed, len(vertex))
    return Collapses(corners, alive, vertex, into, starts, stars, np.array(rounds[1:], dtype=np.int64), weights)


def _unpacked(packed: Ints, count: int) -> tuple[Ints, Ints]:
    """Split records of a star's size followed by its faces into where each begins, and the faces."""
    starts, stars = np.zeros(count + 1, dtype=np.int64), np.empty(len(packed) - count, dtype=np.int64)
    _unpack(packed, starts, stars)
    return starts, stars


@kernel
def _unpack(packed, starts, stars):
    at = 0
    for i in range(len(starts) - 1):
        size = packed[at]
        stars[starts[i] : starts[i] + size] = packed[at + 1 : at + 1 + size]
        starts[i + 1] = starts[i] + size
        at += 1 + size


@kernel
def _incidence(corners, count):
    """Corners of each vertex as a linked list: the next one of each, and the first and last of each vertex."""
    links = np.full(3 * len(corners), -1)
    heads, tails = np.full(count, -1), np.full(count, -1)
    for slot in range(3 * len(corners)):
        vertex = corners[slot // 3, slot % 3]
        if heads[vertex] < 0:
            heads[vertex] = slot
        else:
            links[tails[vertex]] = slot
        tails[vertex] = slot
    return links, heads, tails


@subkernel
def _star(vertex, alive, links, heads, tails, star):
    """Write a vertex's faces to `star`, drop those that are gone from its list, and return how many there are.

    -1 if there are more than it has room for.
    """
    count, before, slot = 0, -1, heads[vertex]
    while slot >= 0:
        following = links[slot]
        if alive[slot // 3]:
            if count < len(star):
                star[count] = slot // 3
            count += 1
            before = slot
        else:
            if before < 0:
                heads[vertex] = following
            else:
                links[before] = following
            if following < 0:
                tails[vertex] = before
        slot = following
    return count if count <= len(star) else -1


@subkernel
def _mark(star, count, corners, stamp, marks):
    for i in range(count):
        for c in range(3):
            marks[corners[star[i], c]] = stamp


@subkernel
def _common(star, count, corners, vertex, stamp, marks, seen):
    """How many neighbors by this star are marked, `vertex` itself and the star's center not among them."""
    common = 0
    for i in range(count):
        for c in range(3):
            other = corners[star[i], c]
            if other != vertex and marks[other] == stamp and seen[other] != stamp:
                seen[other] = stamp
                common += 1
    return common


@subkernel
def _length(positions, i, j):
    x, y, z = positions[i, 0] - positions[j, 0], positions[i, 1] - positions[j, 1], positions[i, 2] - positions[j, 2]
    return np.sqrt(x * x + y * y + z * z)


@subkernel
def _shared(star, count, corners, other):
    """How many faces of a star have another vertex, too."""
    shared = 0
    for i in range(count):
        f = star[i]
        shared += int(corners[f, 0] == other or corners[f, 1] == other or corners[f, 2] == other)
    return shared


@subkernel
def _longest(star, count, corners, positions, vertex):
    longest = 1e-300
    for i in range(count):
        for c in range(3):
            longest = max(longest, _length(positions, vertex, corners[star[i], c]))
    return longest


@subkernel
def _best_neighbor(vertex, star, count, other_star, corners, alive, links, heads, tails, positions, on_rim, stamp,
                   marks, seen, crowded):  # fmt: skip
    """Return the neighbor that a vertex may be merged into and that is left with fewest neighbors; -1 if there is none.

    A vertex on the rim is merged along it: into a neighbor with which it shares one face.
    """
    _mark(star, count, corners, stamp, marks)
    longest = _longest(star, count, corners, positions, vertex)
    best, least = -1, np.inf
    for slot in range(3 * count):
        other = corners[star[slot // 3], slot % 3]
        shared = _shared(star, count, corners, other)
        if other == vertex or (on_rim[vertex] and (not on_rim[other] or shared != 1)):
            continue
        size = _star(other, alive, links, heads, tails, other_star)
        degree = size + count - 2 * shared
        if size < 0 or degree > crowded:
            continue
        cost = max(degree, 6) + LENGTH_WEIGHT * _length(positions, vertex, other) / longest
        if cost >= least:
            continue
        for i in range(3 * size):  # a neighbor is looked at twice: its marks must go
            seen[corners[other_star[i // 3], i % 3]] = -1
        seen[other] = stamp
        if _common(other_star, size, corners, vertex, stamp, marks, seen) == shared:
            best, least = other, cost
    return best


@kernel
def _round(corners, alive, links, heads, tails, positions, weights, on_rim, left, candidates, limit, crowded, most,
           spare):  # fmt: skip
    """Merge vertices none of which are neighbors, at most so many; their names, targets, and sizes with stars."""
    vertices, targets = np.empty(len(candidates), np.int64), np.empty(len(candidates), np.int64)
    packed = np.empty(16 * len(candidates) + 64, np.int64)
    marks, seen = np.full(len(left), -1), np.full(len(left), -1)
    locked = np.zeros(len(left), np.bool_)
    room = max(64, 2 * crowded)
    star, other_star = np.empty(room, np.int64), np.empty(room, np.int64)
    done, at = 0, 0
    for vertex in candidates:
        if done == most or weights[vertex] > limit:
            break
        if locked[vertex] or (on_rim[vertex] and spare <= 0):
            continue
        count = _star(vertex, alive, links, heads, tails, star)
        if count < 0 or count > crowded:
            continue
        into = _best_neighbor(vertex, star, count, other_star, corners, alive, links, heads, tails, positions, on_rim,
                              vertex, marks, seen, crowded)  # fmt: skip
        if into < 0:
            continue
        while at + 1 + count > len(packed):
            packed = np.concatenate((packed, np.empty(len(packed), np.int64)))
        vertices[done], targets[done], packed[at] = vertex, into, count
        for i in range(count):
            packed[at + 1 + i] = star[i]
            for c in range(3):
                locked[corners[star[i], c]] = True
        at, done, spare = at + 1 + count, done + 1, spare - int(on_rim[vertex])
        _merge(vertex, into, star, count, corners, alive, links, heads, tails)
        weights[into] += weights[vertex]
        left[vertex] = False
    return vertices[:done], targets[:done], packed[:at]


@subkernel
def _merge(vertex, into, star, count, corners, alive, links, heads, tails):
    for i in range(count):
        f = star[i]
        if corners[f, 0] == into or corners[f, 1] == into or corners[f, 2] == into:
            alive[f] = False
            continue
        for c in range(3):
            if corners[f, c] == vertex:
                corners[f, c] = into
                slot = 3 * f + c
                links[slot] = -1
                if heads[into] < 0:
                    heads[into] = slot
                else:
                    links[tails[into]] = slot
                tails[into] = slot
    heads[vertex] = tails[vertex] = -1
