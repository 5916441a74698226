"""AE-OT: an auto-encoder whose latent distribution is sampled through an optimal transport map."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from meshot.base.arrays import Floats
from meshot.base.errors import GeometryError, OptionError
from meshot.base.files import PathLike
from meshot.base.progress import Progress
from meshot.base.settings import Device, require_torch
from meshot.diagrams.domains import Box
from meshot.diagrams.power_cells import Domain
from meshot.generative.crossings import Crossings
from meshot.generative.extension import THETA, AngleCriterion, ExtendedMap, ExtensionRecord
from meshot.transport.result import TransportResult
from meshot.transport.sampled.sources import StandardNormal, UniformBox
from meshot.transport.solve import solve_transport

# Rows that an encoder or decoder gets at once.
BATCH = 512


@dataclass(frozen=True, eq=False)
class Generated:
    """New data.

    Attributes
    ----------
    data : (n, ...)
        The decoder's output.
    codes : (n, d) float
        The decoder's input.
    source : (n, d) float
        Samples of the source that were mapped to the codes.
    record : ExtensionRecord
        Cells, and which samples are near the singular set.
    """

    data: NDArray[Any]
    codes: Floats
    source: Floats
    record: ExtensionRecord


@dataclass(frozen=True, eq=False)
class LatentPath(Generated):
    """Data along a segment of the source.

    Attributes
    ----------
    times : (n,) float
        From 0 to 1, evenly spaced.
    crossings : Crossings
        Where the segment crosses from cell to cell, and which crossings are singular.
    """

    times: Floats
    crossings: Crossings

    @property
    def torn(self) -> NDArray[np.bool_]:
        """Whether a singular crossing lies between each point of the path and the next, (n - 1,)."""
        singular = self.crossings.times[self.crossings.singular]
        return np.asarray(np.histogram(singular, self.times)[0] > 0)


class AEOT:
    """An auto-encoder with an extended transport map from a simple source to its codes.

    Parameters
    ----------
    encoder, decoder : torch.nn.Module or callable
        From data (n, ...) to codes (n, d) and back, trained beforehand; or functions of arrays.
    batch : int
        Rows that they get at once.

    Attributes
    ----------
    map : ExtendedMap
        From the source to codes, after `fit` or `load`.
    transport : TransportResult or None
        The transport that the map extends; None for a loaded model.

    References
    ----------
    An, Guo, Lei, Luo, Yau, Gu, "AE-OT: a new generative model based on extended semi-discrete optimal transport",
    ICLR 2020.

    Examples
    --------
    >>> data = np.random.default_rng(0).normal(size=(60, 2))
    >>> model = AEOT(lambda data: data / 2, lambda codes: 2 * codes).fit(data)
    >>> model.sample(5, rng=1).data.shape
    (5, 2)
    """

    def __init__(self, encoder: Any, decoder: Any, *, batch: int = BATCH) -> None:
        require_torch("AEOT")
        for name, model in (("encoder", encoder), ("decoder", decoder)):
            if not callable(model):
                raise OptionError(f"the {name} must be a torch module or a function, not a {type(model).__name__}")
        self.encoder, self.decoder, self.batch = encoder, decoder, batch
        self.transport: TransportResult | None = None
        self._map: ExtendedMap | None = None

    @property
    def map(self) -> ExtendedMap:
        """The map from the source to codes; OptionError before `fit` or `load`."""
        if self._map is None:
            raise OptionError("the model has no map yet: fit it to data, or load it")
        return self._map

    def fit(
        self,
        data: ArrayLike,
        *,
        source: Any = "cube",
        theta: float = THETA,
        criterion: AngleCriterion = "angle",
        neighbors: int | None = None,
        samples: int | None = None,
        device: Device = "auto",
        rng: int | np.random.Generator = 0,
        progress: Progress | None = None,
    ) -> "AEOT":
        """Encode data and solve the transport to their codes; equal codes share a cell.

        Parameters
        ----------
        data : (n, ...)
        source : {"cube", "normal"} or domain
            The uniform density on [-1, 1]^d, the standard normal one, or what `solve_transport` takes as a domain.
            Codes of two or three coordinates get exact cells if the source has them; others are sampled.
        theta, criterion, neighbors
            As of `ExtendedMap`.
        samples, device, rng
            As of `solve_transport`, for a transport by sampling.
        progress : Progress, optional

        Returns
        -------
        AEOT
            The model itself.

        Raises
        ------
        GeometryError
            The codes are not (n, d) finite numbers.

        Warns
        -----
        ConvergenceWarning
            The transport did not converge.
        """
        codes = encode(self.encoder, data, self.batch)
        domain = _domain(source, codes.shape[1])
        sampling: dict[str, Any] = {"method": "montecarlo", "samples": samples, "device": device, "rng": rng}
        how = {} if has_exact_cells(domain, codes.shape[1]) else sampling
        self.transport = solve_transport(codes, domain=domain, duplicates="merge", progress=progress, **how)
        self._map = ExtendedMap(self.transport, theta=theta, criterion=criterion, neighbors=neighbors, device=device)
        return self

    def sample(self, n: int, *, rng: int | np.random.Generator = 0, reject: bool = False) -> Generated:
        """Generate new data.

        Parameters
        ----------
        n : int
        rng : int or numpy.random.Generator
        reject : bool
            Replace samples near the singular set by others.

        Returns
        -------
        Generated
        """
        drawn = self.map.sample(n, rng=rng, reject=reject)
        return Generated(self._decode(drawn.points), drawn.points, drawn.source, drawn.record)

    def path(self, z0: ArrayLike, z1: ArrayLike, steps: int = 9) -> LatentPath:
        """Decode the segment from `z0` to `z1` at evenly spaced times.

        `LatentPath.torn` marks steps between which the map is torn: there the data jump.

        Parameters
        ----------
        z0, z1 : (d,) float
            Ends of the path, in the source.
        steps : int
            Number of times, both ends included.

        Returns
        -------
        LatentPath
        """
        if not (isinstance(steps, int | np.integer) and steps >= 2):
            raise OptionError(f"steps must be a whole number of at least 2, got {steps!r}")
        crossings = self.map.crossings(z0, z1)
        times = np.linspace(0, 1, steps)
        points = (1 - times)[:, None] * np.asarray(z0) + times[:, None] * np.asarray(z1)
        codes, record = self.map(points)
        return LatentPath(self._decode(codes), codes, points, record, times, crossings)

    def save(self, folder: PathLike) -> None:
        """Write the map to a folder, with the weights of the encoder and decoder if these are torch modules.

        Parameters
        ----------
        folder : str or path
            It is created if it does not exist.

        Raises
        ------
        OptionError
            The model is not fitted, or its source is a function.
        """
        from meshot.generative.model_files import save_model  # noqa: PLC0415

        save_model(folder, self.map, self._models)

    @classmethod
    def load(cls, folder: PathLike, encoder: Any, decoder: Any, *, batch: int = BATCH) -> "AEOT":
        """Load a saved model.

        Parameters
        ----------
        folder : str or path
            Where `save` wrote the model.
        encoder, decoder : callable or torch.nn.Module
            Of the architecture that was saved; modules get the saved weights.
        batch : int
            Rows that they get at once.

        Returns
        -------
        AEOT

        Raises
        ------
        MeshReadError
            A file is missing, damaged, or does not belong to the others.
        OptionError
            A module has another architecture.
        """
        from meshot.generative.model_files import load_model  # noqa: PLC0415

        model = cls(encoder, decoder, batch=batch)
        model._map = load_model(folder, model._models)
        return model

    @property
    def _models(self) -> dict[str, Any]:
        return {"encoder": self.encoder, "decoder": self.decoder}

    def _decode(self, codes: Floats) -> NDArray[Any]:

        return apply(self.decoder, codes, self.batch)


def has_exact_cells(domain: Any, dimension: int) -> bool:
    """Return whether a transport from a domain (None: the disk or ball) has exact cells.

    Examples
    --------
    >>> has_exact_cells(Box([0, 0], [1, 1]), 2), has_exact_cells(StandardNormal(2), 2)
    (True, False)
    """
    return dimension in (2, 3) and (domain is None or isinstance(domain, Domain))


def _domain(source: Any, dimension: int) -> Any:
    if not isinstance(source, str):
        return source
    if source not in ("cube", "normal"):
        raise OptionError(f'source must be "cube", "normal" or a domain, got {source!r}')
    if source == "normal":
        return StandardNormal(dimension)
    box = Box if dimension in (2, 3) else UniformBox
    return box(-np.ones(dimension), np.ones(dimension))


Model: TypeAlias = torch.nn.Module | Callable[[Any], Any]


def apply(model: Model, values: ArrayLike, batch: int) -> NDArray[Any]:
    """Evaluate a model on rows, in batches.

    A torch module gets tensors of its dtype on its device, without gradients and in evaluation mode (no drop-out, fixed
    batch statistics); its mode is restored. A function gets and returns arrays.

    Parameters
    ----------
    model : torch.nn.Module or callable
    values : (n, ...)
    batch : int
        Rows of a batch.

    Returns
    -------
    (n, ...)

    Raises
    ------
    GeometryError
        The model does not return one row for each row.

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
    """Yield a function of arrays that runs the model, in evaluation mode if it is a torch module."""
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
