"""Vertices at the cells of their transport: at centroids, those of the boundary on circle or sphere."""

from typing import Any

import numpy as np
from scipy import sparse

from meshot.algebra.operators import Sparse
from meshot.base.arrays import Floats, Ints
from meshot.base.errors import GeometryError
from meshot.meshes.surface import Surface
from meshot.transport.result import TransportResult

# Angle between boundary vertices that stand in order: room for those between them.
LEAST_TURN = 1e-9


def place_vertices(surface: Surface, transport: Any) -> Floats:
    """Return the place of each vertex, (V, 2 or 3): the centroid of its cell, or on the circle; NaN without a face.

    Parameters
    ----------
    surface : Surface
        With a boundary on the way to the disk, closed on the way to the sphere.
    transport : TransportResult or SphereTransport
        Its sites are the vertices that belong to a face.

    Returns
    -------
    (V, 2) or (V, 3) float
    """
    used, centroids = surface.referenced, transport.centroids
    uv = np.full((len(surface.vertices), centroids.shape[1]), np.nan)
    uv[used] = centroids
    if not surface.boundary_loops:
        return uv
    arcs = np.full_like(uv, np.nan)
    arcs[used] = transport.arc_midpoints
    (loop,) = surface.boundary_loops
    angles = circle_angles(np.arctan2(arcs[loop, 1], arcs[loop, 0]), loop)
    uv[loop] = np.column_stack([np.cos(angles), np.sin(angles)])
    return uv


def circle_angles(angles: Floats, loop: Ints) -> Floats:
    """Return strictly increasing angles along a boundary loop from those of the cells' arcs, NaN where there is none.

    A cell without an arc is put evenly between its neighbors on the loop; one that stands out of order is treated as
    if it had none.

    Examples
    --------
    >>> circle_angles(np.array([0.0, np.nan, 2.0, 4.0]), np.arange(4)).tolist()
    [0.0, 1.0, 2.0, 4.0]
    """
    known = np.flatnonzero(np.isfinite(angles))
    if len(known) == 0:
        raise GeometryError("no boundary vertex has a cell on the circle", ids=loop.tolist())
    steps = np.diff(angles[known], append=angles[known[:1]]) % (2 * np.pi)
    if len(known) > 1 and not np.isclose(steps.sum(), 2 * np.pi):  # some stand out of order: small steps back
        steps = (steps + np.pi) % (2 * np.pi) - np.pi
    unrolled = angles[known[0]] + np.concatenate([[0.0], np.cumsum(steps[:-1])])
    highest = np.maximum.accumulate(unrolled)
    forward = np.concatenate([[True], unrolled[1:] > highest[:-1] + LEAST_TURN])
    ordered = forward & (unrolled < angles[known[0]] + 2 * np.pi - LEAST_TURN)
    known, unrolled = known[ordered], unrolled[ordered]
    around = np.append(known, known[0] + len(angles))
    turned = np.append(unrolled, unrolled[0] + 2 * np.pi)
    spread = np.interp(known[0] + np.arange(len(angles)), around, turned)
    return np.asarray(np.roll(spread, known[0]))


# Times that the displacement is averaged, each time with itself and the neighbors' mean.
SWEEPS = 8


def cell_positions(transport: TransportResult, points: Floats, on_sphere: Ints) -> Floats:
    """Return where the cells want the vertices, (V, 3): at centroids, or in the middle of their part of the sphere.

    A boundary vertex whose cell does not touch the sphere goes out to it from the centroid.
    """
    place = transport.cell_of_site
    wanted = transport.centroids[place]
    wanted = np.where(np.isfinite(wanted), wanted, points)
    middles = transport.diagram.rim_middles[place[on_sphere]]
    wanted[on_sphere] = np.where(np.isfinite(middles), middles, wanted[on_sphere])
    return _to_sphere(wanted, on_sphere)


def smoothly_displaced(points: Floats, wanted: Floats, edges: Ints, on_sphere: Ints, sweeps: int = SWEEPS) -> Floats:
    """Return `points`, (V, 3), moved by the averaged displacement to `wanted`; what is on the sphere stays there.

    Vertices of the boundary average over those on the boundary alone.

    Examples
    --------
    >>> points, ring = np.eye(3), np.array([[0, 1], [1, 2], [0, 2]])
    >>> turned = np.array([[0.8, 0.6, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> smoothly_displaced(points, turned, ring, np.arange(3), sweeps=0)[0]
    array([0.8, 0.6, 0. ])
    """
    average = _averaging(len(points), edges, on_sphere)
    displacement = wanted - points
    for _ in range(sweeps):
        displacement = 0.5 * displacement + 0.5 * (average @ displacement)
    return _to_sphere(points + displacement, on_sphere)


def _averaging(count: int, edges: Ints, on_sphere: Ints) -> Sparse:
    """Return the matrix, (V, V), of the mean over each vertex's neighbors."""
    rim = np.zeros(count, dtype=bool)
    rim[on_sphere] = True
    rows, columns = np.concatenate([edges, edges[:, ::-1]]).T
    used = ~rim[rows] | rim[columns]
    rows, columns = rows[used], columns[used]
    weights = 1 / np.bincount(rows, minlength=count)[rows]
    matrix: Sparse = sparse.coo_array((weights, (rows, columns)), shape=(count, count)).tocsr()
    return matrix


def _to_sphere(points: Floats, on_sphere: Ints) -> Floats:
    points[on_sphere] /= np.linalg.norm(points[on_sphere], axis=1, keepdims=True)
    return points
