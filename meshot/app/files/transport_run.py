"""What ``meshot transport`` leaves behind: the figures of ``metrics.json`` and the folder with all files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from meshot.app.files.cells import write_vtk_polygons, write_vtu_polyhedra
from meshot.app.files.folder import complete_folder
from meshot.app.files.singular import write_folds
from meshot.app.files.surface_run import Provenance, solver_figures
from meshot.base.arrays import Floats, Ints
from meshot.base.files import PathLike, write_json, write_npz, write_text
from meshot.diagrams.edges import CellPolygons
from meshot.singular.detect import SingularSet
from meshot.transport.result import TransportResult

TITLE = "cells of a meshot transport"


@dataclass(frozen=True, eq=False)
class TransportRun:
    """A finished transport with all that its files and its report tell.

    Attributes
    ----------
    sites : (n, 2) or (n, 3) float
        As they were read; the result may have merged some.
    result : TransportResult
    provenance : Provenance
        Where it comes from.
    seconds : mapping
        Seconds of each stage.
    folds : SingularSet, optional
        Where the map tears.
    """

    sites: Floats
    result: TransportResult
    provenance: Provenance
    seconds: Mapping[str, float] = field(default_factory=dict)
    folds: SingularSet | None = None

    @cached_property
    def polygons(self) -> CellPolygons:
        """The outlines of the cells."""
        return self.result.diagram.polygons()

    @cached_property
    def distances(self) -> Floats:
        """How far each cell's centroid is from its site, (cells,)."""
        return np.asarray(np.linalg.norm(self.result.centroids - self.result.problem.sites, axis=1))


def transport_metrics(run: TransportRun) -> dict[str, Any]:
    """Return the contents of ``metrics.json``."""
    result = run.result
    shared = np.flatnonzero((np.bincount(result.cell_of_site) > 1)[result.cell_of_site])
    return {
        "sites": len(run.sites),
        "cells": len(result.masses),
        "seconds": dict(run.seconds),
        "domain": result.problem.domain.figures(),
        "total_mass": float(result.problem.masses.sum()),
        "transport": {**solver_figures(result), "reason": result.reason},
        "cost": result.cost,
        "wasserstein": float(np.sqrt(result.cost)),
        "dual_cost": result.dual_cost,
        "folds": None if run.folds is None else run.folds.summary(),
        "merged_sites": shared.tolist(),
        **run.provenance.figures(),
    }


def write_transport(out: PathLike, run: TransportRun, page: str, picture: bytes) -> None:
    """Write cells.vtk (cells.vtu in space), cells.png, transport.npz, folds.ply, report.html and metrics.json.

    The files appear when all of them are complete; other files in the folder stay.

    Parameters
    ----------
    out : str or path
        The folder; it is made if it is not there.
    run : TransportRun
    page : str
        The report.
    picture : bytes
        The picture of the cells as PNG.

    Raises
    ------
    OSError
        Something cannot be written; then nothing in the folder has changed.
    """
    with complete_folder(out) as folder:
        (folder / "cells.png").write_bytes(picture)
        if run.result.problem.domain.dimension == 2:
            write_vtk_polygons(folder / "cells.vtk", run.polygons, cell_values(run.result), TITLE)
        else:
            write_vtu_polyhedra(folder / "cells.vtu", run.result.diagram.cell_faces(), cell_values(run.result))
        write_npz(folder / "transport.npz", **_arrays(run))
        if run.folds is not None:
            write_folds(folder / "folds.ply", run.folds)
        write_text(folder / "report.html", page)
        write_json(folder / "metrics.json", transport_metrics(run))


def cell_values(result: TransportResult) -> dict[str, Floats | Ints]:
    """Return what is told of each cell: site, its place, mass, height, and how far the centroid is from the site."""
    sites = result.problem.sites
    return {
        "site": np.arange(len(sites)),
        **{f"site_{axis}": column for axis, column in zip("xyz", sites.T, strict=False)},
        "mass": result.masses,
        "height": result.heights,
        "distance": np.linalg.norm(result.centroids - sites, axis=1),
    }


def _arrays(run: TransportRun) -> dict[str, Any]:
    result, diagram = run.result, run.result.diagram
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
    return {**arrays, **planar, "polygon_starts": run.polygons.starts, "polygon_points": run.polygons.points}
