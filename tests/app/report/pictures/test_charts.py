import xml.etree.ElementTree as ET

import numpy as np
import pytest

from meshot.app.report.pictures import charts


def test_histogram_counts_what_lies_within_its_limits():
    values = np.concatenate([np.full(30, -0.5), np.full(10, 0.5), [np.nan, np.inf, 7.0]])
    figure = charts.histograms({"one": values}, "label", limit=1.0)
    (axis,) = figure.axes
    heights = axis.collections[0].get_paths()[0].vertices[:, 1]
    assert heights.max() == pytest.approx(1)
    assert np.isclose(heights, 1 / 3).any()
    assert axis.get_xlim() == (-1, 1)


def test_convergence_is_drawn_on_a_logarithmic_axis_with_its_tolerance():
    figure = charts.convergence({"transport": [1.0, 1e-3, 1e-7]}, "error", tolerance=1e-6)
    (axis,) = figure.axes
    assert axis.get_yscale() == "log"
    np.testing.assert_array_equal(axis.lines[0].get_ydata(), [1.0, 1e-3, 1e-7])
    assert list(axis.lines[1].get_ydata()) == [1e-6, 1e-6]


def test_charts_become_svg_in_the_colors_of_the_page():
    swap = {charts.INK: "var(--ink)", charts.FAINT: "var(--line)", charts.SERIES[0]: "var(--one)"}
    text = charts.svg(charts.histograms({"one": np.linspace(-1, 1, 50)}, "a label < 3"), swap)
    root = ET.fromstring(text)
    assert root.tag.endswith("svg")
    assert "a label < 3" in "".join(root.itertext())
    assert "var(--one)" in text
    assert not any(color in text for color in swap)


def test_charts_are_the_same_every_time():
    def draw():
        return charts.svg(charts.histograms({"one": np.linspace(-1, 1, 50)}, "label"), {})

    assert draw() == draw()
