"""Write surfaces as OBJ, with texture coordinates if there are any."""

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.arrays import Floats, Ints
from meshot.base.files import PathLike, write_text
from meshot.meshes.surface import Surface


def write_obj(
    path: PathLike, surface: Surface, texture: ArrayLike | None = None, texture_faces: ArrayLike | None = None
) -> None:
    """Write a surface as OBJ, with texture coordinates if given.

    Lines ``v`` give the positions with 17 significant digits, so that they are read back bit for bit; lines ``vt`` give
    the texture coordinates; faces read ``f a/t b/t c/t``. A row without coordinates (NaN) gets ``vt 0 0``.

    Parameters
    ----------
    path : str or path
        The file.
    surface : Surface
        The surface.
    texture : (T, 2) float, optional
        Texture coordinates: one for each vertex if `texture_faces` is not given.
    texture_faces : (F, 3) int, optional
        The row of `texture` of each corner of each face.

    Raises
    ------
    ValueError
        Shapes do not match.
    OSError
        The file cannot be written.
    """
    lines = format_rows("v %.17g %.17g %.17g", surface.vertices)
    corners = surface.faces + 1
    if texture is None:
        lines += format_rows("f %d %d %d", corners)
    else:
        coordinates, rows = np.asarray(texture, dtype=np.float64), surface.faces
        if texture_faces is not None:
            rows = np.asarray(texture_faces)
        elif len(coordinates) != len(surface.vertices):
            raise ValueError(f"texture must have {len(surface.vertices)} rows, got {len(coordinates)}")
        if coordinates.shape[1:] != (2,) or rows.shape != corners.shape:
            raise ValueError(f"texture must have 2 columns, and its faces 3; got {coordinates.shape} and {rows.shape}")
        lines += format_rows(
            "vt %.17g %.17g", np.where(np.isfinite(coordinates).all(axis=1, keepdims=True), coordinates, 0.0)
        )
        lines += format_rows("f %d/%d %d/%d %d/%d", np.stack([corners, rows + 1], axis=2).reshape(-1, 6))
    write_text(path, "\n".join(lines) + "\n")


def format_rows(template: str, rows: Floats | Ints) -> list[str]:
    """Return a line for each row."""
    return [template % tuple(row) for row in rows.tolist()]
