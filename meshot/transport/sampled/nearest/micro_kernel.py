"""The two best sites of each sample on a CPU: a register-blocked matrix product, reduced to maxima at once.

Sites are packed into panels of `WIDTH`, coordinate by coordinate, with the heights as one more coordinate; panels form
blocks. Of a sample's scores in a block, in single precision, a micro-kernel (`raise_lanes`) keeps the largest of each
vector lane.

A site that is among the two best in double precision has a score in single precision that is below the second-largest
lane by at most the rounding error. So the lanes above this bound are compared site by site in double precision: two
lanes for most samples, all if necessary. The result is that of double precision.
"""

from math import ceil, sqrt
from typing import Any

import numpy as np
import torch
from llvmlite import ir
from numba import get_num_threads, types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

from meshot.base.kernels import kernel, run_in_chunks, subkernel, sumkernel

# Samples that share a block of panels in the cache.
BLOCK_SAMPLES = 96


def pack_panels(local: torch.Tensor, heights: torch.Tensor) -> NDArray[np.float32]:
    """Pack sites (n, d) and heights (n,) into blocks of panels, (blocks, panels, d + 1, `WIDTH`) float32.

    With more panels in a block there are fewer lanes to search for each sample, and more sites in each to compare in
    double precision; the number here was the fastest of several. The last panels are padded with sites that are never
    best.
    """
    n, d = local.shape
    panels = min(ceil(sqrt(n / (20 * d))), -(-n // WIDTH))
    raised = torch.zeros(-(-n // (panels * WIDTH)) * panels * WIDTH, d + 1, dtype=torch.float32)
    raised[:n, :d], raised[:n, d], raised[n:, d] = local, heights, -torch.inf
    # allocated by torch, whose memory is aligned to cache lines
    return raised.view(-1, panels, WIDTH, d + 1).transpose(2, 3).contiguous().numpy()


def two_best(
    points: torch.Tensor,
    center: torch.Tensor,
    panels: NDArray[np.float32],
    slack: tuple[float, float],
    sites: torch.Tensor,
    heights: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Find the two best sites of samples and their scores; of equal ones the earlier is ahead.

    Parameters
    ----------
    points : (m, d) float64
    center : (d,) float64
        The origin of the panels' coordinates.
    panels : (blocks, k, d + 1, WIDTH) float32
        The result of `pack_panels`.
    slack : tuple of float
        The errors of two scores in single precision add up to at most ``slack[0] * |x - center| + slack[1]``.
    sites : (n, d) float64
    heights : (n,) float64

    Returns
    -------
    sites : (m, 2) int64
    scores : (m, 2) float64
    """
    best = torch.zeros(len(points), 2, dtype=torch.int64)
    scores = torch.full((len(points), 2), -torch.inf, dtype=torch.float64)
    problem = (center.numpy(), panels, slack, sites.numpy(), heights.numpy())
    arrays = (points.contiguous().numpy(), *problem, best.numpy(), scores.numpy())
    run_in_chunks(
        lambda first, last: _search_panels(first, last, *arrays), len(points), -(-len(points) // get_num_threads())
    )
    return best, scores


@kernel
def _search_panels(first, last, points, center, panels, slack, sites, heights, best, scores):
    """Find the two best sites of a range of samples, block by block."""
    blocks, depth, dimension = panels.shape[0], panels.shape[1], len(center)
    single, doubt = np.ones((BLOCK_SAMPLES, dimension + 1), np.float32), np.empty(BLOCK_SAMPLES)
    maxima, highest = np.empty((BLOCK_SAMPLES, blocks, WIDTH), np.float32), np.empty((BLOCK_SAMPLES, WIDTH), np.float32)
    columns, lanes = np.empty(WIDTH, np.int64), np.empty(blocks * WIDTH, np.int64)
    for start in range(first, last, BLOCK_SAMPLES):
        count = min(BLOCK_SAMPLES, last - start)
        for s in range(count):
            size = 0.0
            for k in range(dimension):
                x = points[start + s, k] - center[k]
                size += x * x
                single[s, k] = x
            doubt[s] = slack[0] * np.sqrt(size) + slack[1]
        for s in range(BLOCK_SAMPLES):
            for j in range(WIDTH):
                highest[s, j] = -np.inf
        for b in range(blocks):
            for s in range(0, count, GROUP):
                raise_lanes(single, s, panels, b, maxima, highest)
        for s in range(count):
            bound = _second_highest(highest, s) - doubt[s]
            reaching = _list_lanes(maxima, highest, s, bound, columns, lanes)
            _compare(points, start + s, lanes, reaching, depth, sites, heights, best, scores)


@subkernel
def _second_highest(highest, s):
    """Return the second-largest value of a row, without branches that would be mispredicted."""
    first, second = -np.inf, -np.inf
    for j in range(WIDTH):
        value = highest[s, j]
        lower = min(first, value)
        first, second = max(first, value), max(second, lower)
    return second


@subkernel
def _list_lanes(maxima, highest, s, bound, columns, lanes):
    """List the lanes of a sample that reach the bound, as blocks times `WIDTH` and columns; return how many."""
    reaching = 0
    for j in range(WIDTH):
        columns[reaching] = j
        reaching += highest[s, j] >= bound
    count = 0
    for c in range(reaching):
        j = columns[c]
        for b in range(maxima.shape[1]):
            lanes[count] = b * WIDTH + j
            count += maxima[s, b, j] >= bound
    return count


@subkernel
def _compare(points, p, lanes, count, depth, sites, heights, best, scores):
    """Put the two best sites of the lanes listed, in double precision, into row `p`."""
    first, second, i_first, i_second = -np.inf, -np.inf, 0, 0
    for c in range(count):
        b, j = divmod(lanes[c], WIDTH)
        for i in range(b * depth * WIDTH + j, min((b + 1) * depth * WIDTH, len(sites)), WIDTH):
            score, k = heights[i] + _product(points, p, sites, i), i
            if _ahead(score, k, first, i_first):
                first, i_first, score, k = score, k, first, i_first
            if _ahead(score, k, second, i_second):
                second, i_second = score, k
    if second == -np.inf:  # there is one site
        second, i_second = first, i_first
    best[p, 0], best[p, 1], scores[p, 0], scores[p, 1] = i_first, i_second, first, second


@sumkernel
def _product(points, p, sites, i):
    """Return <x_p, y_i>."""
    total = 0.0
    for k in range(sites.shape[1]):
        total += points[p, k] * sites[i, k]
    return total


@subkernel
def _ahead(score, i, other, k):
    """Return whether a site ranks before another: lanes are not in the order of the sites."""
    return (score > other) | ((score == other) & (i < k))


# Sites of a panel (two vectors of 512 bits) and samples of a group: enough independent sums to hide their latency.
WIDTH, GROUP = 32, 6


def raise_lanes(points, p, panels, b, maxima, highest):
    """Store the largest score of each lane of block `b` in `maxima`, for the `GROUP` samples from `p` on.

    Compiled code calls `_raise_lanes` instead.

    Parameters
    ----------
    points : (m, d + 1) float32
    panels : (blocks, k, d + 1, WIDTH) float32
    maxima : (m, blocks, WIDTH) float32
    highest : (m, WIDTH) float32
        The largest scores of the lanes of all blocks so far.
    """
    rows = slice(p, p + GROUP)
    maxima[rows, b] = (points[rows] @ panels[b]).max(axis=0)
    highest[rows] = np.maximum(highest[rows], maxima[rows, b])


@overload(raise_lanes)
def _compiled(points, p, panels, b, maxima, highest):
    emitted: Any = _raise_lanes

    def call(points, p, panels, b, maxima, highest):
        return emitted(points, p, panels, b, maxima, highest)

    return call


@intrinsic
def _raise_lanes(typing, points, p, panels, b, maxima, highest):
    """Emit `raise_lanes`: for each panel, sums over its coordinates, then maxima; one vector for each sample."""
    vector = ir.VectorType(ir.FloatType(), WIDTH)
    lowest, zero = (ir.Constant(vector, [value] * WIDTH) for value in (-np.inf, 0.0))
    fused = ("contract",)  # products and sums may become one instruction

    def code(context, builder, signature, arguments):
        x, y, out, top = (context.make_array(signature.args[k])(context, builder, arguments[k]) for k in (0, 2, 4, 5))
        p, b, start = arguments[1], arguments[3], context.get_constant(types.intp, 0)
        rows = [builder.add(p, ir.Constant(p.type, r)) for r in range(GROUP)]

        def place(k, array, *index):
            return cgutils.get_item_pointer(context, builder, signature.args[k], array, index)

        def lanes(k, array, *index):
            return builder.bitcast(place(k, array, *index, start), vector.as_pointer())

        best = [cgutils.alloca_once(builder, vector) for _ in rows]
        sums = [cgutils.alloca_once(builder, vector) for _ in rows]
        for kept in best:
            builder.store(lowest, kept)
        _, depth, coordinates, _ = cgutils.unpack_tuple(builder, y.shape)
        with cgutils.for_range(builder, depth) as panel:
            for total in sums:
                builder.store(zero, total)
            with cgutils.for_range(builder, coordinates) as coordinate:
                site = builder.load(lanes(2, y, b, panel.index, coordinate.index), align=4)
                for row, total in zip(rows, sums, strict=True):
                    factor = _spread(builder, builder.load(place(0, x, row, coordinate.index)), vector)
                    product = builder.fmul(factor, site, flags=fused)
                    builder.store(builder.fadd(builder.load(total), product, flags=fused), total)
            for total, kept in zip(sums, best, strict=True):
                builder.store(_larger(builder, builder.load(total), builder.load(kept)), kept)
        for row, kept in zip(rows, best, strict=True):
            score, place_of_all = builder.load(kept), lanes(5, top, row)
            builder.store(score, lanes(4, out, row, b), align=4)
            builder.store(_larger(builder, score, builder.load(place_of_all, align=4)), place_of_all, align=4)
        return context.get_dummy_value()

    return types.none(points, p, panels, b, maxima, highest), code


def _larger(builder, one, other):
    """Emit the larger of two vectors, lane by lane."""
    return builder.select(builder.fcmp_ordered(">", one, other), one, other)


def _spread(builder, value, vector):
    """Emit a vector of one value."""
    index = ir.IntType(32)
    undefined = ir.Constant(vector, ir.Undefined)
    single = builder.insert_element(undefined, value, ir.Constant(index, 0))
    return builder.shuffle_vector(
        single, undefined, ir.Constant(ir.VectorType(index, vector.count), [0] * vector.count)
    )
