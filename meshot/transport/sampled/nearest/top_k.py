"""What a search for the best sites of samples gives."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from meshot.base.kernels import subkernel


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


@subkernel
def rank(i, score, row, sites, scores):
    """Put a site in its place among the best of a row, if it is one of them; of equal ones the earlier stays ahead."""
    k = scores.shape[1] - 1
    if not score > scores[row, k]:
        return
    while k > 0 and score > scores[row, k - 1]:
        sites[row, k], scores[row, k] = sites[row, k - 1], scores[row, k - 1]
        k -= 1
    sites[row, k], scores[row, k] = i, score
