"""`Finding`: a problem that prevents the map of a mesh, or a note, in a sentence with the offending ids."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import GeometryError, MeshotError, format_ids

SIZES = (1e-50, 1e50)
"""Bounds of coordinates: between them, their sixth powers (squares of volumes) are resolved in double precision."""


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


class Report(Protocol):
    """Protocol of reports with problems and notes."""

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What hinders a map."""

    @property
    def notes(self) -> tuple[Finding, ...]:
        """What is worth knowing, and hinders nothing."""


def problem_lists(report: Report) -> dict[str, list[dict[str, Any]]]:
    """Return problems and notes as dictionaries, for JSON."""
    return {
        name: [{"kind": p.kind, "message": p.message, "of": p.of, "ids": list(p.ids)} for p in items]
        for name, items in (("problems", report.problems), ("notes", report.notes))
    }


def make_problem(kind: str, message: str, ids: Ints | tuple[()], of: str = "faces") -> Finding:
    """Return a problem with ids from an array."""
    return Finding(kind, message, tuple(np.asarray(ids, dtype=np.int64).tolist()), of)


def coordinate_problems(vertices: Floats, referenced: NDArray[np.bool_]) -> Iterator[Finding]:
    """Yield what is wrong with coordinates, (V, 3): those that are not finite, or sizes that nothing is computed with.

    Examples
    --------
    >>> [problem.kind for problem in coordinate_problems(np.array([[1e60, 0.0, np.nan]]), np.array([False]))]
    ['non-finite-coordinates']
    """
    bad = np.flatnonzero(~np.isfinite(vertices).all(axis=1))
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
