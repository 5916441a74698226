"""Available and peak memory; tasks that would not fit are refused before they start."""

import ctypes
import os
from contextlib import suppress
from pathlib import Path

from meshot.base.errors import NotEnoughMemoryError

MEMINFO = Path("/proc/meminfo")
STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")


def available_memory() -> int | None:
    """Return how many bytes can still be allocated without swapping; None if the system does not say."""
    available = _entry(MEMINFO, "MemAvailable")
    if available is not None:
        return available
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def require_memory(needed: float, what: str) -> None:
    """Raise an error if fewer bytes than `needed` are available.

    Parameters
    ----------
    needed : float
        Bytes.
    what : str
        The task, for the message.

    Raises
    ------
    NotEnoughMemoryError
        Not enough memory is available.

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
    """Format a number of bytes.

    Examples
    --------
    >>> gib(3 * 2**29)
    '1.5 GiB'
    """
    return f"{count / 2**30:.3g} GiB"


def forget_peak() -> None:
    """Reset `peak_memory`, where the system can do that."""
    with suppress(OSError):
        CLEAR_REFS.write_text("5")


def give_back_memory() -> None:
    """Return this process's free memory to the system, where its allocator can do that (glibc)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def peak_memory() -> int | None:
    """Return the peak resident memory of this process in bytes; None if the system does not say."""
    return _entry(STATUS, "VmHWM")


def _entry(file: Path, key: str) -> int | None:
    """Return the bytes of a line ``key: 12 kB`` of a file in /proc."""
    try:
        for line in file.read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None
