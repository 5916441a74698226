"""What every command shares: progress, collected warnings, exit codes, and errors as one sentence.

Exit codes: 0 done, 2 input or usage refused, 3 did not converge, 4 cannot read or write, 130 interrupted. What was
asked for goes to standard output, errors to standard error; progress is shown on a terminal alone.
"""

import os
import shlex
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cyclopts import App, CycloptsError

from meshot.base.errors import ConvergenceError, ConvergenceWarning, MeshotError

if TYPE_CHECKING:
    from meshot.base.files import PathLike
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
    """A command at work: its stages, its clock, and the warnings that a solver did not converge."""

    clock: Clock
    stages: "Stages"
    unconverged: list[str]

    def seconds(self) -> dict[str, float]:
        """Seconds of each stage so far, and in all."""
        return {**self.clock.seconds, "total": time.perf_counter() - self.clock.start}

    def exit_code(self) -> int:
        """Done, or not converged; says so."""
        if not self.unconverged:
            return DONE
        complain(self.unconverged[0])
        return NOT_CONVERGED


_listener: "ContextVar[Progress | None]" = ContextVar("listener", default=None)


@contextmanager
def reporting_to(progress: "Progress") -> Iterator[None]:
    """Let the commands that run in the block report to this client, not to the terminal."""
    token = _listener.set(progress)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def start_job(out: "PathLike | None" = None) -> Iterator[Job]:
    """Show progress on a terminal, collect warnings that a solver did not converge, and hold the folder `out`."""
    from meshot.app.files.folder import reserved_folder
    from meshot.base.progress import SILENT, Stages

    listener = _listener.get()
    bars = Bars() if listener is None and sys.stderr.isatty() else None
    if bars is not None:
        bars.tell_of_compiling()
    clock = Clock(listener or bars or SILENT)
    job = Job(clock, Stages(clock), [])
    try:
        held = nullcontext() if out is None else reserved_folder(out)
        with held, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", ConvergenceWarning)
            yield job
    finally:
        if bars is not None:
            bars.stop()
    job.unconverged += [str(warning.message) for warning in caught]


# ---------------------------------------------------------------------------------------------------------------------
# exit codes

_arguments: list[str] = []


def run_command(app: App, arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name, by default those of the process, and return its exit code."""
    try:
        with _termination_as_interrupt():
            return perform(app, sys.argv[1:] if arguments is None else arguments)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads; let the exit's flush go nowhere
        return NO_ACCESS
    except (CycloptsError, MeshotError, OSError, KeyboardInterrupt) as error:
        code, sentence = cause(error)
        complain(sentence)
        return code


def perform(app: App, arguments: Sequence[str]) -> int:
    """Run the command that the arguments name and return its exit code; what goes wrong is raised."""
    _arguments[:] = arguments
    command, bound, _ = app.parse_args(_arguments, print_error=False, exit_on_error=False)
    code = command(*bound.args, **bound.kwargs)
    sys.stdout.flush()
    return code if isinstance(code, int) else DONE


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
    """Say what went wrong, in one sentence; what cannot be seen, as in strange names of files, is spelled out."""
    visible = (each if each.isprintable() else each.encode("unicode_escape").decode() for each in sentence)
    sys.stderr.write(f"meshot: {''.join(visible).rstrip('.')}.\n")


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """Let SIGTERM end the command as Ctrl-C does, so that what was begun is cleared away."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def command_line() -> str:
    """Return the command at work as one would type it."""
    return shlex.join(["meshot", *_arguments])


def show(figures: dict[str, Any] | None, words: str) -> None:
    """Print the figures as JSON if there are any; else the words, if somebody is there to read them."""
    from meshot.base.files import to_json

    if figures is not None:
        sys.stdout.write(to_json(figures) + "\n")
    elif sys.stdout.isatty():
        sys.stdout.write(words + "\n")


def two_columns(rows: list[tuple[str, str]]) -> str:
    """Lay out names and values for a terminal."""
    return "\n".join(f"{name:<12} {value}" for name, value in rows)
