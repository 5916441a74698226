"""Gradients of convex functions that tear, their singular sets, and points that they are sampled at."""

import numpy as np
from scipy.spatial import cKDTree
from shapes import ball_solid

from meshot.meshes.solid import Solid

THIRD = 2 * np.pi / 3


def spiral(n: int) -> np.ndarray:
    """n points spread evenly over the unit disk (Vogel's sunflower)."""
    k = np.arange(n) + 0.5
    angle = np.pi * (3 - 5**0.5) * k
    return np.sqrt(k / n)[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])


def scattered_in_ball(n: int, dimension: int = 2, seed: int = 0) -> np.ndarray:
    """n independent points of the unit disk or ball."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(n, dimension))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions * rng.random((n, 1)) ** (1 / dimension)


def cut_along_chord(x: np.ndarray, c: float = 0.2, d: float = 0.25) -> np.ndarray:
    """The gradient of |x|^2 / 2 + d |x_1 - c|, in any dimension: two parts, pulled apart by 2 d."""
    y = x.copy()
    y[:, 0] += d * np.sign(x[:, 0] - c)
    return y


def chord(c: float = 0.2, count: int = 2000) -> np.ndarray:
    """Where `cut_along_chord` tears a disk."""
    half = np.sqrt(1 - c**2)
    return np.column_stack([np.full(count, c), np.linspace(-half, half, count)])


def to_annulus(x: np.ndarray, inner: float = 0.5) -> np.ndarray:
    """The disk or ball made an annulus or a shell of outer radius 1, up to a factor of its measure."""
    radius, d = np.linalg.norm(x, axis=1, keepdims=True), x.shape[1]
    return x / radius * (inner**d + (1 - inner**d) * radius**d) ** (1 / d)


def pulled_in_sectors(x: np.ndarray, d: float = 0.3) -> np.ndarray:
    """Three equal sectors pulled apart, each along its middle."""
    middle = (np.floor(np.arctan2(x[:, 1], x[:, 0]) / THIRD) + 0.5) * THIRD
    y = x.copy()
    y[:, :2] += d * np.column_stack([np.cos(middle), np.sin(middle)])
    return y


def three_radii(count: int = 700) -> np.ndarray:
    """Where `pulled_in_sectors` tears a disk."""
    angle = np.repeat([0, THIRD, -THIRD], count)
    return np.tile(np.linspace(0, 1, count), 3)[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])


def in_peanut(points: np.ndarray) -> np.ndarray:
    """Whether points lie in a peanut, a smooth dumbbell of length 3 and height 1.2, convex but for its waist."""
    x, y = np.asarray(points).T
    return np.abs(y) < np.where(np.abs(x) < 1.5, 0.6 * np.sqrt(np.maximum(1 - (x / 1.5) ** 2, 0)) * waist(x), 0)


def waist(x: np.ndarray) -> np.ndarray:
    """How much of the height of an ellipse a peanut keeps."""
    return 1 - 0.75 * np.exp(-((x / 0.45) ** 2))


def lattice_in(inside, low, high, spacing: float) -> np.ndarray:
    """The points of a hexagonal lattice, slightly turned, that lie inside."""
    reach = int(np.ceil(np.linalg.norm(np.subtract(high, low)) / spacing)) + 1
    i, j = np.meshgrid(np.arange(-reach, reach), np.arange(-reach, reach))
    points = spacing * np.column_stack([(i + 0.5 * (j % 2) + 0.25).ravel(), (j.ravel() + 0.5) * 0.75**0.5])
    turn = np.array([[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]])
    points = points @ turn.T + np.add(low, high) / 2
    return points[inside(points)]


def hausdorff(found: np.ndarray, true: np.ndarray) -> float:
    """Hausdorff distance of two sets of points."""
    ways = [cKDTree(a).query(b)[0].max() for a, b in ((found, true), (true, found))]
    return float(max(ways))


def fitted_rate(h, errors) -> float:
    """The exponent of h in the errors."""
    return float(np.polyfit(np.log(h), np.log(errors), 1)[0])


def lattice_in_ball(n: int) -> np.ndarray:
    """About n points of a body-centered cubic lattice, turned and shifted, in the unit ball."""
    side = (8 * np.pi / 3 / n) ** (1 / 3)
    reach = int(1.2 / side) + 2
    grid = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3), axis=-1).reshape(-1, 3)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    points = side * (np.concatenate([grid, grid + 0.5]) @ turn.T + [0.13, 0.21, 0.07])
    return points[np.linalg.norm(points, axis=1) < 1]


def around_axis(x: np.ndarray, inner: float = 0.6) -> np.ndarray:
    """The ball pushed away from the z axis: a solid ring, by a map radial in planes z = const."""
    radius = np.linalg.norm(x[:, :2], axis=1, keepdims=True)
    return np.column_stack([x[:, :2] / radius * np.sqrt(inner**2 + radius**2), x[:, 2]])


def barbell(levels: int = 3) -> Solid:
    """A ball drawn in deep about its waist and out along x, so that its two ends face each other."""
    ball = ball_solid(levels)
    x, y, z = ball.vertices.T
    thin = 1 - 0.8 * np.exp(-((x / 0.5) ** 2))
    return ball.with_vertices(np.column_stack([2 * x, thin * y, thin * z]))
