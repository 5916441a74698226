import numpy as np
from shapes import disk, relief

from meshot.maps.affine import beltrami, laid_flat, wirtinger


def test_faces_keep_their_edges_when_laid_flat():
    corners = relief(5).corners
    length, apex = laid_flat(corners)
    sides = [np.linalg.norm(corners[:, k] - corners[:, 0], axis=1) for k in (1, 2)]
    np.testing.assert_allclose(length, sides[0], rtol=1e-13)
    np.testing.assert_allclose(np.abs(apex), sides[1], rtol=1e-13)
    np.testing.assert_allclose(np.abs(apex - length), np.linalg.norm(corners[:, 2] - corners[:, 1], axis=1), rtol=1e-12)
    assert (apex.imag > 0).all()


def test_derivatives_of_an_affine_map():
    length, apex = laid_flat(relief(5).corners)
    corners = np.stack([np.zeros_like(apex), length.astype(complex), apex], axis=1)
    holomorphic, antiholomorphic = wirtinger(length, apex, (2 + 1j) * corners + 0.5j * np.conj(corners) - 3)
    np.testing.assert_allclose(holomorphic, 2 + 1j, atol=1e-10)
    np.testing.assert_allclose(antiholomorphic, 0.5j, atol=1e-10)


def test_beltrami_of_known_maps():
    flat = disk(5)
    z = flat.vertices[:, 0] + 1j * flat.vertices[:, 1]
    np.testing.assert_allclose(beltrami(flat, 3j * z + 1), 0.0, atol=1e-14)
    np.testing.assert_allclose(np.abs(beltrami(flat, z + 0.25j * np.conj(z))), 0.25, rtol=1e-12)
    bent = relief(5)
    assert np.abs(beltrami(bent, bent.vertices @ [1, 1j, 0])).mean() > 0.01
    turned_over = beltrami(flat, 0.25 * z + np.conj(z))
    np.testing.assert_allclose(np.abs(turned_over), 4.0, rtol=1e-12)
