"""Names and defaults of options that functions and commands share; imports no library, so that ``--help`` is quick."""

from importlib.util import find_spec
from typing import Literal, get_args

from meshot.base.errors import OptionError

TargetName = Literal["disk", "sphere"]
Normalization = Literal["area", "distortion", "none"]

Method = Literal["newton", "montecarlo"]
Device = Literal["auto", "cpu", "cuda"]

TARGETS: tuple[str, ...] = get_args(TargetName)
NORMALIZATIONS: tuple[str, ...] = get_args(Normalization)
METHODS: tuple[str, ...] = get_args(Method)
DEVICES: tuple[str, ...] = get_args(Device)

TOL = 1e-6
"""Default tolerance of the transport: the largest relative error of a cell's mass."""

TOL_AREA = 1e-2
"""Default tolerance of an area-preserving map: the standard deviation of the faces' area ratios."""

TOL_VOLUME = 1e-2
"""Default tolerance of a volume-preserving map: mean and standard deviation of |volume ratio - 1|."""


def require_positive(name: str, value: float) -> None:
    """Raise ValueError unless a value is positive.

    Examples
    --------
    >>> require_positive("tol", TOL)
    >>> require_positive("tol", -1.0)
    Traceback (most recent call last):
    ...
    ValueError: tol must be positive
    """
    if not value > 0:
        raise ValueError(f"{name} must be positive")


def require_torch(what: str) -> None:
    """Raise OptionError if torch, which `what` needs, is not installed."""
    if find_spec("torch") is None:
        raise OptionError(f"{what} needs torch: install meshot with its extra, meshot[gpu]")
