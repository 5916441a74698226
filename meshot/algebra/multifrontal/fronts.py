"""Dense fronts of a multifrontal Cholesky factorization, in tiles small enough for the cache.

A front has `own` rows to eliminate and `own + others` columns. The rows of its factor, the panel, are stored by tiles
of columns, each row by row: tiles of the own columns down to the diagonal, then tiles of the others. The Schur
complement of a front, others by others, is its update: a square matrix, row by row, whose upper triangle is used.

BLAS multiplies tiles. They are too small for threads of its own, which would compete for busy cores; tiles are
processed in parallel instead. Diagonal tiles are inverted, as in Du Croz and Higham (1992, "Stability of methods for
matrix inversion"), so that all other operations are products.
"""

import numpy as np

from meshot.base.kernels import kernel, subkernel

# Columns of a tile, rows of a block of rows.
TILE = 64


def panel_length(own, others):
    """Return the length of a front's panel; vectorized.

    Examples
    --------
    >>> panel_length(2, 3), panel_length(TILE + 2, 1)
    (10, 4294)
    """
    full = own // TILE
    return TILE * TILE * full * (full + 1) // 2 + own * (own - TILE * full) + own * others


@subkernel
def tile_place(tile, own, others):
    """Return where a tile begins in the panel, its first column, and its number of columns."""
    count = (own + TILE - 1) // TILE
    if tile < count:
        first = TILE * tile
        return TILE * TILE * tile * (tile + 1) // 2, first, min(TILE, own - first)
    full, passed = own // TILE, TILE * (tile - count)
    corner = TILE * TILE * full * (full + 1) // 2 + own * (own - TILE * full)
    return corner + own * passed, own + passed, min(TILE, others - passed)


@subkernel
def _invert(corner, row):
    """Replace the upper triangle of a positive definite matrix by the inverse of its factor; nan if it has none."""
    size = len(corner)
    for r in range(size):
        pivot, factor = corner[r, r:], 1.0 / np.sqrt(corner[r, r])
        for j in range(len(pivot)):
            pivot[j] *= factor
        for i in range(r + 1, size):
            out, source, factor = corner[i, i:], corner[r, i:], corner[r, i]
            for j in range(len(out)):
                out[j] -= factor * source[j]
    for r in range(size - 1, -1, -1):
        inverse, factor = corner[r], -1.0 / corner[r, r]
        for j in range(size):
            row[j], inverse[j] = inverse[j], 0.0
        inverse[r] = -factor
        for i in range(r + 1, size):
            below, weight = corner[i, i:], factor * row[i]
            out = inverse[i:]
            for j in range(len(out)):
                out[j] += weight * below[j]


@subkernel
def _multiply(panel, left, height, right, width, depth, product):
    """Set `product` to L^T R for `depth` rows of two tiles, of widths `height` and `width`, that begin in the panel."""
    first = panel[left : left + depth * height].reshape((depth, height))
    second = panel[right : right + depth * width].reshape((depth, width))
    np.dot(first.T, second, product[: height * width].reshape((height, width)))


@kernel
def reduce_tiles(panel, own, others, first, last):
    """Turn the tiles `first` to `last` of a front's own rows into tiles of its factor, given all own tiles before."""
    product, count = np.empty(TILE * TILE), (own + TILE - 1) // TILE
    for tile in range(first, last):
        at, _, width = tile_place(tile, own, others)
        for block in range(min(tile + 1, count)):
            start, top, height = tile_place(block, own, others)
            target = panel[at + top * width : at + (top + height) * width]
            for row in range(0, top, TILE):
                _multiply(panel, start + row * height, height, at + row * width, width, min(TILE, own), product)
                for q in range(len(target)):
                    target[q] -= product[q]
            if block == tile:
                _invert(target.reshape((height, height)), product)
                continue
            _multiply(panel, start + top * height, height, at + top * width, width, height, product)
            for q in range(len(target)):
                target[q] = product[q]


@kernel
def subtract_products(update, panel, own, others, first, last):
    """Subtract R^T R from tiles of columns of an update's upper triangle, R being the other columns of the factor."""
    product, count = np.empty(TILE * TILE), (own + TILE - 1) // TILE
    for j in range(first, last):
        at, _, width = tile_place(count + j, own, others)
        for i in range(j + 1):
            start, _, height = tile_place(count + i, own, others)
            for top in range(0, own, TILE):
                depth = min(TILE, own - top)
                _multiply(panel, start + top * height, height, at + top * width, width, depth, product)
                for p in range(height):
                    begin = (TILE * i + p) * others + TILE * j
                    out, source = update[begin : begin + width], product[p * width : (p + 1) * width]
                    for q in range(width):
                        out[q] -= source[q]


@subkernel
def _gather(x, own, panels, at, rows, width, out):
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
def _subtract_from(x, own, panels, at, rows, width, known):
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
def substitute_forward(which, end, x, spill, slot, panels, nodes, touched, size):
    """Solve U^T y = x for the nodes `which`, children first.

    Subtractions from places at or after `end` are collected in their `slot` of `spill`, as other threads may write
    there.
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
def substitute_back(which, x, panels, nodes, touched, size):
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
