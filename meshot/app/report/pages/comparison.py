"""The comparison page: the maps of several runs beside one another, in one table and on the same color scales."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from meshot import __version__
from meshot.app.files.reading import Kept
from meshot.app.report.pages.page import Picture, chart, embedded, render_page
from meshot.app.report.pages.surface import color_bars
from meshot.app.report.pictures import charts, figures
from meshot.app.words import number, percent

SIZE = 400


@dataclass(frozen=True)
class Entry:
    """A number of the table: as it is written, and whether it is the best of its row."""

    text: str
    best: bool


def render_comparison(runs: Sequence[Kept], *, up: str = "y", size: int = SIZE) -> str:
    """Return the comparison of runs as HTML.

    Parameters
    ----------
    runs : sequence of Kept
        Two or more; their surfaces need not be the same.
    up : {"x", "y", "z"}
        Coordinate axis that points upward in the pictures.
    size : int
        Width and height of the pictures in pixels.
    """
    limits = figures.scales([run.distortions[run.result] for run in runs])
    shown = []
    for run in runs:
        name = run.result
        drawn = figures.draw_all(
            run.source, {name: run.maps[name]}, {name: run.distortions[name]}, up=up, size=size, limits=limits
        )
        keys = ("surface", f"{name}/image", f"{name}/circles", f"{name}/area", f"{name}/angle")
        shown.append(_pictures(run, {key.split("/")[-1]: drawn[key] for key in keys}))
    same = len({run.metrics["input"]["sha256"] for run in runs}) == 1
    return render_page(
        "comparison.html.j2",
        {
            "kicker": "comparison",
            "tiles": [],
            "provenance": {"version": __version__},
            "title": " · ".join(run.name for run in runs),
            "verdict": f"{number(len(runs))} maps of {'one surface' if same else 'different surfaces'}.",
            "runs": runs,
            "pictures": shown,
            "size": size,
            "scales": color_bars(limits, False),
            "rows": comparison_table(runs),
            "charts": _charts(runs),
        },
    )


def comparison_table(runs: Sequence[Kept]) -> list[tuple[str, list[Entry]]]:
    """Return the rows of the table: a label, and for each run its number; the best is marked where less is better."""
    degrees: Callable[[float], str] = lambda value: f"{number(value)}°"  # noqa: E731
    rows: list[tuple[str, tuple[str, ...], Callable[[float], str], bool]] = [
        ("Faces", ("faces",), number, False),
        ("Flipped faces", ("area", "flipped"), number, True),
        ("Area ratio, standard deviation", ("area", "ratio_sd"), percent, True),
        ("Area ratio, largest deviation from 1", ("area", "ratio_max_deviation"), percent, True),
        ("Log area ratio, mean absolute value", ("area", "log_mean_abs"), number, True),
        ("Angle difference, mean absolute value", ("angle", "mean_abs_degrees"), degrees, True),
        ("Angle difference, standard deviation", ("angle", "sd_degrees"), degrees, True),
        ("Quasi-conformal ratio σ₁/σ₂, mean", ("angle", "quasi_conformal_mean"), number, True),
        ("Largest relative error of a cell", ("transport", "max_relative_error"), number, True),
        ("Seconds", ("seconds", "total"), number, True),
    ]
    return [
        (label, _entries([_at(run.metrics, keys) for run in runs], write, less)) for label, keys, write, less in rows
    ]


def _entries(values: list[float | None], write: Callable[[float], str], less_is_better: bool) -> list[Entry]:
    known = [value for value in values if value is not None]
    best = min(known) if less_is_better and len(set(known)) > 1 else None
    return [Entry("–" if value is None else write(value), value is not None and value == best) for value in values]


def _at(metrics: Mapping[str, Any], keys: tuple[str, ...]) -> float | None:
    value: Any = metrics
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return None if value is None else float(value)


def _pictures(run: Kept, images: Mapping[str, figures.Image]) -> dict[str, Picture]:
    words = {
        "surface": "The surface",
        "image": f"Its {run.result} image",
        "circles": f"The surface with equal circles pulled back by the {run.result} map",
        "area": "The surface colored by log area ratio",
        "angle": "The surface colored by angle error",
    }
    return embedded(images, lambda kind: (f"{words[kind]}, of {run.name}.", run.name))


def _charts(runs: Sequence[Kept]) -> dict[str, Any]:
    named = {f"{k + 1}. {run.name}": run.distortions[run.result] for k, run in enumerate(runs)}
    areas = {name: np.asarray(bad.log_area_ratio) for name, bad in named.items()}
    angles = {name: np.asarray(bad.angle_difference) for name, bad in named.items()}
    return {
        "log area ratio": chart(charts.histograms(areas, "log area ratio, log(a′/a)")),
        "angle difference": chart(charts.histograms(angles, "angle difference α′ − α, degrees")),
    }
