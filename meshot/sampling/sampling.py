"""Points spread evenly over a surface: good points of disk or sphere, pulled back through an area-preserving map."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from meshot.area.area import area_preserving_map
from meshot.errors import GeometryError
from meshot.mapping.maps import SurfaceMap
from meshot.meshes.mesh import Floats, Ints, Surface, as_surface
from meshot.progress import Progress
from meshot.settings import Target

# Real root of x^3 = x + 1: its powers fill the square as the golden ratio fills the line.
PLASTIC = 1.32471795724474602596
GOLDEN_ANGLE = np.pi * (3 - 5**0.5)


@dataclass(frozen=True, eq=False)
class Samples:
    """Points of a surface and where on it they lie; every array is read-only.

    Attributes
    ----------
    points : (n, 3) float
        Positions.
    faces : (n,) int
        Face that each point lies on.
    barycentric : (n, 3) float
        Weights of the face's corners, not negative, of sum 1.
    normals : (n, 3) float
        Unit normals, interpolated from the vertices.
    uv : (n, 2) or (n, 3) float
        Image of each point in the disk, or on the sphere; NaN if a bare surface was sampled at random, which needs no
        map.
    corners : (n, 3) int
        Vertices of the input at the corners of each point's face.
    """

    points: Floats
    faces: Ints
    barycentric: Floats
    normals: Floats
    uv: Floats
    corners: Ints = field(repr=False)

    def __post_init__(self) -> None:
        for array in vars(self).values():
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.points)

    def interpolate(self, values: ArrayLike) -> Floats:
        """Interpolate any values given per vertex of the input (colors, texture coordinates, ...) at the points.

        Parameters
        ----------
        values : (V, ...) float
            One row for each vertex of the input mesh; rows for vertices added by a cut are not needed.

        Returns
        -------
        (n, ...) float
        """
        return _weigh(self.barycentric, np.asarray(values, dtype=np.float64)[self.corners])


def sample(
    mesh: Any,
    n: int,
    method: str = "sobol",
    *,
    to: Target = "disk",
    rng: int | np.random.Generator | None = None,
    progress: Progress | None = None,
) -> Samples:
    """Return exactly n points spread over a surface.

    Every method but "random" takes points of equal weight in the unit disk, or on the unit sphere, back through the
    map; they are uniform on the surface if the map preserves areas. In the disk a point between the circle and the
    polygon that the boundary is mapped to goes to the nearest boundary edge: of n points, about 6.6 n / B^2 for B
    boundary vertices.

    Parameters
    ----------
    mesh : SurfaceMap, Surface, or a trimesh or PyVista mesh
        What to sample. Of a bare surface the area-preserving map is computed first (not for "random").
    n : int
        Number of points, at least 1.
    method : {"sobol", "r2", "fibonacci", "stratified", "random"}
        - "sobol": Sobol's sequence, scrambled (Owen 1998).
        - "r2": multiples of the inverse powers of the plastic number, modulo 1 (Roberts 2018).
        - "fibonacci": the golden spiral of equal areas (Vogel 1979; on the sphere Swinbank and Purser 2006).
        - "stratified": one point at random in each of n parts of equal area.
        - "random": independent and uniform by area (Turk 1990), straight on the surface.

        All but "fibonacci" and "random" fill the square, which goes to the disk as Shirley and Chiu (1997) map it, and
        to the sphere by the equal-area cylinder projection. Of
        "sobol" and "r2", the first k points are themselves a sample of k.
    to : {"disk", "sphere"}
        Where a bare surface is mapped; a closed one need not be cut on the way to the sphere.
    rng : int or numpy.random.Generator, optional
        Seed or generator: the same seed gives the same points. With None, "r2" and "fibonacci" are not shifted
        or turned at random, and the others differ from call to call.
    progress : Progress, optional
        Told of the stages if a map has to be computed.

    Returns
    -------
    Samples
        Points, face ids, barycentric coordinates, normals, uv.

    Raises
    ------
    ValueError
        n < 1, or a method that does not exist.
    TopologyError, GeometryError
        A bare surface that no map can be made of, or a surface or image without area.

    Examples
    --------
    >>> sheet = Surface([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    >>> samples = sample(sheet, 5, method="random", rng=0)
    >>> samples.points.shape, samples.barycentric.sum(axis=1)
    ((5, 3), array([1., 1., 1., 1., 1.]))
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; there are {', '.join(METHODS)}")
    surface_map = mesh if isinstance(mesh, SurfaceMap) else _plain_map(mesh, method, to, progress)
    if method == "random":
        faces, barycentric = _random_on_surface(surface_map.surface, n, np.random.default_rng(rng))
    else:
        if not np.abs(surface_map.signed_areas).any():
            raise GeometryError("the image of the surface has no area")
        found = surface_map.locate(_even_points(surface_map.target, method, n, rng), snap=True)
        faces, barycentric = found.faces, found.barycentric
    return _samples(surface_map, faces, barycentric)


def _plain_map(mesh: Any, method: str, to: Target, progress: Progress | None) -> SurfaceMap:
    surface = as_surface(mesh)
    if method != "random":
        made: SurfaceMap = area_preserving_map(surface, to=to, progress=progress)
        return made
    nowhere = np.full((len(surface.vertices), 2), np.nan)
    return SurfaceMap(surface, nowhere, np.arange(len(surface.vertices)))


def _samples(surface_map: SurfaceMap, faces: Ints, barycentric: Floats) -> Samples:
    surface = surface_map.surface
    corners = surface.faces[faces]
    source = surface_map.source_vertex[surface.faces]
    # On the uncut faces, so that the normals do not show the cut.
    vertex_normals = surface.with_faces(source).vertex_normals
    normals = _weigh(barycentric, vertex_normals[source[faces]])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.where(length > 0, normals / np.where(length > 0, length, 1), surface.face_normals[faces])
    return Samples(
        points=_weigh(barycentric, surface.vertices[corners]),
        faces=faces,
        barycentric=barycentric,
        normals=normals,
        uv=_image(surface_map, barycentric, corners),
        corners=source[faces],
    )


def _image(surface_map: SurfaceMap, barycentric: Floats, corners: Ints) -> Floats:
    """Return the images of points of faces: on the sphere by central projection."""
    image = _weigh(barycentric, surface_map.image[corners])
    if surface_map.target == "disk":
        return image
    return np.asarray(image / np.linalg.norm(image, axis=1, keepdims=True))


def _weigh(barycentric: Floats, values: Floats) -> Floats:
    """Sum the values at three corners, (n, 3, ...), with their weights."""
    total: Floats = np.einsum("nk,nk...->n...", barycentric, values)
    return total


# ---------------------------------------------------------------------------------------------------------------------
# point sets


def _random_on_surface(surface: Surface, n: int, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """Pick faces by area, and a point of each uniformly: (1 - sqrt a, sqrt a (1 - b), b sqrt a)."""
    live = np.flatnonzero(surface.face_areas)
    if len(live) == 0:
        raise GeometryError("the surface has no area")
    cumulative = np.cumsum(surface.face_areas[live])
    draws = rng.random((n, 3))
    faces = live[np.searchsorted(cumulative[:-1], draws[:, 0] * cumulative[-1], side="right")]
    root = np.sqrt(draws[:, 1])
    return faces, np.stack([1 - root, root * (1 - draws[:, 2]), root * draws[:, 2]], axis=1)


def _sobol(n: int, rng: int | np.random.Generator | None) -> Floats:
    from scipy.stats import qmc  # noqa: PLC0415  (takes a second to load, and only this method needs it)

    sequence = qmc.Sobol(2, scramble=True, seed=np.random.default_rng(rng))
    points: Floats = sequence.random_base2((n - 1).bit_length())
    return points[:n]


def _r2(n: int, rng: int | np.random.Generator | None) -> Floats:
    shift = 0.5 if rng is None else np.random.default_rng(rng).random(2)
    steps = np.array([1 / PLASTIC, 1 / PLASTIC**2])
    return np.asarray((shift + np.arange(n)[:, None] * steps) % 1)


def _fibonacci(target: str, n: int, rng: int | np.random.Generator | None) -> Floats:
    """Return a spiral of equal areas, in the disk from the middle out, on the sphere from pole to pole."""
    turn = 0.0 if rng is None else 2 * np.pi * np.random.default_rng(rng).random()
    index = np.arange(n)
    share: Floats = (index + 0.5) / n
    angle = turn + GOLDEN_ANGLE * index
    height = 1 - 2 * share
    radius = np.sqrt(share) if target == "disk" else np.sqrt(1 - height**2)
    spiral = [radius * np.cos(angle), radius * np.sin(angle)]
    return np.stack(spiral if target == "disk" else [*spiral, height], axis=1)


def _stratified(n: int, rng: int | np.random.Generator | None) -> Floats:
    """Cut the square into about sqrt(n) strips, as wide as they have points, and each strip into its cells."""
    strips = round(n**0.5)
    size = np.diff(np.arange(strips + 1) * n // strips)
    strip, place = _ranges(size)
    left = np.cumsum(size) - size
    draws: Floats = np.random.default_rng(rng).random((n, 2))
    x = (left[strip] + size[strip] * draws[:, 0]) / n
    y = (place + draws[:, 1]) / size[strip]
    return np.stack([x, y], axis=1)


_SQUARE_POINTS: dict[str, Callable[[int, int | np.random.Generator | None], Floats]] = {
    "sobol": _sobol,
    "r2": _r2,
    "stratified": _stratified,
}
METHODS = ("sobol", "r2", "fibonacci", "stratified", "random")


def _even_points(target: str, method: str, n: int, rng: int | np.random.Generator | None) -> Floats:
    """Return n points spread over the unit disk, (n, 2), or sphere, (n, 3)."""
    if method == "fibonacci":
        return _fibonacci(target, n, rng)
    square = _SQUARE_POINTS[method](n, rng)
    return square_to_disk(square) if target == "disk" else square_to_sphere(square)


def square_to_sphere(points: Floats) -> Floats:
    """Map the unit square to the unit sphere with constant area ratio: x around, y along the axis (Archimedes).

    Examples
    --------
    >>> square_to_sphere(np.array([[0.0, 0.5], [0.3, 1.0]])).round(12)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    angle, height = 2 * np.pi * points[:, 0], 2 * points[:, 1] - 1
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1) + 0.0


def square_to_disk(points: Floats) -> Floats:
    """Map the unit square to the unit disk, squares to circles, with constant area ratio (Shirley and Chiu 1997).

    Examples
    --------
    >>> square_to_disk(np.array([[0.5, 0.5], [1.0, 0.5], [0.75, 0.5]]))
    array([[0. , 0. ],
           [1. , 0. ],
           [0.5, 0. ]])
    """
    x, y = 2 * points.T - 1
    along_x = np.abs(x) > np.abs(y)
    radius = np.where(along_x, x, y)
    ratio = np.where(along_x, y, x) / np.where(radius == 0, 1, radius)
    angle = np.where(along_x, np.pi / 4 * ratio, np.pi / 2 - np.pi / 4 * ratio)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _ranges(counts: Ints) -> tuple[Ints, Ints]:
    """Spell out ranges of given lengths: for each entry, the range it is in and its place there."""
    which = np.repeat(np.arange(len(counts)), counts)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
