"""The report of a transport: its cells and sites in pictures, convergence and figures on one HTML page."""

from typing import Any

import numpy as np

from meshot.app.files.transport_run import TransportRun, transport_metrics
from meshot.app.report.pages.page import Picture, chart, color_scale, fold_words, number, render_page
from meshot.app.report.pictures import charts, figures
from meshot.app.report.pictures.cells import cells_picture, farthest, sites_picture
from meshot.app.report.pictures.colors import SEQUENTIAL
from meshot.app.report.pictures.cutaway import corner_view
from meshot.app.report.pictures.figures import Image
from meshot.app.report.pictures.plane_singular import JUMPS, torn_potential, torn_source, torn_target, widest
from meshot.app.report.pictures.space_singular import torn_space
from meshot.app.report.viewer.packing import data_uri

DOMAINS = {
    **{"disk": "disk", "box": "box", "convexpolygon": "polygon"},
    **{"ball": "ball", "convexpolyhedron": "polyhedron"},
}


def render_transport(run: TransportRun, cells: Image | None = None, *, size: int = figures.SIZE) -> str:
    """Return the report of a transport as HTML.

    Parameters
    ----------
    run : TransportRun
    cells : image, optional
        The picture of the cells, if it is there already.
    size : int
        Width and height of the pictures in pixels.
    """
    drawn = {"cells": cells_picture(run, size) if cells is None else cells, "sites": sites_picture(run, size)}
    if run.folds is not None and len(run.folds) and run.folds.dimension == 2:
        drawn |= {"source": torn_source(run, size), "target": torn_target(run, size)}
        drawn["potential"] = torn_potential(run, size)
    elif run.folds is not None and len(run.folds):
        drawn["source"] = torn_space(run.folds, run.result.problem.domain, corner_view(), size)
    return render_page("transport.html.j2", _context(run, drawn, size))


def _context(run: TransportRun, drawn: dict[str, Image], size: int) -> dict[str, Any]:
    told = transport_metrics(run)
    domain, count = DOMAINS[told["domain"]["kind"]], len(run.distances)
    solver = told["transport"]
    error, total = number(solver["max_relative_error"], 2), run.seconds.get("total", 0.0)
    spatial = run.sites.shape[1] == 3
    opened, joined = (", opened at a corner,", "") if spatial else ("", " on their weighted Delaunay triangulation")
    words = {
        "cells": (f"The {domain}{opened} cut into {number(count)} convex cells.", "The cells"),
        "sites": (f"The {number(count)} sites{joined}.", "The sites"),
        "source": (f"The {domain} with the folds along which the map tears.", "Where the map tears"),
        "target": ("The sites, those of neighboring cells joined across each tear.", "The two sides of each tear"),
        "potential": (
            "The graph of a convex function over the domain, seen from above, with creases.",
            "The graph of the Brenier potential, with its ridges",
        ),
    }
    convergence = charts.convergence(
        {"transport": [step.error for step in run.result.history]},
        "largest relative error of a cell",
        tolerance=run.provenance.options.get("tol"),
    )
    return {
        "title": run.provenance.name,
        "kicker": "optimal transport",
        "verdict": (
            f"The uniform density on the {domain} is sent to {number(count)} sites at the least total squared "
            f"distance: each site gets all of one cell, of its own mass up to {error}."
        ),
        "tiles": [
            (number(len(run.sites)), "sites"),
            (number(told["wasserstein"]), "Wasserstein distance W₂"),
            (str(solver["iterations"]), "Newton steps"),
            (error, "largest relative error of a cell"),
            (f"{total:.1f} s", "in all"),
        ],
        "pictures": {key: Picture(data_uri(figures.webp(image)), *words[key]) for key, image in drawn.items()},
        "beside": {
            "hero": [["cells", "sites"]],
            "folds": [["source", "target"], ["potential"]] if "target" in drawn else [["source"]],
        },
        "torn": "source" in drawn,
        "folds": "" if run.folds is None else fold_words(run.folds),
        "size": size,
        "scales": {
            "distance": color_scale(SEQUENTIAL, farthest(run), " or more"),
            "jump": color_scale(JUMPS, 0.0 if run.folds is None else widest(run.folds)),
        },
        "charts": {"convergence": chart(convergence)},
        "certificate": _certificate(solver, domain, "volume" if spatial else "area"),
        "rows": _rows(run, told),
        "provenance": run.provenance,
        "seconds": run.seconds,
    }


def _certificate(solver: dict[str, Any], domain: str, measure: str) -> str:
    gap = number(max(solver["certificate"], np.finfo(float).eps), 2)
    return (
        f"The cells fill the {domain} up to {gap} of its {measure}: a cell computed from too few neighbors could only "
        "be too large, so cells that add up are exact."
    )


def _rows(run: TransportRun, told: dict[str, Any]) -> list[tuple[str, str]]:
    asked = run.result.problem.masses
    rows = [
        ("Sites", number(told["sites"])),
        ("Cells", number(told["cells"])),
        ("Total mass", number(told["total_mass"])),
        ("Smallest and largest mass", f"{number(asked.min())} to {number(asked.max())}"),
        ("Cost W₂²", number(told["cost"])),
        ("Kantorovich's dual value", number(told["dual_cost"])),
        ("Their difference", number(told["cost"] - told["dual_cost"], 2)),
        ("Facets between cells", number(len(run.result.diagram.facets))),
    ]
    if told["folds"] is not None:
        rows.append(("Measure of the tears", number(told["folds"]["measure"])))
    if told["merged_sites"]:
        rows.append(("Sites that share a cell", number(len(told["merged_sites"]))))
    return rows
