"""What a ball-to-shape transport leaves behind: the figures of ``metrics.json`` and the files."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from meshot.app.files.cells import write_vtu_polyhedra
from meshot.app.files.run import Run, few_words, solver_words
from meshot.app.files.singular import write_folds, write_folds_vtu
from meshot.app.files.transport import cell_values, cost_figures
from meshot.app.words import number
from meshot.base.arrays import Floats
from meshot.base.files import PathLike, write_npz
from meshot.formats.write.ply import write_ply
from meshot.formats.write.vtu import write_vtu
from meshot.meshes.solid import Solid
from meshot.morph import Morph, cell_sizes, fold_distances
from meshot.singular.detect import SingularSet

# Stands for volumes that are not positive, of which there is no logarithm.
TINY = 1e-300


@lru_cache(maxsize=1)
def surface_distances(morph: Morph, folds: SingularSet | None) -> Floats:
    """Distance in the ball from the inverse image of each vertex of the solid's boundary to the folds, (B,)."""
    if morph.solid is None or folds is None:
        return np.empty(0)
    return fold_distances(morph, folds)[morph.solid.boundary_vertices]


def frame_times(run: Run[Morph]) -> Floats:
    """Return the time of each frame, from 0 to 1: the first in the ball, the last the shape itself."""
    return np.linspace(0.0, 1.0, run.provenance.options["frames"])


def morph_metrics(run: Run[Morph]) -> dict[str, Any]:
    """Return the contents of ``metrics.json``."""
    morph, result = run.result, run.result.transport
    cells = morph.cell_of_vertex[morph.cell_of_vertex >= 0]
    shared = np.flatnonzero((morph.cell_of_vertex >= 0) & (np.bincount(cells) > 1)[morph.cell_of_vertex])
    return {
        "vertices": len(morph.vertices),
        "tetrahedra": None if morph.solid is None else len(morph.solid.tetrahedra),
        "seconds": dict(run.seconds),
        "ball": result.problem.domain.figures(),
        **cost_figures(result),
        "displacement_mean": float(np.nanmean(morph.displacements)),
        "displacement_max": float(np.nanmax(morph.displacements)),
        "volume": None if morph.solid is None else volume_figures(morph),
        "folds": None if run.folds is None else {**run.folds.summary(), "surface": surface_figures(run)},
        "frames": run.provenance.options["frames"],
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


def surface_figures(run: Run[Morph]) -> dict[str, Any] | None:
    """Return how many vertices of the solid's boundary come from a fold, and how far the others do at the median.

    A vertex comes from a fold if its inverse image is no farther from it than a ball as large as its cell is wide.
    """
    if run.result.solid is None or run.folds is None or not len(run.folds):
        return None
    sizes = cell_sizes(run.result)[run.result.solid.boundary_vertices]
    distances = surface_distances(run.result, run.folds)
    on_fold = distances <= sizes
    return {
        "vertices": len(on_fold),
        "on_fold": int(on_fold.sum()),
        "median_distance": float(np.nanmedian(distances)),
    }


def write_morph(run: Run[Morph], folder: Path) -> None:
    """Write ``cells.vtu``, ``frames``, ``morph.npz``, the folds and, of a solid, ``surface.ply``."""
    morph, result, times = run.result, run.result.transport, frame_times(run)
    write_vtu_polyhedra(folder / "cells.vtu", result.diagram.cell_faces(), cell_values(result))
    (folder / "frames").mkdir()
    digits = len(str(len(times) - 1))
    for k, t in enumerate(times):
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


def _write_surface(path: PathLike, run: Run[Morph], solid: Solid) -> None:
    """Write the solid's boundary with the distance of each vertex's inverse image from the folds."""
    rows, surface = solid.boundary_vertices, solid.boundary
    values = {"vertex": rows, "displacement": np.nan_to_num(run.result.displacements[rows])}
    if run.folds is not None:
        values["fold_distance"] = surface_distances(run.result, run.folds)
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


def morph_words(run: Run[Morph], out: Path) -> str:
    """Return what a person wants to know at the end."""
    figures = morph_metrics(run)
    volume, folds = figures["volume"], figures["folds"]
    rows = [("target", f"{number(figures['vertices'])} {'vertices' if volume else 'points'}")]
    if volume:
        rows.append(("flipped", f"{number(volume['flipped'])} of {number(figures['tetrahedra'])} tetrahedra"))
    rows += [
        solver_words(figures["transport"]),
        ("W_2", number(figures["wasserstein"], 6)),
        ("folds", f"{number(len(folds['sheets']))} sheets, of area {number(folds['measure'])}"),
    ]
    return few_words(rows, run, out)
