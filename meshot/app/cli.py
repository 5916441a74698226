"""The command line: every command by its name."""

from collections.abc import Sequence

from cyclopts import App

from meshot import __version__
from meshot.app.batch.command import batch_app
from meshot.app.commands.figures import compare_command, figure_command
from meshot.app.commands.job import run_command
from meshot.app.commands.morph import morph_command
from meshot.app.commands.sample import sample_command
from meshot.app.commands.solids import volume_command
from meshot.app.commands.surfaces import area_command, check_command, conformal_command, demo_command
from meshot.app.commands.transport import transport_command

HELP = """Measure-preserving maps of surfaces and solids by optimal transport.

Exit codes: 0 done, 2 input or usage refused, 3 did not converge (what was reached is told, and written if it is a map),
4 cannot read or write, 130 interrupted by Ctrl-C or SIGTERM. But for 0 and 3 no file has changed, unless a run was
interrupted at its very end: then all files are new, and it says so.
"""

app = App(name="meshot", version=__version__, help=HELP)
app.command(check_command, name="check")
app.command(conformal_command, name="conformal")
app.command(area_command, name="area")
app.command(volume_command, name="volume")
app.command(morph_command, name="morph")
app.command(transport_command, name="transport")
app.command(sample_command, name="sample")
app.command(figure_command, name="figure")
app.command(compare_command, name="compare")
app.command(batch_app)
app.command(demo_command, name="demo")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        What stands behind ``meshot``; by default what the process was called with.
    """
    return run_command(app, arguments)
