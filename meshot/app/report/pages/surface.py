"""The report of the map of a surface: one HTML page, which needs no network and no other file."""

from collections.abc import Iterator

import numpy as np
from matplotlib.figure import Figure

from meshot.app.files.run import AREA_PRESERVING, CONFORMAL, INTERMEDIATE, MEASURE_PRESERVING, Run, solver_figures
from meshot.app.files.surface import cut_of, cut_polygons
from meshot.app.report.pages.page import (
    certificate,
    changes_on_reading,
    color_scale,
    convergence_chart,
    distortion_rows,
    flips,
    render_run,
)
from meshot.app.report.pictures import charts, figures
from meshot.app.report.pictures.colors import CELLS, DIVERGING, SEQUENTIAL
from meshot.app.report.viewer import surface as viewer
from meshot.app.words import number, percent
from meshot.base.errors import format_ids
from meshot.maps.surface_map import SurfaceMap
from meshot.refinement.driver import EVENED

BEHIND = " from behind"

WHAT = {
    CONFORMAL: "The conformal map keeps every angle and lets areas go.",
    AREA_PRESERVING: "The area-preserving map keeps every area and lets angles go.",
    MEASURE_PRESERVING: "The measure-preserving map gives every part the area that was prescribed for it.",
    INTERMEDIATE: "The intermediate map stands between keeping angles and keeping areas.",
}


ROWS = (
    ("Flipped faces", "0", "area", "flipped"),
    ("Degenerate faces", "0", "area", "degenerate"),
    ("Area ratio, standard deviation", "0", "area", "ratio_sd"),
    ("Area ratio, largest deviation from 1", "0", "area", "ratio_max_deviation"),
    ("Log area ratio, mean absolute value", "0", "area", "log_mean_abs"),
    ("Log area ratio, 1st to 99th percentile", "0", "area", "log_p01", "log_p99"),
    ("Angle difference, mean absolute value", "0°", "angle", "mean_abs_degrees"),
    ("Angle difference, standard deviation", "0°", "angle", "sd_degrees"),
    ("Angle difference, largest", "0°", "angle", "max_degrees"),
    ("Log angle ratio, mean absolute value", "0", "angle", "log_mean_abs"),
    ("Log angle ratio, standard deviation", "0", "angle", "log_sd"),
    ("Quasi-conformal ratio σ₁/σ₂, mean", "1", "angle", "quasi_conformal_mean"),
    ("Beltrami coefficient |μ|, mean", "0", "angle", "beltrami_mean"),
)


def render_surface(run: Run[SurfaceMap], *, up: str = "y", size: int = figures.SIZE) -> str:
    """Return the report of a map of a surface as HTML.

    Parameters
    ----------
    run : Run
        The finished map.
    up : {"x", "y", "z"}
        Coordinate axis that points upward in the pictures of the surface.
    size : int
        Width and height of the pictures in pixels.
    """
    names, mapped = list(run.maps), run.result
    images = figures.draw_all(run.input, run.maps, run.distortions, up=up, size=size)
    return render_run(
        "report.html.j2",
        run,
        images,
        lambda key: _words(run, *key.split("/")),
        kicker=f"{names[-1]} map",
        names=names,
        what=[WHAT[name] for name in names],
        verdict=surface_verdict(run),
        tiles=surface_tiles(run),
        time="for the map",
        target=mapped.target,
        prescribed=mapped.prescribed,
        curve_folds=sum(point.summary["area"]["flipped"] for point in run.curve),
        viewer=viewer.surface_viewer(run, up=up),
        beside=_beside(names, mapped.target),
        size=size,
        scales=color_bars(figures.scales(list(run.distortions.values())), mapped.prescribed),
        drawn=_charts(run),
        certificate=_certificate(run),
        rows=distortion_rows(run, ROWS),
        changes=list(surface_changes(run)),
    )


# ---------------------------------------------------------------------------------------------------------------------
# words


def surface_verdict(run: Run[SurfaceMap]) -> str:
    """Say in a sentence or two what the map is worth."""
    area, angle = run.distortion.summary().values()
    flipped = flips(int(area["flipped"]))
    if run.result.conformal is None:
        low, high = (number(np.exp(area[key]), 2) for key in ("log_p01", "log_p99"))
        return (
            f"Angles change by {number(angle['mean_abs_degrees'])}° on average, and {flipped}. Areas are not kept: the "
            f"shares of 98 % of the faces change by factors from {low} to {high}."
        )
    before = run.distortions[CONFORMAL].summary()["area"]
    weight = run.result.area_weight
    if weight is not None and weight < 1:
        return (
            f"At area weight {number(weight)} the logarithms of area ratios are {number(1 - weight)} times those of "
            f"the conformal map, {number(area['log_mean_abs'])} on average; angles change by "
            f"{number(angle['mean_abs_degrees'])}°, and {flipped}."
        )
    gets = "gets its prescribed share" if run.result.prescribed else "keeps its share"
    return (
        f"Every face {gets} of the area up to {percent(area['ratio_sd'])} (standard deviation; "
        f"{percent(before['ratio_sd'])} in the conformal map), and {flipped}."
    )


def surface_tiles(run: Run[SurfaceMap]) -> list[tuple[str, str]]:
    """Return the few numbers that matter, each with its label."""
    area, angle = run.distortion.summary().values()
    shown = [(number(len(run.input.faces)), "faces"), (number(area["flipped"]), "flipped faces")]
    if run.result.conformal is None:
        return [*shown, (f"{number(angle['mean_abs_degrees'])}°", "mean change of an angle")]
    shown.append((percent(area["ratio_sd"]), "deviation of area ratios (SD)"))
    transport = solver_figures(run.result.transport)
    if transport is None:
        return shown
    if "mass_error" in transport:  # sampled: the largest one would be that of counting
        return [*shown, (percent(transport["mass_error"]), "relative error of a cell (RMS)")]
    return [*shown, (number(transport["max_relative_error"], 2), "largest relative error of a cell")]


def _certificate(run: Run[SurfaceMap]) -> str | None:
    transport = solver_figures(run.result.transport)
    if transport is None:
        return None
    cells = f"The {number(transport['sites'])} cells"
    if "mass_error" in transport:
        return (
            f"{cells} were sampled: their masses are off by {percent(transport['mass_error'])} (RMS), give or take "
            f"{percent(transport['mass_error_se'])}."
        )
    return certificate(transport["certificate"], cells, run.result.target, "area")


def surface_changes(run: Run[SurfaceMap]) -> Iterator[str]:
    """Yield a sentence for everything that was done to the mesh on the way."""
    yield from changes_on_reading(run, run.input, "face")
    notes = run.result.notes
    cut = cut_of(run.result)
    if cut is not None:
        yield (
            f"The surface is closed; it was cut open along {len(cut.path) - 1} edges from vertex {cut.path[0]} to "
            f"{cut.path[-1]}, {number(cut.length)} long in the mesh's unit. This added {len(cut.sources_of_added)} "
            f"vertices, which stand at the end, from {cut.first_added} on: each is a second copy of a vertex of the "
            "cut, named in metrics.json and by source_vertex in map.npz."
        )
    split = cut_polygons(run).tolist()
    if split:
        yield f"Polygons that the cut goes through stand in map.obj as triangles: {len(split)} ({format_ids(split)})."
    flips = notes.get("delaunay_flips") or (run.result.conformal or run.result).notes.get("delaunay_flips")
    if flips:
        yield (
            "The conformal map was computed on the surface's intrinsic Delaunay triangulation "
            f"({number(flips)} edge flips away); the mesh itself keeps its edges."
        )
    yield from _stages(run.result)
    if notes.get("repaired_faces"):
        faces = number(notes["repaired_faces"])
        yield f"The vertices of {faces} faces were moved, as the conformal map would have folded there."


def _stages(mapped: SurfaceMap) -> Iterator[str]:
    """Yield what the stages after the conformal map started from, and what they missed."""
    transport, refinement = mapped.transport, mapped.notes.get("refinement")
    if mapped.notes.get("start") == EVENED:
        yield (
            "The conformal map shrinks limbs so far that digits are lost, so the transport started from an evened "
            "image: a map without a fold whose area ratios are bounded."
        )
    if transport is not None and not transport.converged:
        reason = f" ({transport.reason})" if transport.reason else ""
        outcome = " The refinement made up for it." if refinement is not None and refinement["reached"] else ""
        yield (
            f"The transport ended after {transport.iterations} steps before all cells had their shares{reason}."
            f"{outcome}"
        )
    if refinement is not None:
        off = sum(refinement["reasons"].values())
        rest = f"; {number(off)} faces are still off" if off else ""
        origin = "image of the transport" if refinement["start"] == "transport" else refinement["start"]
        yield f"The triangles' areas were refined from the {origin}, in {refinement['iterations']} steps{rest}."


# ---------------------------------------------------------------------------------------------------------------------
# pictures and charts


def _words(run: Run[SurfaceMap], name: str, kind: str = "", side: str = "") -> tuple[str, str]:
    """Return the alternative text and the caption of a picture."""
    if name == "surface":
        behind = kind == "behind"
        return f"The surface, rendered as white porcelain{', from behind' * behind}.", "The surface" + BEHIND * behind
    target = run.result.target
    if name == "pattern":
        on_disk = target == "disk"
        pattern = {
            "checkerboard": f"with a checkerboard of {CELLS} squares across" if on_disk else "with a checkerboard",
            "circles": f"filled with touching circles, {CELLS} across" if on_disk else "covered with equal circles",
        }[kind]
        return f"A {target} {pattern}, its hue turning with the angle.", f"The {target}"
    area, angle = run.distortions[name].summary().values()
    spread = f"98 % of the faces lie between {number(area['log_p01'])} and {number(area['log_p99'])}"
    seen = "from behind, " * (side == "behind")
    alt = {
        "image": f"The {name} image of the surface {'in' if target == 'disk' else 'on'} the {target}, {seen}lit as the "
        "surface is.",
        "checkerboard": f"The surface {seen}with the checkerboard pulled back by the {name} map.",
        "circles": f"The surface {seen}with the circles pulled back by the {name} map.",
        "area": f"The surface {seen}colored by log area ratio of the {name} map: {spread}.",
        "angle": f"The surface {seen}colored by angle error of the {name} map, {number(angle['mean_abs_degrees'])} "
        "degrees on average.",
    }[kind]
    caption = f"{name.capitalize()} image" if kind == "image" else name.capitalize()
    return alt, caption + BEHIND * (side == "behind")


def _beside(names: list[str], target: str) -> dict[str, list[list[str]]]:
    """Return which pictures stand beside one another: rows of their names, for each section."""
    sides = ["", figures.BEHIND] if target == "sphere" else [""]
    details = sides if len(names) == 1 else [""]
    hero = [[f"surface{side}", *(f"{name}/image{side}" for name in names)] for side in sides]
    rows = {"hero": [[key for row in hero for key in row]] if len(names) == 1 else hero}
    for kind in figures.PATTERNS[target]:
        rows.setdefault("patterns", []).append(
            [f"pattern/{kind}", *(f"{name}/{kind}{side}" for name in names for side in details)]
        )
    for kind in ("area", "angle"):
        rows[kind] = [[f"{name}/{kind}{side}" for name in names for side in details]]
    return rows


def color_bars(limits: figures.Scales, prescribed: bool) -> dict[str, dict[str, str]]:
    """Color bars, as gradients of the style sheet with the words at their ends."""
    low, high = (f"× {number(np.exp(end), 2)} or " for end in (-limits.log_area, limits.log_area))
    kept = "as prescribed" if prescribed else "area kept"
    return {
        "area": color_scale(DIVERGING, f"{low}less", f"{high}more", kept),
        "angle": color_scale(SEQUENTIAL, "0°", f"{number(limits.angle, 2)}° or more"),
    }


def _charts(run: Run[SurfaceMap]) -> dict[str, Figure]:
    drawn = {}
    for name, values, label in (
        ("log area ratio", "log_area_ratio", "log area ratio, log(a′/a)"),
        ("log angle ratio", "log_angle_ratio", "log angle ratio, log(α′/α)"),
        ("angle difference", "angle_difference", "angle difference α′ − α, degrees"),
    ):
        each = {name.capitalize(): getattr(run.distortions[name], values) for name in run.maps}
        drawn[name] = charts.histograms(each, label)
    if run.result.transport is not None:
        drawn["convergence"] = convergence_chart(run, run.result.transport)
    if run.curve:
        drawn["trade-off"] = charts.tradeoff([point.figures for point in run.curve])
    return drawn
