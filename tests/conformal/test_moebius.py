import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshot.conformal.moebius import DiskMoebius, centering, least_distortion

in_disk = st.builds(lambda r, t: complex(r * np.exp(1j * t)), st.floats(0, 0.95), st.floats(0, 6.28))
turns = st.builds(lambda t: complex(np.exp(1j * t)), st.floats(0, 6.28))
maps = st.builds(DiskMoebius, in_disk, turns)


@given(maps)
def test_the_circle_goes_to_the_circle_and_the_center_moves(moebius):
    circle = np.exp(1j * np.linspace(0, 6, 20))
    np.testing.assert_allclose(np.abs(moebius(circle)), 1.0, atol=1e-12)
    assert abs(moebius(np.array([moebius.a]))[0]) < 1e-15
    assert np.abs(moebius(0.99 * circle)).max() < 1.0


@given(maps, maps)
def test_composition_is_one_map_after_the_other(first, second):
    z = 0.9 * np.exp(1j * np.linspace(0, 6, 20)) * np.linspace(0, 1, 20)
    np.testing.assert_allclose(first.then(second)(z), second(first(z)), atol=1e-9)


@settings(deadline=None)
@given(st.integers(0, 1000), in_disk)
def test_the_centroid_goes_to_the_origin_from_anywhere(seed, start):
    rng = np.random.default_rng(seed)
    points = np.exp(1j * rng.uniform(0, 2 * np.pi, 50))
    masses = rng.uniform(0.1, 1, 50)
    moved = DiskMoebius(start)(points)
    centered = centering(moved, masses)(moved)
    assert abs(masses @ centered) / masses.sum() < 1e-9


def test_half_the_mass_in_one_point_is_pulled_in_as_far_as_it_goes():
    points = np.exp(1j * np.array([0.0, 2.0, 3.0, 4.0]))
    centered = centering(points, np.array([10.0, 1.0, 1.0, 1.0]))(points)
    assert np.isfinite(centered).all()


@settings(max_examples=20, deadline=None)
@given(st.builds(lambda r, t: complex(r * np.exp(1j * t)), st.floats(0, 0.8), st.floats(0, 6.28)))
def test_the_evening_map_undoes_a_moebius_map(a):
    angle = np.pi * (3 - 5**0.5) * np.arange(400)
    even = np.sqrt((np.arange(400) + 0.5) / 400) * np.exp(1j * angle)
    # Seen after the map by a, areas have grown by its factor; the best map is its inverse, with -a.
    moebius = DiskMoebius(a)
    grown = 2 * np.log(1 - abs(a) ** 2) - 4 * np.log(np.abs(1 - np.conj(a) * even))
    found = least_distortion(moebius(even), grown, np.ones(400))
    assert found.a == pytest.approx(-a, abs=1e-4)
