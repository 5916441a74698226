"""Commands whose targets are points: ``meshot transport``."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from meshot.arguments import Json, Out, Tolerance
from meshot.errors import MeshotError
from meshot.job import command_line, show, start_job, two_columns
from meshot.settings import TOL

if TYPE_CHECKING:
    from meshot.diagrams.domains import Domain

CELLS_SIZE = 1600
"""Width and height of cells.png in pixels."""


def transport_command(
    sites: Annotated[Path, Parameter(help="Sites, one a row: x, y and, if wanted, the mass; NPY, CSV or text.")],
    /,
    *,
    out: Out,
    domain: Annotated[Literal["disk", "box", "polygon"], Parameter(help="Where the uniform density lives.")] = "disk",
    disk: Annotated[tuple[float, float, float], Parameter(negative="", help="Center and radius of the disk.")] = (
        0.0,
        0.0,
        1.0,
    ),
    box: Annotated[
        tuple[float, float, float, float],
        Parameter(negative="", help="The box: its least x and y, its greatest x and y."),
    ] = (0.0, 0.0, 1.0, 1.0),
    polygon: Annotated[
        Path | None, Parameter(help="Corners of the convex polygon, counter-clockwise: x, y; NPY, CSV or text.")
    ] = None,
    masses: Annotated[Path | None, Parameter(help="Masses, one a row, if the sites have no third column.")] = None,
    duplicates: Annotated[
        Literal["error", "merge"], Parameter(help="Sites in the same place: refused, or made one.")
    ] = "error",
    tol: Tolerance = TOL,
    json: Json = False,
) -> int:
    """Send a uniform density to sites by optimal transport. Writes cells, folds and a report."""
    from meshot.folds.singular import singular_set
    from meshot.formats.tables import read_masses, read_sites
    from meshot.output.output import Provenance
    from meshot.output.transportrun import TransportRun, transport_metrics, write_transport
    from meshot.transport.transport import solve_transport

    with start_job(out) as job:
        with job.stages("read"):
            file, source = read_sites(sites), _domain(domain, disk, box, polygon)
            if masses is not None and file.masses is not None:
                raise MeshotError(f"{sites} has a third column of masses, so there is no place for those of {masses}")
            wanted = file.masses if masses is None else read_masses(masses)
        with job.stages("transport"):
            result = solve_transport(file.sites, wanted, source, tol=tol, duplicates=duplicates, progress=job.clock)
        options = {"domain": domain, "tol": tol, "duplicates": duplicates}
        with job.stages("folds"):
            folds = singular_set(result)
        provenance = Provenance(sites.name, file.sha256, command_line(), options)
        run = TransportRun(file.sites, result, provenance, folds=folds)
        with job.stages("report"):
            from meshot.report.cellfigures import cells_picture, png
            from meshot.report.transportreport import render_transport

            cells = cells_picture(run, CELLS_SIZE)
            page = render_transport(replace(run, seconds=job.seconds()))
        run = replace(run, seconds=job.seconds())
        with job.stages("write"):
            write_transport(out, run, page, png(cells))
    figures = transport_metrics(run)
    show(figures if json else None, _few_numbers_of_transport(figures, out))
    return job.exit_code()


def _domain(
    kind: str, disk: tuple[float, float, float], box: tuple[float, float, float, float], polygon: Path | None
) -> "Domain":
    import numpy as np

    from meshot.diagrams.domains import Box, ConvexPolygon, Disk
    from meshot.formats.tables import read_corners

    if (kind == "polygon") != (polygon is not None):
        raise MeshotError("--domain polygon and --polygon FILE go together")
    if polygon is not None:
        return ConvexPolygon(read_corners(polygon))
    return Disk(np.array(disk[:2]), disk[2]) if kind == "disk" else Box(np.array(box[:2]), np.array(box[2:]))


def _few_numbers_of_transport(figures: dict[str, Any], out: Path) -> str:
    """Return what a person wants to know at the end."""
    from meshot.report.page import number

    solver = figures["transport"]
    error, certificate = number(solver["max_relative_error"], 2), number(solver["certificate"], 2)
    rows = [
        ("sites", f"{number(figures['sites'])}, {number(figures['cells'])} cells"),
        ("transport", f"{solver['iterations']} steps to {error}, certificate {certificate}"),
        ("W_2", number(figures["wasserstein"], 6)),
        ("folds", f"{number(len(figures['folds']['sheets']))}, of measure {number(figures['folds']['measure'])}"),
        ("seconds", f"{figures['seconds']['total']:.1f}"),
        ("report", str(out / "report.html")),
    ]
    return two_columns(rows)
