"""Protocols of cells, engines and problems for Newton's method, and what all engines share.

The kernels of plane, space, sphere and surface stay separate, with x, y, z written out. What cells of plane and space
share is in `power_cells`.
"""

from collections.abc import Callable
from threading import Event
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import ConvergenceError
from meshot.base.kernels import run_in_chunks
from meshot.diagrams.edges import inverse
from meshot.diagrams.site_tree import hilbert_order

# Outcomes of kernels that measure cells: all are done, arrays are too small, or a cell is too small.
DONE, NO_ROOM, TOO_SMALL = 0, 1, 2


class Diagram(Protocol):
    """Protocol of cells for Newton's method."""

    @property
    def weights(self) -> Floats:
        """The weights that the cells belong to, (n,)."""

    @property
    def masses(self) -> Floats:
        """Mass of each cell, (n,), before the source is scaled to the total prescribed mass."""

    @property
    def certificate(self) -> float:
        """Relative difference between the measure of all cells and the domain's."""

    def laplacian(self, scale: float, rows: int) -> tuple[Ints, csr_array]:
        """Return an order of the sites, and the first `rows` rows and columns of their Hessian in it, times `scale`."""


DiagramT_co = TypeVar("DiagramT_co", bound=Diagram, covariant=True)


class Engine(Protocol[DiagramT_co]):
    """Protocol: computes diagrams of the same sites for successive weights."""

    def diagram(self, weights: Floats) -> DiagramT_co:
        """Compute the diagram for `weights` (n,)."""

    def diagram_above(self, least: float, weights: Floats) -> DiagramT_co | None:
        """Compute the diagram, or give up, with None, once a cell's mass is below `least`."""


class Problem(Protocol):
    """Protocol of a problem for Newton's method: heights at which each cell has its prescribed mass."""

    @property
    def masses(self) -> Floats:
        """The prescribed masses, (n,)."""

    @property
    def density(self) -> float:
        """The factor that scales masses in a diagram to those of the transport."""

    @property
    def dimension(self) -> int:
        """Dimension of the sites' space; multigrid merges two to this power of consecutive sites."""

    def power_weights(self, heights: Floats) -> Floats:
        """Return the weights that belong to heights."""

    def heights(self, weights: Floats) -> Floats:
        """Return the heights of weights, the inverse of `power_weights`."""

    def first_heights(self) -> Floats:
        """Return heights to start from."""


def conductance_laplacian(diagram: Diagram, scale: float = 1.0) -> csr_array:
    """Return the Hessian of the transport energy, (n, n), the sites in their own order.

    It is symmetric, its rows sum to zero, and off the diagonal it is not positive.
    """
    order, matrix = diagram.laplacian(scale, len(diagram.weights))
    place = inverse(order)
    return csr_array(matrix[place][:, place])


class OrderedEngine(Generic[DiagramT_co]):
    """Sites in Hilbert order, whose diagrams are made for one set of weights after another.

    Attributes
    ----------
    sites : (n, d) float
        As they were given.
    order : (n,) int
        The sites in Hilbert order.
    local : (n, d) float
        The sites in that order, relative to the domain's center.
    """

    def __init__(self, sites: Floats, local: Floats, curve: Floats | None = None) -> None:
        self.sites = sites
        self.order = hilbert_order(local if curve is None else curve)
        self.local = np.take(local, self.order, axis=0)
        self._place = inverse(self.order)

    @property
    def count(self) -> int:
        """Number of sites."""
        return len(self.sites)

    def diagram(self, weights: ArrayLike, *, facet_ends: bool = False) -> DiagramT_co:
        """Compute the diagram for `weights` (n,); `facet_ends` asks for those of the plane's facets too.

        Raises
        ------
        GeometryError
            Weights of another shape, or not finite.
        """
        diagram = self.diagram_above(-1.0, weights, facet_ends=facet_ends)
        assert diagram is not None
        return diagram

    def diagram_above(self, least: float, weights: ArrayLike, *, facet_ends: bool = False) -> DiagramT_co | None:
        """Compute the diagram for `weights` (n,), or give up, with None, once a cell's mass is below `least`.

        Raises
        ------
        GeometryError
            As `diagram`.
        """
        raise NotImplementedError


def relative_gap(measures: Floats, whole: float) -> float:
    """Return the relative difference between the sum of the parts and the whole: the certificate of cells."""
    return abs(float(measures.sum()) - whole) / whole


def in_growing_rooms(
    attempt: Callable[[int, int, int], tuple[int, tuple[NDArray[Any], ...]]],
    count: int,
    chunk: int,
    room: int,
    most: int,
) -> list[NDArray[Any]] | None:
    """Return what a kernel writes for all cells, joined; None if it gives up on any.

    Parameters
    ----------
    attempt : callable
        ``attempt(first, last, room)`` returns an outcome and arrays. After `NO_ROOM` it is called again with twice the
        room; any other outcome but `DONE` ends the computation.
    count, chunk : int
        Cells in all, and in one call.
    room : int
        First size of the arrays.
    most : int
        A size that no cell exceeds; rounding alone can ask for more.

    Returns
    -------
    tuple of array or None

    Raises
    ------
    ConvergenceError
        A cell does not fit into `most`.
    """
    given_up = Event()

    def work(first: int, last: int) -> tuple[NDArray[Any], ...]:
        size = room
        while not given_up.is_set():
            outcome, parts = attempt(first, last, size)
            if outcome == DONE:
                return parts
            size *= 2
            if outcome != NO_ROOM:
                given_up.set()
            elif size > max(2 * most, room):
                given_up.set()
                raise ConvergenceError("rounding does not let the sides of a cell come to an end")
        return ()

    parts = run_in_chunks(work, count, chunk)
    return None if given_up.is_set() else [_joined(columns) for columns in zip(*parts, strict=True)]


def _joined(parts: tuple[NDArray[Any], ...]) -> NDArray[Any]:
    """Return the arrays one after another, copied on all cores."""
    ends = np.cumsum([len(part) for part in parts])
    whole = np.empty((ends[-1], *parts[0].shape[1:]), dtype=parts[0].dtype)

    def copy(k: int, _: int) -> None:
        whole[ends[k] - len(parts[k]) : ends[k]] = parts[k]

    run_in_chunks(copy, len(parts), 1)
    return whole
