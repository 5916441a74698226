"""The report of a transport: its cells and sites in pictures, convergence and figures on one HTML page."""

from typing import Any

from meshot.app.files.run import Run
from meshot.app.files.transport import transport_metrics
from meshot.app.report.pages.page import certificate, color_scale, convergence_chart, fold_words, render_run
from meshot.app.report.pictures import figures
from meshot.app.report.pictures.cells import cells_picture, farthest, sites_picture
from meshot.app.report.pictures.colors import SEQUENTIAL
from meshot.app.report.pictures.cutaway import corner_view
from meshot.app.report.pictures.figures import Image
from meshot.app.report.pictures.plane_singular import JUMPS, torn_potential, torn_source, torn_target, widest
from meshot.app.report.pictures.space_singular import torn_space
from meshot.app.words import number
from meshot.transport.result import TransportResult

DOMAINS = {
    **{"disk": "disk", "box": "box", "convexpolygon": "polygon"},
    **{"ball": "ball", "convexpolyhedron": "polyhedron"},
}


def render_transport(run: Run[TransportResult], *, size: int = figures.SIZE) -> str:
    """Return the report of a transport as HTML.

    Parameters
    ----------
    run : Run
    size : int
        Width and height of the pictures in pixels.
    """
    metrics, folds = transport_metrics(run), run.folds
    images = _images(run, size)
    domain, count = DOMAINS[metrics["domain"]["kind"]], number(len(run.result.masses))
    solver, spatial = metrics["transport"], run.input.shape[1] == 3
    error = number(solver["max_relative_error"], 2)
    opened, joined = (", opened at a corner,", "") if spatial else ("", " on their weighted Delaunay triangulation")
    words = {
        "cells": (f"The {domain}{opened} cut into {count} convex cells.", "The cells"),
        "sites": (f"The {count} sites{joined}.", "The sites"),
        "source": (f"The {domain} with the folds along which the map tears.", "Where the map tears"),
        "target": ("The sites, those of neighboring cells joined across each tear.", "The two sides of each tear"),
        "potential": (
            "The graph of a convex function over the domain, seen from above, with creases.",
            "The graph of the Brenier potential, with its ridges",
        ),
    }
    return render_run(
        "transport.html.j2",
        run,
        images,
        lambda key: words[key],
        kicker="optimal transport",
        verdict=(
            f"The uniform density on the {domain} is sent to {count} sites at the least total squared "
            f"distance: each site gets all of one cell, of its own mass up to {error}."
        ),
        tiles=[
            (number(len(run.input)), "sites"),
            (number(metrics["wasserstein"]), "Wasserstein distance W₂"),
            (str(solver["iterations"]), "Newton steps"),
            (error, "largest relative error of a cell"),
        ],
        beside={
            "hero": [["cells", "sites"]],
            "folds": [["source", "target"], ["potential"]] if "target" in images else [["source"]],
        },
        torn="source" in images,
        folds="" if folds is None else fold_words(folds),
        size=size,
        scales={
            "distance": color_scale(SEQUENTIAL, "0", f"{number(farthest(run.result), 2)} or more"),
            "jump": color_scale(JUMPS, "0", number(0.0 if folds is None else widest(folds), 2)),
        },
        drawn={"convergence": convergence_chart(run, run.result)},
        certificate=certificate(solver["certificate"], "The cells", domain, "volume" if spatial else "area"),
        rows=_rows(run, metrics),
    )


def _images(run: Run[TransportResult], size: int) -> dict[str, Image]:
    result, folds = run.result, run.folds
    drawn = {"cells": cells_picture(result, size), "sites": sites_picture(result, size)}
    if folds is None or not len(folds):
        return drawn
    if folds.dimension == 3:
        return {**drawn, "source": torn_space(folds, result.problem.domain, corner_view(), size)}
    torn = {"source": torn_source, "target": torn_target, "potential": torn_potential}
    return {**drawn, **{name: draw(result, folds, size) for name, draw in torn.items()}}


def _rows(run: Run[TransportResult], metrics: dict[str, Any]) -> list[tuple[str, str]]:
    asked = run.result.problem.masses
    rows = [
        ("Sites", number(metrics["sites"])),
        ("Cells", number(metrics["cells"])),
        ("Total mass", number(metrics["total_mass"])),
        ("Smallest and largest mass", f"{number(asked.min())} to {number(asked.max())}"),
        ("Cost W₂²", number(metrics["cost"])),
        ("Kantorovich's dual value", number(metrics["dual_cost"])),
        ("Their difference", number(metrics["cost"] - metrics["dual_cost"], 2)),
        ("Facets between cells", number(len(run.result.diagram.facets))),
    ]
    if metrics["folds"] is not None:
        rows.append(("Measure of the tears", number(metrics["folds"]["measure"])))
    if metrics["merged_sites"]:
        rows.append(("Sites that share a cell", number(len(metrics["merged_sites"]))))
    return rows
