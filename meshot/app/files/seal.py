"""Hashes by which it is found whether the files of a run are still those that it wrote."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meshot.base.errors import MeshReadError
from meshot.base.files import read_bytes, to_json

METRICS, SEAL = "metrics.json", "sha256"


def seal(figures: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the hashes of all files in a folder, by their names, and under ``metrics.json`` that of the figures."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != METRICS)
    hashes = {file.relative_to(folder).as_posix(): _hash(file.read_bytes()) for file in files}
    return {**hashes, METRICS: _hash_of_figures(json.loads(to_json(figures)))}


def read_sealed(folder: Path) -> tuple[Mapping[str, Any], dict[str, bytes]]:
    """Return the figures of a run, and what its files hold, by their names, if all are as it wrote them.

    Raises
    ------
    MeshReadError
        A file is missing, or it or a figure has changed; there are no hashes, or no figures.
    OSError
        A file cannot be read.
    """
    figures = _read_figures(folder)
    hashes = figures.get(SEAL)
    if not isinstance(hashes, dict) or any(".." in (path := Path(each)).parts or path.is_absolute() for each in hashes):
        raise MeshReadError(f"{folder / METRICS} records no hashes of the files: it was changed, or written long ago")
    files = {name: read_bytes(folder / name) for name in hashes if name != METRICS}
    found = {name: _hash(content) for name, content in files.items()}
    found[METRICS] = _hash_of_figures({key: value for key, value in figures.items() if key != SEAL})
    changed = [name for name, each in found.items() if hashes.get(name) != each]
    if changed:
        raise MeshReadError(f"{' and '.join(sorted(changed))} in {folder} changed after the run had written it")
    return figures, files


def _read_figures(folder: Path) -> Mapping[str, Any]:
    if not (folder / METRICS).is_file():
        raise MeshReadError(f"{folder} holds no results: {METRICS} is missing")
    try:
        figures = json.loads(read_bytes(folder / METRICS))
    except (ValueError, RecursionError) as error:
        raise MeshReadError(f"{folder / METRICS} is damaged: {error}") from None
    if not isinstance(figures, dict):
        raise MeshReadError(f"{folder / METRICS} is damaged: it holds no figures")
    return figures


def _hash_of_figures(figures: Any) -> str:
    """Return the hash of figures, whatever their order and layout."""
    return _hash(json.dumps(figures, sort_keys=True).encode())


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
