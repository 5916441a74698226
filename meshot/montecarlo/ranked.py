"""What a search for the best sites of samples gives."""

from collections.abc import Sequence
from typing import NamedTuple

import torch


class Ranked(NamedTuple):
    """The sites of largest score of each sample, the best first.

    Attributes
    ----------
    sites : (m, r) int64
        Where there are fewer sites, the best again and again.
    score : (m,) float64
        The largest score, the Brenier potential.
    gaps : (m, r - 1) float64
        What the scores of the others are below that.
    """

    sites: torch.Tensor
    score: torch.Tensor
    gaps: torch.Tensor

    @property
    def first(self) -> torch.Tensor:
        """The best site of each sample, (m,)."""
        return self.sites[:, 0]


def joined(parts: Sequence[Ranked]) -> Ranked:
    """Return what was found for samples one behind the other."""
    return Ranked(*(torch.cat(values) for values in zip(*parts, strict=True)))


def ranked(sites: torch.Tensor, scores: torch.Tensor) -> Ranked:
    """Return sites (m, r) with their scores (m, r), which fall."""
    return Ranked(sites, scores[:, 0].clone(), scores[:, :1] - scores[:, 1:])
