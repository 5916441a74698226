"""Vertices of a ball map at the cells of their transport: the move there is smoothed, lest tetrahedra flip.

The cells have the vertices' shares, but a cell's centroid lies off from its site by part of the cell's size in no
particular direction, and where cells are much smaller than their distance this flips tetrahedra, some in a hundred. The
displacement, the gradient of the transport's potential but for this noise, is smooth: averaging it over neighbors keeps
it and removes the noise. The volumes come out better, too.
"""

import numpy as np
from scipy import sparse

from meshot.algebra.operators import Sparse
from meshot.meshes.mesh import Floats, Ints
from meshot.transport.result import TransportResult

# Times that the displacement is averaged, each time with itself and the neighbors' mean.
SWEEPS = 8


def cell_positions(transport: TransportResult, points: Floats, on_sphere: Ints) -> Floats:
    """Return where the cells want the vertices, (V, 3): at centroids, or in the middle of their part of the sphere.

    A boundary vertex whose cell does not touch the sphere goes out to it from the centroid.
    """
    place = transport.cell_of_site
    wanted = transport.centroids[place]
    wanted = np.where(np.isfinite(wanted), wanted, points)
    middles = transport.diagram.patch_centers[place[on_sphere]]
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
