"""Shared by triangle and tetrahedral meshes: checked, read-only vertices and cells, and what follows from them."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshot.base.arrays import Floats, Ints, frozen
from meshot.base.errors import MeshReadError


@dataclass(frozen=True, eq=False)
class Mesh:
    """Vertices in space, (V, 3), and cells between them: the base of `Surface` and `Solid`.

    A kind of mesh names the field that holds its cells, `CELLS`, one cell, `CELL`, the mesh itself, `KIND`, and what is
    measured of its cells, `QUANTITY`.
    """

    CELLS: ClassVar[str]
    CELL: ClassVar[str]
    KIND: ClassVar[str]
    QUANTITY: ClassVar[str]
    CORNERS: ClassVar[int]

    vertices: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "vertices", check_vertices(self.vertices))
        cells = check_cells(self.cells, len(self.vertices), (self.CELL, self.CELLS), self.CORNERS)
        object.__setattr__(self, self.CELLS, cells)

    @property
    def cells(self) -> Ints:
        """Vertex indices of each cell, (n, k)."""
        return cast(Ints, getattr(self, self.CELLS))

    def with_vertices(self, vertices: ArrayLike) -> Self:
        """Return a copy with other positions and the same cells.

        Parameters
        ----------
        vertices : (V, 3) float

        Returns
        -------
        Surface or Solid
        """
        return replace(self, vertices=np.asarray(vertices))

    def with_cells(self, cells: ArrayLike) -> Self:
        """Return a copy with other cells on the same vertices.

        Parameters
        ----------
        cells : (n, k) int

        Returns
        -------
        Surface or Solid
        """
        changes: dict[str, Any] = {self.CELLS: np.asarray(cells)}
        return replace(self, **changes)

    @cached_property
    def corners(self) -> Floats:
        """Positions of each cell's corners, (n, k, 3)."""
        return frozen(self.vertices[self.cells])

    @property
    def cell_measures(self) -> Floats:
        """Area or volume of each cell, (n,), without a sign."""
        raise NotImplementedError

    @property
    def cell_signs(self) -> Floats:
        """Sign of each cell's orientation, (n,), as far as it has one."""
        return np.ones(len(self.cells))

    def at_vertices(self, values: Floats) -> Floats:
        """Share out values of the cells, (n,), among their corners: the sum at each vertex, (V,).

        Parameters
        ----------
        values : (n,) float

        Returns
        -------
        (V,) float
        """
        parts = np.repeat(values / self.CORNERS, self.CORNERS)
        sums: Floats = np.bincount(self.cells.ravel(), parts, minlength=len(self.vertices)).astype(np.float64)
        return sums

    @cached_property
    def vertex_measures(self) -> Floats:
        """The parts of each vertex in the measures of its cells, (V,); they sum to the total."""
        return frozen(self.at_vertices(self.cell_measures))

    @cached_property
    def referenced(self) -> NDArray[np.bool_]:
        """Whether each vertex belongs to a cell, (V,)."""
        used = np.zeros(len(self.vertices), dtype=bool)
        used[self.cells] = True
        return frozen(used)


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
