"""Local spacing and regularity of the sites of a target."""

from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from meshot.base.arrays import Floats

# Nearest sites in a local spacing: more of them smooth random samples, fewer follow steeper gradations.
NEIGHBORS = 12
# Quantile of the distances to the nearest site that measures regularity.
CLOSEST_SHARE = 0.1
# Radius, in spacings, of the largest ball without sites in a mesh or in blue noise, with a margin: it is 0.71 in
# lattices of the plane, 0.87 in space, about 1 in sites stretched by six.
REGULAR_HOLE = 1.2
# Independent sites exceed their threshold in one of so many targets. As holes are measured in the largest spacing
# nearby, which is 1.2 times the local one, it happens less often.
TARGETS_PER_FALSE_HOLE = 10


class Spacing(NamedTuple):
    """The spacing of sites.

    Attributes
    ----------
    lengths : (n,) float
        Side of the square or cube that a site occupies, averaged over its twelve nearest sites; infinite for one site.
    nearby : (n,) float
        The largest of `lengths` among all sites that have this one among their nearest, so that sparse sites beside
        dense ones do not count as dense.
    regularity : float
        0 for independent sites, 1 for sites that keep a distance as in a mesh or in blue noise.
    dimension : int
    """

    lengths: Floats
    nearby: Floats
    regularity: float
    dimension: int

    @property
    def hole(self) -> float:
        """The largest hole between sites, in spacings nearby, that their irregularity explains.

        A ball of radius r spacings contains none of independent sites with probability exp(-V r^d), V the volume of the
        unit ball: the hole is the r at which one in ten targets would have such a hole at a site. For regular sites it
        is 1.2; between the two it is the geometric mean weighted by `regularity`.
        """
        count = len(self.lengths)
        independent = (np.log(TARGETS_PER_FALSE_HOLE * max(count, 2)) / unit_ball(self.dimension)) ** (
            1 / self.dimension
        )
        return float(independent ** (1 - self.regularity) * REGULAR_HOLE**self.regularity)


def unit_ball(dimension: int) -> float:
    """Return the volume of the unit ball of the plane or of space.

    Examples
    --------
    >>> unit_ball(2) / np.pi, round(unit_ball(3) / np.pi, 12)
    (1.0, 1.333333333333)
    """
    return np.pi if dimension == 2 else 4 * np.pi / 3


def site_spacing(sites: Floats) -> Spacing:
    """Measure the local spacing of distinct sites.

    Parameters
    ----------
    sites : (n, 2) or (n, 3) float

    Returns
    -------
    Spacing

    Examples
    --------
    >>> lattice = np.stack(np.meshgrid(np.arange(20.0), np.arange(20.0)), axis=-1).reshape(-1, 2)
    >>> spacing = site_spacing(lattice)
    >>> float(np.median(spacing.lengths).round(2)), spacing.regularity, spacing.hole
    (1.02, 1.0, 1.2)
    """
    count, dimension = sites.shape
    near = min(NEIGHBORS, count - 1)
    if near < 1:
        return Spacing(np.full(count, np.inf), np.full(count, np.inf), 1.0, dimension)
    distances, nearest = map(np.asarray, cKDTree(sites).query(sites, k=near + 1))
    lengths = distances[:, -1] * (unit_ball(dimension) / near) ** (1 / dimension)
    closest = float(np.quantile(distances[:, 1] / lengths, CLOSEST_SHARE))
    of_independent = (-np.log(1 - CLOSEST_SHARE) / unit_ball(dimension)) ** (1 / dimension)
    nearby = lengths.copy()
    np.maximum.at(nearby, nearest, lengths[:, None])
    return Spacing(lengths, nearby, float(np.clip(closest / of_independent - 1, 0, 1)), dimension)
