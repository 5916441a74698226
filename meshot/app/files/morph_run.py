"""What ``meshot morph`` leaves behind: the figures of ``metrics.json`` and the folder with all files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from meshot.app.files.cells import write_vtu_polyhedra
from meshot.app.files.folder import complete_folder
from meshot.app.files.singular import write_folds, write_folds_vtu
from meshot.app.files.surface_run import Provenance, solver_figures
from meshot.app.files.transport_run import cell_values
from meshot.base.arrays import Floats
from meshot.base.files import PathLike, write_json, write_npz, write_text
from meshot.formats.write.ply import write_ply
from meshot.formats.write.vtu import write_vtu
from meshot.meshes.solid import Solid
from meshot.morph import Morph, cell_sizes, fold_distances
from meshot.singular.detect import SingularSet

# Stands for volumes that are not positive, of which there is no logarithm.
TINY = 1e-300


@dataclass(frozen=True, eq=False)
class MorphRun:
    """A finished ball-to-shape transport with all that its files and its report tell.

    Attributes
    ----------
    morph : Morph
    provenance : Provenance
        Where it comes from.
    frames : int
        Pictures of the way, the first in the ball, the last the shape itself.
    seconds : mapping
        Seconds of each stage.
    folds : SingularSet, optional
        Where the ball tears.
    """

    morph: Morph
    provenance: Provenance
    frames: int
    seconds: Mapping[str, float] = field(default_factory=dict)
    folds: SingularSet | None = None

    @cached_property
    def surface_distances(self) -> Floats:
        """Distance in the ball from the inverse image of each vertex of the solid's boundary to the folds, (B,)."""
        if self.morph.solid is None or self.folds is None:
            return np.empty(0)
        return fold_distances(self.morph, self.folds)[self.morph.solid.boundary_vertices]

    @cached_property
    def times(self) -> Floats:
        """Time of each frame, from 0 to 1, (frames,)."""
        return np.linspace(0.0, 1.0, self.frames)


def morph_metrics(run: MorphRun) -> dict[str, Any]:
    """Return the contents of ``metrics.json``."""
    morph, result = run.morph, run.morph.transport
    cells = morph.cell_of_vertex[morph.cell_of_vertex >= 0]
    shared = np.flatnonzero((morph.cell_of_vertex >= 0) & (np.bincount(cells) > 1)[morph.cell_of_vertex])
    return {
        "vertices": len(morph.vertices),
        "tetrahedra": None if morph.solid is None else len(morph.solid.tetrahedra),
        "seconds": dict(run.seconds),
        "ball": result.problem.domain.figures(),
        "total_mass": float(result.problem.masses.sum()),
        "transport": {**solver_figures(result), "reason": result.reason},
        "cost": result.cost,
        "wasserstein": float(np.sqrt(result.cost)),
        "dual_cost": result.dual_cost,
        "displacement_mean": float(np.nanmean(morph.displacements)),
        "displacement_max": float(np.nanmax(morph.displacements)),
        "volume": None if morph.solid is None else volume_figures(morph),
        "folds": None if run.folds is None else {**run.folds.summary(), "surface": surface_figures(run)},
        "frames": run.frames,
        "merged_vertices": shared.tolist(),
        "vertices_without_mass": np.flatnonzero(morph.cell_of_vertex < 0).tolist(),
        **run.provenance.figures(),
    }


def volume_figures(morph: Morph) -> dict[str, Any]:
    """Return what becomes of the tetrahedra on the way back: how many are flipped, and how far volumes are off.

    "ratio" is a tetrahedron's share of the inverse image's volume over its share of the solid's.
    """
    assert morph.solid is not None
    own = np.abs(morph.solid.volumes)
    ratio = morph.volume_ratio[own > 0]
    flipped = morph.flipped
    return {
        "flipped": len(flipped),
        "flipped_share_of_volume": float(own[flipped].sum() / own.sum()),
        "ratio_median": float(np.median(ratio)),
        "ratio_mean_abs_deviation": float(np.abs(ratio - 1).mean()),
        "ratio_sd": float(ratio.std()),
        "inverse_image": float(morph.inverse_volumes.sum() / own.sum()),
    }


def surface_figures(run: MorphRun) -> dict[str, Any] | None:
    """Return how many vertices of the solid's boundary come from a fold, and how far the others do at the median.

    A vertex comes from a fold if its inverse image is no farther from it than a ball as large as its cell is wide.
    """
    if run.morph.solid is None or run.folds is None or not len(run.folds):
        return None
    sizes = cell_sizes(run.morph)[run.morph.solid.boundary_vertices]
    on_fold = run.surface_distances <= sizes
    return {
        "vertices": len(on_fold),
        "on_fold": int(on_fold.sum()),
        "median_distance": float(np.nanmedian(run.surface_distances)),
    }


def write_morph(out: PathLike, run: MorphRun, page: str, animation: bytes) -> None:
    """Write cells.vtu, frames/, folds, surface.ply, morph.gif, morph.npz, report.html and metrics.json into `out`.

    The files appear when all of them are complete; other files in the folder stay, but for those in ``frames``.

    Parameters
    ----------
    out : str or path
        The folder; it is made if it is not there.
    run : MorphRun
    page : str
        The report.
    animation : bytes
        The way there and back as GIF.

    Raises
    ------
    OSError
        Something cannot be written; then nothing in the folder has changed.
    """
    morph, result = run.morph, run.morph.transport
    with complete_folder(out) as folder:
        write_vtu_polyhedra(folder / "cells.vtu", result.diagram.cell_faces(), cell_values(result))
        (folder / "frames").mkdir()
        digits = len(str(run.frames - 1))
        for k, t in enumerate(run.times):
            _write_frame(folder / "frames" / f"frame_{k:0{digits}}.vtu", morph, float(t))
        solid = {} if morph.solid is None else {"tetrahedra": morph.solid.tetrahedra}
        write_npz(
            folder / "morph.npz",
            vertices=morph.vertices,
            **solid,
            points=morph.points,
            cell_of_vertex=morph.cell_of_vertex,
            sites=result.problem.sites,
            masses=result.problem.masses,
            heights=result.heights,
            facets=result.diagram.facets,
            facet_areas=result.diagram.facet_measures,
        )
        if run.folds is not None:
            write_folds(folder / "folds.ply", run.folds)
            write_folds_vtu(folder / "folds.vtu", run.folds)
        if morph.solid is not None:
            _write_surface(folder / "surface.ply", run, morph.solid)
        (folder / "morph.gif").write_bytes(animation)
        write_text(folder / "report.html", page)
        write_json(folder / "metrics.json", morph_metrics(run))


def _write_surface(path: PathLike, run: MorphRun, solid: Solid) -> None:
    """Write the solid's boundary with the distance of each vertex's inverse image from the folds."""
    rows, surface = solid.boundary_vertices, solid.boundary
    values = {"vertex": rows, "displacement": np.nan_to_num(run.morph.displacements[rows])}
    if run.folds is not None:
        values["fold_distance"] = run.surface_distances
    write_ply(path, surface.vertices, surface.faces, vertex_scalars=values)


def _write_frame(path: PathLike, morph: Morph, t: float) -> None:
    """Write the tetrahedra, or the points, at time t; vertices that come from nowhere stand where they go to."""
    places = np.where(np.isfinite(morph.points), morph.interpolate(t), morph.vertices)
    values = {"displacement": np.nan_to_num(morph.displacements), "target": morph.vertices}
    if morph.solid is None:
        write_vtu(path, places, np.arange(len(places))[:, None], point_values=values)
        return
    cells = {
        "flipped": morph.inverse_volumes <= 0,
        "log_volume_ratio": np.log(
            np.maximum(morph.inverse_volumes, TINY) / np.maximum(abs(morph.solid.volumes), TINY)
        ),
    }
    write_vtu(path, places, morph.solid.tetrahedra, point_values=values, cell_values=cells)
