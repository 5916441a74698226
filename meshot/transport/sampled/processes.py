"""Several processes: each draws a part of the samples, and sums are reduced over all of them.

If `torch.distributed` has been initialized, block k of a batch belongs to the rank k mod world size.
"""

from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed

from meshot.base.arrays import Ints

Value = TypeVar("Value")


class ProcessGroup:
    """The default group of `torch.distributed`, or this process alone if it is not initialized.

    Examples
    --------
    >>> ProcessGroup().own_blocks(3).tolist()
    [0, 1, 2]
    """

    def __init__(self) -> None:
        several = distributed.is_available() and distributed.is_initialized()
        self.rank = distributed.get_rank() if several else 0
        self.count = distributed.get_world_size() if several else 1

    def own_blocks(self, blocks: int) -> Ints:
        """Return the blocks of a batch that belong to this process."""
        return np.arange(self.rank, blocks, self.count)

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sum over all processes (all-reduce)."""
        if self.count > 1:
            distributed.all_reduce(values)
        return values

    def concatenate(self, *arrays: NDArray[Any]) -> tuple[Any, ...]:
        """Return the concatenated arrays of all processes, in the order of their ranks (all-gather)."""
        if self.count == 1:
            return arrays
        gathered: list[Any] = [None] * self.count
        distributed.all_gather_object(gathered, arrays)
        return tuple(np.concatenate(parts) for parts in zip(*gathered, strict=True))

    def broadcast(self, value: Value) -> Value:
        """Return the value of rank 0."""
        if self.count == 1:
            return value
        shared: list[Any] = [value]
        distributed.broadcast_object_list(shared)
        return cast(Value, shared[0])
