import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import (
    ball_solid,
    box_solid,
    dumbbell_solid,
    hollow_ball,
    join_solids,
    one_tetrahedron,
    solid_torus,
)
from similar import assert_unit_and_place_do_not_matter

from meshot import Solid, area_preserving_map, volume_preserving_map
from meshot.base.errors import ConvergenceWarning, GeometryError, OptionError, TopologyError
from meshot.base.settings import TARGETS


def ratios(mapped):
    volumes = mapped.signed_volumes * mapped.solid.orientation
    return volumes / volumes.sum() / mapped.shares


def check_embedding(mapped):
    """No flips in tetrahedra and on the sphere, and the boundary on the sphere."""
    solid = mapped.solid
    assert (mapped.signed_volumes * solid.orientation > 0).all()
    rim = mapped.points[solid.boundary_vertices]
    assert np.abs(np.linalg.norm(rim, axis=1) - 1).max() < 1e-15
    assert (np.linalg.det(rim[solid.boundary.faces]) > 0).all()


def bumpy(levels, amplitude, seed):
    ball, rng = ball_solid(levels), np.random.default_rng(seed)
    axes = rng.normal(size=(4, 3))
    radius = 1 + amplitude * np.sin(2 * ball.vertices @ axes.T + rng.uniform(0, 6, 4)).mean(axis=1)
    return ball.with_vertices(ball.vertices * radius[:, None] * rng.uniform(0.6, 1.6, 3))


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.7))
@settings(max_examples=8, deadline=None)
def test_random_bumpy_balls_are_mapped_one_to_one_and_nearly_evenly(seed, amplitude):
    solid = bumpy(2, amplitude, seed)
    if (solid.volumes <= 0).any():
        return
    mapped = volume_preserving_map(solid)
    check_embedding(mapped)
    assert np.abs(ratios(mapped) - 1).mean() < 0.05


def test_each_stage_is_one_to_one_and_nearer_to_equal_volumes():
    placed = volume_preserving_map(dumbbell_solid(2), tol_volume=None)
    check_embedding(placed)
    check_embedding(placed.harmonic)
    assert placed.transport.converged
    refined = volume_preserving_map(dumbbell_solid(2))
    assert np.array_equal(refined.harmonic.points, placed.harmonic.points)
    errors = [np.abs(ratios(m) - 1).mean() for m in (placed.harmonic, placed, refined)]
    assert errors[2] < 0.3 * errors[1] < 0.3 * errors[0]


def test_cells_hold_the_vertices_volumes():
    solid = dumbbell_solid(2)
    mapped = volume_preserving_map(solid, tol_volume=None)
    wanted = 4 * np.pi / 3 * solid.vertex_volumes / solid.volume
    assert np.allclose(mapped.transport.masses, wanted, rtol=2e-6)


@pytest.mark.parametrize("axes", [(1, 1, 1), (1, 1.3, 1.7)])
def test_an_ellipsoid_has_an_exact_map_and_it_is_found(axes):
    ball = ball_solid(2)
    mapped = volume_preserving_map(ball.with_vertices(ball.vertices * axes), tol_volume=1e-7)
    check_embedding(mapped)
    assert mapped.notes["refinement"]["reached"]
    assert np.abs(ratios(mapped) - 1).max() < 1e-5


def test_errors_fall_with_the_edge_length():
    errors = [np.abs(ratios(volume_preserving_map(dumbbell_solid(k), tol_volume=1e-3)) - 1).mean() for k in (2, 3)]
    assert errors[1] < 0.7 * errors[0]


def test_a_radial_density_leads_to_the_radial_map():
    errors = []
    for levels in (2, 3):
        ball = ball_solid(levels)
        middles = ball.corners.mean(axis=1)
        mapped = volume_preserving_map(ball, density=1 + 3 * (middles**2).sum(axis=1), tol_volume=None)
        check_embedding(mapped)
        r = np.linalg.norm(ball.vertices, axis=1)
        # The mass within the radius r, as a share: 3 times the integral of (1 + 3 r^2) r^2, over 1 + 9/5.
        wanted = np.cbrt((r**3 + 1.8 * r**5) / 2.8)
        errors.append(np.sqrt(np.mean((np.linalg.norm(mapped.points, axis=1) - wanted) ** 2)))
    # The smoothed displacement is off by some edge lengths' second differences.
    assert np.log2(errors[0] / errors[1]) > 0.8
    assert errors[1] < 0.03


def test_prescribed_masses_and_densities_are_met():
    ball = ball_solid(2)
    lifted = 1 + (ball.vertices[:, 2] > 0.2) * 1.0
    mapped = volume_preserving_map(ball, density=lifted, tol_volume=1e-3)
    check_embedding(mapped)
    wanted = np.abs(ball.volumes) * lifted[ball.tetrahedra].mean(axis=1)
    assert np.allclose(mapped.shares, wanted / wanted.sum())
    assert np.abs(ratios(mapped) - 1).mean() < 0.05
    by_mass = volume_preserving_map(ball, masses=lifted * ball.vertex_volumes, tol_volume=1e-3)
    assert np.allclose(by_mass.shares, mapped.shares)
    assert np.allclose(by_mass.points, mapped.points, atol=1e-3)


def test_a_mirrored_mesh_is_mapped_like_the_other_one():
    solid = dumbbell_solid(1)
    mirrored = solid.with_tetrahedra(solid.tetrahedra[:, [0, 2, 1, 3]])
    one, other = volume_preserving_map(solid), volume_preserving_map(mirrored)
    check_embedding(other)
    assert np.allclose(one.signed_volumes, -other.signed_volumes, atol=1e-3)


def test_a_box_with_its_edges_and_corners():
    mapped = volume_preserving_map(box_solid(5, 5, 5))
    check_embedding(mapped)
    assert np.abs(ratios(mapped) - 1).mean() < 0.15


def test_one_tetrahedron_goes_to_a_regular_one():
    mapped = volume_preserving_map(one_tetrahedron())
    check_embedding(mapped)


def test_vertices_without_a_tetrahedron_have_no_image_and_the_input_stays():
    ball = ball_solid(1)
    given_vertices = np.vstack([[5.0, 5, 5], ball.vertices])
    solid = Solid(given_vertices, ball.tetrahedra + 1)
    mapped = volume_preserving_map(solid)
    assert np.isnan(mapped.points[0]).all()
    assert np.array_equal(solid.vertices, given_vertices)
    check_embedding(mapped)


def test_the_state_is_told_at_each_step_and_stopping_halts():
    states = []

    def stop(state):
        states.append(state)
        if len(states) == 3:
            raise StopIteration

    refinement = volume_preserving_map(dumbbell_solid(2), refine_callback=stop).notes["refinement"]
    assert refinement["iterations"] == 2
    assert refinement["history"] == tuple(states)
    assert all(state.flipped == 0 for state in states)


def test_keywords_and_record_are_those_of_a_map_of_a_surface():
    states = []
    mapped = volume_preserving_map(ball_solid(1), callback=states.append, max_iter=50)
    assert len(states) == len(mapped.transport.history)
    closed = mapped.solid.boundary
    records = [mapped.notes["refinement"]]
    records += [area_preserving_map(closed, to=to, refine_callback=states.append).notes["refinement"] for to in TARGETS]
    for record in records:
        assert list(record) == list(records[0])
        assert len(record["history"]) == record["iterations"] + 1
        assert record["reached"]
        assert record["converged"]
    assert states[-1] is records[-1]["history"][-1]


def test_too_few_steps_are_warned_of():
    with pytest.warns(ConvergenceWarning, match="after 1 steps"):
        mapped = volume_preserving_map(dumbbell_solid(2), max_refine_iter=1)
    check_embedding(mapped)
    assert not mapped.notes["refinement"]["converged"]


def test_the_same_twice():
    solid = bumpy(2, 0.3, 1)
    assert np.array_equal(volume_preserving_map(solid).points, volume_preserving_map(solid).points)


@pytest.mark.parametrize(
    ("solid", "error", "cause"),
    [
        (solid_torus(), TopologyError, "genus"),
        (hollow_ball(), TopologyError, "cavity"),
        (join_solids(ball_solid(0), ball_solid(0)), TopologyError, "2 components"),
        (Solid(np.eye(4, 3) * np.nan, [[0, 1, 2, 3]]), GeometryError, "NaN"),
        (Solid(np.zeros((4, 3)), [[0, 1, 2, 3]]), GeometryError, "flat"),
    ],
)
def test_what_is_no_ball_is_refused(solid, error, cause):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(error, match=cause):
            volume_preserving_map(solid)


def test_an_inverted_tetrahedron_and_a_crowded_face_are_named():
    ball = ball_solid(0)
    turned = ball.tetrahedra.copy()
    turned[4] = turned[4][[1, 0, 2, 3]]
    with pytest.raises(GeometryError, match="inside out") as refused:
        volume_preserving_map(ball.with_tetrahedra(turned))
    assert refused.value.ids == (4,)
    doubled = np.concatenate([ball.tetrahedra, ball.tetrahedra[:1]])
    with pytest.raises((GeometryError, TopologyError), match=r"more than two|same four"):
        volume_preserving_map(ball.with_tetrahedra(doubled))


def test_bad_options_are_refused():
    ball = ball_solid(0)
    with pytest.raises(OptionError, match="not both"):
        volume_preserving_map(ball, masses=np.ones(13), density=np.ones(20))
    with pytest.raises(GeometryError, match="positive") as refused:
        volume_preserving_map(ball, density=np.r_[np.ones(19), -1.0])
    assert refused.value.ids == (19,)
    with pytest.raises(ValueError, match="tol_volume"):
        volume_preserving_map(ball, tol_volume=0.0)


@pytest.mark.parametrize("solid", [dumbbell_solid(1), bumpy(2, 0.5, 0)], ids=["dumbbell", "bumpy"])
def test_unit_and_place_do_not_matter(solid):
    assert_unit_and_place_do_not_matter(solid, lambda mesh: volume_preserving_map(mesh).points, tol=1e-8)
