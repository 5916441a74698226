"""Evened images: maps to the disk or sphere without a fold, whose area ratios are bounded, whatever the surface.

A conformal map puts limbs below the last digit; what starts from it then has no digits to work with. Here the surface
is taken apart to a triangle or a tetrahedron, which is placed by hand, and its vertices are put back round by round,
each where no face folds and with the mass that was merged into it (Shen, Jiang, Zorin and Panozzo, "Progressive
embedding", 2019). After each round all vertices move down the energy of their faces, see `star_energy`; smooth errors
are gone on the coarse levels, so that a few sweeps do for each, and the time is linear.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints, stable_order
from meshot.conformal.sphere import turned
from meshot.maps.target import DISK, SPHERE, Target
from meshot.meshes.surface import Surface
from meshot.refinement.evened.collapses import Collapses, collapse
from meshot.refinement.evened.insertion import place, sweep, undo
from meshot.refinement.evened.star_energy import Shapes

# What areas count against angles, at first and in the last half of the last sweeps.
AREA_WEIGHT, LAST_WEIGHT = 2.0, 20.0
# Sweeps of each round, of small meshes for as many vertices as here but not more than these, and of the last one.
SWEEPS, SWEPT, MOST_SWEEPS, LAST_SWEEPS = 8, 10_000, 100, 40
# Sweeps that lead on where a refinement stalls.
RELAXING = 30
# How much rounder the faces are taken to be than they are, on the way and at the end: their squared edges grow by this
# part of the mean one.
ROUNDER, LAST_ROUNDER = 0.1, 0.01
# Vertices in one call of a kernel, which cannot be interrupted.
CHUNK = 100_000


def evened_image(surface: Surface, shares: Floats, space: Target) -> Floats | None:
    """Map a disk-like surface to the unit disk, or a closed one to the sphere, with areas near their shares.

    Parameters
    ----------
    surface : Surface
        One boundary loop, or none; genus zero.
    shares : (F,) float
        Wanted shares of the image's area.
    space : Target
        `DISK` or `SPHERE`.

    Returns
    -------
    (V, 2) or (V, 3) float or None
        Boundary on the circle in order, its vertex of least index at (1, 0); on the sphere the first vertex lies at
        (0, 0, 1). NaN for vertices that belong to no face. None if a vertex found no place in double precision.

    Examples
    --------
    >>> square = Surface([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    >>> evened_image(square, np.array([0.5, 0.5]), DISK).round(3) + 0.0
    array([[ 1.,  0.],
           [ 0.,  1.],
           [-1.,  0.],
           [ 0., -1.]])
    """
    loop = surface.boundary_loops[0] if space is DISK else np.zeros(0, dtype=np.int64)
    thirds = np.repeat(shares / 3, 3)
    masses = np.bincount(surface.faces.ravel(), thirds, minlength=len(surface.vertices)).astype(np.float64)
    collapses = collapse(surface.faces, surface.vertices, masses, loop)
    if collapses.alive.sum() != (1 if space is DISK else 4):
        return None
    build = _Build(surface, shares, collapses, space)
    for begin, end in _rounds(collapses):
        if not build.put_back(begin, end):
            return None
        build.settle(last=begin == 0)
    return build.image(loop)


def relaxed_image(surface: Surface, image: Floats, shares: Floats, space: Target) -> Floats:
    """Move the vertices of a map without a fold to rounder faces, at about the same areas.

    A refinement stalls where faces have become needles, whose areas no small step changes; from here it goes on.

    Parameters
    ----------
    surface, shares, space
        As of `evened_image`.
    image : (V, 2) or (V, 3) float
        A map without a fold.

    Returns
    -------
    (V, 2) or (V, 3) float

    Examples
    --------
    >>> square = Surface([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    >>> askew = np.array([[1, 0], [0, 1], [-0.6, 0.8], [0, -1]])
    >>> relaxed = relaxed_image(square, askew, np.array([0.5, 0.5]), DISK)
    >>> [float(np.linalg.norm(image[0] - image[2]).round(1)) for image in (askew, relaxed)]
    [1.8, 2.0]
    """
    faces, sphere = surface.faces, space is SPHERE
    points = image if sphere else np.column_stack([image, np.ones(len(image))])
    points = np.ascontiguousarray(points).copy()
    stars = _stars(faces, np.arange(len(faces)), len(points))
    total = space.measure if sphere else _polygon_area(points, faces)
    shapes = Shapes(faces, _cotangents(surface.corners, LAST_ROUNDER), shares * total, LAST_WEIGHT)
    for _ in range(RELAXING):
        _sweep_all(stars, sphere, _on_rim(surface, space), points, shapes)
    return points if sphere else points[:, :2].copy()


def _rounds(collapses: Collapses) -> Iterator[tuple[int, int]]:
    """Yield the first and last merge of each round, the last round first; an empty one for a mesh with none."""
    ends = [0, *collapses.rounds.tolist()]
    yield from zip(ends[-2::-1], ends[:0:-1], strict=True) if len(ends) > 1 else [(0, 0)]


@dataclass
class _Build:
    """The image as far as it is put together: `points` (V, 3), those of the disk at height 1."""

    surface: Surface
    shares: Floats
    collapses: Collapses
    space: Target

    def __post_init__(self) -> None:
        self.sphere = self.space is SPHERE
        self.on_rim = _on_rim(self.surface, self.space)
        # Masses are handed back as merges are undone.
        self.masses = self.collapses.masses.copy()
        self.points = np.full((len(self.on_rim), 3), np.nan)
        base = self.collapses.corners[self.collapses.alive]
        corners = base[0] if not self.sphere else np.append(base[0], np.setdiff1d(base, base[0])[0])
        self.points[corners] = _tetrahedron() if self.sphere else _triangle()

    def put_back(self, begin: int, end: int) -> bool:
        """Undo the merges of a round, and place their vertices; return False if one finds no place."""
        undo(begin, end, self.collapses, self.masses)
        self.corners = self.collapses.corners[self.collapses.alive]
        if begin == 0:
            wanted, rounder = self.shares, LAST_ROUNDER
        else:
            degrees = np.maximum(np.bincount(self.corners.ravel(), minlength=len(self.masses)), 1)
            wanted, rounder = (self.masses / degrees)[self.corners].sum(axis=1), ROUNDER
        self.wanted, self.cotangents = np.zeros(len(self.shares)), np.zeros((len(self.shares), 3))
        self.wanted[self.collapses.alive] = wanted
        self.cotangents[self.collapses.alive] = _cotangents(self.surface.vertices[self.corners], rounder)
        shapes = self._shapes(self.space.measure, AREA_WEIGHT)
        return bool(place(begin, end, self.collapses, self.sphere, self.on_rim, self.points, shapes) == 0)

    def settle(self, last: bool) -> None:
        """Sweep over all vertices."""
        stars = _stars(self.corners, np.flatnonzero(self.collapses.alive), len(self.masses))
        sweeps = int(np.clip(SWEPT * SWEEPS / len(stars[0]), SWEEPS, MOST_SWEEPS))
        sweeps = max(sweeps, LAST_SWEEPS) if last else sweeps
        for k in range(sweeps):
            total = self.space.measure if self.sphere else _polygon_area(self.points, self.corners)
            shapes = self._shapes(total, LAST_WEIGHT if last and 2 * k >= sweeps else AREA_WEIGHT)
            _sweep_all(stars, self.sphere, self.on_rim, self.points, shapes)

    def image(self, loop: Ints) -> Floats:
        """Return the image, turned by rule."""
        if self.sphere:
            return turned(self.surface, self.points)
        z = self.points[:, 0] + 1j * self.points[:, 1]
        z = z * np.conj(z[loop.min()])
        z[loop] /= np.abs(z[loop])
        return np.stack([z.real, z.imag], axis=1)

    def _shapes(self, total: float, weight: float) -> Shapes:
        return Shapes(self.collapses.corners, self.cotangents, self.wanted * total, weight)


def _triangle() -> Floats:
    angles = 2 * np.pi * np.arange(3) / 3
    return np.stack([np.cos(angles), np.sin(angles), np.ones(3)], axis=1)


def _tetrahedron() -> Floats:
    """Corners of a face, counter-clockwise seen from outside, and the fourth."""
    return np.array([[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]) / np.sqrt(3)


def _polygon_area(points: Floats, corners: Ints) -> float:
    a, b, c = points[corners].transpose(1, 0, 2)
    p, q = b - a, c - a
    return float(0.5 * np.sum(p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]))


def _stars(corners: Ints, names: Ints, count: int) -> tuple[Ints, Ints, Ints]:
    """Vertices of some faces; where each one's faces begin in a list, (V + 1,); and this list of their names."""
    degrees = np.bincount(corners.ravel(), minlength=count)
    starts = np.concatenate([[0], np.cumsum(degrees)])
    return np.flatnonzero(degrees), starts, names[stable_order(corners.ravel()) // 3]


def _on_rim(surface: Surface, space: Target) -> NDArray[np.bool_]:
    """Return the vertices that stay on the circle; none on the sphere."""
    on_rim = np.zeros(len(surface.vertices), dtype=np.bool_)
    if space is DISK:
        on_rim[surface.boundary_loops[0]] = True
    return on_rim


def _sweep_all(
    stars: tuple[Ints, Ints, Ints], sphere: bool, on_rim: NDArray[np.bool_], points: Floats, shapes: Shapes
) -> None:
    """Move each vertex once, in calls that are short enough to be interrupted."""
    order, starts, faces = stars
    for part in np.array_split(order, 1 + len(order) // CHUNK):
        sweep(part, starts, faces, sphere, on_rim, points, shapes)


def _cotangents(triangles: Floats, rounder: float) -> Floats:
    """Cotangent opposite the edge from each corner to the next, (n, 3), of triangles made rounder."""
    squares = np.sum((np.roll(triangles, -1, axis=1) - triangles) ** 2, axis=2)
    squares += rounder * np.maximum(squares.mean(axis=1, keepdims=True), np.finfo(float).tiny)
    a, b, c = squares.T
    area = 0.25 * np.sqrt(4 * a * b - (a + b - c) ** 2)
    return np.asarray((squares.sum(axis=1, keepdims=True) - 2 * squares) / (4 * area[:, None]))
