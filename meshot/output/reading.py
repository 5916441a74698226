"""Read what a run left behind: its maps and figures, to be drawn or compared anew."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from meshot.errors import MeshReadError
from meshot.files import PathLike
from meshot.mapping.distortion import Distortion, distortion
from meshot.mapping.maps import SurfaceMap
from meshot.mapping.measure import Measure
from meshot.meshes.mesh import Surface
from meshot.output.output import CONFORMAL, named_maps


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
    try:
        metrics = json.loads((place / "metrics.json").read_text("utf-8"))
        with np.load(place / "map.npz", allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        surface_map = _surface_map(arrays, metrics)
    except FileNotFoundError as error:
        raise MeshReadError(f"{place} holds no map of a surface: {Path(error.filename).name} is missing") from None
    except (KeyError, IndexError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise MeshReadError(f"{place} holds a damaged map: {error}") from None
    count = int(metrics["vertices"])
    source = Surface(surface_map.surface.vertices[:count], surface_map.source_vertex[surface_map.surface.faces])
    maps = named_maps(surface_map)
    name = place.resolve().name
    return Kept(name, metrics, source, maps, {key: distortion(each) for key, each in maps.items()})


def _surface_map(arrays: Mapping[str, Any], metrics: Mapping[str, Any]) -> SurfaceMap:
    surface = Surface(arrays["vertices"], arrays["faces"])
    source = np.asarray(arrays["source_vertex"])
    measure = None
    if "shares" in arrays:
        measure = Measure(metrics["measure"]["kind"], np.full(len(surface.vertices), np.nan), arrays["shares"])

    def one(image: Any, **more: Any) -> SurfaceMap:
        on_sphere = image.shape[1] == 3
        uv, points = (None, image) if on_sphere else (image, None)
        return SurfaceMap(surface, uv, source, points=points, **more)  # type: ignore[arg-type]

    image = arrays["points" if "points" in arrays else "uv"]
    conformal = arrays.get(CONFORMAL)
    below = None if conformal is None else one(conformal, measure=measure)
    return one(image, conformal=below, measure=measure, area_weight=metrics["area_weight"])
