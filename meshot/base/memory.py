"""How much memory there is and was taken; refuse at the start what would not fit."""

import ctypes
import os
from contextlib import suppress
from pathlib import Path

from meshot.base.errors import NotEnoughMemoryError

MEMINFO = Path("/proc/meminfo")
STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")


def available_memory() -> int | None:
    """Return how many bytes the system can still give without swapping; None if it does not say."""
    told = _entry(MEMINFO, "MemAvailable")
    if told is not None:
        return told
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def require_memory(needed: float, what: str) -> None:
    """Raise `NotEnoughMemoryError` if the `needed` bytes for `what` are more than there are.

    Examples
    --------
    >>> require_memory(1e3, "a power diagram of 1 site")
    """
    available = available_memory()
    if available is not None and needed > available:
        raise NotEnoughMemoryError(
            f"{what} takes about {gib(needed)} of memory, and only {gib(available)} are available",
            needed=int(needed),
            available=available,
        )


def gib(count: float) -> str:
    """Write bytes for people.

    Examples
    --------
    >>> gib(3 * 2**29)
    '1.5 GiB'
    """
    return f"{count / 2**30:.3g} GiB"


def forget_peak() -> None:
    """Let `peak_memory` count from now on; where the system cannot do that, it goes on counting from the start."""
    with suppress(OSError):
        CLEAR_REFS.write_text("5")


def give_back_memory() -> None:
    """Give what is free in this process back to the system, where its allocator can do that (glibc)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def peak_memory() -> int | None:
    """Return the most bytes of memory that this process has held; None if the system does not say."""
    return _entry(STATUS, "VmHWM")


def _entry(file: Path, key: str) -> int | None:
    """Return bytes from a file of the system that tells them as ``key: 12 kB``."""
    try:
        for line in file.read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None
