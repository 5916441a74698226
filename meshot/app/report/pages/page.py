"""What all reports share: the template engine, embedded pictures and charts, and sentences that several say."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from meshot.app.files.run import Run
from meshot.app.report.pictures import charts
from meshot.app.report.pictures.figures import Image, encoded
from meshot.app.report.viewer.packing import data_uri
from meshot.app.words import number
from meshot.base.errors import format_ids
from meshot.singular.detect import SingularSet
from meshot.transport.newton import NewtonResult

TEMPLATES = Path(__file__).parents[1] / "templates"

# Colors of the charts become variables of the page's style sheet, which knows light and dark.
CHART_COLORS = {
    charts.INK: "var(--ink-soft)",
    charts.FAINT: "var(--line)",
    **dict(zip(charts.SERIES, ("var(--conformal)", "var(--area)", "var(--other)"), strict=True)),
}


@dataclass(frozen=True)
class Picture:
    """An embedded picture with its alternative text and caption."""

    uri: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Row:
    """A row of the table of numbers: what it is, what a perfect map has, and the number of each map."""

    label: str
    perfect: str
    values: tuple[str, ...]


def render_page(template: str, context: Mapping[str, Any]) -> str:
    """Return a page as HTML, with everything escaped but charts."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render({"scripts_allowed": "", "pictures_from": "data:", **context})


def render_run(
    template: str,
    run: Run[Any],
    images: Mapping[str, Image],
    words: Callable[[str], tuple[str, str]],
    *,
    tiles: list[tuple[str, str]],
    viewer: dict[str, Any] | None = None,
    drawn: Mapping[str, Figure],
    time: str = "in all",
    **more: Any,
) -> str:
    """Return the report of a run as HTML.

    Parameters
    ----------
    template : str
        The template's file.
    run : Run
    images : mapping
        RGBA pictures by name.
    words : callable
        Returns the alternative text and the caption of a picture.
    tiles : list
        The few numbers that matter, each with its label; the time is added.
    viewer : dict, optional
        What the page's viewer is given.
    drawn : mapping
        Charts by name.
    time : str
        What the seconds are for.
    **more
        Whatever else the template shows.
    """
    total = run.seconds.get("total", sum(run.seconds.values()))
    return render_page(
        template,
        {
            "title": run.provenance.name,
            "tiles": [*tiles, (f"{total:.1f} s", time)],
            "pictures": embedded(images, words),
            "viewer": viewer,
            "scripts_allowed": viewer["allowed"] if viewer else "",
            "charts": {name: chart(figure) for name, figure in drawn.items()},
            "provenance": run.provenance,
            "seconds": run.seconds,
            **more,
        },
    )


def embedded(images: Mapping[str, Image], words: Callable[[str], tuple[str, str]]) -> dict[str, Picture]:
    """Return pictures to be embedded, with their descriptions from `words`."""
    return {name: Picture(data_uri(file), *words(name)) for name, file in encoded(images).items()}


def color_scale(stops: Sequence[str], low: str, high: str, middle: str = "") -> dict[str, str]:
    """Return what the page's macro `scale` shows of a color scale: a gradient, and the words at its ends."""
    return {"stops": ", ".join(stops), "low": low, "middle": middle, "high": high}


def chart(figure: Figure) -> Markup:
    """Return a chart as an SVG element in the page's colors, the only markup that goes into it unescaped."""
    return Markup(charts.svg(figure, CHART_COLORS))


def convergence_chart(run: Run[Any], transport: NewtonResult) -> Figure:
    """Draw the errors of a transport's steps."""
    return charts.convergence(
        {"transport": [step.error for step in transport.history]},
        "largest relative error of a cell",
        tolerance=run.provenance.options.get("tol"),
    )


def certificate(gap: float, cells: str, domain: str, measure: str) -> str:
    """Explain the certificate of a transport in one sentence."""
    return (
        f"{cells} fill the {domain} up to {number(max(gap, np.finfo(float).eps), 2)} of its {measure}: a cell computed "
        "from too few neighbors could only be too large, so cells that add up are exact."
    )


def distortion_rows(run: Run[Any], rows: Iterable[tuple[str, ...]]) -> list[Row]:
    """Return the table of numbers of all maps.

    Parameters
    ----------
    run : Run
    rows : iterable of tuple
        Label, what a perfect map has, and where in the summaries the number or the two ends of a range are: the name of
        the group and their own.
    """
    summaries = [run.distortions[name].summary() for name in run.maps]

    def written(figures: Mapping[str, float], keys: Iterable[str], perfect: str) -> str:
        return " to ".join(number(figures[key]) + "°" * perfect.endswith("°") for key in keys)

    return [
        Row(label, perfect, tuple(written(each[group], keys, perfect) for each in summaries))
        for label, perfect, group, *keys in rows
    ]


def flips(count: int, one: str = "face", many: str = "faces") -> str:
    """Say how many of a kind are flipped."""
    words = {0: f"no {one} is flipped", 1: f"one {one} is flipped"}
    return words.get(count, f"{number(count)} {many} are flipped")


def changes_on_reading(run: Run[Any], mesh: Any, part: str, notes: Iterable[str] = ()) -> Iterator[str]:
    """Yield a sentence for everything that reading has changed, and for vertices that no `part` of the mesh uses."""
    yield from (f"{note[:1].upper()}{note[1:]}." for note in (*run.provenance.notes, *notes))
    unused = np.flatnonzero(~mesh.referenced)
    loose = (unused if run.joined is None else np.setdiff1d(unused, run.joined.vertices)).tolist()
    if loose:
        yield f"Kept without an image, as no {part} uses them: {len(loose)} vertices ({format_ids(loose)})."


def fold_words(folds: SingularSet, target: str = "target", *, known: bool = False) -> str:
    """Say how many folds there are, how large, and how they were found in a `target` that was `known` or not."""
    tears, where = folds.summary(), "outside of it and " if known else ""
    rule = (
        f"A facet between two cells is a tear if the straight way between their sites leaves the {target}: if it "
        f"passes a place {where}farther than {number(folds.threshold)} spacings from every site; the "
        f"target's spacing is {number(folds.spacing)} at the median."
    )
    if not len(folds):
        return f"No facet is: the map is as continuous as its cells can tell. {rule}"
    count = len(tears["sheets"])
    if folds.dimension == 2:
        ends = f"{_counted(tears['branch_points'], 'branch point')} and {_counted(tears['free_ends'], 'free end')}"
        what = f"{_counted(count, 'curve')} of length {number(tears['measure'])} in all, with {ends}"
    else:
        ends = f"branch curves of length {number(tears['branch_length'])}"
        what = f"{_counted(count, 'sheet')} of area {number(tears['measure'])} in all, with {ends}"
    return f"{what}; the map jumps by {number(tears['largest_jump'])} at most. {rule}"


def _counted(count: int, word: str) -> str:
    return f"{number(count)} {word}{'' if count == 1 else 's'}"
