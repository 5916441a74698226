"""Progress is a client: stages report to it, and never print.

A `Progress` is told when a stage begins, how far it is, and when it ends. Library functions take one as ``progress=``;
``None`` means silence. The command line supplies one that draws bars.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """What a progress client must offer."""

    def begin(self, stage: str) -> None:
        """Hear that a stage of this name starts."""

    def update(self, fraction: float, detail: str = "") -> None:
        """Hear that the current stage has done `fraction` (0 to 1) of its work."""

    def end(self, seconds: float) -> None:
        """Hear that the current stage has ended after `seconds`."""


class Silent:
    """The client that says nothing."""

    def begin(self, stage: str) -> None:
        """Say nothing."""

    def update(self, fraction: float, detail: str = "") -> None:
        """Say nothing."""

    def end(self, seconds: float) -> None:
        """Say nothing."""


SILENT = Silent()


class Stages:
    """Runs stages one after the other, tells a client, and remembers their seconds.

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
