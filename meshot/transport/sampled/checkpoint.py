"""Where a computation stands, and its checkpoint: a file that is complete or not there."""

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

INTERVAL = 30.0
FORMAT = 2


@dataclass(frozen=True)
class SampledStep:
    """What one survey of the cells told.

    Attributes
    ----------
    level, sites : int
        Level of the hierarchy, the finest the last, and its number of sites or clusters.
    samples : int
        Samples of the survey.
    error : float
        Largest relative error of a counted mass.
    rms, deviation : float
        RMS relative error of the true masses, without the noise of counting, and its standard error.
    noise, plain : float
        RMS standard error of a counted mass, and what independent samples would have.
    smallest : float
        Smallest mass of a cell, relative to what is asked for.
    step : float
        Length of the step that was taken from here; 0 where masses were balanced, or after the last.
    seconds : float
        Since the start.
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
        """How many times as many independent samples would be as good as these."""
        return (self.plain / self.noise) ** 2 if self.noise > 0 else float("inf")


@dataclass(frozen=True, eq=False)
class State:
    """Where a computation stands.

    Attributes
    ----------
    heights : (k,) float
        Of the level at work.
    coarse_heights : (j,) float
        Of the level below; empty at the coarsest.
    level, size, rounds, steps : int
        The level at work, samples of its surveys now, rounds of balancing so far, and surveys so far.
    draws : int
        Batches drawn so far: the seed of the next.
    spent : int
        Samples drawn so far.
    polished : bool
        Whether a step with all samples has been taken.
    extra : mapping
        What an optimizer keeps.
    history : tuple of SampledStep
    """

    heights: Floats
    coarse_heights: Floats = field(default_factory=lambda: np.empty(0))
    level: int = 0
    size: int = 0
    rounds: int = 0
    steps: int = 0
    draws: int = 0
    spent: int = 0
    polished: bool = False
    extra: dict[str, Floats] = field(default_factory=dict)
    history: tuple[SampledStep, ...] = ()


_NUMBERS = ("level", "size", "rounds", "steps", "draws", "spent", "polished")


def fingerprint(*parts: Any) -> str:
    """Return a hash of arrays and plain values that a problem is made of."""
    digest = sha256()
    for part in parts:
        digest.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
    return digest.hexdigest()


@dataclass
class Checkpoint:
    """A file that keeps a state, written when `interval` seconds have passed since the last time.

    Parameters
    ----------
    path : path or None
        None keeps nothing.
    key : str
        Fingerprint of the problem and the options.
    interval : float
    """

    path: PathLike | None
    key: str
    interval: float = INTERVAL
    _written: float = field(default_factory=time.monotonic)

    def load(self) -> State | None:
        """Return the state that was kept, or None if there is no file.

        Raises
        ------
        OptionError
            The file is no checkpoint, or that of another problem.
        """
        if self.path is None or not Path(self.path).exists():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            told = json.loads(str(arrays.pop("told")))
            same = told["format"] == FORMAT and told["key"] == self.key
            history = tuple(SampledStep(**step) for step in told["history"])
            state = State(arrays.pop("heights"), arrays.pop("coarse_heights"), history=history, extra=arrays)
            state = replace(state, **{name: told[name] for name in _NUMBERS})
        except (OSError, EOFError, BadZipFile, ValueError, KeyError, TypeError):
            raise OptionError(f"{self.path} is no checkpoint of a sampled transport") from None
        if not same:
            raise OptionError(f"the checkpoint {self.path} belongs to another problem, or to other options")
        return state

    def keep(self, state: State, *, now: bool = False) -> None:
        """Write the state, if it is time or `now`."""
        if self.path is None or not (now or time.monotonic() - self._written >= self.interval):
            return
        told = {name: getattr(state, name) for name in _NUMBERS}
        told |= {"format": FORMAT, "key": self.key, "history": [asdict(step) for step in state.history]}
        arrays = {"heights": state.heights, "coarse_heights": state.coarse_heights, **state.extra}
        write_npz(self.path, told=np.array(json.dumps(told)), **arrays)
        self._written = time.monotonic()
