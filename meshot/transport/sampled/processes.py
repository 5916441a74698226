"""Several processes at one problem: each draws its part of the samples, and the sums are the same for all.

One process needs none of this. Where `torch.distributed` has been initialized by whoever started the processes, block k
of a batch belongs to the rank k mod world size.
"""

from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed

from meshot.base.arrays import Ints

Thing = TypeVar("Thing")


class Ranks:
    """The processes at work; just this one, unless `torch.distributed` is initialized.

    Examples
    --------
    >>> Ranks().own(3).tolist()
    [0, 1, 2]
    """

    def __init__(self) -> None:
        several = distributed.is_available() and distributed.is_initialized()
        self.rank = distributed.get_rank() if several else 0
        self.count = distributed.get_world_size() if several else 1

    def own(self, blocks: int) -> Ints:
        """Return the blocks of a batch that are this rank's."""
        return np.arange(self.rank, blocks, self.count)

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sum over all ranks; on one, the values themselves."""
        if self.count > 1:
            distributed.all_reduce(values)
        return values

    def concatenate(self, *arrays: NDArray[Any]) -> tuple[Any, ...]:
        """Return the arrays of all ranks, one behind the other, in the ranks' order."""
        if self.count == 1:
            return arrays
        gathered: list[Any] = [None] * self.count
        distributed.all_gather_object(gathered, arrays)
        return tuple(np.concatenate(parts) for parts in zip(*gathered, strict=True))

    def same(self, thing: Thing) -> Thing:
        """Return what rank 0 has."""
        if self.count == 1:
            return thing
        shared: list[Any] = [thing]
        distributed.broadcast_object_list(shared)
        return cast(Thing, shared[0])
