import numpy as np

from meshot.meshes.polygons import PolygonFaces

# A quad, a pentagon and a triangle in a row, from left to right.
CORNERS, SIZES = np.array([0, 1, 2, 3, 1, 4, 5, 6, 2, 4, 7, 5]), np.array([4, 5, 3])
TRIANGLES = np.array([[0, 1, 2], [0, 2, 3], [1, 4, 5], [1, 5, 6], [1, 6, 2], [4, 7, 5]])
ROW = PolygonFaces(CORNERS, SIZES, np.array([0, 0, 1, 1, 1, 2]))


def test_without_a_cut_polygons_stay_as_they_are():
    same = ROW.on(TRIANGLES, np.arange(8))
    np.testing.assert_array_equal(same.corners, CORNERS)
    np.testing.assert_array_equal(same.sizes, SIZES)
    np.testing.assert_array_equal(same.of_triangles, ROW.of_triangles)


def test_a_cut_between_polygons_renames_corners():
    cut = TRIANGLES.copy()
    cut[5] = [8, 7, 9]  # new copies of 4 and 5
    found = ROW.on(cut, np.array([*range(8), 4, 5]))
    assert found.corners.tolist() == [*CORNERS[:9], 8, 7, 9]
    assert found.sizes.tolist() == [4, 5, 3]


def test_a_polygon_that_a_cut_goes_through_comes_as_its_triangles_in_place():
    cut = TRIANGLES.copy()
    cut[2, 0], cut[2, 2] = 8, 9  # along the diagonal 1-5
    found = ROW.on(cut, np.array([*range(8), 1, 5]))
    assert found.sizes.tolist() == [4, 3, 3, 3, 3]
    assert found.corners.tolist() == [0, 1, 2, 3, 8, 4, 9, 1, 5, 6, 1, 6, 2, 4, 7, 5]
    assert found.of_triangles.tolist() == [0, 0, 1, 2, 3, 4]


def test_corners_that_are_joined_count_once():
    first = np.arange(8)
    first[6] = 5
    found = ROW.renamed(first, np.array([0, 1, 2, 4, 5]))  # 1, 5, 6 has become a line
    assert found.sizes.tolist() == [4, 4, 3]
    assert found.corners.tolist() == [0, 1, 2, 3, 1, 4, 5, 2, 4, 7, 5]
    assert found.of_triangles.tolist() == [0, 0, 1, 1, 2]


def test_a_polygon_that_has_become_a_line_is_left_out():
    first = np.arange(8)
    first[7] = 5
    found = ROW.renamed(first, np.array([0, 1, 2, 3, 4]))
    assert found.sizes.tolist() == [4, 5]
    assert found.of_triangles.tolist() == [0, 0, 1, 1, 1]
