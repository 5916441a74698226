"""Proof from its numbers alone that a map is bijective, and how far it is at most from keeping areas or volumes.

The theorem: a piecewise-linear map of a triangulated, oriented mesh to the plane or to space that turns no cell over,
and that sends the boundary one to one to a curve or surface around some point, is one to one, and its image is what
the boundary encloses (Lipman, "Bijective mappings of meshes with boundary and the degree in mesh processing", SIAM J.
Imaging Sci. 2014, theorem 1; in the plane Floater, "One-to-one piecewise linear mappings over triangulations", Math.
Comp. 2003). For a point of the image, away from the edges, has as many preimages as the boundary winds around it: each
counts 1, as no cell is turned over. On the sphere there is no boundary, and that number is the same everywhere.

Both on the sphere and on the boundary it is enough to look from a center: where all edges or triangles seen from there
are turned the same way, they cover every direction equally often; so they cover all of them once if one of them. All
that takes are signs of determinants, which are exact.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import GeometryError, format_ids
from meshot.base.predicates import orientations
from meshot.maps.enclosures import UNIT, Enclosed, Long, areas, exact, solid_angles, volumes
from meshot.maps.map import Map
from meshot.maps.target import SPHERE
from meshot.meshes.base import Mesh
from meshot.meshes.solid import Solid

# Facets among which one is sought that is no sliver.
_SOME = 1000


class Interval(NamedTuple):
    """Numbers in extended precision, and what the true ones are at least and at most; each (n,)."""

    value: Long
    low: Long
    high: Long


@dataclass(frozen=True, eq=False)
class Bijectivity:
    """Whether a map is bijective, and if that is not proved, why.

    Attributes
    ----------
    target : {"disk", "sphere", "ball"}
    cells : int
        Number of faces or tetrahedra.
    flipped : (n,) int
        Those whose image is flat or turned over against the others, in exact arithmetic; empty for a bijective map.
    crowded : (n,) int
        Those with an edge, or a tetrahedron's face, that belongs to more than two of them, or to two that are oriented
        against each other; empty for an oriented manifold.
    winding : int
        How often the boundary goes around, or the image covers the sphere; 1 for a bijective map. 0 where that is not
        known: the boundary is not seen to be simple from its middle, or there are cells that are flipped or crowded.
    in_doubt : int
        How many cells were so flat that floating-point numbers did not tell whether they are flipped.
    """

    target: str
    cells: int
    flipped: Ints
    crowded: Ints
    winding: int
    in_doubt: int

    @property
    def bijective(self) -> bool:
        """Whether the map is proved to be bijective."""
        return not self.obstacle

    @property
    def obstacle(self) -> str:
        """Why it is not proved, in words; empty if it is."""
        one, many = ("tetrahedron", "tetrahedra") if self.target == "ball" else ("face", "faces")
        for found, what in ((self.crowded, "without an orientation that fits those beside"), (self.flipped, "flipped")):
            if len(found):
                return f"{len(found)} {one if len(found) == 1 else many} {what} ({format_ids(found.tolist())})"
        if self.winding == 1:
            return ""
        if self.target == "sphere":
            return f"the sphere is covered {self.winding} times" if self.winding else "the surface is not closed"
        return f"the boundary goes around {self.winding} times" if self.winding else "the boundary may cross itself"


@dataclass(frozen=True, eq=False)
class Verification(Bijectivity):
    """What was proved of a map: whether it is bijective, and how well it keeps shares.

    Attributes
    ----------
    largest_error : float
        Largest relative error of a cell's share of the image: |share / wanted share - 1|. The wanted one is its share
        of the area or volume or, if the map has a prescribed measure, of this.
    error_bound : float
        What no cell's error exceeds, whatever rounding did to `largest_error`.
    worst : int
        The cell that has the largest error.
    """

    largest_error: float
    error_bound: float
    worst: int

    def to_dict(self) -> dict[str, Any]:
        """Return the findings as plain numbers."""
        return {"bijective": self.bijective, **vars(self)}


def verify(mapped: Map[Mesh], *, source_cell: Ints | None = None) -> Verification:
    """Prove that a map is bijective, and bound the errors of its shares.

    Neither the way in which the map was computed nor floating-point arithmetic is trusted.

    Parameters
    ----------
    mapped : SurfaceMap or SolidMap
    source_cell : (n,) int, optional
        On a mesh that was cut, the number of the original face or tetrahedron that each one is part of: shares are
        then those of the originals.

    Returns
    -------
    Verification

    Raises
    ------
    GeometryError
        Images that are not finite; a mesh, or an image, without area or volume.

    Examples
    --------
    >>> from meshot import Surface, SurfaceMap
    >>> square = Surface([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    >>> proof = verify(SurfaceMap(square, square.vertices[:, :2], np.arange(4)))
    >>> proof.bijective, proof.largest_error, proof.error_bound < 1e-15
    (True, 0.0, True)
    """
    return Verification(**vars(bijectivity(mapped)), **_share_errors(mapped, source_cell))


def bijectivity(mapped: Map[Mesh]) -> Bijectivity:
    """Prove that a map is bijective.

    Parameters
    ----------
    mapped : SurfaceMap or SolidMap

    Returns
    -------
    Bijectivity

    Raises
    ------
    GeometryError
        Images that are not finite.

    Examples
    --------
    >>> from meshot import Solid, SolidMap
    >>> corner = Solid(np.eye(4, 3), [[3, 0, 1, 2]])
    >>> bijectivity(SolidMap(corner, corner.vertices)).winding
    1
    """
    mesh, image = mapped.mesh, mapped.image
    bad = np.flatnonzero(~np.isfinite(image[mesh.cells]).all(axis=(1, 2)))
    if len(bad):
        raise GeometryError(f"{mesh.CELL} whose image is not finite", ids=bad.tolist())
    boundary, crowded = _boundary(mesh)
    center, around = np.zeros(image.shape[1]), mapped.space is SPHERE
    signs, in_doubt = _seen_from(image, mesh.cells, center) if around else orientations(image, mesh.cells)
    turn = 1 if signs.sum() >= 0 else -1
    flipped, winding = np.flatnonzero(signs != turn), 0
    if not len(flipped) and not len(crowded):
        if not around:
            winding = _winding(image, boundary, turn)
        elif not len(boundary):
            winding = _times_covered(image, mesh.cells, center, turn)
    return Bijectivity(mapped.target, len(signs), flipped, crowded, winding, in_doubt)


# ---------------------------------------------------------------------------------------------------------------------
# signs


def _boundary(mesh: Any) -> tuple[Ints, Ints]:
    """Return the edges, or triangles, of the boundary, outward, and the cells at which the mesh is no manifold."""
    facets, (order, starts) = (
        (mesh.halffaces, mesh.face_order) if isinstance(mesh, Solid) else (mesh.halfedges, mesh.edge_order)
    )
    parity = np.ones(len(facets), dtype=np.int64)
    for i, j in combinations(range(facets.shape[1]), 2):
        parity *= np.sign(facets[:, j] - facets[:, i])
    sizes = np.diff(starts, append=len(order))
    free = sizes == 1
    wrong = ~free & ((sizes > 2) | (np.add.reduceat(parity[order], starts) != 0))
    crowded = np.unique(order[np.repeat(wrong, sizes)] // mesh.CORNERS)
    return facets[order[starts[free]]], crowded


def _seen_from(points: Floats, facets: Ints, center: Floats) -> tuple[Ints, int]:
    """Return how edges or triangles are turned, seen from a center: 1 if that lies behind them."""
    corners = np.column_stack([facets, np.full(len(facets), len(points))])
    signs, in_doubt = orientations(np.vstack([points, center]), corners)
    return signs if len(center) == 2 else -signs, in_doubt


def _winding(points: Floats, boundary: Ints, turn: int) -> int:
    """Return how often the boundary goes around the origin or, if it does not, around its own middle; 0 if neither."""
    if len(boundary):
        for center in (np.zeros(points.shape[1]), points[boundary].mean(axis=(0, 1))):
            if (_seen_from(points, boundary, center)[0] == turn).all():
                return _times_covered(points, boundary, center, turn)
    return 0


def _times_covered(points: Floats, facets: Ints, center: Floats, turn: int) -> int:
    """Return how many edges or triangles, all turned alike, one sees in the direction of the middle of one of them."""
    some = points[facets[:_SOME]]
    middle = some[np.argmax(np.abs(np.linalg.det(some - center)))].mean(axis=0)
    everything, place = np.vstack([points, middle]), len(points)
    seen = facets
    for corner in range(facets.shape[1]):
        # in its cone if it turns the same way as the facet, whichever corner it stands for
        replaced = seen.copy()
        replaced[:, corner] = place
        seen = seen[_seen_from(everything, replaced, center)[0] * turn >= 0]
    return len(seen)


# ---------------------------------------------------------------------------------------------------------------------
# shares


def _share_errors(mapped: Map[Mesh], source_cell: Ints | None) -> dict[str, Any]:
    """Return the largest error of a share, a bound on all, and the cell that has the largest."""
    mesh = mapped.mesh
    measures: dict[str, Callable[[Floats, Ints], Enclosed]] = {"disk": areas, "sphere": solid_angles, "ball": volumes}
    found = measures[mapped.target](mapped.image, mesh.cells)
    if mapped.prescribed and mapped.measure is not None:
        wanted = exact(mapped.measure.cells)
    else:
        wanted = (volumes if isinstance(mesh, Solid) else areas)(mesh.vertices, mesh.cells)
    if source_cell is not None:
        wanted, found = wanted.summed(source_cell), found.summed(source_cell)
    ratio, low, high = _quotient(_shares(found, mesh), _shares(wanted, mesh))
    real = wanted.values > 0  # what has no area has no ratio
    errors = np.where(real, np.abs(ratio - 1), 0)
    bound = np.where(real, np.maximum(high - 1, 1 - low), 0).max() * (1 + 4 * UNIT)
    above = float(np.nextafter(float(bound), np.inf))
    return {"largest_error": float(errors.max()), "error_bound": above, "worst": int(errors.argmax())}


def _shares(measures: Enclosed, mesh: Mesh) -> Interval:
    """Return the shares of the total, and what they are at least and at most."""
    (total,), (error,) = measures.total()
    if not total > error:
        raise GeometryError(f"the {mesh.KIND} or its image has no {mesh.QUANTITY}")
    values, errors = measures
    return Interval(
        values / total, np.maximum(values - errors, 0) / (total + error), (values + errors) / (total - error)
    )


def _quotient(upper: Interval, lower: Interval) -> Interval:
    """Return the quotients of positive numbers, between those of their bounds, and these wider by their rounding."""
    with np.errstate(divide="ignore", invalid="ignore"):
        slack = 12 * UNIT
        return Interval(
            upper.value / lower.value, upper.low / lower.high * (1 - slack), upper.high / lower.low * (1 + slack)
        )
