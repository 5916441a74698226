"""Write meshes of simplices and other cells as VTU, VTK's XML file, which ParaView, PyVista and meshio open."""

import base64
import zlib
from collections.abc import Mapping
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshot.base.files import PathLike, replacing
from meshot.formats.read.vtk_arrays import XML_TYPES

# VTK's cell types of the simplices, by their number of corners.
SIMPLICES = {1: 1, 2: 3, 3: 5, 4: 10}
# Bytes compressed together.
BLOCK_BYTES = 1 << 20
# Level of zlib: higher ones take several times as long for a tenth less.
COMPRESSION_LEVEL = 1


def write_vtu(
    path: PathLike,
    points: ArrayLike,
    cells: ArrayLike,
    *,
    point_values: Mapping[str, ArrayLike] | None = None,
    cell_values: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Write tetrahedra, triangles, segments or points with named values, in full precision.

    Parameters
    ----------
    path : str or path
        The file.
    points : (V, 3) float
        Positions; those that are not finite become the origin, because viewers cannot frame them.
    cells : (n, k) int
        Vertex indices, from 0; k = 4 for tetrahedra, 3 for triangles, 2 for segments, 1 for single points.
    point_values, cell_values : mapping of str to (V,) or (n,), (V, c) or (n, c), optional
        Values of each point and cell, by name; booleans become 0 and 1.

    Raises
    ------
    ValueError
        Shapes do not match.
    OSError
        The file cannot be written.
    """
    corners = np.asarray(cells)
    if corners.ndim != 2 or corners.shape[1] not in SIMPLICES:
        raise ValueError(f"cells must have shape (n, 1 to 4), got {corners.shape}")
    count, size = corners.shape
    arrays = {
        "connectivity": corners.astype(np.int64).ravel(),
        "offsets": np.arange(1, count + 1, dtype=np.int64) * size,
        "types": np.full(count, SIMPLICES[size], dtype=np.uint8),
    }
    write_unstructured(path, points, arrays, point_values=point_values, cell_values=cell_values)


def write_unstructured(
    path: PathLike,
    points: ArrayLike,
    cells: Mapping[str, NDArray[np.generic]],
    *,
    point_values: Mapping[str, ArrayLike] | None = None,
    cell_values: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Write cells of any kind with named values; otherwise as `write_vtu`.

    Parameters
    ----------
    path, points, point_values, cell_values
        As of `write_vtu`.
    cells : mapping of str to array
        The arrays of VTK's element Cells: "connectivity", "offsets" and "types" and, for polyhedra, "faces" and
        "faceoffsets".

    Raises
    ------
    ValueError, OSError
        As `write_vtu`.
    """
    places = np.array(points, dtype=np.float64)
    if places.ndim != 2 or places.shape[1] != 3:
        raise ValueError(f"points must have shape (V, 3), got {places.shape}")
    places[~np.isfinite(places).all(axis=1)] = 0.0
    count = len(cells["types"])
    data: list[bytes] = []
    body = [
        *_section("PointData", _values(point_values, len(places), "point"), data),
        *_section("CellData", _values(cell_values, count, "cell"), data),
        *_section("Points", {"Points": places}, data),
        *_section("Cells", dict(cells), data),
    ]
    head = (
        '<?xml version="1.0"?>\n<VTKFile type="UnstructuredGrid" version="1.0" byte_order="LittleEndian" '
        'header_type="UInt64" compressor="vtkZLibDataCompressor">\n<UnstructuredGrid>\n'
        f'<Piece NumberOfPoints="{len(places)}" NumberOfCells="{count}">\n'
    )
    tail = '</Piece>\n</UnstructuredGrid>\n<AppendedData encoding="base64">\n_'
    with replacing(path) as file:
        file.write("\n".join([head, *body, tail]).encode())
        for part in data:
            file.write(part)
        file.write(b"\n</AppendedData>\n</VTKFile>\n")


def _values(given: Mapping[str, ArrayLike] | None, count: int, what: str) -> dict[str, NDArray[np.generic]]:
    values = {name: np.asarray(each) for name, each in (given or {}).items()}
    for name, array in values.items():
        if array.ndim not in (1, 2) or len(array) != count:
            raise ValueError(
                f"{name!r} must hold one row for each {what}: {count}, got an array of shape {array.shape}"
            )
    return values


def _section(name: str, arrays: Mapping[str, NDArray[np.generic]], data: list[bytes]) -> list[str]:
    """Return the lines of a section, and append its arrays to `data`."""
    lines = [f"<{name}>"]
    for key, array in arrays.items():
        wide = f' NumberOfComponents="{array.shape[1]}"' if array.ndim == 2 else ""
        kind, stored = _stored(array)
        offset = sum(map(len, data))
        lines.append(f'<DataArray type="{kind}" Name={quoteattr(key)}{wide} format="appended" offset="{offset}"/>')
        data.append(_compressed(stored.tobytes()))
    return [*lines, f"</{name}>"]


def _stored(array: NDArray[np.generic]) -> tuple[str, NDArray[np.generic]]:
    """Return VTK's name of an array's type, and the array in that type, little-endian."""
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    kinds = {np.dtype(dtype): name for name, dtype in XML_TYPES.items()}
    dtype = array.dtype.newbyteorder("<") if array.dtype.newbyteorder("<") in kinds else np.dtype("<f8")
    return kinds[dtype], array.astype(dtype)


def _compressed(raw: bytes) -> bytes:
    """Return a header of block sizes and the compressed blocks, each in base64."""
    blocks = [zlib.compress(raw[k : k + BLOCK_BYTES], COMPRESSION_LEVEL) for k in range(0, len(raw), BLOCK_BYTES)]
    header = np.array([len(blocks), BLOCK_BYTES, len(raw) % BLOCK_BYTES, *map(len, blocks)], dtype="<u8")
    return base64.b64encode(header.tobytes()) + base64.b64encode(b"".join(blocks))
