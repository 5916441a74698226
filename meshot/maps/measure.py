"""Measures on a mesh: the prescribed share of the image for each cell and vertex.

By default it is the share of the area or volume, which the map then preserves. A density enlarges parts of the mesh and
shrinks the others.
"""

from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import GeometryError, OptionError
from meshot.meshes.base import Mesh

Kind = Literal["area", "volume", "density", "masses"]


@dataclass(frozen=True, eq=False)
class Measure:
    """A measure on a surface or solid, of total 1.

    Attributes
    ----------
    kind : {"area", "volume", "density", "masses"}
        How it was prescribed; "area" or "volume" if it was not.
    vertices : (V,) float
        Mass of each vertex: what the cells of the transport get. 0 for a vertex without a face or tetrahedron.
    cells : (n,) float
        Share of each face or tetrahedron.
    """

    kind: Kind
    vertices: Floats
    cells: Floats

    @property
    def faces(self) -> Floats:
        """Share of each face of a surface, (F,)."""
        return self.cells

    @property
    def prescribed(self) -> bool:
        """Whether it is another one than area or volume."""
        return self.kind in ("density", "masses")

    def contrast(self, mesh: Mesh) -> float:
        """Return the greatest density over the least."""
        if not self.prescribed:
            return 1.0
        density = self.cells / mesh.cell_measures
        return float(density.max() / density.min())


def as_measure(mesh: Mesh, masses: ArrayLike | None = None, density: ArrayLike | None = None) -> Measure:
    """Return the measure that vertex masses or a density prescribe; area or volume itself if neither is given.

    Parameters
    ----------
    mesh : Surface or Solid
        All tetrahedra of a solid have volume, of one sign.
    masses : (V,) float, optional
        Mass of each vertex in any unit; only shares count, and those of vertices without a cell are passed over. A
        cell, a face or a tetrahedron, gets the mean over its corners of their masses by area or volume of the vertex,
        times its own area or volume. The shares of the cells sum up to those of the vertices, but spread each vertex's
        mass over its neighbors.
    density : (n,) or (V,) float, optional
        Wanted area or volume of the image per area or volume of the mesh, up to a common factor: density 3 where it is
        1 elsewhere enlarges a small part threefold against the rest. One number a cell; or one a vertex, which is
        averaged over the corners of each cell. A vertex's mass is its part, a third or a quarter, of the shares of its
        cells.
        Where it jumps by a factor beyond some 100 from face to face, a fine mesh may not have triangles to follow it
        everywhere: the map then has no folds, but names faces that are off; smooth densities go much farther.

    Raises
    ------
    OptionError
        Both masses and a density.
    GeometryError
        A wrong number of numbers; one that is not positive and finite (the vertices, faces or tetrahedra are named).

    Examples
    --------
    >>> from meshot import Surface
    >>> square = Surface([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    >>> as_measure(square, density=[3, 1]).faces
    array([0.75, 0.25])
    """
    if masses is not None and density is not None:
        raise OptionError("either masses or a density can be prescribed, not both")
    own, cells, used = mesh.cell_measures, mesh.cells, mesh.referenced
    if masses is not None:
        given = positive(masses, "masses", {"vertex": len(used)}, used)
        with np.errstate(divide="ignore", invalid="ignore"):
            at_vertex = np.where(used, given / mesh.vertex_measures, 0.0)
        shares, vertices = own * at_vertex[cells].mean(axis=1), np.where(used, given, 0.0)
        return Measure("masses", vertices / vertices.sum(), shares / shares.sum())
    if density is None:
        total = own.sum()
        return Measure(cast(Kind, mesh.QUANTITY), mesh.vertex_measures / total, own / total)
    values = positive(density, "density", {mesh.CELL: len(cells), "vertex": len(used)}, used)
    return _of_cells(mesh, own * (values if len(values) == len(cells) else values[cells].mean(axis=1)))


def carried(measure: Measure, source: Mesh, target: Mesh, source_vertex: Ints) -> Measure:
    """Carry a measure to the surface after a cut, which keeps the faces and doubles vertices.

    The copies of a vertex share its mass as they share its area.
    """
    if len(target.vertices) == len(source.vertices):
        return measure
    if measure.kind == "density":
        return _of_cells(target, measure.cells)
    areas = source.vertex_measures[source_vertex]
    part = target.vertex_measures / np.where(areas > 0, areas, 1.0)
    return Measure(measure.kind, measure.vertices[source_vertex] * part, measure.cells)


def _of_cells(mesh: Mesh, shares: Floats) -> Measure:
    """Return the measure of a density that gives the cells these shares."""
    shares = shares / shares.sum()
    return Measure("density", mesh.at_vertices(shares), shares)


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
