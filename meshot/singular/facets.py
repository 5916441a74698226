"""The facets between cells as points and corners: segments in the plane, polygons in space."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from meshot.base.arrays import Floats, Ints, norms
from meshot.diagrams.domains import Box
from meshot.diagrams.plane.diagram import PowerDiagram, power_diagram
from meshot.diagrams.space.diagram import SpaceDiagram
from meshot.meshes.topology import fan_triangles
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


def full_diagram(result: TransportResult) -> PowerDiagram | SpaceDiagram:
    """Return the diagram of a transport; in the plane with the ends of its facets."""
    diagram: PowerDiagram | SpaceDiagram = result.diagram
    if isinstance(diagram, SpaceDiagram) or diagram.facet_ends is not None:
        return diagram
    source = result.problem.source
    density = None if source is None else source.density
    return power_diagram(diagram.sites, diagram.weights, diagram.domain, density)


def facet_measures(diagram: PowerDiagram | SpaceDiagram) -> tuple[Floats, Floats]:
    """Return the length or area of each facet, and the integral of the density over it."""
    if isinstance(diagram, SpaceDiagram):
        return diagram.facet_areas, diagram.facet_areas
    return diagram.facet_lengths, diagram.facet_masses


def facets_of(diagram: PowerDiagram | SpaceDiagram, chosen: Ints) -> Facets:
    """Return some of the facets of a diagram, in the plane one that has their ends, with corners that are shared."""
    measures = facet_measures(diagram)[0][chosen]
    size = SAME_CORNER * diagram.domain.measure ** (1 / diagram.sites.shape[1])
    if isinstance(diagram, SpaceDiagram):
        starts, corners = facet_polygons(diagram, chosen)
        points, node = merge_points(corners, size)
        return Facets(points, _padded(starts, node), measures)
    assert diagram.facet_ends is not None
    points, node = merge_points(diagram.facet_ends[chosen].reshape(-1, 2), size)
    return Facets(points, node.reshape(-1, 2), measures)


def _padded(starts: Ints, corners: Ints) -> Ints:
    """Return polygons one a row, without corners that follow themselves, -1 after the last corner."""
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


def on_boundary(domain: Any, points: Floats) -> NDArray[np.bool_]:
    """Tell which points of a convex domain lie on its boundary: those that a push away from its center takes out.

    Examples
    --------
    >>> from meshot.diagrams.domains import Disk
    >>> on_boundary(Disk(), np.array([[0.0, 0.5], [0.0, 1.0]]))
    array([False,  True])
    """
    center = domain.center
    pushed = center + (points - center) * (1 + SAME_CORNER)
    return np.logical_not(domain.contains(pushed))


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
    owners, found = [owner[:0]], [points[:0]]
    for count in np.unique(pieces):
        alike = pieces == count
        shares = _lattice(int(count), simplices.shape[1])
        found.append(np.einsum("sc,mcd->msd", shares, places[alike]).reshape(-1, points.shape[1]))
        owners.append(np.repeat(owner[alike], len(shares)))
    return np.concatenate(owners), np.concatenate(found)


def _lattice(pieces: int, corners: int) -> Floats:
    """Return the barycentric coordinates of the points that cut the sides of a simplex into `pieces`."""
    whole = np.stack(np.meshgrid(*[np.arange(pieces + 1)] * (corners - 1), indexing="ij"), axis=-1)
    parts = whole.reshape(-1, corners - 1)
    parts = parts[parts.sum(axis=1) <= pieces]
    return np.column_stack([parts, pieces - parts.sum(axis=1)]) / pieces


# Side of the square that is cut, in units of the domain's extent.
WIDE = 4.0
# Radians between points of an arc.
ARC_STEP = np.pi / 18
# Facets that are cut at a time.
BATCH = 1 << 14


def facet_polygons(diagram: SpaceDiagram, chosen: Ints) -> tuple[Ints, Floats]:
    """Return the corners of some facets of a diagram.

    Where a ball ends a facet, points on the arc stand for it, at most ten degrees apart.

    Parameters
    ----------
    diagram : SpaceDiagram
    chosen : (m,) int
        Rows of ``diagram.facets``.

    Returns
    -------
    (m + 1,) int, (p, 3) float
        The corners of the k-th facet are ``points[starts[k]:starts[k + 1]]``, in order; none if it has no area but
        for rounding.

    Examples
    --------
    >>> from meshot.diagrams.plane.diagram import power_diagram
    >>> diagram = power_diagram([[-0.5, 0, 0], [0.5, 0, 0]], domain=Box([-1, -1, -1], [1, 1, 1]))
    >>> starts, points = facet_polygons(diagram, np.array([0]))
    >>> starts.tolist(), bool(np.allclose(np.abs(points), [0, 1, 1]))
    ([0, 4], True)
    """
    parts = [_polygons(diagram, chosen[k : k + BATCH]) for k in range(0, len(chosen), BATCH)]
    corners = [polygon for part in parts for polygon in part]
    starts = np.concatenate([[0], np.cumsum([len(polygon) for polygon in corners])]).astype(np.int64)
    return starts, np.concatenate([np.empty((0, 3)), *corners])


def _polygons(diagram: SpaceDiagram, chosen: Ints) -> list[Floats]:
    sites, psi, domain = diagram.sites, diagram.weights, diagram.domain
    own, beyond = diagram.facets[chosen].T
    normal = sites[beyond] - sites[own]
    normal /= norms(normal)[:, None]
    # the origin in each plane is the foot of the cell's centroid
    origin = diagram.centroids[own]
    a, c = _half_space(sites, psi, own, beyond, origin)
    origin = origin + (c / (a * normal).sum(axis=1))[:, None] * normal
    first = np.cross(normal, np.eye(3)[np.abs(normal).argmin(axis=1)])
    first /= norms(first)[:, None]
    axes = np.stack([first, np.cross(normal, first)], axis=1)
    reach = WIDE * float(norms(np.ptp(domain.extent, axis=0)[None])[0])
    square = reach * np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])
    polygons, counts = np.repeat(square[None], len(own), axis=0), np.full(len(own), 4)
    for k in _neighbor_columns(diagram, own, beyond):
        a, c = _half_space(sites, psi, own, np.maximum(k, 0), origin)
        a = np.einsum("mxd,md->mx", axes, a)
        a[k < 0], c[k < 0] = 0.0, 1.0
        polygons, counts = _clipped(polygons, counts, a, c)
    for wall in _walls(diagram):
        height = wall[3] - (origin - domain.center) @ wall[:3]
        polygons, counts = _clipped(polygons, counts, axes @ wall[:3], height)
    if np.isfinite(domain.circle_radius):
        return _in_ball(polygons, counts, origin - domain.center, axes, domain.circle_radius, domain.center)
    return [o + p[:n] @ b for p, n, o, b in zip(polygons, counts, origin, axes, strict=True)]


def _half_space(sites: Floats, psi: Floats, own: Ints, other: Ints, origin: Floats) -> tuple[Floats, Floats]:
    """Return a and c of ``a . (x - origin) <= c``, the points nearer to `own` than to `other` in power distance."""
    a = sites[other] - sites[own]
    far = ((sites[other] - origin) ** 2).sum(axis=1) - psi[other]
    near = ((sites[own] - origin) ** 2).sum(axis=1) - psi[own]
    return a, (far - near) / 2


def _neighbor_columns(diagram: SpaceDiagram, own: Ints, beyond: Ints) -> Ints:
    """Return the neighbors of `own` but `beyond`, one a row, (k, m), -1 where there are no more."""
    edges = diagram.edges
    place = np.empty(len(edges.order), dtype=np.int64)
    place[edges.order] = np.arange(len(edges.order))
    first, last = edges.starts[place[own]], edges.starts[place[own] + 1]
    column = first + np.arange(int((last - first).max(initial=0)))[:, None]
    links = edges.beyond[np.minimum(column, len(edges.beyond) - 1)]
    neighbor = np.where((column < last) & (links >= 0), edges.order[np.maximum(links, 0)], -1)
    neighbor[neighbor == beyond] = -1
    return np.asarray(neighbor)


def _walls(diagram: SpaceDiagram) -> Floats:
    """Return the half-spaces ``a . (x - center) <= c`` that bound the domain, (w, 4)."""
    if isinstance(diagram.domain, Box):
        low, high = diagram.domain.extent
        return np.column_stack([np.concatenate([-np.eye(3), np.eye(3)]), np.concatenate([-low, high])])
    return diagram.domain.walls


def _clipped(polygons: Floats, counts: Ints, a: Floats, c: Floats) -> tuple[Floats, Ints]:
    """Keep of each polygon the points with ``a . x <= c``."""
    slots = np.arange(polygons.shape[1])
    real = slots < counts[:, None]
    height = np.einsum("mkx,mx->mk", polygons, a) - c[:, None]
    after = np.where(slots + 1 < counts[:, None], slots + 1, 0)
    following = np.take_along_axis(height, after, axis=1)
    kept = real & (height <= 0)
    crossing = real & ((height <= 0) != (following <= 0))
    if not (real & ~kept).any():
        return polygons, counts
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(crossing, height / (height - following), 0.0)
    ends = np.take_along_axis(polygons, after[..., None], axis=1)
    points = np.stack([polygons, polygons + share[..., None] * (ends - polygons)], axis=2)
    flags = np.stack([kept, crossing], axis=2).reshape(len(polygons), -1)
    order = np.argsort(~flags, axis=1, kind="stable")
    counts = flags.sum(axis=1)
    order = order[:, : max(int(counts.max()), 1)]
    return np.take_along_axis(points.reshape(len(polygons), -1, 2), order[..., None], axis=1), counts


def _in_ball(
    polygons: Floats, counts: Ints, origin: Floats, axes: Floats, radius: float, center: Floats
) -> list[Floats]:
    """Return the corners in space of polygons as far as they lie in the ball; `origin` is relative to its center."""
    middle = -np.einsum("mxd,md->mx", axes, origin)
    foot = origin + np.einsum("mx,mxd->md", middle, axes)
    square = radius**2 - (foot**2).sum(axis=1)
    real = np.arange(polygons.shape[1]) < counts[:, None]
    reach = np.where(real, ((polygons - middle[:, None]) ** 2).sum(axis=2), 0.0).max(axis=1)
    found = []
    for k in range(len(polygons)):
        polygon = polygons[k, : counts[k]]
        if reach[k] > square[k]:
            polygon = _in_disk(polygon - middle[k], np.sqrt(max(square[k], 0.0))) + middle[k]
        found.append(center + origin[k] + polygon @ axes[k])
    return found


def _in_disk(polygon: Floats, radius: float) -> Floats:
    """Return the part of a convex, counter-clockwise polygon in the disk about the origin, with points on its arcs."""
    pieces: list[tuple[Floats, Floats]] = []
    for start, stop in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        way = stop - start
        a, b, c = way @ way, start @ way, start @ start - radius**2
        root = b * b - a * c
        if a > 0 and root > 0:
            enter, leave = max((-b - np.sqrt(root)) / a, 0.0), min((-b + np.sqrt(root)) / a, 1.0)
            if enter < leave:
                pieces.append((start + enter * way, start + leave * way))
    if not pieces:
        return _arc(0.0, 2 * np.pi, radius)[:-1] if _holds_origin(polygon) else polygon[:0]
    points: list[Floats] = []
    for (start, stop), (following, _) in zip(pieces, pieces[1:] + pieces[:1], strict=True):
        points += [start[None], stop[None]]
        turn = np.arctan2(stop[0] * following[1] - stop[1] * following[0], stop @ following) % (2 * np.pi)
        if norms(following - stop) > 1e-9 * radius:
            angle = float(np.arctan2(stop[1], stop[0]))
            points.append(_arc(angle, angle + turn, radius)[1:-1])
    return np.concatenate(points)


def _arc(first: float, last: float, radius: float) -> Floats:
    angles = np.linspace(first, last, max(int(np.ceil((last - first) / ARC_STEP)), 1) + 1)
    return radius * np.column_stack([np.cos(angles), np.sin(angles)])


def _holds_origin(polygon: Floats) -> bool:
    after = np.roll(polygon, -1, axis=0)
    turns: NDArray[np.float64] = polygon[:, 0] * after[:, 1] - polygon[:, 1] * after[:, 0]
    return len(polygon) > 2 and bool((turns >= 0).all())
