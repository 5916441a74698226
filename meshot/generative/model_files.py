"""A fitted model in a folder: its map as NPZ without pickles, and the weights of torch modules."""

import io
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch

from meshot.base.errors import MeshotError, MeshReadError, OptionError
from meshot.base.files import PathLike, read_bytes, replacing, write_npz
from meshot.diagrams.domains import ConvexPolygon
from meshot.generative.extension import ExtendedMap
from meshot.transport.sampled.sources import SampledSource, StandardNormal, UniformBall, UniformBox, UniformPolygon

FORMAT = 1
MAP, WEIGHTS = "map.npz", "{}.pt"


def save_model(folder: PathLike, extended: ExtendedMap, models: dict[str, Any]) -> None:
    """Write a map, and the weights of those models that are torch modules.

    Parameters
    ----------
    folder : str or path
    extended : ExtendedMap
    models : dict of str to callable
        By name.

    Raises
    ------
    OptionError
        The source is a function or a density, which cannot be saved.
    """
    source = _packed(extended.source)
    Path(folder).mkdir(parents=True, exist_ok=True)
    digests = {f"digest_{name}": _save_weights(folder, name, model) for name, model in models.items()}
    write_npz(
        Path(folder) / MAP, format=FORMAT, sites=extended.sites, heights=extended.heights, centers=extended.centers,
        theta=extended.theta, criterion=extended.criterion, neighbors=extended.neighbors, **source, **digests,
    )  # fmt: skip


def load_model(folder: PathLike, models: dict[str, Any]) -> ExtendedMap:
    """Load a map, and the weights of those models that are torch modules.

    Parameters
    ----------
    folder : str or path
    models : dict of str to callable
        By name, as they were saved.

    Returns
    -------
    ExtendedMap

    Raises
    ------
    MeshReadError
        A file is missing, damaged, or does not belong to the others.
    OptionError
        A model has another architecture than the saved one.
    """
    path = Path(folder) / MAP
    content = read_bytes(path)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            held = {name: file[name] for name in file.files}
        if int(held["format"]) != FORMAT:
            raise ValueError(f"its format is {held['format']}, not {FORMAT}")
        criterion: Any = str(held["criterion"])
        options: dict[str, Any] = {"theta": float(held["theta"]), "neighbors": int(held["neighbors"])}
        planes, centers = (held["sites"], held["heights"]), held["centers"]
        extended = ExtendedMap(planes, domain=_unpacked(held), criterion=criterion, centers=centers, **options)
        digests = {name: str(held[f"digest_{name}"]) for name in models}
    except (OSError, EOFError, BadZipFile, ValueError, KeyError, TypeError, MeshotError) as fault:
        raise MeshReadError(f"{path} is no map of a generative model: {fault}") from None
    for name, model in models.items():
        _load_weights(folder, name, model, digests[name])
    return extended


def _save_weights(folder: PathLike, name: str, model: Any) -> str:
    """Write the weights of a torch module and return their digest; for a function return ""."""
    if not isinstance(model, torch.nn.Module):
        return ""
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    content = buffer.getvalue()
    with replacing(Path(folder) / WEIGHTS.format(name)) as file:
        file.write(content)
    return sha256(content).hexdigest()


def _load_weights(folder: PathLike, name: str, model: Any, digest: str) -> None:
    if isinstance(model, torch.nn.Module) != bool(digest):
        raise OptionError(f"the {name} was saved as a {'torch module' if digest else 'function'}: give one")
    if not isinstance(model, torch.nn.Module):
        return
    path = Path(folder) / WEIGHTS.format(name)
    content = read_bytes(path)
    if sha256(content).hexdigest() != digest:
        raise MeshReadError(f"{path} is not what was saved with the map beside it")
    try:
        model.load_state_dict(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))
    except RuntimeError:
        raise OptionError(f"the {name} has another architecture than the one that was saved in {path}") from None


def _packed(source: SampledSource) -> dict[str, Any]:
    if isinstance(source, UniformBox):
        return {"source": "box", "lower": source.lower, "upper": source.upper}
    if isinstance(source, UniformBall):
        return {"source": "ball", "center": source.center, "radius": source.radius}
    if isinstance(source, UniformPolygon):
        return {"source": "polygon", "corners": source.polygon.vertices}
    if isinstance(source, StandardNormal):
        return {"source": "normal", "dimension": source.dimension}
    raise OptionError("a source that is a function cannot be saved")


def _unpacked(held: dict[str, Any]) -> SampledSource:
    kind = str(held["source"])
    if kind == "box":
        return UniformBox(held["lower"], held["upper"])
    if kind == "ball":
        return UniformBall(held["center"], float(held["radius"]))
    if kind == "polygon":
        return UniformPolygon(ConvexPolygon(held["corners"]))
    if kind == "normal":
        return StandardNormal(int(held["dimension"]))
    raise ValueError(f"unknown source {kind!r}")
