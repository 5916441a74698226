"""The command line: every command by its name, and how the process ends."""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cyclopts import App, CycloptsError

from meshot import __version__
from meshot.app.job import DONE, NO_ACCESS, cause, complain, given
from meshot.base.errors import MeshotError

HELP = """Measure-preserving maps of surfaces and solids by optimal transport.

Exit codes: 0 done, 2 input or usage refused, 3 did not converge (the error reached is reported; a map is written) or,
of verify, not bijective, 4 cannot read or write, 130 interrupted by Ctrl-C or SIGTERM. Except for 0 and 3 no file has
changed, unless a run was interrupted at its very end: then all files are new, and it says so.
"""

app = App(name="meshot", version=__version__, help=HELP)
# by the places of their modules, which are imported when they are asked for
for _name in ("check", "conformal", "area", "volume", "morph", "transport", "sample"):
    app.command(f"meshot.app.commands.products:{_name}_command", name=_name)
for _name in ("figure", "compare"):
    app.command(f"meshot.app.commands.figures:{_name}_command", name=_name)
app.command("meshot.app.commands.verify:verify_command", name="verify")
app.command("meshot.app.batch.command:batch_app", name="batch")
app.command("meshot.app.commands.products:demo_command", name="demo")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        What stands behind ``meshot``; by default what the process was called with.
    """
    given[:] = sys.argv[1:] if arguments is None else arguments
    if not given or given[0] in app.help_flags:
        for name in app:
            app[name]  # imported, because the help lists each
    try:
        with _termination_as_interrupt():
            command, bound, _ = app.parse_args(given, print_error=False, exit_on_error=False)
            code = command(*bound.args, **bound.kwargs)
            sys.stdout.flush()
            return code if isinstance(code, int) else DONE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads; let the exit's flush go nowhere
        return NO_ACCESS
    except (CycloptsError, MeshotError, OSError, KeyboardInterrupt) as error:
        code, sentence = cause(error)
        complain(sentence)
        return code


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
