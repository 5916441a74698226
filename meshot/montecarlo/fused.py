"""The three best tiles of each sample on a CUDA device, in one pass of a Triton kernel that stores no scores.

A program holds a block of samples, runs over all sites tile by tile with products on the tensor cores (three TF32
products for each in single precision), and keeps of each sample the three largest tile maxima. A maximum is one
instruction a pair, an argmax would be three. What lies within the tiles is compared by the caller: the three best sites
lie in them, of which the third tells whether the second is beyond doubt.
"""

from functools import cache
from importlib.metadata import version
from importlib.util import find_spec

import torch

_SAMPLES, _SITES = 128, 128


@cache
def fused_available() -> bool:
    """Whether there are a CUDA device and a Triton for it that knows products in three parts."""
    if find_spec("triton") is None or not torch.cuda.is_available():
        return False
    return int(version("triton").split(".")[0]) >= 3


def best_tiles_fused(points: torch.Tensor, sites: torch.Tensor, heights: torch.Tensor, tile: int) -> torch.Tensor:
    """Return the three tiles of largest score of each sample, (m, 3) int64.

    Parameters
    ----------
    points : (m, d) float32
    sites : (n, d) float32
        n is a multiple of `tile`, at least three of these.
    heights : (n,) float32
    tile : int
        Sites in a tile.
    """
    import triton  # noqa: PLC0415

    from meshot.montecarlo.fusedkernel import best_tiles  # noqa: PLC0415

    m, d = points.shape
    width = max(16, triton.next_power_of_2(d))  # the least that a tensor core multiplies
    chunk = min(width, 64)
    found = torch.zeros(m, 3, dtype=torch.int64, device=points.device)
    best_tiles[(triton.cdiv(m, _SAMPLES),)](
        *(points.contiguous(), sites.contiguous(), heights, found, m, len(sites), d),
        SAMPLES=_SAMPLES, SITES=_SITES, TILE=tile, CHUNK=chunk, PARTS=-(-d // chunk),
        num_warps=8, num_stages=2,
    )  # fmt: skip
    return found
