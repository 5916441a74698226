"""Measures on a surface: what share of the image each face and each vertex is to have.

Without a prescription that is the share of the surface's area, and the map preserves areas. A density enlarges what the
user marks and shrinks the rest.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import GeometryError, OptionError
from meshot.meshes.solid import Solid
from meshot.meshes.surface import Surface

Kind = Literal["area", "density", "masses"]


@dataclass(frozen=True, eq=False)
class Measure:
    """A measure on a surface, of total 1.

    Attributes
    ----------
    kind : {"area", "density", "masses"}
        How it was prescribed; "area" if it was not.
    vertices : (V,) float
        Mass of each vertex: what the cells of the transport get. 0 for a vertex without a face.
    faces : (F,) float
        Share of each face: what the triangles get.
    """

    kind: Kind
    vertices: Floats
    faces: Floats

    def contrast(self, surface: Surface) -> float:
        """Return the greatest density over the least."""
        if self.kind == "area":
            return 1.0
        density = self.faces / surface.face_areas
        return float(density.max() / density.min())


def as_measure(surface: Surface, masses: ArrayLike | None = None, density: ArrayLike | None = None) -> Measure:
    """Return the measure on a surface that vertex masses or a density prescribe; that of its area if neither is given.

    Parameters
    ----------
    surface : Surface
    masses : (V,) float, optional
        Mass of each vertex in any unit; only shares count, and those of vertices without a face are passed over. A
        face gets the mean of ``masses / vertex_areas`` over its corners, times its area. The shares of the faces sum
        up to those of the vertices, but spread each vertex's mass over its neighbors.
    density : (F,) or (V,) float, optional
        Wanted area of the image per area of the surface, up to a common factor: density 3 where it is 1 elsewhere
        enlarges a small part of the surface threefold against the rest. One number a face; or one a vertex, which is
        averaged over the corners of each face. A vertex's mass is a third of the shares of its faces.
        Where it jumps by a factor beyond some 100 from face to face, a fine mesh may not have triangles to follow it
        everywhere: the map then has no folds, but names faces that are off; smooth densities go much farther.

    Raises
    ------
    OptionError
        Both masses and a density.
    GeometryError
        A wrong number of numbers; one that is not positive and finite (the vertices or faces are named).

    Examples
    --------
    >>> square = Surface([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    >>> as_measure(square, density=[3, 1]).faces
    array([0.75, 0.25])
    """
    if masses is not None and density is not None:
        raise OptionError("either masses or a density can be prescribed, not both")
    if masses is not None:
        given = positive(masses, "masses", {"vertex": len(surface.vertices)}, surface.referenced)
        with np.errstate(divide="ignore", invalid="ignore"):
            at_vertex = np.where(surface.referenced, given / surface.vertex_areas, 0.0)
        faces = surface.face_areas * at_vertex[surface.faces].mean(axis=1)
        vertices = np.where(surface.referenced, given, 0.0)
        return Measure("masses", vertices / vertices.sum(), faces / faces.sum())
    if density is None:
        return Measure("area", surface.vertex_areas / surface.area, surface.face_areas / surface.area)
    counts = {"face": len(surface.faces), "vertex": len(surface.vertices)}
    values = positive(density, "density", counts, surface.referenced)
    if len(values) != len(surface.faces):
        values = values[surface.faces].mean(axis=1)
    return _of_faces("density", surface, surface.face_areas * values)


def carried(measure: Measure, source: Surface, target: Surface, source_vertex: Ints) -> Measure:
    """Carry a measure to the surface after a cut, which keeps the faces and doubles vertices.

    The copies of a vertex share its mass as they share its area.
    """
    if len(target.vertices) == len(source.vertices):
        return measure
    if measure.kind == "density":
        return _of_faces(measure.kind, target, measure.faces)
    areas = source.vertex_areas[source_vertex]
    part = target.vertex_areas / np.where(areas > 0, areas, 1.0)
    return Measure(measure.kind, measure.vertices[source_vertex] * part, measure.faces)


def _of_faces(kind: Kind, surface: Surface, shares: Floats) -> Measure:
    shares = shares / shares.sum()
    vertices = np.zeros(len(surface.vertices))
    np.add.at(vertices, surface.faces, shares[:, None] / 3)
    return Measure(kind, vertices, shares)


def positive(given: ArrayLike, name: str, counts: dict[str, int], used: NDArray[np.bool_]) -> Floats:
    """Return the numbers, one for each of what `counts` allows; raise unless they are positive where they are used."""
    values = np.array(given, dtype=np.float64)
    if values.ndim != 1 or len(values) not in counts.values():
        wanted = " or ".join(f"one number a {what} ({count})" for what, count in counts.items())
        raise GeometryError(f"{name} must have {wanted}, got an array of shape {values.shape}")
    what = next(key for key, count in counts.items() if count == len(values))
    bad = ~(np.isfinite(values) & (values > 0))
    if what == "vertex":
        bad &= used
        values = np.where(used, values, 0.0)
    if bad.any():
        raise GeometryError(f"{name} must be positive and finite at every {what}", ids=np.flatnonzero(bad).tolist())
    values = values / values.max()
    lost = values < np.finfo(float).eps
    if what == "vertex":
        lost &= used
    if lost.any():
        message = f"{name} must be more than rounding errors beside the greatest, that is 2e-16 of it, at every {what}"
        raise GeometryError(message, ids=np.flatnonzero(lost).tolist())
    return values


SolidKind = Literal["volume", "density", "masses"]


@dataclass(frozen=True, eq=False)
class SolidMeasure:
    """A measure on a solid, of total 1.

    Attributes
    ----------
    kind : {"volume", "density", "masses"}
        How it was prescribed; "volume" if it was not.
    vertices : (V,) float
        Mass of each vertex: what the cells of the transport get. 0 for a vertex without a tetrahedron.
    tetrahedra : (T,) float
        Share of each tetrahedron.
    """

    kind: SolidKind
    vertices: Floats
    tetrahedra: Floats


def as_solid_measure(solid: Solid, masses: ArrayLike | None = None, density: ArrayLike | None = None) -> SolidMeasure:
    """Return the measure on a solid that vertex masses or a density prescribe; that of its volume if neither is given.

    Parameters
    ----------
    solid : Solid
        All of its tetrahedra have volume, of one sign.
    masses : (V,) float, optional
        Mass of each vertex in any unit; only shares count, and those of vertices without a tetrahedron are passed over.
        A tetrahedron gets the mean of ``masses / vertex_volumes`` over its corners, times its volume.
    density : (T,) or (V,) float, optional
        Wanted volume of the image per volume of the solid, up to a common factor. One number a tetrahedron; or one a
        vertex, which is averaged over the corners. A vertex's mass is a quarter of the shares of its tetrahedra.

    Raises
    ------
    OptionError
        Both masses and a density.
    GeometryError
        A wrong number of numbers; one that is not positive and finite (the vertices or tetrahedra are named).

    Examples
    --------
    >>> corners = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, -1]]
    >>> double = Solid(corners, [[0, 1, 2, 3], [0, 2, 1, 4]])
    >>> as_solid_measure(double, density=[3, 1]).tetrahedra
    array([0.75, 0.25])
    """
    if masses is not None and density is not None:
        raise OptionError("either masses or a density can be prescribed, not both")
    volumes, corners, used = np.abs(solid.volumes), solid.tetrahedra, solid.referenced
    if masses is not None:
        given = positive(masses, "masses", {"vertex": len(used)}, used)
        with np.errstate(divide="ignore", invalid="ignore"):
            at_vertex = np.where(used, given / solid.vertex_volumes, 0.0)
        shares, vertices = volumes * at_vertex[corners].mean(axis=1), np.where(used, given, 0.0)
        return SolidMeasure("masses", vertices / vertices.sum(), shares / shares.sum())
    if density is None:
        total = volumes.sum()
        return SolidMeasure("volume", solid.vertex_volumes / total, volumes / total)
    values = positive(density, "density", {"tetrahedron": len(volumes), "vertex": len(used)}, used)
    shares = volumes * (values if len(values) == len(volumes) else values[corners].mean(axis=1))
    shares = shares / shares.sum()
    quarters = np.repeat(shares / 4, 4)
    return SolidMeasure("density", np.bincount(corners.ravel(), quarters, len(used)).astype(np.float64), shares)
