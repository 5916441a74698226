"""Blue noise on a surface: cells of equal mass, each point in the middle of its own (capacity-constrained Voronoi).

Lloyd's steps move every point straight along the surface to the centroid of its cell; between them a step of the
transport's damped Newton iteration evens out the cells' masses, so that the points have no room to crowd (Balzer,
Schlömer and Deussen, "Capacity-constrained point distributions", 2009; de Goes et al., "Blue noise through optimal
transport", 2012). It is done on the surface itself, not in the disk: a map that preserves areas stretches, and points
that are isotropic there are not so on the surface. No map is needed, and any topology will do.
"""

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import ConvergenceError
from meshot.base.progress import SILENT, Progress
from meshot.diagrams.surface.diagram import SurfaceDiagram, SurfaceEngine, SurfaceSites
from meshot.meshes.surface import Surface
from meshot.meshes.topology import components
from meshot.sampling.geodesics import near_points
from meshot.transport.newton import DampedNewton, first_state
from meshot.transport.problem import SurfaceProblem

# Lloyd's steps: in all, before the first transport, and at the end without over-relaxation.
STEPS, PLAIN, LAST = 40, 5, 3
# How far beyond the centroid a point is moved: it saves a third of the steps.
RELAXATION = 1.4
# In spacings of the hexagonal packing, how far apart all points are pushed in the end, and the rounds of it at most.
APART, ROUNDS = 0.79, 30
# Share of its mass below which a cell makes the weights start anew.
SMALL = 0.2
# Density, over its mean, that faces have at least: parts without any would leave the transport undetermined.
FAINT = 1e-6


def blue_places(
    surface: Surface, masses: Floats, n: int, rng: np.random.Generator, progress: Progress | None = None
) -> tuple[Ints, Floats]:
    """Return faces and barycentric coordinates of n blue noise points; `masses` (F,) are those of the faces.

    Parts of the surface that are not joined share the points by their masses, as evenly as whole numbers allow.
    """
    twins = surface.twins
    inner = np.flatnonzero(twins >= 0)
    part = components(len(surface.faces), inner // 3, twins[inner] // 3)
    shares = _apportion(np.bincount(part, masses).astype(np.float64), n)
    client = SILENT if progress is None else progress
    faces, barycentric = [], []
    for label in np.flatnonzero(shares).tolist():
        own = np.flatnonzero(part == label)
        piece = surface if len(own) == len(part) else surface.with_faces(surface.faces[own])
        found, weights = _spread(piece, masses[own], int(shares[label]), rng, client)
        faces.append(own[found])
        barycentric.append(weights)
    return np.concatenate(faces), np.concatenate(barycentric)


def _apportion(masses: Floats, n: int) -> Ints:
    """Share out n points by masses: the whole parts, and the rest to the largest remainders."""
    quotas = n * masses / masses.sum()
    shares = np.floor(quotas).astype(np.int64)
    rest = np.argsort(shares - quotas, kind="stable")[: n - int(shares.sum())]
    shares[rest] += 1
    return shares


def _spread(
    surface: Surface, masses: Floats, n: int, rng: np.random.Generator, progress: Progress
) -> tuple[Ints, Floats]:
    """Return n blue noise points of a surface in one part."""
    areas = surface.face_areas
    density = masses / np.where(areas > 0, areas, 1.0)
    engine = SurfaceEngine(surface, np.maximum(density, FAINT * masses.sum() / surface.area))
    faces, barycentric = _start(surface, masses, n, rng)
    psi, equal = np.zeros(n), np.full(n, engine.mass / n)
    assert engine.density is not None
    reach = 1.5 * np.sqrt(engine.mass / n / engine.density[faces])
    for step in range(STEPS):
        progress.update(step / STEPS, f"step {step} of {STEPS}")
        engine.place(SurfaceSites(faces, barycentric), reach)
        diagram = _even_cells(engine, equal, psi) if step >= PLAIN else engine.diagram(psi)
        psi = diagram.weights - diagram.weights.mean()
        factor = RELAXATION if PLAIN < step < STEPS - LAST else 1.0
        offsets = factor * np.where((diagram.masses > 0)[:, None], diagram.offsets, 0.0)
        faces, barycentric = engine.moved(offsets)
        reach = 1.15 * diagram.radii + 2 * np.hypot(*offsets.T)
    return _push_apart(engine, faces, barycentric)


def _push_apart(engine: SurfaceEngine, faces: Ints, barycentric: Floats) -> tuple[Ints, Floats]:
    """Move the few pairs that are still too near, at sharp tips and dislocations, straight away from each other.

    Disks of this size would fill less than 3 / 5 of a plane, so there is room.
    """
    assert engine.density is not None
    for _ in range(ROUNDS):
        unit = np.sqrt(2 * engine.mass / (np.sqrt(3) * len(faces) * engine.density[faces]))
        near = near_points(engine.surface, faces, barycentric, APART * unit)
        if len(near.points) == 0:
            break
        push = np.zeros((len(faces), 2))
        np.add.at(push, near.others, (0.55 * (APART * unit[near.points] - near.distances))[:, None] * near.directions)
        engine.place(SurfaceSites(faces, barycentric))
        faces, barycentric = engine.moved(push)
    return faces, barycentric


def _even_cells(engine: SurfaceEngine, equal: Floats, psi: Floats) -> SurfaceDiagram:
    """Return the diagram after one damped Newton step from psi toward equal masses; the one before if none helps."""
    diagram = engine.diagram(psi)
    if diagram.masses.min() < SMALL * equal[0]:
        diagram = engine.diagram(np.zeros(len(psi)))
    if len(psi) == 1 or diagram.masses.min() <= 0:
        return diagram
    problem = SurfaceProblem(equal)
    try:
        state = DampedNewton().step(problem, engine, first_state(problem, diagram))
    except ConvergenceError:
        state = None
    return diagram if state is None else state.diagram


def _start(surface: Surface, masses: Floats, n: int, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """Pick one point at random in each of n consecutive parts of equal mass of a curve through the faces."""
    order = _space_order(surface.corners.mean(axis=1))
    order = order[masses[order] > 0]
    cumulative = np.cumsum(masses[order])
    draws = rng.random((n, 3))
    heights = (np.arange(n) + draws[:, 0]) / n * cumulative[-1]
    faces = order[np.searchsorted(cumulative[:-1], heights, side="right")]
    root = np.sqrt(draws[:, 1])
    return faces, np.stack([1 - root, root * (1 - draws[:, 2]), root * draws[:, 2]], axis=1)


def _space_order(points: Floats) -> Ints:
    """Sort points of space along a Z-shaped curve."""
    extent = np.ptp(points, axis=0).max()
    cells = ((points - points.min(axis=0)) * (1023 / extent if extent > 0 else 0.0)).astype(np.int64)
    code = np.zeros(len(points), dtype=np.int64)
    for bit in range(10):
        for axis in range(3):
            code |= (cells[:, axis] >> bit & 1) << (3 * bit + axis)
    return np.argsort(code, kind="stable")
