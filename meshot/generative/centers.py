"""Mass centers of cells, estimated by sampling."""

import numpy as np

from meshot.meshes.mesh import Floats
from meshot.montecarlo.device import find_device
from meshot.montecarlo.ranks import Ranks
from meshot.montecarlo.solve import default_samples
from meshot.montecarlo.sources import SampledSource
from meshot.montecarlo.survey import SampledProblem, cell_moments, survey
from meshot.settings import Device


def estimate_centers(
    sites: Floats, heights: Floats, source: SampledSource, samples: int | None, seed: int, device: Device
) -> Floats:
    """Return the mass center of the cell of each site in the source, (n, d); NaN where no sample fell.

    Parameters
    ----------
    sites, heights : (n, d) float, (n,) float
    source : SampledSource
    samples : int or None
        At least 128 for each site by default.
    seed : int
    device : {"auto", "cpu", "cuda"}

    Examples
    --------
    >>> from meshot.montecarlo.sources import UniformBox
    >>> source = UniformBox([-1.0], [1.0])
    >>> estimate_centers(np.array([[-1.0], [1.0]]), np.zeros(2), source, 1 << 12, 0, "cpu").round(2).tolist()
    [[-0.5], [0.5]]
    """
    n, d = sites.shape
    problem = SampledProblem(sites, np.full(n, 1 / n), source, find_device(device))
    size = default_samples(n) if samples is None else samples
    found = survey(problem, heights, size, (seed,), Ranks(), neighbors=False, moments=True)
    return cell_moments(found, d).centroids
