"""Sound meshes of every kind, and what a careless program makes of them: the file is right, the mesh in it is not.

A mutation takes a `Draft` and a source of randomness and changes the draft in place.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import files
import numpy as np
import shapes
import solidfiles
from polygonmeshes import POLYGON_MESHES, ply_strips, true_area, vtk_strips

from meshot.meshes.elements import TETRAHEDRON, Block

Mutation = Callable[["Draft", random.Random], None]

INDEXED = {
    **files.INDEXED,
    "ply-strips-text": partial(ply_strips, binary=False),
    "ply-strips-little": partial(ply_strips, binary=True),
    "vtk-strips-text": vtk_strips,
}
"""Encoders of surfaces whose faces name vertices by their numbers."""
SURFACE_FORMATS = INDEXED | files.SOUPS

KINDS: dict[str, list[str]] = {}
"""Kinds of files by suffix."""
for _kind in [*SURFACE_FORMATS, *solidfiles.FORMATS]:
    KINDS.setdefault(_kind.partition("-")[0], []).append(_kind)


def _crumpled(surface: shapes.Surface) -> shapes.Surface:
    vertices = np.random.default_rng(0).uniform(-1, 1, surface.vertices.shape)
    return shapes.Surface(vertices, surface.faces)


SURFACES = (shapes.triangle(), shapes.relief(4), shapes.disk(3), shapes.bumpy_sphere(1), shapes.icosphere(1))
SOLIDS = (shapes.one_tetrahedron(), shapes.ball_solid(1), shapes.box_solid(2, 2, 1))
EFFORTS = tuple(_crumpled(mesh) for mesh in (shapes.disk(3), shapes.icosphere(1)))
"""Meshes of which one start alone does not make a map."""
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
        if self.kind in SURFACE_FORMATS:
            return SURFACE_FORMATS[self.kind](self._written(), self.cells)
        block = Block(TETRAHEDRON, np.array(self.cells), np.arange(len(self.cells)))
        return solidfiles.FORMATS[self.kind](np.array(self.vertices), [block])

    def area(self) -> float | None:
        """Return the area that is read from the file, NaN if none may be; None if it is no surface, or not known."""
        fans = self.kind in files.SOUPS or "strips" in self.kind
        if self.kind not in SURFACE_FORMATS or (fans and any(len(cell) > 3 for cell in self.cells)):
            return None
        return true_area(self._written(), self.cells)

    def _written(self) -> list[list[float]]:
        """Positions, of single precision where the format has no other."""
        if self.kind != "stl-binary":
            return self.vertices
        with np.errstate(all="ignore"):
            return np.clip(self.vertices, -SINGLE, SINGLE).astype(np.float32).tolist()


def draft(kind: str, rng: random.Random) -> Draft:
    """Return a sound mesh, to be written as a file of this kind."""
    if kind in INDEXED and rng.randrange(3) == 0:
        vertices, polygons = rng.choice(POLYGON_MESHES)
        return Draft(kind, [list(v) for v in vertices], [list(p) for p in polygons])
    if kind in SURFACE_FORMATS:
        surface = rng.choice(SURFACES)
        return Draft(kind, surface.vertices.tolist(), surface.faces.tolist())
    solid = rng.choice(SOLIDS)
    return Draft(kind, solid.vertices.tolist(), solid.tetrahedra.tolist())


def sound_files() -> list[tuple[str, bytes]]:
    """Return suffix and bytes of a file for each of the sound meshes, and of one that is mapped with an effort."""
    surfaces = [Draft("obj", mesh.vertices.tolist(), mesh.faces.tolist()) for mesh in (*SURFACES, *EFFORTS)]
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
    if mesh.kind in INDEXED:
        mesh.cells.insert(rng.randrange(len(mesh.cells) + 1), (rng.choice(mesh.cells) * rng.choice([2, 3, 60]))[:240])


def polygon(mesh: Draft, rng: random.Random) -> None:
    """A polygon across the mesh, in place of some faces."""
    if mesh.kind in INDEXED:
        count = min(rng.choice([4, 5, 200]), len(mesh.vertices))
        mesh.cells[rng.randrange(len(mesh.cells)) :] = [rng.sample(range(len(mesh.vertices)), count)]


def dissolve(mesh: Draft, rng: random.Random) -> None:
    """Faces beside one another become one polygon, as a modeler dissolves the edges between them."""
    if mesh.kind not in INDEXED:
        return
    for _ in range(rng.choice([1, 4, 40])):
        one, other = (rng.randrange(len(mesh.cells)) for _ in range(2))
        beside = [k for k, cell in enumerate(mesh.cells) if k != one and _merged(mesh.cells[one], cell)]
        if beside:
            other = rng.choice(beside)
            mesh.cells[one] = _merged(mesh.cells[one], mesh.cells[other])
            mesh.cells.pop(other)


def _merged(one: list[int], other: list[int]) -> list[int]:
    """Return two polygons as one without the only side that they share, or nothing."""
    if len(set(one) & set(other)) != 2:
        return []
    for k in range(len(one)):
        for m in range(len(other)):
            if one[k] == other[(m + 1) % len(other)] and one[(k + 1) % len(one)] == other[m]:
                return one[k + 1 :] + one[: k + 1] + (other[m + 2 :] + other[:m] if m + 1 < len(other) else other[1:m])
    return []


def cross_over(mesh: Draft, rng: random.Random) -> None:
    """Two corners of a polygon change places, as in a bowtie."""
    large = [cell for cell in mesh.cells if len(cell) > 3]
    if large:
        cell = rng.choice(large)
        i, j = rng.sample(range(len(cell)), 2)
        cell[i], cell[j] = cell[j], cell[i]


def start_elsewhere(mesh: Draft, rng: random.Random) -> None:
    """Each face is listed from another corner on."""
    if mesh.kind in SURFACE_FORMATS:
        for cell in mesh.cells:
            k = rng.randrange(len(cell))
            cell[:] = cell[k:] + cell[:k]


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
    "dissolved edges": dissolve,
    "cross over": cross_over,
    "start elsewhere": start_elsewhere,
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
