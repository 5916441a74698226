import numpy as np
import pytest
import torture
from shapes import bumpy_sphere, disk, icosphere, octahedron, tetrahedron

from meshot import conformal_map
from meshot.base.errors import GeometryError, OptionError, TopologyError
from meshot.conformal.sphere import folded_on_sphere, from_tangent_plane, in_plane, on_sphere
from meshot.maps.affine import beltrami
from meshot.meshes.surface import Surface

CLOSED = [name for name in torture.CASES if not torture.CASES[name]().boundary_loops]


def assert_embedded(mapped):
    points, faces = mapped.points, mapped.surface.faces
    assert np.abs(np.linalg.norm(points[mapped.surface.referenced], axis=1) - 1).max() < 1e-14
    a, b, c = points[faces].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    longest = np.max([np.sum((p - q) ** 2, axis=1) for p, q in ((a, b), (b, c), (c, a))], axis=0)
    assert np.all(np.sum(normal * (a + b + c), axis=1) > 0)
    assert np.all(0.5 * np.linalg.norm(normal, axis=1) > 1e-12 * longest)
    # Covered once: the solid angles sum to 4 pi.
    volume = np.sum(a * np.cross(b, c), axis=1)
    below = 1 + np.sum(a * b, axis=1) + np.sum(b * c, axis=1) + np.sum(c * a, axis=1)
    assert 2 * np.arctan2(volume, below).sum() == pytest.approx(4 * np.pi)


@pytest.mark.parametrize("name", CLOSED)
def test_torture_set_is_embedded(name):
    assert_embedded(conformal_map(torture.CASES[name](), to="sphere"))


@pytest.mark.parametrize("name", ["pial_left", "white_right", "infl_left"])
def test_brains_are_embedded_and_centered(brain, name):
    mapped = conformal_map(brain(name), to="sphere")
    assert_embedded(mapped)
    assert mapped.uv is None
    assert np.linalg.norm(mapped.surface.vertex_areas @ mapped.points) < 1e-10 * mapped.surface.area


def test_long_limbs_keep_their_faces():
    # The end of the finger shrinks by e^-40 in area.
    assert_embedded(conformal_map(torture.finger(40.0, 12, capped=True), to="sphere"))


def sphere_error(surface):
    """Distance of the image from the sphere itself, after the best rotation."""
    points = conformal_map(surface, to="sphere").points
    exact = surface.vertices / np.linalg.norm(surface.vertices, axis=1)[:, None]
    u, _, v = np.linalg.svd(points.T @ exact)
    return np.abs(points @ (u @ v) - exact).max()


def test_a_round_sphere_is_mapped_to_itself_to_second_order():
    errors = [sphere_error(icosphere(k, 7.0)) for k in (2, 3, 4)]
    assert np.polyfit([2, 3, 4], np.log2(errors), 1)[0] < -1.7
    assert errors[-1] < 2e-3


def test_platonic_solids_are_mapped_to_themselves():
    for solid in (tetrahedron(), octahedron()):
        assert sphere_error(solid) < 1e-9


def test_moebius_images_of_the_sphere_are_undone():
    sphere = icosphere(4)
    with np.errstate(invalid="ignore"):
        squeezed = on_sphere(np.nan_to_num(0.5 * in_plane(sphere.vertices)))
    points = conformal_map(sphere.with_vertices(squeezed), to="sphere").points
    u, _, v = np.linalg.svd(points.T @ squeezed)
    assert np.abs(points @ (u @ v) - squeezed).max() < 5e-3


def test_distortion_falls_with_the_edge_length():
    means = []
    for k in (2, 3, 4):
        mapped = conformal_map(bumpy_sphere(k), to="sphere")
        # Seen from a point of the sphere opposite to a face, that face and its neighbors are left out.
        z = in_plane(mapped.points)
        near = np.abs(z[mapped.surface.faces]).max(axis=1) < 3
        means.append(np.abs(beltrami(mapped.surface, z)[near]).mean())
    assert np.log2(np.array(means[:-1]) / means[1:]).min() > 0.9


def test_first_vertex_is_north_and_its_first_neighbor_east():
    surface = bumpy_sphere(2)
    points = conformal_map(surface, to="sphere").points
    np.testing.assert_allclose(points[0], [0, 0, 1], atol=1e-14)
    neighbor = points[surface.edges[surface.edges[:, 0] == 0][0, 1]]
    assert neighbor[1] == pytest.approx(0, abs=1e-14)
    assert neighbor[0] > 0


def test_motion_and_scale_do_not_matter():
    surface = bumpy_sphere(3)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    moved = surface.with_vertices(1e5 * surface.vertices @ turn + 3)
    expected = conformal_map(surface, to="sphere").points
    np.testing.assert_allclose(conformal_map(moved, to="sphere").points, expected, atol=1e-8)


def test_unreferenced_vertices_are_kept_without_image():
    base = icosphere(2)
    surface = Surface(np.concatenate([base.vertices, [[5.0, 5, 5]]]), base.faces)
    points = conformal_map(surface, to="sphere").points
    assert np.isnan(points[-1]).all()
    np.testing.assert_allclose(points[:-1], conformal_map(base, to="sphere").points, atol=1e-12)


def test_signed_areas_on_the_sphere():
    mapped = conformal_map(icosphere(3), to="sphere")
    assert mapped.signed_areas.min() > 0
    assert mapped.signed_areas.sum() == pytest.approx(4 * np.pi, rel=2e-2)


def test_open_surfaces_and_paths_are_refused():
    with pytest.raises(TopologyError, match="closed"):
        conformal_map(disk(3), to="sphere")
    with pytest.raises(OptionError, match="path"):
        conformal_map(icosphere(2), to="sphere", path=[0, 1, 2])
    with pytest.raises(OptionError, match="always normalized by area"):
        conformal_map(icosphere(2), to="sphere", normalize="distortion")


def test_what_cannot_be_embedded_is_refused(monkeypatch):
    from meshot.conformal import sphere

    monkeypatch.setattr(sphere, "folded_on_sphere", lambda faces, points: np.arange(len(faces)) == 2)
    with pytest.raises(GeometryError, match="folds") as caught:
        conformal_map(icosphere(1), to="sphere")
    assert caught.value.ids == (2,)


def test_hemisphere_is_the_last_resort(monkeypatch):
    from meshot.conformal import sphere

    monkeypatch.setattr(
        sphere, "_smoothed_folds", lambda surface, points: (-points, np.zeros(len(surface.faces), bool))
    )
    assert_embedded(conformal_map(torture.closed_needles(), to="sphere"))


def test_projections_are_inverse_to_each_other():
    rng = np.random.default_rng(0)
    z = np.exp(rng.normal(0, 8, 50)) * np.exp(1j * rng.uniform(0, 6, 50))
    np.testing.assert_allclose(in_plane(on_sphere(z)), z, rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(on_sphere(z), axis=1), 1, rtol=1e-15)
    assert np.isinf(in_plane(np.array([[0.0, 0, -1]]))[0])


def test_central_projection_keeps_straight_lines():
    line = np.linspace(-2, 3, 7) * (1 + 2j) + 0.5
    points = from_tangent_plane(line)
    assert np.linalg.svd(points)[1][2] < 1e-15
    assert points[:, 2].min() > 0


def test_folded_tells_flipped_and_flat_faces():
    points = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [np.sqrt(0.5), np.sqrt(0.5), 0]])
    faces = np.array([[0, 1, 2], [1, 0, 2], [0, 1, 3], [0, 0, 1]])
    assert folded_on_sphere(faces, points).tolist() == [False, True, True, True]
