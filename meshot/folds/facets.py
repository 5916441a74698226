"""The facets between cells as points and corners: segments in the plane, polygons in space."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from meshot.diagrams.power import PowerDiagram, power_diagram
from meshot.meshes.mesh import Floats, Ints, norms
from meshot.transport.result import TransportResult

# Corners of facets nearer to each other, in units of the domain's size, are one.
SAME_CORNER = 1e-9


class Facets(NamedTuple):
    """Facets that share their corners.

    Attributes
    ----------
    points : (p, d) float
        Corners.
    corners : (m, k) int
        The corners of each facet in order, -1 after the last; k = 2 in the plane.
    measures : (m,) float
        Length or area.
    """

    points: Floats
    corners: Ints
    measures: Floats


def full_diagram(result: TransportResult) -> PowerDiagram:
    """Return the diagram of a transport with the ends of its facets."""
    if result.diagram.facet_ends is not None:
        return result.diagram
    source = result.problem.source
    density = None if source is None else source.density
    diagram = power_diagram(result.problem.sites, result.weights, result.problem.domain, density)
    assert isinstance(diagram, PowerDiagram)
    return diagram


def facets_of(diagram: PowerDiagram, chosen: NDArray[np.bool_] | Ints) -> Facets:
    """Return some of the facets of a diagram, which has their ends, with corners that are shared."""
    assert diagram.facet_ends is not None
    ends = diagram.facet_ends[chosen]
    points, node = merge_points(ends.reshape(-1, 2), SAME_CORNER * np.sqrt(diagram.domain.area))
    return Facets(points, node.reshape(-1, 2), diagram.facet_lengths[chosen])


def merge_points(points: Floats, tolerance: float) -> tuple[Floats, Ints]:
    """Make points that are close to each other one.

    Returns
    -------
    (p, d) float, (n,) int
        The first point of each group, in the order of their first appearance, and the group of each point.

    Examples
    --------
    >>> merge_points(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1e-12]]), 1e-9)[1]
    array([0, 1, 0])
    """
    if not len(points):
        return points, np.empty(0, dtype=np.int64)
    close = cKDTree(points).query_pairs(tolerance, output_type="ndarray")
    links = coo_array((np.ones(len(close)), (close[:, 0], close[:, 1])), shape=(len(points), len(points)))
    labels = connected_components(links, directed=False)[1]
    _, first, group = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return points[first[order]], rank[group.reshape(-1)]


def on_boundary(domain: object, points: Floats) -> NDArray[np.bool_]:
    """Tell which points of a convex domain lie on its boundary: those that a push away from its center takes out.

    Examples
    --------
    >>> from meshot.diagrams.domains import Disk
    >>> on_boundary(Disk(), np.array([[0.0, 0.5], [0.0, 1.0]]))
    array([False,  True])
    """
    center = domain.center  # type: ignore[attr-defined]
    pushed = center + (points - center) * (1 + SAME_CORNER)
    told: NDArray[np.bool_] = ~domain.contains(pushed)  # type: ignore[attr-defined]
    return told


def sampled(facets: Facets, step: float) -> tuple[Ints, Floats]:
    """Return points on facets, at most `step` apart along segments: the facet of each, (q,), and (q, d)."""
    first, last = facets.points[facets.corners[:, 0]], facets.points[facets.corners[:, 1]]
    pieces = np.maximum(np.ceil(norms(last - first) / step), 1).astype(np.int64)
    owner = np.repeat(np.arange(len(pieces)), pieces + 1)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(pieces + 1) - pieces - 1, pieces + 1)
    share = (place / pieces[owner])[:, None]
    return owner, np.asarray((1 - share) * first[owner] + share * last[owner])
