"""Forward and backward substitution through the tiles of a multifrontal factor; see `fronts` for how they lie.

Arrays: `x` holds the right-hand side and becomes the solution, in the elimination order; of node n, ``nodes[n]`` says
where its own places begin, the later places that it touches in the list `touched`, and its part of `panels`.
"""

import numpy as np

from meshot.algebra.fronts import TILE, tile_place
from meshot.kernels import kernel, subkernel


@subkernel
def _gather(x, own, panels, at, rows, width, out):  # type: ignore[no-untyped-def]
    """Set `out` to the product of a row, ``x[own : own + rows]``, with the rows of a tile at ``panels[at]``."""
    for q in range(width):
        out[q] = 0.0
    whole = rows - rows % 4
    for r in range(0, whole, 4):
        a, b, c, d = x[own + r], x[own + r + 1], x[own + r + 2], x[own + r + 3]
        begin = at + r * width
        for q in range(width):
            first = a * panels[begin + q] + b * panels[begin + width + q]
            out[q] += first + (c * panels[begin + 2 * width + q] + d * panels[begin + 3 * width + q])
    for r in range(whole, rows):
        a, begin = x[own + r], at + r * width
        for q in range(width):
            out[q] += a * panels[begin + q]


@subkernel
def _subtract_from(x, own, panels, at, rows, width, known):  # type: ignore[no-untyped-def]
    """Subtract the product of the rows of a tile at ``panels[at]`` with `known` from ``x[own : own + rows]``."""
    whole = rows - rows % 4
    for r in range(0, whole, 4):
        a = b = c = d = 0.0
        begin = at + r * width
        for q in range(width):
            value = known[q]
            a += panels[begin + q] * value
            b += panels[begin + width + q] * value
            c += panels[begin + 2 * width + q] * value
            d += panels[begin + 3 * width + q] * value
        x[own + r] -= a
        x[own + r + 1] -= b
        x[own + r + 2] -= c
        x[own + r + 3] -= d
    for r in range(whole, rows):
        a, begin = 0.0, at + r * width
        for q in range(width):
            a += panels[begin + q] * known[q]
        x[own + r] -= a


@kernel
def substitute_forward(which, end, x, spill, slot, panels, nodes, touched, size):  # type: ignore[no-untyped-def]
    """Solve U^T y = x for the nodes `which`, children first.

    What they subtract from a place from `end` on goes to its `slot` in `spill`, as others may be at work there.
    """
    part, row = np.empty(TILE), np.empty(TILE)
    for node in which:
        first, later, begin = size * nodes[node, 0], nodes[node, 1], nodes[node, 3]
        own, others = size * nodes[node + 1, 0] - first, size * (nodes[node + 1, 1] - later)
        count = (own + TILE - 1) // TILE
        for tile in range(count + (others + TILE - 1) // TILE):
            at, column, width = tile_place(tile, own, others)
            _gather(x, first, panels, begin + at, min(column, own), width, part)
            if tile < count:
                for q in range(width):
                    row[q] = x[first + column + q] - part[q]
                _gather(row, 0 * node, panels, begin + at + column * width, width, width, part)
                for q in range(width):
                    x[first + column + q] = part[q]
                continue
            for q in range(width):
                other = column - own + q
                place = touched[later + other // size]
                if place < end:
                    x[size * place + other % size] -= part[q]
                else:
                    spill[size * slot[place] + other % size] -= part[q]


@kernel
def substitute_back(which, x, panels, nodes, touched, size):  # type: ignore[no-untyped-def]
    """Solve U x = y for the nodes `which`, given children first, from the last to the first."""
    part = np.empty(TILE)
    for turn in range(len(which) - 1, -1, -1):
        node = which[turn]
        first, later, begin = size * nodes[node, 0], nodes[node, 1], nodes[node, 3]
        own, others = size * nodes[node + 1, 0] - first, size * (nodes[node + 1, 1] - later)
        count = (own + TILE - 1) // TILE
        for tile in range(count + (others + TILE - 1) // TILE - 1, -1, -1):
            at, column, width = tile_place(tile, own, others)
            if tile >= count:
                for q in range(width):
                    other = column - own + q
                    part[q] = x[size * touched[later + other // size] + other % size]
            else:
                for q in range(width):
                    part[q], x[first + column + q] = -x[first + column + q], 0.0
                _subtract_from(x, first + column, panels, begin + at + column * width, width, width, part)
                for q in range(width):
                    part[q] = x[first + column + q]
            _subtract_from(x, first, panels, begin + at, min(column, own), width, part)
