"""The report of the map of a solid: the solid and the ball cut open, histograms and figures on one HTML page."""

from collections.abc import Iterator

import numpy as np
from matplotlib.figure import Figure

from meshot.app.files.run import HARMONIC, MEASURE_PRESERVING, VOLUME_PRESERVING, Run
from meshot.app.files.solid import refinement_figures
from meshot.app.report.pages.page import changes_on_reading, color_scale, distortion_rows, flips, render_run
from meshot.app.report.pictures import charts, figures
from meshot.app.report.pictures.colors import DIVERGING
from meshot.app.report.pictures.cutaway import upright_solid, volume_pictures
from meshot.app.report.pictures.views import camera
from meshot.app.report.viewer.solid import solid_viewer
from meshot.app.words import number, percent
from meshot.maps.solid_map import SolidMap

WHAT = {
    HARMONIC: "The harmonic map is smooth, and lets volumes go.",
    VOLUME_PRESERVING: "The volume-preserving map gives every tetrahedron its share of the ball.",
    MEASURE_PRESERVING: "The measure-preserving map gives every tetrahedron the share that was prescribed for it.",
}

ROWS = (
    ("Flipped tetrahedra", "0", "volume", "flipped"),
    ("Degenerate tetrahedra", "0", "volume", "degenerate"),
    ("Volume ratio, mean absolute deviation from 1", "0", "volume", "ratio_mean_abs_deviation"),
    ("Volume ratio, standard deviation of that", "0", "volume", "ratio_abs_deviation_sd"),
    ("Volume ratio, standard deviation", "0", "volume", "ratio_sd"),
    ("Volume ratio, largest deviation from 1", "0", "volume", "ratio_max_deviation"),
    ("Log volume ratio, mean absolute value", "0", "volume", "log_mean_abs"),
    ("Log volume ratio, 1st to 99th percentile", "0", "volume", "log_p01", "log_p99"),
)


def render_solid(run: Run[SolidMap], *, up: str = "y", size: int = figures.SIZE) -> str:
    """Return the report of a map to the ball as HTML.

    Parameters
    ----------
    run : Run
    up : {"x", "y", "z"}
        Coordinate axis that points upward in the pictures.
    size : int
        Width and height of the pictures in pixels.
    """
    names, mapped = list(run.maps), run.result
    last, limit = names[-1], largest_log(run)
    scale = color_scale(DIVERGING, f"÷ {number(np.exp(limit))}", f"× {number(np.exp(limit))}", "equal")
    viewer = solid_viewer(
        mapped.solid,
        mapped.points @ upright_solid(mapped).T,
        run.distortion.log_volume_ratio,
        camera(mapped.solid.boundary, up),
        limit=limit,
        scale=scale,
        color="shells",
    )
    return render_run(
        "volume.html.j2",
        run,
        volume_pictures(run.maps, run.distortions, limit=limit, up=up, size=size),
        lambda key: _words(run, *key.split("/")),
        kicker=f"{last} map",
        names=names,
        what=[WHAT[name] for name in names],
        verdict=solid_verdict(run),
        tiles=solid_tiles(run),
        prescribed=MEASURE_PRESERVING in names,
        beside={
            "hero": [["solid", f"{last}/pulled", f"{last}/shells"]],
            "volumes": [[f"{name}/solid", f"{name}/ball"] for name in names],
        },
        size=size,
        viewer=viewer,
        scales={"volume": scale},
        drawn=_charts(run),
        rows=distortion_rows(run, ROWS),
        changes=list(solid_changes(run)),
    )


def largest_log(run: Run[SolidMap]) -> float:
    """Return the end of the color scale: it holds 98 % of the tetrahedra of all maps, up to a factor of 10."""
    limit = 0.1
    for distortion in run.distortions.values():
        logs = distortion.log_volume_ratio[np.isfinite(distortion.log_volume_ratio)]
        limit = max(limit, float(np.abs(np.percentile(logs, [1, 99])).max()))
    return min(limit, float(np.log(10)))


def solid_verdict(run: Run[SolidMap]) -> str:
    """Say in a sentence or two what the map is worth."""
    statistics = run.distortion.summary()["volume"]
    flipped = flips(int(statistics["flipped"]), "tetrahedron", "tetrahedra")
    if run.result.harmonic is None:
        low, high = (number(np.exp(statistics[key]), 2) for key in ("log_p01", "log_p99"))
        return (
            f"Volumes are not kept: the shares of 98 % of the tetrahedra change by factors from {low} to {high}, "
            f"and {flipped}."
        )
    before = run.distortions[HARMONIC].summary()["volume"]
    gets = "gets its prescribed share" if run.last == MEASURE_PRESERVING else "keeps its share"
    return (
        f"Every tetrahedron {gets} of the volume up to {percent(statistics['ratio_mean_abs_deviation'])} on average "
        f"({percent(before['ratio_mean_abs_deviation'])} in the harmonic map), and {flipped}."
    )


def solid_tiles(run: Run[SolidMap]) -> list[tuple[str, str]]:
    """Return the few numbers that matter, each with its label."""
    statistics = run.distortion.summary()["volume"]
    return [
        (number(len(run.result.solid.tetrahedra)), "tetrahedra"),
        (number(statistics["flipped"]), "flipped tetrahedra"),
        (percent(statistics["ratio_mean_abs_deviation"]), "mean deviation of volume ratios"),
        (percent(statistics["ratio_abs_deviation_sd"]), "and its standard deviation"),
    ]


def solid_changes(run: Run[SolidMap]) -> Iterator[str]:
    """Yield a sentence for everything that was done to the mesh on the way."""
    filled = run.filling.notes if run.filling is not None else ()
    yield from changes_on_reading(run, run.result.solid, "tetrahedron", filled)
    statistics = refinement_figures(run.result)
    if statistics is None:
        return
    if statistics["flipped_at_first"]:
        count = statistics["flipped_at_first"]
        noun = "tetrahedron" if count == 1 else "tetrahedra"
        yield f"The harmonic map flipped {number(count)} {noun} at first; it was unfolded."
    off = len(statistics["tetrahedra_off"])
    rest = f"; {number(off)} of them are named in metrics.json as far off" if off else ""
    yield f"The tetrahedra's volumes were evened out in {statistics['iterations']} steps{rest}."


def _words(run: Run[SolidMap], name: str, kind: str = "") -> tuple[str, str]:
    """Return the alternative text and the caption of a picture."""
    if name == "solid":
        return "The solid, rendered as white porcelain.", "The solid"
    statistics = run.distortions[name].summary()["volume"]
    spread = f"98 % of the tetrahedra lie between {number(statistics['log_p01'])} and {number(statistics['log_p99'])}"
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


def _charts(run: Run[SolidMap]) -> dict[str, Figure]:
    logs = {name: distortion.log_volume_ratio for name, distortion in run.distortions.items()}
    drawn = {"log volume ratio": charts.histograms(logs, "log volume ratio, log(v′/v)")}
    if run.result.harmonic is not None:
        ratio = {run.last: run.distortion.volume_ratio - 1}
        drawn["volume ratio"] = charts.histograms(ratio, "volume ratio − 1, of the last map alone")
    refined = run.result.notes.get("refinement")
    errors = [step.ratio_mean_abs_deviation for step in refined["history"]] if refined is not None else []
    if len(errors) > 1:
        drawn["refinement"] = charts.convergence(
            {"refinement": errors}, "mean |ratio − 1|", tolerance=run.provenance.options.get("tol_volume")
        )
    return drawn
