"""The commands that draw finished runs: ``meshot figure`` and ``meshot compare``."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from meshot.app.commands.arguments import Json, Up
from meshot.app.job import DONE, show, start_job
from meshot.base.errors import OptionError

Result = Annotated[Path, Parameter(help="Folder that ``meshot area`` or ``meshot conformal`` wrote.")]


def figure_command(
    result: Result,
    /,
    *,
    format: Annotated[Literal["pdf", "svg", "png"], Parameter(help="Kind of the files.")] = "pdf",
    out: Annotated[Path | None, Parameter(name=["--out", "-o"], help="Folder for them; RESULT/figures.")] = None,
    up: Up = "y",
    json: Json = False,
) -> int:
    """Draw a finished map for a paper: surface, images, checkerboard, circle packing, distortion, histograms."""
    from meshot.app.files.reading import read_run

    place = result / "figures" if out is None else out
    with start_job(place) as job:
        with job.stages("read"):
            kept = read_run(result)
        with job.stages("draw"):
            from meshot.app.report.pictures.paper import write_figures

            names = write_figures(place, kept, format, up=up)
    written = {"folder": str(place), "files": names, "seconds": job.seconds()}
    show(written if json else None, "\n".join(str(place / name) for name in names))
    return DONE


def compare_command(
    results: Annotated[tuple[Path, ...], Parameter(help="Folders that ``area`` or ``conformal`` wrote; two or more.")],
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"], help="The page.")] = Path("comparison.html"),
    up: Up = "y",
    json: Json = False,
) -> int:
    """Set several finished maps beside one another on one page: pictures on the same scales, histograms, a table."""
    from meshot.app.files.folder import check_folder
    from meshot.app.files.reading import read_run
    from meshot.base.files import write_text

    if len(results) < 2:
        raise OptionError("there are two folders at least to compare")
    check_folder(out.parent)
    with start_job(out, hold=False) as job:
        with job.stages("read"):
            runs = [read_run(result) for result in results]
        with job.stages("draw"):
            from meshot.app.report.pages.comparison import render_comparison

            page = render_comparison(runs, up=up)
        with job.stages("write"):
            out.parent.mkdir(parents=True, exist_ok=True)
            write_text(out, page)
    show({"page": str(out), "runs": [run.name for run in runs], "seconds": job.seconds()} if json else None, str(out))
    return DONE
