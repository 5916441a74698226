"""``meshot morph``: from the ball to a shape."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from meshot.app.commands.arguments import Json, Out, Tolerance, Up
from meshot.app.commands.job import command_line, show, start_job, two_columns
from meshot.base.errors import OptionError
from meshot.base.settings import TOL

if TYPE_CHECKING:
    from meshot.app.commands.job import Job
    from meshot.base.arrays import Floats
    from meshot.meshes.solid import Solid

TABLES = (".npy", ".csv", ".txt", ".xyz")
"""Suffixes of tables of points."""


def morph_command(
    target: Annotated[
        Path,
        Parameter(
            help="Solid (VTU, VTK, MSH, MESH), closed surface to fill with tetrahedra (OBJ, PLY, STL, OFF), or points, "
            "x, y, z and, if wanted, the mass (NPY, CSV, TXT, XYZ)."
        ),
    ],
    /,
    *,
    out: Out,
    frames: Annotated[int, Parameter(help="How many files show the way.", validator=Number(gte=2))] = 24,
    edge_length: Annotated[
        float | None, Parameter(help="Wanted edge length of the tetrahedra in a surface.", validator=Number(gt=0))
    ] = None,
    tol: Tolerance = TOL,
    up: Up = "y",
    json: Json = False,
) -> int:
    """Send the ball to a shape by optimal transport. Writes cells, frames, folds, a GIF and a report."""
    from meshot.app.files.morph_run import MorphRun, morph_metrics, write_morph
    from meshot.app.files.surface_run import Provenance
    from meshot.morph import ball_to_shape
    from meshot.singular.detect import singular_set

    with start_job(out) as job:
        shape, masses, sha256, notes = _read(target, edge_length, job)
        morph = ball_to_shape(shape, masses, tol=tol, progress=job.clock)
        options = {"tol": tol, "frames": frames, "edge_length": edge_length}
        with job.stages("folds"):
            folds = singular_set(morph.transport, morph.solid)
        run = MorphRun(morph, Provenance(target.name, sha256, command_line(), options, notes), frames, folds=folds)
        with job.stages("report"):
            from meshot.app.report.pages.morph import render_morph

            page = render_morph(replace(run, seconds=job.seconds()), up=up)
        with job.stages("animation"):
            from meshot.app.report.pages.morph import animation

            moving = animation(morph, run.times, up=up)
        run = replace(run, seconds=job.seconds())
        with job.stages("write"):
            write_morph(out, run, page, moving)
    figures = morph_metrics(run)
    show(figures if json else None, _few_numbers(figures, out))
    return job.exit_code()


def _read(
    path: Path, edge_length: float | None, job: "Job"
) -> tuple["Solid | Floats", "Floats | None", str, tuple[str, ...]]:
    """Return the shape, the masses of points if there are any, the file's hash, and what was done to read it."""
    from meshot.formats.registry import SOLID_SUFFIXES, read_solid_file, read_surface_file
    from meshot.formats.tables import read_sites
    from meshot.meshes.tetrahedralization import make_tetrahedra

    suffix = path.suffix.lower()
    if edge_length is not None and suffix in (*SOLID_SUFFIXES, *TABLES):
        raise OptionError("--edge-length is for surfaces: this file has its vertices already")
    with job.stages("read"):
        if suffix in SOLID_SUFFIXES:
            solid = read_solid_file(path)
            return solid.mesh, None, solid.sha256, solid.notes
        if suffix in TABLES:
            points = read_sites(path, dimension=3)
            return points.sites, points.masses, points.sha256, ()
        surface = read_surface_file(path)
    filled = make_tetrahedra(surface.mesh, edge_length, progress=job.clock)
    return filled.solid, None, surface.sha256, (*surface.notes, *filled.notes)


def _few_numbers(figures: dict[str, Any], out: Path) -> str:
    """Return what a person wants to know at the end."""
    from meshot.app.report.pages.page import number

    solver, volume = figures["transport"], figures["volume"]
    error, certificate = number(solver["max_relative_error"], 2), number(solver["certificate"], 2)
    rows = [("target", f"{number(figures['vertices'])} {'vertices' if volume else 'points'}")]
    if volume:
        rows.append(("flipped", f"{number(volume['flipped'])} of {number(figures['tetrahedra'])} tetrahedra"))
    rows += [
        ("transport", f"{solver['iterations']} steps to {error}, certificate {certificate}"),
        ("W_2", number(figures["wasserstein"], 6)),
        ("folds", f"{number(len(figures['folds']['sheets']))} sheets, of area {number(figures['folds']['measure'])}"),
        ("seconds", f"{figures['seconds']['total']:.1f}"),
        ("report", str(out / "report.html")),
    ]
    return two_columns(rows)
