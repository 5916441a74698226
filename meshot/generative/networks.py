"""Encoders and decoders at work: torch modules or plain functions, batch by batch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from meshot.errors import GeometryError
from meshot.meshes.mesh import Floats

Model: TypeAlias = torch.nn.Module | Callable[[Any], Any]


def apply(model: Model, values: ArrayLike, batch: int) -> NDArray[Any]:
    """Return what a model makes of `values` (n, ...), an array of n rows.

    A torch module gets tensors of its own kind of numbers on its own device, without gradients and as in evaluation
    (drop-out and batch statistics are off); its mode is then as it was. A function gets and returns arrays.

    Raises
    ------
    GeometryError
        The model does not return one row for each that it gets.

    Examples
    --------
    >>> apply(lambda x: 2 * x, np.ones((3, 1)), 2).tolist()
    [[2.0], [2.0], [2.0]]
    """
    rows = np.asarray(values)
    with evaluating(model) as run:
        parts = [np.asarray(run(rows[k : k + batch])) for k in range(0, max(1, len(rows)), batch)]
    for start, part in zip(range(0, max(1, len(rows)), batch), parts, strict=True):
        if part.ndim == 0 or len(part) != len(rows[start : start + batch]):
            raise GeometryError(f"a model must return one row for each it gets: {batch} became {part.shape}")
    return np.concatenate(parts)


def encode(encoder: Model, data: ArrayLike, batch: int) -> Floats:
    """Return the codes (n, d) of data (n, ...).

    Raises
    ------
    GeometryError
        There are no data, or the codes are not n rows of finite numbers.
    """
    if np.ndim(data) == 0 or len(np.asarray(data)) == 0:
        raise GeometryError(f"data must have shape (n >= 1, ...), got {np.shape(data)}")
    codes = apply(encoder, data, batch).astype(np.float64)
    if codes.ndim != 2 or codes.shape[1] == 0:
        raise GeometryError(f"the encoder must return codes of shape (n, d), got {codes.shape}")
    bad = np.flatnonzero(~np.isfinite(codes).all(axis=1))
    if len(bad):
        raise GeometryError("the encoder returns codes that are not finite", ids=bad.tolist())
    return codes


@contextmanager
def evaluating(model: Model) -> Iterator[Callable[[NDArray[Any]], Any]]:
    """Give a function from arrays to arrays that runs the model, in evaluation mode if it is a torch module."""
    if not isinstance(model, torch.nn.Module):
        yield model
        return
    like = next(model.parameters(), torch.empty(0))
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield lambda rows: model(torch.as_tensor(rows).to(like.device, like.dtype)).cpu().numpy()
    finally:
        for module, training in modes:
            module.training = training
