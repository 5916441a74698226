"""The state of a computation, and its checkpoint file, which is written whole or not at all."""

import json
import time
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from meshot.base.arrays import Floats
from meshot.base.errors import OptionError
from meshot.base.files import PathLike, write_npz

# Version of the file's contents.
FORMAT = 3


@dataclass(frozen=True)
class SampledStep:
    """One step of a sampled transport, with the error estimated from its samples.

    Attributes
    ----------
    level, sites : int
        Level of the hierarchy (the last is the finest), and its number of sites or clusters.
    samples : int
        Samples of the batch.
    error : float
        Largest relative error of a counted mass.
    rms, deviation : float
        RMS relative error of the true masses, without the noise of counting, and its standard error.
    noise, plain : float
        RMS standard error of a counted mass, and the one that independent samples would have.
    smallest : float
        Smallest mass of a cell, relative to the prescribed one.
    step : float
        Length of the step that followed; 0 before a Sinkhorn round, or after the last.
    seconds : float
        Time since the start.
    """

    level: int
    sites: int
    samples: int
    error: float
    rms: float
    deviation: float
    noise: float
    plain: float
    smallest: float
    step: float
    seconds: float

    @property
    def gain(self) -> float:
        """Ratio of independent samples to these at the same standard error."""
        return (self.plain / self.noise) ** 2 if self.noise > 0 else float("inf")


@dataclass(frozen=True, eq=False)
class State:
    """State of a computation.

    Attributes
    ----------
    heights : (k,) float
        Of the current level.
    coarse_heights : (j,) float
        Of the next coarser level; empty at the coarsest.
    level, size, rounds, steps : int
        Current level, samples of its batches, Sinkhorn rounds so far, and steps so far.
    batches : int
        Batches drawn so far: the seed of the next.
    samples : int
        Samples drawn so far.
    full_step : bool
        Whether a step with the full number of samples has been taken.
    extra : mapping
        Arrays that an optimizer keeps.
    history : tuple of SampledStep
    """

    heights: Floats
    coarse_heights: Floats = field(default_factory=lambda: np.empty(0))
    level: int = 0
    size: int = 0
    rounds: int = 0
    steps: int = 0
    batches: int = 0
    samples: int = 0
    full_step: bool = False
    extra: dict[str, Floats] = field(default_factory=dict)
    history: tuple[SampledStep, ...] = ()


_NUMBERS = ("level", "size", "rounds", "steps", "batches", "samples", "full_step")


def fingerprint(*parts: Any) -> str:
    """Return a hash of the arrays and values that define a problem."""
    digest = sha256()
    for part in parts:
        digest.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
    return digest.hexdigest()


@dataclass
class Checkpoint:
    """A file for the state, written every `interval` seconds.

    Parameters
    ----------
    path : path or None
        With None, nothing is written.
    key : str
        Fingerprint of the problem and the options.
    interval : float
        Seconds.
    """

    path: PathLike | None
    key: str
    interval: float = 30.0
    _written: float = field(default_factory=time.monotonic)

    def load(self) -> State | None:
        """Return the saved state, or None if there is no file.

        Raises
        ------
        OptionError
            The file is not a checkpoint, or belongs to another problem.
        """
        if self.path is None or not Path(self.path).exists():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            entries = json.loads(str(arrays.pop("entries")))
            same = entries["format"] == FORMAT and entries["key"] == self.key
            history = tuple(SampledStep(**step) for step in entries["history"])
            state = State(arrays.pop("heights"), arrays.pop("coarse_heights"), history=history, extra=arrays)
            state = replace(state, **{name: entries[name] for name in _NUMBERS})
        except (OSError, EOFError, BadZipFile, ValueError, KeyError, TypeError):
            raise OptionError(f"{self.path} is no checkpoint of a sampled transport") from None
        if not same:
            raise OptionError(f"the checkpoint {self.path} belongs to another problem, or to other options")
        return state

    def save(self, state: State, *, now: bool = False) -> None:
        """Write the state if `interval` seconds have passed, or `now`."""
        if self.path is None or not (now or time.monotonic() - self._written >= self.interval):
            return
        entries = {name: getattr(state, name) for name in _NUMBERS}
        entries |= {"format": FORMAT, "key": self.key, "history": [asdict(step) for step in state.history]}
        arrays = {"heights": state.heights, "coarse_heights": state.coarse_heights, **state.extra}
        write_npz(self.path, entries=np.array(json.dumps(entries)), **arrays)
        self._written = time.monotonic()
