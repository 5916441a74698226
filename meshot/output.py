"""What a run leaves behind: the figures of ``metrics.json`` and the folder with all files, complete or not at all."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from meshot import __version__
from meshot.distortion import Distortion
from meshot.files import PathLike
from meshot.io import write_json, write_npz, write_obj, write_ply, write_text
from meshot.maps import SurfaceMap
from meshot.mesh import Floats, Surface

CONFORMAL, AREA_PRESERVING = "conformal", "area-preserving"


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from.

    Attributes
    ----------
    name, sha256 : str
        The input file's name, without its folder, and hash.
    command : str
        The command line.
    options : mapping
        The settings that shape the result.
    notes : tuple of str
        What reading the file had to change.
    version : str
        Version of meshot.
    """

    name: str
    sha256: str
    command: str
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    version: str = __version__


@dataclass(frozen=True, eq=False)
class Run:
    """A finished map with all that its files and its report tell.

    Attributes
    ----------
    source : Surface
        The surface as it was read.
    surface_map : SurfaceMap
        The result.
    distortions : mapping
        Distortion of the result, and of the conformal map below it, by the names in `maps`.
    provenance : Provenance
        Where it comes from.
    seconds : mapping
        Seconds of each stage.
    """

    source: Surface
    surface_map: SurfaceMap
    distortions: Mapping[str, Distortion]
    provenance: Provenance
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def maps(self) -> dict[str, SurfaceMap]:
        """The conformal map and, if there is one, the area-preserving map built on it."""
        return named_maps(self.surface_map)

    @property
    def distortion(self) -> Distortion:
        """Distortion of the result."""
        return self.distortions[list(self.maps)[-1]]


def named_maps(surface_map: SurfaceMap) -> dict[str, SurfaceMap]:
    """Return the conformal map and, if there is one, the area-preserving map built on it, by name."""
    if surface_map.conformal is None:
        return {CONFORMAL: surface_map}
    return {CONFORMAL: surface_map.conformal, AREA_PRESERVING: surface_map}


# ---------------------------------------------------------------------------------------------------------------------
# figures


def metrics(run: Run) -> dict[str, Any]:
    """Return the contents of ``metrics.json``.

    "faces" and "vertices" count the input's; "area" and "angle" measure the result, and "conformal" holds the same of
    the conformal map below it. "transport" and "refinement" are null for a map made
    without.
    """
    summary = run.distortion.summary()
    figures: dict[str, Any] = {
        "faces": len(run.source.faces),
        "vertices": len(run.source.vertices),
        "seconds": dict(run.seconds),
        "transport": transport_figures(run.surface_map),
        "refinement": run.surface_map.notes.get("refinement"),
        **summary,
        CONFORMAL: run.distortions[CONFORMAL].summary(),
        "map": _map_figures(run.surface_map),
        "input": {
            "name": run.provenance.name,
            "sha256": run.provenance.sha256,
            "notes": run.provenance.notes,
            "unreferenced_vertices": int((~run.source.referenced).sum()),
        },
        "meshot": run.provenance.version,
        "command": run.provenance.command,
        "options": dict(run.provenance.options),
    }
    return figures


def transport_figures(surface_map: SurfaceMap) -> dict[str, Any] | None:
    """Return the figures of the transport below a map, or None if there was none."""
    transport = surface_map.transport
    if transport is None:
        return None
    return {
        "sites": len(transport.masses),
        "iterations": transport.iterations,
        "max_relative_error": transport.max_relative_error,
        "certificate": transport.certificate,
        "converged": transport.converged,
    }


def _map_figures(surface_map: SurfaceMap) -> dict[str, Any]:
    path = surface_map.notes.get("cut_path")
    return {
        "vertices": len(surface_map.surface.vertices),
        "cut_path": None if path is None else np.asarray(path).tolist(),
        "repaired_faces": surface_map.notes.get("repaired_faces", 0),
    }


def angle_error(distortion: Distortion) -> Floats:
    """Return the mean of the absolute angle differences at each face's corners, degrees, (F,)."""
    error: Floats = np.abs(distortion.angle_difference).mean(axis=1)
    return error


# ---------------------------------------------------------------------------------------------------------------------
# files


def check_folder(out: PathLike) -> None:
    """Raise OSError if `out` can be no folder for results, before any work is done."""
    place = Path(out)
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), os.fspath(place))
    if not os.access(place, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(place))


def write_run(out: PathLike, run: Run, page: str) -> None:
    """Write ``map.obj``, ``map.ply``, ``map.npz``, ``report.html`` and ``metrics.json`` into the folder `out`.

    The files appear when all of them are complete; other files in the folder stay.

    Parameters
    ----------
    out : str or path
        The folder; it is made if it is not there.
    run : Run
        What to write.
    page : str
        The report.

    Raises
    ------
    OSError
        Something cannot be written; then nothing in the folder has changed.
    """
    surface, uv = run.surface_map.surface, run.surface_map.uv
    distortion = run.distortion
    with complete_folder(out) as folder:
        write_obj(folder / "map.obj", surface, uv)
        scalars = {
            "log_area_ratio": distortion.log_area_ratio,
            "angle_error": angle_error(distortion),
            "quasi_conformal": distortion.quasi_conformal,
            "beltrami": distortion.beltrami,
        }
        write_ply(folder / "map.ply", surface.vertices, surface.faces, scalars, {"u": uv[:, 0], "v": uv[:, 1]})
        arrays = {"vertices": surface.vertices, "faces": surface.faces, "uv": uv}
        write_npz(folder / "map.npz", **arrays, source_vertex=run.surface_map.source_vertex)
        write_text(folder / "report.html", page)
        write_json(folder / "metrics.json", metrics(run))


@contextmanager
def complete_folder(out: PathLike) -> Iterator[Path]:
    """Give a new folder beside `out`; when the block succeeds, its files become those of `out`, else they vanish.

    A folder that does not exist yet appears with all its files at once. In one that does, each file takes the place of
    its namesake, ``metrics.json`` after all others: where it is new, everything is.
    """
    target = Path(os.path.abspath(out))
    target.parent.mkdir(parents=True, exist_ok=True)
    stage = target.parent / f".{target.name}.meshot-{secrets.token_hex(8)}.part"
    stage.mkdir()
    try:
        yield stage
        if target.exists():
            for file in sorted(stage.iterdir(), key=lambda file: file.name == "metrics.json"):
                file.replace(target / file.name)
        else:
            stage.rename(target)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
