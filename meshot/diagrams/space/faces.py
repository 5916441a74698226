"""The faces of power cells in space as polygons, for files, pictures and singular sets: nothing is measured with them.

Some facets are squares in their planes, cut by all that bounds the cell; a ball cuts them in arcs (`facet_polygons`).
All faces of all cells are traced along their polytopes (`cell_faces`).

There, in place of a ball stands the polyhedron of 400 planes that touch it, so that faces are flat and the cells still
fit together; measures of the diagram are those of the ball itself.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints, norms
from meshot.base.errors import ConvergenceError
from meshot.base.kernels import kernel, run_in_chunks
from meshot.diagrams.edges import CellFaces, inverse
from meshot.diagrams.power_cells import CutDomain, PowerCells
from meshot.diagrams.region import space_region
from meshot.diagrams.site_tree import build_tree, no_visits
from meshot.diagrams.space.cells import Near, cut_out
from meshot.diagrams.space.polytope import OUT_OF_ROOM, make_polytope

# Corners and facets that a cell may have at first; corners of all its faces that there is room for.
ROOM, USUAL_CORNERS = 512, 200
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


def cell_faces(diagram: PowerCells, domain: SpaceDomain) -> CellFaces:
    """Return the faces of all cells of a diagram.

    Raises
    ------
    ConvergenceError
        A cell has more corners than can be held.

    Examples
    --------
    >>> from meshot.diagrams.domains import Box
    >>> box = Box([-1, -1, -1], [1, 1, 1])
    >>> faces = cell_faces(box.engine([[0.0, 0.0, -0.5], [0.0, 0.0, 0.5]]).diagram([0, 0]), box)
    >>> len(faces.points), len(faces.owner), np.diff(faces.starts).tolist()
    (16, 12, [4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4])
    """
    order = diagram.edges.order
    sites, psi = diagram.sites[order] - domain.center, diagram.weights[order] - diagram.weights.mean()
    origins = np.where(np.isfinite(diagram.centroids[order]), diagram.centroids[order] - domain.center, sites)
    tree, region = build_tree(sites, psi), space_region(domain.extent, domain.flat_walls, np.inf, domain.inner_radius)
    near, full = (diagram.edges.starts, diagram.edges.beyond), diagram.masses[order] > 0

    def work(first: int, last: int) -> tuple[NDArray[Any], ...]:
        size, room = last - first, ROOM
        while True:
            points, corners = np.empty((size * room // 8, 3)), np.empty(size * USUAL_CORNERS + 4 * room, np.int32)
            counts, faces = np.zeros((size, 2), np.int32), np.empty((size * room // 8, 2), np.int32)
            loops = _Loops(points, counts, faces, corners)
            if trace_faces(first, last, room, origins, full, tree, region, near, loops):
                return points[: counts[:, 0].sum()], counts, faces[: counts[:, 1].sum()], corners
            room *= 4
            if room > 1 << 16:
                raise ConvergenceError("a cell has too many corners to be drawn")

    parts = run_in_chunks(work, len(order), 256)
    return _joined(parts, order, domain)


def _joined(parts: list[tuple[NDArray[Any], ...]], order: Ints, domain: SpaceDomain) -> CellFaces:
    """Bring cells back to the caller's order and count their corners through."""
    points, counts, faces, corners = ([part[k] for part in parts] for k in range(4))
    sizes = [each[:, 0] for each in faces]
    used = [each[: int(size.sum())] for each, size in zip(corners, sizes, strict=True)]
    count, size = np.concatenate(counts).astype(np.int64), np.concatenate(sizes).astype(np.int64)
    begin = np.concatenate([[0], np.cumsum(count[:, 0])])  # of each cell's points
    beyond = np.concatenate([each[:, 1] for each in faces]).astype(np.int64)
    cell = np.repeat(np.arange(len(order)), count[:, 1])  # of each face
    absolute = np.concatenate(used) + begin[np.repeat(cell, size)]
    place = inverse(order)
    rows = _ranges(begin[place], count[place, 0])
    moved = np.empty(len(rows), dtype=np.int64)
    moved[rows] = np.arange(len(rows))
    by_owner = np.argsort(order[cell], kind="stable")
    starts = np.concatenate([[0], np.cumsum(size)])
    taken = _ranges(starts[:-1][by_owner], size[by_owner])
    other = np.where(beyond >= 0, order[np.maximum(beyond, 0)], -1)
    return CellFaces(
        np.concatenate(points)[rows] + domain.center,
        np.concatenate([[0], np.cumsum(count[place, 0])]),
        order[cell][by_owner],
        other[by_owner],
        np.concatenate([[0], np.cumsum(size[by_owner])]),
        moved[absolute[taken]],
    )


def _ranges(first: Ints, count: Ints) -> Ints:
    """Return ``first[k], first[k] + 1, ...``, ``count[k]`` numbers for each k, one after another."""
    ends = np.cumsum(count)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - (ends - count), count)


class _Loops(NamedTuple):
    """The faces of some cells, one after the other.

    Attributes
    ----------
    points : (p, 3) float
        Corners of the cells.
    counts : (m, 2) int32
        How many corners and faces each cell has.
    faces : (f, 2) int32
        The size of each face's loop, and the site beyond it.
    corners : (c,) int32
        The loops, in numbers of the cell's own corners.
    """

    points: Floats
    counts: NDArray[np.int32]
    faces: NDArray[np.int32]
    corners: NDArray[np.int32]


@kernel
def trace_faces(first, last, room, origins, full, tree, region, lists, loops):
    """Fill `loops` with the corners of each cell and its faces; returns whether there was room."""
    (starts, neighbors), (points, counts, faces, corners) = lists, loops
    cell, visits, held, traced, ends = make_polytope(room), no_visits(len(tree.sites)), 0, 0, 0
    pos, top, work, label = cell.pos, cell.top, cell.work, cell.label
    for i in range(first, last):
        if not full[i]:
            continue
        ox, oy, oz = origins[i, 0], origins[i, 1], origins[i, 2]
        near = Near(neighbors, starts[i], starts[i + 1])
        count, used = cut_out(cell, i, (ox, oy, oz), tree, region, near, visits)
        if (
            count == OUT_OF_ROOM
            or held + count > len(points)
            or traced + used > len(faces)
            or ends + 6 * count > len(corners)
        ):
            return False
        for v in range(count):
            points[held, 0], points[held, 1], points[held, 2] = pos[0, v] + ox, pos[1, v] + oy, pos[2, v] + oz
            held += 1
            for k in range(3):
                work[top[v, k], 7] = -1
        before = traced
        for v in range(count):
            for k in range(3):
                f = top[v, k]
                if work[f, 7] == -2:
                    continue
                work[f, 7], begin, u = -2, ends, v
                for _ in range(count):
                    corners[ends] = u
                    ends += 1
                    side = 0 if top[u, 0] == f else (1 if top[u, 1] == f else 2)
                    u = top[u, 3 + (side + 2) % 3]
                    if u == v:
                        break
                faces[traced, 0], faces[traced, 1] = ends - begin, label[f]
                traced += 1
        counts[i - first, 0], counts[i - first, 1] = max(count, 0), traced - before
    return True


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
