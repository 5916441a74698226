import numpy as np

from meshot.sampling.pieces import Pieces, split_faces


def test_pieces_tile_their_faces():
    """Equal parts of the area, none turned over, the middles of all of them where the middle of the face is."""
    pieces = split_faces(np.array([3, 1, 2, 3]))
    np.testing.assert_array_equal(np.bincount(pieces.parent), [9, 1, 4, 9])
    a, b, c = pieces.corners[..., 1:].transpose(1, 0, 2)
    areas = np.cross(np.append(b - a, 0 * a[:, :1], 1), np.append(c - a, 0 * a[:, :1], 1))[:, 2]
    np.testing.assert_allclose(areas, 1 / np.array([9, 1, 4, 9])[pieces.parent], rtol=1e-12)
    middles = pieces.corners.mean(axis=1)
    for face in range(4):
        np.testing.assert_allclose(middles[pieces.parent == face].mean(axis=0), 1 / 3, rtol=1e-12)
        assert len(np.unique(middles[pieces.parent == face].round(9), axis=0)) == (pieces.parent == face).sum()


def test_points_of_pieces_are_points_of_faces():
    pieces = split_faces(np.array([1, 2]))
    rng = np.random.default_rng(0)
    piece, weights = rng.integers(0, 5, 50), rng.dirichlet([1, 1, 1], 50)
    faces, barycentric = pieces.carry(piece, weights)
    np.testing.assert_array_equal(faces, pieces.parent[piece])
    values = rng.random((2, 3, 2))  # at the corners of the faces
    of_faces = np.einsum("nk,nkd->nd", barycentric, values[faces])
    of_pieces = np.einsum("nk,nkd->nd", weights, pieces.at_corners(values)[piece])
    np.testing.assert_allclose(of_faces, of_pieces, atol=1e-15)
    whole = Pieces(np.arange(2))
    np.testing.assert_array_equal(whole.at_corners(values), values)
