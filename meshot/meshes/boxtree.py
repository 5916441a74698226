"""A tree of bounding boxes.

What it holds is put in the Morton order of the ranks of the middles, which spreads them evenly however they cluster;
neighbors in that order share a box, neighboring boxes the next larger one.
"""

import numpy as np

from meshot.meshes.mesh import Floats, Ints

# Things in one box of the lowest level.
LEAF = 4
# Nodes that a search may have to come back to.
STACK = 64
# Steps that put one zero, or two, between each bit of a number and the next: shift to the left, keep the mask's bits.
SPREAD = {
    2: (
        (16, 0x0000FFFF0000FFFF),
        (8, 0x00FF00FF00FF00FF),
        (4, 0x0F0F0F0F0F0F0F0F),
        (2, 0x3333333333333333),
        (1, 0x5555555555555555),
    ),
    3: (
        (32, 0x001F00000000FFFF),
        (16, 0x001F0000FF0000FF),
        (8, 0x100F00F00F00F00F),
        (4, 0x10C30C30C30C30C3),
        (2, 0x1249249249249249),
    ),
}


def morton_order(middles: Floats) -> Ints:
    """Return the order of points, (n, 2 or 3), along a Z-shaped curve through their ranks."""
    code, axes = np.zeros(len(middles), dtype=np.int64), middles.shape[1]
    spare = max(0, len(middles).bit_length() - 63 // axes)
    for axis in range(axes):
        rank = np.empty(len(middles), dtype=np.int64)
        rank[np.argsort(middles[:, axis], kind="stable")] = np.arange(len(middles)) >> spare
        for shift, mask in SPREAD[axes]:
            rank = (rank | rank << shift) & mask
        code |= rank << axis
    return np.argsort(code, kind="stable")


def box_tree(low: Floats, high: Floats) -> tuple[Floats, int]:
    """Return boxes, (nodes, 2 d), of a complete binary tree and its first leaf; k has the children 2 k + 1, 2 k + 2."""
    leaves, axes = -(-len(low) // LEAF), low.shape[1]
    width = 1 << max(0, (leaves - 1).bit_length())
    level = np.empty((width, 2 * axes))
    level[:, :axes], level[:, axes:] = np.inf, -np.inf
    starts = np.arange(0, len(low), LEAF)
    level[:leaves, :axes], level[:leaves, axes:] = np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)
    levels = [level]
    while len(level) > 1:
        lower = np.minimum(level[::2, :axes], level[1::2, :axes])
        level = np.concatenate([lower, np.maximum(level[::2, axes:], level[1::2, axes:])], axis=1)
        levels.append(level)
    return np.concatenate(levels[::-1]), width - 1
