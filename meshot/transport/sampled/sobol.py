"""Scrambled Sobol points in blocks that can be computed independently.

The n-th point of the sequence is, bit by bit, the exclusive or of the direction numbers V_j over the bits j of the Gray
code n ^ (n >> 1). That is linear in the bits of n: with W_j = V_j ^ V_(j-1) the n-th point is the exclusive or of W_j
over the bits of n itself. So the points of block k are those of the first block, each combined with one number: a
table and one operation a coordinate give them, on any device, in any order, on any rank.

References
----------
Joe, Kuo, "Constructing Sobol sequences with better two-dimensional projections", SISC 2008; Matousek, "On the
L2-discrepancy for anchored boxes", J. Complexity 1998 (the linear scrambling that torch's engine applies).
"""

import torch
from torch.quasirandom import SobolEngine

from meshot.base.arrays import Ints
from meshot.base.errors import OptionError

# Points of a block.
BLOCK_BITS = 13
BLOCK = 1 << BLOCK_BITS
# Bits of a coordinate in torch's engine.
_BITS = 30


class SobolBlocks:
    """One scramble of the Sobol sequence in the unit cube, in blocks of `BLOCK` points.

    Parameters
    ----------
    dimension : int
    seed : int
        Of the scramble.
    device : torch.device

    Raises
    ------
    OptionError
        The dimension is larger than torch's table of direction numbers.

    Examples
    --------
    >>> points = SobolBlocks(2, 0, torch.device("cpu"))([0])
    >>> tuple(points.shape), bool((points > 0).all() and (points < 1).all())
    ((8192, 2), True)
    """

    def __init__(self, dimension: int, seed: int, device: torch.device) -> None:
        if dimension > SobolEngine.MAXDIM:
            raise OptionError(f"Sobol points have at most {SobolEngine.MAXDIM} coordinates, {dimension} are needed")
        engine = SobolEngine(dimension, scramble=True, seed=seed)
        directions = engine.sobolstate
        linear = directions.clone()
        linear[:, 1:] ^= directions[:, :-1]
        self._linear = linear
        table = engine.shift[:, None].clone()
        for bit in range(BLOCK_BITS):
            table = torch.cat([table, table ^ linear[:, bit : bit + 1]], dim=1)
        self._table = table.T.contiguous().to(device)

    def __call__(self, blocks: Ints | list[int]) -> torch.Tensor:
        """Return the points of some blocks, (len(blocks) * BLOCK, dimension) float64, inside the open unit cube."""
        numbers = torch.as_tensor(blocks, dtype=torch.int64)
        high = torch.zeros(len(numbers), len(self._linear), dtype=torch.int64)
        for bit in range(BLOCK_BITS, _BITS):
            chosen = (numbers >> (bit - BLOCK_BITS)) & 1
            high ^= chosen[:, None] * self._linear[:, bit]
        bits = self._table ^ high.to(self._table.device)[:, None, :]
        return ((bits.to(torch.float64) + 0.5) * 2.0**-_BITS).flatten(0, 1)
