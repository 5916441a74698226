"""The laws of every diagram of cells: of the plane, of a density there, of space, of the sphere and of surfaces.

What is particular to one of them, closed forms above all, stands in its own file.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from oracle import PLANE_DOMAINS, SPACE_DOMAINS
from scipy.spatial import ConvexHull
from shapes import bumpy_sphere, cylinder, disk, icosphere, relief, rotation, scattered

from meshot.base.errors import GeometryError
from meshot.diagrams.density.densities import GridDensity, TriangulationDensity
from meshot.diagrams.density.source import DensitySource
from meshot.diagrams.domains import Ball, Box, ConvexPolygon, ConvexPolyhedron, Disk
from meshot.diagrams.plane.diagram import PowerEngine
from meshot.diagrams.power_diagram import power_diagram
from meshot.diagrams.space.diagram import SpaceEngine
from meshot.diagrams.sphere.diagram import SphereEngine, sphere_diagram
from meshot.diagrams.surface.diagram import SurfaceEngine, SurfaceSites, positions

pytestmark = pytest.mark.fast

CERTIFICATE = 1e-12


@dataclass(frozen=True)
class Case:
    """Sites in their domain or on their surface, which may have a density, and the weights."""

    sites: Any
    weights: np.ndarray
    domain: Any = None
    density: Any = None


@dataclass(frozen=True)
class Motion:
    """x -> scale turn x + shift."""

    scale: float
    turn: np.ndarray
    shift: np.ndarray

    def __call__(self, points):
        return self.scale * points @ self.turn.T + self.shift


class Kind:
    """How sites, domains and weights of one kind are made and moved, and what belongs to their diagrams."""

    dimension = 2
    weight_power = 2  # weights are lengths to this power
    rounding = 1e-12  # of masses when all is turned
    least, center_rounding = 1e-6, 1e-7  # the centroid of a cell of at least this mass is known as well as this
    inside = 0.0  # and that of one of this mass lies in the domain

    def draw(self, count, seed, strength, variant):
        raise NotImplementedError

    def fits(self, case):
        return True

    def engine(self, case):
        raise NotImplementedError

    def diagram(self, case):
        return self.engine(case).diagram(case.weights)

    def motion(self, seed, case):
        rng = np.random.default_rng(seed)
        return Motion(
            rng.choice([0.5, 1.0, 4.0]), self.turn(seed, case), rng.integers(-3, 4, self.dimension).astype(float)
        )

    def turn(self, seed, case):
        angle = np.random.default_rng(seed).uniform(0, 2 * np.pi)
        return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    def moved(self, case, motion):
        weights = motion.scale**self.weight_power * case.weights
        return Case(motion(case.sites), weights, self.moved_domain(case.domain, motion))

    def permuted(self, case, order):
        return replace(case, sites=case.sites[order], weights=case.weights[order])

    def size(self, case):
        """The sum of the masses."""
        return case.domain.measure

    def centroids(self, case, diagram):
        return diagram.centroids

    def check(self, case, diagram):
        """What else holds for every diagram."""
        assert case.domain.contains(diagram.centroids[diagram.masses > self.inside]).all()


def whole_center_and_second_moment(case, diagram, whole):
    """Centers and second moments of the cells sum to those of the domain, its diagram of one site."""
    full, center = diagram.masses > 0, case.domain.center
    arms = diagram.centroids[full] - center
    assert (diagram.masses[full] @ arms) / case.domain.measure == pytest.approx(np.zeros(len(center)), abs=1e-11)
    second = diagram.second_moments[full] + diagram.masses[full] * (arms**2).sum(axis=1)
    assert second.sum() == pytest.approx(whole.second_moments[0], rel=1e-11)


class Plane(Kind):
    def draw(self, count, seed, strength, variant):
        rng = np.random.default_rng(seed)
        angle = 2 * np.pi * rng.random(count)
        sites = 1.5 * np.sqrt(rng.random((count, 1))) * np.column_stack([np.cos(angle), np.sin(angle)])
        domain = list(PLANE_DOMAINS.values())[variant % len(PLANE_DOMAINS)]
        return Case(sites, strength * rng.standard_normal(count), domain)

    def engine(self, case):
        return PowerEngine(case.sites, case.domain)

    def moved_domain(self, domain, motion):
        if isinstance(domain, Disk):
            return Disk(motion(domain.center), motion.scale * domain.radius)
        if isinstance(domain, Box):
            (a, b), (c, d) = domain.lower, domain.upper
            return ConvexPolygon(motion(np.array([[a, b], [c, b], [c, d], [a, d]])))
        return ConvexPolygon(motion(domain.vertices))

    def large(self):
        rng = np.random.default_rng(0)
        case = replace(self.draw(3000, 0, 0.0, 0), domain=Disk())
        return case, [strength * rng.random(3000) for strength in (0.0, 1e-3, 0.1, 1e-4)]

    def refuse(self, sites, weights=None):
        power_diagram(sites, weights)

    faults = (
        ([[0, 0], [1, 0], [0, 0], [1, 1], [1, 0]], None, "coincide", (0, 1, 2, 4)),
        (np.empty((0, 2)), None, "shape", ()),
        ([[0, 0, 0, 0]], None, "shape", ()),
        ([[0, 0], [0, np.inf]], None, "not finite", (1,)),
        ([[0, 0], [1, 0]], [0.0, np.nan], "not finite", (1,)),
        ([[0, 0]], [1.0, 2.0], "finite numbers", ()),
    )

    def check(self, case, diagram):
        super().check(case, diagram)
        whole = PowerEngine(case.domain.center[None], case.domain).diagram([0.0])
        whole_center_and_second_moment(case, diagram, whole)
        if isinstance(case.domain, Disk):
            assert diagram.arcs[:, 2].sum() == pytest.approx(2 * np.pi, rel=1e-12)


class Dense(Plane):
    """Of the plane, with a density: a grid's, which is shifted and scaled, or a triangulation's, which turns too."""

    rounding = 1e-11
    inside = 1e-9

    def draw(self, count, seed, strength, variant):
        rng = np.random.default_rng(seed)
        case = super().draw(count, seed, strength, variant)
        kind, size = ("pixels", "nodes", "triangles", "vertices")[variant // 3 % 4], int(rng.integers(1, 31))
        if kind in ("triangles", "vertices"):
            flat = disk(1 + size % 8)
            values = rng.random(len(flat.faces if kind == "triangles" else flat.vertices)) ** 4
            density = TriangulationDensity(2 * flat.vertices[:, :2], flat.faces, values, at=kind)
        else:
            density = GridDensity(rng.random((size + 1, size + 3)) ** 4, [-1, -1], [1, 1], at=kind)
        return replace(case, density=density)

    def engine(self, case):
        return PowerEngine(case.sites, case.domain, DensitySource(case.density, case.domain))

    def turn(self, seed, case):
        return np.eye(2) if isinstance(case.density, GridDensity) else super().turn(seed, case)

    def moved(self, case, motion):
        return replace(super().moved(case, motion), density=self.moved_density(case.density, motion))

    def moved_density(self, density, motion):
        if isinstance(density, GridDensity):
            return GridDensity(density.values, motion(density.lower), motion(density.upper), at=density.at)
        return TriangulationDensity(motion(density.vertices), density.triangles, density.values, at=density.at)

    def size(self, case):
        return DensitySource(case.density, case.domain).mass

    def large(self):
        case, weights = super().large()
        return replace(case, density=GridDensity(np.random.default_rng(0).random((40, 40)), [-1, -1], [1, 1])), weights

    def refuse(self, sites, weights=None):
        power_diagram(sites, weights, density=GridDensity([[1.0, 2.0]], [0, 0], [1, 1]))

    def check(self, case, diagram):
        Kind.check(self, case, diagram)
        assert diagram.mass_certificate <= CERTIFICATE


class Space(Kind):
    dimension = 3
    least, center_rounding = 1e-9, 1e-6
    inside = 1e-9

    def draw(self, count, seed, strength, variant):
        rng = np.random.default_rng(seed)
        sites = rng.uniform(0.1, 3) * rng.uniform(-1, 1, (count, 3))
        return Case(sites, 4 * strength * rng.random(count), list(SPACE_DOMAINS.values())[variant % 3])

    def engine(self, case):
        return SpaceEngine(case.sites, case.domain)

    def turn(self, seed, case):
        return rotation(seed)

    def moved_domain(self, domain, motion):
        if isinstance(domain, Ball):
            return Ball(motion(domain.center), motion.scale * domain.radius)
        if isinstance(domain, Box):
            corners = np.stack(np.meshgrid(*zip(domain.lower, domain.upper, strict=True)), axis=-1).reshape(-1, 3)
            return ConvexPolyhedron(motion(corners))
        return ConvexPolyhedron(motion(domain.vertices))

    def large(self):
        rng = np.random.default_rng(0)
        sites = np.random.default_rng(3).uniform(-1, 1, (500, 3))
        steep = 0.5 * (sites**2).sum(axis=1) + sites @ [1.0, -2.0, 0.5]
        case = Case(sites, np.zeros(500), SPACE_DOMAINS["box"])
        return case, [np.zeros(500), steep, 3 * rng.random(500), steep, -steep, steep]

    def refuse(self, sites, weights=None):
        power_diagram(sites, weights, Ball())

    faults = (
        ([[0.5, 0, 0], [-0.5, 0, 0], [0.5, 0, 0]], None, "coincide", (0, 2)),
        (np.empty((0, 3)), None, "shape", ()),
        ([[0, 0]], None, "shape", ()),
        ([[0, 0, 0], [0, 0, np.inf]], None, "not finite", (1,)),
        ([[0, 0, 0], [1, 0, 0]], [np.nan, 0.0], "not finite", (0,)),
        ([[0, 0, 0]], [1.0, 2.0], "finite numbers", ()),
    )

    def check(self, case, diagram):
        super().check(case, diagram)
        whole_center_and_second_moment(case, diagram, power_diagram(case.domain.center[None], domain=case.domain))
        if isinstance(case.domain, Ball):
            assert diagram.patch_areas.sum() == pytest.approx(4 * np.pi * case.domain.radius**2, rel=1e-12)


class Sphere(Kind):
    dimension = 3
    weight_power = 0

    def draw(self, count, seed, strength, variant):
        sites = scattered(20 + 2 * count, seed)
        return Case(sites, 0.4 * strength * np.random.default_rng(seed).normal(size=len(sites)))

    def fits(self, case):
        """Whether the center lies well within the hull."""
        return ConvexHull(case.sites).equations[:, 3].max() < -0.05

    def engine(self, case):
        return SphereEngine(case.sites)

    def motion(self, seed, case):
        return Motion(1.0, rotation(seed), np.zeros(3))

    def moved_domain(self, domain, motion):
        return None

    def size(self, case):
        return 4 * np.pi

    def centroids(self, case, diagram):
        with np.errstate(invalid="ignore", divide="ignore"):
            return diagram.integrals / diagram.masses[:, None]

    def large(self):
        sites = scattered(2000)
        return Case(sites, np.zeros(2000)), [tilt * sites[:, 2] ** 2 for tilt in (0.0, 0.3, -0.3)]

    def refuse(self, sites, weights=None):
        sphere_diagram(sites, weights)

    faults = (
        ([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]], None, "coincide", (0, 3)),
        ([[1, 0, 0], [2, 0, 0], [0, 0, 1], [0, 1, 0]], None, "coincide", (0, 1)),
        ([[1, 0, 0], [0, 0, 0]], None, "no direction", (1,)),
        ([[1, 0]], None, "shape", ()),
        ([[1, 0, np.nan]], None, "finite", (0,)),
        ([[1, 0, 0], [0, 1, 0], [0, 0, 1]], None, "fewer than four", ()),
        ([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1.5]], None, "hemisphere", ()),
        (icosphere(0).vertices, np.r_[np.zeros(11), np.inf], "not finite", (11,)),
        (icosphere(0).vertices, [1.0, 2.0], "finite numbers", ()),
    )

    def check(self, case, diagram):
        assert np.abs(diagram.integrals.sum(axis=0)).max() < 1e-12


class OnSurface(Kind):
    """The sites are faces, and barycentric coordinates there; all of it moves with the surface."""

    dimension = 3
    surfaces = (relief(5), bumpy_sphere(1), cylinder(9, 3, 2.0), disk(4))

    def draw(self, count, seed, strength, variant):
        surface, rng = self.surfaces[variant % len(self.surfaces)], np.random.default_rng(seed)
        faces = rng.choice(len(surface.faces), count, p=surface.face_areas / surface.area)
        density = 1.0 + rng.integers(0, 3, len(surface.faces))
        weights = 0.02 * strength * rng.random(count)
        return Case(SurfaceSites(faces, rng.dirichlet([1, 1, 1], count)), weights, surface, density)

    def engine(self, case):
        engine = SurfaceEngine(case.domain, case.density)
        engine.place(case.sites)
        return engine

    def turn(self, seed, case):
        return rotation(seed)

    def moved(self, case, motion):
        surface = case.domain.with_vertices(motion(case.domain.vertices))
        return Case(case.sites, motion.scale**2 * case.weights, surface, case.density)

    def permuted(self, case, order):
        sites = SurfaceSites(case.sites.faces[order], case.sites.barycentric[order])
        return replace(case, sites=sites, weights=case.weights[order])

    def size(self, case):
        return case.domain.face_areas @ case.density

    def centroids(self, case, diagram):
        offsets, engine = diagram.offsets, self.engine(case)
        found = positions(case.domain, *engine.moved(np.nan_to_num(offsets)))
        found[np.isnan(offsets[:, 0])] = np.nan
        return found

    def large(self):
        case = self.draw(200, 0, 0.0, 0)
        return case, [strength * np.random.default_rng(1).random(200) for strength in (0.0, 1e-3, 1e-2, 1e-4)]

    def check(self, case, diagram):
        assert (diagram.radii[diagram.masses > 0] > 0).all()


KINDS = {"plane": Plane(), "density": Dense(), "space": Space(), "sphere": Sphere(), "surface": OnSurface()}
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)

counts, seeds, variants = st.integers(1, 200), st.integers(0, 2**31), st.integers(0, 35)
strengths = st.one_of(st.just(0.0), st.floats(0, 0.5))


def drawn(kind, count, seed, strength, variant):
    case = kind.draw(count, seed, strength, variant)
    assume(kind.fits(case))
    return case


def assert_same(kind, cases, diagrams, motion=None, order=None):
    """Compare the second diagram with the first, moved and in another order."""
    (case, other), (plain, found) = cases, diagrams
    motion = motion or Motion(1.0, np.eye(kind.dimension), np.zeros(kind.dimension))
    order = np.arange(len(plain.masses)) if order is None else order
    unit = kind.size(other) / kind.size(case)
    assert found.masses == pytest.approx(unit * plain.masses[order], abs=kind.rounding * unit)
    large = plain.masses[order] > kind.least
    wanted = motion(kind.centroids(case, plain)[order][large])
    centroids = kind.centroids(other, found)[large]
    assert centroids == pytest.approx(wanted, abs=kind.center_rounding * motion.scale)


@every_kind
@settings(max_examples=40, deadline=None)
@given(counts, seeds, strengths, variants)
@example(56, 511, 0.46875, 0)  # on the sphere: hidden sites that their nearest ones do not bury
def test_masses_tile_the_domain(kind, count, seed, strength, variant):
    case = drawn(kind, count, seed, strength, variant)
    diagram = kind.diagram(case)
    assert diagram.certificate <= CERTIFICATE
    assert (diagram.masses >= 0).all()
    assert diagram.masses.sum() == pytest.approx(kind.size(case), rel=CERTIFICATE)
    assert np.isnan(kind.centroids(case, diagram)).any(axis=1).tolist() == (diagram.masses == 0).tolist()
    kind.check(case, diagram)


@every_kind
@settings(max_examples=20, deadline=None)
@given(counts, seeds, strengths, variants)
def test_permuted_sites_have_permuted_cells(kind, count, seed, strength, variant):
    case = drawn(kind, count, seed, strength, variant)
    order = np.random.default_rng(seed).permutation(len(case.weights))
    other = kind.permuted(case, order)
    plain, found = kind.diagram(case), kind.diagram(other)
    assert found.masses == pytest.approx(plain.masses[order], abs=1e-13)
    assert_same(kind, (case, other), (plain, found), order=order)
    assert len(found.facets) == len(plain.facets)


@every_kind
@settings(max_examples=30, deadline=None)
@given(counts, seeds, strengths, variants)
def test_all_that_is_turned_shifted_and_scaled_moves_the_cells(kind, count, seed, strength, variant):
    case = drawn(kind, count, seed, strength, variant)
    motion = kind.motion(seed, case)
    other = kind.moved(case, motion)
    found = kind.diagram(other)
    assert found.certificate <= CERTIFICATE
    assert_same(kind, (case, other), (kind.diagram(case), found), motion)


@every_kind
@settings(max_examples=20, deadline=None)
@given(counts, seeds, strengths, variants, st.floats(-10, 10))
def test_a_constant_added_to_the_weights_changes_nothing(kind, count, seed, strength, variant, constant):
    case = drawn(kind, count, seed, strength, variant)
    raised = replace(case, weights=case.weights + constant)
    assert_same(kind, (case, raised), (kind.diagram(case), kind.diagram(raised)))


@every_kind
def test_what_an_engine_has_done_before_does_not_matter(kind):
    case, steps = kind.large()
    engine = kind.engine(case)
    for weights in steps:
        warm, fresh = engine.diagram(weights), kind.engine(case).diagram(weights)
        assert warm.certificate <= CERTIFICATE
        assert warm.masses == pytest.approx(fresh.masses, abs=1e-14 if kind.dimension == 2 else 1e-13)


@pytest.mark.parametrize(
    ("kind", "sites", "weights", "words", "ids"),
    [
        pytest.param(kind, *fault, id=f"{name}-{k}")
        for name, kind in KINDS.items()
        for k, fault in enumerate(getattr(kind, "faults", ()))
    ],
)
def test_bad_input_is_refused_by_the_ids(kind, sites, weights, words, ids):
    with pytest.raises(GeometryError, match=words) as caught:
        kind.refuse(sites, weights)
    assert tuple(caught.value.ids) == ids


@every_kind
def test_input_is_not_changed(kind):
    case = kind.draw(50, 0, 0.1, 0)
    arrays = [case.weights, *(case.sites if isinstance(case.sites, tuple) else [case.sites])]
    copies = [array.copy() for array in arrays]
    kind.diagram(case)
    for array, copy in zip(arrays, copies, strict=True):
        assert (array == copy).all()
