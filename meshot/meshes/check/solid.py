"""Check a solid: its properties, and every problem that prevents a map to the ball, with cause and offending ids."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from meshot.base.arrays import Floats, Ints, norms
from meshot.meshes.check.problems import (
    Finding,
    Report,
    component_problems,
    coordinate_problems,
    copied_cells,
    counted,
    genus_problems,
    listed,
    make_problem,
    repeating_cells,
    vertex_notes,
)
from meshot.meshes.solid import OPPOSITE, SIDES, Solid, signed_volumes

if TYPE_CHECKING:
    from meshot.meshes.topology import Topology

FLAT = 1e-10
"""A tetrahedron counts as flat if six times its volume is below this part of its longest edge's cube."""


@dataclass(frozen=True)
class SolidReport(Report):
    """Properties, problems and notes of a solid.

    The figures from `faces` to `boundary_components` leave out tetrahedra that name a vertex twice, and second copies.

    Attributes
    ----------
    vertices, tetrahedra, edges, faces : int
        Their numbers; all vertices of the input, whether or not a tetrahedron uses them.
    unreferenced : int
        Vertices that belong to no tetrahedron.
    components : int
        Pieces that share no face.
    euler : int
        Euler characteristic vertices - edges + faces - tetrahedra, unreferenced vertices left out; 1 for a ball.
    boundary_faces, boundary_components : int
        Triangles on the boundary, and closed surfaces that it consists of.
    cavities : int or None
        Surfaces of the boundary beyond one for each component; None if the solid is not manifold.
    genus : int or None
        Number of tunnels, in all; None if the solid is not manifold.
    manifold : bool
        Whether every face has at most two tetrahedra, and every edge and vertex of the boundary one fan of faces.
    volume : float
        Total volume, in the cube of the mesh's unit.
    inverted : int
        Tetrahedra turned against the others.
    smallest_angle : float
        Smallest angle between two faces of a tetrahedron, in degrees; NaN if a coordinate is not finite.
    problems : tuple of Finding
        They prevent a map to the ball.
    notes : tuple of Finding
        They do not prevent a map.
    """

    TARGET: ClassVar[str] = "ball"

    vertices: int
    tetrahedra: int
    edges: int
    faces: int
    unreferenced: int
    components: int
    euler: int
    boundary_faces: int
    boundary_components: int
    cavities: int | None
    genus: int | None
    manifold: bool
    volume: float
    inverted: int
    smallest_angle: float
    problems: tuple[Finding, ...] = field(default=())
    notes: tuple[Finding, ...] = field(default=())

    def rows(self) -> list[tuple[str, str]]:
        """Return the figures in words, by name.

        Returns
        -------
        list of (str, str)
        """
        unused = f" ({self.unreferenced} unreferenced)" if self.unreferenced else ""
        return [
            ("vertices", f"{self.vertices}{unused}"),
            ("edges", f"{self.edges}"),
            ("faces", f"{self.faces}, {self.boundary_faces} of them on the boundary"),
            ("tetrahedra", f"{self.tetrahedra}"),
            ("components", f"{self.components}"),
            ("boundary surfaces", f"{self.boundary_components}"),
            ("cavities", "undefined" if self.cavities is None else f"{self.cavities}"),
            ("genus", "undefined" if self.genus is None else f"{self.genus}"),
            ("Euler characteristic", f"{self.euler}"),
            ("manifold", "yes" if self.manifold else "no"),
            ("inverted", f"{self.inverted}"),
            ("volume", f"{self.volume:.6g}"),
            ("smallest angle", f"{self.smallest_angle:.4g} degrees between faces"),
        ]


def check_solid(solid: Solid) -> SolidReport:
    """Examine a solid: counts, topology, orientation, geometry; `meshot.check` does so for solids.

    Examples
    --------
    >>> report = check_solid(Solid([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [9, 9, 9]], [[0, 1, 2, 3]]))
    >>> report.ok, report.euler, report.notes[0].ids
    (True, 1, (4,))
    """
    from meshot.meshes.topology import Topology, components  # noqa: PLC0415  (SciPy's graphs)

    copies, repeated = copied_cells(solid.tetrahedra), repeating_cells(solid.tetrahedra)
    kept = np.ones(len(solid.tetrahedra), dtype=bool)
    kept[copies] = kept[repeated] = False
    number = np.flatnonzero(kept) if kept.any() else np.arange(len(kept))
    mesh = solid if len(number) == len(kept) else solid.with_tetrahedra(solid.tetrahedra[number])
    skin = mesh.boundary_halffaces if kept.any() else np.zeros(0, dtype=np.int64)
    boundary = Topology(mesh.halffaces[skin], len(mesh.vertices))
    inside = np.flatnonzero(mesh.neighbors.ravel() >= 0)
    labels = components(len(mesh.tetrahedra), inside // 4, mesh.neighbors.ravel()[inside])
    topological = tuple(_topology_problems(mesh, number, boundary, labels))
    kinds = {problem.kind for problem in topological}
    with np.errstate(all="ignore"):  # whatever the coordinates are, the report says it
        inverted, shape, angle = _geometry(solid)
        geometric = tuple(_geometry_problems(solid, copies, repeated, inverted, shape))
        notes = tuple(_notes(solid, kinds))
    manifold = not kinds & {"non-manifold-face", "non-manifold-edge", "non-manifold-vertex"}
    surfaces = int(boundary.face_components.max(initial=-1)) + 1
    pieces = int(labels.max()) + 1
    return SolidReport(
        vertices=len(solid.vertices),
        tetrahedra=len(solid.tetrahedra),
        edges=len(mesh.edges),
        faces=len(mesh.face_order[1]),
        unreferenced=int((~solid.referenced).sum()),
        components=pieces,
        euler=mesh.euler_characteristic,
        boundary_faces=len(skin),
        boundary_components=surfaces,
        cavities=surfaces - pieces if manifold else None,
        genus=(2 * surfaces - boundary.euler_characteristic) // 2 if manifold else None,
        manifold=manifold,
        volume=solid.volume,
        inverted=len(inverted),
        smallest_angle=angle,
        problems=topological + geometric,
        notes=notes,
    )


# ---------------------------------------------------------------------------------------------------------------------
# topology


def _topology_problems(mesh: Solid, number: Ints, boundary: "Topology", labels: Ints) -> Iterator[Finding]:
    """Yield the problems; `number` is the tetrahedron of the input that each of `mesh` is."""
    crowded = _crowded(mesh)
    edges, vertices = boundary.non_manifold_edges, boundary.non_manifold_vertices
    if len(crowded):
        share = counted(len(crowded), "non-manifold face belongs", "non-manifold faces belong")
        message = f"{share} to more than two tetrahedra; one of each"
        yield make_problem("non-manifold-face", message, number[crowded], "tetrahedra")
    if len(edges):
        some = listed([f"{a}-{b}" for a, b in edges.tolist()])
        share = counted(len(edges), "non-manifold edge joins", "non-manifold edges join")
        message = f"{share} parts of the boundary that touch there: {some}"
        yield make_problem("non-manifold-edge", message, np.unique(edges), "vertices")
    vertices = np.setdiff1d(vertices, edges)
    if len(vertices):
        share = counted(len(vertices), "non-manifold vertex joins", "non-manifold vertices join")
        message = f"{share} parts of the boundary that touch there"
        yield make_problem("non-manifold-vertex", message, vertices, "vertices")
    yield from component_problems("solid", "tetrahedra", "one of each", labels, number)
    if len(crowded) or len(edges) or len(vertices):
        return
    yield from _boundary_problems(boundary, int(labels.max()) + 1, mesh.euler_characteristic)


def _boundary_problems(boundary: "Topology", pieces: int, euler: int) -> Iterator[Finding]:
    """Yield the problems of a boundary that is a manifold."""
    surfaces = np.bincount(boundary.face_components)
    if len(surfaces) > pieces:
        first = boundary.faces[np.unique(boundary.face_components, return_index=True)[1], 0]
        order = np.lexsort((first, -surfaces))
        count = len(surfaces) - pieces
        has = "a cavity" if count == 1 else f"{count} cavities"
        message = (
            f"the solid has {has}: its boundary is {len(surfaces)} surfaces, of {listed(surfaces[order].tolist())}"
        )
        yield make_problem(
            "cavity", f"{message} faces; one vertex of each after the largest", first[order[1:]], "vertices"
        )
    genus = (2 * len(surfaces) - boundary.euler_characteristic) // 2
    yield from genus_problems("boundary", genus, boundary.handle if len(surfaces) == 1 else None)
    if genus == 0 and len(surfaces) == pieces == 1 and euler != 1:
        yield Finding("not-a-ball", f"the solid is no ball: its Euler characteristic is {euler}, not 1")


def _crowded(mesh: Solid) -> Ints:
    """Return the first tetrahedron of each face that belongs to more than two."""
    order, starts = mesh.face_order
    return np.asarray(order[starts[np.diff(starts, append=len(order)) > 2]] // 4)


# ---------------------------------------------------------------------------------------------------------------------
# geometry


def _geometry(solid: Solid) -> tuple[Ints, Floats, float]:
    """Inverted tetrahedra, six times each volume over the longest edge's cube, and the smallest angle in degrees."""
    scale = float(np.abs(solid.vertices[solid.referenced]).max(initial=0.0)) or 1.0
    points = solid.vertices / scale
    six = 6 * signed_volumes(points, solid.tetrahedra)
    ends = points[solid.tetrahedra[:, SIDES]]
    longest = norms(ends[:, :, 1] - ends[:, :, 0]).max(axis=1)
    longest[longest == 0] = 1.0
    shape = np.abs(six) / longest**3
    orientation = 1.0 if six.sum() >= 0 else -1.0
    return np.flatnonzero((orientation * six < 0) & (shape >= FLAT)), shape, _smallest_angle(points, solid.tetrahedra)


def _smallest_angle(points: Floats, tetrahedra: Ints) -> float:
    """Smallest angle between two faces of a tetrahedron, in degrees."""
    corners = points[tetrahedra]
    normals = []
    for a, b, c in OPPOSITE.tolist():
        normal = np.cross(corners[:, b] - corners[:, a], corners[:, c] - corners[:, a])
        normals.append(normal / np.maximum(norms(normal), np.finfo(float).tiny)[:, None])
    # Between outward normals the angle is 180 degrees less that between the faces.
    cosine = np.max([-np.einsum("tk,tk->t", normals[i], normals[j]) for i, j in SIDES.tolist()], axis=0)
    return float(np.degrees(np.arccos(np.clip(cosine.max(), -1, 1)))) if np.isfinite(cosine).all() else float("nan")


def _geometry_problems(solid: Solid, copies: Ints, repeated: Ints, inverted: Ints, shape: Floats) -> Iterator[Finding]:
    yield from coordinate_problems(solid.vertices, solid.referenced)
    if len(copies):
        message = (
            f"{counted(len(copies), 'tetrahedron has', 'tetrahedra have')} the same four vertices as another before"
        )
        yield make_problem("duplicate-tetrahedron", message, copies, "tetrahedra")
    if len(repeated):
        message = f"{counted(len(repeated), 'tetrahedron names', 'tetrahedra name')} a vertex twice"
        yield make_problem("repeated-vertex", message, repeated, "tetrahedra")
    if len(inverted):
        message = f"{counted(len(inverted), 'tetrahedron is', 'tetrahedra are')} turned inside out against the others"
        yield make_problem("inverted-tetrahedron", message, inverted, "tetrahedra")
    flat = np.setdiff1d(np.flatnonzero(shape < FLAT), repeated)
    if len(flat):
        message = f"{counted(len(flat), 'tetrahedron is', 'tetrahedra are')} flat"
        yield make_problem("flat-tetrahedron", message, flat, "tetrahedra")


def _notes(solid: Solid, kinds: set[str]) -> Iterator[Finding]:
    yield from vertex_notes(solid)
    if kinds & {"several-components", "cavity"}:
        yield from _coincident_notes(solid)
    if solid.orientation < 0 and np.isfinite(solid.vertices[solid.referenced]).all():
        yield Finding("mirrored", "all tetrahedra are turned inside out, as if in a mirror; so will be their images")


def _coincident_notes(solid: Solid) -> Iterator[Finding]:
    """Yield which vertices stand where others do."""
    order = np.lexsort(solid.vertices.T)
    same = (solid.vertices[order[1:]] == solid.vertices[order[:-1]]).all(axis=1)
    again = np.sort(order[1:][same])
    if len(again):
        share = counted(len(again), "vertex stands", "vertices stand")
        message = f"{share} exactly where another does; joining them may mend the mesh"
        yield make_problem("coincident-vertex", message, again, "vertices")
