"""Charts: histograms, convergence, and what areas cost in angles."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from meshot.base.arrays import Floats

# Charts of a page are drawn in these colors, which it replaces by its own (say for dark mode).
INK, FAINT = "#123456", "#abcdef"
SERIES = ("#c0ffee", "#facade", "#decade")


@dataclass(frozen=True)
class Palette:
    """Colors of a chart: text and axes, guides, and what is shown."""

    ink: str = INK
    faint: str = FAINT
    series: tuple[str, ...] = SERIES


PAGE = Palette()
PAPER = Palette("#1d1f23", "#c9c5bc", ("#c8743f", "#2f6d8f", "#7b6aa8", "#5f8a4c", "#a23325"))


def histograms(
    values: Mapping[str, Floats], label: str, *, limit: float | None = None, palette: Palette = PAGE
) -> Figure:
    """Draw histograms of several maps under one another, on one axis.

    Parameters
    ----------
    values : mapping
        For each map's name its values, of any shape; those that are not finite are left out.
    label : str
        What the axis shows, with its unit.
    limit : float, optional
        The axis runs from -limit to limit; by default it holds 99 % of the values of every map.
    palette : Palette
        Its colors.
    """
    figure, axes = _chart(len(values), height=0.55 + 0.95 * len(values), left=0.12, palette=palette)
    histogram_column(axes, values, label, limit=limit, palette=palette)
    return figure


def histogram_column(
    axes: Sequence[Axes],
    values: Mapping[str, Floats],
    label: str,
    *,
    limit: float | None = None,
    palette: Palette = PAGE,
) -> None:
    """Draw histograms into a column of axes; arguments as for `histograms`."""
    flat = {name: array[np.isfinite(array)].ravel() for name, array in values.items()}
    if limit is None:
        limit = max(float(np.abs(np.percentile(array, [0.5, 99.5])).max()) for array in flat.values()) or 1.0
    for axis, color, (name, array) in zip(axes, cycle(palette.series), flat.items(), strict=False):
        counts, edges = np.histogram(array, bins=81, range=(-limit, limit))
        axis.fill_between(edges, np.append(counts, counts[-1]) / max(counts.max(), 1), step="post", color=color, lw=0)
        words: dict[str, Any] = {"transform": axis.transAxes, "va": "top", "color": palette.ink, "fontsize": 9}
        axis.text(0.0, 0.93, name, **words)
        axis.text(1.0, 0.93, f"SD {array.std():.3g}", ha="right", **words)
        axis.set(xlim=(-limit, limit), ylim=(0, 1.3), yticks=[])
        axis.axvline(0, color=palette.faint, lw=0.8, zorder=0)
        axis.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axis.tick_params(labelbottom=axis is axes[-1], length=3 if axis is axes[-1] else 0)
    axes[-1].set_xlabel(label, color=palette.ink, fontsize=9)


def convergence(series: Mapping[str, Sequence[float]], label: str, *, tolerance: float | None = None) -> Figure:
    """Draw errors against the number of steps on a logarithmic axis, and the tolerance as a dashed line."""
    figure, (axis,) = _chart(1, height=2.45, left=0.65)
    axis.spines["left"].set_visible(True)
    for color, (name, errors) in zip(SERIES[::-1], series.items(), strict=False):
        axis.semilogy(range(len(errors)), errors, color=color, marker="o", ms=3, lw=1.5, label=name)
    if tolerance is not None:
        axis.axhline(tolerance, color=FAINT, lw=1, ls=(0, (4, 3)))
        place = axis.get_yaxis_transform()
        axis.text(0.02, tolerance, "tolerance", color=INK, fontsize=8, va="bottom", transform=place)
    if len(series) > 1:
        axis.legend(frameon=False, fontsize=9, labelcolor=INK)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel("step", color=INK, fontsize=9)
    axis.set_ylabel(label, color=INK, fontsize=9)
    return figure


def tradeoff(points: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw angle error against area error along the path of maps, with the area weight at each point."""
    figure, (axis,) = _chart(1, height=2.45, left=0.65)
    axis.spines["left"].set_visible(True)
    errors = [(point["area"]["log_mean_abs"], point["angle"]["mean_abs_degrees"]) for point in points]
    axis.plot(*zip(*errors, strict=True), color=SERIES[1], marker="o", ms=3.5, lw=1.5)
    for point, place in zip(points, errors, strict=True):
        axis.annotate(f"{point['area_weight']:g}", place, (5, 3), textcoords="offset points", color=INK, fontsize=7.5)
    axis.margins(x=0.08, y=0.12)
    axis.set_xlabel("area error, mean |log(a′/a)|", color=INK, fontsize=9)
    axis.set_ylabel("angle error, degrees", color=INK, fontsize=9)
    return figure


def _chart(rows: int, height: float, left: float, palette: Palette = PAGE) -> tuple[Figure, list[Axes]]:
    """Make a figure of one column of axes; margins in inches are fixed, as finding them takes matplotlib long."""
    width = 3.7
    figure = Figure(figsize=(width, height))
    figure.subplots_adjust(left / width, 0.45 / height, 1 - 0.12 / width, 1 - 0.08 / height, hspace=0.1)
    figure.patch.set_alpha(0)
    axes = list(figure.subplots(rows, 1, squeeze=False)[:, 0])
    for axis in axes:
        dress(axis, palette)
    return figure, axes


def dress(axis: Axes, palette: Palette = PAGE) -> None:
    """Leave of an axis' box the line at the bottom, in thin ink."""
    axis.patch.set_alpha(0)
    axis.tick_params(colors=palette.ink, labelsize=8, width=0.6, which="both")
    for side, spine in axis.spines.items():
        spine.set(visible=side == "bottom", color=palette.ink, linewidth=0.6)


def svg(figure: Figure, colors: Mapping[str, str]) -> str:
    """Return a chart as an SVG element whose text stays text, with colors replaced: ``{INK: "currentColor"}``."""
    file = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "meshot"}):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Type": None, "Format": None})
    text = file.getvalue()
    for old, new in colors.items():
        text = text.replace(old, new)
    return text[text.index("<svg") :]
