"""The log of one mesh: a line for each thing that happens, on disk at once."""

import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self


class Log:
    """A file to write lines to, and a progress client that notes stages and their seconds there.

    Parameters
    ----------
    file : path
        New lines are added to it.
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file.open("a", encoding="utf-8", errors="replace")
        self._stage = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._file.close()

    def line(self, words: str) -> None:
        """Write a line, after date and time."""
        self._file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {words}\n")
        self._file.flush()

    def begin(self, stage: str) -> None:
        """Hear which stage it is."""
        require_wanted()
        self._stage = stage

    def update(self, fraction: float, detail: str = "") -> None:
        """Stop if nobody waits for the result any more."""
        require_wanted()

    def end(self, seconds: float) -> None:
        """Note a stage."""
        self.line(f"{self._stage:<20} {seconds:7.2f} s")


class AbandonedError(Exception):
    """Nobody waits for the result any more."""


def require_wanted() -> None:
    """Raise `AbandonedError` in a task of Dask that was canceled: its thread cannot be stopped from outside."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return
    try:
        worker = distributed.get_worker()
    except ValueError:  # no worker runs this
        return
    task = worker.state.tasks.get(worker.get_current_task())
    if task is None or task.state == "cancelled":
        raise AbandonedError
