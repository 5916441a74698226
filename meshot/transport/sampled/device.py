"""The device that computes, and what happens when it is not there or too small."""

from collections.abc import Callable
from typing import TypeVar

import torch

from meshot.base.errors import NotEnoughMemoryError, OptionError
from meshot.base.settings import DEVICES

Answer = TypeVar("Answer")


def find_device(name: str) -> torch.device:
    """Return the device of a name: "auto" takes a CUDA device if there is one.

    Raises
    ------
    OptionError
        "cuda" is asked for and is not there.

    Examples
    --------
    >>> find_device("cpu").type
    'cpu'
    """
    if name not in DEVICES:
        raise OptionError(f'device must be "auto", "cpu" or "cuda", got {name!r}')
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise OptionError('device="cuda" was asked for, and torch finds no CUDA device on this machine')
    return torch.device("cuda" if there and name != "cpu" else "cpu")


def device_name(device: torch.device) -> str:
    """Return what a person calls the device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def with_smaller_chunks(work: Callable[[int], Answer], chunk: int, least: int) -> tuple[Answer, int]:
    """Return ``work(chunk)`` for the first chunk, halved as often as needed, that fits in the device's memory.

    Parameters
    ----------
    work : callable
        Gets the size of its chunks; it may run out of the device's memory.
    chunk, least : int
        First and smallest size.

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
