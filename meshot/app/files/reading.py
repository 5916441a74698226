"""Read what a run left behind: its maps and figures, to be drawn or compared anew."""

import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from meshot.app.files.run import CONFORMAL, named_maps
from meshot.base.errors import MeshReadError
from meshot.base.files import PathLike
from meshot.maps.distortion import Distortion, distortion
from meshot.maps.measure import Measure
from meshot.maps.surface_map import SurfaceMap
from meshot.meshes.surface import Surface

DAMAGE = (
    *(KeyError, IndexError, TypeError, ValueError, OverflowError, RecursionError, MemoryError),
    *(AttributeError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error),
)
"""What a damaged archive or a damaged JSON file may raise."""


@dataclass(frozen=True, eq=False)
class Kept:
    """A run as it stands in its folder.

    Attributes
    ----------
    name : str
        The folder's name.
    metrics : mapping
        ``metrics.json``.
    source : Surface
        The surface before any cut.
    maps : mapping
        The conformal map and, if there is one, the area-preserving map built on it, by name.
    distortions : mapping
        Their distortion, by the same names.
    """

    name: str
    metrics: Mapping[str, Any]
    source: Surface
    maps: Mapping[str, SurfaceMap]
    distortions: Mapping[str, Distortion]

    @property
    def result(self) -> str:
        """The name of the map that the run was made for."""
        return list(self.maps)[-1]


def read_run(folder: PathLike) -> Kept:
    """Read the folder that ``meshot area`` or ``meshot conformal`` wrote.

    Raises
    ------
    MeshReadError
        It holds no map, or one that is damaged.
    OSError
        A file cannot be read.
    """
    place = Path(folder)
    with damage_told(place):
        try:
            metrics = json.loads((place / "metrics.json").read_text("utf-8"))
            archive = (place / "map.npz").read_bytes()
        except FileNotFoundError as error:
            raise MeshReadError(f"{place} holds no map of a surface: {Path(error.filename).name} is missing") from None
        return _kept(place, metrics, read_archive(archive))


@contextmanager
def damage_told(place: Path) -> Iterator[None]:
    """Tell of damage in the files of a folder in one sentence."""
    try:
        yield
    except DAMAGE as error:
        raise MeshReadError(f"{place} holds a damaged map: {error}") from None


def read_archive(content: bytes) -> dict[str, Any]:
    """Return the arrays of an NPZ file: from memory, as a damaged one leads to places that a file has not."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _kept(place: Path, metrics: Mapping[str, Any], arrays: Mapping[str, Any]) -> Kept:
    surface_map = surface_map_of(arrays, metrics)
    vertices, source_vertex = surface_map.surface.vertices, surface_map.source_vertex
    maps = named_maps(surface_map)
    source = Surface(vertices[: int(metrics["vertices"])], source_vertex[surface_map.surface.faces])
    return Kept(place.resolve().name, metrics, source, maps, {key: distortion(each) for key, each in maps.items()})


def surface_map_of(arrays: Mapping[str, Any], metrics: Mapping[str, Any]) -> SurfaceMap:
    """Return the map that ``map.npz`` and ``metrics.json`` hold.

    Raises
    ------
    what `DAMAGE` lists
        They are damaged.
    """
    surface = Surface(arrays["vertices"], arrays["faces"])
    source = np.asarray(arrays["source_vertex"])
    measure = None
    if "shares" in arrays:
        measure = Measure(metrics["measure"]["kind"], np.full(len(surface.vertices), np.nan), arrays["shares"])

    def one(image: Any, **more: Any) -> SurfaceMap:
        return SurfaceMap(surface, image, source, **more)

    image = arrays["points" if "points" in arrays else "uv"]
    conformal = arrays.get(CONFORMAL)
    images = (image,) if conformal is None else (image, conformal)
    used = surface.vertices[surface.referenced]
    if not np.isfinite(used).all() or any(len(each) != len(surface.vertices) for each in images):
        raise ValueError("its vertices and their images do not fit together")
    below = None if conformal is None else one(conformal, measure=measure)
    return one(image, conformal=below, measure=measure, area_weight=metrics["area_weight"])
