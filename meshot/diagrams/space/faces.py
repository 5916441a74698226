"""The faces of power cells in space as polygons, for files and pictures: nothing is measured with them.

In place of a ball stands the polyhedron of `TANGENTS` planes that touch it, so that faces are flat and the cells still
fit together; measures of the diagram are those of the ball itself.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import ConvergenceError
from meshot.base.kernels import kernel, run_in_chunks
from meshot.diagrams.domains import Ball, SpaceDomain
from meshot.diagrams.site_tree import build_tree
from meshot.diagrams.space.cells import cut_out
from meshot.diagrams.space.diagram import SpaceDiagram
from meshot.diagrams.space.polytope import OUT_OF_ROOM

# Planes that stand for a ball's sphere: they leave it by less than 1 % of the radius.
TANGENTS = 400
# Corners and facets that a cell may have at first; corners of all its faces that there is room for.
ROOM, USUAL_CORNERS = 512, 200


class CellFaces(NamedTuple):
    """The faces of cells, cell after cell; each cell has its own corners.

    Attributes
    ----------
    points : (p, 3) float
        Corners of the cells.
    cells : (n + 1,) int
        Cell i has the corners ``points[cells[i]:cells[i + 1]]``; none if it is empty.
    owner, other : (f,) int
        The cell of each face and the one beyond, or -1 for the domain's boundary.
    starts : (f + 1,) int
        Face k has the corners ``corners[starts[k]:starts[k + 1]]``.
    corners : (c,) int
        Rows of `points`, counter-clockwise as seen from outside the cell.
    """

    points: Floats
    cells: Ints
    owner: Ints
    other: Ints
    starts: Ints
    corners: Ints


def cell_faces(diagram: SpaceDiagram) -> CellFaces:
    """Return the faces of all cells of a diagram.

    Raises
    ------
    ConvergenceError
        A cell has more corners than can be held.

    Examples
    --------
    >>> from meshot.diagrams.domains import Box
    >>> from meshot.diagrams.space.diagram import space_diagram
    >>> faces = cell_faces(space_diagram([[0.0, 0.0, -0.5], [0.0, 0.0, 0.5]], domain=Box([-1, -1, -1], [1, 1, 1])))
    >>> len(faces.points), len(faces.owner), np.diff(faces.starts).tolist()
    (16, 12, [4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4])
    """
    domain, order = diagram.domain, diagram.edges.order
    sites, psi = diagram.sites[order] - domain.center, diagram.weights[order] - diagram.weights.mean()
    origins = np.where(np.isfinite(diagram.centroids[order]), diagram.centroids[order] - domain.center, sites)
    walls, frame, tree = _walls(domain), np.asarray(domain.extent), build_tree(sites, psi)
    radii = np.array([np.inf, domain.inner_radius])
    near, full = (diagram.edges.starts, diagram.edges.beyond), diagram.masses[order] > 0

    def work(first: int, last: int) -> tuple[NDArray[Any], ...]:
        size, room = last - first, ROOM
        while True:
            points, corners = np.empty((size * room // 8, 3)), np.empty(size * USUAL_CORNERS + 4 * room, np.int32)
            counts, faces = np.zeros((size, 2), np.int32), np.empty((size * room // 8, 2), np.int32)
            held = trace_faces(
                first, last, room, origins, sites, psi, full, frame, walls, radii, *tree, *near, points, corners,
                counts, faces,
            )  # fmt: skip
            if held:
                return points[: counts[:, 0].sum()], counts, faces[: counts[:, 1].sum()], corners
            room *= 4
            if room > 1 << 16:
                raise ConvergenceError("a cell has too many corners to be drawn")

    parts = run_in_chunks(work, len(order), 256)
    return _joined(parts, order, domain)


def _walls(domain: SpaceDomain) -> Floats:
    """Return the half-spaces that bound the domain; for a ball, planes that touch it, spread evenly (Fibonacci)."""
    if not isinstance(domain, Ball):
        return np.asarray(domain.walls)
    z = 1 - (2 * np.arange(TANGENTS) + 1) / TANGENTS
    turn, rim = np.pi * (3 - np.sqrt(5)) * np.arange(TANGENTS), np.sqrt(1 - z**2)
    return np.column_stack([rim * np.cos(turn), rim * np.sin(turn), z, np.full(TANGENTS, domain.radius)])


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
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
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


@kernel
def trace_faces(
    first, last, room, origins, sites, weights, full, frame, walls, radii, spans, bounds, starts, neighbors, points,
    corners, counts, faces,
):  # fmt: skip
    """Fill the corners of each cell and the loops of its faces; returns whether there was room.

    ``counts[c]`` are the cell's corners and faces, ``faces[f]`` the size of a loop and the site beyond it, and
    `corners` numbers of the cell's own corners.
    """
    pos, top, work = np.empty((7, room)), np.empty((room, 6), np.int32), np.empty((room, 9), np.int32)
    planes, label = np.empty((room, 4)), np.empty(room, np.int32)
    seen, stack = np.full(len(sites), -1, np.int32), np.empty(256, np.int64)
    size = max(frame[1, 0] - frame[0, 0], frame[1, 1] - frame[0, 1], frame[1, 2] - frame[0, 2])
    tol, held, traced, ends = 5e-16 * size, 0, 0, 0
    for i in range(first, last):
        if not full[i]:
            continue
        ox, oy, oz = origins[i, 0], origins[i, 1], origins[i, 2]
        count, used = cut_out(
            pos, top, planes, label, work, i, ox, oy, oz, sites, weights, frame, walls, radii, tol, spans, bounds,
            neighbors, starts[i], starts[i + 1], stack, seen,
        )  # fmt: skip
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
