"""Transport problems: the prescribed masses, and how heights become weights, for each kind of cell.

Each implements `Problem` for Newton's method.
"""

from dataclasses import dataclass, replace

import numpy as np

from meshot.base.arrays import Floats
from meshot.diagrams.power_cells import Domain, PowerCells, SiteEngine, Source
from meshot.diagrams.sphere.cells import AREA
from meshot.diagrams.sphere.diagram import SphereEngine

# Sites farther from the domain than so many of its sizes, or larger or smaller by such a factor, are moved and scaled
# into it.
FAR_OFF, OTHER_SIZE = 10.0, 1e3


@dataclass(frozen=True, eq=False)
class TransportProblem:
    """A density on `domain`, scaled to the total mass, to be sent to `masses` (n,) at `sites` (n, 2 or 3).

    The density is that of `source`, uniform if there is none. Heights are those of the Brenier potential as a function
    of the position relative to the domain's center c, ``u(c + x) = max_i (<x, y_i> + h_i)``, so that no digits are lost
    if the domain is far from the origin.
    """

    sites: Floats
    masses: Floats
    domain: Domain
    source: Source | None = None

    @property
    def density(self) -> float:
        """The factor that scales the density, from the masses in a diagram to those of the transport."""
        return float(self.masses.sum() / (self.domain.measure if self.source is None else self.source.mass))

    @property
    def dimension(self) -> int:
        """Number of coordinates of the sites."""
        return self.domain.dimension

    def engine(self) -> SiteEngine[PowerCells]:
        """Return the engine for diagrams of the sites."""
        return self.domain.engine(self.sites, self.source)

    def power_weights(self, heights: Floats) -> Floats:
        """Return psi_i = 2 h_i + |y_i - c|^2."""
        return np.asarray(2 * heights + ((self.sites - self.domain.center) ** 2).sum(axis=1))

    def heights(self, weights: Floats) -> Floats:
        """Return the heights of power weights, the inverse of `power_weights`."""
        return np.asarray((weights - ((self.sites - self.domain.center) ** 2).sum(axis=1)) / 2)

    def first_heights(self) -> Floats:
        """Return heights for which every cell has area.

        Sites in the domain get their Voronoi cells: h_i = -|y_i|^2 / 2. Other sites are first moved and scaled into it,
        y' = s y + t (see `moved_in`); since <x, y'> = s <x, y> + <x, t>, the cells of (y', h') are those of (y, h'/s).
        """
        if self.domain.contains(self.sites).all():
            return self.heights(np.zeros(len(self.sites)))
        moved, scale = self.moved_in()
        return moved.heights(np.zeros(len(moved.sites))) / scale

    @property
    def far_off(self) -> bool:
        """Whether sites are so far from the domain, or of so different a size, that weights would lose their digits."""
        middle, reach = self._middle_and_reach()
        size = float(self.domain.measure ** (1 / self.domain.dimension))
        away = float(np.linalg.norm(middle - self.domain.center))
        return away > FAR_OFF * (size + reach) or not size / OTHER_SIZE <= reach <= size * OTHER_SIZE

    def moved_in(self) -> tuple["TransportProblem", float]:
        """Return the problem with the sites moved and scaled into the domain, and the scale.

        Examples
        --------
        >>> from meshot.diagrams.domains import Disk
        >>> problem = TransportProblem(np.array([[1e9, 3.0], [3e9, 3.0]]), np.ones(2), Disk())
        >>> problem.moved_in()[0].sites
        array([[-0.99,  0.  ],
               [ 0.99,  0.  ]])
        """
        middle, reach = self._middle_and_reach()
        scale = 0.99 * self.domain.inner_radius / reach if reach > 0 else 1.0
        return replace(self, sites=scale * (self.sites - middle) + self.domain.center), scale

    def _middle_and_reach(self) -> tuple[Floats, float]:
        """Return the middle of the box around the sites, (d,), and how far they lie from it."""
        middle = self.sites.min(axis=0) / 2 + self.sites.max(axis=0) / 2
        return middle, float(np.linalg.norm(self.sites - middle, axis=1).max())


@dataclass(frozen=True, eq=False)
class SphereProblem:
    """Uniform density on the unit sphere, scaled to the total mass, to be sent to `masses` (n,) at `sites` (n, 3)."""

    sites: Floats
    masses: Floats
    dimension: int = 3

    @property
    def density(self) -> float:
        """Mass per area of the source."""
        return float(self.masses.sum() / AREA)

    def engine(self) -> SphereEngine:
        """Return the engine for diagrams of the sites."""
        return SphereEngine(self.sites)

    def power_weights(self, heights: Floats) -> Floats:
        """Return the heights: the diagram takes them as they are."""
        return heights

    def heights(self, weights: Floats) -> Floats:
        """Return the heights of a diagram's weights, which are the same."""
        return weights

    def first_heights(self) -> Floats:
        """Return the heights of the Voronoi cells."""
        return np.zeros(len(self.sites))


@dataclass(frozen=True, eq=False)
class SurfaceProblem:
    """Masses (n,) of the cells of sites on a surface, by its own density; heights are psi / 2."""

    masses: Floats
    density: float = 1.0
    dimension: int = 3

    def power_weights(self, heights: Floats) -> Floats:
        """Return psi = 2 h."""
        return 2 * heights

    def heights(self, weights: Floats) -> Floats:
        """Return h = psi / 2."""
        return weights / 2

    def first_heights(self) -> Floats:
        """Return the heights of the Voronoi cells."""
        return np.zeros(len(self.masses))
