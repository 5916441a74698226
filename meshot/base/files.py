"""Read files, and write them whole or not at all: each is written beside its place and renamed."""

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshot.base.errors import MeshReadError

PathLike = str | os.PathLike[str]


def read_bytes(path: PathLike) -> bytes:
    """Return a file's bytes.

    Raises
    ------
    MeshReadError
        There is no such file, or it is a folder.
    OSError
        The file exists and the system does not let it be read.
    """
    name = os.fspath(path)
    try:
        return Path(name).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise MeshReadError(f"{name} does not exist") from None
    except IsADirectoryError:
        raise MeshReadError(f"{name} is a folder, not a file") from None
    except ValueError:
        raise MeshReadError(f"{name!r} is no name that a file can have") from None


@contextmanager
def replacing(path: PathLike) -> Iterator[BinaryIO]:
    """Open a file beside `path` for writing bytes, and rename it to `path` if the block succeeds.

    If the block fails or is interrupted, the file at `path` is unchanged and no other file remains.

    Raises
    ------
    OSError
        The file cannot be written; the error names `path`.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():  # a pipe or a device cannot be replaced; a folder raises here
        with target.open("wb") as file:
            yield file
        return
    part = target.parent / f".meshot-{secrets.token_hex(8)}.part"
    try:
        with part.open("xb") as file:
            yield file
        part.replace(target)
    except OSError as error:
        if error.filename in (None, os.fspath(part)):
            raise renamed(error, path) from None
        raise
    finally:
        part.unlink(missing_ok=True)


def renamed(error: OSError, path: PathLike) -> OSError:
    """Return the error with the name of the requested file in place of none or of a temporary one."""
    return OSError(error.errno, error.strerror or str(error), os.fspath(path))


def write_text(path: PathLike, text: str) -> None:
    """Write `text` in UTF-8; bytes of file names that are not UTF-8 are escaped."""
    with replacing(path) as file:
        file.write(text.encode(errors="backslashreplace"))


def write_json(path: PathLike, data: Any) -> None:
    """Write `data` as JSON, with floats in full precision and null for NaN and infinities.

    NumPy numbers and arrays become numbers and lists, paths strings.
    """
    write_text(path, to_json(data) + "\n")


def to_json(data: Any) -> str:
    """Return what `write_json` writes.

    Examples
    --------
    >>> to_json({"sd": np.float64(0.1), "max": np.nan}).split()
    ['{', '"sd":', '0.1,', '"max":', 'null', '}']
    """
    text = json.dumps(_plain(data), indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode(errors="backslashreplace").decode()  # names of files need not be in UTF-8


def _plain(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, np.ndarray | np.generic):
        return _plain(data.tolist())
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    if isinstance(data, float):
        return data if np.isfinite(data) else None
    if isinstance(data, os.PathLike):
        return os.fspath(data)
    return data


def write_npz(path: PathLike, **arrays: ArrayLike) -> None:
    """Write named arrays as NumPy's NPZ; the same arrays give the same bytes."""
    solid = {name: np.asarray(array) for name, array in arrays.items()}
    if any(array.dtype.hasobject for array in solid.values()):
        raise ValueError("arrays of Python objects cannot be stored safely")
    with replacing(path) as file:
        np.savez(file, allow_pickle=False, **solid)


def write_npy(path: PathLike, array: NDArray[Any]) -> None:
    """Write an array as NumPy's NPY, from memory: writing straight to a file, NumPy does not notice a full disk."""
    whole = BytesIO()
    np.save(whole, array, allow_pickle=False)
    with replacing(path) as file:
        file.write(whole.getbuffer())
