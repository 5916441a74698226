"""Points spread over a surface by area or another density: one function, many methods."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from meshot.area import area_preserving_map
from meshot.base.arrays import Floats, Ints
from meshot.base.errors import GeometryError
from meshot.base.progress import Progress
from meshot.base.settings import TargetName
from meshot.maps.surface_map import SurfaceMap
from meshot.meshes.check.problems import require_coordinates
from meshot.meshes.surface import as_surface
from meshot.sampling.blue_noise import blue_places
from meshot.sampling.samples import BareSurface, Sampled, Samples, check_attributes, make_samples, uncut
from meshot.sampling.square_warp import square_warp
from meshot.sampling.weights import Weights, piece_masses, pieces_for

Seed = int | np.random.Generator | None

METHODS = ("sobol", "r2", "fibonacci", "stratified", "blue", "random")
WITHOUT_MAP = ("random", "blue")
"""Methods that need no map of the surface."""


def sample(
    mesh: Any,
    n: int,
    method: str = "sobol",
    *,
    density: Weights | None = None,
    attributes: Mapping[str, ArrayLike] | None = None,
    to: TargetName = "disk",
    rng: Seed = None,
    progress: Progress | None = None,
) -> Samples:
    """Return exactly n points spread over a surface by area, or by a density.

    Parameters
    ----------
    mesh : SurfaceMap, Surface, or a trimesh or PyVista mesh
        What to sample. Of a bare surface the area-preserving map is computed first (not for "blue" and
        "random").
    n : int
        Number of points, at least 1.
    method : {"sobol", "r2", "fibonacci", "stratified", "blue", "random"}
        - "sobol": Sobol's sequence, scrambled (Owen 1998).
        - "r2": multiples of the inverse powers of the plastic number, modulo 1 (Roberts 2018).
        - "stratified": one point at random in each of n parts of equal area.
        - "fibonacci": the golden spiral of equal areas (Vogel 1979; on the sphere Swinbank and Purser 2006).
        - "blue": cells of equal mass, each point at the centroid of its cell: a capacity-constrained centroidal Voronoi
          tessellation (Balzer et al. 2009, de Goes et al. 2012; see `meshot.sampling.blue_noise`). It takes a
          millisecond a point, and works for any topology.
        - "random": independent and uniform (Turk 1990), straight on the surface.

        "sobol", "r2" and "stratified" fill the square, which is mapped to the surface such that every face gets exactly
        its share, for any map; a map that preserves areas makes the points even (`meshot.sampling.square_warp`). Of
        "sobol" and "r2", the first k points are themselves a sample of k. Without a density, the spiral is mapped
        directly from disk or sphere: the share of a face is then that of its image, and points between the circle and
        the polygon of the boundary go to the nearest boundary edge.
    density : (V,) or (F,) float, or Texture, optional
        Points per area, up to a factor: per vertex of the input (averaged over the corners of each face), per face, or
        a picture (averaged over each face for "blue"). It may vanish in parts of the surface.
    attributes : mapping of str to (V, ...) float, optional
        Values per vertex of the input (colors, texture coordinates, ...) to interpolate at the points.
    to : {"disk", "sphere"}
        Where a bare surface is mapped; a closed one need not be cut on the way to the sphere.
    rng : int or numpy.random.Generator, optional
        Seed or generator: the same seed gives the same points. With None, "r2" and "fibonacci" are not shifted
        or turned at random, and the others differ from call to call.
    progress : Progress, optional
        Called with the stages if a map is computed, and with the steps of "blue".

    Returns
    -------
    Samples
        Points, face ids, barycentric coordinates, normals, uv, attributes.

    Raises
    ------
    ValueError
        n < 1, or a method that does not exist.
    TopologyError, GeometryError
        A bare surface that no map can be made of, or a surface or image without area; a density or attributes of the
        wrong length, or a density that is negative somewhere or 0 everywhere.

    Examples
    --------
    >>> from meshot.meshes.surface import Surface
    >>> sheet = Surface([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    >>> samples = sample(sheet, 5, method="random", rng=0)
    >>> samples.points.shape, samples.barycentric.sum(axis=1)
    ((5, 3), array([1., 1., 1., 1., 1.]))
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; there are {', '.join(METHODS)}")
    if method in WITHOUT_MAP:
        return _without_map(mesh, n, method, density, attributes, rng, progress)
    surface_map = mesh if isinstance(mesh, SurfaceMap) else area_preserving_map(mesh, to=to, progress=progress)
    wanted = check_attributes(surface_map, attributes)
    if not np.abs(surface_map.signed_areas).any():
        raise GeometryError("the image of the surface has no area")
    space = surface_map.space
    if method != "fibonacci":
        points = SQUARE_POINTS[method](n, rng)
    else:
        spiral = space.spiral(n, 0.0 if rng is None else 2 * np.pi * np.random.default_rng(rng).random())
        if density is None:
            return make_samples(surface_map, *surface_map.locate(spiral, snap=True), wanted)
        points = space.to_square(spiral)
    pieces = pieces_for(surface_map, density)
    masses = piece_masses(surface_map, density, pieces)
    places = square_warp(surface_map, pieces, masses).locate(points)
    return make_samples(surface_map, *pieces.carry(*places), wanted)


def _without_map(
    mesh: Any,
    n: int,
    method: str,
    density: Weights | None,
    attributes: Mapping[str, ArrayLike] | None,
    rng: Seed,
    progress: Progress | None,
) -> Samples:
    sampled: Sampled = mesh if isinstance(mesh, SurfaceMap) else BareSurface(as_surface(mesh))
    if sampled is not mesh:
        require_coordinates(sampled.surface.vertices, sampled.surface.referenced)
    wanted = check_attributes(sampled, attributes)
    pieces = pieces_for(sampled, density)
    masses = piece_masses(sampled, density, pieces)
    if method == "random":
        places = pieces.carry(*_random_places(masses, n, np.random.default_rng(rng)))
    else:
        of_faces = np.bincount(pieces.parent, masses).astype(np.float64)
        places = blue_places(uncut(sampled), of_faces, n, np.random.default_rng(rng), progress)
    return make_samples(sampled, *places, wanted)


def _random_places(masses: Floats, n: int, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """Pick pieces by mass, and a point of each uniformly: (1 - sqrt a, sqrt a (1 - b), b sqrt a)."""
    live = np.flatnonzero(masses)
    cumulative = np.cumsum(masses[live])
    draws = rng.random((n, 3))
    pieces = live[np.searchsorted(cumulative[:-1], draws[:, 0] * cumulative[-1], side="right")]
    root = np.sqrt(draws[:, 1])
    return pieces, np.stack([1 - root, root * (1 - draws[:, 2]), root * draws[:, 2]], axis=1)


# ---------------------------------------------------------------------------------------------------------------------
# point sets of the unit square

# Real root of x^3 = x + 1: its powers fill the square as the golden ratio fills the line.
PLASTIC = 1.32471795724474602596


def _sobol(n: int, rng: Seed) -> Floats:
    from scipy.stats import qmc  # noqa: PLC0415  (takes a second to load, and only this method needs it)

    sequence = qmc.Sobol(2, scramble=True, seed=np.random.default_rng(rng))
    points: Floats = sequence.random_base2((n - 1).bit_length())
    return points[:n]


def _r2(n: int, rng: Seed) -> Floats:
    shift = 0.5 if rng is None else np.random.default_rng(rng).random(2)
    steps = np.array([1 / PLASTIC, 1 / PLASTIC**2])
    return np.asarray((shift + np.arange(n)[:, None] * steps) % 1)


def _stratified(n: int, rng: Seed) -> Floats:
    """Cut the square into about sqrt(n) strips, as wide as they have points, and each strip into its cells."""
    strips = round(n**0.5)
    size = np.diff(np.arange(strips + 1) * n // strips)
    strip, place = _ranges(size)
    left = np.cumsum(size) - size
    draws: Floats = np.random.default_rng(rng).random((n, 2))
    x = (left[strip] + size[strip] * draws[:, 0]) / n
    y = (place + draws[:, 1]) / size[strip]
    return np.stack([x, y], axis=1)


SQUARE_POINTS: dict[str, Callable[[int, Seed], Floats]] = {"sobol": _sobol, "r2": _r2, "stratified": _stratified}
"""Point sets of the unit square, (n, 2), by name."""


def _ranges(counts: Ints) -> tuple[Ints, Ints]:
    """Spell out ranges of given lengths: for each entry, the range it is in and its place there."""
    which = np.repeat(np.arange(len(counts)), counts)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
