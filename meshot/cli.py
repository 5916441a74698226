"""The command line: ``meshot check | conformal | area | sample | demo``.

Exit codes: 0 done, 2 input or usage refused, 3 did not converge, 4 cannot read or write, 130 interrupted. Errors are
one sentence on standard error. What was asked for goes to standard output; progress is shown on a terminal alone.
"""

import os
import shlex
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number

from meshot import __version__
from meshot.errors import ConvergenceError, ConvergenceWarning, MeshotError

if TYPE_CHECKING:
    from meshot.maps import SurfaceMap
    from meshot.mesh import Surface
    from meshot.output import Run
    from meshot.progress import Progress, Stages

DONE, REFUSED, NOT_CONVERGED, NO_ACCESS, INTERRUPTED = 0, 2, 3, 4, 130

Mesh = Annotated[Path, Parameter(help="Surface: OBJ, PLY, STL or OFF; closed, or with one boundary loop.")]
Out = Annotated[Path, Parameter(name=["--out", "-o"], help="Folder for the results; other files in it stay.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print the figures as JSON.")]
Target = Annotated[Literal["disk"], Parameter(help="Where to map the surface.")]
Tolerance = Annotated[
    float, Parameter(help="Largest relative error of a cell of the transport.", validator=Number(gt=0))
]
AreaTolerance = Annotated[
    float,
    Parameter(help="Standard deviation of the faces' area ratios to refine the map to.", validator=Number(gt=0)),
]
Up = Annotated[Literal["x", "y", "z"], Parameter(help="Axis that points upward in the report's pictures.")]

app = App(name="meshot", version=__version__, help="Measure-preserving maps of surfaces by optimal transport.")


# ---------------------------------------------------------------------------------------------------------------------
# commands


@app.command(name="check")
def check_command(mesh: Mesh, /, *, json: Json = False) -> int:
    """Say what a mesh is, and whether it can be mapped: exit code 0, or 2 with every cause and the offending ids."""
    from meshot.check import check
    from meshot.io import read_surface_file, to_json

    file = read_surface_file(mesh)
    report = check(file.surface)
    figures = {**report.to_dict(), "reading": file.notes, "sha256": file.sha256}
    words = "\n".join([*(f"note: {note}" for note in file.notes), str(report)])
    sys.stdout.write((to_json(figures) if json else words) + "\n")
    return DONE if report.ok else REFUSED


@app.command(name="conformal")
def conformal_command(mesh: Mesh, /, *, out: Out, to: Target = "disk", up: Up = "y", json: Json = False) -> int:
    """Map a surface so that angles are kept. Writes the same files as ``area``."""
    return _map(mesh, out, _conformal(to), {"map": "conformal", "to": to}, up=up, json=json)


@app.command(name="area")
def area_command(
    mesh: Mesh,
    /,
    *,
    out: Out,
    to: Target = "disk",
    tol: Tolerance = 1e-6,
    tol_area: AreaTolerance = 1e-2,
    up: Up = "y",
    json: Json = False,
) -> int:
    """Map a surface so that areas are kept. Writes map.obj, map.ply, map.npz, metrics.json and report.html."""
    options = {"map": "area", "to": to, "tol": tol, "tol_area": tol_area}
    return _map(mesh, out, _area(tol, tol_area), options, up=up, json=json)


@app.command(name="demo")
def demo_command(
    name: Annotated[str, Parameter(help="brain, cap, dumbbell, face or hare.")] = "face",
    /,
    *,
    out: Out,
    up: Up = "y",
    json: Json = False,
) -> int:
    """Run ``area`` on a mesh that comes with meshot."""
    from meshot.demo import demo_mesh

    return area_command(demo_mesh(name), out=out, up=up, json=json)


@app.command(name="sample")
def sample_command(
    mesh: Mesh,
    /,
    *,
    count: Annotated[int, Parameter(name=["--count", "-n"], help="How many points.", validator=Number(gte=1))],
    out: Annotated[Path, Parameter(name=["--out", "-o"], help="File for the points: PLY, XYZ, NPY or CSV.")],
    method: Annotated[
        Literal["sobol", "r2", "fibonacci", "random"], Parameter(help="How the points are spread.")
    ] = "sobol",
    seed: Annotated[int, Parameter(help="Seed of the random numbers.")] = 0,
    tol: Tolerance = 1e-6,
    tol_area: AreaTolerance = 1e-2,
    json: Json = False,
) -> int:
    """Spread points over a surface by area: evenly, through its area-preserving map, or at random."""
    from meshot.io import check_points_suffix, read_surface_file, write_points
    from meshot.output import check_folder
    from meshot.sampling import sample

    check_points_suffix(out)
    check_folder(out.parent)
    with _job() as job:
        with job.stages("read"):
            surface = read_surface_file(mesh).surface
        mapped = surface if method == "random" else _area(tol, tol_area)(surface, job.clock)
        with job.stages("sample"):
            samples = sample(mapped, count, method=method, rng=seed)
        with job.stages("write"):
            out.parent.mkdir(parents=True, exist_ok=True)
            write_points(out, samples.points, samples.normals)
    figures = {"points": len(samples.points), "method": method, "seed": seed, "seconds": job.seconds()}
    _show(figures if json else None, f"{len(samples.points):,} points written to {out}")
    return job.exit_code()


# ---------------------------------------------------------------------------------------------------------------------
# the way of a map from file to folder

Compute = Callable[["Surface", "Progress"], "SurfaceMap"]


def _conformal(to: str) -> Compute:
    def compute(surface: "Surface", progress: "Progress") -> "SurfaceMap":
        from meshot.conformal import conformal_map

        return conformal_map(surface, to=to, progress=progress)

    return compute


def _area(tol: float, tol_area: float) -> Compute:
    def compute(surface: "Surface", progress: "Progress") -> "SurfaceMap":
        from meshot.area import area_preserving_map

        return area_preserving_map(surface, tol=tol, tol_area=tol_area, progress=progress)

    return compute


def _map(mesh: Path, out: Path, compute: Compute, options: dict[str, Any], *, up: str, json: bool) -> int:
    from meshot.distortion import distortion
    from meshot.io import read_surface_file
    from meshot.output import Provenance, Run, check_folder, metrics, named_maps, write_run

    check_folder(out)
    with _job() as job:
        with job.stages("read"):
            file = read_surface_file(mesh)
        surface_map = compute(file.surface, job.clock)
        with job.stages("distortion"):
            distortions = {name: distortion(each) for name, each in named_maps(surface_map).items()}
        provenance = Provenance(mesh.name, file.sha256, shlex.join(["meshot", *_arguments]), options, file.notes)
        run = Run(file.surface, surface_map, distortions, provenance, job.seconds())
        with job.stages("report"):
            from meshot.report import render

            page = render(run, up=up)
        run = replace(run, seconds=job.seconds())
        with job.stages("write"):
            write_run(out, run, page)
    _show(metrics(run) if json else None, _few_numbers(run, out))
    return job.exit_code()


def _few_numbers(run: "Run", out: Path) -> str:
    """Return what a person wants to know at the end."""
    from meshot.output import transport_figures
    from meshot.report import number, percent

    area, angle = run.distortion.summary().values()
    transport = transport_figures(run.surface_map)
    rows = [
        ("mesh", f"{number(len(run.source.faces))} faces, {number(len(run.source.vertices))} vertices"),
        ("area ratios", f"{percent(area['ratio_sd'])} standard deviation, {number(area['flipped'])} faces flipped"),
        ("angles", f"{number(angle['mean_abs_degrees'])}° mean change"),
    ]
    if transport is not None:
        error, certificate = number(transport["max_relative_error"], 2), number(transport["certificate"], 2)
        rows.append(("transport", f"{transport['iterations']} steps to {error}, certificate {certificate}"))
    rows += [("seconds", f"{run.seconds['total']:.1f}"), ("report", str(out / "report.html"))]
    return "\n".join(f"{name:<12} {value}" for name, value in rows)


def _show(figures: dict[str, Any] | None, words: str) -> None:
    """Print the figures as JSON if there are any; else the words, if somebody is there to read them."""
    from meshot.io import to_json

    if figures is not None:
        sys.stdout.write(to_json(figures) + "\n")
    elif sys.stdout.isatty():
        sys.stdout.write(words + "\n")


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
        _complain(self.unconverged[0])
        return NOT_CONVERGED


@contextmanager
def _job() -> Iterator[Job]:
    """Show progress on a terminal, and collect warnings that a solver did not converge."""
    from meshot.progress import SILENT, Stages

    bars = Bars() if sys.stderr.isatty() else None
    if bars is not None:
        bars.tell_of_compiling()
    clock = Clock(SILENT if bars is None else bars)
    job = Job(clock, Stages(clock), [])
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", ConvergenceWarning)
            yield job
    finally:
        if bars is not None:
            bars.stop()
    job.unconverged += [str(warning.message) for warning in caught]


# ---------------------------------------------------------------------------------------------------------------------
# entry

_arguments: list[str] = []


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        What stands behind ``meshot``; by default what the process was called with.
    """
    _arguments[:] = sys.argv[1:] if arguments is None else arguments
    try:
        with _termination_as_interrupt():
            command, bound, _ = app.parse_args(_arguments, print_error=False, exit_on_error=False)
            code = command(*bound.args, **bound.kwargs)
            sys.stdout.flush()
        return code if isinstance(code, int) else DONE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads; let the exit's flush go nowhere
        return NO_ACCESS
    except (CycloptsError, MeshotError, OSError, KeyboardInterrupt) as error:
        code, sentence = _cause(error)
        _complain(sentence)
        return code


def _cause(error: BaseException) -> tuple[int, str]:
    """Return the exit code and the sentence for an error that was foreseen."""
    if isinstance(error, CycloptsError):
        return REFUSED, f"{error} See meshot --help"
    if isinstance(error, ConvergenceError):
        return NOT_CONVERGED, str(error)
    if isinstance(error, OSError):
        place = f"cannot read or write {error.filename}: {error.strerror}"
        return NO_ACCESS, place if error.filename else f"cannot read or write: {error}"
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "interrupted; nothing was written"
    return REFUSED, str(error)


def _complain(sentence: str) -> None:
    sys.stderr.write(f"meshot: {sentence.rstrip('.')}.\n")


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
