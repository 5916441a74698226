"""What a transport leaves behind: the figures of ``metrics.json`` and the files."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from meshot.app.files.cells import write_vtk_polygons, write_vtu_polyhedra
from meshot.app.files.run import Run, few_words, solver_figures, solver_words
from meshot.app.files.singular import write_folds
from meshot.app.words import number
from meshot.base.arrays import Floats, Ints
from meshot.base.files import write_npz
from meshot.diagrams.edges import CellPolygons
from meshot.transport.result import TransportResult

TITLE = "cells of a meshot transport"


@lru_cache(maxsize=1)
def outlines(result: TransportResult) -> CellPolygons:
    """Return the outlines of the cells of a transport in the plane; those of the last one are kept."""
    return result.diagram.polygons()


def cell_distances(result: TransportResult) -> Floats:
    """Return how far each cell's centroid is from its site, (cells,)."""
    return np.asarray(np.linalg.norm(result.centroids - result.problem.sites, axis=1))


def transport_metrics(run: Run[TransportResult]) -> dict[str, Any]:
    """Return the contents of ``metrics.json``."""
    result = run.result
    shared = np.flatnonzero((np.bincount(result.cell_of_site) > 1)[result.cell_of_site])
    return {
        "sites": len(run.input),
        "cells": len(result.masses),
        "seconds": dict(run.seconds),
        "domain": result.problem.domain.figures(),
        **cost_figures(result),
        "folds": None if run.folds is None else run.folds.summary(),
        "merged_sites": shared.tolist(),
        **run.provenance.figures(),
    }


def cost_figures(result: TransportResult) -> dict[str, Any]:
    """Return the figures of a transport and what it costs."""
    return {
        "total_mass": float(result.problem.masses.sum()),
        "transport": {**(solver_figures(result) or {}), "reason": result.reason},
        "cost": result.cost,
        "wasserstein": float(np.sqrt(result.cost)),
        "dual_cost": result.dual_cost,
    }


def write_transport(run: Run[TransportResult], folder: Path) -> None:
    """Write ``cells.vtk`` (in space ``cells.vtu``), ``transport.npz`` and ``folds.ply``."""
    result = run.result
    if result.problem.domain.dimension == 2:
        write_vtk_polygons(folder / "cells.vtk", outlines(result), cell_values(result), TITLE)
    else:
        write_vtu_polyhedra(folder / "cells.vtu", result.diagram.cell_faces(), cell_values(result))
    write_npz(folder / "transport.npz", **_arrays(result))
    if run.folds is not None:
        write_folds(folder / "folds.ply", run.folds)


def cell_values(result: TransportResult) -> dict[str, Floats | Ints]:
    """Return the figures of each cell: site, its position, mass, height, and how far the centroid is from the site."""
    sites = result.problem.sites
    return {
        "site": np.arange(len(sites)),
        **{f"site_{axis}": column for axis, column in zip("xyz", sites.T, strict=False)},
        "mass": result.masses,
        "height": result.heights,
        "distance": cell_distances(result),
    }


def _arrays(result: TransportResult) -> dict[str, Any]:
    diagram = result.diagram
    arrays = {
        "sites": result.problem.sites,
        "masses": result.problem.masses,
        "cell_of_site": result.cell_of_site,
        "heights": result.heights,
        "weights": result.weights,
        "cell_masses": result.masses,
        "centroids": result.centroids,
        "facets": diagram.facets,
    }
    if result.problem.domain.dimension == 3:
        return {**arrays, "facet_areas": diagram.facet_measures}
    planar = {"facet_lengths": diagram.facet_measures, "triangulation": diagram.triangulation}
    polygons = outlines(result)
    return {**arrays, **planar, "polygon_starts": polygons.starts, "polygon_points": polygons.points}


def transport_words(run: Run[TransportResult], out: Path) -> str:
    """Return what a person wants to know at the end."""
    figures = transport_metrics(run)
    folds = figures["folds"]
    rows = [
        ("sites", f"{number(figures['sites'])}, {number(figures['cells'])} cells"),
        solver_words(figures["transport"]),
        ("W_2", number(figures["wasserstein"], 6)),
        ("folds", f"{number(len(folds['sheets']))}, of measure {number(folds['measure'])}"),
    ]
    return few_words(rows, run, out)
