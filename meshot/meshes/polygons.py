"""Polygons of a file, beside the triangles that they were cut into."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Ints


class PolygonFaces(NamedTuple):
    """Faces as a file has them, and which of them each triangle came from."""

    corners: Ints
    """Vertex indices of all polygons, one polygon after the other."""
    sizes: Ints
    """Number of corners of each polygon, (P,)."""
    of_triangles: Ints
    """Polygon that each triangle is part of, (F,), ascending."""

    def renamed(self, first: Ints, kept: Ints) -> "PolygonFaces":
        """Return the polygons with other names of vertices, and some of the triangles.

        Where neighboring corners become one, the polygon has one less; one of less than three is left out.

        Parameters
        ----------
        first : (V,) int
            The new name of each vertex.
        kept : (n,) int
            Triangles that are left, ascending.

        Returns
        -------
        PolygonFaces

        Examples
        --------
        >>> quad = PolygonFaces(np.array([0, 1, 2, 3]), np.array([4]), np.array([0, 0]))
        >>> quad.renamed(np.array([0, 1, 1, 3]), np.array([1])).corners.tolist()
        [0, 1, 3]
        """
        polygons = np.repeat(np.arange(len(self.sizes)), self.sizes)
        ends = np.cumsum(self.sizes)
        following = np.arange(1, len(self.corners) + 1)
        following[ends - 1] = ends - self.sizes
        names = first[self.corners]
        stays = (names != names[following]) | (self.corners == self.corners[following])
        sizes = np.bincount(polygons[stays], minlength=len(self.sizes))
        live = (sizes >= 3) & (np.bincount(self.of_triangles[kept], minlength=len(sizes)) > 0)
        number = np.cumsum(live) - 1
        return PolygonFaces(names[stays & live[polygons]], sizes[live], number[self.of_triangles[kept]])

    def on(self, faces: Ints, source_vertex: Ints) -> "PolygonFaces":
        """Return the polygons of a surface after a cut, which has the same triangles on more vertices.

        A polygon that the cut goes through comes as its triangles.

        Parameters
        ----------
        faces : (F, 3) int
            The triangles after the cut.
        source_vertex : (V,) int
            Vertex that each vertex of theirs came from.

        Returns
        -------
        PolygonFaces
            On the vertices of `faces`; `of_triangles` says which of its polygons each triangle is part of.

        Examples
        --------
        >>> quads = PolygonFaces(np.array([0, 1, 4, 3, 1, 2, 5, 4]), np.array([4, 4]), np.array([0, 0, 1, 1]))
        >>> faces = np.array([[0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 6]])  # vertex 6 is the second copy of 4
        >>> cut = quads.on(faces, np.array([0, 1, 2, 3, 4, 5, 4]))
        >>> cut.corners.tolist(), cut.sizes.tolist()
        ([0, 1, 4, 3, 1, 2, 5, 6], [4, 4])
        """
        whole, corners = self._after_cut(faces, source_vertex)
        return self._with_parts(faces, whole, corners)

    def cut_through(self, faces: Ints, source_vertex: Ints) -> Ints:
        """Return the polygons that a cut goes through, ascending; arguments as of `on`.

        Examples
        --------
        >>> quad = PolygonFaces(np.array([0, 1, 2, 3]), np.array([4]), np.array([0, 0]))
        >>> quad.cut_through(np.array([[0, 1, 2], [4, 5, 3]]), np.array([0, 1, 2, 3, 0, 2])).tolist()
        [0]
        """
        return np.flatnonzero(~self._after_cut(faces, source_vertex)[0])

    def _after_cut(self, faces: Ints, source_vertex: Ints) -> tuple[NDArray[np.bool_], Ints]:
        """Return whether each polygon is whole, (P,), and the vertices of the corners of those that are."""
        polygons = np.repeat(np.arange(len(self.sizes)), self.sizes)
        count = int(max(self.corners.max(initial=0), source_vertex.max(initial=0))) + 1
        keys = self.of_triangles[:, None] * count + source_vertex[faces]
        known, index = np.unique(keys, return_inverse=True)
        least, most = np.full(len(known), len(source_vertex)), np.full(len(known), -1)
        np.minimum.at(least, index.ravel(), faces.ravel())
        np.maximum.at(most, index.ravel(), faces.ravel())
        wanted = polygons * count + self.corners
        place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        single = (known[place] == wanted) & (least[place] == most[place])
        whole = np.bincount(polygons, ~single, minlength=len(self.sizes)) == 0
        return whole, least[place]

    def _with_parts(self, faces: Ints, whole: NDArray[np.bool_], corners: Ints) -> "PolygonFaces":
        """Return the polygons that are whole with these corners, and the triangles of the others, in order."""
        polygons = np.repeat(np.arange(len(self.sizes)), self.sizes)
        parts = np.flatnonzero(~whole[self.of_triangles])
        owners = np.concatenate([np.flatnonzero(whole), self.of_triangles[parts]])
        order = np.argsort(owners, kind="stable")
        sizes = np.concatenate([self.sizes[whole], np.full(len(parts), 3)])
        flat = np.concatenate([corners[whole[polygons]], faces[parts].ravel()])
        starts = (np.cumsum(sizes) - sizes)[order]
        sizes = sizes[order]
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        # of a whole polygon all triangles have the same number, of another each has its own
        begins = np.concatenate([[True], np.diff(self.of_triangles) != 0]) | ~whole[self.of_triangles]
        return PolygonFaces(flat[np.repeat(starts, sizes) + within], sizes, np.cumsum(begins) - 1)
