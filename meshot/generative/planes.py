"""The best supporting planes of points: largest <x, y_i> + h_i, by chunks of matrix products."""

import numpy as np
import torch

from meshot.meshes.mesh import Floats, Ints

# Scores held at once.
SCORES = {"cpu": 1 << 22, "cuda": 1 << 27}


class BestPlanes:
    """Finds the `count` largest of the values <x, y_i> + h_i.

    Parameters
    ----------
    sites : (n, d) float
    heights : (n,) float
    count : int
        At most n.
    device : torch.device

    Examples
    --------
    >>> planes = BestPlanes(np.array([[-1.0], [0.0], [1.0]]), np.zeros(3), 2, torch.device("cpu"))
    >>> planes(np.array([[0.5], [-0.5]])).tolist()
    [[2, 1], [0, 1]]
    """

    def __init__(self, sites: Floats, heights: Floats, count: int, device: torch.device) -> None:
        self._sites = torch.tensor(sites, device=device)
        self._heights = torch.tensor(heights, device=device)
        self._count = count
        self._rows = max(1, SCORES[device.type] // len(sites))

    def __call__(self, points: Floats) -> Ints:
        """Return the planes of points (m, d), (m, count), the best first."""
        found = np.empty((len(points), self._count), dtype=np.int64)
        for start in range(0, len(points), self._rows):
            part = torch.from_numpy(points[start : start + self._rows]).to(self._sites.device)
            scores = torch.addmm(self._heights, part, self._sites.T)
            found[start : start + self._rows] = torch.topk(scores, self._count, dim=1).indices.cpu().numpy()
        return found
