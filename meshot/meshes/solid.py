"""`Solid`: vertices and tetrahedra, frozen, with adjacency computed when first asked for.

The input is taken as it is: no vertex is merged, moved, reordered or dropped.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.arrays import Floats, Ints, frozen
from meshot.base.errors import MeshReadError
from meshot.meshes.base import Mesh
from meshot.meshes.elements import BY_NAME, BY_VTK, Block, tetrahedra
from meshot.meshes.surface import Surface

OPPOSITE = np.array([[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]])
"""Corners of the face opposite each corner, counter-clockwise seen from outside a tetrahedron of positive volume."""

SIDES = np.array([[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]])
"""Corners at the ends of each edge."""


@dataclass(frozen=True, eq=False)
class Solid(Mesh):
    """A tetrahedral mesh in space.

    Parameters
    ----------
    vertices : (V, 3) float
        Positions, in any unit of length.
    tetrahedra : (T, 4) int
        Vertex indices; seen from the first corner, the other three run clockwise where the volume is positive. A mesh
        with all volumes negative, mirrored, will do as well.

    Raises
    ------
    MeshReadError
        Wrong shapes or types, no tetrahedra, or an index out of range. Everything else (inverted or flat tetrahedra,
        tunnels, cavities) is for `meshot.check` to report.

    Examples
    --------
    >>> Solid([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 1, 2, 3]]).volumes
    array([0.16666667])
    """

    CELLS: ClassVar[str] = "tetrahedra"
    CELL: ClassVar[str] = "tetrahedron"
    KIND: ClassVar[str] = "solid"
    QUANTITY: ClassVar[str] = "volume"
    CORNERS: ClassVar[int] = 4

    tetrahedra: Ints

    def with_tetrahedra(self, tetrahedra: ArrayLike) -> "Solid":
        """Return a copy with other tetrahedra on the same vertices.

        Parameters
        ----------
        tetrahedra : (T, 4) int

        Returns
        -------
        Solid
        """
        return self.with_cells(tetrahedra)

    @cached_property
    def volumes(self) -> Floats:
        """Signed volume of each tetrahedron, (T,)."""
        return frozen(signed_volumes(self.vertices, self.tetrahedra))

    @cached_property
    def orientation(self) -> int:
        """1, or -1 where most of the volume is negative: then the mesh as a whole is mirrored."""
        return 1 if self.volumes.sum() >= 0 else -1

    @cached_property
    def volume(self) -> float:
        """Total volume; inverted tetrahedra take from it, a mirrored mesh has that of its mirror image."""
        return abs(float(self.volumes.sum()))

    @cached_property
    def cell_measures(self) -> Floats:
        """Volume of each tetrahedron, (T,), without its sign."""
        return frozen(np.abs(self.volumes))

    @property
    def cell_signs(self) -> Floats:
        """Sign of each tetrahedron's volume, (T,)."""
        return np.asarray(np.sign(self.volumes))

    @property
    def vertex_volumes(self) -> Floats:
        """A quarter of the volumes, without signs, of the tetrahedra at each vertex, (V,)."""
        return self.vertex_measures

    @cached_property
    def edges(self) -> Ints:
        """Undirected edges (i < j), (E, 2), in lexicographic order."""
        ends = np.sort(self.tetrahedra[:, SIDES].reshape(-1, 2), axis=1)
        keys = np.unique(ends[:, 0] * len(self.vertices) + ends[:, 1])
        return frozen(np.stack(np.divmod(keys, len(self.vertices)), axis=1))

    @cached_property
    def halffaces(self) -> Ints:
        """Faces of the tetrahedra, (4T, 3); row 4t + k is opposite corner k of tetrahedron t and faces outward."""
        return frozen(self.tetrahedra[:, OPPOSITE].reshape(-1, 3))

    @cached_property
    def face_order(self) -> tuple[Ints, Ints]:
        """Halffaces face by face, (4T,), and where each face begins in this list, (N,).

        Faces are in the lexicographic order of their sorted vertices, the halffaces of each by their number.
        """
        order, starts = face_order(self.halffaces, len(self.vertices))
        return frozen(order), frozen(starts)

    @cached_property
    def neighbors(self) -> Ints:
        """Tetrahedron behind the face opposite each corner, (T, 4), or -1 at the boundary; needs a manifold mesh."""
        order, starts = self.face_order
        behind = np.full(len(order), -1)
        two = starts[np.diff(starts, append=len(order)) == 2]
        first, second = order[two], order[two + 1]
        behind[first], behind[second] = second // 4, first // 4
        return frozen(behind.reshape(-1, 4))

    @cached_property
    def boundary_halffaces(self) -> Ints:
        """Halffaces with nothing behind them, (B,): that of `boundary`'s face i is in tetrahedron ``[i] // 4``."""
        order, starts = self.face_order
        return frozen(np.sort(order[starts[np.diff(starts, append=len(order)) == 1]]))

    @cached_property
    def boundary_vertices(self) -> Ints:
        """Vertices on the boundary, in ascending order: vertex i of `boundary` is vertex ``[i]`` of the solid."""
        on_it = np.zeros(len(self.vertices), dtype=bool)
        on_it[self.halffaces[self.boundary_halffaces]] = True
        return frozen(np.flatnonzero(on_it))

    @cached_property
    def boundary(self) -> Surface:
        """The boundary as a surface that faces outward, on `boundary_vertices` alone."""
        number = np.zeros(len(self.vertices), dtype=np.int64)
        number[self.boundary_vertices] = np.arange(len(self.boundary_vertices))
        faces = number[self.halffaces[self.boundary_halffaces]]
        return Surface(self.vertices[self.boundary_vertices], faces if self.orientation > 0 else faces[:, ::-1])

    @cached_property
    def euler_characteristic(self) -> int:
        """Vertices - edges + faces - tetrahedra, unreferenced vertices left out; 1 for a ball."""
        return int(self.referenced.sum()) - len(self.edges) + len(self.face_order[1]) - len(self.tetrahedra)


def signed_volumes(points: Floats, tetrahedra: Ints) -> Floats:
    """Return the signed volume of each tetrahedron, (T,), for vertices at `points`, (V, 3).

    Examples
    --------
    >>> signed_volumes(np.vstack([np.eye(3), np.zeros(3)]), np.array([[3, 0, 1, 2], [0, 3, 1, 2]]))
    array([ 0.16666667, -0.16666667])
    """
    x, y, z = points.T  # columns one by one: several times quicker than cross products of rows
    a, b, c, d = tetrahedra.T
    ux, uy, uz = x[b] - x[a], y[b] - y[a], z[b] - z[a]
    vx, vy, vz = x[c] - x[a], y[c] - y[a], z[c] - z[a]
    wx, wy, wz = x[d] - x[a], y[d] - y[a], z[d] - z[a]
    six = ux * (vy * wz - vz * wy) + uy * (vz * wx - vx * wz) + uz * (vx * wy - vy * wx)
    return np.asarray(six / 6)


def face_order(halffaces: Ints, vertex_count: int) -> tuple[Ints, Ints]:
    """Return the halffaces face by face, (n,), and where each face begins in this list; see `Solid.face_order`.

    Examples
    --------
    >>> face_order(np.array([[0, 1, 2], [1, 2, 3], [2, 1, 0]]), 4)
    (array([0, 2, 1]), array([0, 2]))
    """
    low, middle, high = np.sort(halffaces, axis=1).T
    if vertex_count < 2_000_000:  # the cube of which is the largest that fits
        key = (low * vertex_count + middle) * vertex_count + high
        order = np.argsort(key, kind="stable")
        return order, np.flatnonzero(np.diff(key[order], prepend=-1))
    order = np.lexsort((high, middle, low))
    rows = np.stack([low, middle, high], axis=1)[order]
    new = np.concatenate([[True], (rows[1:] != rows[:-1]).any(axis=1)])
    return order, np.flatnonzero(new)


def as_solid(mesh: Any) -> Solid:
    """Return `mesh` as a `Solid`: a `Solid` itself, or a PyVista or meshio mesh (by duck typing).

    Elements of lower dimension, such as the triangles of the boundary, are passed over.

    Raises
    ------
    MeshReadError
        The object has neither ``vertices`` and ``tetrahedra`` nor ``points`` and cells, or solid elements of another
        kind.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> mesh = SimpleNamespace(points=np.eye(4, 3), cells_dict={"tetra": [[0, 1, 2, 3]]})
    >>> as_solid(mesh).tetrahedra
    array([[0, 1, 2, 3]])
    """
    if isinstance(mesh, Solid):
        return mesh
    if hasattr(mesh, "vertices") and hasattr(mesh, "tetrahedra"):
        return Solid(mesh.vertices, mesh.tetrahedra)
    if hasattr(mesh, "points") and hasattr(mesh, "cells_dict"):
        return Solid(mesh.points, tetrahedra(_blocks(mesh))[0])
    raise MeshReadError(f"cannot make a solid of a {type(mesh).__name__}: it has no vertices and tetrahedra")


def _blocks(mesh: Any) -> list[Block]:
    """Elements of a PyVista mesh, named by VTK's numbers, or of one of meshio, named by words."""
    blocks = []
    types = np.asarray(getattr(mesh, "celltypes", ()))
    for key, rows in mesh.cells_dict.items():
        element = BY_NAME.get(key) if isinstance(key, str) else BY_VTK.get(int(key))
        if element is None:
            raise MeshReadError(f"cannot make a solid of elements of the kind {key}")
        nodes = np.asarray(rows)
        ids = np.arange(len(nodes)) if isinstance(key, str) else np.flatnonzero(types == int(key))
        blocks.append(Block(element, nodes, ids))
    return blocks
