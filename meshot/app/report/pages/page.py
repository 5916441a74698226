"""What all reports share: the template engine, embedded pictures and charts, numbers as people write them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from meshot.app.report.pictures import charts
from meshot.singular.detect import SingularSet

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


def color_scale(stops: Sequence[str], high: float, more: str = "") -> dict[str, str]:
    """Return what the page's macro `scale` shows of a color scale from 0 to `high`."""
    return {"stops": ", ".join(stops), "low": "0", "middle": "", "high": number(high, 2) + more}


def chart(figure: Figure) -> Markup:
    """Return a chart as an SVG element in the page's colors, the only markup that goes into it unescaped."""
    return Markup(charts.svg(figure, CHART_COLORS))


def number(value: float, digits: int = 3) -> str:
    """Write a number for people: few digits, commas between thousands, powers of ten that do not break at a line's end.

    Examples
    --------
    >>> number(34421), number(0.01234), number(float("nan"))
    ('34,421', '0.0123', '–')
    >>> print(number(3.2e-13).replace("\u00a0", " "))
    3.2 × 10⁻¹³
    """
    if not np.isfinite(value):
        return "∞" if value == np.inf else "–"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    if not 1e-3 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.{digits - 2}e}".split("e")
        raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        return f"{mantissa}\u00a0×\u00a010{raised}".replace("-", "−")
    return f"{value:,.{max(digits - 1 - int(np.floor(np.log10(abs(value)))), 0)}f}".replace("-", "−")


def percent(value: float) -> str:
    """Write a share as a percentage: ``0.0123`` as ``1.23 %`` (with a space that does not break)."""
    return f"{number(100 * value)}\u00a0%"


def fold_words(folds: SingularSet, target: str = "target", *, known: bool = False) -> str:
    """Say how many folds there are, how large, and how they were found in a `target` that was `known` or not."""
    told, where = folds.summary(), "outside of it and " if known else ""
    rule = (
        f"A facet between two cells is a tear if the straight way between their sites leaves the {target}: if it "
        f"passes a place {where}farther than {number(folds.threshold)} spacings from every site; the "
        f"target's spacing is {number(folds.spacing)} at the median."
    )
    if not len(folds):
        return f"No facet is: the map is as continuous as its cells can tell. {rule}"
    count = len(told["sheets"])
    if folds.dimension == 2:
        ends = f"{_counted(told['branch_points'], 'branch point')} and {_counted(told['free_ends'], 'free end')}"
        what = f"{_counted(count, 'curve')} of length {number(told['measure'])} in all, with {ends}"
    else:
        ends = f"branch curves of length {number(told['branch_length'])}"
        what = f"{_counted(count, 'sheet')} of area {number(told['measure'])} in all, with {ends}"
    return f"{what}; the map jumps by {number(told['largest_jump'])} at most. {rule}"


def _counted(count: int, word: str) -> str:
    return f"{number(count)} {word}{'' if count == 1 else 's'}"
