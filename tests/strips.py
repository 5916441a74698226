"""Ten sites on a line, whose cells in a box are strips: sampled transport with masses known in closed form."""

import numpy as np
import pytest
import torch

from meshot.transport.sampled.estimates import LevelProblem, estimate_cells
from meshot.transport.sampled.processes import ProcessGroup
from meshot.transport.sampled.sources import UniformBox

CPU = torch.device("cpu")


def needs_cuda(test):
    """Mark a test that runs on a CUDA device."""
    there = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")
    return pytest.mark.cuda(there(test))


def strips(change, shares=None):
    """Cells of equal width at heights -y^2 / 2, which `change` changes; returns problem, heights and a survey."""
    sites = np.column_stack([(np.arange(10) + 0.5) / 10, np.zeros(10)])
    shares = np.full(10, 0.1) if shares is None else shares
    problem = LevelProblem(sites, shares, UniformBox([0, -0.5], [1, 0.5]), CPU)
    heights = -0.5 * (sites**2).sum(axis=1)
    change(heights)
    return problem, heights, look(problem, heights, 1)


def look(problem, heights, seed):
    """Survey the cells."""
    return estimate_cells(problem, heights, 1 << 15, (seed,), ProcessGroup())
