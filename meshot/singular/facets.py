"""The facets between cells: their corners, and the sheets, branch set and free border of a set of facets.

Facets are segments in the plane, polygons in space. They meet in ridges: end points in the plane, edges in space. Where
two facets meet, a sheet continues; where three or more do, sheets branch; a ridge of one facet is the end of a sheet,
on the domain's boundary or inside (a free border).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from meshot.base.arrays import Floats, Ints, norms
from meshot.diagrams.power_cells import Domain, PowerCells
from meshot.meshes.topology import fan_triangles

# Distance, in units of the domain's size, below which corners of facets are merged.
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


def facets_of(diagram: PowerCells, chosen: Ints) -> Facets:
    """Return some facets of a diagram (in the plane, one with facet ends), with merged corners."""
    dimension = diagram.sites.shape[1]
    starts, corners = diagram.facet_polygons(chosen)
    points, node = merge_points(corners, SAME_CORNER * diagram.domain.measure ** (1 / dimension))
    shared = node.reshape(-1, 2) if dimension == 2 else _padded(starts, node)
    return Facets(points, shared, diagram.facet_measures[chosen])


def _padded(starts: Ints, corners: Ints) -> Ints:
    """Return polygons one a row, without repeated corners, -1 after the last corner."""
    sizes = np.diff(starts)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    after = np.arange(1, len(corners) + 1)
    after[starts[1:][sizes > 0] - 1] = starts[:-1][sizes > 0]
    kept = corners != corners[after] if len(corners) else np.zeros(0, dtype=bool)
    owner, corners = owner[kept], corners[kept]
    sizes = np.bincount(owner, minlength=len(sizes))
    place = np.arange(len(corners)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    padded = np.full((len(sizes), max(int(sizes.max(initial=0)), 3)), -1)
    padded[owner, place] = corners
    return padded


def merge_points(points: Floats, tolerance: float) -> tuple[Floats, Ints]:
    """Merge points that are close to each other.

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


def on_boundary(domain: Domain, points: Floats) -> NDArray[np.bool_]:
    """Return which points of a convex domain lie on its boundary: those that leave it when moved from its center.

    Examples
    --------
    >>> from meshot.diagrams.domains import Disk
    >>> on_boundary(Disk(), np.array([[0.0, 0.5], [0.0, 1.0]]))
    array([False,  True])
    """
    return ~domain.contains(domain.center + (points - domain.center) * (1 + SAME_CORNER))


def sampled(facets: Facets, step: float) -> tuple[Ints, Floats]:
    """Return points on facets, about `step` apart: the facet of each, (q,), and (q, d)."""
    if facets.points.shape[1] == 2:
        return _on_simplices(facets.points, facets.corners, np.arange(len(facets.corners)), step)
    sizes = (facets.corners >= 0).sum(axis=1)
    full = sizes > 2
    corners = facets.corners[full]
    triangles = fan_triangles(corners[corners >= 0], sizes[full])
    return _on_simplices(facets.points, triangles, np.repeat(np.flatnonzero(full), sizes[full] - 2), step)


def _on_simplices(points: Floats, simplices: Ints, owner: Ints, step: float) -> tuple[Ints, Floats]:
    """Return points of the lattices of segments or triangles whose longest side is cut into parts of `step`."""
    places = points[simplices]
    longest = norms(places - np.roll(places, 1, axis=1)).max(axis=1, initial=0.0)
    pieces = np.maximum(np.ceil(longest / step), 1).astype(np.int64)
    owners, parts = [owner[:0]], [points[:0]]
    for count in np.unique(pieces):
        alike = pieces == count
        shares = _lattice(int(count), simplices.shape[1])
        parts.append(np.einsum("sc,mcd->msd", shares, places[alike]).reshape(-1, points.shape[1]))
        owners.append(np.repeat(owner[alike], len(shares)))
    return np.concatenate(owners), np.concatenate(parts)


def _lattice(pieces: int, corners: int) -> Floats:
    """Return the barycentric coordinates of the points that cut the sides of a simplex into `pieces`."""
    whole = np.stack(np.meshgrid(*[np.arange(pieces + 1)] * (corners - 1), indexing="ij"), axis=-1)
    parts = whole.reshape(-1, corners - 1)
    parts = parts[parts.sum(axis=1) <= pieces]
    return np.column_stack([parts, pieces - parts.sum(axis=1)]) / pieces


class Ridges(NamedTuple):
    """Where facets meet.

    Attributes
    ----------
    nodes : (r, k) int
        The corner, k = 1, or the ends of the edge, k = 2, of each ridge.
    facet, ridge : (q,) int
        A facet, and a ridge that it has, for each pair of the two.
    """

    nodes: Ints
    facet: Ints
    ridge: Ints

    @property
    def degree(self) -> Ints:
        """Number of facets at each ridge, (r,)."""
        return np.bincount(self.ridge, minlength=len(self.nodes))


def find_ridges(corners: Ints, dimension: int) -> Ridges:
    """Return the ridges of facets given by their corners (m, k), -1 after the last.

    Edges between merged corners, of length zero, do not count.

    Examples
    --------
    >>> ridges = find_ridges(np.array([[0, 1], [1, 2], [1, 3]]), 2)
    >>> ridges.nodes[ridges.degree == 3].tolist()
    [[1]]
    """
    if dimension == 2:
        nodes, facet = corners.reshape(-1, 1), np.repeat(np.arange(len(corners)), 2)
        real = np.repeat(corners[:, 0] != corners[:, 1], 2)
    else:
        after = np.roll(corners, -1, axis=1)
        after = np.where(after < 0, corners[:, :1], after)
        nodes = np.sort(np.stack([corners, after], axis=-1).reshape(-1, 2), axis=1)
        facet = np.repeat(np.arange(len(corners)), corners.shape[1])
        real = (corners.reshape(-1) >= 0) & (nodes[:, 0] != nodes[:, 1])
    if not real.any():
        return Ridges(nodes[:0], facet[:0], facet[:0])
    unique, ridge = np.unique(nodes[real], axis=0, return_inverse=True)
    return Ridges(unique, facet[real], ridge.reshape(-1))


def connected(ridges: Ridges, count: int, through: NDArray[np.bool_] | None = None) -> Ints:
    """Return the connected component of each of `count` facets, through ridges of which `through` (r,) may choose."""
    kept = slice(None) if through is None else through[ridges.ridge]
    facet, ridge = ridges.facet[kept], ridges.ridge[kept]
    size = count + len(ridges.nodes)
    links = coo_array((np.ones(len(facet)), (facet, count + ridge)), shape=(size, size))
    labels = connected_components(links, directed=False)[1][:count]
    return np.unique(labels, return_inverse=True)[1].reshape(-1)


def is_noise(ridges: Ridges, sure: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which facets are noise of a criterion: those that touch no other, or are connected with no `sure` one.

    Parameters
    ----------
    ridges : Ridges
    sure : (m,) bool
        Of each facet.

    Examples
    --------
    >>> ridges = find_ridges(np.array([[0, 1], [1, 2], [3, 4], [5, 6], [6, 7]]), 2)
    >>> is_noise(ridges, np.array([True, False, True, False, False])).tolist()
    [False, False, True, True, True]
    """
    labels = connected(ridges, len(sure))
    size, vouched = np.bincount(labels), np.bincount(labels, sure)
    return np.asarray((size < 2) | (vouched == 0))[labels]


def largest_first(labels: Ints, measures: np.ndarray) -> Ints:
    """Renumber sheets by size: 0 is the one with the largest sum of `measures`.

    Examples
    --------
    >>> largest_first(np.array([0, 1, 1]), np.array([1.0, 2.0, 3.0]))
    array([1, 0, 0])
    """
    rank = np.empty(int(labels.max(initial=-1)) + 1, dtype=np.int64)
    rank[np.argsort(-np.bincount(labels, measures, minlength=len(rank)), kind="stable")] = np.arange(len(rank))
    return rank[labels]
