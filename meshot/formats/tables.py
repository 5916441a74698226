"""Read tables of numbers: sites, masses and corners from NPY, CSV and plain text; pictures as arrays."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from meshot.base.arrays import Floats, cross2
from meshot.base.errors import MeshReadError
from meshot.base.files import PathLike, read_bytes
from meshot.formats.read.parsing import without_mark

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
"""Suffixes that `read_picture` reads."""


@dataclass(frozen=True, eq=False)
class SitesFile:
    """Sites and the file they were read from.

    Attributes
    ----------
    sites : (n, 2) or (n, 3) float
        In the order of the file.
    masses : (n,) float or None
        The last column, if there is one more than coordinates.
    sha256 : str
        Hash of the file's bytes, in hexadecimal.
    """

    sites: Floats
    masses: Floats | None
    sha256: str


def read_sites(path: PathLike, dimension: int = 2) -> SitesFile:
    r"""Read sites, one a row: their coordinates and, if there is one more column, the mass.

    Parameters
    ----------
    path : str or path
        See `read_table`.
    dimension : int
        Number of coordinates, 2 or 3.

    Returns
    -------
    SitesFile

    Raises
    ------
    MeshReadError
        As `read_table`; or the table has fewer columns than coordinates, or more than one more.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "sites.csv"
    ...     _ = path.write_text("x,y,mass\n0,0.5,1\n0.5,0,2\n")
    ...     read_sites(path).masses
    array([1., 2.])
    """
    data = read_bytes(path)
    table = _table(path, data)
    if table.shape[1] not in (dimension, dimension + 1):
        words = "two, x and y, or three" if dimension == 2 else "three, x, y and z, or four"
        raise MeshReadError(f"{path} has {table.shape[1]} columns, but sites have {words} with a mass")
    masses = table[:, dimension].copy() if table.shape[1] > dimension else None
    return SitesFile(table[:, :dimension].copy(), masses, hashlib.sha256(data).hexdigest())


def read_masses(path: PathLike, what: str = "masses") -> Floats:
    """Read masses (or other numbers, called `what` in messages), one a row, (n,); otherwise as `read_table`.

    Parameters
    ----------
    path : str or path
    what : str

    Returns
    -------
    (n,) float
    """
    table = read_table(path)
    if table.shape[1] != 1:
        raise MeshReadError(f"{path} has {table.shape[1]} columns, but {what} take one")
    return table[:, 0]


def read_corners(path: PathLike) -> Floats:
    r"""Read the corners of a polygon, one a row; otherwise as `read_table`.

    Whichever way round the file goes, and whether or not its last corner is the first once more, the same polygon is
    meant.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    (m, 2) float
        Counter-clockwise, each corner once.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "corners.csv"
    ...     _ = path.write_text("0,0\n0,1\n1,0\n0,0\n")
    ...     read_corners(path).tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    """
    table = read_table(path)
    if table.shape[1] != 2:
        raise MeshReadError(f"{path} has {table.shape[1]} columns, but corners have two, x and y")
    corners = table[:-1] if len(table) > 1 and (table[0] == table[-1]).all() else table
    about = corners - corners[0]
    return corners[::-1].copy() if cross2(about, np.roll(about, -1, axis=0)).sum() < 0 else corners


def read_table(path: PathLike) -> Floats:
    """Read a table of numbers, (n, k): NPY by its suffix, else text.

    In text, numbers are separated by commas, semicolons or blanks; a first line of names and comments after ``#`` are
    skipped.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    (n, k) float

    Raises
    ------
    MeshReadError
        The file is missing, empty, or not a table of numbers.
    OSError
        The file exists and the system does not let it be read.
    """
    return _table(path, read_bytes(path))


def read_picture(path: PathLike) -> Floats:
    """Read the brightness of a picture's pixels, (h, w), row 0 at the top.

    Parameters
    ----------
    path : str or path
        The file, in one of the formats `PICTURES`.

    Returns
    -------
    (h, w) float

    Raises
    ------
    MeshReadError
        The file is missing, empty, or not a picture.
    OSError
        The file exists and the system does not let it be read.
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415  (slow to import)

    data = read_bytes(path)
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return np.asarray(picture.convert("F"), dtype=np.float64)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise MeshReadError(f"{path} is not a picture that can be read ({str(error).rstrip('.')})") from error


def _table(path: PathLike, data: bytes) -> Floats:
    if not data or data.isspace():
        raise MeshReadError(f"{path} is empty")
    try:
        table = _npy(data) if Path(path).suffix.lower() == ".npy" else _text(without_mark(data))
    except (ValueError, EOFError, OverflowError, MemoryError) as error:
        raise MeshReadError(f"{path} holds no table of numbers ({str(error).rstrip('.')})") from error
    if table.ndim != 2 or table.size == 0:
        raise MeshReadError(f"{path} holds no rows")
    return table


def _npy(data: bytes) -> Floats:
    array = np.load(io.BytesIO(data), allow_pickle=False)
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise ValueError("an array of numbers was expected")
    return np.asarray(array.reshape(-1, 1) if array.ndim == 1 else array, dtype=np.float64)


def _text(data: bytes) -> Floats:
    text = data.decode().replace(",", " ").replace(";", " ")
    lines = [line.split("#", 1)[0] for line in text.splitlines()]
    first = next((k for k, line in enumerate(lines) if line.strip()), 0)
    if lines and not _is_number(lines[first].split()[0] if lines[first].strip() else "0"):
        lines[first] = ""
    if not any(line.strip() for line in lines):
        return np.empty((0, 0))
    return np.loadtxt(lines, ndmin=2)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
