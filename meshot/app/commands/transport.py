"""Commands whose targets are points: ``meshot transport``."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from meshot.app.commands.arguments import Json, Out, Tolerance
from meshot.app.commands.job import command_line, show, start_job, two_columns
from meshot.base.errors import MeshotError
from meshot.base.settings import TOL

if TYPE_CHECKING:
    from meshot.diagrams.power_cells import Domain

CELLS_SIZE = 1600
"""Width and height of cells.png in pixels."""


def transport_command(
    sites: Annotated[
        Path, Parameter(help="Sites, one a row: x, y, in space z and, if wanted, the mass; NPY, CSV or text.")
    ],
    /,
    *,
    out: Out,
    domain: Annotated[
        Literal["disk", "box", "polygon", "ball"], Parameter(help="Where the uniform density lives.")
    ] = "disk",
    dimension: Annotated[
        Literal[2, 3] | None, Parameter(help="Of the box: 3 if it is given by six numbers, else 2 by default.")
    ] = None,
    disk: Annotated[tuple[float, float, float], Parameter(negative="", help="Center and radius of the disk.")] = (
        0.0,
        0.0,
        1.0,
    ),
    ball: Annotated[
        tuple[float, float, float, float], Parameter(negative="", help="Center and radius of the ball.")
    ] = (
        0.0,
        0.0,
        0.0,
        1.0,
    ),
    box: Annotated[
        list[float] | None,
        Parameter(
            negative="", consume_multiple=True, help="Its least x, y (and z), its greatest; the unit box by default."
        ),
    ] = None,
    polygon: Annotated[
        Path | None, Parameter(help="Corners of the convex polygon, counter-clockwise: x, y; NPY, CSV or text.")
    ] = None,
    masses: Annotated[Path | None, Parameter(help="Masses, one a row, if the sites have no column for them.")] = None,
    duplicates: Annotated[
        Literal["error", "merge"], Parameter(help="Sites in the same place: refused, or made one.")
    ] = "error",
    tol: Tolerance = TOL,
    json: Json = False,
) -> int:
    """Send a uniform density to sites by optimal transport. Writes cells, folds and a report."""
    from meshot.app.files.surface_run import Provenance
    from meshot.app.files.transport_run import TransportRun, transport_metrics, write_transport
    from meshot.formats.tables import read_masses, read_sites
    from meshot.singular.detect import singular_set
    from meshot.transport.solve import solve_transport

    with start_job(out) as job:
        with job.stages("read"):
            source = _domain(domain, dimension, {"disk": disk, "ball": ball, "box": box}, polygon)
            file = read_sites(sites, source.dimension)
            if masses is not None and file.masses is not None:
                raise MeshotError(f"{sites} has a column of masses, so there is no place for those of {masses}")
            wanted = file.masses if masses is None else read_masses(masses)
        with job.stages("transport"):
            result = solve_transport(file.sites, wanted, source, tol=tol, duplicates=duplicates, progress=job.clock)
        options = {"domain": domain, "tol": tol, "duplicates": duplicates}
        with job.stages("folds"):
            folds = singular_set(result)
        provenance = Provenance(sites.name, file.sha256, command_line(), options)
        run = TransportRun(file.sites, result, provenance, folds=folds)
        with job.stages("report"):
            from meshot.app.report.pages.transport import render_transport
            from meshot.app.report.pictures.cells import cells_picture, png

            cells = cells_picture(run, CELLS_SIZE)
            page = render_transport(replace(run, seconds=job.seconds()))
        run = replace(run, seconds=job.seconds())
        with job.stages("write"):
            write_transport(out, run, page, png(cells))
    figures = transport_metrics(run)
    show(figures if json else None, _few_numbers_of_transport(figures, out))
    return job.exit_code()


def _domain(
    kind: str, dimension: int | None, numbers: dict[str, Sequence[float] | None], polygon: Path | None
) -> "Domain":
    import numpy as np

    from meshot.diagrams.domains import Ball, Box, ConvexPolygon, Disk
    from meshot.formats.tables import read_corners

    if (kind == "polygon") != (polygon is not None):
        raise MeshotError("--domain polygon and --polygon FILE go together")
    corners = numbers["box"] or [0.0] * (dimension or 2) + [1.0] * (dimension or 2)
    if kind == "box":
        if len(corners) not in (4, 6) or dimension not in (None, len(corners) // 2):
            raise MeshotError("--box takes four numbers in the plane and six in space")
        return Box(*np.split(np.array(corners), 2))
    if dimension not in (None, 3 if kind == "ball" else 2):
        raise MeshotError(f"a {kind} is no domain of dimension {dimension}")
    *center, radius = numbers["ball" if kind == "ball" else "disk"] or ()
    if polygon is not None:
        return ConvexPolygon(read_corners(polygon))
    return Ball(np.array(center), radius) if kind == "ball" else Disk(np.array(center), radius)


def _few_numbers_of_transport(figures: dict[str, Any], out: Path) -> str:
    """Return what a person wants to know at the end."""
    from meshot.app.report.pages.page import number

    solver, torn = figures["transport"], figures["folds"]
    folds = f"{number(len(torn['sheets']))}, of measure {number(torn['measure'])}"
    error, certificate = number(solver["max_relative_error"], 2), number(solver["certificate"], 2)
    rows = [
        ("sites", f"{number(figures['sites'])}, {number(figures['cells'])} cells"),
        ("transport", f"{solver['iterations']} steps to {error}, certificate {certificate}"),
        ("W_2", number(figures["wasserstein"], 6)),
        ("folds", folds),
        ("seconds", f"{figures['seconds']['total']:.1f}"),
        ("report", str(out / "report.html")),
    ]
    return two_columns(rows)
