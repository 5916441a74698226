"""Untangling of ball maps: flipped elements are unfolded by minimizing a regularized distortion around them.

Garanzha, Kaporin, Kudryavtseva, Protais, Ray, Sokolov, "Foldover-free maps in 50 lines of code" (ACM Transactions on
Graphics 2021): with J the Jacobian of an element relative to its ideal shape, the sum of tr(J^T J) / chi^(2/3) and
(det^2 J + 1) / chi is minimized by L-BFGS, chi = (det J + sqrt(det^2 J + eps^2)) / 2 being positive whatever the
determinant; eps goes to zero with the worst determinant. Here the boundary slides on the sphere, the cones over its
faces are elements too, and only a neighborhood of what is flipped moves, a larger one if that does not suffice.
"""

import warnings

import numpy as np
from scipy.optimize import minimize

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import ConvergenceWarning, format_ids
from meshot.refinement.ball_system import REGULAR, BallSystem

# Rings of elements about the flipped ones that move. A round that leaves more than a part of the flips makes the next
# one take more rings; the last choice is the whole.
RINGS, LEFT = (1, 2, 4, 8, 1000), 0.8
# Rounds in all, every one with an eps of its own, and iterations in a round.
ROUNDS, ITERATIONS = 60, 120
# eps^2 is this part of the square of the worst determinant, and at least the second.
PART, LEAST = 0.04, 1e-6
# Where that ends with flips, eps falls by rule, from each of some values, while more and more elements may be flipped
# on the way: a knot opens so that no round that keeps all others unfolded would undo. Rings and iterations of a round.
FIRSTS, FACTOR, LAST, WIDE, LONG = (0.1, 1.0), 0.3, 1e-4, 6, 300


def untangle(system: BallSystem, points: Floats) -> Floats:
    """Return a map, (V, 3), in which no tetrahedron and no face of the boundary is flipped, if one is found.

    Parameters
    ----------
    system : BallSystem
    points : (V, 3) float
        The map to begin with, with the boundary on the unit sphere; returned as it is if it has no flips.

    Warns
    -----
    ConvergenceWarning
        Some elements stay flipped; their tetrahedra are named.
    """
    points = np.vstack([points, np.zeros(3)])
    points = _opened(system, _unfolded(system, points))
    flipped = np.flatnonzero(system.measures(points) <= 0)
    if len(flipped):
        named = format_ids(flipped[flipped < system.tetrahedra].tolist())
        warnings.warn(f"the map to the ball stays folded at tetrahedra with {named}", ConvergenceWarning, stacklevel=3)
    return points[:-1]


def _unfolded(system: BallSystem, points: Floats) -> Floats:
    """Unfold round by round, each from what is still flipped; with the center as the last point."""
    units = _units(system, points)
    level, flipped = 0, np.zeros(0, dtype=np.int64)
    for _ in range(ROUNDS):
        before, flipped = len(flipped), np.flatnonzero(system.measures(points) <= 0)
        if len(flipped) == 0:
            break
        if 0 < LEFT * before < len(flipped):
            level += 1
        if level == len(RINGS):
            break
        chosen = _neighborhood(system, flipped, RINGS[level])
        epsilon = _epsilon(system.measures(points)[chosen] / units[chosen])
        points = _unfold(system, points, units, chosen, epsilon, ITERATIONS)
    return points


def _epsilon(determinants: Floats) -> float:
    return float(np.sqrt(LEAST + PART * min(float(determinants.min()), 0.0) ** 2))


def _opened(system: BallSystem, points: Floats) -> Floats:
    """Open the knots that are left, with eps by rule; the points as they were if that leaves no fewer flips."""
    for first in FIRSTS:
        flipped = np.flatnonzero(system.measures(points) <= 0)
        if len(flipped) == 0:
            break
        chosen = _neighborhood(system, flipped, WIDE)
        trial, epsilon = points, first
        while epsilon > LAST and (system.measures(trial) <= 0).any():
            trial = _unfold(system, trial, _units(system, trial), chosen, epsilon, LONG)
            epsilon *= FACTOR
        if (system.measures(trial) <= 0).sum() < len(flipped):
            points = trial
    return points


def _units(system: BallSystem, points: Floats) -> Floats:
    """Volume of each element that counts as 1: about that of its neighborhood at present."""
    volumes = np.abs(system.measures(points))
    inner = system.tetrahedra
    around = system.average(np.concatenate([volumes[:inner], np.zeros(len(volumes) - inner)]), 2)
    cones = volumes[inner:]
    return np.concatenate([around[:inner], np.maximum(cones, 0.3 * np.median(cones))])


def _neighborhood(system: BallSystem, flipped: Ints, rings: int) -> Ints:
    """Elements within some rings of the flipped ones."""
    near = np.zeros(len(system.elements), dtype=bool)
    near[flipped] = True
    reached = near.sum()
    for _ in range(rings):
        at_vertex = np.zeros(system.count, dtype=bool)
        at_vertex[system.elements[near]] = True
        at_vertex[-1] = False
        near = at_vertex[system.elements].any(axis=1)
        if near.sum() == reached:
            break
        reached = near.sum()
    return np.flatnonzero(near)


def _unfold(system: BallSystem, points: Floats, units: Floats, chosen: Ints, epsilon: float, iterations: int) -> Floats:
    """Minimize the energy of the chosen elements over the vertices that belong to no other one."""
    free = np.ones(system.count, dtype=bool)
    others = np.ones(len(system.elements), dtype=bool)
    others[chosen] = False
    free[system.elements[others]] = False
    free[-1] = False
    names = np.unique(system.elements[chosen])
    moving = names[free[names]]
    place = np.full(system.count, -1)
    place[names] = np.arange(len(names))
    elements, where = place[system.elements[chosen]], place[moving]
    rim = np.isin(moving, system.on_sphere)
    inverses = _references(system, points, units, chosen)
    start = points[names]

    def placed(x: Floats) -> Floats:
        moved = x.reshape(-1, 3).copy()
        moved[rim] /= np.linalg.norm(moved[rim], axis=1, keepdims=True)
        return moved

    def energy(x: Floats) -> tuple[float, Floats]:
        local = start.copy()
        local[where] = placed(x)
        value, gradient = _energy(local, elements, inverses, epsilon)
        pull = gradient[where]
        normals, lengths = local[where][rim], np.linalg.norm(x.reshape(-1, 3)[rim], axis=1, keepdims=True)
        pull[rim] = (pull[rim] - np.sum(pull[rim] * normals, axis=1, keepdims=True) * normals) / lengths
        return value, pull.ravel()

    minimum = minimize(
        energy, points[moving].ravel(), jac=True, method="L-BFGS-B", options={"maxiter": iterations, "maxcor": 20}
    )
    result = points.copy()
    result[moving] = placed(minimum.x)
    return result


def _references(system: BallSystem, points: Floats, units: Floats, chosen: Ints) -> Floats:
    """Inverse edge matrices of the ideal elements, (n, 3, 3): regular tetrahedra, and cones over regular triangles."""
    scale = np.cbrt(6 * units[chosen])
    inverses = REGULAR / scale[:, None, None]
    cones = np.flatnonzero(chosen >= system.tetrahedra)
    # Corners on the unit sphere, about the z axis, at the distance rho from it; the volume is the unit.
    rho = np.sqrt(np.minimum(4 * units[chosen[cones]] / np.sqrt(3), 0.4))
    angles = 2 * np.pi * np.arange(3) / 3
    corners = np.empty((len(cones), 3, 3))
    corners[:, 0], corners[:, 1] = rho[:, None] * np.cos(angles), rho[:, None] * np.sin(angles)
    corners[:, 2] = np.sqrt(1 - rho**2)[:, None]
    inverses[cones] = np.linalg.inv(corners)
    return inverses


def _energy(points: Floats, elements: Ints, inverses: Floats, epsilon: float) -> tuple[float, Floats]:
    """Return the sum over the elements and its gradient by the points, (n, 3)."""
    corners = points[elements]
    edges = (corners[:, 1:] - corners[:, :1]).transpose(0, 2, 1)
    jacobian = edges @ inverses
    a, b, c = jacobian.transpose(2, 0, 1)
    cofactor = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=2)
    determinant = np.einsum("nx,nx->n", a, cofactor[:, :, 0])
    root = np.sqrt(determinant**2 + epsilon**2)
    chi = np.where(determinant > 0, 0.5 * (determinant + root), 0.5 * epsilon**2 / (root + np.abs(determinant)))
    slope = chi / root
    square = np.einsum("nxy,nxy->n", jacobian, jacobian)
    shape = chi ** (-2 / 3)
    value = float(np.sum(square * shape + (determinant**2 + 1) / chi))
    by_determinant = (2 * determinant - (determinant**2 + 1) * slope / chi) / chi - 2 / 3 * square * shape * slope / chi
    by_jacobian = 2 * shape[:, None, None] * jacobian + by_determinant[:, None, None] * cofactor
    by_edges = by_jacobian @ inverses.transpose(0, 2, 1)
    by_corners = np.concatenate([-by_edges.sum(axis=2)[:, None], by_edges.transpose(0, 2, 1)], axis=1)
    gradient = np.zeros((len(points), 3))
    for x in range(3):
        gradient[:, x] = np.bincount(elements.ravel(), by_corners[..., x].ravel(), minlength=len(points))
    return value, gradient
