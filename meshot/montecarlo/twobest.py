"""What a search for the best sites of samples gives."""

from typing import NamedTuple

import torch


class TwoBest(NamedTuple):
    """The two sites of largest score of each sample.

    Attributes
    ----------
    first, second : (m,) int64
        The second is that of the first where there is but one site.
    score : (m,) float64
        The largest score, the Brenier potential.
    gap : (m,) float64
        What the second's score is below.
    """

    first: torch.Tensor
    second: torch.Tensor
    score: torch.Tensor
    gap: torch.Tensor
