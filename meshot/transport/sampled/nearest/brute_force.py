"""The cell of each sample, argmax_i <x, y_i> + h_i, by brute force in chunks.

On a CPU the module `micro_kernel` computes it. On a CUDA device the product of a chunk of samples with a chunk of sites
(the heights are one more coordinate) is reduced to the largest score of each tile of `TILE` sites. A tile is every k-th
site of the chunk, so that the maximum is vectorized, unlike that of consecutive values or an argmax. Only the best
tiles of a sample are then searched site by site; if Triton is installed, a fused kernel computes them. All of this is
in single precision, relative to the centers of sites and samples; where the best scores are closer than rounding
errors, all sites are compared again in double precision. So the result is that of double precision, for any device,
chunks and number of threads.
"""

from functools import cache
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np
import torch

from meshot.base.arrays import Floats
from meshot.transport.sampled.device import with_smaller_chunks
from meshot.transport.sampled.nearest.micro_kernel import pack_panels, two_best
from meshot.transport.sampled.nearest.top_k import TopK, as_top_k, concatenated

TILE = 32
# Scores in memory at once, and samples of a chunk.
MAX_SCORES_HELD, CHUNK_SAMPLES = 1 << 28, 4096
# Unit roundoff of single precision, and the factor by which products in three parts on a tensor core exceed it.
ROUNDOFF, TENSOR_CORE_FACTOR = 2.0**-24, 4.0
# Height of padding, which is never best.
_PADDING = -1e30
# Candidates: the third-best shows whether the second-best is certain.
CANDIDATES = 3


class BruteForce:
    """Compares every sample with every site.

    Parameters
    ----------
    sites : (n, d) float
    heights : (n,) float
    center : (d,) float
        Center of the samples, about which rounding errors are small.
    device : torch.device
    whole : bool, optional
        Compute with tensor operations; by default on a CUDA device only.

    Examples
    --------
    >>> search = BruteForce(np.array([[-1.0], [1.0]]), np.array([0.0, 0.5]), np.zeros(1), torch.device("cpu"))
    >>> search(torch.tensor([[-0.3], [-0.2]], dtype=torch.float64)).first.tolist()
    [0, 1]
    """

    def __init__(
        self, sites: Floats, heights: Floats, center: Floats, device: torch.device, whole: bool | None = None
    ) -> None:
        self.device, self.count = device, len(sites)
        self.sites = torch.tensor(sites, dtype=torch.float64, device=device)
        self.heights = torch.tensor(heights, dtype=torch.float64, device=device)
        self._center = torch.tensor(center, dtype=torch.float64, device=device)
        local = self.sites - self.sites.mean(dim=0)
        shifted = self.heights + local @ self._center
        self._middle = shifted.mean()
        shifted = shifted - self._middle
        # rounding errors of two scores of this size: of products, sums and inputs
        unit = TENSOR_CORE_FACTOR * (local.shape[1] + 2) * ROUNDOFF
        self._slack = (unit * float(local.norm(dim=1).max()), unit * float(shifted.abs().max()))
        self._whole = device.type == "cuda" if whole is None else whole
        if not self._whole:
            self._panels = pack_panels(local, shifted)
            return
        padded = -(-self.count // TILE) * TILE
        self._local = torch.zeros(padded, local.shape[1], dtype=torch.float32, device=device)
        self._local[: self.count] = local
        self._shifted = torch.full((padded,), _PADDING, dtype=torch.float32, device=device)
        self._shifted[: self.count] = shifted
        self._raised = torch.cat([self._local, self._shifted[:, None]], dim=1).T
        self._rows = CHUNK_SAMPLES
        self._scores = torch.empty(0, dtype=torch.float32, device=device)
        self._fused = device.type == "cuda" and self.count > 4 * TILE and fused_available()

    def __call__(self, points: torch.Tensor) -> TopK:
        """Return the two best sites of samples (m, d) float64 on the device."""
        if not len(points):  # a process may have none
            none = torch.empty(0, 2, dtype=torch.int64, device=self.device)
            return as_top_k(none, none.double())
        if not self._whole:
            return as_top_k(*two_best(points, self._center, self._panels, self._slack, self.sites, self.heights))
        parts, self._rows = with_smaller_chunks(
            lambda rows: [self._two_best(points[k : k + rows]) for k in range(0, len(points), rows)],
            self._rows,
            64,
        )
        return concatenated(parts)

    def _two_best(self, points: torch.Tensor) -> TopK:
        local = points - self._center
        single = local.to(torch.float32)
        first, second, gap = self._in_single(single)
        close = (gap <= local.norm(dim=1) * self._slack[0] + self._slack[1]).nonzero()[:, 0]
        if self.count > 1 and len(close):
            first[close], second[close] = self._in_double(points[close])
        sites = torch.stack([first, second], dim=1)
        return as_top_k(sites, torch.einsum("md,mkd->mk", points, self.sites[sites]) + self.heights[sites])

    def _in_single(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the best and the second-best site, and the smallest gap between the best scores."""
        if self._fused:
            tiles = best_tiles_fused(points, self._local, self._shifted, TILE)
            return self._best_in_tiles(points, tiles)
        points = torch.cat([points, torch.ones_like(points[:, :1])], dim=1)
        step = max(TILE, min(MAX_SCORES_HELD // len(points) // TILE * TILE, len(self._local)))
        if len(self._scores) < len(points) * step:  # reused: allocation takes as long as the products
            self._scores = self._scores.new_empty(len(points) * step)
        values = torch.full((len(points), CANDIDATES), -torch.inf, device=self.device)
        sites = torch.zeros(len(points), CANDIDATES, dtype=torch.int64, device=self.device)
        for start in range(0, len(self._local), step):
            chunk = self._raised[:, start : start + step]
            size = (len(points), chunk.shape[1])
            scores = torch.mm(points, chunk, out=self._scores[: size[0] * size[1]].view(size))
            tiled = scores.view(len(points), TILE, -1)
            values, sites = _merge_best(tiled, tiled.amax(dim=1), start, values, sites)
        return _two_best_sites(values, sites.clamp_(max=self.count - 1))

    def _best_in_tiles(
        self, points: torch.Tensor, tiles: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Search the best tiles of each sample, (m, 3), site by site."""
        sites = (tiles[:, :, None] * TILE + torch.arange(TILE, device=self.device)).flatten(1)
        scores = torch.einsum("md,mkd->mk", points, self._local[sites]) + self._shifted[sites]
        values, order = _largest(scores)
        return _two_best_sites(values, sites.gather(1, order).clamp_(max=self.count - 1))

    def _in_double(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rows = max(1, (1 << 22) // self.count)
        first, second = [], []
        for k in range(0, len(points), rows):
            scores = torch.addmm(self.heights, points[k : k + rows], self.sites.T)
            best = scores.argmax(dim=1)
            first.append(best)
            scores.scatter_(1, best[:, None], -np.inf)
            second.append(scores.argmax(dim=1))
        return torch.cat(first), torch.cat(second)


def _merge_best(
    tiled: torch.Tensor, largest: torch.Tensor, start: int, values: torch.Tensor, sites: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Merge the best of the scores (m, TILE, k) of a chunk, whose first site is `start`, into the candidates."""
    tiles = _largest(largest)[1]
    inside = tiled.gather(2, tiles[:, None, :].expand(-1, TILE, -1)).flatten(1)
    best, place = _largest(inside)
    count = tiles.shape[1]
    best_sites = start + place // count * tiled.shape[2] + tiles.gather(1, place % count)
    # stable: of equal scores the earlier site stays ahead
    merged, order = torch.cat([values, best], dim=1).sort(dim=1, descending=True, stable=True)
    return merged[:, :CANDIDATES], torch.cat([sites, best_sites], dim=1).gather(1, order)[:, :CANDIDATES]


def _largest(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the `CANDIDATES` largest values of each row, or as many as there are, and their places."""
    return torch.topk(values, min(CANDIDATES, values.shape[1]), dim=1)


def _two_best_sites(values: torch.Tensor, sites: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the best and the second-best site, and the smallest gap between successive candidates."""
    gaps = (values[:, :-1] - values[:, 1:]).amin(dim=1)
    return sites[:, 0].clone(), sites[:, 1].clone(), gaps.to(torch.float64)


_SAMPLES, _SITES = 128, 128


@cache
def fused_available() -> bool:
    """Return whether there is a CUDA device, and a version of Triton with products in three parts (tf32x3)."""
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

    Returns
    -------
    (m, 3) int64
    """
    import triton  # noqa: PLC0415

    from meshot.transport.sampled.nearest.triton_kernel import best_tiles  # noqa: PLC0415

    m, d = points.shape
    width = max(16, triton.next_power_of_2(d))  # the least that a tensor core multiplies
    chunk = min(width, 64)
    tiles = torch.zeros(m, 3, dtype=torch.int64, device=points.device)
    best_tiles[(triton.cdiv(m, _SAMPLES),)](
        *(points.contiguous(), sites.contiguous(), heights, tiles, m, len(sites), d),
        SAMPLES=_SAMPLES, SITES=_SITES, TILE=tile, CHUNK=chunk, PARTS=-(-d // chunk),
        num_warps=8, num_stages=2,
    )  # fmt: skip
    return tiles
