"""`Problem`: something that hinders the map of a mesh, in a sentence with the offending ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from meshot.errors import format_ids
from meshot.meshes.mesh import Ints


@dataclass(frozen=True)
class Problem:
    """Something a mesh has that hinders a map (or, among the notes, does not).

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
    """What has problems and notes."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What hinders a map."""

    @property
    def notes(self) -> tuple[Problem, ...]:
        """What is worth knowing, and hinders nothing."""


def problem_lists(report: Report) -> dict[str, list[dict[str, Any]]]:
    """Return problems and notes as dictionaries, for JSON."""
    return {
        name: [{"kind": p.kind, "message": p.message, "of": p.of, "ids": list(p.ids)} for p in items]
        for name, items in (("problems", report.problems), ("notes", report.notes))
    }


def make_problem(kind: str, message: str, ids: Ints | tuple[()], of: str = "faces") -> Problem:
    """Return a problem with ids from an array."""
    return Problem(kind, message, tuple(np.asarray(ids, dtype=np.int64).tolist()), of)


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
