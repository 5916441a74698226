"""Colors of the pictures: patterns of disk and sphere, pulled back by a map, and scales for distortion."""

from collections.abc import Callable
from functools import cache
from itertools import combinations

import numpy as np
from scipy.spatial import cKDTree

from meshot.app.report.pictures.raster import Floats, Floats32

CELLS = 24  # squares or circles across the disk
CUBE_CELLS = 10  # squares along each of the four sides of a cube around the sphere; even
SHELLS = 8  # of equal volume, in the ball
CIRCLE_CUTS = 3  # of each face of an icosahedron in four: circles on the sphere stand at the vertices
TABLE = 256

# From below to above: the image is too small (blue), right (ivory), too large (red).
DIVERGING = ("#23508e", "#7fa6d0", "#f4f1ea", "#dd9673", "#a23325")
# From nothing to much.
SEQUENTIAL = ("#f4f1ea", "#ecc683", "#d97b4f", "#9c2f45", "#451a3f")

Pattern = Callable[[Floats32, Floats32], Floats32]


def checkerboard(uv: Floats32, footprint: Floats32) -> Floats32:
    """Return 0 in the dark squares, 1 in the light ones, at points (N, 2) of the disk.

    `footprint`, (N, 2), is how far u and v move within one pixel. Edges are blended over a pixel, and squares smaller
    than one fade to gray, so that no moire pattern appears where the map squeezes.
    """
    per_period = np.float32(CELLS / 4)  # two squares
    sides = _square_wave(uv * per_period + np.float32(0.25), footprint * per_period)
    return (0.5 + 0.5 * sides[:, 0] * sides[:, 1]).astype(np.float32)


def _square_wave(x: Floats32, width: Floats32) -> Floats32:
    """Return a wave of period 1, -1 or 1, its edges blended over `width`, zero where a period is about a pixel."""
    triangle = 4 * np.abs(x - np.floor(x) - np.float32(0.5)) - 1
    faded = np.clip(2 - 3 * width, 0, 1)
    wave: Floats32 = np.clip(triangle / np.maximum(2 * width, np.float32(1e-6)), -1, 1) * faded
    return wave


def circle_packing(uv: Floats32, footprint: Floats32) -> Floats32:
    """Return 0 in the circles of the hexagonal packing, 1 between them; arguments as for `checkerboard`."""
    row_height = np.float32(np.sqrt(3))
    radius = np.float32(1 / CELLS)
    x, y = uv[:, 0] / (2 * radius), uv[:, 1] / (2 * radius)
    # The packing is two rectangular lattices, one shifted by half a cell: take the nearer center.
    squares = []
    for shift in (np.float32(0), np.float32(0.5)):
        dx = x - shift - np.rint(x - shift)
        dy = y - shift * row_height - row_height * np.rint(y / row_height - shift)
        squares.append(dx * dx + dy * dy)
    distance = np.sqrt(np.minimum(*squares)) * 2 * radius
    return _disk_edges(distance, float(radius), np.sqrt((footprint**2).sum(axis=1) / 2))


def _disk_edges(distance: Floats32, radius: float, width: Floats32) -> Floats32:
    """Return 0 inside circles slightly smaller than `radius`, 1 outside, blended over `width`."""
    width = np.maximum(width, np.float32(1e-6))
    outside = np.clip(0.5 + (distance - 0.94 * radius) / width, 0, 1)
    faded = np.clip(2 - 1.5 * width / radius, 0, 1)
    return np.asarray(faded * outside + (1 - faded) * 0.2, dtype=np.float32)


def cube_checkerboard(points: Floats32, footprint: Floats32) -> Floats32:
    """Return 0 in the dark squares, 1 in the light ones, at points (N, 3) of the sphere.

    The squares are those of the six sides of a cube, seen from its center and spaced by equal angles; `footprint`,
    (N, 3), is how far the point moves within one pixel. Half squares on both sides of the cube's edges join to whole
    ones, so that no seam is seen.
    """
    side = np.argmax(np.abs(points), axis=1)
    rows = np.arange(len(points))
    height, rise = np.abs(points[rows, side]), footprint[rows, side]
    value = np.ones(len(points), dtype=np.float32)
    for k in (1, 2):
        axis = (side + k) % 3
        slope = points[rows, axis] / height
        turn = np.hypot(footprint[rows, axis], slope * rise) / (height * (1 + slope**2))
        per_period = np.float32(CUBE_CELLS / np.pi)  # two squares, in terms of an angle
        value *= _square_wave(np.arctan(slope) * per_period, turn * per_period)
    return 0.5 + 0.5 * value


def shells(points: Floats32, footprint: Floats32) -> Floats32:
    """Return 0 in the dark parts, 1 in the light ones, at points (N, 3) of the unit ball.

    Shells that hold the same volume each, cut along the squares of `cube_checkerboard`; `footprint`, (N, 3), is how far
    the point moves within one pixel.
    """
    radius = np.maximum(np.sqrt((points**2).sum(axis=1)), np.float32(1e-6))
    pixel = np.sqrt((footprint**2).sum(axis=1))
    per_period = np.float32(SHELLS / 2)
    rings = _square_wave(per_period * radius**3, 3 * per_period * radius**2 * pixel)
    squares = 2 * cube_checkerboard(points / radius[:, None], footprint / radius[:, None]) - 1
    return np.asarray(0.5 + 0.5 * rings * squares, dtype=np.float32)


def sphere_circles(points: Floats32, footprint: Floats32) -> Floats32:
    """Return 0 in equal circles spread over the sphere, 1 between them; arguments as for `cube_checkerboard`."""
    tree, radius = _circle_centers()
    distance, _ = tree.query(points, distance_upper_bound=1.2 * radius)
    return _disk_edges(np.asarray(distance, dtype=np.float32), radius, np.sqrt((footprint**2).sum(axis=1) / 2))


@cache
def _circle_centers() -> tuple[cKDTree, float]:
    """Vertices of an icosahedron whose faces are cut in four and pushed out to the sphere, and half their spacing."""
    golden = (1 + 5**0.5) / 2
    corners = np.array([[s, t * golden, 0] for s in (-1, 1) for t in (-1, 1)])
    corners = np.concatenate([np.roll(corners, k, axis=1) for k in range(3)])
    near = np.abs(np.linalg.norm(corners[:, None] - corners, axis=2) - 2) < 0.1
    sides = [t for t in combinations(range(12), 3) if near[t[0], t[1]] and near[t[1], t[2]] and near[t[2], t[0]]]
    triangles = corners[np.array(sides)]
    for _ in range(CIRCLE_CUTS):
        middles = (triangles + np.roll(triangles, -1, axis=1)) / 2
        at_corners = np.stack([triangles, middles, np.roll(middles, 1, axis=1)], axis=2).reshape(-1, 3, 3)
        triangles = np.concatenate([at_corners, middles])
        triangles /= np.linalg.norm(triangles, axis=2, keepdims=True)
    tree = cKDTree(np.unique(triangles.reshape(-1, 3).round(9) + 0.0, axis=0))
    spacing = np.asarray(tree.query(tree.data, k=2)[0])[:, 1].min()
    return tree, float(spacing) / 2


def pattern_colors(values: Floats32, place: Floats32) -> Floats32:
    """Blend a pattern's values, (N,), between a deep and a pale tone whose hue shows the position, (3, N).

    Places are points of the disk, (N, 2), or of the sphere, (N, 3): there the hue turns with the longitude about z,
    and gray poles lie between a darker south and a lighter north.
    """
    if place.shape[1] == 3:
        deep, pale = _sphere_tones()
        place = np.stack([np.arctan2(place[:, 1], place[:, 0]) / np.float32(np.pi), place[:, 2]], axis=1)
    else:
        deep, pale = _disk_tones()  # each (3, TABLE squared)
    cell = np.clip((place + 1) * (TABLE / 2), 0, TABLE - 1).astype(np.int32)
    index = cell[:, 1] * TABLE + cell[:, 0]
    return np.stack([low[index] + values * (high - low)[index] for low, high in zip(deep, pale, strict=True)])


def scale_colors(values: Floats32, scale: tuple[str, ...], low: float, high: float) -> Floats32:
    """Color values, (N,), on a scale from `low` to `high`; outside of it, and for NaN, with the nearest end: (3, N)."""
    place = (np.nan_to_num(values, nan=low) - low) / (high - low)
    index = (np.clip(place, 0, 1) * (TABLE - 1)).astype(np.int32)
    return np.stack([channel[index] for channel in _table(scale)])


@cache
def _table(scale: tuple[str, ...]) -> Floats32:
    stops = np.array([[int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)] for color in scale])
    place = np.linspace(0, len(scale) - 1, TABLE)
    return np.stack([np.interp(place, range(len(scale)), channel) for channel in stops.T]).astype(np.float32)


def place_colors(points: Floats, low: Floats, high: Floats, up: int = 1) -> Floats32:
    """Color points by where they lie in the box from `low` to `high`, (3, N): what is close has nearly the same color.

    The hue turns about the axis `up`, along which it gets lighter.
    """
    scaled = np.roll((points - (low + high) / 2) / np.maximum((high - low) / 2, 1e-300), 2 - up, axis=1)
    hue, radius = np.arctan2(scaled[:, 1], scaled[:, 0]) + 3.6, np.minimum(np.hypot(scaled[:, 0], scaled[:, 1]), 1)
    return _oklch(0.68 + 0.2 * np.clip(scaled[:, 2], -1, 1), 0.13 * radius, hue)


@cache
def _disk_tones() -> tuple[Floats32, Floats32]:
    """Deep and pale colors over the square around the disk: hue from the angle, chroma from the radius."""
    axis = (np.arange(TABLE) + 0.5) * 2 / TABLE - 1
    u, v = np.meshgrid(axis, axis)
    hue, radius = np.arctan2(v, u) + 3.6, np.minimum(np.hypot(u, v), 1)
    return _oklch(0.57, 0.025 + 0.095 * radius, hue), _oklch(0.965, 0.006 + 0.016 * radius, hue)


@cache
def _sphere_tones() -> tuple[Floats32, Floats32]:
    """Deep and pale colors over longitude (across) and z (down the table)."""
    axis = (np.arange(TABLE) + 0.5) * 2 / TABLE - 1
    longitude, height = np.meshgrid(axis * np.pi, axis)
    hue, latitude = longitude + 3.6, np.arcsin(height) / (np.pi / 2)
    chroma = np.sqrt(1 - height**2)
    deep = _oklch(0.55 + 0.11 * latitude, 0.12 * chroma, hue)
    return deep, _oklch(0.955 + 0.015 * latitude, 0.022 * chroma, hue)


def _oklch(lightness: float | Floats, chroma: Floats, hue: Floats) -> Floats32:
    """Convert to sRGB, (3, N) in 0 to 1 (Ottosson 2020, "A perceptual color space for image processing")."""
    a, b = chroma * np.cos(hue), chroma * np.sin(hue)
    to_cones = [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.291485548]]
    to_linear = [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.707614701],
    ]
    lab = np.stack([lightness + np.zeros_like(a), a, b]).reshape(3, -1)
    linear = np.clip(np.array(to_linear) @ (np.array(to_cones) @ lab) ** 3, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return encoded.astype(np.float32)
