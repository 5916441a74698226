"""Typed exceptions: every message is one sentence with the cause and, where there are any, the offending ids."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class MeshotError(Exception):
    """Base of all errors that meshot raises on purpose.

    Parameters
    ----------
    message : str
        One sentence with the cause.
    ids : sequence of int, optional
        Offending vertices, faces or sites; the message names the first few.

    Examples
    --------
    >>> str(GeometryError("face with zero area", ids=[3, 7]))
    'face with zero area (ids 3, 7)'
    """

    def __init__(self, message: str, ids: Sequence[int] = ()) -> None:
        self.ids = tuple(int(i) for i in ids)
        super().__init__(f"{message} ({format_ids(self.ids)})" if self.ids else message)


class MeshReadError(MeshotError):
    """A file is missing, empty or damaged, or is not the mesh or table of numbers that is needed."""


class TopologyError(MeshotError):
    """The mesh is not a connected, oriented, genus-zero manifold, or has the wrong number of boundary loops."""


class GeometryError(MeshotError):
    """Coordinates, areas, sites or masses are invalid."""


class NotEnoughMemoryError(MeshotError, MemoryError):
    """The task would not fit in memory; `needed` and `available` are in bytes."""

    def __init__(self, message: str, *, needed: int, available: int) -> None:
        super().__init__(message)
        self.needed, self.available = needed, available


class OptionError(MeshotError, ValueError):
    """Options contradict each other, or do not apply to this surface."""


class ConvergenceError(MeshotError):
    """An iteration cannot continue; the message says what it reached."""


class ConvergenceWarning(UserWarning):
    """An iteration stopped before it reached its tolerance; the result holds the error it reached."""


def format_ids(ids: Sequence[int], limit: int = 10, of: str = "ids") -> str:
    """Format at most `limit` ids: ``ids 3, 7`` or ``ids 0, 1, ... (12 in all)``, with another word `of` for "ids"."""
    shown = ", ".join(str(i) for i in ids[:limit])
    return f"{of} {shown}" if len(ids) <= limit else f"{of} {shown}, ... ({len(ids)} in all)"


@contextmanager
def held_back() -> Iterator[list[ConvergenceWarning]]:
    """Hold back the `ConvergenceWarning` of stages whose outcome is judged later; others pass.

    Yields
    ------
    list of ConvergenceWarning
        Those held back, complete at the end; `tell` issues them.

    Examples
    --------
    >>> with held_back() as missed:
    ...     warnings.warn("tolerance missed", ConvergenceWarning)
    >>> len(missed)
    1
    """
    missed: list[ConvergenceWarning] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        yield missed
    for each in caught:
        if isinstance(each.message, ConvergenceWarning):
            missed.append(each.message)
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


def tell(missed: list[ConvergenceWarning], stacklevel: int = 3) -> None:
    """Issue warnings that were held back, by default as those of the caller's caller."""
    for each in missed:
        warnings.warn(each, stacklevel=stacklevel)
