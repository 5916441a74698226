import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from meshot.generative.crossings import cells_along


@given(st.integers(0, 2**31), st.integers(1, 30))
def test_the_envelope_is_the_largest_line_everywhere(seed, count):
    slopes, offsets = np.random.default_rng(seed).normal(size=(2, count))
    times, lines = cells_along(slopes, offsets)
    assert len(lines) == len(times) + 1
    assert (np.diff(times) >= 0).all()
    assert (np.diff(slopes[lines]) > 0).all()  # convex
    t = np.linspace(0, 1, 97)
    assert np.allclose((offsets + t[:, None] * slopes).max(axis=1), _value(t, times, lines, slopes, offsets))


def _value(t, times, lines, slopes, offsets):
    line = lines[np.searchsorted(times, t)]
    return offsets[line] + t * slopes[line]


def test_lines_that_meet_in_a_point():
    # three lines through (1/2, 0): the middle one is nowhere alone above the others
    times, lines = cells_along(np.array([-1.0, 0.0, 1.0]), np.array([0.5, 0.0, -0.5]))
    assert times.tolist() == [0.5]
    assert lines.tolist() == [0, 2]


def test_parallel_lines():
    times, lines = cells_along(np.zeros(3), np.array([0.0, 2.0, 1.0]))
    assert len(times) == 0
    assert lines.tolist() == [1]
