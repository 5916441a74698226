import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import bumpy_sphere, disk, relief

from meshot.area import area_preserving_map
from meshot.base.errors import GeometryError, OptionError
from meshot.maps.distortion import distortion
from meshot.maps.measure import as_measure
from meshot.meshes.surface import Surface


def patch(surface, center, radius):
    """Faces with their middle within a radius of a point."""
    return np.linalg.norm(surface.corners.mean(axis=1) - center, axis=1) < radius


def test_without_a_prescription_the_measure_is_the_area():
    surface = relief(6)
    measure = as_measure(surface)
    assert measure.kind == "area"
    assert measure.faces == pytest.approx(surface.face_areas / surface.area)
    assert measure.vertices == pytest.approx(surface.vertex_areas / surface.area)


def test_a_constant_density_and_the_vertex_areas_are_the_area_too():
    surface = relief(6)
    plain = as_measure(surface)
    for options in (
        {"density": np.full(len(surface.faces), 7.0)},
        {"density": np.full(len(surface.vertices), 1e-9)},
        {"masses": 3 * surface.vertex_areas},
    ):
        measure = as_measure(surface, **options)
        assert measure.faces == pytest.approx(plain.faces)
        assert measure.vertices == pytest.approx(plain.vertices)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from(["masses", "density"]))
def test_faces_and_vertices_hold_the_same_total(seed, kind):
    surface = relief(5)
    values = np.random.default_rng(seed).lognormal(0, 2, len(surface.vertices))
    measure = as_measure(surface, **{kind: values})
    assert measure.faces.sum() == pytest.approx(1)
    assert measure.vertices.sum() == pytest.approx(1)
    assert (measure.faces > 0).all()
    if kind == "masses":
        assert measure.vertices == pytest.approx(values / values.sum())


@pytest.mark.parametrize("name", ["masses", "density"])
def test_numbers_lost_beside_the_greatest_are_refused_by_name(name):
    surface = disk(3)
    values = np.full(len(surface.vertices), 1e308)
    values[[4, 9]] = 1e290
    with pytest.raises(GeometryError, match=f"{name} must be more than rounding errors") as refused:
        as_measure(surface, **{name: values})
    assert refused.value.ids == (4, 9)
    values[[4, 9]] = 1e294
    assert (as_measure(surface, **{name: values}).faces > 0).all()


@pytest.mark.parametrize("name", ["masses", "density"])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_a_number_that_is_not_positive_is_refused_by_name(name, value):
    surface = disk(3)
    values = np.ones(len(surface.vertices))
    values[[4, 9]] = value
    with pytest.raises(GeometryError, match=f"{name} must be positive and finite at every vertex") as refused:
        area_preserving_map(surface, **{name: values})
    assert refused.value.ids == (4, 9)


def test_faces_are_named_for_a_density_of_faces():
    density = np.ones(len(disk(3).faces))
    density[5] = -2
    with pytest.raises(GeometryError, match="at every face") as refused:
        as_measure(disk(3), density=density)
    assert refused.value.ids == (5,)


@pytest.mark.parametrize(
    ("name", "shape"), [("masses", (54,)), ("masses", (37, 1)), ("density", (12,)), ("density", ())]
)
def test_a_wrong_number_of_numbers_is_refused(name, shape):
    with pytest.raises(GeometryError, match="got an array of shape"):
        as_measure(disk(3), **{name: np.ones(shape)})


def test_masses_and_density_do_not_go_together():
    with pytest.raises(OptionError, match="not both"):
        as_measure(disk(2), masses=np.ones(19), density=np.ones(24))


def test_vertices_without_a_face_need_no_mass():
    plain = disk(3)
    padded = Surface(np.concatenate([plain.vertices, plain.vertices[:2]]), plain.faces)
    masses = np.append(np.ones(len(plain.vertices)), [0.0, np.nan])
    measure = as_measure(padded, masses=masses)
    assert measure.vertices[-2:].tolist() == [0, 0]
    assert measure.vertices[:-2] == pytest.approx(1 / len(plain.vertices))


@pytest.mark.parametrize("surface", [relief(12, 0.8), bumpy_sphere(3)], ids=["open", "closed"])
@pytest.mark.parametrize("factor", [4.0, 0.1])
def test_a_marked_part_is_enlarged_exactly(surface, factor):
    marked = patch(surface, surface.vertices[len(surface.vertices) // 3], 0.35)
    density = np.where(marked, factor, 1.0)
    amap = area_preserving_map(surface, density=density, tol=1e-8)
    wanted = density * surface.face_areas / (density @ surface.face_areas)
    areas = amap.signed_areas / amap.signed_areas.sum()
    assert np.std(areas / wanted) <= 1e-2
    assert areas[marked].sum() == pytest.approx(wanted[marked].sum(), rel=1e-2)
    assert (areas > 0).all()
    assert np.abs(amap.transport.masses / np.pi / amap.measure.vertices - 1).max() <= 1e-6
    judged = distortion(amap)
    assert judged.area_ratio == pytest.approx(areas / wanted)
    assert judged.magnification == pytest.approx(areas / surface.face_areas * surface.area)


def test_masses_are_met_by_cells_also_along_a_cut():
    surface = bumpy_sphere(2)
    masses = 1 + np.random.default_rng(1).random(len(surface.vertices))
    amap = area_preserving_map(surface, masses=masses, tol=1e-9)
    together = np.bincount(amap.source_vertex, amap.transport.diagram.masses)
    assert together == pytest.approx(np.pi * masses / masses.sum(), rel=1e-8)
    assert distortion(amap).summary()["area"]["ratio_sd"] <= 1e-2


def test_a_radial_density_on_a_flat_disk_gives_the_map_known_in_closed_form():
    """Density 2 - r^2 sends the radius r to R with R^2 = the share of the measure within r, (4 r^2 - r^4) / 3."""
    errors, sizes = [], (6, 12, 24)
    for rings in sizes:
        surface = disk(rings)
        radius = np.hypot(*surface.vertices.T[:2])
        middle = np.linalg.norm(surface.corners.mean(axis=1), axis=1)
        uv = area_preserving_map(surface, density=2 - middle**2).uv
        wanted = np.sqrt((4 * radius**2 - radius**4) / 3)
        errors.append(np.sqrt(np.mean((np.hypot(*uv.T) - wanted) ** 2)))
    rate = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert rate > 1
    assert errors[-1] < 3e-3


def test_a_tiny_density_works():
    surface = disk(10)
    marked = patch(surface, [0.4, 0.2, 0.0], 0.12)
    amap = area_preserving_map(surface, density=np.where(marked, 1e-6, 1.0))
    area = distortion(amap).summary()["area"]
    assert area["flipped"] == 0
    assert area["ratio_sd"] <= 1e-2
    assert amap.signed_areas[marked].sum() < 1e-6


def test_a_smooth_density_over_three_orders_of_magnitude():
    surface = disk(16)
    distance = np.linalg.norm(surface.vertices[:, :2] - [0.3, 0.1], axis=1)
    amap = area_preserving_map(surface, density=1e-3 ** np.exp(-((distance / 0.4) ** 2)))
    area = distortion(amap).summary()["area"]
    assert area["flipped"] == 0
    assert area["ratio_sd"] <= 1e-2


def test_on_the_sphere_as_in_the_disk():
    surface = bumpy_sphere(3)
    marked = patch(surface, surface.vertices[0], 0.4)
    amap = area_preserving_map(surface, to="sphere", density=np.where(marked, 3.0, 1.0))
    area = distortion(amap).summary()["area"]
    assert area["ratio_sd"] <= 1e-2
    assert area["flipped"] == 0


def test_the_input_stays_as_it_was():
    surface, density = disk(3), np.arange(1.0, 55.0)
    area_preserving_map(surface, density=density, tol_area=None)
    assert density.tolist() == np.arange(1.0, 55.0).tolist()
