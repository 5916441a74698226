"""Room on the circle for faces with all three corners on it."""

import numpy as np
import pytest
from shapes import disk, plane_areas

from meshot.area import area_preserving_map
from meshot.maps.distortion import distortion
from meshot.meshes.surface import Surface
from meshot.refinement.ears import widen_ears


def with_ears(surface: Surface, begin: int, height: float = 0.05) -> Surface:
    """Put a triangle on every twelfth boundary edge."""
    loop = surface.boundary_loops[0]
    first, second = loop[begin::12], np.roll(loop, -1)[begin::12]
    p, q = surface.vertices[first], surface.vertices[second]
    tips = 0.5 * (p + q) * (1 + height)
    ears = np.stack([second, first, len(surface.vertices) + np.arange(len(first))], axis=1)
    return Surface(np.concatenate([surface.vertices, tips]), np.concatenate([surface.faces, ears]))


def test_nothing_is_turned_without_ears() -> None:
    surface = disk(5)
    uv = surface.vertices[:, :2]
    turned = widen_ears(surface.faces, uv, np.ones(len(surface.faces)))
    np.testing.assert_array_equal(turned, uv)
    assert turned is not uv


@pytest.mark.parametrize("angle", [1e-6, 1e-3, 0.02])
def test_ears_get_about_their_areas(angle: float) -> None:
    """A fan with one ear, and one upon it, whatever they start from."""
    rim = np.concatenate([[0, angle / 2, angle, 1.5 * angle], np.linspace(2 * angle, 2 * np.pi, 30)[:-1]])
    uv = np.vstack([np.stack([np.cos(rim), np.sin(rim)], axis=1), [[0.0, 0.0]]])
    hub, last = len(rim), len(rim) - 1
    ring = np.stack([np.arange(3, last), np.arange(4, last + 1), np.full(last - 3, hub)], axis=1)
    faces = np.vstack([[[0, 1, 2], [0, 2, 3], [0, 3, hub], [last, 0, hub]], ring])
    targets = np.full(len(faces), np.pi / 300)
    targets[2:] = (np.pi - 2 * np.pi / 300) / (len(faces) - 2)
    turned = widen_ears(faces, uv, targets)
    ratio = plane_areas(faces, turned)[:2] / targets[:2]
    assert (ratio > 0.5).all()
    assert (ratio < 2).all()
    assert np.abs(np.linalg.norm(turned[:-1], axis=1) - 1).max() < 1e-12
    np.testing.assert_array_equal(turned[-1], 0)
    gaps = np.diff(np.unwrap(np.arctan2(turned[:-1, 1], turned[:-1, 0])))
    assert (gaps > 0).all()


@pytest.mark.parametrize("begin", [0, 3, 7])
def test_a_disk_with_ears_keeps_its_areas(begin: int) -> None:
    surface_map = area_preserving_map(with_ears(disk(10), begin))
    area = distortion(surface_map).summary()["area"]
    assert area["flipped"] == 0
    assert area["ratio_sd"] <= 1e-2
