"""Read what may be a surface or a solid, told apart by the suffix of the file."""

import os
from pathlib import Path

from meshot.errors import MeshReadError
from meshot.files import PathLike
from meshot.formats.io import SURFACE_SUFFIXES, SurfaceFile, read_surface_file
from meshot.formats.solidfile import SOLID_SUFFIXES, SolidFile, read_solid_file


def read_mesh_file(path: PathLike) -> SurfaceFile | SolidFile:
    """Read a surface from an OBJ, PLY, STL or OFF file, or a solid from a VTU, VTK, MSH or MESH file.

    Raises
    ------
    MeshReadError, OSError
        As `read_surface` and `read_solid`.
    """
    suffix = Path(os.fspath(path)).suffix.lower()
    if suffix in SOLID_SUFFIXES:
        return read_solid_file(path)
    if suffix in SURFACE_SUFFIXES:
        return read_surface_file(path)
    known = f"{', '.join(SURFACE_SUFFIXES)}, and solids from {', '.join(SOLID_SUFFIXES)}"
    raise MeshReadError(f"{os.fspath(path)} has the suffix '{suffix}', but surfaces are read from {known}")
