"""A matrix product's innermost loop that keeps maxima: the scores never leave a processor's registers.

Written with LLVM's builder, as its vectorizer does not keep a block of sums in registers: the same loops in Python took
three times as long, and half of that with the machine's full vector width forced upon it.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

# Sites of a panel, two vectors of 512 bits: with the samples of a group enough sums to hide the latency of adding up.
WIDTH, GROUP = 32, 6


def raise_lanes(points, p, panels, b, maxima, highest):
    """Put the largest score of each lane of block `b` into `maxima`, of the `GROUP` samples from `p` on.

    Compiled code runs `_raise_lanes` in place of this.

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
    """Emit `raise_lanes`: for each panel sums over its coordinates, then maxima; of each sample a vector."""
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
