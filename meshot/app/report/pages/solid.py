"""The report of a map to the ball: the solid and the ball cut open, histograms and figures on one HTML page."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from meshot.app.files.solid_run import HARMONIC, MEASURE_PRESERVING, VOLUME_PRESERVING, VolumeRun, refinement_figures
from meshot.app.report.pages.page import Picture, chart, number, percent, render_page
from meshot.app.report.pages.surface import Row
from meshot.app.report.pictures import charts, figures
from meshot.app.report.pictures.colors import DIVERGING
from meshot.app.report.pictures.solid_cut import upright_solid, volume_pictures
from meshot.app.report.pictures.views import camera
from meshot.app.report.viewer.packing import data_uri
from meshot.app.report.viewer.solid import solid_viewer
from meshot.base.errors import format_ids

WHAT = {
    HARMONIC: "The harmonic map is smooth, and lets volumes go.",
    VOLUME_PRESERVING: "The volume-preserving map gives every tetrahedron its share of the ball.",
    MEASURE_PRESERVING: "The measure-preserving map gives every tetrahedron the share that was prescribed for it.",
}


def render_volume(run: VolumeRun, *, up: str = "y", size: int = figures.SIZE) -> str:
    """Return the report of a map to the ball as HTML.

    Parameters
    ----------
    run : VolumeRun
    up : {"x", "y", "z"}
        Coordinate axis that points upward in the pictures.
    size : int
        Width and height of the pictures in pixels.
    """
    return render_page("volume.html.j2", context(run, up=up, size=size))


def context(run: VolumeRun, *, up: str, size: int) -> dict[str, Any]:
    """Return everything that the template shows."""
    names = list(run.maps)
    limit = largest_log(run)
    images = volume_pictures(run.maps, run.distortions, limit=limit, up=up, size=size)
    last = names[-1]
    mapped = run.maps[last]
    viewer = solid_viewer(
        mapped.solid,
        mapped.points @ upright_solid(mapped).T,
        run.distortion.log_volume_ratio,
        camera(mapped.solid.boundary, up),
        limit=limit,
        scale=_scale(limit),
        color="shells",
    )
    return {
        "title": run.provenance.name,
        "kicker": f"{last} map",
        "names": names,
        "what": [WHAT[name] for name in names],
        "verdict": verdict(run),
        "tiles": tiles(run),
        "prescribed": run.prescribed,
        "pictures": {
            key: Picture(data_uri(figures.webp(image)), *_words(run, *key.split("/"))) for key, image in images.items()
        },
        "beside": {
            "hero": [["solid", f"{last}/pulled", f"{last}/shells"]],
            "volumes": [[f"{name}/solid", f"{name}/ball"] for name in names],
        },
        "size": size,
        "viewer": viewer,
        "scripts_allowed": viewer["allowed"] if viewer else "",
        "scales": {"volume": _scale(limit)},
        "charts": _charts(run),
        "rows": list(rows(run)),
        "changes": list(changes(run)),
        "provenance": run.provenance,
        "seconds": run.seconds,
    }


def largest_log(run: VolumeRun) -> float:
    """Return the end of the color scale: it holds 98 % of the tetrahedra of all maps, up to a factor of 10."""
    limit = 0.1
    for distortion in run.distortions.values():
        logs = distortion.log_volume_ratio[np.isfinite(distortion.log_volume_ratio)]
        limit = max(limit, float(np.abs(np.percentile(logs, [1, 99])).max()))
    return min(limit, float(np.log(10)))


def verdict(run: VolumeRun) -> str:
    """Say in a sentence or two what the map is worth."""
    told = run.distortion.summary()["volume"]
    flips = _flips(int(told["flipped"]))
    if list(run.maps)[-1] == HARMONIC:
        low, high = (number(np.exp(told[key]), 2) for key in ("log_p01", "log_p99"))
        return (
            f"Volumes are not kept: the shares of 98 % of the tetrahedra change by factors from {low} to {high}, "
            f"and {flips}."
        )
    before = run.distortions[HARMONIC].summary()["volume"]
    gets = "gets its prescribed share" if run.prescribed else "keeps its share"
    return (
        f"Every tetrahedron {gets} of the volume up to {percent(told['ratio_mean_abs_deviation'])} on average "
        f"({percent(before['ratio_mean_abs_deviation'])} in the harmonic map), and {flips}."
    )


def _flips(count: int) -> str:
    words = {0: "no tetrahedron is flipped", 1: "one tetrahedron is flipped"}
    return words.get(count, f"{number(count)} tetrahedra are flipped")


def tiles(run: VolumeRun) -> list[tuple[str, str]]:
    """Return the few numbers that matter, each with its label."""
    told = run.distortion.summary()["volume"]
    total = run.seconds.get("total", sum(run.seconds.values()))
    return [
        (number(len(run.solid_map.solid.tetrahedra)), "tetrahedra"),
        (number(told["flipped"]), "flipped tetrahedra"),
        (percent(told["ratio_mean_abs_deviation"]), "mean deviation of volume ratios"),
        (percent(told["ratio_abs_deviation_sd"]), "and its standard deviation"),
        (f"{total:.1f} s", "in all"),
    ]


def rows(run: VolumeRun) -> Iterator[Row]:
    """Yield the table of numbers."""
    summaries = [run.distortions[name].summary()["volume"] for name in run.maps]

    def row(label: str, perfect: str, *keys: str) -> Row:
        return Row(label, perfect, tuple(" to ".join(number(told[key]) for key in keys) for told in summaries))

    yield row("Flipped tetrahedra", "0", "flipped")
    yield row("Degenerate tetrahedra", "0", "degenerate")
    yield row("Volume ratio, mean absolute deviation from 1", "0", "ratio_mean_abs_deviation")
    yield row("Volume ratio, standard deviation of that", "0", "ratio_abs_deviation_sd")
    yield row("Volume ratio, standard deviation", "0", "ratio_sd")
    yield row("Volume ratio, largest deviation from 1", "0", "ratio_max_deviation")
    yield row("Log volume ratio, mean absolute value", "0", "log_mean_abs")
    yield row("Log volume ratio, 1st to 99th percentile", "0", "log_p01", "log_p99")


def changes(run: VolumeRun) -> Iterator[str]:
    """Yield a sentence for everything that was done to the mesh on the way."""
    notes = (*run.provenance.notes, *(run.filling.notes if run.filling is not None else ()))
    yield from (f"{note[:1].upper()}{note[1:]}." for note in notes)
    loose = np.flatnonzero(~run.solid_map.solid.referenced).tolist()
    if loose:
        yield f"Kept without an image, as no tetrahedron uses them: {len(loose)} vertices ({format_ids(loose)})."
    told = refinement_figures(run.solid_map)
    if told is None:
        return
    if told["flipped_at_first"]:
        count = told["flipped_at_first"]
        noun = "tetrahedron" if count == 1 else "tetrahedra"
        yield f"The harmonic map flipped {number(count)} {noun} at first; it was unfolded."
    off = len(told["tetrahedra_off"])
    rest = f"; {number(off)} of them are named in metrics.json as far off" if off else ""
    yield f"The tetrahedra's volumes were evened out in {told['iterations']} steps{rest}."


def _words(run: VolumeRun, name: str, kind: str = "") -> tuple[str, str]:
    """Return the alternative text and the caption of a picture."""
    if name == "solid":
        return "The solid, rendered as white porcelain.", "The solid"
    told = run.distortions[name].summary()["volume"]
    spread = f"98 % of the tetrahedra lie between {number(told['log_p01'])} and {number(told['log_p99'])}"
    return {
        "solid": (
            f"The solid cut open, its tetrahedra colored by log volume ratio of the {name} map: {spread}.",
            f"{name.capitalize()}, on the solid",
        ),
        "ball": (
            f"The ball cut open, its tetrahedra colored by log volume ratio of the {name} map.",
            f"{name.capitalize()}, in the ball",
        ),
        "pulled": (
            f"The solid cut open, with shells of the ball of equal volume pulled back by the {name} map.",
            "The same shells in the solid, cut open",
        ),
        "shells": (
            "The ball cut open, in shells of equal volume, its hue turning with the direction.",
            "Shells of equal volume in the ball",
        ),
    }[kind]


def _scale(limit: float) -> dict[str, str]:
    return {
        "stops": ", ".join(DIVERGING),
        "low": f"÷ {number(np.exp(limit))}",
        "middle": "equal",
        "high": f"× {number(np.exp(limit))}",
    }


def _charts(run: VolumeRun) -> dict[str, Any]:
    logs = {name: distortion.log_volume_ratio for name, distortion in run.distortions.items()}
    drawn = {"log volume ratio": charts.histograms(logs, "log volume ratio, log(v′/v)")}
    last = list(run.maps)[-1]
    if len(run.maps) > 1:
        ratio = {last: run.distortions[last].volume_ratio - 1}
        drawn["volume ratio"] = charts.histograms(ratio, "volume ratio − 1, of the last map alone")
    refined = run.solid_map.notes.get("refinement")
    errors = [step.ratio_mean_abs_deviation for step in refined["history"]] if refined is not None else []
    if len(errors) > 1:
        drawn["refinement"] = charts.convergence(
            {"refinement": errors}, "mean |ratio − 1|", tolerance=run.provenance.options.get("tol_volume")
        )
    return {name: chart(figure) for name, figure in drawn.items()}
