"""A start with roughly even areas, and the hard meshes that need it."""

import numpy as np
import pytest
import torture
from shapes import cap, join, relief

from meshot.base.arrays import cross2
from meshot.conformal.disk import conformal_map
from meshot.meshes.surface import Surface
from meshot.refinement.starts import EVEN, even_map


def logs(surface: Surface, uv: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Logarithms of area ratios; fails if a face is folded."""
    a, b, c = uv[surface.faces].transpose(1, 0, 2)
    areas = 0.5 * cross2(b - a, c - a)
    assert (areas > 0).all()
    return np.log(areas / areas.sum() / shares)


@pytest.mark.parametrize("case", ["open finger", "maze", "squeezed", "crumpled"])
def test_limbs_that_a_conformal_map_loses_are_kept(case: str) -> None:
    conformal = conformal_map(torture.CASES[case]())
    surface = conformal.surface
    shares = surface.face_areas / surface.area
    uv = even_map(surface, shares)
    assert uv is not None
    before, after = (np.sum(shares * logs(surface, each, shares) ** 2) for each in (conformal.uv, uv))
    assert after < 0.1 * before
    loop = surface.boundary_loops[0]
    assert np.abs(np.linalg.norm(uv[loop], axis=1) - 1).max() < 1e-12
    angles = np.arctan2(uv[loop, 1], uv[loop, 0])
    assert (np.diff(angles, append=angles[:1]) % (2 * np.pi)).sum() == pytest.approx(2 * np.pi)


def test_an_even_map_follows_prescribed_shares() -> None:
    surface = relief(10)
    shares = surface.face_areas * np.exp(4 * surface.corners.mean(axis=1)[:, 0])
    shares /= shares.sum()
    uv = even_map(surface, shares)
    assert uv is not None
    assert np.ptp(logs(surface, uv, shares)) < EVEN


def test_vertices_without_a_face_and_surfaces_without_an_inside_are_mapped() -> None:
    both = join(cap(4), relief(2))
    surface = both.with_faces(both.faces[: len(cap(4).faces)])
    uv = even_map(surface, surface.face_areas / surface.area)
    assert uv is not None
    assert np.ptp(logs(surface, uv, surface.face_areas / surface.area)) < EVEN
    fan = torture.polygon_fan(12)
    uv = even_map(fan, fan.face_areas / fan.area)
    assert uv is not None
    np.testing.assert_allclose(np.linalg.norm(uv, axis=1), 1)
