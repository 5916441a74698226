"""Join the vertices of a boundary that stand in the same place, or nearly: cracks, and slits along seams.

Only what is asked for is joined, and only at the boundary: inside, vertices that are near one another are the two sides
of something thin.
"""

from dataclasses import dataclass

import numpy as np

from meshot.base.arrays import Floats, Ints, norms
from meshot.base.errors import GeometryError, MeshReadError, OptionError, format_ids
from meshot.meshes.surface import Surface
from meshot.meshes.topology import components

# Most places within the tolerance of each: where a crack runs, there are a few.
MOST_PAIRS = 1000


@dataclass(frozen=True, eq=False)
class Joined:
    """A surface whose boundary was joined within a tolerance.

    Attributes
    ----------
    surface : Surface
        All vertices of the input, as they are, and faces that name of those joined the first alone.
    first : (V,) int
        The vertex that stands for each: itself, or the one of a lower number that it was joined to.
    faces : (F,) int
        Face of the input that each face is.
    corners : (F, 3) int
        Vertices of the input at the corners of each face.
    collapsed : (k,) int
        Faces of the input that are left out, as two of their corners were joined.
    tolerance : float
        Greatest distance of vertices that were joined directly; along a chain of them it may add up.
    """

    surface: Surface
    first: Ints
    faces: Ints
    corners: Ints
    collapsed: Ints
    tolerance: float

    @property
    def vertices(self) -> Ints:
        """The vertices for which others stand, (n,)."""
        return np.flatnonzero(self.first != np.arange(len(self.first)))

    @property
    def distance(self) -> float:
        """Greatest distance of a vertex from the one that stands for it."""
        places = self.surface.vertices
        return float(norms(places[self.vertices] - places[self.first[self.vertices]]).max(initial=0.0))

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done, in sentences."""
        gone = self.vertices
        if not len(gone):
            return (f"no vertices of the boundary are within {self.tolerance:g} of one another: none was joined",)
        ids = format_ids(gone.tolist(), of="vertices")
        notes = [
            f"{len(gone)} vertices of the boundary were joined to {len(np.unique(self.first[gone]))} others, "
            f"{self.distance:.3g} away at most; they keep their numbers ({ids})"
        ]
        if len(self.collapsed):
            ids = format_ids(self.collapsed.tolist(), of="faces")
            notes.append(f"{len(self.collapsed)} faces, whose corners were joined, were left out ({ids})")
        return tuple(notes)

    def at_corners(self, values: Floats) -> Floats:
        """Return values of the input's vertices at the corners of each face, (F, 3, ...), those of its own side.

        Raises
        ------
        GeometryError
            There are fewer than vertices.
        """
        if len(values) < len(self.first):
            raise GeometryError(f"values of {len(self.first)} vertices are needed, got {len(values)}")
        return np.asarray(values[self.corners])

    def of_faces(self, values: Floats) -> Floats:
        """Return values of the input's faces or vertices on the faces, (F,), the mean over the corners of each.

        Of another number of values nothing is known: they come back as they are.
        """
        if len(values) == len(self.faces) + len(self.collapsed):
            return np.asarray(values[self.faces])
        return np.asarray(self.at_corners(values).mean(axis=1)) if len(values) == len(self.first) else values

    def summed(self, values: Floats) -> Floats:
        """Return values of the input's vertices, (V,), where the vertex that stands for several has their sum."""
        if len(values) != len(self.first):
            return values
        return np.bincount(self.first, values, minlength=len(values)).astype(np.float64)

    def filled(self, values: Floats) -> Floats:
        """Return values of vertices, (n, ...), where those that were joined get the value of what stands for them."""
        out = np.array(values)
        out[self.vertices] = values[self.first[self.vertices]]
        return out


def join_boundary(surface: Surface, tolerance: float) -> Joined:
    """Join vertices of the boundary that stand in the same place, or within a tolerance of one another.

    Vertices keep their numbers and their places, whether joined or not: faces name other ones. The vertex of the least
    number stands for all that are joined to it.

    Parameters
    ----------
    surface : Surface
        Any triangles.
    tolerance : float
        Greatest distance, in the mesh's unit; 0 joins equal positions alone.

    Returns
    -------
    Joined

    Raises
    ------
    OptionError
        The tolerance is negative or not finite, or so great that most of the boundary would become one.
    MeshReadError
        No face would be left.

    Examples
    --------
    >>> slit = Surface([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 0, 1e-9], [0, 1, 0], [1, 1, 0]], [[0, 1, 2], [3, 5, 4]])
    >>> join_boundary(slit, 1e-6).surface.faces.tolist()
    [[0, 1, 2], [1, 5, 2]]
    """
    if not 0 <= tolerance < np.inf:
        raise OptionError(f"the tolerance of joining must be a number from 0 on, got {tolerance}")
    rim = boundary_vertices(surface)
    pairs = near_pairs(surface.vertices[rim], tolerance)
    labels = components(len(rim), *pairs.T)
    least = np.full(len(rim), len(surface.vertices))
    np.minimum.at(least, labels, rim)
    first = np.arange(len(surface.vertices))
    first[rim] = least[labels]
    faces = first[surface.faces]
    a, b, c = faces.T
    whole = ((a != b) & (b != c) & (c != a)) | (faces == surface.faces).all(axis=1)
    if not whole.any():
        raise MeshReadError(f"joining within {tolerance:g} would leave no face: take a smaller tolerance")
    kept = np.flatnonzero(whole)
    joined = surface.with_faces(faces[kept])
    return Joined(joined, first, kept, surface.faces[kept], np.flatnonzero(~whole), tolerance)


def boundary_vertices(surface: Surface) -> Ints:
    """Return the vertices of edges that belong to one face, with finite coordinates, in ascending order."""
    order, starts = surface.edge_order
    corner = order[starts[np.diff(starts, append=len(order)) == 1]]
    following = corner - corner % 3 + (corner + 1) % 3
    rim = np.unique(surface.faces.ravel()[np.concatenate([corner, following])])
    return np.asarray(rim[np.isfinite(surface.vertices[rim]).all(axis=1)])


def near_pairs(points: Floats, tolerance: float) -> Ints:
    """Return pairs of points, (n, 2), that link all that are within a tolerance of one another.

    Raises
    ------
    OptionError
        There are far more of them than of cracks.
    """
    from scipy.spatial import KDTree  # noqa: PLC0415  (only where something is joined)

    places, index = np.unique(points + 0.0, axis=0, return_inverse=True)
    firsts = np.full(len(places), len(points))
    np.minimum.at(firsts, index, np.arange(len(points)))
    equal = np.stack([firsts[index], np.arange(len(points))], axis=1)
    equal = equal[equal[:, 0] != equal[:, 1]]
    if tolerance == 0 or len(places) < 2:
        return equal
    tree = KDTree(places)
    if tree.count_neighbors(tree, tolerance) > MOST_PAIRS * len(places):
        raise OptionError(f"within {tolerance:g} lie most vertices of the boundary: take a smaller tolerance")
    return np.concatenate([equal, firsts[tree.query_pairs(tolerance, output_type="ndarray")]])
