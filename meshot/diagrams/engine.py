"""What all engines of power diagrams share: the edges of cells, in space their facets, as compressed rows."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints


class CellEdges(NamedTuple):
    """The edges of all cells, cell after cell in Hilbert order of their sites; those on a circle or sphere are none.

    In space they are facets, and their lengths areas.

    Attributes
    ----------
    order : (n,) int
        The sites in Hilbert order.
    starts : (n + 1,) int
        The edges of the site ``order[k]`` stand from ``starts[k]`` to ``starts[k + 1]``.
    beyond : (e,) int
        Place in `order` of the site on the other side, or -1 - k for the domain's side k.
    lengths : (e,) float
        Length in the domain, 0 if the edge is outside or shrunk to a point.
    ends : (e, 4) float or None
        Both end points, relative to the domain's center, the cell on the left; None if they were not asked for.
    integrals : (e,) float or None
        Integral of the source's density along it; None if there is no density.
    """

    order: Ints
    starts: Ints
    beyond: NDArray[np.signedinteger]
    lengths: Floats
    ends: Floats | None
    integrals: Floats | None = None

    @property
    def masses(self) -> Floats:
        """Integral of the density along each edge, (e,); its length if there is no density."""
        return self.lengths if self.integrals is None else self.integrals

    @property
    def neighbors(self) -> tuple[Ints, Ints]:
        """Neighbors of each site, (n + 1,) starts and (e,) places in `order`."""
        inner = self.beyond >= 0
        count = np.concatenate([[0], np.cumsum(inner)])
        return count[self.starts], self.beyond[inner]

    @property
    def owner(self) -> Ints:
        """Site to whose cell each edge belongs, (e,)."""
        return np.repeat(self.order, np.diff(self.starts))

    @property
    def other(self) -> Ints:
        """Site on the other side of each edge, (e,), -1 for the domain's boundary."""
        return np.where(self.beyond >= 0, self.order[np.maximum(self.beyond, 0)], -1)
