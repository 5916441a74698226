"""Samples of a source: Sobol points of the unit cube mapped to it, in blocks that can be drawn independently."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from meshot.base.arrays import Floats, Ints
from meshot.transport.sampled.sobol import BLOCK, SobolBlocks
from meshot.transport.sampled.sources import (
    CustomSource,
    SampledSource,
    StandardNormal,
    UniformBall,
    UniformBox,
    UniformPolygon,
)


@dataclass(frozen=True, eq=False)
class Batch:
    """A batch of samples of a source; drawing it again gives the same samples.

    Attributes
    ----------
    source : SampledSource
    seed : int
        Of the scramble of the Sobol sequence, or of the user's sampler.
    size : int
        Number of samples.
    device : torch.device
    """

    source: SampledSource
    seed: int
    size: int
    device: torch.device

    @property
    def blocks(self) -> int:
        """Number of blocks; the last one may be shorter than `BLOCK`."""
        return -(-self.size // BLOCK)

    @cached_property
    def _sequence(self) -> SobolBlocks:
        return SobolBlocks(uniforms_needed(self.source), self.seed, self.device)

    def prepare(self) -> None:
        """Build the table that all blocks share, before threads draw them."""
        if not isinstance(self.source, CustomSource):
            _ = self._sequence

    def draw(self, blocks: Ints) -> torch.Tensor:
        """Return the samples of some blocks, ascending, (m, d) float64."""
        count = len(blocks) * BLOCK
        if len(blocks) and blocks[-1] == self.blocks - 1:
            count -= self.blocks * BLOCK - self.size
        if isinstance(self.source, CustomSource):
            sizes = [min(BLOCK, self.size - k * BLOCK) for k in blocks.tolist()]
            parts = [self.source.draw(m, self.seed, k) for m, k in zip(sizes, blocks.tolist(), strict=True)]
            return torch.from_numpy(np.concatenate(parts)).to(self.device)
        return carry(self.source, self._sequence(blocks)[:count])


def random_points(source: SampledSource, count: int, rng: np.random.Generator) -> Floats:
    """Return independent samples of a source, (count, d), in contrast to the quasi-random ones of a `Batch`.

    Examples
    --------
    >>> random_points(StandardNormal(3), 2, np.random.default_rng(0)).shape
    (2, 3)
    """
    if isinstance(source, CustomSource):
        return source.draw(count, int(rng.integers(1 << 31)))
    # the open cube: the normal variate of 0 is infinite
    uniform = np.maximum(rng.random((count, uniforms_needed(source))), 2.0**-54)
    return np.asarray(carry(source, torch.from_numpy(uniform)).numpy())


def uniforms_needed(source: SampledSource) -> int:
    """Return the dimension of the unit cube that is mapped to a source."""
    d = source.dimension
    return d + 1 if isinstance(source, UniformBall) and d > 3 else d


def carry(source: SampledSource, u: torch.Tensor) -> torch.Tensor:
    """Map points of the open unit cube, (m, k), to samples of the source, (m, d).

    Examples
    --------
    >>> carry(UniformBox([0, 0], [2, 4]), torch.tensor([[0.5, 0.25]], dtype=torch.float64)).tolist()
    [[1.0, 1.0]]
    """
    if isinstance(source, UniformBox):
        return _tensor(source.lower, u) + u * _tensor(source.upper - source.lower, u)
    if isinstance(source, StandardNormal):
        return torch.special.ndtri(u)
    if isinstance(source, UniformBall):
        return _tensor(source.center, u) + source.radius * _unit_ball(source.dimension, u)
    assert isinstance(source, UniformPolygon)
    triangles, shares = (_tensor(values, u) for values in source.fan)
    which = (torch.searchsorted(shares, u[:, 0].contiguous(), right=True) - 1).clamp(0, len(triangles) - 1)
    # the position within the triangle's share of the first coordinate is uniform again
    within = (u[:, 0] - shares[which]) / (shares[which + 1] - shares[which])
    root, second = within.sqrt()[:, None], u[:, 1:]
    first, left, right = triangles[which].unbind(1)
    return first + root * ((1 - second) * (left - first) + second * (right - first))


def _unit_ball(d: int, u: torch.Tensor) -> torch.Tensor:
    """Uniform points of the unit ball: by angles up to three dimensions, by normal directions above."""
    if d == 1:
        return 2 * u - 1
    if d == 2:
        radius, angle = u[:, 0].sqrt(), 2 * np.pi * u[:, 1]
        return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)
    if d == 3:
        radius, z, angle = u[:, 0] ** (1 / 3), 1 - 2 * u[:, 1], 2 * np.pi * u[:, 2]
        ring = (1 - z * z).sqrt() * radius
        return torch.stack([ring * angle.cos(), ring * angle.sin(), radius * z], dim=1)
    direction = torch.special.ndtri(u[:, 1:])
    return direction * (u[:, :1] ** (1 / d) / direction.norm(dim=1, keepdim=True))


def _tensor(values: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64, device=like.device)
