import numpy as np
import pytest
import torture
from outcomes import Recorder
from scipy.optimize import brentq, least_squares
from scipy.spatial.transform import Rotation
from scipy.special import ellipj, ellipk
from shapes import bumpy_sphere, cap, cylinder, disk, grid, icosphere, relief, tetrahedron, torus
from similar import assert_unit_and_place_do_not_matter

from meshot import conformal_map
from meshot.base.arrays import cross2
from meshot.base.errors import GeometryError, OptionError, TopologyError
from meshot.conformal.moebius import DiskMoebius
from meshot.meshes.surface import Surface

BRAINS = ["pial_left", "pial_right", "white_left", "infl_left", "flat_left", "flat_right"]


def assert_embedded(mapped):
    """No face flipped or degenerate by the judge's measure, the boundary on the circle and run through once."""
    uv, faces = mapped.uv, mapped.surface.faces
    a, b, c = uv[faces].transpose(1, 0, 2)
    longest = np.max([np.sum((p - q) ** 2, axis=1) for p, q in ((a, b), (b, c), (c, a))], axis=0)
    assert np.all(0.5 * cross2(b - a, c - a) > 1e-12 * longest)
    (loop,) = mapped.surface.boundary_loops
    assert np.abs(np.linalg.norm(uv[loop], axis=1) - 1).max() <= 1e-12
    z = uv[loop] @ [1, 1j]
    turns = np.angle(np.roll(z, -1) / z)
    assert turns.min() > 0
    assert turns.sum() == pytest.approx(2 * np.pi)


def centroid(mapped):
    return mapped.surface.vertex_areas @ np.nan_to_num(mapped.uv) / mapped.surface.area


@pytest.mark.parametrize("name", torture.CASES)
def test_torture_set_is_embedded(name):
    surface = torture.CASES[name]()
    mapped = conformal_map(surface)
    assert_embedded(mapped)
    assert 0 <= mapped.notes["repaired_faces"] <= len(surface.faces)


@pytest.mark.parametrize("normalize", ["none", "distortion"])
@pytest.mark.parametrize("name", ["caps 1e-3", "maze", "three edges", "star", "closed needles", "triangle"])
def test_torture_set_is_embedded_however_it_is_normalized(name, normalize):
    assert_embedded(conformal_map(torture.CASES[name](), normalize=normalize))


@pytest.mark.parametrize("name", BRAINS)
def test_brains_are_embedded(brain, name):
    surface = brain(name)
    mapped = conformal_map(surface)
    assert_embedded(mapped)
    np.testing.assert_array_equal(np.isnan(mapped.uv).any(axis=1), ~mapped.surface.referenced)
    assert mapped.notes["repaired_faces"] < 100


# ---------------------------------------------------------------------------------------------------------------------
# known maps


def moebius_error(z, w):
    """Largest distance between z and w after the best Moebius map of the disk."""

    def moved(p):
        return DiskMoebius(complex(p[0], p[1]), np.exp(1j * p[2]))(z) - w

    start = z[np.argmin(np.abs(w))]
    edge = np.argmax(np.abs(w))
    turn = np.angle(w[edge] / DiskMoebius(complex(start))(z[edge]))
    fit = least_squares(lambda p: np.concatenate([moved(p).real, moved(p).imag]), [start.real, start.imag, turn])
    return np.abs(moved(fit.x)).max()


def to_disk(square):
    """Conformal map of the square [-1, 1]^2 to the disk: Jacobi's sn to the half-plane, then Cayley's map."""
    m = brentq(lambda m: ellipk(1 - m) - 2 * ellipk(m), 1e-9, 0.5)
    half = ellipk(m)
    s, c, d, _ = ellipj(square.real * half, m)
    s1, c1, d1, _ = ellipj((square.imag + 1) * half, 1 - m)
    with np.errstate(divide="ignore", invalid="ignore"):
        below = c1**2 + m * s**2 * s1**2
        upper = (s * d1 + 1j * c * d * s1 * c1) / below
        s0, c0, _, _ = ellipj(half, 1 - m)
        image = (upper - 1j * s0 / c0) / (upper + 1j * s0 / c0)
    # The middle of the upper side goes to infinity in the half-plane.
    return np.where(np.isfinite(image), image, 1.0)


def known_disk(n):
    surface = disk(n)
    return surface, surface.vertices @ [1, 1j, 0]


def known_cap(n):
    surface = cap(n, 2.0, radius=3.0)
    x, y, z = surface.vertices.T / 3.0
    return surface, (x + 1j * y) / (1 + z) / np.tan(1.0)


def known_square(n):
    surface = grid(n, n, 2.0, 2.0)
    return surface, to_disk(surface.vertices @ [1, 1j, 0] - 1 - 1j)


@pytest.mark.parametrize("known", [known_cap, known_square])
def test_error_falls_with_the_square_of_the_edge_length(known):
    sizes = np.array([8, 16, 32])
    errors = []
    for n in sizes:
        surface, exact = known(n)
        errors.append(moebius_error(conformal_map(surface).uv @ [1, 1j], exact))
    rate = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert rate > 1.8
    assert errors[-1] < 2e-3


def test_flat_disk_is_mapped_to_itself():
    surface, exact = known_disk(16)
    assert moebius_error(conformal_map(surface).uv @ [1, 1j], exact) < 1e-5


def test_moebius_images_of_the_flat_disk_are_undone():
    flat = disk(24)
    z = DiskMoebius(0.6, 1j)(flat.vertices @ [1, 1j, 0])
    surface = flat.with_vertices(np.stack([z.real, z.imag, 0 * z.real], axis=1))
    assert moebius_error(conformal_map(surface).uv @ [1, 1j], z) < 2e-3


def test_other_triangles_give_nearly_the_same_map():
    # A saddle, triangulated well and badly.
    good = grid(40, 40)
    x, y, _ = good.vertices.T
    good = good.with_vertices(np.stack([x, y, 0.5 * (x - 0.5) * (y - 0.5)], axis=1))
    cells = good.faces.reshape(-1, 2, 3)
    a, b, c, d = cells[:, 0, 0], cells[:, 0, 1], cells[:, 0, 2], cells[:, 1, 2]
    other = good.with_faces(np.concatenate([np.stack([a, b, d], axis=1), np.stack([b, c, d], axis=1)]))
    assert np.abs(conformal_map(good).uv - conformal_map(other).uv).max() < 2e-3


# ---------------------------------------------------------------------------------------------------------------------
# normalization, invariance, reproducibility


def test_area_is_centered_by_default():
    assert np.abs(centroid(conformal_map(relief(12)))).max() < 1e-12


def test_closed_surface_is_centered_too():
    assert np.abs(centroid(conformal_map(bumpy_sphere(3)))).max() < 1e-12


def test_least_distortion_has_less_area_distortion():
    def spread(mapped):
        share = mapped.surface.face_areas / mapped.surface.area
        return share @ np.log(mapped.signed_areas / np.pi / share) ** 2

    maps = {n: conformal_map(bumpy_sphere(3), normalize=n) for n in ("area", "distortion", "none")}
    assert spread(maps["distortion"]) < 0.995 * spread(maps["area"])
    assert spread(maps["distortion"]) < 0.995 * spread(maps["none"])


@pytest.mark.parametrize("normalize", ["area", "distortion", "none"])
def test_first_boundary_vertex_is_at_one(normalize):
    mapped = conformal_map(relief(6), normalize=normalize)
    np.testing.assert_array_equal(mapped.uv[mapped.surface.boundary_loops[0][0]], [1.0, 0.0])


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_motion_and_scale_do_not_matter(scale):
    surface = relief(10)
    turned = surface.vertices @ Rotation.from_rotvec([0.3, -1.2, 0.5]).as_matrix() + np.array([1.0, 2.0, 3.0])
    moved = conformal_map(surface.with_vertices(scale * turned))
    np.testing.assert_allclose(moved.uv, conformal_map(surface).uv, atol=1e-7)


def test_renumbered_vertices_give_the_same_map_up_to_a_turn():
    surface = relief(10)
    order = np.random.default_rng(0).permutation(len(surface.vertices))
    place = np.argsort(order)
    mapped = conformal_map(Surface(surface.vertices[order], place[surface.faces])).uv @ [1, 1j]
    expected = (conformal_map(surface).uv @ [1, 1j])[order]
    turn = mapped[0] / expected[0]
    np.testing.assert_allclose(mapped, turn * expected, atol=1e-9)


def test_mirror_image_is_mapped_to_the_mirror_image():
    surface = relief(10)
    mirrored = Surface(surface.vertices * [-1, 1, 1], surface.faces[:, ::-1])
    mapped, other = conformal_map(surface).uv, conformal_map(mirrored).uv
    np.testing.assert_allclose(other, mapped * [1, -1], atol=1e-9)


def test_twice_the_same():
    np.testing.assert_array_equal(conformal_map(relief(8)).uv, conformal_map(relief(8)).uv)


# ---------------------------------------------------------------------------------------------------------------------
# interface


def test_closed_surface_reports_its_cut():
    surface = icosphere(3)
    mapped = conformal_map(surface)
    path = mapped.notes["cut_path"]
    assert len(mapped.uv) == len(surface.vertices) + len(path) - 2
    np.testing.assert_array_equal(mapped.surface.vertices, surface.vertices[mapped.source_vertex])
    np.testing.assert_array_equal(mapped.source_vertex[mapped.surface.faces], surface.faces)


def test_user_path_is_followed():
    surface = icosphere(3)
    path = conformal_map(surface).notes["cut_path"][:5]
    np.testing.assert_array_equal(conformal_map(surface, path=path.tolist()).notes["cut_path"], path)


def test_a_path_for_an_open_surface_is_refused():
    with pytest.raises(OptionError, match="closed"):
        conformal_map(disk(3), path=[0, 1, 2])


def test_open_surface_keeps_its_vertices():
    surface = relief(6)
    mapped = conformal_map(surface)
    assert mapped.surface is surface
    np.testing.assert_array_equal(mapped.source_vertex, np.arange(len(surface.vertices)))
    assert "cut_path" not in mapped.notes


def test_unreferenced_vertices_are_kept_without_image():
    base = relief(6)
    surface = Surface(np.concatenate([[[9.0, 9, 9]], base.vertices, [[7.0, 7, 7]]]), base.faces + 1)
    mapped = conformal_map(surface)
    assert np.isnan(mapped.uv[[0, -1]]).all()
    np.testing.assert_allclose(mapped.uv[1:-1], conformal_map(base).uv, atol=1e-12)


def test_input_is_not_changed():
    surface = torture.caps()
    vertices, faces = surface.vertices.copy(), surface.faces.copy()
    conformal_map(surface)
    np.testing.assert_array_equal(surface.vertices, vertices)
    np.testing.assert_array_equal(surface.faces, faces)


def test_repaired_faces_are_counted():
    assert conformal_map(disk(6)).notes["repaired_faces"] == 0
    assert conformal_map(torture.caps()).notes["repaired_faces"] > 0


def test_stages_are_reported():
    heard = Recorder()
    mapped = conformal_map(tetrahedron(), progress=heard)
    assert heard.values("begin") == ["check", "cut", "conformal map"]
    assert mapped.notes["seconds"] == dict(zip(heard.values("begin"), heard.values("end"), strict=True))


@pytest.mark.parametrize(
    ("surface", "error"),
    [
        (torus(), TopologyError),
        (cylinder(), TopologyError),
        (Surface([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 1, 2]]), GeometryError),
    ],
)
def test_what_check_refuses_is_refused(surface, error):
    with pytest.raises(error):
        conformal_map(surface)


@pytest.mark.parametrize("options", [{"to": "torus"}, {"normalize": "centre"}])
def test_unknown_options_are_named(options):
    with pytest.raises(ValueError, match=next(iter(options.values()))):
        conformal_map(disk(3), **options)


@pytest.mark.parametrize("normalize", ["area", "distortion", "none"])
@pytest.mark.parametrize("surface", [relief(8), grid(6, 5), bumpy_sphere(2)], ids=["relief", "grid", "closed"])
def test_unit_and_place_do_not_matter(surface, normalize):
    assert_unit_and_place_do_not_matter(surface, lambda mesh: conformal_map(mesh, normalize=normalize).uv)


@pytest.mark.parametrize("surface", [bumpy_sphere(2), icosphere(2), tetrahedron()], ids=["bumpy", "round", "least"])
def test_unit_and_place_do_not_matter_on_the_sphere(surface):
    assert_unit_and_place_do_not_matter(surface, lambda mesh: conformal_map(mesh, to="sphere").points)
