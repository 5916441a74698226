from dataclasses import replace

import numpy as np
import pytest
import shapes
from handmade import cap_maps, flat_map, sphere_maps
from hypothesis import given, settings
from hypothesis import strategies as st

import meshot
from meshot.base.errors import GeometryError
from meshot.maps.measure import as_measure
from meshot.maps.solid_map import SolidMap
from meshot.maps.surface_map import SurfaceMap
from meshot.maps.verification import bijectivity
from meshot.meshes.solid import Solid
from meshot.meshes.surface import Surface


def ball_map(levels=2):
    ball = shapes.ball_solid(levels)
    return SolidMap(ball.with_vertices(ball.vertices * [2.0, 1.0, 0.5]), ball.vertices)


def mirrored(mapped):
    return replace(mapped, image=mapped.image * ([1, -1] if mapped.image.shape[1] == 2 else [1, -1, 1]))


MAPS = {"disk": cap_maps()[1], "sphere": sphere_maps()[0], "ball": ball_map()}


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("target", MAPS)
def test_bijective_maps_are_proved_to_be(target, mirror):
    mapped = mirrored(MAPS[target]) if mirror else MAPS[target]
    proof = meshot.verify(mapped)
    assert proof.bijective
    assert proof.obstacle == ""
    assert (proof.target, proof.cells, proof.winding) == (target, len(mapped.mesh.cells), 1)
    assert len(proof.flipped) == len(proof.crowded) == 0


@pytest.mark.parametrize("target", MAPS)
def test_errors_are_those_of_the_distortion_with_a_bound(target):
    mapped = MAPS[target]
    proof, off = meshot.verify(mapped), meshot.distortion(mapped).summary()
    wanted = off["volume" if target == "ball" else "area"]["ratio_max_deviation"]
    assert proof.largest_error == pytest.approx(wanted, rel=1e-9, abs=1e-12)
    assert proof.largest_error <= proof.error_bound <= proof.largest_error * (1 + 1e-15) + 1e-16


@pytest.mark.parametrize("target", MAPS)
def test_a_moved_vertex_is_found(target):
    mapped = MAPS[target]
    inner = int(np.argmin(np.linalg.norm(mapped.image - [0.3] * mapped.image.shape[1], axis=1)))
    image = mapped.image.copy()
    image[inner] *= -1
    proof = meshot.verify(replace(mapped, image=image))
    assert not proof.bijective
    assert "flipped (ids" in proof.obstacle
    assert (mapped.mesh.cells[proof.flipped] == inner).any(axis=1).all()


def fan(turns, count=12):
    """Triangles around a vertex, whose image goes around a point several times."""
    angle = 2 * np.pi * turns * np.arange(count) / count
    rim = np.arange(1, count + 1)
    faces = np.column_stack([np.zeros(count, dtype=int), rim, np.roll(rim, -1)])
    places = np.vstack([[0, 0], np.column_stack([np.cos(angle), np.sin(angle)])])
    once = 2 * np.pi * np.arange(count) / count
    surface = Surface(np.vstack([[0, 0, 0], np.column_stack([np.cos(once), np.sin(once), 0 * once])]), faces)
    return surface, places


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_what_goes_around_twice_is_not_bijective_although_no_face_is_flipped(turns):
    surface, places = fan(turns)
    proof = meshot.verify(flat_map(surface, places))
    assert len(proof.flipped) == 0
    assert proof.winding == turns
    assert proof.bijective == (turns == 1)
    assert proof.obstacle == ("" if turns == 1 else f"the boundary goes around {turns} times")


def test_a_sphere_covered_twice_is_not_bijective_although_no_face_is_flipped():
    # two fans, glued along a rim that goes around the equator twice: a branched covering of degree two
    surface, places = fan(2)
    rim, faces = np.column_stack([places[1:], np.zeros(12)]), surface.faces
    below = np.where(faces == 0, 13, faces)[:, ::-1]
    image = np.vstack([[0, 0, 1], rim, [0, 0, -1]])
    shape = np.vstack([surface.vertices + np.eye(3)[2], [0, 0, -1]])
    shape[1:-1, 2] = 0
    proof = meshot.verify(SurfaceMap(Surface(shape, np.vstack([faces, below])), image, np.arange(14)))
    assert len(proof.flipped) == 0
    assert proof.obstacle == "the sphere is covered 2 times"


def test_a_boundary_that_crosses_itself_is_not_simple():
    # a strip of squares bent into a ring and beyond, so that its ends overlap
    strip = shapes.grid(12, 1)
    along, across = strip.vertices[:, 0] / strip.vertices[:, 0].max(), strip.vertices[:, 1]
    radius, angle = 1 + across, -2.3 * np.pi * along
    proof = meshot.verify(flat_map(strip, np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])))
    assert len(proof.flipped) == 0
    assert proof.obstacle == "the boundary may cross itself"


def test_images_that_do_not_hold_the_origin_are_seen_from_their_middle():
    apart = flat_map(shapes.disk(3), shapes.disk(3).vertices[:, :2] + [5, 2])
    assert meshot.verify(apart).bijective
    ball = ball_map(1)
    assert meshot.verify(replace(ball, image=ball.image + np.array([5, 2, 1]))).bijective


def test_a_surface_with_a_hole_or_of_two_parts_is_not_proved():
    ring = shapes.annulus()
    assert not meshot.verify(flat_map(ring)).bijective
    two = shapes.join(shapes.disk(2), shapes.disk(2))
    assert not meshot.verify(flat_map(two)).bijective
    assert meshot.verify(flat_map(two, np.tile(shapes.disk(2).vertices[:, :2], (2, 1)))).winding == 2


def test_an_open_surface_does_not_cover_the_sphere():
    half = shapes.cap(4)
    proof = meshot.verify(SurfaceMap(half, half.vertices, np.arange(len(half.vertices))))
    assert proof.obstacle == "the surface is not closed"


@pytest.mark.parametrize(
    "faces",
    [[[0, 1, 2], [0, 1, 3]], [[0, 1, 2], [1, 0, 3], [0, 1, 4]]],
    ids=["two on the same side", "three at an edge"],
)
def test_cells_that_do_not_fit_are_named(faces):
    surface = Surface([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, -1, 0], [1, 1, 0]], faces)
    proof = meshot.verify(flat_map(surface))
    assert proof.crowded.tolist() == list(range(len(faces)))
    assert "without an orientation that fits those beside (ids 0, 1" in proof.obstacle


def test_tetrahedra_on_the_same_side_of_a_face_are_named():
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0.2, 0.2, 2]])
    solid = Solid(points, [[0, 1, 2, 3], [0, 1, 2, 4]])
    assert bijectivity(SolidMap(solid, points)).crowded.tolist() == [0, 1]


# ---------------------------------------------------------------------------------------------------------------------
# exact arithmetic


def thin_square(shift):
    """A square cut along its diagonal, and the image of one corner `shift` units in the last place off the diagonal."""
    square = Surface([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    places = np.array([[0.1, 0.1], [0.7, 0.7 - shift * 2.0**-53], [0.9, 0.9], [0.1, 0.9]])
    return flat_map(square, places)


@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_one_unit_in_the_last_place_decides(shift):
    proof = meshot.verify(thin_square(shift))
    assert proof.in_doubt > 0
    assert proof.flipped.tolist() == ([] if shift > 0 else [0])
    assert proof.bijective == (shift > 0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 1.0))
def test_no_verdict_is_wrong(seed, amount):
    """Maps near the edge of folding: the verdict is that of a count of preimages."""
    rng = np.random.default_rng(seed)
    flat = shapes.disk(3)
    places = flat.vertices[:, :2].copy()
    inner = np.linalg.norm(places, axis=1) < 0.9
    places[inner] += amount * rng.normal(scale=0.2, size=(inner.sum(), 2))
    proof = meshot.verify(flat_map(flat, places))
    points = rng.uniform(-0.6, 0.6, (300, 2))
    a, b, c = places[flat.faces].transpose(1, 0, 2)

    def left(p, q, x):
        return (q - p)[:, None, 0] * (x - p[:, None])[..., 1] - (q - p)[:, None, 1] * (x - p[:, None])[..., 0] > 0

    sides = [left(p, q, points[None]) for p, q in ((a, b), (b, c), (c, a))]
    covered = (np.all(sides, axis=0) | ~np.any(sides, axis=0)).sum(axis=0)
    if proof.bijective:
        assert (covered == 1).all()
    elif (covered > 1).any():
        assert len(proof.flipped)


# ---------------------------------------------------------------------------------------------------------------------
# shares


def test_a_similarity_is_without_error_to_the_last_place():
    flat = shapes.disk(6)
    proof = meshot.verify(flat_map(flat.with_vertices(flat.vertices * 4)))
    assert proof.largest_error < 1e-18
    assert proof.error_bound < 1e-16


def test_a_known_error():
    square = Surface([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    # shares 5/8 and 3/8 in place of halves
    moved = meshot.verify(flat_map(square, [[0, 0], [1.25, 0], [1, 1], [0, 0.75]]))
    assert (moved.largest_error, moved.worst) == (0.25, 0)
    assert 0 < moved.error_bound - 0.25 < 1e-16
    wanted = as_measure(square, density=[5, 3])
    kept = meshot.verify(replace(flat_map(square, [[0, 0], [1.25, 0], [1, 1], [0, 0.75]]), measure=wanted))
    assert kept.error_bound < 1e-16


def test_shares_are_summed_over_the_parts_of_a_face():
    surface = shapes.disk(2)
    order = np.random.default_rng(0).permutation(4 * len(surface.faces))
    a, b, c = surface.faces.T
    count = len(surface.vertices)
    key = np.sort(surface.halfedges, axis=1) @ [count, 1]
    known, middle = np.unique(key, return_inverse=True)
    ab, bc, ca = (count + middle.reshape(-1, 3)).T
    faces = np.stack([[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]], axis=0).transpose(2, 0, 1).reshape(-1, 3)
    middles = surface.vertices[np.stack(np.divmod(known, count), axis=1)].mean(axis=1)
    cut = Surface(np.vstack([surface.vertices, middles]), faces[order])
    source = np.repeat(np.arange(len(surface.faces)), 4)[order]
    image = cut.vertices[:, :2].copy()
    rng = np.random.default_rng(1)
    at_rim = np.isin(np.arange(len(known)), np.flatnonzero(np.bincount(middle.ravel()) == 1))
    moved = count + np.flatnonzero(~at_rim)[:1]
    image[moved] += rng.normal(scale=0.01, size=(1, 2))
    parts = meshot.verify(flat_map(cut, image))
    whole = meshot.verify(flat_map(cut, image), source_cell=source)
    areas = np.bincount(source, shapes.plane_areas(cut.faces, image))
    wanted = np.bincount(source, cut.face_areas)
    ratio = areas / areas.sum() / (wanted / wanted.sum())
    assert whole.largest_error == pytest.approx(np.abs(ratio - 1).max(), rel=1e-9)
    assert abs(ratio[whole.worst] - 1) == pytest.approx(whole.largest_error, rel=1e-9)
    assert whole.largest_error < parts.largest_error
    assert whole.bijective


def test_images_that_are_not_finite_are_refused():
    mapped = flat_map(shapes.disk(2))
    image = mapped.image.copy()
    image[0] = np.nan
    with pytest.raises(GeometryError, match="image is not finite"):
        meshot.verify(replace(mapped, image=image))


def test_vertices_of_no_face_do_not_count():
    flat = shapes.disk(2)
    spare = Surface(np.vstack([flat.vertices, [[np.nan] * 3]]), flat.faces)
    image = np.vstack([flat.vertices[:, :2], [[np.nan] * 2]])
    assert meshot.verify(flat_map(spare, image)).bijective


def test_an_image_without_area_is_refused():
    with pytest.raises(GeometryError, match="has no area"):
        meshot.verify(flat_map(shapes.disk(2), np.zeros((19, 2))))
