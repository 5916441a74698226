"""The choice of the device, and retries with smaller chunks when its memory is full."""

from collections.abc import Callable
from typing import TypeVar

import torch

from meshot.base.errors import NotEnoughMemoryError, OptionError
from meshot.base.settings import DEVICES

Answer = TypeVar("Answer")


def find_device(name: str) -> torch.device:
    """Return the device of a name: "auto" is a CUDA device if available is one.

    Raises
    ------
    OptionError
        The name is unknown, or it is "cuda" and available is no such device.

    Examples
    --------
    >>> find_device("cpu").type
    'cpu'
    """
    if name not in DEVICES:
        raise OptionError(f'device must be "auto", "cpu" or "cuda", got {name!r}')
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise OptionError('device="cuda" was asked for, and torch finds no CUDA device on this machine')
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def device_name(device: torch.device) -> str:
    """Return a readable name of the device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def with_smaller_chunks(work: Callable[[int], Answer], chunk: int, least: int) -> tuple[Answer, int]:
    """Call ``work(chunk)``, halving the chunk until it fits in the device's memory.

    Parameters
    ----------
    work : callable
        Gets the size of its chunks; it may run out of the device's memory.
    chunk, least : int
        First and smallest size.

    Returns
    -------
    result : object
        The value of ``work``.
    chunk : int
        The size that fits.

    Raises
    ------
    NotEnoughMemoryError
        Not even the smallest fits.
    """
    while True:
        try:
            return work(chunk), chunk
        except torch.cuda.OutOfMemoryError:
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            if chunk // 2 < least:
                raise NotEnoughMemoryError(
                    f"the device's memory is too small for chunks of even {chunk:,} samples", needed=0, available=0
                ) from None
            chunk //= 2
