"""`Surface`: vertices and triangles, frozen, with adjacency computed when first asked for.

The input is taken as it is: no vertex is merged, moved, reordered or dropped.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.arrays import Floats, Ints, frozen, norms, stable_order
from meshot.base.errors import GeometryError, MeshReadError
from meshot.meshes.base import Mesh


@dataclass(frozen=True, eq=False)
class Surface(Mesh):
    """A triangle mesh in space.

    Parameters
    ----------
    vertices : (V, 3) float
        Positions, in any unit of length.
    faces : (F, 3) int
        Vertex indices, counter-clockwise seen from outside.

    Raises
    ------
    MeshReadError
        Wrong shapes or types, no faces, or an index out of range. Everything else (holes, handles, flat faces)
        is for `meshot.check` to report.

    Examples
    --------
    >>> Surface([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]]).face_areas
    array([0.5])
    """

    CELLS: ClassVar[str] = "faces"
    CELL: ClassVar[str] = "face"
    KIND: ClassVar[str] = "surface"
    QUANTITY: ClassVar[str] = "area"
    CORNERS: ClassVar[int] = 3

    faces: Ints

    def with_faces(self, faces: ArrayLike) -> "Surface":
        """Return a copy with other faces on the same vertices.

        Parameters
        ----------
        faces : (F, 3) int

        Returns
        -------
        Surface
        """
        return self.with_cells(faces)

    @cached_property
    def face_areas(self) -> Floats:
        """Area of each face, (F,)."""
        a, b, c = self.corners.transpose(1, 0, 2)
        return frozen(0.5 * norms(np.cross(b - a, c - a)))

    @cached_property
    def area(self) -> float:
        """Total area."""
        return float(self.face_areas.sum())

    @property
    def cell_measures(self) -> Floats:
        """Area of each face, (F,)."""
        return self.face_areas

    @property
    def vertex_areas(self) -> Floats:
        """A third of the areas of the faces at each vertex, (V,); they sum to the total area."""
        return self.vertex_measures

    @cached_property
    def face_normals(self) -> Floats:
        """Unit normal of each face, (F, 3); zero where the area is."""
        a, b, c = self.corners.transpose(1, 0, 2)
        return frozen(_unit(np.cross(b - a, c - a)))

    @cached_property
    def vertex_normals(self) -> Floats:
        """Area-weighted unit normal at each vertex, (V, 3)."""
        weighted = np.repeat(self.face_normals * self.face_areas[:, None], 3, axis=0)
        corner = self.faces.ravel()
        sums = [np.bincount(corner, weighted[:, k], minlength=len(self.vertices)) for k in range(3)]
        return frozen(_unit(np.stack(sums, axis=1)))

    @cached_property
    def halfedges(self) -> Ints:
        """Directed edges of the faces, (3F, 2); row 3f + k runs from corner k of face f to corner k + 1."""
        return frozen(np.stack([self.faces, np.roll(self.faces, -1, axis=1)], axis=2).reshape(-1, 2))

    @cached_property
    def edge_order(self) -> tuple[Ints, Ints]:
        """Halfedges edge by edge, (3F,), and where each edge begins in this list, (E,); see `edge_order`."""
        order, starts = edge_order(self.faces, len(self.vertices))
        return frozen(order), frozen(starts)

    @cached_property
    def edges(self) -> Ints:
        """Undirected edges (i < j), (E, 2), in lexicographic order."""
        order, starts = self.edge_order
        return frozen(np.sort(self.halfedges[order[starts]], axis=1))

    @cached_property
    def twins(self) -> Ints:
        """For each halfedge the opposite one, (3F,), or -1 on the boundary; needs a manifold, oriented mesh."""
        order, starts = self.edge_order
        tail, twins = self.faces.ravel(), np.full(len(order), -1)
        two = starts[np.diff(starts, append=len(order)) == 2]
        first, second = order[two], order[two + 1]
        opposite = tail[first] != tail[second]
        twins[first], twins[second] = np.where(opposite, second, -1), np.where(opposite, first, -1)
        return frozen(twins)

    @cached_property
    def boundary_loops(self) -> tuple[Ints, ...]:
        """Vertex loops along the boundary, longest first, with the surface on their left; needs a manifold mesh."""
        tail, head = self.halfedges[self.twins < 0].T
        following = dict(zip(tail.tolist(), head.tolist(), strict=True))
        loops = []
        while following:
            start, vertex = following.popitem()
            loop = [start]
            while vertex != start:
                if vertex not in following:
                    raise GeometryError("the boundary is not a set of simple loops", ids=[vertex])
                loop.append(vertex)
                vertex = following.pop(vertex)
            least = loop.index(min(loop))
            loops.append(frozen(np.array(loop[least:] + loop[:least], dtype=np.int64)))
        return tuple(sorted(loops, key=lambda loop: (-len(loop), loop[0])))

    @cached_property
    def euler_characteristic(self) -> int:
        """V - E + F, unreferenced vertices left out."""
        return int(self.referenced.sum()) - len(self.edges) + len(self.faces)


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return unit


def edge_order(faces: Ints, vertex_count: int) -> tuple[Ints, Ints]:
    """Return the halfedges edge by edge, (3F,), and where each edge begins in this list, (E,).

    Edges are in the lexicographic order of their vertices (i < j), the halfedges of each by their number.

    Examples
    --------
    >>> edge_order(np.array([[0, 1, 2], [2, 1, 3]]), 4)
    (array([0, 2, 1, 3, 4, 5]), array([0, 1, 2, 4, 5]))
    """
    tail, head = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    key = np.minimum(tail, head) * vertex_count + np.maximum(tail, head)
    order = stable_order(key)
    key = key[order]
    return order, np.flatnonzero(np.diff(key, prepend=-1))


def as_surface(mesh: Any) -> Surface:
    """Return `mesh` as a `Surface`: a `Surface` itself, or a trimesh or PyVista mesh (by duck typing).

    Raises
    ------
    MeshReadError
        The object has neither ``vertices`` and ``faces`` nor ``points`` and triangles.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> as_surface(SimpleNamespace(vertices=np.eye(3), faces=[[0, 1, 2]])).faces
    array([[0, 1, 2]])
    """
    if isinstance(mesh, Surface):
        return mesh
    if hasattr(mesh, "points") and hasattr(mesh, "is_all_triangles"):  # PyVista; its quads would come out as (F, 4)
        if not mesh.is_all_triangles:
            raise MeshReadError("the PyVista mesh has faces that are no triangles: call its triangulate() first")
        return Surface(mesh.points, mesh.regular_faces)
    if hasattr(mesh, "vertices") and hasattr(mesh, "faces"):
        return Surface(mesh.vertices, mesh.faces)
    raise MeshReadError(f"cannot make a surface of a {type(mesh).__name__}: it has no vertices and faces")
