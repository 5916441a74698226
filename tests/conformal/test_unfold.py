import numpy as np
import pytest
import torture
from shapes import disk, relief

from meshot.base.errors import GeometryError
from meshot.conformal.unfold import folded, unfold


def plane(surface):
    return surface.vertices[:, 0] + 1j * surface.vertices[:, 1]


def test_folded_tells_flipped_and_degenerate_faces():
    faces = np.array([[0, 1, 2], [0, 2, 1], [0, 1, 3], [0, 0, 1]])
    z = np.array([0, 1, 1j, 0.5 + 1e-13j])
    assert folded(faces, z).tolist() == [False, True, True, True]
    # The measure does not depend on the scale.
    assert folded(faces, 1e-9 * z).tolist() == [False, True, True, True]


def test_nan_counts_as_folded():
    assert folded(np.array([[0, 1, 2]]), np.array([0, 1, np.nan])).tolist() == [True]


def test_what_is_not_folded_stays():
    surface = disk(6)
    repaired = unfold(surface, plane(surface), surface.boundary_loops[0])
    np.testing.assert_array_equal(repaired.z, plane(surface))
    assert not repaired.faces.any()
    assert len(repaired.bad) == 0


def test_one_fold_is_repaired_in_its_neighborhood():
    surface = disk(12)
    z = plane(surface)
    z[0] += 0.2
    repaired = unfold(surface, z, surface.boundary_loops[0])
    assert not folded(surface.faces, repaired.z).any()
    assert repaired.faces.sum() < 300
    untouched = np.ones(len(z), dtype=bool)
    untouched[surface.faces[repaired.faces]] = False
    np.testing.assert_array_equal(repaired.z[untouched], z[untouched])


@pytest.mark.parametrize("seed", range(5))
def test_any_chaos_inside_a_convex_boundary_is_repaired(seed):
    surface = relief(8)
    z = plane(surface)
    rng = np.random.default_rng(seed)
    inner = np.setdiff1d(np.arange(len(z)), surface.boundary_loops[0])
    z[inner] = rng.uniform(-1, 1, len(inner)) + 1j * rng.uniform(-1, 1, len(inner))
    repaired = unfold(surface, z, surface.boundary_loops[0])
    assert len(repaired.bad) == 0
    assert not folded(surface.faces, repaired.z).any()


def test_features_too_small_for_double_precision_are_stretched():
    # A tube 60 times longer than its radius shrinks by e^-60 if it is mapped conformally.
    surface = torture.finger(60.0, 6)
    boundary = surface.boundary_loops[0]
    z = np.zeros(len(surface.vertices), dtype=complex)
    z[boundary] = np.exp(2j * np.pi * np.arange(len(boundary)) / len(boundary))
    repaired = unfold(surface, z, boundary)
    assert len(repaired.bad) == 0
    assert repaired.faces.all()


def test_a_boundary_that_is_not_convex_cannot_be_repaired():
    surface = disk(3)
    z = plane(surface)
    loop = surface.boundary_loops[0]
    z[loop[4]] = z[loop[12]]
    repaired = unfold(surface, z, loop)
    assert len(repaired.bad) > 0


def test_conformal_map_refuses_what_it_cannot_repair(monkeypatch):
    from meshot.conformal import disk as conformal
    from meshot.conformal.unfold import Repaired

    def broken(problem, surface, gaps):
        return Repaired(np.zeros(len(surface.vertices)), np.zeros(len(surface.faces), dtype=bool), np.array([3, 5]))

    monkeypatch.setattr(conformal, "embed", broken)
    with pytest.raises(GeometryError, match="folds") as caught:
        conformal.conformal_map(disk(3))
    assert caught.value.ids == (3, 5)
