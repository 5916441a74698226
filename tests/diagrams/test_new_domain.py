"""A new domain takes one file: an ellipse, whose cells are cut by half-planes and measured in the unit disk.

Nothing but the members of `Domain`, and an engine that cuts and measures one cell after another; the solver, the map,
the cost, the singular set and the power diagram do not know of it.
"""

import numpy as np
import pytest

from meshot import Disk, power_diagram, singular_set, solve_transport
from meshot.diagrams.edges import CellEdges
from meshot.diagrams.engine import conductance_laplacian, relative_gap
from meshot.diagrams.power_cells import LEAST, PLANE_BYTES, PowerCells, SiteEngine
from meshot.transport.initial_weights import mend

NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)


class Ellipse:
    """The ellipse with half-axes along x and y."""

    dimension, site_bytes = 2, PLANE_BYTES

    def __init__(self, center, axes):
        self.center, self.axes = np.array(center, dtype=float), np.array(axes, dtype=float)

    @property
    def measure(self):
        return float(np.pi * self.axes.prod())

    @property
    def inner_radius(self):
        return float(self.axes.min())

    def contains(self, points):
        return (((np.asarray(points) - self.center) / self.axes) ** 2).sum(axis=-1) <= 1

    def figures(self):
        return {"kind": "ellipse", "axes": self.axes.tolist(), "area": self.measure}

    def engine(self, sites, source=None):
        assert source is None
        return EllipseEngine(np.array(sites, dtype=float), self)


class EllipseEngine(SiteEngine[PowerCells]):
    def __init__(self, sites, domain):
        super().__init__(sites, sites - domain.center)
        self.domain = domain

    def diagram_above(self, least, weights, *, facet_ends=False):
        psi = np.take(weights, self.order)
        cells = [self._measured(*self._cut_out(i, psi)) for i in range(self.count)]
        measures, edges = np.array([cell[0] for cell in cells]), np.concatenate([cell[1] for cell in cells])
        if measures[:, 0].min() < least:
            return None
        starts = np.concatenate([[0], np.cumsum([len(cell[1]) for cell in cells])])
        area, x, y, second = np.take(measures, self._place, axis=0).T
        certificate = relative_gap(area, self.domain.measure)
        return PowerCells(
            self.sites, np.array(weights, dtype=float), self.domain, area, area,
            np.column_stack([x, y]) + self.domain.center, second, certificate, certificate,
            CellEdges(self.order, starts, edges[:, 0].astype(int), edges[:, 1], edges[:, 2:]),
        )  # fmt: skip

    def _cut_out(self, i, psi):
        """Corners of the cell in a frame, counter-clockwise, and what is beyond the side that starts at each."""
        corners, beyond = 1.5 * self.domain.axes * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]), -1 - np.arange(4)
        for j in np.delete(np.arange(self.count), i):
            normal = 2 * (self.local[j] - self.local[i])
            height = corners @ normal - (self.local[j] ** 2 - self.local[i] ** 2).sum() + psi[j] - psi[i]
            if (height <= 0).all():
                continue
            points, labels = [], []
            for k, m in zip(range(len(corners)), np.roll(np.arange(len(corners)), -1), strict=True):
                if height[k] <= 0:
                    points.append(corners[k])
                    labels.append(beyond[k])
                if (height[k] <= 0) != (height[m] <= 0):
                    share = height[k] / (height[k] - height[m])
                    points.append(corners[k] + share * (corners[m] - corners[k]))
                    labels.append(j if height[k] <= 0 else beyond[k])
            corners, beyond = np.array(points).reshape(-1, 2), np.array(labels, dtype=int)
            if not len(corners):
                break
        return corners, beyond

    def _measured(self, corners, beyond):
        """Area, centroid and second moment in the ellipse; and of each side what is beyond, its length and ends."""
        sides, pieces = np.zeros((len(corners), 6)), []
        for k, (start, stop) in enumerate(zip(corners, np.roll(corners, -1, axis=0), strict=True)):
            p, way = start / self.domain.axes, (stop - start) / self.domain.axes
            b, root = p @ way, (p @ way) ** 2 - way @ way * (p @ p - 1)
            low, high = np.clip((-b + np.sqrt(max(root, 0)) * np.array([-1, 1])) / max(way @ way, 1e-300), 0, 1)
            if root > 0 and low < high:
                pieces.append((p + low * way, p + high * way))
                ends = np.concatenate([start + low * (stop - start), start + high * (stop - start)])
                sides[k] = [beyond[k], (high - low) * np.hypot(*(stop - start)), *ends]
            else:
                sides[k, 0] = beyond[k]
        total = np.zeros(5)
        for k, (start, stop) in enumerate(pieces):
            total += boundary_terms(start + np.outer(NODES + 1, stop - start) / 2, (stop - start) / 2)
            total += arc_terms(stop, pieces[(k + 1) % len(pieces)][0])
        if not pieces and len(corners) and inside(corners):
            total = arc_terms(np.array([1.0, 0.0]), np.array([1.0, 0.0]), whole=True)
        area, first, square = total[0], total[1:3], total[3:]
        if not area > 0:
            return (0.0, np.nan, np.nan, 0.0), sides
        centroid, scale = first / area, self.domain.axes
        second = float((scale**2 * (square - area * centroid**2)).sum())
        return (area * scale.prod(), *(scale * centroid), second * scale.prod()), sides


def boundary_terms(points, speed):
    """Area, first moments and squares of what a curve, at the nodes, and the origin enclose, by Green's theorem."""
    (x, y), (u, v) = points.T, np.broadcast_to(speed, points.shape).T
    values = np.stack([(x * v - y * u) / 2, x**2 * v / 2, -(y**2) * u / 2, x**3 * v / 3, -(y**3) * u / 3])
    return values @ WEIGHTS


def arc_terms(start, stop, whole=False):
    """`boundary_terms` of the arc of the unit circle from one point to another, none if they are the same."""
    turn = 2 * np.pi if whole else np.arctan2(start[0] * stop[1] - start[1] * stop[0], start @ stop) % (2 * np.pi)
    total, parts = np.zeros(5), 4
    if 1e-12 < turn < 2 * np.pi - 1e-12 or whole:
        for k in range(parts):
            angle = np.arctan2(start[1], start[0]) + turn / parts * (k + (NODES + 1) / 2)
            tangent = turn / parts / 2 * np.column_stack([-np.sin(angle), np.cos(angle)])
            total += boundary_terms(np.column_stack([np.cos(angle), np.sin(angle)]), tangent)
    return total


def inside(corners):
    after = np.roll(corners, -1, axis=0)
    return (corners[:, 0] * after[:, 1] - corners[:, 1] * after[:, 0] >= 0).all()


ELLIPSE = Ellipse([3.0, -1.0], [2.0, 0.5])


def sites_in(domain, count, seed=0):
    rng = np.random.default_rng(seed)
    angle, radius = 2 * np.pi * rng.random(count), np.sqrt(rng.random(count))
    return domain.center + domain.axes * (radius * np.stack([np.cos(angle), np.sin(angle)])).T


def test_a_transport_converges_and_its_cells_tile_the_ellipse():
    sites, masses = sites_in(ELLIPSE, 60), np.random.default_rng(1).uniform(0.5, 2, 60)
    result = solve_transport(sites, masses, ELLIPSE, tol=1e-9)
    assert result.converged
    assert result.masses == pytest.approx(masses, rel=1e-9)
    assert result.certificate < 1e-12
    assert result.dual_cost == pytest.approx(result.cost)
    points = sites_in(ELLIPSE, 40_000, seed=2)
    local = points - ELLIPSE.center
    owner = ((sites - ELLIPSE.center) @ local.T + result.problem.heights(result.weights)[:, None]).argmax(axis=0)
    assert (result.locate(points) == owner).all()
    shares = masses / masses.sum()
    assert np.bincount(owner, minlength=60) / 40_000 == pytest.approx(shares, abs=5 * np.sqrt(shares.max() / 40_000))


def test_a_round_ellipse_is_the_disk():
    sites, masses = sites_in(Ellipse([0, 0], [1, 1]), 40), np.random.default_rng(1).uniform(0.5, 2, 40)
    made, known = (solve_transport(sites, masses, each, tol=1e-10) for each in (Ellipse([0, 0], [1, 1]), Disk()))
    assert made.heights == pytest.approx(known.heights, abs=1e-12)
    assert made.centroids == pytest.approx(known.centroids, abs=1e-12)
    assert made.cost == pytest.approx(known.cost, rel=1e-12)
    assert sorted(made.diagram.facets.tolist()) == sorted(known.diagram.facets.tolist())
    laplacians = [conductance_laplacian(each.diagram).toarray() for each in (made, known)]
    assert laplacians[0] == pytest.approx(laplacians[1], abs=1e-12)


def test_the_cost_of_one_and_of_two_sites():
    a, b = ELLIPSE.axes
    one = solve_transport(ELLIPSE.center[None] + [0.3, 0.4], domain=ELLIPSE)
    assert one.cost == pytest.approx(ELLIPSE.measure * ((a**2 + b**2) / 4 + 0.25))
    two = solve_transport(ELLIPSE.center + np.array([[-1.0, 0.0], [1.0, 0.0]]), domain=ELLIPSE)
    assert two.diagram.facet_measures == pytest.approx([2 * b])
    assert two.centroids[:, 0] - ELLIPSE.center[0] == pytest.approx([-4 * a / (3 * np.pi), 4 * a / (3 * np.pi)])


def test_sites_far_away():
    sites = 1e3 * sites_in(ELLIPSE, 20) + 1e6
    result = solve_transport(sites, domain=ELLIPSE)
    assert result.converged
    assert result.scale < 1


def test_the_map_tears_along_the_short_axis():
    k = np.arange(30) + 0.5
    one = 0.3 * np.sqrt(k / 30)[:, None] * np.column_stack([np.cos(2.399963 * k), np.sin(2.399963 * k)]) + [1.5, 0]
    result = solve_transport(ELLIPSE.center + np.concatenate([one, one * [-1, 1]]), domain=ELLIPSE)
    torn = singular_set(result)
    assert len(torn.sheet_measures) == 1
    assert torn.measures.sum() == pytest.approx(2 * ELLIPSE.axes[1])
    assert torn.points[:, 0] == pytest.approx(ELLIPSE.center[0], abs=1e-9)


def test_small_cells_are_raised():
    engine, wanted = ELLIPSE.engine(sites_in(ELLIPSE, 30)), np.full(30, ELLIPSE.measure / 30)
    weights = np.where(np.arange(30) == 7, -1.0, 0.0)
    assert engine.diagram(weights).empty.tolist() == [7]
    mended = mend(engine, weights, wanted, *engine.diagram(np.zeros(30)).edges.neighbors)
    assert (mended.masses >= LEAST * wanted).all()
    assert mended.certificate < 1e-12


def test_its_power_diagram():
    sites = sites_in(ELLIPSE, 12)
    diagram = power_diagram(np.concatenate([sites, sites[:1]]), domain=ELLIPSE, duplicates="merge")
    assert diagram.masses.sum() == pytest.approx(ELLIPSE.measure)
    assert diagram.empty.tolist() == [12]
