"""The report: one HTML page with pictures, charts and figures of a map, which needs no network and no other file."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from meshot.app.files.surface_run import (
    AREA_PRESERVING,
    CONFORMAL,
    INTERMEDIATE,
    MEASURE_PRESERVING,
    Run,
    cut_of,
    transport_figures,
)
from meshot.app.report.pages.page import Picture, chart, number, percent, render_page
from meshot.app.report.pictures import charts, figures
from meshot.app.report.pictures.colors import CELLS, DIVERGING, SEQUENTIAL
from meshot.app.report.viewer import packing
from meshot.app.report.viewer import surface as viewer
from meshot.app.report.viewer.packing import data_uri
from meshot.base.errors import format_ids

BEHIND = " from behind"

WHAT = {
    CONFORMAL: "The conformal map keeps every angle and lets areas go.",
    AREA_PRESERVING: "The area-preserving map keeps every area and lets angles go.",
    MEASURE_PRESERVING: "The measure-preserving map gives every part the area that was prescribed for it.",
    INTERMEDIATE: "The intermediate map stands between keeping angles and keeping areas.",
}


@dataclass(frozen=True)
class Row:
    """A row of the table of numbers: what it is, what a perfect map has, and the number of each map."""

    label: str
    perfect: str
    values: tuple[str, ...]


def render(run: Run, *, up: str = "y", size: int = figures.SIZE) -> str:
    """Return the report of a run as HTML.

    Parameters
    ----------
    run : Run
        The finished map.
    up : {"x", "y", "z"}
        Coordinate axis that points upward in the pictures of the surface.
    size : int
        Width and height of the pictures in pixels.
    """
    return render_page("report.html.j2", context(run, up=up, size=size))


def context(run: Run, *, up: str = "y", size: int = figures.SIZE) -> dict[str, Any]:
    """Return everything that the template shows."""
    names = list(run.maps)
    scripts = packing.scripts("viewer")
    limits = figures.scales(list(run.distortions.values()))
    return {
        "title": run.provenance.name,
        "kicker": f"{names[-1]} map",
        "names": names,
        "what": [WHAT[name] for name in names],
        "verdict": verdict(run),
        "tiles": tiles(run),
        "target": run.surface_map.target,
        "prescribed": run.surface_map.prescribed,
        "curve_folds": sum(point.summary["area"]["flipped"] for point in run.curve),
        "pictures": _pictures(run, up, size),
        "viewer": {
            "scene": viewer.scene(run, up=up),
            "scripts": scripts,
            "samples": int(np.log2(viewer.SAMPLES)) if run.surface_map.conformal is not None else 0,
            "thinned": number(len(run.source.faces)) if len(run.source.faces) > viewer.MOST_FACES else "",
        },
        "scripts_allowed": packing.allowed(scripts),
        "beside": _rows(names, run.surface_map.target),
        "size": size,
        "scales": color_bars(limits, run.surface_map.prescribed),
        "charts": _charts(run),
        "certificate": certificate(run),
        "rows": list(rows(run)),
        "changes": list(changes(run)),
        "provenance": run.provenance,
        "seconds": run.seconds,
    }


# ---------------------------------------------------------------------------------------------------------------------
# words


def verdict(run: Run) -> str:
    """Say in a sentence or two what the map is worth."""
    area, angle = run.distortion.summary().values()
    flipped = {0: "no face is flipped", 1: "one face is flipped"}
    flips = flipped.get(int(area["flipped"]), f"{number(area['flipped'])} faces are flipped")
    if run.surface_map.conformal is None:
        low, high = (number(np.exp(area[key]), 2) for key in ("log_p01", "log_p99"))
        return (
            f"Angles change by {number(angle['mean_abs_degrees'])}° on average, and {flips}. Areas are not kept: the "
            f"shares of 98 % of the faces change by factors from {low} to {high}."
        )
    before = run.distortions[CONFORMAL].summary()["area"]
    weight = run.surface_map.area_weight
    if weight is not None and weight < 1:
        return (
            f"At area weight {number(weight)} the logarithms of area ratios are {number(1 - weight)} times those of "
            f"the conformal map, {number(area['log_mean_abs'])} on average; angles change by "
            f"{number(angle['mean_abs_degrees'])}°, and {flips}."
        )
    gets = "gets its prescribed share" if run.surface_map.prescribed else "keeps its share"
    return (
        f"Every face {gets} of the area up to {percent(area['ratio_sd'])} (standard deviation; "
        f"{percent(before['ratio_sd'])} in the conformal map), and {flips}."
    )


def tiles(run: Run) -> list[tuple[str, str]]:
    """Return the few numbers that matter, each with its label."""
    area, angle = run.distortion.summary().values()
    transport = transport_figures(run.surface_map)
    shown = [(number(len(run.source.faces)), "faces"), (number(area["flipped"]), "flipped faces")]
    if run.surface_map.conformal is not None:
        shown.append((percent(area["ratio_sd"]), "deviation of area ratios (SD)"))
        if transport is not None:
            shown.append(_cell_error(transport))
    else:
        shown.append((f"{number(angle['mean_abs_degrees'])}°", "mean change of an angle"))
    total = run.seconds.get("total", sum(run.seconds.values()))
    return [*shown, (f"{total:.1f} s", "for the map")]


def _cell_error(transport: dict[str, Any]) -> tuple[str, str]:
    if "mass_error" in transport:  # sampled: the largest one would be that of counting
        return percent(transport["mass_error"]), "relative error of a cell (RMS)"
    return number(transport["max_relative_error"], 2), "largest relative error of a cell"


def certificate(run: Run) -> str | None:
    """Explain the certificate of the transport in one sentence."""
    transport = transport_figures(run.surface_map)
    if transport is None:
        return None
    if "mass_error" in transport:
        return (
            f"The {number(transport['sites'])} cells were sampled: their masses are off by "
            f"{percent(transport['mass_error'])} (RMS), give or take {percent(transport['mass_error_se'])}."
        )
    gap = number(max(transport["certificate"], np.finfo(float).eps), 2)
    return (
        f"The {number(transport['sites'])} cells fill the {run.surface_map.target} up to {gap} of its area: a cell "
        "computed from too few neighbors could only be too large, so cells that add up are exact."
    )


def rows(run: Run) -> Iterator[Row]:
    """Yield the table of numbers."""
    summaries = [run.distortions[name].summary() for name in run.maps]

    def row(label: str, perfect: str, group: str, *keys: str, write: Any = number) -> Row:
        return Row(
            label, perfect, tuple(" to ".join(write(summary[group][key]) for key in keys) for summary in summaries)
        )

    def degrees(value: float) -> str:
        return f"{number(value)}°"

    yield row("Flipped faces", "0", "area", "flipped")
    yield row("Degenerate faces", "0", "area", "degenerate")
    yield row("Area ratio, standard deviation", "0", "area", "ratio_sd")
    yield row("Area ratio, largest deviation from 1", "0", "area", "ratio_max_deviation")
    yield row("Log area ratio, mean absolute value", "0", "area", "log_mean_abs")
    yield row("Log area ratio, 1st to 99th percentile", "0", "area", "log_p01", "log_p99")
    yield row("Angle difference, mean absolute value", "0°", "angle", "mean_abs_degrees", write=degrees)
    yield row("Angle difference, standard deviation", "0°", "angle", "sd_degrees", write=degrees)
    yield row("Angle difference, largest", "0°", "angle", "max_degrees", write=degrees)
    yield row("Log angle ratio, mean absolute value", "0", "angle", "log_mean_abs")
    yield row("Log angle ratio, standard deviation", "0", "angle", "log_sd")
    yield row("Quasi-conformal ratio σ₁/σ₂, mean", "1", "angle", "quasi_conformal_mean")
    yield row("Beltrami coefficient |μ|, mean", "0", "angle", "beltrami_mean")


def changes(run: Run) -> Iterator[str]:
    """Yield a sentence for everything that was done to the mesh on the way."""
    yield from (f"{note[:1].upper()}{note[1:]}." for note in run.provenance.notes)
    loose = np.flatnonzero(~run.source.referenced).tolist()
    if loose:
        yield f"Kept without an image, as no face uses them: {len(loose)} vertices ({format_ids(loose)})."
    notes = run.surface_map.notes
    cut = cut_of(run.surface_map)
    if cut is not None:
        yield (
            f"The surface is closed; it was cut open along {len(cut.path) - 1} edges from vertex {cut.path[0]} to "
            f"{cut.path[-1]}, {number(cut.length)} long in the mesh's unit. This added {len(cut.sources_of_added)} "
            f"vertices, which stand at the end, from {cut.first_added} on: each is a second copy of a vertex of the "
            "cut, named in metrics.json and by source_vertex in map.npz."
        )
    flips = notes.get("delaunay_flips") or (run.surface_map.conformal or run.surface_map).notes.get("delaunay_flips")
    if flips:
        yield (
            "The conformal map was computed on the surface's intrinsic Delaunay triangulation "
            f"({number(flips)} edge flips away); the mesh itself keeps its edges."
        )
    refinement = notes.get("refinement")
    if refinement is not None:
        off = sum(refinement["reasons"].values())
        rest = f"; {number(off)} faces are still off" if off else ""
        yield f"The triangles' areas were refined after the transport, in {refinement['iterations']} steps{rest}."
    if notes.get("repaired_faces"):
        faces = number(notes["repaired_faces"])
        yield f"The vertices of {faces} faces were moved, as the conformal map would have folded there."


# ---------------------------------------------------------------------------------------------------------------------
# pictures and charts


def _pictures(run: Run, up: str, size: int) -> dict[str, Picture]:
    drawn = figures.pictures(run.source, run.maps, run.distortions, up=up, size=size)
    return {key: Picture(data_uri(data), *_words(run, *key.split("/"))) for key, data in drawn.items()}


def _words(run: Run, name: str, kind: str = "", side: str = "") -> tuple[str, str]:
    """Return the alternative text and the caption of a picture."""
    if name == "surface":
        behind = kind == "behind"
        return f"The surface, rendered as white porcelain{', from behind' * behind}.", "The surface" + BEHIND * behind
    target = run.surface_map.target
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


def _rows(names: list[str], target: str) -> dict[str, list[list[str]]]:
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
    low, high = np.exp(-limits.log_area), np.exp(limits.log_area)
    return {
        "area": {
            "stops": ", ".join(DIVERGING),
            "low": f"× {number(low, 2)} or less",
            "middle": "as prescribed" if prescribed else "area kept",
            "high": f"× {number(high, 2)} or more",
        },
        "angle": {
            "stops": ", ".join(SEQUENTIAL),
            "low": "0°",
            "middle": "",
            "high": f"{number(limits.angle, 2)}° or more",
        },
    }


def _charts(run: Run) -> dict[str, Any]:
    distortions = {name.capitalize(): run.distortions[name] for name in run.maps}
    drawn = {
        "log area ratio": charts.histograms(
            {name: distortion.log_area_ratio for name, distortion in distortions.items()}, "log area ratio, log(a′/a)"
        ),
        "log angle ratio": charts.histograms(
            {name: distortion.log_angle_ratio for name, distortion in distortions.items()}, "log angle ratio, log(α′/α)"
        ),
        "angle difference": charts.histograms(
            {name: distortion.angle_difference for name, distortion in distortions.items()},
            "angle difference α′ − α, degrees",
        ),
    }
    transport = run.surface_map.transport
    if transport is not None:
        drawn["convergence"] = charts.convergence(
            {"transport": [step.error for step in transport.history]},
            "largest relative error of a cell",
            tolerance=run.provenance.options.get("tol"),
        )
    if run.curve:
        drawn["trade-off"] = charts.tradeoff([point.figures for point in run.curve])
    return {name: chart(figure) for name, figure in drawn.items()}
