"""The faces of power cells in space as polygons, for files and pictures: nothing is measured with them.

In place of a ball stands the polyhedron of 400 planes that touch it, so that faces are flat and the cells still
fit together; measures of the diagram are those of the ball itself.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import ConvergenceError
from meshot.base.kernels import kernel, run_in_chunks
from meshot.diagrams.edges import CellFaces, inverse
from meshot.diagrams.power_cells import PowerCells
from meshot.diagrams.region import space_region
from meshot.diagrams.site_tree import build_tree, no_visits
from meshot.diagrams.space.cells import Near, cut_out
from meshot.diagrams.space.facets import SpaceDomain
from meshot.diagrams.space.polytope import OUT_OF_ROOM, make_polytope

# Corners and facets that a cell may have at first; corners of all its faces that there is room for.
ROOM, USUAL_CORNERS = 512, 200


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
