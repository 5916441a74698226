"""Write cells of diagrams, polygons and polyhedra, as files that ParaView, PyVista and VTK itself open."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.files import PathLike, replacing
from meshot.diagrams.edges import CellFaces, CellPolygons
from meshot.formats.write.vtu import write_unstructured

# VTK's number of a polyhedron.
POLYHEDRON = 42


def write_vtk_polygons(
    path: PathLike, polygons: CellPolygons, values: Mapping[str, ArrayLike] | None = None, title: str = "meshot"
) -> None:
    """Write polygons of the plane z = 0 with named values, in binary.

    Parameters
    ----------
    path : str or path
        The file.
    polygons : CellPolygons
        Those without corners are left out.
    values : mapping of str to (n,) float or int, optional
        Numbers of each polygon, by a name without blanks.
    title : str
        One line.

    Raises
    ------
    ValueError
        Values of another shape, or a name with a blank.
    OSError
        The file cannot be written.
    """
    sizes = np.diff(polygons.starts)
    full = np.flatnonzero(sizes)
    points = np.column_stack([polygons.points, np.zeros(len(polygons.points))])
    corners = np.insert(np.arange(len(points)), polygons.starts[full], sizes[full])
    parts = [
        f"# vtk DataFile Version 3.0\n{title}\nBINARY\nDATASET POLYDATA\nPOINTS {len(points)} double\n".encode(),
        points.astype(">f8").tobytes(),
        f"\nPOLYGONS {len(full)} {len(corners)}\n".encode(),
        corners.astype(">i4").tobytes(),
        f"\nCELL_DATA {len(full)}\n".encode(),
    ]
    for name, each in (values or {}).items():
        array = np.asarray(each)
        if array.shape != sizes.shape:
            raise ValueError(f"{name!r} must hold one value for each polygon: {sizes.shape}, got {array.shape}")
        if len(name.split()) != 1 or name != name.strip():
            raise ValueError(f"{name!r} cannot name an array")
        kind, dtype = ("int", ">i4") if array.dtype.kind in "iu" else ("double", ">f8")
        parts.append(f"SCALARS {name} {kind} 1\nLOOKUP_TABLE default\n".encode())
        parts.append(array[full].astype(dtype).tobytes() + b"\n")
    with replacing(path) as file:
        file.write(b"".join(parts))


def write_vtu_polyhedra(path: PathLike, faces: CellFaces, values: Mapping[str, ArrayLike] | None = None) -> None:
    """Write the cells of a diagram of space as polyhedra with named values, in VTK's XML format.

    Parameters
    ----------
    path : str or path
        The file.
    faces : CellFaces
        Cells without corners are left out.
    values : mapping of str to (n,) float or int, optional
        Numbers of each cell, by name.

    Raises
    ------
    ValueError
        Values of another shape.
    OSError
        The file cannot be written.
    """
    count = np.diff(faces.cells)
    full = np.flatnonzero(count)
    sizes = np.diff(faces.starts)
    # VTK's stream: for each cell the number of its faces, then each face as its size and its corners
    per_cell = np.bincount(faces.owner, minlength=len(count))
    stream = np.insert(faces.corners, faces.starts[:-1], sizes)
    face_ends = np.cumsum(sizes + 1)
    first_face = np.concatenate([[0], np.cumsum(per_cell)])[:-1][full]
    stream = np.insert(stream, np.concatenate([[0], face_ends])[first_face], per_cell[full])
    length = np.bincount(faces.owner, sizes + 1, minlength=len(count)).astype(np.int64)[full] + 1
    cells = {
        "connectivity": np.arange(len(faces.points)),
        "offsets": np.cumsum(count[full]),
        "types": np.full(len(full), POLYHEDRON, dtype=np.uint8),
        "faces": stream,
        "faceoffsets": np.cumsum(length),
    }
    shown = {name: np.asarray(each)[full] for name, each in (values or {}).items()}
    write_unstructured(path, faces.points, cells, cell_values=shown)
