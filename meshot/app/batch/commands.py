"""The commands that a batch can run: how each is called for one mesh, and which of its figures the summary shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cyclopts import App

from meshot.app.commands.sample import sample_command
from meshot.app.commands.solids import volume_command
from meshot.app.commands.surfaces import area_command, conformal_command


@dataclass(frozen=True)
class Column:
    """A figure of the summary.

    Attributes
    ----------
    name, title : str
        In ``summary.csv`` and in ``index.html``.
    keys : tuple of str
        Where it stands in the figures that the command prints.
    unit : {"", "%", "°"}
        How it is shown; with "%", as a percentage.
    """

    name: str
    title: str
    keys: tuple[str, ...]
    unit: Literal["", "%", "°"] = ""


@dataclass(frozen=True)
class Kind:
    """A command that runs on one mesh.

    Attributes
    ----------
    command : callable
        The command itself.
    columns : tuple of Column
        Its figures.
    result : str
        A file that is in the mesh's folder when the command is done, and worth a look; "{format}" stands for its kind.
    out_is_folder : bool
        Whether its ``--out`` is that folder; else it is that file.
    takes_solids : bool
        Whether it reads tetrahedra, too.
    """

    command: Callable[..., int]
    columns: tuple[Column, ...]
    result: str = "report.html"
    out_is_folder: bool = True
    takes_solids: bool = False


_SURFACE_MAP = (
    Column("faces", "Faces", ("faces",)),
    Column("flipped", "Flipped", ("area", "flipped")),
    Column("area_ratio_sd", "Area ratio, SD", ("area", "ratio_sd"), "%"),
    Column("angle_mean", "Angle change, mean", ("angle", "mean_abs_degrees"), "°"),
)
_SOLID_MAP = (
    Column("tetrahedra", "Tetrahedra", ("tetrahedra",)),
    Column("flipped", "Flipped", ("volume", "flipped")),
    Column("volume_deviation", "Volume ratio, deviation", ("volume", "ratio_mean_abs_deviation"), "%"),
)
_POINTS = (Column("points", "Points", ("points",)),)

KINDS: dict[str, Kind] = {
    "area": Kind(area_command, _SURFACE_MAP),
    "conformal": Kind(conformal_command, _SURFACE_MAP),
    "volume": Kind(volume_command, _SOLID_MAP, takes_solids=True),
    "sample": Kind(sample_command, _POINTS, result="points.{format}", out_is_folder=False),
}


def single_commands() -> App:
    """Return a command line of the commands for one mesh."""
    app = App(name="meshot")
    for name, kind in KINDS.items():
        app.command(kind.command, name=name)
    return app


def chosen_figures(command: str, told: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures of the summary's columns, of all that a command told.

    Examples
    --------
    >>> chosen_figures("conformal", {"faces": 8, "area": {"flipped": 0, "ratio_sd": 0.1}})
    {'faces': 8, 'flipped': 0, 'area_ratio_sd': 0.1}
    """
    chosen = {}
    for column in KINDS[command].columns:
        value: Any = told
        for key in column.keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is not None:
            chosen[column.name] = value
    return chosen
