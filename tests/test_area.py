import numpy as np
import pytest
import torture
from hypothesis import given, settings
from hypothesis import strategies as st
from outcomes import Recorder
from shapes import bumpy_sphere, cap, cylinder, disk, glove, join, relief, tetrahedron, triangle
from similar import assert_unit_and_place_do_not_matter
from torture import CASES

from meshot import area as module
from meshot.area import area_preserving_map, vertex_transport
from meshot.base.errors import ConvergenceWarning, GeometryError, OptionError, TopologyError
from meshot.conformal.disk import conformal_map
from meshot.maps.distortion import distortion
from meshot.meshes.surface import Surface
from meshot.refinement.placement import circle_angles, place_vertices

SURFACES = {
    "disk": disk(8),
    "hemisphere": cap(10),
    "deep cap": cap(12, 2.6),
    "relief": relief(14, 0.8),
    "closed": bumpy_sphere(3),
}


@pytest.mark.parametrize("name", SURFACES)
def test_every_face_keeps_its_share_and_none_is_folded(name):
    surface_map = area_preserving_map(SURFACES[name])
    area = distortion(surface_map).summary()["area"]
    assert area["flipped"] == 0
    assert area["degenerate"] == 0
    assert area["ratio_sd"] <= 1e-2
    assert area["ratio_max_deviation"] <= 0.2
    assert surface_map.transport.converged
    assert surface_map.transport.certificate <= 1e-12


def test_a_finer_tolerance_is_reached():
    surface_map = area_preserving_map(cap(10), tol_area=1e-4)
    assert distortion(surface_map).summary()["area"]["ratio_sd"] <= 1e-4
    assert surface_map.notes["refinement"]["converged"]


@pytest.mark.parametrize("option", ["tol", "tol_area"])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_tolerances_are_positive(option, value):
    with pytest.raises(ValueError, match=f"{option} must be positive"):
        area_preserving_map(disk(2), **{option: value})


def test_fingers_that_the_conformal_map_loses_get_their_areas():
    surface_map = area_preserving_map(glove())
    lost = distortion(surface_map.conformal).log_area_ratio
    assert lost.min() < -18
    area = distortion(surface_map).summary()["area"]
    assert area["flipped"] == 0
    assert area["ratio_sd"] <= 1e-2
    assert area["ratio_max_deviation"] <= 0.2


# The first refinement, from the transport, leaves folds there and says so; the second, from the conformal map, arrives.
@pytest.mark.filterwarnings("ignore::meshot.base.errors.ConvergenceWarning")
@pytest.mark.parametrize("name", ["needles 1e-3", "three edges", "valence 3", "closed finger", "pillow"])
def test_hard_meshes_get_their_areas(name):
    area = distortion(area_preserving_map(CASES[name]())).summary()["area"]
    assert area["flipped"] == 0
    assert area["ratio_sd"] <= 1e-2


@pytest.mark.parametrize("name", SURFACES)
def test_the_boundary_goes_once_around_the_circle(name):
    surface_map = area_preserving_map(SURFACES[name])
    (loop,) = surface_map.surface.boundary_loops
    rim = surface_map.uv[loop]
    assert np.abs(np.hypot(*rim.T) - 1).max() <= 1e-12
    turns = np.diff(np.unwrap(np.arctan2(rim[:, 1], rim[:, 0]), discont=np.pi))
    assert (turns > 0).all()
    assert turns.sum() < 2 * np.pi


def test_cells_have_the_areas_of_the_vertices():
    surface = relief(12, 0.8)
    transport = area_preserving_map(surface, tol=1e-9).transport
    shares = surface.vertex_areas / surface.area
    assert np.abs(transport.diagram.masses / np.pi / shares - 1).max() <= 1e-9


def test_a_flat_disk_hardly_moves():
    """The conformal map of a flat disk is the identity up to a rotation, and equal to the area-preserving map."""
    surface = disk(20)
    uv = area_preserving_map(surface, tol_area=None).uv
    flat = surface.vertices[:, :2]
    rotation = np.vdot(flat[:, 0] + 1j * flat[:, 1], uv[:, 0] + 1j * uv[:, 1])
    turned = (flat[:, 0] + 1j * flat[:, 1]) * rotation / abs(rotation)
    assert np.abs(turned - (uv[:, 0] + 1j * uv[:, 1])).max() < 0.03


def test_a_cap_goes_to_the_disk_by_lamberts_projection_at_a_fitted_rate():
    """The rotationally symmetric equal-area map of a spherical cap: radius proportional to sin(angle / 2)."""
    errors, sizes = [], (6, 12, 24)
    for rings in sizes:
        surface = cap(rings, 2.0)
        uv = area_preserving_map(surface, tol_area=None).uv
        polar = np.arccos(np.clip(surface.vertices[:, 2], -1, 1))
        wanted = np.sin(polar / 2) / np.sin(polar.max() / 2)
        errors.append(np.sqrt(np.mean((np.hypot(*uv.T) - wanted) ** 2)))
    rate = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert rate > 0.9


def test_without_refinement_vertices_are_centroids():
    surface = relief(10)
    surface_map = area_preserving_map(surface, tol_area=None)
    inner = np.setdiff1d(np.arange(len(surface.vertices)), surface.boundary_loops[0])
    assert surface_map.uv[inner] == pytest.approx(surface_map.transport.centroids[inner])
    assert "refinement" not in surface_map.notes


def test_unreferenced_vertices_stay_and_have_no_image():
    plain = relief(8)
    padded = Surface(np.concatenate([plain.vertices[:5] + 9, plain.vertices]), plain.faces + 5)
    surface_map = area_preserving_map(padded)
    assert np.isnan(surface_map.uv[:5]).all()
    assert surface_map.uv[5:] == pytest.approx(area_preserving_map(plain).uv)


@pytest.mark.parametrize("surface", [triangle(), tetrahedron(), disk(1)], ids=["triangle", "tetrahedron", "fan"])
def test_the_smallest_surfaces(surface):
    surface_map = area_preserving_map(surface)
    assert distortion(surface_map).summary()["area"]["flipped"] == 0
    assert surface_map.transport.converged


@settings(max_examples=8, deadline=None)
@given(st.floats(1e-6, 1e6), st.integers(0, 2**31))
def test_scaling_and_rotating_the_surface_leaves_the_map(scale, seed):
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))
    rotation *= np.sign(np.linalg.det(rotation))
    surface = relief(8, 0.8)
    moved = surface.with_vertices(scale * surface.vertices @ rotation.T)
    assert area_preserving_map(moved).uv == pytest.approx(area_preserving_map(surface).uv, abs=1e-6)


@pytest.mark.parametrize("surface", [cylinder(), join(disk(2), disk(2))], ids=["two loops", "two components"])
def test_what_check_refuses_is_refused(surface):
    with pytest.raises(TopologyError):
        area_preserving_map(surface)


def test_a_transport_that_stops_early_warns():
    with pytest.warns(ConvergenceWarning, match="transport did not converge"):
        area_preserving_map(relief(10), max_iter=1, tol_area=None)


def test_stages_are_told_in_order():
    client = Recorder()
    area_preserving_map(relief(8), progress=client)
    stages, done = client.values("begin"), client.values("update")
    assert stages[-3:] == ["transport", "placement", "refinement"]
    assert "conformal map" in stages
    assert len(client.values("end")) == len(stages)
    assert done
    assert all(0 <= fraction <= 1 for fraction in done)


# ---------------------------------------------------------------------------------------------------------------------
# angles on the circle


def test_known_angles_are_kept():
    angles = np.array([3.0, 4.0, 6.0, 7.0])
    found = circle_angles(np.angle(np.exp(1j * angles)), np.arange(4))
    assert np.exp(1j * found) == pytest.approx(np.exp(1j * angles))


def test_missing_angles_are_spread_between_their_neighbors():
    found = circle_angles(np.array([np.nan, 0.0, np.nan, np.nan, 3.0]), np.arange(5))
    assert np.diff(found[1:]) == pytest.approx([1, 1, 1])
    assert found[0] % (2 * np.pi) == pytest.approx(3 + (2 * np.pi - 3) / 2)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-3.1, 3.1), min_size=1, max_size=20))
def test_angles_always_increase_and_turn_once(angles):
    found = circle_angles(np.array(angles), np.arange(len(angles)))
    turns = np.diff(np.concatenate([found, found[:1]])) % (2 * np.pi) if len(found) > 1 else np.array([2 * np.pi])
    assert (turns > 0).all()
    assert turns.sum() == pytest.approx(2 * np.pi)


def test_vertices_are_placed_in_their_cells():
    conformal = conformal_map(relief(10))
    transport = vertex_transport(conformal)
    uv = place_vertices(conformal.surface, transport)
    assert (transport.locate(0.9999 * uv) == np.arange(len(uv))).mean() > 0.99


@pytest.mark.parametrize("surface", [tetrahedron(), bumpy_sphere(3)], ids=["tetrahedron", "bumpy sphere"])
def test_closed_surfaces_go_to_the_sphere(surface):
    surface_map = area_preserving_map(surface, to="sphere", tol_area=1e-3)
    area = distortion(surface_map).summary()["area"]
    assert area["flipped"] == 0
    assert area["degenerate"] == 0
    assert area["ratio_sd"] <= 1e-3
    assert area["ratio_max_deviation"] <= 2e-2
    assert surface_map.signed_areas.sum() == pytest.approx(4 * np.pi, rel=1e-12)
    assert surface_map.transport.converged
    assert surface_map.transport.certificate <= 1e-12
    assert surface_map.conformal.points is not surface_map.points


def test_a_brain_on_the_sphere(brain):
    surface_map = area_preserving_map(brain("pial_left"), to="sphere")
    area = distortion(surface_map).summary()["area"]
    assert area["flipped"] == 0
    assert area["ratio_sd"] <= 1e-2


def test_motion_and_scale_do_not_matter_on_the_sphere():
    surface = bumpy_sphere(2)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    moved = surface.with_vertices(3 * surface.vertices @ (turn * np.linalg.det(turn)).T + [1, 2, 3])
    plain, other = (area_preserving_map(each, to="sphere") for each in (surface, moved))
    np.testing.assert_allclose(other.points, plain.points, atol=1e-7)


def test_vertices_without_a_face_have_no_place_on_the_sphere():
    surface = join(bumpy_sphere(2), disk(2))
    surface = surface.with_faces(bumpy_sphere(2).faces)
    points = area_preserving_map(surface, to="sphere").points
    assert np.isnan(points[162:]).all()
    np.testing.assert_allclose(points[:162], area_preserving_map(bumpy_sphere(2), to="sphere").points, atol=1e-9)


def test_open_surfaces_are_refused_on_the_sphere():
    with pytest.raises(TopologyError, match="closed"):
        area_preserving_map(disk(3), to="sphere")


@pytest.mark.filterwarnings("ignore::meshot.base.errors.ConvergenceWarning")
def test_no_fold_is_left_where_areas_cannot_be_had():
    """Faces of a share of 1e-10: beyond the refinement, which then starts from the conformal map."""
    surface_map = area_preserving_map(torture.CASES["closed needles"](), to="sphere")
    assert not distortion(surface_map).flipped.any()
    assert surface_map.transport.max_relative_error < 1e-4


@pytest.mark.parametrize("surface", [relief(8), bumpy_sphere(2)], ids=["relief", "closed"])
def test_sampled_cells_lead_to_the_same_map(surface):
    sampled = area_preserving_map(surface, method="montecarlo", samples=1 << 16)
    exact = area_preserving_map(surface)
    summary = distortion(sampled).summary()["area"]
    assert summary["flipped"] == 0
    assert summary["ratio_sd"] <= 1e-2
    assert sampled.transport.converged
    # both are equiareal, of which there are many: neither has moved a fifth of a cell from the same transport
    distance = np.linalg.norm(sampled.uv - exact.uv, axis=1)
    assert np.median(distance) < 0.2 * np.sqrt(np.pi / len(sampled.uv))


def test_sampled_cells_are_for_the_disk():
    with pytest.raises(OptionError, match="for the disk"):
        area_preserving_map(bumpy_sphere(1), to="sphere", method="montecarlo")
    with pytest.raises(OptionError, match='for method="montecarlo"'):
        area_preserving_map(relief(3), samples=4096)
    with pytest.raises(OptionError, match='for method="newton"'):
        area_preserving_map(relief(3), method="montecarlo", tol=1e-3)


@pytest.mark.parametrize("name", ["relief", "closed"])
def test_unit_and_place_do_not_matter(name):
    assert_unit_and_place_do_not_matter(SURFACES[name], lambda mesh: area_preserving_map(mesh).uv)


def test_unit_and_place_do_not_matter_on_the_sphere():
    assert_unit_and_place_do_not_matter(bumpy_sphere(2), lambda mesh: area_preserving_map(mesh, to="sphere").points)


@pytest.mark.parametrize(("surface", "to"), [(relief(8, 1.0), "disk"), (bumpy_sphere(3), "sphere")])
def test_a_conformal_map_that_folds_is_replaced_by_the_evened_image(surface, to, monkeypatch):
    def folded(*_, **__):
        raise GeometryError("folds")

    monkeypatch.setattr(module, "conformal_map", folded)
    amap = area_preserving_map(surface, to=to)
    assert amap.notes["start"] == "evened image"
    assert amap.notes["conformal"] == "folds in double precision"
    assert distortion(amap).summary()["area"]["flipped"] == 0
    assert distortion(amap).summary()["area"]["ratio_sd"] <= 1e-2


def test_a_map_knows_what_it_started_from():
    surface = relief(8, 1.0)
    amap = area_preserving_map(surface)
    assert amap.notes["start"] == "conformal map"
    first = amap.start
    np.testing.assert_array_equal(first.image, amap.conformal.image)
    assert first.start is first
    amap = area_preserving_map(glove(6.0))
    assert amap.notes["start"] == "evened image"
    assert (amap.start.signed_areas > 0).all()
    assert not np.allclose(amap.start.image, amap.conformal.image, atol=0.1)
