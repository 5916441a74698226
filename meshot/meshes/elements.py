"""Kinds of elements in mesh files, and the tetrahedra or polygons among them."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from meshot.base.arrays import Ints
from meshot.base.errors import MeshReadError

ANY = 0
"""Number of nodes of a kind whose elements differ in it."""


class Element(NamedTuple):
    """A kind of element.

    Attributes
    ----------
    name : str
        As in meshio.
    dimension : int
    nodes : int
        Of each element; `ANY` if they differ.
    vtk, msh : int
        Its number in files of VTK and Gmsh; -1 if it has none.
    """

    name: str
    dimension: int
    nodes: int
    vtk: int = -1
    msh: int = -1


TETRAHEDRON = Element("tetra", 3, 4, 10, 4)

# VTK's numbers are those of vtkCellType.h, the others those of the section "Node ordering" of Gmsh's manual.
ELEMENTS = (
    TETRAHEDRON,
    Element("vertex", 0, 1, 1, 15),
    Element("line", 1, 2, 3, 1),
    Element("triangle", 2, 3, 5, 2),
    Element("quad", 2, 4, 9, 3),
    Element("hexahedron", 3, 8, 12, 5),
    Element("wedge", 3, 6, 13, 6),
    Element("pyramid", 3, 5, 14, 7),
    Element("line3", 1, 3, 21, 8),
    Element("triangle6", 2, 6, 22, 9),
    Element("quad9", 2, 9, 28, 10),
    Element("tetra10", 3, 10, 24, 11),
    Element("hexahedron27", 3, 27, 29, 12),
    Element("wedge18", 3, 18, 32, 13),
    Element("pyramid14", 3, 14, -1, 14),
    Element("quad8", 2, 8, 23, 16),
    Element("hexahedron20", 3, 20, 25, 17),
    Element("wedge15", 3, 15, 26, 18),
    Element("pyramid13", 3, 13, 27, 19),
    Element("triangle9", 2, 9, -1, 20),
    Element("triangle10", 2, 10, -1, 21),
    Element("triangle12", 2, 12, -1, 22),
    Element("triangle15", 2, 15, -1, 23),
    Element("line4", 1, 4, 35, 26),
    Element("line5", 1, 5, -1, 27),
    Element("line6", 1, 6, -1, 28),
    Element("tetra20", 3, 20, -1, 29),
    Element("tetra35", 3, 35, -1, 30),
    Element("tetra56", 3, 56, -1, 31),
    Element("poly_vertex", 0, ANY, 2),
    Element("poly_line", 1, ANY, 4),
    Element("triangle_strip", 2, ANY, 6),
    Element("polygon", 2, ANY, 7),
    Element("pixel", 2, 4, 8),
    Element("voxel", 3, 8, 11),
    Element("pentagonal_prism", 3, 10, 15),
    Element("hexagonal_prism", 3, 12, 16),
    Element("convex_point_set", 3, ANY, 41),
    Element("polyhedron", 3, ANY, 42),
    Element("lagrange_curve", 1, ANY, 68),
    Element("lagrange_triangle", 2, ANY, 69),
    Element("lagrange_quadrilateral", 2, ANY, 70),
    Element("lagrange_tetrahedron", 3, ANY, 71),
)

BY_NAME = {element.name: element for element in ELEMENTS}
BY_VTK = {element.vtk: element for element in ELEMENTS if element.vtk >= 0}
BY_MSH = {element.msh: element for element in ELEMENTS if element.msh >= 0}


class Block(NamedTuple):
    """Consecutive elements of one kind.

    Attributes
    ----------
    element : Element
    nodes : (n, k) int
        Vertex indices, from 0.
    ids : (n,) int
        The elements' places among all of the file.
    """

    element: Element
    nodes: Ints
    ids: Ints


def tetrahedra(blocks: Iterable[Block]) -> tuple[Ints, tuple[str, ...]]:
    """Select the tetrahedra among elements.

    Of tetrahedra with further nodes on their edges the corners are used; elements of lower dimension are skipped.

    Parameters
    ----------
    blocks : iterable of Block

    Returns
    -------
    corners : (T, 4) int
        In the order of the elements.
    notes : tuple of str
        What was skipped.

    Raises
    ------
    MeshReadError
        There are other solid elements, which would leave holes, or no tetrahedra.

    Examples
    --------
    >>> solid = Block(TETRAHEDRON, np.array([[3, 0, 1, 2]]), np.array([1]))
    >>> skin = Block(BY_NAME["triangle"], np.array([[0, 1, 2]]), np.array([0]))
    >>> tetrahedra([skin, solid])
    (array([[3, 0, 1, 2]]), ('1 element of another kind was passed over: 1 triangle',))
    """
    found: list[Ints] = []
    others: dict[str, int] = {}
    curved = 0
    for element, nodes, ids in blocks:
        if element.dimension == 3 and element.name.startswith("tetra"):
            found.append(nodes[:, :4])
            curved += len(nodes) if nodes.shape[1] > 4 else 0
        elif element.dimension == 3:
            raise MeshReadError(
                f"the mesh has {element.name} elements, and solids are taken of tetrahedra alone: split them first",
                ids=ids.tolist(),
            )
        else:
            others[element.name] = others.get(element.name, 0) + len(nodes)
    if not sum(map(len, found)):
        kinds = f", only {_counts(others)}" if others else ""
        raise MeshReadError(f"the mesh has no tetrahedra{kinds}")
    notes = []
    if others:
        total = sum(others.values())
        verb = "element of another kind was" if total == 1 else "elements of other kinds were"
        notes.append(f"{total} {verb} passed over: {_counts(others)}")
    if curved:
        notes.append(f"{curved} tetrahedra have more than 4 nodes, of which the corners were taken")
    return np.concatenate(found), tuple(notes)


# Number of corners of the kinds of surface elements that have further nodes, and the order of a pixel's.
_CORNERS = {"triangle": 3, "quad": 4}
_PIXEL = [0, 1, 3, 2]


def is_surface(blocks: Iterable[Block]) -> bool:
    """Return whether elements are those of a surface: some of dimension two, and none of dimension three."""
    return max((block.element.dimension for block in blocks if len(block.ids)), default=0) == 2


def polygons(blocks: Iterable[Block], notes: tuple[str, ...] = ()) -> tuple[Ints, Ints, tuple[str, ...]]:
    """Select the triangles, quads and polygons among elements, in their order.

    Of elements with further nodes on their edges the corners are used; lines and points are skipped.

    Parameters
    ----------
    blocks : iterable of Block
    notes : tuple of str
        What has been skipped before.

    Returns
    -------
    corners : (sum of sizes,) int
        Vertices of all polygons, one polygon after the other.
    sizes : (P,) int
        Number of corners of each.
    notes : tuple of str
        Those given, and what was skipped.

    Raises
    ------
    MeshReadError
        There are elements of a surface of another kind.

    Examples
    --------
    >>> quad = Block(BY_NAME["quad"], np.array([[0, 1, 2, 3]]), np.array([1]))
    >>> triangle = Block(BY_NAME["triangle"], np.array([[3, 2, 4]]), np.array([0]))
    >>> polygons([quad, triangle])
    (array([3, 2, 4, 0, 1, 2, 3]), array([3, 4]), ())
    """
    rows, ids, others, curved = list[Ints](), list[Ints](), dict[str, int](), 0
    for element, nodes, places in blocks:
        if element.dimension < 2:
            others[element.name] = others.get(element.name, 0) + len(places)
            continue
        corners = _corners(element, nodes)
        if corners is None:
            message = f"the mesh has {element.name} elements, and surfaces are taken of triangles, quads and polygons"
            raise MeshReadError(message, ids=places.tolist())
        curved += len(nodes) if element.nodes != ANY and corners.shape[1] < nodes.shape[1] else 0
        rows.append(corners)
        ids.append(places)
    added = []
    if others:
        added.append(f"elements of other kinds were passed over: {_counts(others)}")
    if curved:
        added.append(f"{curved} elements have nodes on their edges, of which the corners were taken")
    order = np.argsort(np.concatenate(ids), kind="stable")
    sizes = np.concatenate([np.full(len(each), each.shape[1]) for each in rows])
    starts = (np.cumsum(sizes) - sizes)[order]
    sizes = sizes[order]
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    flat = np.concatenate([each.ravel() for each in rows])
    return flat[np.repeat(starts, sizes) + within], sizes, (*notes, *added)


def _corners(element: Element, nodes: Ints) -> Ints | None:
    """Return the corners of elements of a surface, (n, k); None for a kind that is not taken."""
    if element.name == "polygon":
        return nodes
    if element.name == "pixel":
        return nodes[:, _PIXEL]
    kind = element.name.rstrip("0123456789")
    return nodes[:, : _CORNERS[kind]] if kind in _CORNERS else None


def _counts(kinds: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in kinds.items())
