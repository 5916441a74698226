"""Quality measures of samples of a surface."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import j1

from meshot.algebra.operators import cotangent_laplacian, edge_lengths
from meshot.algebra.solve import SPDSolver
from meshot.base.arrays import Floats, Ints, norms
from meshot.diagrams.surface.diagram import SurfaceEngine, SurfaceSites, spacing
from meshot.meshes.surface import Surface
from meshot.meshes.topology import components
from meshot.sampling.geodesics import nearest_geodesic
from meshot.sampling.samples import Samples, uncut

# Rings of frequencies, up to twice that of the spacing; directions on each, fewer for many points.
RINGS, DIRECTIONS, WAVES = 48, 32, 3e7
LOW = 0.5
"""Frequencies below this share of one over the spacing are low."""


@dataclass(frozen=True, eq=False)
class SampleQuality:
    """Measures of how evenly samples are spread by area.

    Distances are relative to that of neighbors in the hexagonal packing, sqrt(2 A / (sqrt(3) n)).

    Attributes
    ----------
    nearest : (n,) float
        Geodesic distance of each point to the nearest other one; infinite for the only point of a component.
    capacity_variance : float
        Variance of the areas of the points' Voronoi cells on the surface, over their squared mean.
    discrepancy : float
        Greatest difference, over geodesic discs, between share of the points and share of the area.
    frequencies : (r,) float
        Frequencies of the spectrum in disk or sphere, in units of one over the hexagonal packing's distance there.
    power : (r,) float or None
        Mean power over the directions of each frequency, 1 for random points; None if there is no image.
    """

    nearest: Floats
    capacity_variance: float
    discrepancy: float
    frequencies: Floats
    power: Floats | None

    @property
    def minimum_distance(self) -> float:
        """delta_X, the least distance of two points; up to 1 in the plane, 0.76 for CCVT, near 0 for random points."""
        return float(self.nearest.min())

    @property
    def mean_distance(self) -> float:
        """Mean distance to the nearest point; up to 1 in the plane, 0.89 for CCVT, 0.46 for random points."""
        return float(self.nearest.mean())

    @property
    def low_frequency_power(self) -> float | None:
        """Mean power at low frequencies: 1 for random points, near 0 for blue noise; None if there is no image."""
        if self.power is None:
            return None
        return float(self.power[self.frequencies < LOW].mean())

    def summary(self) -> dict[str, float | None]:
        """Return the numbers, for a file.

        Returns
        -------
        dict of str to float or None
        """
        return {
            "minimum_distance": self.minimum_distance,
            "mean_distance": self.mean_distance,
            "capacity_variance": self.capacity_variance,
            "discrepancy": self.discrepancy,
            "low_frequency_power": self.low_frequency_power,
        }


def sample_quality(samples: Samples) -> SampleQuality:
    """Measure how evenly samples are spread over their surface.

    Distances are exact geodesics of the mesh (`meshot.sampling.geodesics`), so that points on both sides of a gap are
    not near. The Voronoi cells are cut out of the faces exactly, by the distances in the local chart of each point, its
    unfolded neighborhood (`meshot.diagrams.surface.diagram`). Geodesic discs are those of the heat method
    (`disc_discrepancy`). The spectrum is that of the images in the unit disk, without that of the disk itself; the
    sphere is first mapped to the disk by Lambert's equal-area projection.

    Parameters
    ----------
    samples : Samples
        At least two points, of uniform density.

    Returns
    -------
    SampleQuality

    References
    ----------
    Lagae, Dutré, "A comparison of methods for generating Poisson disk distributions", 2008 (normalized distances);
    Balzer, Schlömer, Deussen, "Capacity-constrained point distributions", 2009 (capacities).

    Examples
    --------
    >>> from meshot.sampling.sample import sample
    >>> square = Surface([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    >>> quality = sample_quality(sample(square, 500, "random", rng=0))
    >>> 0.4 < quality.mean_distance < 0.55, quality.minimum_distance < 0.1
    (True, True)
    """
    n = len(samples)
    if n < 2:
        raise ValueError(f"at least two points are needed, got {n}")
    surface = uncut(samples.surface_map)
    unit = spacing(surface, n)
    frequencies, power = _spectrum(samples.uv)
    return SampleQuality(
        nearest=nearest_geodesic(surface, samples.faces, samples.barycentric, 1.1 * unit) / unit,
        capacity_variance=_capacity_variance(surface, samples),
        discrepancy=disc_discrepancy(surface, samples.faces, samples.barycentric),
        frequencies=frequencies,
        power=power,
    )


def _capacity_variance(surface: Surface, samples: Samples) -> float:
    """Return the variance of the Voronoi cells' areas over their squared mean, where the surface has points."""
    twins = surface.twins
    inner = np.flatnonzero(twins >= 0)
    part = components(len(surface.faces), inner // 3, twins[inner] // 3)
    held = np.isin(part, part[samples.faces])
    number = np.cumsum(held) - 1
    engine = SurfaceEngine(surface.with_faces(surface.faces[held]))
    engine.place(SurfaceSites(number[samples.faces], samples.barycentric))
    areas = engine.diagram(np.zeros(len(samples))).masses
    return float(areas.var() / areas.mean() ** 2)


def _spectrum(uv: Floats) -> tuple[Floats, Floats | None]:
    """Return frequencies and the mean power of the points of disk or sphere over the directions of each."""
    frequencies = (np.arange(RINGS) + 0.5) * 2 / RINGS
    if not np.isfinite(uv).all():
        return frequencies, None
    points = uv if uv.shape[1] == 2 else _lambert(uv)
    n = len(points)
    unit = np.sqrt(2 * np.pi / (np.sqrt(3) * n))
    directions = int(np.clip(WAVES / (n * RINGS), 4, DIRECTIONS))
    angles = np.pi * (np.arange(directions) + 0.5) / directions
    waves = 2 * np.pi / unit * np.stack([np.cos(angles), np.sin(angles)])
    power = np.empty(RINGS)
    for k, frequency in enumerate(frequencies):
        phase = points @ (frequency * waves)
        total = np.cos(phase).sum(axis=0) - 1j * np.sin(phase).sum(axis=0)
        reach = 2 * np.pi * frequency / unit
        power[k] = (np.abs(total - n * 2 * j1(reach) / reach) ** 2).mean() / n
    return frequencies, power


def _lambert(points: Floats) -> Floats:
    """Lay the unit sphere out in the unit disk, keeping shares of the area, from the north pole out."""
    radius = np.sqrt((1 - points[:, 2]) / 2)
    length = np.hypot(points[:, 0], points[:, 1])
    return np.asarray(points[:, :2] * (radius / np.where(length > 0, length, 1.0))[:, None])


CENTERS, RADII = 24, 48
"""How many centers there are, and discs around each."""
# Share of the mass matrix that keeps the distances' system regular.
REGULAR = 1e-10


def disc_discrepancy(surface: Surface, faces: Ints, barycentric: Floats) -> float:
    """Return the greatest difference, over many geodesic discs, between share of the points and share of the area.

    The centers are vertices, picked by area with a seed of their own; the radii halve, third, ... the area.
    """
    areas = surface.vertex_areas
    picks = np.random.default_rng(0).random(CENTERS) * areas.sum()
    centers = np.searchsorted(np.cumsum(areas), picks)
    worst = 0.0
    for field in distances(surface, centers).T:
        of_points = np.sort((field[surface.faces[faces]] * barycentric).sum(axis=1))
        radii = np.quantile(field[surface.referenced], (np.arange(RADII) + 0.5) / RADII)
        found = np.searchsorted(of_points, radii, side="right") / len(faces)
        worst = max(worst, float(np.abs(found - area_below(surface, field, radii)).max()))
    return worst


def area_below(surface: Surface, field: Floats, levels: Floats) -> Floats:
    """Return the share of the area where a function, linear on each face with values (V,), is below each level.

    Examples
    --------
    >>> triangle = Surface([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    >>> area_below(triangle, np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.5, 1.0]))
    array([0.  , 0.25, 1.  ])
    """
    a, b, c = np.sort(field[surface.faces], axis=1).T
    shares = np.empty(len(levels))
    with np.errstate(invalid="ignore", divide="ignore"):
        for k, level in enumerate(levels.tolist()):
            lower = (level - a) ** 2 / ((b - a) * (c - a))
            upper = 1 - (c - level) ** 2 / ((c - a) * (c - b))
            part = np.where(level <= a, 0.0, np.where(level >= c, 1.0, np.where(level < b, lower, upper)))
            part = np.where(c > a, part, np.where(level >= c, 1.0, 0.0))
            shares[k] = (part * surface.face_areas).sum() / surface.area
    return shares


def distances(surface: Surface, centers: Ints) -> Floats:
    """Return the geodesic distance of all vertices to each center by the heat method, (V, centers).

    Vertices without a face get 0.
    """
    lengths, count = edge_lengths(surface), len(surface.vertices)
    stiffness = sparse.csr_array(cotangent_laplacian(surface.faces, lengths, count))
    mass = np.where(surface.referenced, surface.vertex_areas, surface.area / count)
    time = float((lengths**2).mean())
    heat = np.zeros((count, len(centers)))
    heat[centers, np.arange(len(centers))] = 1.0
    heat = SPDSolver(sparse.diags_array(mass) + time * stiffness).solve(heat)
    # Gradients of the corners' hat functions: the opposite side, turned by a right angle, over twice the area.
    corners = surface.corners
    opposite = np.roll(corners, -2, axis=1) - np.roll(corners, -1, axis=1)
    doubled = 2 * np.where(surface.face_areas > 0, surface.face_areas, 1.0)
    hats = np.cross(surface.face_normals[:, None], opposite) / doubled[:, None, None]
    flow = np.empty_like(heat)
    for k in range(len(centers)):
        gradient = np.einsum("fc,fcd->fd", heat[surface.faces, k], hats)
        length = norms(gradient)
        away = -gradient / np.where(length > 0, length, 1.0)[:, None]
        part = np.einsum("fd,fcd->fc", away, hats) * surface.face_areas[:, None]
        flow[:, k] = np.bincount(surface.faces.ravel(), part.ravel(), minlength=count)
    scale = float(stiffness.diagonal().sum() / mass.sum())
    found = SPDSolver(stiffness + REGULAR * scale * sparse.diags_array(mass)).solve(flow)
    return np.asarray(np.where(surface.referenced[:, None], found - found[centers, np.arange(len(centers))], 0.0))
