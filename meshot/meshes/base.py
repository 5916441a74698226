"""What meshes of triangles and of tetrahedra share: arrays of vertices and cells, checked."""

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.arrays import Floats, Ints, frozen
from meshot.base.errors import MeshReadError


def check_vertices(vertices: ArrayLike) -> Floats:
    """Return `vertices` as a frozen (V, 3) float array, or raise `MeshReadError`."""
    try:
        array = np.array(vertices, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        raise MeshReadError("vertices must be an array of numbers of shape (V, 3)") from None
    if array.ndim != 2 or array.shape[1] != 3:
        raise MeshReadError(f"vertices must have shape (V, 3), got {array.shape}")
    return frozen(array)


def check_cells(cells: ArrayLike, vertex_count: int, names: tuple[str, str], corners: int) -> Ints:
    """Return `cells` as a frozen (n, corners) int array with indices in range, or raise `MeshReadError`.

    Parameters
    ----------
    cells : array-like
        Vertex indices.
    vertex_count : int
        How many vertices there are.
    names : (str, str)
        What one cell is called, and several.
    corners : int
        Vertices of each cell.
    """
    one, many = names
    shape = f"({many[0].upper()}, {corners})"
    try:
        array = np.array(cells)
    except (TypeError, ValueError):
        raise MeshReadError(f"{many} must be an array of vertex indices of shape {shape}") from None
    if array.size == 0:
        raise MeshReadError(f"the mesh has no {many}")
    if array.ndim != 2 or array.shape[1] != corners:
        raise MeshReadError(f"{many} must have shape {shape}, got {array.shape}")
    if not np.issubdtype(array.dtype, np.integer):
        raise MeshReadError(f"{many} must be integers, got {array.dtype}")
    out = np.flatnonzero(((array < 0) | (array >= vertex_count)).any(axis=1))
    if len(out):
        raise MeshReadError(f"{one} with a vertex index outside 0 to {vertex_count - 1}", ids=out.tolist())
    return frozen(np.ascontiguousarray(array, dtype=np.int64))
