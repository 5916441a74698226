"""What commands take besides a mesh: measures and densities, also on a joined surface, and domains."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from meshot.base.arrays import Floats
from meshot.base.errors import MeshotError, OptionError
from meshot.diagrams.domains import Ball, Box, ConvexPolygon, Disk
from meshot.diagrams.power_cells import Domain
from meshot.formats.registry import MeshFile
from meshot.formats.tables import PICTURES, read_corners, read_masses, read_picture, read_table
from meshot.meshes.join import Joined
from meshot.meshes.surface import Surface
from meshot.sampling.weights import Texture


def read_measures(files: Mapping[str, Path | None]) -> dict[str, Any]:
    """Read masses and densities from the files among the options."""
    return {name: read_masses(file, name) for name, file in files.items() if file is not None}


def file_names(files: Mapping[str, Path | None]) -> dict[str, str]:
    """Return the names of the files among the options."""
    return {name: file.name for name, file in files.items() if file is not None}


def on_joined(file: MeshFile[Surface], values: dict[str, Floats]) -> dict[str, Floats]:
    """Return masses and densities of what is in a file on the surface that joining its boundary made of it."""
    joined = file.joined
    if joined is None:
        return values
    carry: dict[str, Callable[[Floats], Floats]] = {"masses": joined.summed, "density": joined.of_faces}
    return {name: carry[name](each) for name, each in values.items()}


def read_density(file: Path | None, uv: Path | None) -> Any:
    """Read a density: numbers, or a picture and its texture coordinates."""
    picture = file is not None and file.suffix.lower() in PICTURES
    if picture != (uv is not None):
        raise OptionError("--density with a picture and --density-uv go together")
    if file is None or uv is None:
        return None if file is None else read_masses(file, "a density")
    return Texture(read_picture(file), read_table(uv))


def density_on_joined(joined: Joined, weights: Any) -> Any:
    """Return a density on the surface that joining its boundary made; each face keeps its side of a seam."""
    if weights is None:
        return None
    if isinstance(weights, Texture):
        return Texture(weights.image, joined.at_corners(weights.uv))
    return joined.of_faces(weights)


def read_domain(
    kind: str, dimension: int | None, numbers: Mapping[str, Sequence[float] | None], polygon: Path | None
) -> Domain:
    """Return the domain that the options describe, and read the polygon if it is one."""
    if (kind == "polygon") != (polygon is not None):
        raise MeshotError("--domain polygon and --polygon FILE go together")
    if kind == "box":
        corners = numbers["box"] or [0.0] * (dimension or 2) + [1.0] * (dimension or 2)
        if len(corners) not in (4, 6) or dimension not in (None, len(corners) // 2):
            raise MeshotError("--box takes four numbers in the plane and six in space")
        return Box(*np.split(np.array(corners), 2))
    if dimension not in (None, 3 if kind == "ball" else 2):
        raise MeshotError(f"a {kind} is no domain of dimension {dimension}")
    if polygon is not None:
        return ConvexPolygon(read_corners(polygon))
    *center, radius = numbers[kind] or ()
    return Ball(np.array(center), radius) if kind == "ball" else Disk(np.array(center), radius)
