"""Figures for papers: the surface, its images, patterns and distortion side by side, and histograms, as files."""

from collections.abc import Callable, Mapping
from typing import Literal

import matplotlib
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from meshot.app.files.folder import complete_folder
from meshot.app.files.reading import Kept
from meshot.app.report.pictures import figures
from meshot.app.report.pictures.charts import PAPER, dress, histogram_column
from meshot.app.report.pictures.colors import DIVERGING, SEQUENTIAL
from meshot.app.report.pictures.figures import Image, Scales
from meshot.base.files import PathLike

Format = Literal["pdf", "svg", "png"]
Bar = Callable[[Figure, float], None]  # draws a color scale at the foot of a figure of some height
PANEL = 2.3  # inches across a picture
DOTS = 300  # of a picture, per inch


def write_figures(out: PathLike, kept: Kept, kind: Format = "pdf", *, up: str = "y") -> list[str]:
    """Write every figure of a run into the folder `out`, and return the files' names.

    Parameters
    ----------
    out : str or path
        The folder; other files in it stay.
    kept : Kept
        The run, as `meshot.app.files.reading.read_run` gives it.
    kind : {"pdf", "svg", "png"}
        In the first two, text and charts are vectors and pictures are pixels.
    up : {"x", "y", "z"}
        Coordinate axis that points upward in the pictures of the surface.

    Raises
    ------
    OSError
        Something cannot be written; then nothing in the folder has changed.
    """
    drawn = paper_figures(kept, up=up)
    metadata = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}[kind]
    text_stays_text = matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "meshot", "pdf.fonttype": 42})
    with complete_folder(out) as folder, text_stays_text:
        for name, figure in drawn.items():
            figure.savefig(folder / f"{name}.{kind}", format=kind, dpi=DOTS, metadata=metadata)
    return [f"{name}.{kind}" for name in drawn]


def paper_figures(kept: Kept, *, up: str = "y", size: int = int(PANEL * DOTS)) -> dict[str, Figure]:
    """Draw "images", "checkerboard", "circles", "area", "angle" and "histograms"."""
    limits = figures.scales(list(kept.distortions.values()))
    pictures = figures.draw_all(kept.source, kept.maps, kept.distortions, up=up, size=size, limits=limits)
    titles = [name.capitalize() for name in kept.maps]
    drawn = {"images": panels(pictures, ["surface", *(f"{name}/image" for name in kept.maps)], ["Surface", *titles])}
    for pattern in ("checkerboard", "circles"):
        keys = [f"pattern/{pattern}", *(f"{name}/{pattern}" for name in kept.maps)]
        drawn[pattern] = panels(pictures, keys, [pattern.capitalize(), *titles])
    for kind in ("area", "angle"):
        drawn[kind] = panels(pictures, [f"{name}/{kind}" for name in kept.maps], titles, scale_bar(kind, limits))
    drawn["histograms"] = paper_histograms(kept)
    return drawn


def panels(pictures: Mapping[str, Image], keys: list[str], titles: list[str], bar: Bar | None = None) -> Figure:
    """Draw pictures beside one another with their titles below, and a color bar below all."""
    below = 0.3 + (0.5 if bar else 0)
    height = PANEL + below
    figure = Figure(figsize=(PANEL * len(keys), height))
    for k, (key, title) in enumerate(zip(keys, titles, strict=True)):
        axis = figure.add_axes((k / len(keys), below / height, 1 / len(keys), PANEL / height))
        axis.imshow(pictures[key], interpolation="none")
        axis.set_axis_off()
        figure.text((k + 0.5) / len(keys), (below - 0.18) / height, title, ha="center", color=PAPER.ink, fontsize=9)
    if bar is not None:
        bar(figure, height)
    return figure


def scale_bar(kind: str, limits: Scales) -> Bar:
    """Return what draws the color scale of "area" or "angle" at the foot of a figure of some height."""
    stops, low, high, label = {
        "area": (DIVERGING, -limits.log_area, limits.log_area, "log area ratio"),
        "angle": (SEQUENTIAL, 0.0, limits.angle, "angle error, degrees"),
    }[kind]

    def draw(figure: Figure, height: float) -> None:
        width = min(2.4 / float(figure.get_figwidth()), 0.8)
        axis = figure.add_axes((0.5 - width / 2, 0.38 / height, width, 0.08 / height))
        colors = LinearSegmentedColormap.from_list(kind, stops)
        shown = figure.colorbar(ScalarMappable(Normalize(low, high), colors), cax=axis, orientation="horizontal")
        shown.set_label(label, color=PAPER.ink, fontsize=8, labelpad=1)
        shown.outline.set_visible(False)
        axis.tick_params(colors=PAPER.ink, labelsize=7, width=0.5, length=2)

    return draw


def paper_histograms(kept: Kept) -> Figure:
    """Draw the histograms of log area ratio and angle difference of each map, in two columns."""
    values = {
        "log area ratio": {name: bad.log_area_ratio for name, bad in kept.distortions.items()},
        "angle difference, degrees": {name: bad.angle_difference for name, bad in kept.distortions.items()},
    }
    rows = len(kept.maps)
    figure = Figure(figsize=(7.0, 0.5 + 0.95 * rows))
    axes = figure.subplots(rows, 2, squeeze=False)
    figure.subplots_adjust(0.02, 0.42 / figure.get_figheight(), 0.98, 0.98, 0.06, 0.12)
    for column, (label, each) in zip(axes.T, values.items(), strict=True):
        for axis in column:
            dress(axis, PAPER)
        histogram_column(column, {name.capitalize(): array for name, array in each.items()}, label, palette=PAPER)
    return figure
