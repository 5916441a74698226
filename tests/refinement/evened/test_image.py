"""Evened images: no fold, bounded area ratios, on surfaces whose limbs a conformal map loses."""

from dataclasses import replace

import numpy as np
import pytest
import torture
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import bumpy_sphere, cap, dumbbell_solid, glove, icosphere, join, relief

from meshot.area import area_preserving_map
from meshot.conformal.disk import conformal_map
from meshot.maps.distortion import distortion
from meshot.maps.target import DISK, SPHERE, Target
from meshot.meshes.surface import Surface
from meshot.refinement.evened import image as module
from meshot.refinement.evened.image import evened_image, relaxed_image


def logs(surface: Surface, image: np.ndarray, shares: np.ndarray, space: Target) -> np.ndarray:
    """Logarithms of area ratios; fails if a face is folded."""
    areas = space.signed_measures(image, surface.faces)
    assert (areas > 0).all()
    return np.asarray(np.log(areas / areas.sum() / shares))


def evened(surface: Surface, space: Target, shares: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The image, and its logarithms."""
    shares = surface.face_areas / surface.area if shares is None else shares
    image = evened_image(surface, shares, space)
    assert image is not None
    return image, logs(surface, image, shares, space)


def cable(length: float) -> Surface:
    """A closed tube with round ends."""
    ball = icosphere(3)
    vertices = ball.vertices.copy()
    vertices[:, 2] = np.where(np.abs(vertices[:, 2]) < 0.9, length * vertices[:, 2], 0.0)
    vertices[:, 2] += np.sign(ball.vertices[:, 2]) * (np.abs(ball.vertices[:, 2]) >= 0.9) * 0.9 * length
    radius = np.hypot(*ball.vertices[:, :2].T)
    vertices[:, :2] *= (np.minimum(radius, 0.44) / np.maximum(radius, 1e-12))[:, None]
    vertices[:, 2] += np.sign(ball.vertices[:, 2]) * np.sqrt(np.maximum(0.44**2 - np.minimum(radius, 0.44) ** 2, 0.0))
    return Surface(vertices, ball.faces)


@pytest.mark.parametrize("case", ["open finger", "maze", "squeezed", "crumpled"])
def test_limbs_that_a_conformal_map_loses_are_kept_in_the_disk(case: str) -> None:
    conformal = conformal_map(torture.CASES[case]())
    surface = conformal.surface
    shares = surface.face_areas / surface.area
    uv, after = evened(surface, DISK)
    before = logs(surface, conformal.uv, shares, DISK)
    assert np.sum(shares * after**2) < 0.1 * np.sum(shares * before**2)
    loop = surface.boundary_loops[0]
    assert np.abs(np.linalg.norm(uv[loop], axis=1) - 1).max() < 1e-12
    angles = np.arctan2(uv[loop, 1], uv[loop, 0])
    assert (np.diff(angles, append=angles[:1]) % (2 * np.pi)).sum() == pytest.approx(2 * np.pi)
    np.testing.assert_allclose(uv[loop.min()], [1, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("surface", "most"),
    [(cable(50.0), 3.0), (bumpy_sphere(3), 1.0), (dumbbell_solid().boundary, 3.0), (torture.crumpled_closed(), 6.0)],
    ids=["cable", "bumps", "dumbbell", "crumpled"],
)
def test_closed_surfaces_go_to_the_sphere(surface: Surface, most: float) -> None:
    points, spread = evened(surface, SPHERE)
    assert np.ptp(spread) < most
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1)
    np.testing.assert_allclose(points[0], [0, 0, 1], atol=1e-12)


def test_an_evened_image_follows_prescribed_shares() -> None:
    surface = relief(10)
    shares = surface.face_areas * np.exp(4 * surface.corners.mean(axis=1)[:, 0])
    assert np.ptp(evened(surface, DISK, shares / shares.sum())[1]) < 2.0


def test_vertices_without_a_face_and_surfaces_without_an_inside_are_mapped() -> None:
    both = join(cap(4), relief(2))
    surface = both.with_faces(both.faces[: len(cap(4).faces)])
    image, spread = evened(surface, DISK)
    assert np.ptp(spread) < 1.0
    np.testing.assert_array_equal(np.isnan(image).any(axis=1), ~surface.referenced)
    fan = torture.polygon_fan(12)
    np.testing.assert_allclose(np.linalg.norm(evened(fan, DISK)[0], axis=1), 1)


def test_the_least_meshes() -> None:
    triangle = Surface(np.eye(3), [[0, 1, 2]])
    np.testing.assert_allclose(np.linalg.norm(evened(triangle, DISK)[0], axis=1), 1)
    corner = Surface(np.vstack([np.zeros(3), np.eye(3)]), [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    assert np.ptp(evened(corner, SPHERE)[1]) < 2.0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([0.0, 2.0, 6.0]))
def test_no_shares_and_no_shape_fold_an_image(seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    for surface, space in ((relief(5, 2.0, seed), DISK), (icosphere(2), SPHERE)):
        moved = Surface(surface.vertices + 0.3 * rng.normal(size=surface.vertices.shape), surface.faces)
        shares = np.exp(spread * rng.normal(size=len(moved.faces)))
        evened(moved, space, shares / shares.sum())


@pytest.mark.fast
@pytest.mark.uncompiled
@pytest.mark.parametrize(("surface", "space"), [(relief(3), DISK), (icosphere(1), SPHERE)], ids=["disk", "sphere"])
def test_a_few_sweeps_do_for_a_small_mesh(surface: Surface, space: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SWEEPS", 3)
    monkeypatch.setattr(module, "SWEEPS", 3)
    monkeypatch.setattr(module, "LAST_SWEEPS", 3)
    image, spread = evened(surface, space)
    assert np.ptp(spread) < 3.0
    monkeypatch.setattr(module, "RELAXING", 2)
    logs(surface, relaxed_image(surface, image, surface.face_areas / surface.area, space), np.ones(1), space)


def test_a_vertex_with_many_faces_is_taken_apart() -> None:
    wheel = torture.hub(500)
    assert np.ptp(evened(wheel, DISK)[1]) < 6.0


@pytest.mark.parametrize(("surface", "space"), [(relief(8, 2.0), DISK), (bumpy_sphere(3), SPHERE)])
def test_relaxed_faces_are_rounder_at_about_the_same_areas(surface: Surface, space: Target) -> None:
    amap = area_preserving_map(surface, to=space.name)
    shares = surface.face_areas / surface.area
    image = relaxed_image(surface, amap.image, shares, space)
    assert np.std(logs(surface, image, shares, space)) < 0.2
    before, after = (
        distortion(each).summary()["angle"]["mean_abs_degrees"] for each in (amap, replace(amap, image=image))
    )
    assert after < before


@pytest.mark.parametrize("length", [6.0, 12.0])
def test_a_glove_of_long_fingers(length: float) -> None:
    """The conformal map leaves fingertips shares of e^-16 of the right ones, and the transport's sites as close."""
    surface = glove(length)
    surface_map = area_preserving_map(surface)
    area = distortion(surface_map).summary()["area"]
    assert surface_map.notes["start"] == "evened image"
    assert surface_map.transport.converged
    assert area["flipped"] == 0
    assert area["ratio_sd"] <= 1e-2
    assert area["ratio_max_deviation"] <= 0.2
    assert surface_map.conformal is not None
    np.testing.assert_array_equal(surface_map.conformal.uv, conformal_map(surface).uv)


@pytest.mark.parametrize("to", ["disk", "sphere"])
def test_a_cable_is_mapped_to_both(to: str) -> None:
    """A hundred times as long as thick: conformal images of it have no digits left."""
    amap = area_preserving_map(cable(40.0), to=to)
    area = distortion(amap).summary()["area"]
    assert area["flipped"] == 0
    assert area["ratio_sd"] <= 1e-2
