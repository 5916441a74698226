"""Check a surface: its properties, and every problem that prevents a map, with its cause and the offending ids."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, overload

import numpy as np

from meshot.base.arrays import Floats, Ints, norms
from meshot.base.errors import GeometryError, TopologyError
from meshot.meshes.check.problems import (
    Finding,
    Report,
    component_problems,
    coordinate_problems,
    copied_cells,
    counted,
    error_of,
    genus_problems,
    listed,
    make_problem,
    repeating_cells,
    vertex_notes,
)
from meshot.meshes.check.seams import COINCIDENT, join_notes
from meshot.meshes.check.solid import SolidReport, check_solid
from meshot.meshes.solid import Solid, as_solid
from meshot.meshes.surface import Surface, as_surface

if TYPE_CHECKING:
    from meshot.meshes.topology import Topology

FLAT = 1e-10
"""A face counts as flat if its height over its longest side is below this part of that side.

An angle of 0.0005 degrees gives 4e-6, exactly collinear corners up to about 1e-15 by rounding.
"""

CHUNK = 16_384
"""Faces that are measured together, so that what is between stays in the cache."""

GEOMETRY = (
    "non-finite-coordinates", "coordinate-range", "duplicate-face", "zero-area-face",
    "duplicate-tetrahedron", "repeated-vertex", "inverted-tetrahedron", "flat-tetrahedron",
)  # fmt: skip
"""Kinds of problems that raise `GeometryError`; the others raise `TopologyError`."""


@dataclass(frozen=True)
class MeshReport(Report):
    """Properties, problems and notes of a surface.

    The figures from `edges` to `orientable` leave out faces that name a vertex twice, and second copies of a face.

    Attributes
    ----------
    vertices, faces, edges : int
        Their numbers; all vertices of the input, whether or not a face uses them.
    unreferenced : int
        Vertices that belong to no face.
    components : int
        Pieces that share no vertex.
    euler : int
        Euler characteristic V - E + F, unreferenced vertices left out.
    genus : int or None
        Number of handles, in all; None if the mesh is no orientable manifold.
    boundary_loops : int
        Number of closed boundary curves; 0 for a closed surface.
    boundary_edges : tuple of int
        Their numbers of edges, longest first.
    manifold, oriented, orientable : bool
        Whether every edge has at most two faces and every vertex one fan; whether neighbors agree; whether they could.
    area : float
        Total area, in the square of the mesh's unit.
    smallest_angle : float
        In degrees; NaN if a coordinate is not finite.
    problems : tuple of Finding
        They prevent a map to the disk.
    notes : tuple of Finding
        They do not prevent a map.
    """

    TARGET: ClassVar[str] = "disk"

    vertices: int
    faces: int
    edges: int
    unreferenced: int
    components: int
    euler: int
    genus: int | None
    boundary_loops: int
    boundary_edges: tuple[int, ...]
    manifold: bool
    oriented: bool
    orientable: bool
    area: float
    smallest_angle: float
    problems: tuple[Finding, ...] = field(default=())
    notes: tuple[Finding, ...] = field(default=())

    def rows(self) -> list[tuple[str, str]]:
        """Return the figures in words, by name.

        Returns
        -------
        list of (str, str)
        """
        sizes = f" ({listed(self.boundary_edges)} edges)" if self.boundary_edges else " (closed)"
        kind = "none possible" if not self.orientable else "consistent" if self.oriented else "inconsistent"
        return [
            ("vertices", f"{self.vertices}" + (f" ({self.unreferenced} unreferenced)" if self.unreferenced else "")),
            ("edges", f"{self.edges}"),
            ("faces", f"{self.faces}"),
            ("components", f"{self.components}"),
            ("boundary loops", f"{self.boundary_loops}{sizes}"),
            ("Euler characteristic", f"{self.euler}"),
            ("genus", "undefined" if self.genus is None else f"{self.genus}"),
            ("manifold", "yes" if self.manifold else "no"),
            ("orientation", kind),
            ("area", f"{self.area:.6g}"),
            ("smallest angle", f"{self.smallest_angle:.4g} degrees"),
        ]


@overload
def check(mesh: Solid) -> SolidReport: ...
@overload
def check(mesh: Surface) -> MeshReport: ...
@overload
def check(mesh: Any) -> Any: ...
def check(mesh: Any) -> MeshReport | SolidReport:
    """Examine a mesh: counts, topology, orientation, geometry.

    Parameters
    ----------
    mesh : Surface, or a trimesh or PyVista mesh; or Solid, or a PyVista or meshio mesh of tetrahedra
        Any triangles or tetrahedra; nothing is assumed of them and nothing is changed.

    Returns
    -------
    MeshReport or SolidReport
        Figures, problems and notes. ``report.ok`` says whether the mesh can be mapped: to the disk, or a solid to the
        ball.

    Examples
    --------
    >>> report = check(Surface([[0, 0, 0], [1, 0, 0], [0, 1, 0], [2, 2, 2]], [[0, 1, 2]]))
    >>> report.ok, report.genus, report.boundary_loops, report.notes[0].ids
    (True, 0, 1, (3,))
    """
    if isinstance(mesh, Solid) or hasattr(mesh, "tetrahedra") or hasattr(mesh, "cells_dict"):
        return check_solid(as_solid(mesh))
    return _check_surface(as_surface(mesh))


def _check_surface(mesh: Surface) -> MeshReport:
    from meshot.meshes.topology import Topology  # noqa: PLC0415  (SciPy's graphs; this module is loaded for its name alone)

    copies, repeated = copied_cells(mesh.faces), repeating_cells(mesh.faces)
    kept = np.ones(len(mesh.faces), dtype=bool)
    kept[copies] = kept[repeated] = False
    number = np.flatnonzero(kept)
    known = mesh.edge_order if len(number) == len(kept) else None
    topology = Topology(mesh.faces[kept], len(mesh.vertices), known)
    topological = tuple(_topology_problems(topology, number))
    kinds = {problem.kind for problem in topological}
    with np.errstate(all="ignore"):  # whatever the coordinates are, the report says it
        height, angle, area = _geometry(mesh)
        geometric = tuple(_geometry_problems(mesh, copies, height))
        notes = tuple(_notes(mesh, topology, kinds))
    manifold = not kinds & {"non-manifold-edge", "non-manifold-vertex"}
    orientable = "non-orientable" not in kinds
    return MeshReport(
        vertices=len(mesh.vertices),
        faces=len(mesh.faces),
        edges=len(topology.starts),
        unreferenced=int((~mesh.referenced).sum()),
        components=_component_count(topology),
        euler=topology.euler_characteristic,
        genus=_genus(topology) if manifold and orientable else None,
        boundary_loops=len(topology.boundary_loops),
        boundary_edges=tuple(length for length, _, _ in topology.boundary_loops),
        manifold=manifold,
        oriented=orientable and "inconsistent-orientation" not in kinds,
        orientable=orientable,
        area=area,
        smallest_angle=angle,
        problems=topological + geometric,
        notes=notes,
    )


def require_genus_zero(surface: Any) -> MeshReport:
    """Return the report of a mesh that can be mapped to the disk, or raise its first problem.

    Parameters
    ----------
    surface : Surface, or a trimesh or PyVista mesh
        One connected oriented manifold of genus 0 with no or one boundary loop passes.

    Raises
    ------
    TopologyError
        Non-manifold, not or wrongly oriented, several components or boundary loops, or handles; ``ids`` holds the
        offending vertices or faces, the message says which, names the kinds of the other problems, and what joining
        the boundary would give where its vertices nearly agree.
    GeometryError
        Coordinates that are not finite or out of range, faces of zero area, or duplicate faces.
    """
    report: MeshReport = check(surface)
    _raise_first(report.problems, hint_to_join(report.notes))
    return report


def require_ball(solid: Solid) -> SolidReport:
    """Return the report of a solid that can be mapped to the ball, or raise its first problem.

    Parameters
    ----------
    solid : Solid
        One connected manifold without tunnels and cavities passes, its tetrahedra turned alike and none of them flat.

    Raises
    ------
    TopologyError
        Non-manifold, several components, cavities, or tunnels; ``ids`` holds the offending vertices or tetrahedra.
    GeometryError
        Coordinates that are not finite; flat, inverted or duplicate tetrahedra.
    """
    report = check(solid)
    _raise_first(report.problems)
    return report


def require_closed(report: MeshReport) -> None:
    """Raise `TopologyError` for a surface that is open, by its report."""
    if report.boundary_loops:
        message = "only a closed surface can be mapped to the sphere; this one has a boundary"
        raise TopologyError(message + hint_to_join(report.notes))


def hint_to_join(notes: Sequence[Finding]) -> str:
    """Return the end of a sentence that says what joining would give, if one of the notes does."""
    return "".join(f"; {note.message}" for note in notes if note.kind == COINCIDENT)


def _raise_first(problems: Sequence[Finding], hint: str = "") -> None:
    if not problems:
        return
    first, *others = problems
    also = ", ".join(problem.kind.replace("-", " ").replace("non ", "non-") for problem in others)
    kind = GeometryError if first.kind in GEOMETRY else TopologyError
    raise error_of(first, kind, (f"; also: {also}" if also else "") + hint)


# ---------------------------------------------------------------------------------------------------------------------
# topology


def _component_count(topology: "Topology") -> int:
    return int(topology.face_components.max(initial=-1)) + 1


def _genus(topology: "Topology") -> int:
    """Genus of an orientable manifold, summed over its components: chi = 2 C - 2 g - b."""
    loops = len(topology.boundary_loops)
    return (2 * _component_count(topology) - topology.euler_characteristic - loops) // 2


def _topology_problems(topology: "Topology", number: Ints) -> Iterator[Finding]:
    """Yield the problems; `number` is the face of the input that each face of `topology` is."""
    edges, vertices = topology.non_manifold_edges, topology.non_manifold_vertices
    if len(edges):
        some = listed([f"{a}-{b}" for a, b in edges.tolist()])
        share = counted(len(edges), "non-manifold edge belongs", "non-manifold edges belong")
        yield make_problem("non-manifold-edge", f"{share} to more than two faces: {some}", np.unique(edges), "vertices")
    if len(vertices):
        share = counted(len(vertices), "non-manifold vertex joins", "non-manifold vertices join")
        yield make_problem("non-manifold-vertex", f"{share} parts that share no edge there", vertices, "vertices")
    strip, flip = topology.one_sided_strip, topology.faces_to_flip
    if len(strip):
        message = "the surface cannot be oriented: sides are swapped along a closed strip of faces"
        yield make_problem("non-orientable", message, number[strip])
    if len(flip):
        message = f"{counted(len(flip), 'face is', 'faces are')} oriented against the others and should be flipped"
        yield make_problem("inconsistent-orientation", message, number[flip])
    yield from component_problems("mesh", "faces", "one face of each", topology.face_components, number)
    manifold = not len(edges) and not len(vertices) and not len(strip)
    if manifold:
        alone = _component_count(topology) == 1
        yield from genus_problems("surface", _genus(topology), topology.handle if alone else None)
    loops = topology.boundary_loops
    if len(loops) > len({component for _, _, component in loops}):
        lengths = listed([length for length, _, _ in loops])
        message = (
            f"the surface has {len(loops)} boundary loops, of {lengths} edges; one vertex of each after the longest"
        )
        yield make_problem(
            "several-boundary-loops", message, np.array([vertex for _, vertex, _ in loops[1:]]), "vertices"
        )


# ---------------------------------------------------------------------------------------------------------------------
# geometry


def _geometry(mesh: Surface) -> tuple[Floats, float, float]:
    """Relative height of each face, smallest angle in degrees, and total area."""
    scale = float(np.abs(mesh.vertices[mesh.referenced]).max(initial=0.0)) or 1.0
    parts = [_shapes(corners / scale) for corners in _corners(mesh)]
    height, sine, area = (np.concatenate(part) for part in zip(*parts, strict=True))
    angle = float(np.degrees(np.arcsin(np.minimum(sine, 1.0)).min(initial=np.pi / 3)))
    return height, angle, float(area.sum()) * scale * scale


def _corners(mesh: Surface) -> Iterator[Floats]:
    """Yield positions of the corners of some faces after the other, (n, 3, 3)."""
    for start in range(0, len(mesh.faces), CHUNK):
        yield mesh.vertices[mesh.faces[start : start + CHUNK]]


def _shapes(corners: Floats) -> tuple[Floats, Floats, Floats]:
    """Height of each triangle over its longest side, divided by that side; sine of its smallest angle; its area.

    The height is 0 for a flat one.

    Parameters
    ----------
    corners : (F, 3, 3) float
        Positions of the corners of each triangle.
    """
    a, b, c = corners.transpose(1, 0, 2)
    sides = b - a, c - b, a - c
    shortest, middle, longest = np.sort([norms(side) for side in sides], axis=0)
    longest[longest == 0] = 1.0
    height = norms(np.cross(sides[0] / longest[:, None], sides[1] / longest[:, None]))
    sine = np.where(shortest > 0, height * longest / np.where(middle > 0, middle, 1.0), 0.0)
    return height, sine, 0.5 * height * longest**2


def _geometry_problems(mesh: Surface, copies: Ints, height: Floats) -> Iterator[Finding]:
    yield from coordinate_problems(mesh.vertices, mesh.referenced)
    if len(copies):
        message = f"{counted(len(copies), 'face has', 'faces have')} the same three vertices as another before"
        yield make_problem("duplicate-face", message, copies)
    flat = np.flatnonzero(height < FLAT)
    if len(flat):
        message = f"{counted(len(flat), 'face has', 'faces have')} no area: a height below {FLAT:g} of the longest side"
        yield make_problem("zero-area-face", message, flat)


def _notes(mesh: Surface, topology: "Topology", kinds: set[str]) -> Iterator[Finding]:
    yield from vertex_notes(mesh)
    if topology.boundary_loops:
        yield from join_notes(mesh)
    if not kinds and not topology.boundary_loops and np.isfinite(mesh.vertices[mesh.referenced]).all():
        middle = mesh.vertices[mesh.referenced].mean(axis=0)
        if sum(_volume(corners - middle) for corners in _corners(mesh)) < 0:
            yield Finding("inside-out", "the faces run clockwise seen from outside, so the map shows the inside")


def _volume(corners: Floats) -> float:
    """Signed volume of the tetrahedra between triangles and the origin, times six."""
    a, b, c = corners.transpose(1, 0, 2)
    return float(np.sum(a * np.cross(b, c)))
