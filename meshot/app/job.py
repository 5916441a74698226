"""What every command shares: progress, collected warnings, exit codes, and errors as one sentence.

Exit codes: 0 done, 2 input or usage refused, 3 did not converge, 4 cannot read or write, 130 interrupted. What was
asked for goes to standard output, errors to standard error; progress is shown on a terminal alone.
"""

import shlex
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import CycloptsError

from meshot.base.errors import ConvergenceError, ConvergenceWarning

if TYPE_CHECKING:
    from meshot.app.files.run import Provenance
    from meshot.base.progress import Progress, Stages

DONE, REFUSED, NOT_CONVERGED, NO_ACCESS, INTERRUPTED = 0, 2, 3, 4, 130


# ---------------------------------------------------------------------------------------------------------------------
# progress


class Clock:
    """A progress client that times stages and hands everything on to one that shows it.

    Stages can hold stages; only the innermost ones are kept, so that no second is counted twice.
    """

    def __init__(self, shown: "Progress") -> None:
        self.shown = shown
        self.seconds: dict[str, float] = {}
        self.start = time.perf_counter()
        self._open: list[tuple[str, bool]] = []

    def begin(self, stage: str) -> None:
        """Start a stage, within the current one if there is any."""
        self._open = [(name, True) for name, _ in self._open] + [(stage, False)]
        self.shown.begin(stage)

    def update(self, fraction: float, detail: str = "") -> None:
        """Hand on."""
        self.shown.update(fraction, detail)

    def end(self, seconds: float) -> None:
        """Keep the seconds of an innermost stage."""
        stage, has_inner = self._open.pop()
        if not has_inner:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
            self.shown.end(seconds)


class Bars:
    """A progress client for a terminal: a moving bar for the stage at work, a line for each that is done."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Display

        self.console = Console(stderr=True, highlight=False)
        columns = (SpinnerColumn(), TextColumn("{task.description:<20}"), BarColumn(24), TimeElapsedColumn())
        detail = TextColumn("[dim]{task.fields[detail]}")
        self.display = Display(*columns, detail, console=self.console, transient=True)
        self.stage = ""
        self.task = self.display.add_task("", total=None, visible=False, detail="")

    def begin(self, stage: str) -> None:
        """Show a stage at work."""
        self.stage = stage
        self.display.reset(self.task, total=None, visible=True, description=stage, detail="")
        self.display.start()

    def update(self, fraction: float, detail: str = "") -> None:
        """Move the bar."""
        self.display.update(self.task, total=1.0, completed=fraction, detail=detail)

    def end(self, seconds: float) -> None:
        """Replace the bar by a line, with a cross if the stage failed."""
        self.display.update(self.task, visible=False)
        mark = "[green]✓[/]" if sys.exc_info()[0] is None else "[red]✗[/]"
        self.console.print(f"{mark} {self.stage:<20} {seconds:7.2f} s")

    def stop(self) -> None:
        """Leave the terminal clean."""
        self.display.stop()

    def tell_of_compiling(self) -> None:
        """Say so when a kernel is compiled because the cache has none."""
        from numba.core import event

        console = self.console
        said: list[bool] = []

        class Listener(event.Listener):
            def on_start(self, event: Any) -> None:
                if not said:
                    said.append(True)
                    console.print("[dim]  compiling kernels, at the first run only[/]")

            def on_end(self, event: Any) -> None:
                pass

        event.register("numba:compile", Listener())


@dataclass
class Job:
    """A command at work.

    Attributes
    ----------
    out : Path
        Where its results go.
    clock : Clock
        Client of the library's progress.
    stages : Stages
        Runs the command's own stages on the clock.
    command : str
        As one would type it.
    look : callable
        Is shown the mesh when it has been read; what it raises ends the job.
    """

    out: Path
    clock: Clock
    stages: "Stages"
    command: str = ""
    look: Callable[[Any], None] = lambda mesh: None
    caught: list[warnings.WarningMessage] = field(default_factory=list)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was said of solvers that did not converge."""
        return tuple(str(warning.message) for warning in self.caught)

    def seconds(self) -> dict[str, float]:
        """Seconds of each stage so far, and in all."""
        return {**self.clock.seconds, "total": time.perf_counter() - self.clock.start}

    def provenance(self, path: Path, file: Any, options: dict[str, Any]) -> "Provenance":
        """Return where the result comes from: what was read of a file, and the options that shape it."""
        from meshot.app.files.run import Provenance

        return Provenance(path.name, file.sha256, self.command, options, getattr(file, "notes", ()))


@contextmanager
def start_job(
    out: Path,
    *,
    hold: bool = True,
    progress: "Progress | None" = None,
    command: str | None = None,
    look: Callable[[Any], None] = lambda mesh: None,
) -> Iterator[Job]:
    """Show progress on a terminal, collect warnings that a solver did not converge, and hold the folder `out`.

    Parameters
    ----------
    out : path
        Where the results go.
    hold : bool
        Whether it is a folder that no other run may write to meanwhile.
    progress : Progress, optional
        Client to report to in place of the terminal.
    command : str, optional
        By default the command line of this process.
    look : callable
        As of `Job`.
    """
    from meshot.app.files.folder import reserved_folder
    from meshot.base.progress import SILENT, Stages

    bars = Bars() if progress is None and sys.stderr.isatty() else None
    if bars is not None:
        bars.tell_of_compiling()
    clock = Clock(progress or bars or SILENT)
    try:
        with reserved_folder(out) if hold else nullcontext(), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", ConvergenceWarning)
            words = shlex.join(["meshot", *given]) if command is None else command
            yield Job(out, clock, Stages(clock), words, look, caught)
    finally:
        if bars is not None:
            bars.stop()


# ---------------------------------------------------------------------------------------------------------------------
# what is said at the end

given: list[str] = []
"""What stands behind ``meshot`` on the command line of this process."""


def cause(error: BaseException) -> tuple[int, str]:
    """Return the exit code and the sentence for an error that was foreseen."""
    if isinstance(error, CycloptsError):
        return REFUSED, f"{str(error).rstrip('.')}. See meshot --help"
    if isinstance(error, ConvergenceError):
        return NOT_CONVERGED, str(error)
    if isinstance(error, OSError):
        place = f"cannot read or write {error.filename}: {error.strerror}"
        return NO_ACCESS, place if error.filename else f"cannot read or write: {error}"
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, str(error) or "interrupted; nothing was written, and what was there is as it was"
    return REFUSED, str(error)


def complain(sentence: str) -> None:
    """Say what went wrong, in one sentence."""
    sys.stderr.write(f"meshot: {visible(sentence)}.\n")


def visible(sentence: str) -> str:
    """Return a sentence without its point; what cannot be seen, as in strange names of files, is spelled out."""
    shown = (each if each.isprintable() else each.encode("unicode_escape").decode() for each in sentence)
    return "".join(shown).rstrip(".")


def ended(unconverged: Sequence[str]) -> int:
    """Return the exit code of what came to an end: done, or not converged; says so."""
    if not unconverged:
        return DONE
    complain(unconverged[0])
    return NOT_CONVERGED


def show(figures: dict[str, Any] | None, words: str) -> None:
    """Print the figures as JSON if there are any; else the words, on a terminal."""
    from meshot.base.files import to_json

    if figures is not None:
        sys.stdout.write(to_json(figures) + "\n")
    elif sys.stdout.isatty():
        sys.stdout.write(words + "\n")
