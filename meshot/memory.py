"""Refuse at the start what would not fit in memory."""

import os
from pathlib import Path

from meshot.errors import NotEnoughMemoryError

MEMINFO = Path("/proc/meminfo")


def available_memory() -> int | None:
    """Return how many bytes the system can still give without swapping; None if it does not say."""
    try:
        for line in MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
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
            f"{what} takes about {_gib(needed)} of memory, and only {_gib(available)} are available",
            needed=int(needed),
            available=available,
        )


def _gib(count: float) -> str:
    return f"{count / 2**30:.3g} GiB"
