"""`Finding`: a problem that prevents the map of a mesh, or a note, in a sentence with the offending ids."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints, stable_order
from meshot.base.errors import GeometryError, MeshotError, format_ids
from meshot.meshes.base import Mesh

SIZES = (1e-50, 1e50)
"""Bounds of coordinates: between them, their sixth powers (squares of volumes) are resolved in double precision."""

UNREFERENCED = "unreferenced-vertex"
"""The kind of the note on vertices that belong to no cell."""


@dataclass(frozen=True)
class Finding:
    """A problem of a mesh that prevents a map, or a note that does not.

    Attributes
    ----------
    kind : str
        A fixed name: "non-finite-coordinates", "coordinate-range", "non-manifold-edge", "non-manifold-vertex",
        "non-orientable", "inconsistent-orientation", "several-components", "genus", "several-boundary-loops",
        "duplicate-face", "zero-area-face"; of a solid also "non-manifold-face", "cavity", "repeated-vertex",
        "duplicate-tetrahedron", "flat-tetrahedron", "inverted-tetrahedron", "not-a-ball"; among the notes
        "unreferenced-vertex", "coincident-vertex", "inside-out", "mirrored".
    message : str
        One sentence with the cause.
    ids : tuple of int
        The offending vertices, faces or tetrahedra, counted from 0.
    of : str
        What the ids are: "vertices", "faces" or "tetrahedra".
    """

    kind: str
    message: str
    ids: tuple[int, ...] = ()
    of: str = "faces"

    def __str__(self) -> str:
        return f"{self.message} ({format_ids(self.ids, of=self.of)})" if self.ids else self.message


class Report:
    """What the reports of surfaces and solids share; a kind of report says what its target is, and its rows."""

    TARGET: ClassVar[str]

    problems: tuple[Finding, ...]
    notes: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether a map to the target can be made."""
        return not self.problems

    def rows(self) -> list[tuple[str, str]]:
        """Return the figures in words, by name."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Return everything as dictionaries, lists and numbers, for JSON.

        Returns
        -------
        dict
        """
        figures = {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}
        for name in ("problems", "notes"):
            figures[name] = [
                {"kind": p.kind, "message": p.message, "of": p.of, "ids": list(p.ids)} for p in figures[name]
            ]
        return {"ok": self.ok, **figures}

    def __str__(self) -> str:
        lines = [f"{name:<22}{value}" for name, value in self.rows()]
        lines += [f"note: {note}" for note in self.notes]
        lines += [f"problem: {problem}" for problem in self.problems]
        return "\n".join(lines if self.problems else [*lines, f"no problem: a map to the {self.TARGET} can be made"])


def make_problem(kind: str, message: str, ids: Ints | tuple[()], of: str = "faces") -> Finding:
    """Return a problem with ids from an array."""
    return Finding(kind, message, tuple(np.asarray(ids, dtype=np.int64).tolist()), of)


def coordinate_problems(vertices: Floats, referenced: NDArray[np.bool_]) -> Iterator[Finding]:
    """Yield what is wrong with coordinates, (V, 3): those that are not finite, or sizes that nothing is computed with.

    Vertices that are not `referenced` may stand anywhere, or nowhere.

    Examples
    --------
    >>> [problem.kind for problem in coordinate_problems(np.array([[1e60, 0.0, np.nan]]), np.array([True]))]
    ['non-finite-coordinates']
    """
    bad = np.flatnonzero(~np.isfinite(vertices).all(axis=1) & referenced)
    if len(bad):
        message = f"{counted(len(bad), 'vertex has', 'vertices have')} NaN or infinite coordinates"
        yield make_problem("non-finite-coordinates", message, bad, "vertices")
    size = float(np.abs(vertices[referenced]).max(initial=0.0))
    if np.isfinite(size) and size > 0 and not SIZES[0] <= size <= SIZES[1]:
        message = f"the largest coordinate is {size:.3g}, outside {SIZES[0]:g} to {SIZES[1]:g}: rescale the mesh"
        yield make_problem("coordinate-range", message, ())


def require_coordinates(vertices: Floats, referenced: NDArray[np.bool_]) -> None:
    """Raise `GeometryError` for the first of the `coordinate_problems`."""
    for problem in coordinate_problems(vertices, referenced):
        raise error_of(problem, GeometryError)


def error_of(problem: Finding, kind: type[MeshotError], more: str = "") -> MeshotError:
    """Return an error that says what a problem says, and `more`, and has its ids."""
    error = kind(f"{problem}{more}")
    error.ids = problem.ids
    return error


def counted(number: int, one: str, many: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "face", "faces"), counted(2, "face", "faces")
    ('1 face', '2 faces')
    """
    return f"{number} {one if number == 1 else many}"


def listed(items: Sequence[Any], limit: int = 5) -> str:
    """Return the first few of a list in words.

    Examples
    --------
    >>> listed([3, 1, 2], limit=2)
    '3, 1, ...'
    """
    return ", ".join(map(str, items[:limit])) + (", ..." if len(items) > limit else "")


def copied_cells(cells: Ints) -> Ints:
    """Return the cells with the same vertices, in any order, as one before them.

    Examples
    --------
    >>> copied_cells(np.array([[0, 1, 2], [2, 3, 0], [1, 2, 0]]))
    array([2])
    """
    rows = np.sort(cells, axis=1)
    # Only cells with the same least and greatest vertex are compared whole.
    key = rows[:, 0] * (cells.max() + 1) + rows[:, -1]
    order = stable_order(key)
    alike = key[order[1:]] == key[order[:-1]]
    some = np.sort(order[np.concatenate([[False], alike]) | np.concatenate([alike, [False]])])
    order = some[np.lexsort(rows[some].T)]
    same = (rows[order[1:]] == rows[order[:-1]]).all(axis=1)
    return np.sort(order[1:][same])


def repeating_cells(cells: Ints) -> Ints:
    """Return the cells that name a vertex twice."""
    rows = np.sort(cells, axis=1)
    return np.flatnonzero((rows[:, 1:] == rows[:, :-1]).any(axis=1))


def component_problems(mesh: str, cells: str, each: str, labels: Ints, number: Ints) -> Iterator[Finding]:
    """Yield that a mesh has several components; `labels` says which each cell is in, `number` which cell it is."""
    sizes = np.bincount(labels)
    if len(sizes) < 2:
        return
    firsts = np.unique(labels, return_index=True)[1]
    order = np.lexsort((firsts, -sizes))
    message = f"the {mesh} has {len(sizes)} components, of {listed(sizes[order].tolist())} {cells}; {each} after"
    yield make_problem("several-components", f"{message} the largest", number[firsts[order[1:]]], cells)


def genus_problems(what: str, genus: int, handle: Callable[[], Ints] | None) -> Iterator[Finding]:
    """Yield that a surface has handles; `handle` finds the vertices of a loop around one, if that can be done."""
    if genus == 0:
        return
    where = handle() if handle is not None else np.zeros(0, dtype=np.int64)
    message = f"the {what} has genus {genus}, that is {counted(genus, 'handle or tunnel', 'handles or tunnels')}"
    around = "; the vertices of a loop around one" if len(where) else ""
    yield make_problem("genus", message + around, where, "vertices")


def vertex_notes(mesh: Mesh) -> Iterator[Finding]:
    """Yield which vertices belong to no cell."""
    unused = np.flatnonzero(~mesh.referenced)
    if len(unused):
        yield _unused(unused, mesh.CELL)


def _unused(vertices: Ints, cell: str) -> Finding:
    share = counted(len(vertices), "vertex belongs", "vertices belong")
    return make_problem(UNREFERENCED, f"{share} to no {cell} and will have no image", vertices, "vertices")


def without_spares(notes: Sequence[Finding], joined: Ints) -> tuple[Finding, ...]:
    """Return notes in which vertices that were joined to others do not count as those of no face.

    Examples
    --------
    >>> without_spares([_unused(np.array([3, 7, 8]), "face")], np.array([3, 8]))[0].ids
    (7,)
    """
    kept = []
    for note in notes:
        left = np.setdiff1d(note.ids, joined)
        if note.kind != UNREFERENCED:
            kept.append(note)
        elif len(left):
            kept.append(_unused(left, "face"))
    return tuple(kept)
