"""Names and defaults of the options that functions and commands share; loads nothing, so that ``--help`` is quick."""

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
"""Largest relative error of a cell of the transport."""

TOL_AREA = 1e-2
"""Standard deviation of the faces' area ratios to refine an area-preserving map to."""

TOL_VOLUME = 1e-2
"""Mean and spread of the tetrahedra's volume ratios, less 1, to refine a volume-preserving map to."""


def require_positive(name: str, value: float) -> None:
    """Raise ValueError unless a value is above zero.

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
    """Raise OptionError unless torch is installed, which `what` needs."""
    if find_spec("torch") is None:
        raise OptionError(f"{what} needs torch: install meshot with its extra, meshot[gpu]")
