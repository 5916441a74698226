"""The cell of each sample, argmax_i <x, y_i> + h_i, by brute force: chunks of matrix products, never all at once.

A product of a chunk of samples with a chunk of sites is reduced at once to the largest score of each `TILE` sites; the
maximum of values alone runs at the machine's full vector width, which an argmax does not. Only the best tiles of a
sample are then looked at site by site. All of this is in single precision, about the sites' and samples' centers; where
the best scores are closer than its rounding can tell apart, all sites are compared again in double precision. So
the answer is that of double precision, whatever the device, the chunks and the number of threads.
"""

import numpy as np
import torch

from meshot.meshes.mesh import Floats
from meshot.montecarlo.device import with_smaller_chunks
from meshot.montecarlo.fused import best_tiles_fused, fused_available
from meshot.montecarlo.ranked import Ranked, joined, ranked

TILE = 32
# Scores held at once: on a processor they should stay in its cache.
SCORES = {"cpu": 1 << 20, "cuda": 1 << 28}
# Unit roundoff of single precision, and how much more a product in three parts may lose on a tensor core.
ROUNDOFF, SLACK = 2.0**-24, 4.0
_NEVER = -1e30
# The third-best is looked at to know whether the second-best is beyond doubt.
RANKS = 3


class BruteForce:
    """Compares every sample with every site.

    Parameters
    ----------
    sites : (n, d) float
    heights : (n,) float
    center : (d,) float
        About the middle of the samples, for the sake of precision.
    device : torch.device

    Examples
    --------
    >>> search = BruteForce(np.array([[-1.0], [1.0]]), np.array([0.0, 0.5]), np.zeros(1), torch.device("cpu"))
    >>> search(torch.tensor([[-0.3], [-0.2]], dtype=torch.float64)).first.tolist()
    [0, 1]
    """

    def __init__(self, sites: Floats, heights: Floats, center: Floats, device: torch.device) -> None:
        self.device, self.count = device, len(sites)
        self.sites = torch.tensor(sites, dtype=torch.float64, device=device)
        self.heights = torch.tensor(heights, dtype=torch.float64, device=device)
        self._center = torch.tensor(center, dtype=torch.float64, device=device)
        local = self.sites - self.sites.mean(dim=0)
        shifted = self.heights + local @ self._center
        self._middle = shifted.mean()
        shifted = shifted - self._middle
        self._reach = (float(local.norm(dim=1).max()), float(shifted.abs().max()))
        padded = -(-self.count // TILE) * TILE
        self._local = torch.zeros(padded, local.shape[1], dtype=torch.float32, device=device)
        self._local[: self.count] = local
        self._shifted = torch.full((padded,), _NEVER, dtype=torch.float32, device=device)
        self._shifted[: self.count] = shifted
        self._rows = max(64, min(4096, SCORES[device.type] // padded))
        self._fused = device.type == "cuda" and self.count > 4 * TILE and fused_available()

    def __call__(self, points: torch.Tensor) -> Ranked:
        """Return the two best sites of samples (m, d) float64 on the device."""
        if not len(points):  # a rank may have none
            none = torch.empty(0, 2, dtype=torch.int64, device=self.device)
            return ranked(none, none.double())
        parts, self._rows = with_smaller_chunks(
            lambda rows: [self._two_best(points[k : k + rows]) for k in range(0, max(1, len(points)), rows)],
            self._rows,
            64,
        )
        return joined(parts)

    def _two_best(self, points: torch.Tensor) -> Ranked:
        local = points - self._center
        single = local.to(torch.float32)
        first, second, gap = self._in_single(single)
        # the rounding of scores of this size, of the products and of what went into them
        size = local.norm(dim=1) * self._reach[0] + self._reach[1]
        close = (gap <= SLACK * (points.shape[1] + 2) * ROUNDOFF * size).nonzero()[:, 0]
        if self.count > 1 and len(close):
            first[close], second[close] = self._in_double(points[close])
        sites = torch.stack([first, second], dim=1)
        return ranked(sites, torch.einsum("md,mkd->mk", points, self.sites[sites]) + self.heights[sites])

    def _in_single(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the best and the second-best site, and the least gap of the best scores."""
        if self._fused:
            tiles = best_tiles_fused(points, self._local, self._shifted, TILE)
            return self._best_in_tiles(points, tiles)
        step = max(TILE, SCORES[self.device.type] // len(points) // TILE * TILE)
        found: tuple[torch.Tensor, torch.Tensor] | None = None
        for start in range(0, len(self._local), step):
            values, sites = self._best_in_chunk(points, start, start + step)
            if found is not None:  # stable: of equal scores the earlier site stays ahead
                values, sites = torch.cat([found[0], values], dim=1), torch.cat([found[1], sites], dim=1)
                values, order = values.sort(dim=1, descending=True, stable=True)
                sites = sites.gather(1, order)
            found = values[:, :RANKS], sites[:, :RANKS]
        assert found is not None
        return _ranked(*found)

    def _best_in_chunk(self, points: torch.Tensor, start: int, stop: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the largest scores among the sites from `start` to `stop`, and these sites, (m, 3) each."""
        scores = torch.addmm(self._shifted[start:stop], points, self._local[start:stop].T)
        tiled = scores.view(len(points), -1, TILE)
        largest = tiled.amax(dim=2)
        tiles = _largest(largest)[1]
        inside = tiled.gather(1, tiles[:, :, None].expand(-1, -1, TILE)).flatten(1)
        values, order = _largest(inside)
        sites = start + tiles.gather(1, order // TILE) * TILE + order % TILE
        return values, sites.clamp_(max=self.count - 1)

    def _best_in_tiles(
        self, points: torch.Tensor, tiles: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Look at the best tiles of each sample, (m, 3), site by site."""
        sites = (tiles[:, :, None] * TILE + torch.arange(TILE, device=self.device)).flatten(1)
        scores = torch.einsum("md,mkd->mk", points, self._local[sites]) + self._shifted[sites]
        values, order = _largest(scores)
        return _ranked(values, sites.gather(1, order).clamp_(max=self.count - 1))

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


def _largest(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the `RANKS` largest values of each row, or as many as there are, and their places."""
    return torch.topk(values, min(RANKS, values.shape[1]), dim=1)


def _ranked(values: torch.Tensor, sites: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the best and the second-best site, and how near to each other two neighbors of the ranking come."""
    gaps = (values[:, :-1] - values[:, 1:]).amin(dim=1)
    return sites[:, 0].clone(), sites[:, 1].clone(), gaps.to(torch.float64)
