"""What a worker is asked for, and what it answers: plain data that travels between processes and into the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from meshot import __version__

Status = Literal[
    "done", "not converged", "refused", "cannot read", "no access", "out of memory", "worker lost", "failed"
]
"""How the run of one mesh ended. "no access": a file that exists cannot be read or written; "failed": by an error
that nobody foresaw."""

MESHES, LOGS, THUMBNAILS = "meshes", "logs", "thumbnails"
"""Folders of a batch, where each mesh has its entry by name."""


@dataclass(frozen=True)
class Order:
    """One mesh to be run.

    Attributes
    ----------
    name : str
        What its results are called in the batch's folder; no other mesh is called so.
    mesh : Path
        The file, absolute.
    out : Path
        The batch's folder, absolute.
    command : str
        Name of the command.
    options : mapping
        The command's options that differ from their defaults, by the names of its parameters.
    files : mapping
        SHA-256 of the files among the options.
    result : str
        A file that is in the mesh's folder when it is done.
    """

    name: str
    mesh: Path
    out: Path
    command: str
    options: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    result: str = "report.html"

    @property
    def words(self) -> list[str]:
        """The options as one types them.

        Examples
        --------
        >>> Order("a", Path("/a.obj"), Path("/out"), "area", {"tol_area": 0.1, "curve": True}).words
        ['--tol-area=0.1', '--curve']
        """
        words = []
        for name, value in self.options.items():
            flag = f"--{name.replace('_', '-')}"
            several = value if type(value) is tuple else (value,)
            words += [flag if one is True else f"{flag}={one}" for one in several]
        return words

    @property
    def folder(self) -> Path:
        """Where the results go."""
        return self.out / MESHES / self.name

    @property
    def log(self) -> Path:
        """What happened."""
        return self.out / LOGS / f"{self.name}.log"

    @property
    def thumbnail(self) -> Path:
        """The mesh's picture."""
        return self.out / THUMBNAILS / f"{self.name}.webp"


@dataclass(frozen=True)
class Record:
    """How the run of one mesh ended, as the ledger keeps it.

    Attributes
    ----------
    name, mesh : str
        As in the order.
    status : str
        One of `Status`.
    code : int or None
        What the command by itself would have returned; None if it came to no end.
    cause : str
        Why it was not done; empty if it was.
    sha256 : str
        Hash of the mesh's file; empty if it cannot be read.
    words : list of str
        The options, and `files` the hashes of the files among them.
    seconds : float
        From reading to writing.
    estimate, peak : int
        Bytes that were expected and that were taken by the process, 0 where unknown.
    attempts : int
        How many workers have tried.
    figures : mapping
        Numbers of the result, by the names of the summary's columns.
    result : str
        As in the order.
    version : str
        Version of meshot.
    """

    name: str
    mesh: str
    status: Status
    code: int | None
    cause: str = ""
    sha256: str = ""
    words: list[str] = field(default_factory=list)
    files: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    estimate: int = 0
    peak: int = 0
    attempts: int = 1
    figures: Mapping[str, float] = field(default_factory=dict)
    result: str = "report.html"
    version: str = __version__

    def answers(self, order: Order) -> bool:
        """Return whether the mesh was run by this version and with these options; the file may have changed since."""
        asked = (str(order.mesh), order.words, dict(order.files), order.result, __version__)
        return (self.mesh, self.words, dict(self.files), self.result, self.version) == asked


def record_of(order: Order, status: Status, code: int | None, cause: str = "", **more: Any) -> Record:
    """Return the record of an order that ended so."""
    asked: dict[str, Any] = {"words": order.words, "files": dict(order.files), "result": order.result}
    return Record(order.name, str(order.mesh), status, code, cause, **asked, **more)
