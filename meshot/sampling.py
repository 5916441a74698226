"""Points spread evenly over a surface: a good point set of the disk, pulled back through an area-preserving map."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from meshot.area import area_preserving_map
from meshot.errors import GeometryError
from meshot.maps import SurfaceMap
from meshot.mesh import Floats, Ints, Surface, as_surface
from meshot.progress import Progress

# Real root of x^3 = x + 1: its powers fill the square as the golden ratio fills the line.
PLASTIC = 1.32471795724474602596
GOLDEN_ANGLE = np.pi * (3 - 5**0.5)
# Pairs of a point and a boundary edge that are compared at once; bounds the memory.
PAIRS = 1_000_000


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
    uv : (n, 2) float
        Image of each point under the map; NaN if a bare surface was sampled at random, which needs no map.
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
    rng: int | np.random.Generator | None = None,
    progress: Progress | None = None,
) -> Samples:
    """Return exactly n points spread over a surface.

    Every method but "random" takes points of equal weight in the unit disk back through the map; they are uniform on
    the surface if the map preserves areas. A point between the circle and the polygon that the boundary is mapped to
    goes to the nearest boundary edge: of n points, about 6.6 n / B^2 for B boundary vertices.

    Parameters
    ----------
    mesh : SurfaceMap, Surface, or a trimesh or PyVista mesh
        What to sample. Of a bare surface the area-preserving map is computed first (not for "random").
    n : int
        Number of points, at least 1.
    method : {"sobol", "r2", "fibonacci", "stratified", "random"}
        - "sobol": Sobol's sequence, scrambled (Owen 1998).
        - "r2": multiples of the inverse powers of the plastic number, modulo 1 (Roberts 2018).
        - "fibonacci": the golden spiral of equal areas (Vogel 1979).
        - "stratified": one point at random in each of n parts of equal area.
        - "random": independent and uniform by area (Turk 1990), straight on the surface.

        All but "fibonacci" and "random" fill the square, which goes to the disk as Shirley and Chiu (1997) map it. Of
        "sobol" and "r2", the first k points are themselves a sample of k.
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
    surface_map = mesh if isinstance(mesh, SurfaceMap) else _plain_map(mesh, method, progress)
    if method == "random":
        faces, barycentric = _random_on_surface(surface_map.surface, n, np.random.default_rng(rng))
    else:
        faces, barycentric = _locate(surface_map, _DISK_POINTS[method](n, rng))
    return _samples(surface_map, faces, barycentric)


def _plain_map(mesh: Any, method: str, progress: Progress | None) -> SurfaceMap:
    surface = as_surface(mesh)
    if method != "random":
        made: SurfaceMap = area_preserving_map(surface, progress=progress)
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
        uv=_weigh(barycentric, surface_map.uv[corners]),
        corners=source[faces],
    )


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
    return square_to_disk(points[:n])


def _r2(n: int, rng: int | np.random.Generator | None) -> Floats:
    shift = 0.5 if rng is None else np.random.default_rng(rng).random(2)
    steps = np.array([1 / PLASTIC, 1 / PLASTIC**2])
    return square_to_disk((shift + np.arange(n)[:, None] * steps) % 1)


def _fibonacci(n: int, rng: int | np.random.Generator | None) -> Floats:
    turn = 0.0 if rng is None else 2 * np.pi * np.random.default_rng(rng).random()
    index = np.arange(n)
    radius: Floats = np.sqrt((index + 0.5) / n)
    angle = turn + GOLDEN_ANGLE * index
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _stratified(n: int, rng: int | np.random.Generator | None) -> Floats:
    """Cut the square into about sqrt(n) strips, as wide as they have points, and each strip into its cells."""
    strips = round(n**0.5)
    size = np.diff(np.arange(strips + 1) * n // strips)
    strip, place = _ranges(size)
    left = np.cumsum(size) - size
    draws: Floats = np.random.default_rng(rng).random((n, 2))
    x = (left[strip] + size[strip] * draws[:, 0]) / n
    y = (place + draws[:, 1]) / size[strip]
    return square_to_disk(np.stack([x, y], axis=1))


_DISK_POINTS: dict[str, Callable[[int, int | np.random.Generator | None], Floats]] = {
    "sobol": _sobol,
    "r2": _r2,
    "fibonacci": _fibonacci,
    "stratified": _stratified,
}
METHODS = (*_DISK_POINTS, "random")


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


# ---------------------------------------------------------------------------------------------------------------------
# point location


def _locate(surface_map: SurfaceMap, points: Floats) -> tuple[Ints, Floats]:
    """Face of the image at each point of the plane, (n,), and barycentric coordinates, (n, 3).

    A point outside every face goes to the nearest boundary edge.
    """
    if not np.abs(surface_map.signed_areas).any():
        raise GeometryError("the image of the surface has no area")
    found = surface_map.locate(points)
    faces, barycentric = found.faces.copy(), found.barycentric.copy()
    outside = np.flatnonzero(faces < 0)
    if len(outside):
        faces[outside], barycentric[outside] = _on_boundary(surface_map, points[outside])
    return faces, barycentric


def _ranges(counts: Ints) -> tuple[Ints, Ints]:
    """Spell out ranges of given lengths: for each entry, the range it is in and its place there."""
    which = np.repeat(np.arange(len(counts)), counts)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)


def _on_boundary(surface_map: SurfaceMap, points: Floats) -> tuple[Ints, Floats]:
    """Face and barycentric coordinates of the nearest point of the image's boundary."""
    halfedges = np.flatnonzero(surface_map.surface.twins < 0)
    tail, head = surface_map.uv[surface_map.surface.halfedges[halfedges]].transpose(1, 0, 2)
    edge = head - tail
    squares = np.maximum((edge**2).sum(axis=1), np.finfo(float).tiny)
    parts = []
    block = max(1, PAIRS // len(edge))
    for start in range(0, len(points), block):
        offset = points[start : start + block, None] - tail
        t = ((offset * edge).sum(axis=2) / squares).clip(0, 1)
        nearest = ((offset - t[..., None] * edge) ** 2).sum(axis=2).argmin(axis=1)
        parts.append((halfedges[nearest], t[np.arange(len(t)), nearest]))
    halfedge, t = (np.concatenate(column) for column in zip(*parts, strict=True))
    faces, corner = np.divmod(halfedge, 3)
    barycentric, row = np.zeros((len(points), 3)), np.arange(len(points))
    barycentric[row, corner], barycentric[row, (corner + 1) % 3] = 1 - t, t
    return faces, barycentric
