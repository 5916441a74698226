from itertools import pairwise

import numpy as np
import pytest
import torture
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shapes import bumpy_sphere, icosphere, octahedron, tetrahedron

from meshot.base.errors import GeometryError
from meshot.conformal.cut import cut_to_disk, edge_graph
from meshot.meshes.surface import Surface

CLOSED = {
    "tetrahedron": tetrahedron,
    "octahedron": octahedron,
    "sphere": lambda: icosphere(3),
    "bumpy": lambda: bumpy_sphere(3),
    "finger": lambda: torture.finger(12.0, 12, capped=True),
    "pillow": torture.pillow,
    "crumpled": torture.crumpled_closed,
}


def assert_opened(surface, cut):
    path = cut.path.tolist()
    assert len(set(path)) == len(path) >= 3
    pairs = {tuple(e) for e in surface.halfedges.tolist()}
    assert all((a, b) in pairs for a, b in pairwise(path))
    count = len(surface.vertices)
    # Old vertices stay, new ones are copies of the path's inner vertices, in its order.
    np.testing.assert_array_equal(cut.source_vertex, [*range(count), *path[1:-1]])
    np.testing.assert_array_equal(cut.surface.vertices, surface.vertices[cut.source_vertex])
    np.testing.assert_array_equal(cut.source_vertex[cut.surface.faces], surface.faces)
    # One loop, twice along the path.
    (loop,) = cut.surface.boundary_loops
    assert len(loop) == 2 * (len(path) - 1)
    assert sorted(cut.source_vertex[loop].tolist()) == sorted(path + path[1:-1])
    assert cut.surface.euler_characteristic == 1
    np.testing.assert_array_equal(cut.surface.twins, Surface(cut.surface.vertices, cut.surface.faces).twins)


@pytest.mark.parametrize("name", CLOSED)
def test_a_closed_surface_opens_to_a_disk(name):
    surface = CLOSED[name]()
    assert_opened(surface, cut_to_disk(surface))


@pytest.mark.parametrize("name", ["pial_left", "infl_right"])
def test_a_brain_opens_to_a_disk(brain, name):
    assert_opened(brain(name), cut_to_disk(brain(name)))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 161), min_size=2, max_size=4, unique=True))
def test_the_cut_passes_the_given_vertices_in_order(passed):
    surface = icosphere(2)
    pairs = {tuple(e) for e in surface.halfedges.tolist()}
    assume(len(passed) > 2 or tuple(passed) not in pairs)
    try:
        cut = cut_to_disk(surface, passed)
    except GeometryError as error:
        # A later vertex may be walled in by the legs before it.
        assume("avoids the earlier" not in str(error))
        raise
    assert_opened(surface, cut)
    assert [v for v in cut.path.tolist() if v in passed] == passed
    assert (cut.path[0], cut.path[-1]) == (passed[0], passed[-1])


def test_a_whole_path_is_taken_as_it_is():
    surface = icosphere(2)
    path = cut_to_disk(surface).path
    np.testing.assert_array_equal(cut_to_disk(surface, path).path, path)


@pytest.mark.parametrize(
    ("path", "message", "ids"),
    [
        ([0, 1, 0], "twice", (0,)),
        ([0, 99], "not on the surface", (99,)),
        ([0, -1], "not on the surface", (-1,)),
        ([0, 6], "not on the surface", (6,)),
        ([0, 2], "at least two edges", (0, 2)),
        ([3], "at least two edges", (3,)),
        ([0, 2, 3, 4, 5, 1], "avoids the earlier", (3,)),
    ],
)
def test_bad_paths_are_refused(path, message, ids):
    base = octahedron()
    surface = Surface(np.concatenate([base.vertices, [[9, 9, 9]]]), base.faces)
    with pytest.raises(GeometryError, match=message) as caught:
        cut_to_disk(surface, path)
    assert caught.value.ids == ids


def test_the_cut_runs_along_a_long_finger():
    surface = torture.finger(12.0, 12, capped=True)
    along = surface.vertices[cut_to_disk(surface).path][:, 2]
    assert along.min() < 0.0
    assert along.max() > 12.0


def test_no_corner_of_the_cut_is_cut_off(brain):
    surface = brain("white_left")
    path = cut_to_disk(surface).path
    pairs = {tuple(e) for e in surface.halfedges.tolist()}
    assert not any((a, c) in pairs for a, c in zip(path.tolist(), path[2:].tolist(), strict=False))


def test_edge_graph_holds_each_edge_twice_with_its_length_over_the_mean():
    graph = edge_graph(tetrahedron().with_vertices([[0, 0, 0], [3, 0, 0], [0, 4, 0], [0, 0, 12]])).toarray()
    np.testing.assert_array_equal(graph, graph.T)
    lengths = np.array([3, 4, 12, 5, np.sqrt(153), np.sqrt(160)])
    np.testing.assert_allclose(graph[np.triu_indices(4, 1)], lengths / lengths.mean(), atol=1e-6)


def test_the_cut_of_a_symmetric_surface_is_the_same_in_any_unit():
    surface = icosphere(2)
    path = cut_to_disk(surface).path
    for unit in (1e-12, 0.1, 1 / 3, 1e12):
        np.testing.assert_array_equal(cut_to_disk(surface.with_vertices(unit * surface.vertices)).path, path)
