"""Write points, with normals and attributes, in the format of the suffix."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.errors import MeshotError
from meshot.base.files import PathLike, write_npy, write_text
from meshot.formats.write.obj import format_rows
from meshot.formats.write.ply import write_ply

POINT_SUFFIXES = (".ply", ".xyz", ".npy", ".csv", ".obj")
"""The formats of `write_points`."""


def write_points(
    path: PathLike,
    points: ArrayLike,
    normals: ArrayLike | None = None,
    attributes: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Write points, with normals and attributes if given, in the format of the suffix: PLY, XYZ, NPY, CSV or OBJ.

    PLY is binary with double values; XYZ has one point a line; CSV has also a header line; NPY is an (n, k) float
    array with one column for each number; OBJ has lines ``v`` and ``vn``, a point element ``p`` for each point, and
    cannot store attributes.

    Parameters
    ----------
    path : str or path
        The file.
    points : (n, 3) float
        Positions.
    normals : (n, 3) float, optional
        Unit normals.
    attributes : mapping of str to (n,) or (n, k) float, optional
        Further columns, by name; several columns of one name are called ``name_0``, ``name_1``, ...

    Raises
    ------
    MeshotError
        The suffix is unknown, or attributes are given for OBJ (`check_points_suffix` finds this before any work is
        done).
    OSError
        The file cannot be written.
    """
    suffix = check_points_suffix(path, attributes=bool(attributes))
    columns = [np.asarray(points, dtype=np.float64).reshape(-1, 3)]
    names = ["x", "y", "z"]
    if normals is not None:
        columns.append(np.asarray(normals, dtype=np.float64).reshape(-1, 3))
        names += ["nx", "ny", "nz"]
    for name, values in (attributes or {}).items():
        array = np.asarray(values, dtype=np.float64)
        columns.append(array.reshape(len(columns[0]), -1))
        names += [name] if array.ndim == 1 else [f"{name}_{k}" for k in range(columns[-1].shape[1])]
    table = np.concatenate(columns, axis=1)
    if suffix == ".ply":
        write_ply(path, table[:, :3], None, vertex_scalars=dict(zip(names[3:], table.T[3:], strict=True)))
    elif suffix == ".npy":
        write_npy(path, table)
    elif suffix == ".obj":
        lines = format_rows("v %.17g %.17g %.17g", table[:, :3])
        if normals is not None:
            lines += format_rows("vn %.17g %.17g %.17g", table[:, 3:])
        write_text(path, "\n".join([*lines, *(f"p {k + 1}" for k in range(len(table)))]) + "\n")
    else:
        separator, head = (",", [",".join(names)]) if suffix == ".csv" else (" ", [])
        lines = head + format_rows(separator.join(["%.17g"] * len(names)), table)
        write_text(path, "\n".join(lines) + "\n")


def check_points_suffix(path: PathLike, *, attributes: bool = False) -> str:
    """Return the suffix in lower case, or raise `MeshotError` if `write_points` does not support it."""
    suffix, name = Path(path).suffix.lower(), os.fspath(path)
    if suffix not in POINT_SUFFIXES:
        raise MeshotError(f"{name} has the suffix '{suffix}', but points are written as {', '.join(POINT_SUFFIXES)}")
    if attributes and suffix == ".obj":
        raise MeshotError(f"{name} is to be an OBJ file, which has no place for attributes of points")
    return suffix
