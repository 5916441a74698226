"""Progress reports: stages call a client, and never print.

A `Progress` is called when a stage begins, advances and ends. Library functions take one as ``progress=``; with
``None`` nothing is reported. The command line supplies one that draws bars.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Protocol of a progress client."""

    def begin(self, stage: str) -> None:
        """Report that a stage of this name starts."""

    def update(self, fraction: float, detail: str = "") -> None:
        """Report that the current stage has done `fraction` (0 to 1) of its work."""

    def end(self, seconds: float) -> None:
        """Report that the current stage has ended after `seconds`."""


class Silent:
    """A client that ignores all reports."""

    def begin(self, stage: str) -> None:
        """Do nothing."""

    def update(self, fraction: float, detail: str = "") -> None:
        """Do nothing."""

    def end(self, seconds: float) -> None:
        """Do nothing."""


SILENT = Silent()


class Stages:
    """Runs stages one after the other, reports them to a client, and records their seconds.

    Parameters
    ----------
    progress : Progress, optional

    Attributes
    ----------
    seconds : dict of str to float
        Time spent in each stage.

    Examples
    --------
    >>> stages = Stages()
    >>> with stages("check"):
    ...     pass
    >>> list(stages.seconds)
    ['check']
    """

    def __init__(self, progress: Progress | None = None) -> None:
        self.progress: Progress = SILENT if progress is None else progress
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[Progress]:
        """Time the enclosed block as `stage`."""
        self.progress.begin(stage)
        start = time.perf_counter()
        try:
            yield self.progress
        finally:
            spent = time.perf_counter() - start
            self.seconds[stage] = self.seconds.get(stage, 0.0) + spent
            self.progress.end(spent)
