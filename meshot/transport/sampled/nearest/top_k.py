"""The k sites of largest score of each sample."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from meshot.base.kernels import subkernel


class TopK(NamedTuple):
    """The k sites of largest score of each sample, the best first.

    Attributes
    ----------
    sites : (m, k) int64
        If there are fewer sites, the best one is repeated.
    score : (m,) float64
        The largest score, the Brenier potential.
    gaps : (m, k - 1) float64
        Differences of the others' scores to the largest.
    """

    sites: torch.Tensor
    score: torch.Tensor
    gaps: torch.Tensor

    @property
    def first(self) -> torch.Tensor:
        """The best site of each sample, (m,)."""
        return self.sites[:, 0]


def concatenated(parts: Sequence[TopK]) -> TopK:
    """Concatenate the results for parts of the samples."""
    return TopK(*(torch.cat(values) for values in zip(*parts, strict=True)))


def as_top_k(sites: torch.Tensor, scores: torch.Tensor) -> TopK:
    """Return the result of sites (m, k) with descending scores (m, k)."""
    return TopK(sites, scores[:, 0].clone(), scores[:, :1] - scores[:, 1:])


@subkernel
def insert_site(i, score, row, sites, scores):
    """Insert a site into the best ones of a row, if it is one of them; of equal ones the earlier stays ahead."""
    k = scores.shape[1] - 1
    if not score > scores[row, k]:
        return
    while k > 0 and score > scores[row, k - 1]:
        sites[row, k], scores[row, k] = sites[row, k - 1], scores[row, k - 1]
        k -= 1
    sites[row, k], scores[row, k] = i, score
