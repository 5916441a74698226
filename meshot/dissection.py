"""Nested dissection of a sparse symmetric matrix: an elimination order with little fill, and its tree of blocks.

George (1973), "Nested dissection of a regular finite element mesh". A separator is one level of a breadth-first search
that starts at one end of the graph; on the graphs of surface meshes it has about the square root of the size.
"""

from typing import NamedTuple

import numpy as np

from meshot.kernels import kernel
from meshot.mesh import Ints

# Parts up to this size are not split: a dense block of this size is quicker than its sparse elimination.
LEAF = 48
# Each side of a separator holds at least this part of the vertices, if any level allows it.
BALANCE = 0.3


class Dissection(NamedTuple):
    """Elimination order and block tree.

    Attributes
    ----------
    order : (n,) int
        Row of the matrix that is eliminated at each place.
    starts : (blocks + 1,) int
        Block k owns the places ``starts[k]`` to ``starts[k + 1]``; children come before parents.
    parent : (blocks,) int
        The block whose separator encloses this one, -1 at a root.
    """

    order: Ints
    starts: Ints
    parent: Ints


def dissect(indptr: Ints, indices: Ints) -> Dissection:
    """Return a nested dissection of the graph of a matrix in compressed rows with a symmetric pattern.

    Examples
    --------
    >>> path = dissect(np.array([0, 1, 3, 4]), np.array([1, 0, 2, 1]))
    >>> path.order.tolist(), path.starts.tolist()
    ([0, 1, 2], [0, 3])
    """
    count = len(indptr) - 1
    order, (ends, enclosing) = np.arange(count), np.empty((2, count + 1), dtype=np.int64)
    scratch, waiting = np.zeros((6, count), dtype=np.int64), np.empty((3, count + 2), dtype=np.int64)
    blocks = _dissect(indptr, indices, order, ends, enclosing, scratch, waiting, LEAF, BALANCE)
    rank = np.argsort(ends[:blocks])
    place = np.empty_like(rank)
    place[rank] = np.arange(blocks)
    parent = enclosing[rank]
    starts = np.concatenate([[0], ends[rank]])
    return Dissection(order, starts, np.where(parent < 0, -1, place[parent]))


@kernel
def _search(indptr, indices, part, label, seen, stamp, start, queue, level):  # type: ignore[no-untyped-def]
    """Breadth-first search inside a part; fills the queue and levels, returns how many it reached."""
    queue[0] = start
    seen[start] = stamp
    level[start] = 0
    head, tail = 0, 1
    while head < tail:
        v = queue[head]
        head += 1
        for e in range(indptr[v], indptr[v + 1]):
            w = indices[e]
            if part[w] == label and seen[w] != stamp:
                seen[w] = stamp
                level[w] = level[v] + 1
                queue[tail] = w
                tail += 1
    return tail


@kernel
def _middle(level, queue, count, balance):  # type: ignore[no-untyped-def]
    """Return the smallest level that leaves both sides their share, or else the middle one; never the last."""
    best, half, least = -1, 0, count
    first = 0
    while first < count:
        # The queue holds one level after the other.
        k, last = level[queue[first]], first
        while last < count and level[queue[last]] == k:
            last += 1
        if last < count and last >= balance * count and first <= (1.0 - balance) * count and last - first < least:
            best, least = k, last - first
        if last < count and 2 * first <= count:
            half = k
        first = last
    return best if best >= 0 else half


@kernel
def _sides(indptr, indices, part, label, level, middle, queue, count, side):  # type: ignore[no-untyped-def]
    """Mark each vertex reached: 0 before the separator, 1 behind it, 2 in it; returns how many are before and behind.

    A vertex of the middle level that touches nothing behind it is not needed in the separator.
    """
    near, far = 0, 0
    for i in range(count):
        v = queue[i]
        side[v] = 1 if level[v] > middle else 0
        if level[v] == middle:
            for e in range(indptr[v], indptr[v + 1]):
                w = indices[e]
                if part[w] == label and level[w] > middle:
                    side[v] = 2
                    break
        near += side[v] == 0
        far += side[v] == 1
    return near, far


@kernel
def _gather(order, low, high, side, near, far, spare):  # type: ignore[no-untyped-def]
    """Sort a range of the order by side."""
    first, second, third = low, low + near, low + near + far
    for i in range(low, high):
        v = order[i]
        if side[v] == 0:
            spare[first] = v
            first += 1
        elif side[v] == 1:
            spare[second] = v
            second += 1
        else:
            spare[third] = v
            third += 1
    for i in range(low, high):
        order[i] = spare[i]


@kernel
def _split(indptr, indices, order, low, high, label, part, seen, level, queue, side, balance):  # type: ignore[no-untyped-def]
    """Find a separator of the vertices in a range of the order; returns the sizes of its two sides."""
    for i in range(low, high):
        part[order[i]] = label
        side[order[i]] = 1
    count = _search(indptr, indices, part, label, seen, 2 * label, order[low], queue, level)
    if count < high - low:
        # Not connected: what was reached is one side, the rest the other, and nothing lies between.
        for i in range(count):
            side[queue[i]] = 0
        return count, high - low - count
    # The vertex found last lies at one end.
    count = _search(indptr, indices, part, label, seen, 2 * label + 1, queue[count - 1], queue, level)
    middle = _middle(level, queue, count, balance)
    return _sides(indptr, indices, part, label, level, middle, queue, count, side)


@kernel
def _dissect(indptr, indices, order, ends, enclosing, scratch, ranges, leaf, balance):  # type: ignore[no-untyped-def]
    """Fill the order and the end and enclosing block of each block; returns the number of blocks."""
    part, seen, level = scratch[0], scratch[1], scratch[2]
    queue, side, spare = scratch[3], scratch[4], scratch[5]
    # Ranges of the order still to be split, with the block that encloses each.
    lows, highs, above = ranges[0], ranges[1], ranges[2]
    lows[0], highs[0], above[0] = 0, len(order), -1
    waiting, blocks, label = 1, 0, 0
    while waiting > 0:
        waiting -= 1
        low, high, outer = lows[waiting], highs[waiting], above[waiting]
        near, far = 0, 0
        if high - low > leaf:
            label += 1
            near, far = _split(indptr, indices, order, low, high, label, part, seen, level, queue, side, balance)
            _gather(order, low, high, side, near, far, spare)
        if low + near + far < high:
            ends[blocks], enclosing[blocks] = high, outer
            outer = blocks
            blocks += 1
        if near + far > 0:
            lows[waiting], highs[waiting], above[waiting] = low, low + near, outer
            lows[waiting + 1], highs[waiting + 1], above[waiting + 1] = low + near, low + near + far, outer
            waiting += 2
    return blocks
