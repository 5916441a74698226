"""The facets between power cells of space as polygons: squares in their planes, cut by all that bounds the cell."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints, norms
from meshot.diagrams.edges import inverse
from meshot.diagrams.power_cells import CutDomain, PowerCells

# Side of the square that is cut, in units of the domain's extent.
WIDE = 4.0
# Radians between points of an arc.
ARC_STEP = np.pi / 18
# Facets that are cut at a time.
BATCH = 1 << 14


class SpaceDomain(CutDomain, Protocol):
    """A domain of space."""

    @property
    def extent(self) -> Floats:
        """Lowest and highest corner of a box that contains the domain, relative to `center`; (2, 3)."""

    @property
    def sides(self) -> Floats:
        """All half-spaces ``a . x <= c`` relative to `center` that bound the domain, (m, 4); none of a ball."""

    @property
    def flat_walls(self) -> Floats:
        """As `walls`, planes that touch it standing for a ball's sphere."""


def facet_polygons(diagram: PowerCells, domain: SpaceDomain, chosen: Ints) -> tuple[Ints, Floats]:
    """Return the corners of some facets of a diagram.

    Where a ball ends a facet, points on the arc stand for it, at most ten degrees apart.

    Parameters
    ----------
    diagram : SpaceDiagram
    domain : Ball, Box or ConvexPolyhedron
        The diagram's.
    chosen : (m,) int
        Rows of ``diagram.facets``.

    Returns
    -------
    (m + 1,) int, (p, 3) float
        The corners of the k-th facet are ``points[starts[k]:starts[k + 1]]``, in order; none if it has no area but
        for rounding.

    Examples
    --------
    >>> from meshot.diagrams.domains import Box
    >>> box = Box([-1, -1, -1], [1, 1, 1])
    >>> diagram = box.engine([[-0.5, 0, 0], [0.5, 0, 0]]).diagram([0, 0])
    >>> starts, points = facet_polygons(diagram, box, np.array([0]))
    >>> starts.tolist(), bool(np.allclose(np.abs(points), [0, 1, 1]))
    ([0, 4], True)
    """
    parts = [_polygons(diagram, domain, chosen[k : k + BATCH]) for k in range(0, len(chosen), BATCH)]
    corners = [polygon for part in parts for polygon in part]
    starts = np.concatenate([[0], np.cumsum([len(polygon) for polygon in corners])]).astype(np.int64)
    return starts, np.concatenate([np.empty((0, 3)), *corners])


def _polygons(diagram: PowerCells, domain: SpaceDomain, chosen: Ints) -> list[Floats]:
    sites, psi = diagram.sites, diagram.weights
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
    for wall in domain.sides:
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


def _neighbor_columns(diagram: PowerCells, own: Ints, beyond: Ints) -> Ints:
    """Return the neighbors of `own` but `beyond`, one a row, (k, m), -1 where there are no more."""
    edges = diagram.edges
    place = inverse(edges.order)
    first, last = edges.starts[place[own]], edges.starts[place[own] + 1]
    column = first + np.arange(int((last - first).max(initial=0)))[:, None]
    links = edges.beyond[np.minimum(column, len(edges.beyond) - 1)]
    neighbor = np.where((column < last) & (links >= 0), edges.order[np.maximum(links, 0)], -1)
    neighbor[neighbor == beyond] = -1
    return np.asarray(neighbor)


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
