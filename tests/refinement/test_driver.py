import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import bumpy_sphere, cap, disk, relief

from meshot.area import area_preserving_map
from meshot.base.errors import OptionError
from meshot.conformal.disk import conformal_map
from meshot.maps.distortion import distortion
from meshot.refinement.driver import blended_shares, displaced

RELIEF = relief(10, 0.9)


def test_the_ends_of_the_path_are_the_two_maps():
    assert area_preserving_map(RELIEF, area_weight=0).uv == pytest.approx(conformal_map(RELIEF).uv, abs=0)
    assert area_preserving_map(RELIEF, area_weight=1).uv == pytest.approx(area_preserving_map(RELIEF).uv, abs=0)


@settings(max_examples=10, deadline=None)
@given(st.floats(0, 1), st.booleans())
def test_no_face_folds_and_logarithms_of_area_ratios_shrink_in_proportion(weight, sweeps):
    amap = area_preserving_map(RELIEF, area_weight=weight, angle_sweeps=12 * sweeps)
    assert (amap.signed_areas > 0).all()
    logs = distortion(amap).log_area_ratio - (1 - weight) * distortion(amap.conformal).log_area_ratio
    assert np.std(logs) < 1.5e-2


def test_angles_pay_for_areas_along_the_path():
    figures = [distortion(area_preserving_map(RELIEF, area_weight=weight)).summary() for weight in (0, 0.3, 0.7, 1)]
    areas = [each["area"]["log_mean_abs"] for each in figures]
    angles = [each["angle"]["mean_abs_degrees"] for each in figures]
    assert areas == sorted(areas, reverse=True)
    assert angles == sorted(angles)


@pytest.mark.parametrize("surface", [RELIEF, bumpy_sphere(3)], ids=["open", "closed"])
def test_halfway_to_a_prescribed_measure(surface):
    """Log area ratios, against the measure, are half those of the conformal map."""
    density = 1 + 4 * (surface.vertices[:, 0] > 0.1)
    amap = area_preserving_map(surface, density=density, area_weight=0.5, angle_sweeps=6)
    assert (amap.signed_areas > 0).all()
    logs = distortion(amap).log_area_ratio - 0.5 * distortion(amap.conformal).log_area_ratio
    assert np.std(logs) < 1.5e-2


def test_sweeps_lower_the_angle_distortion_at_the_same_areas():
    surface = relief(14, 0.6)
    plain = distortion(area_preserving_map(surface)).summary()
    amap = area_preserving_map(surface, angle_sweeps=12)
    swept = distortion(amap).summary()
    before, after = amap.notes["refinement"]["distortion"]
    assert 1 < after < 0.99 * before
    assert swept["angle"]["quasi_conformal_mean"] < plain["angle"]["quasi_conformal_mean"]
    assert swept["area"]["ratio_sd"] <= 1e-2
    assert swept["area"]["flipped"] == 0


def test_sweeps_leave_a_map_that_is_best_already():
    """Lambert's map of a spherical cap: nothing of the same areas has less distortion, as is nearly found."""
    amap = area_preserving_map(cap(12, 1.5), angle_sweeps=12)
    before, after = amap.notes["refinement"]["distortion"]
    assert after == pytest.approx(before, rel=1e-2)


@pytest.mark.parametrize(
    "options",
    [{"area_weight": -0.1}, {"area_weight": 1.5}, {"area_weight": np.nan}, {"angle_sweeps": -1},
     {"angle_sweeps": 1, "tol_area": None}, {"to": "sphere", "area_weight": 0.5}],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(OptionError):
        area_preserving_map(disk(2), **options)


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 1), st.integers(0, 2**31))
def test_blended_shares_run_from_one_to_the_other(weight, seed):
    first, last = np.random.default_rng(seed).dirichlet(np.ones(6), 2)
    shares = blended_shares(first, last, weight)
    assert shares.sum() == pytest.approx(1)
    assert blended_shares(first, last, 0.0) == pytest.approx(first)
    assert blended_shares(first, last, 1.0) == pytest.approx(last)
    assert np.ptp(np.log(shares) - (1 - weight) * np.log(first) - weight * np.log(last)) < 1e-9


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 1), st.integers(0, 2**31), st.floats(-3, 3))
def test_the_boundary_stays_on_the_circle_in_order(part, seed, turn):
    rng = np.random.default_rng(seed)
    angles = [np.sort(rng.uniform(0, 2 * np.pi, 9)) + shift for shift in (0.0, turn)]
    first, last = (np.stack([np.cos(a), np.sin(a)], axis=1) for a in angles)
    uv = displaced(first, last, part, np.arange(9))
    assert np.hypot(*uv.T) == pytest.approx(np.ones(9))
    steps = np.diff(np.arctan2(uv[:, 1], uv[:, 0]), append=np.arctan2(uv[0, 1], uv[0, 0])) % (2 * np.pi)
    assert steps.sum() == pytest.approx(2 * np.pi)
