"""The facets between cells as points and corners: segments in the plane, polygons in space."""

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
