"""Sound meshes of every kind, and what a careless program makes of them: the file is right, the mesh in it is not.

A mutation takes a `Draft` and a source of randomness and changes the draft in place.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import files
import numpy as np
import shapes
import solidfiles

from meshot.meshes.elements import TETRAHEDRON, Block

Mutation = Callable[["Draft", random.Random], None]

KINDS: dict[str, list[str]] = {}
"""Kinds of files by suffix."""
for _kind in [*files.FORMATS, *solidfiles.FORMATS]:
    KINDS.setdefault(_kind.partition("-")[0], []).append(_kind)

SURFACES = (shapes.triangle(), shapes.relief(4), shapes.disk(3), shapes.bumpy_sphere(1), shapes.icosphere(1))
SOLIDS = (shapes.one_tetrahedron(), shapes.ball_solid(1), shapes.box_solid(2, 2, 1))
NUMBERS = (0.0, -0.0, 1.0, 1e-17, 1e-40, 1e-300, 1e17, 3e38, 1e99, 1e101, 1e155, 1e308, -1e308, math.nan, math.inf)
SINGLE = float(np.finfo(np.float32).max)


@dataclass
class Draft:
    """A mesh that can still be changed: `cells` are polygons, or tetrahedra of a solid."""

    kind: str
    vertices: list[list[float]]
    cells: list[list[int]]

    def encode(self) -> bytes:
        """Return the file."""
        if self.kind == "stl-binary":  # of single precision
            vertices = np.clip(self.vertices, -SINGLE, SINGLE).tolist()
            return files.FORMATS[self.kind](vertices, self.cells)
        if self.kind in files.FORMATS:
            return files.FORMATS[self.kind](self.vertices, self.cells)
        block = Block(TETRAHEDRON, np.array(self.cells), np.arange(len(self.cells)))
        return solidfiles.FORMATS[self.kind](np.array(self.vertices), [block])


def draft(kind: str, rng: random.Random) -> Draft:
    """Return a sound mesh, to be written as a file of this kind."""
    if kind in files.FORMATS:
        surface = rng.choice(SURFACES)
        return Draft(kind, surface.vertices.tolist(), surface.faces.tolist())
    solid = rng.choice(SOLIDS)
    return Draft(kind, solid.vertices.tolist(), solid.tetrahedra.tolist())


def sound_files() -> list[tuple[str, bytes]]:
    """Return suffix and bytes of a file for each of the sound meshes."""
    surfaces = [Draft("obj", mesh.vertices.tolist(), mesh.faces.tolist()) for mesh in SURFACES]
    solids = [Draft("mesh", mesh.vertices.tolist(), mesh.tetrahedra.tolist()) for mesh in SOLIDS]
    return [(mesh.kind, mesh.encode()) for mesh in surfaces + solids]


# ---------------------------------------------------------------------------------------------------------------------
# cells


def repeat_cell(mesh: Draft, rng: random.Random) -> None:
    mesh.cells.insert(rng.randrange(len(mesh.cells)), list(rng.choice(mesh.cells)))


def drop_cells(mesh: Draft, rng: random.Random) -> None:
    for _ in range(min(rng.choice([1, 1, 2, 10]), len(mesh.cells) - 1)):
        mesh.cells.pop(rng.randrange(len(mesh.cells)))


def turn_cell(mesh: Draft, rng: random.Random) -> None:
    cell = rng.choice(mesh.cells)
    cell[0], cell[1] = cell[1], cell[0]


def turn_all(mesh: Draft, rng: random.Random) -> None:
    for cell in mesh.cells:
        cell[0], cell[1] = cell[1], cell[0]


def another_corner(mesh: Draft, rng: random.Random) -> None:
    cell = rng.choice(mesh.cells)
    cell[rng.randrange(len(cell))] = rng.randrange(len(mesh.vertices))


def corner_twice(mesh: Draft, rng: random.Random) -> None:
    cell = rng.choice(mesh.cells)
    cell[0] = cell[-1]


def wrong_index(mesh: Draft, rng: random.Random) -> None:
    if mesh.kind not in files.SOUPS:
        cell = rng.choice(mesh.cells)
        cell[rng.randrange(len(cell))] = rng.choice([-1, -2, len(mesh.vertices), 2**31 - 2, -(2**31)])


def cycle(mesh: Draft, rng: random.Random) -> None:
    """A polygon that runs around the same vertices again and again."""
    if mesh.kind in files.INDEXED:
        mesh.cells.insert(rng.randrange(len(mesh.cells) + 1), (rng.choice(mesh.cells) * rng.choice([2, 3, 60]))[:240])


def polygon(mesh: Draft, rng: random.Random) -> None:
    """A polygon across the mesh, in place of some faces."""
    if mesh.kind in files.INDEXED:
        count = min(rng.choice([4, 5, 200]), len(mesh.vertices))
        mesh.cells[rng.randrange(len(mesh.cells)) :] = [rng.sample(range(len(mesh.vertices)), count)]


def shuffle_cells(mesh: Draft, rng: random.Random) -> None:
    rng.shuffle(mesh.cells)


def merge_vertices(mesh: Draft, rng: random.Random) -> None:
    """Two vertices become one, as when a tolerance is too large."""
    kept, gone = (rng.randrange(len(mesh.vertices)) for _ in range(2))
    mesh.cells[:] = [[kept if i == gone else i for i in cell] for cell in mesh.cells]


# ---------------------------------------------------------------------------------------------------------------------
# vertices


def one_number(mesh: Draft, rng: random.Random) -> None:
    rng.choice(mesh.vertices)[rng.randrange(3)] = rng.choice(NUMBERS)


def same_place(mesh: Draft, rng: random.Random) -> None:
    mesh.vertices[rng.randrange(len(mesh.vertices))] = list(rng.choice(mesh.vertices))


def near_place(mesh: Draft, rng: random.Random) -> None:
    """A vertex comes so near to another that the cells between them become slivers, or turn over."""
    near, step = rng.choice(mesh.vertices), 10.0 ** -rng.randrange(3, 16)
    mesh.vertices[rng.randrange(len(mesh.vertices))] = [x + step * rng.uniform(-1, 1) for x in near]


def moved(mesh: Draft, rng: random.Random) -> None:
    distance = 10.0 ** rng.randrange(-2, 7)
    vertex = rng.choice(mesh.vertices)
    vertex[:] = [x + distance * rng.uniform(-1, 1) for x in vertex]


def crumpled(mesh: Draft, rng: random.Random) -> None:
    mesh.vertices[:] = [[rng.uniform(-1, 1) for _ in range(3)] for _ in mesh.vertices]


def affine(scale: list[float], shift: float = 0.0) -> Mutation:
    """Scale each axis and move the mesh."""

    def change(mesh: Draft, rng: random.Random) -> None:
        axes = rng.sample(range(3), 3)
        mesh.vertices[:] = [[v[k] * scale[axes[k]] + shift for k in range(3)] for v in mesh.vertices]

    return change


def shuffle_vertices(mesh: Draft, rng: random.Random) -> None:
    """Positions no longer belong to their vertices."""
    rng.shuffle(mesh.vertices)


def lone_vertices(mesh: Draft, rng: random.Random) -> None:
    mesh.vertices += [[rng.choice(NUMBERS) for _ in range(3)] for _ in range(rng.choice([1, 50]))]


MESH_MUTATIONS: dict[str, Mutation] = {
    "repeat cell": repeat_cell,
    "drop cells": drop_cells,
    "turn cell": turn_cell,
    "turn all cells": turn_all,
    "another corner": another_corner,
    "corner twice": corner_twice,
    "wrong index": wrong_index,
    "cycle of indices": cycle,
    "polygon": polygon,
    "shuffle cells": shuffle_cells,
    "merge vertices": merge_vertices,
    "one number": one_number,
    "same place": same_place,
    "near place": near_place,
    "vertex moved": moved,
    "crumpled": crumpled,
    "shuffle vertices": shuffle_vertices,
    "lone vertices": lone_vertices,
    "needle": affine([1, 1e-3, 1e-3]),
    "thin": affine([1, 1, 1e-6]),
    "flat": affine([1, 1, 0]),
    "a point": affine([0, 0, 0]),
    "tiny": affine([1e-30] * 3),
    "huge": affine([1e30] * 3),
    "far away": affine([1, 1, 1], 1e6),
    "too far away": affine([1, 1, 1], 1e17),
}
"""By name."""
