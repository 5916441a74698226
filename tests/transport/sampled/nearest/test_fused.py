import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

# Triton's interpreter takes the place of the compiler only if it is asked for before Triton is loaded.
INTERPRETED = """
import numpy as np
import torch
from meshot.transport.sampled.nearest.brute_force import TILE, BruteForce
from meshot.transport.sampled.nearest.brute_force import best_tiles_fused

rng = np.random.default_rng(0)
for m, n, d in ((150, 160, 4), (40, 300, 70)):
    sites, heights = rng.normal(size=(n, d)), rng.normal(size=n)
    points = torch.from_numpy(rng.normal(size=(m, d)))
    search = BruteForce(sites, heights, np.zeros(d), torch.device("cpu"), whole=True)
    expected = search(points)
    local = points.to(torch.float32)
    scores = (local @ search._local.T + search._shifted).view(m, -1, TILE).amax(dim=2)
    tiles = best_tiles_fused(local, search._local, search._shifted, TILE)
    assert torch.equal(tiles, scores.topk(3, dim=1)[1])
    search._fused = True
    found = search(points)
    assert torch.equal(found.sites, expected.sites) and torch.equal(found.gaps, expected.gaps)

# three sites in three tiles that single precision cannot tell apart
sites, heights = np.tile(rng.normal(size=(TILE, 5)), (5, 1)), np.repeat([0.0, 1e-10, 3e-10, 2e-10, 0.0], TILE)
search = BruteForce(sites, heights, np.zeros(5), torch.device("cpu"), whole=True)
search._fused = True
found = search(torch.from_numpy(rng.normal(size=(30, 5))))
assert (found.sites // TILE == torch.tensor([2, 3])).all()
"""


@pytest.mark.skipif(find_spec("triton") is None, reason="Triton, whose interpreter runs the kernel, is not installed")
def test_the_fused_kernel_finds_the_best_tiles():
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    subprocess.run([sys.executable, "-c", INTERPRETED], check=True, env=environment, timeout=240)
