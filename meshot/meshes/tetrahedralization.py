"""Fill a closed surface with tetrahedra, by fTetWild (package pytetwild).

fTetWild accepts any triangles, resolves self-intersections, produces well-shaped tetrahedra and does not fail on bad
faces, as it may move the boundary by up to a tolerance. Of other packages, tetgen contains AGPL code and gmsh is GPL;
delmesher (LGPL) has no edge length, and made 434,000 tetrahedra, many nearly flat, in many times the time in which
fTetWild makes 24,000; wildmeshing is an older fTetWild. fTetWild has no seed: two runs on the same surface give
slightly different meshes.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import numpy as np
from scipy.spatial import cKDTree

from meshot.base.arrays import Floats, Ints, norms
from meshot.base.errors import GeometryError, MeshotError, TopologyError, format_ids
from meshot.base.memory import require_memory
from meshot.base.progress import Progress, Stages
from meshot.meshes.check.problems import error_of, require_coordinates
from meshot.meshes.check.surface import MeshReport, check, hint_to_join
from meshot.meshes.intersections import self_intersections
from meshot.meshes.solid import Solid
from meshot.meshes.surface import Surface, as_surface

EDGE_LENGTH = 0.05
"""Wanted length of the edges, by default, over the diagonal of the surface's box."""

DEVIATION = 1e-3
"""How far the boundary may move, by default, over the same diagonal."""

NO_BALL = ("several-components", "genus", "non-orientable", "inconsistent-orientation")
"""Kinds of problems of a surface because of which what it encloses is no ball, or not known."""

# Bytes of memory of fTetWild for each tetrahedron of the result and each face of the surface, and at least.
BYTES = (6e3, 4e3, 2e8)
# Tetrahedra that fit in the cube of an edge length; a regular one takes a part of 1 / (6 sqrt 2).
DENSITY = 6 * 2**0.5
# Share of the work done when fTetWild prints these words, and when its energy is below 10.
MILESTONES = (("collapsing", 0.02), ("Tetrahedralization performed", 0.1), ("mark_surface_fs", 0.2), ("postpro", 0.95))
OPTIMIZED, GOAL = 0.9, 10.0


@dataclass(frozen=True, eq=False)
class Tetrahedralization:
    """A solid filled into a surface, and how far its boundary is from the surface.

    Attributes
    ----------
    solid : Solid
        Tetrahedra of positive volume.
    outward : float
        Largest distance of a point of the solid's boundary from the surface, over the diagonal of the surface's box.
    inward : float
        Largest distance of a point of the surface from the solid's boundary, over the same diagonal.
    notes : tuple of str
        What was done, in sentences without a full stop.
    """

    solid: Solid
    outward: float
    inward: float
    notes: tuple[str, ...]


def tetrahedralize(
    surface: Surface,
    edge_length: float | None = None,
    *,
    deviation: float = DEVIATION,
    progress: Progress | None = None,
) -> Solid:
    """Fill a closed surface with tetrahedra.

    Self-intersections are resolved, and the boundary moves a little; `make_tetrahedra` says by how much.

    Parameters
    ----------
    surface : Surface
        Closed: without boundary loops. Holes and handles are kept.
    edge_length : float, optional
        Wanted length of the edges in the surface's unit; by default a twentieth of the diagonal of its box. Where the
        surface is finer, so are the tetrahedra.
    deviation : float
        How far the boundary may move, over the diagonal of the surface's box.
    progress : Progress, optional
        Called with the stages "check", "tetrahedra" and "boundary".

    Returns
    -------
    Solid

    Raises
    ------
    TopologyError
        The surface is open.
    GeometryError
        Coordinates are not finite (the message lists the vertices), or the surface has no area.
    NotEnoughMemoryError
        So many tetrahedra would not fit in memory.
    MeshotError
        The package pytetwild is not installed, or ended without a result.

    Notes
    -----
    Hu et al., "Fast tetrahedral meshing in the wild" (2020). Its result is not the same at each run.
    """
    return make_tetrahedra(surface, edge_length, deviation=deviation, progress=progress).solid


def make_tetrahedra(
    surface: Surface,
    edge_length: float | None = None,
    *,
    deviation: float = DEVIATION,
    ball: bool = False,
    progress: Progress | None = None,
) -> Tetrahedralization:
    """Fill a closed surface with tetrahedra as `tetrahedralize` does, and measure how far the boundary moved.

    Parameters
    ----------
    surface, edge_length, deviation, progress
        As for `tetrahedralize`.
    ball : bool
        Require a ball: surfaces with several components or handles, or with inconsistently oriented faces, are refused.

    Returns
    -------
    Tetrahedralization
    """
    mesh, stages = as_surface(surface), Stages(progress)
    with stages("check"):
        report = check(mesh)
    require_coordinates(mesh.vertices, mesh.referenced)
    _require_closed(report)
    for problem in report.problems if ball else ():
        if problem.kind in NO_BALL:
            raise error_of(problem, TopologyError)
    used = mesh.vertices[mesh.referenced]
    middle, diagonal = (used.min(axis=0) + used.max(axis=0)) / 2, float(np.linalg.norm(np.ptp(used, axis=0)))
    length = EDGE_LENGTH * diagonal if edge_length is None else float(edge_length)
    _require_sensible(mesh, length, deviation, diagonal)
    crossing = self_intersections(mesh)
    inside_out = any(note.kind == "inside-out" for note in report.notes)
    with stages("tetrahedra") as client:
        faces = (np.cumsum(mesh.referenced) - 1)[mesh.faces[:, ::-1] if inside_out else mesh.faces]
        options = {"edge_length_abs": length / diagonal, "epsilon": deviation}
        solid = _run((used - middle) / diagonal, faces, options, client)
        solid = solid.with_vertices(solid.vertices * diagonal + middle)
    with stages("boundary"):
        outward, inward = (each / diagonal for each in hausdorff_distances(solid.boundary, mesh))
    notes = [
        f"the surface was filled with {len(solid.tetrahedra):,} tetrahedra by fTetWild",
        f"the boundary moved by that: its points lie up to {outward:.2g} of the diagonal from the surface, and those "
        f"of the surface up to {inward:.2g} from it",
    ]
    if len(crossing):
        several = f"{len(crossing):,} faces crossed others" if len(crossing) > 1 else "a face crossed another"
        notes.insert(1, f"{several}, which was resolved by that ({format_ids(crossing.tolist(), of='faces')})")
    if inside_out:
        notes.insert(0, "the faces of the surface run clockwise seen from outside; they were turned over")
    return Tetrahedralization(solid, outward, inward, tuple(notes))


def _require_closed(report: MeshReport) -> None:
    if report.boundary_loops:
        loops = "a boundary loop" if report.boundary_loops == 1 else f"{report.boundary_loops} boundary loops"
        raise TopologyError(
            f"the surface is open: it has {loops}, and so encloses no solid{hint_to_join(report.notes)}"
        )


def _require_sensible(mesh: Surface, length: float, deviation: float, diagonal: float) -> None:
    if not (np.isfinite(length) and length > 0):
        raise GeometryError("edge_length must be positive" if diagonal > 0 else "the surface is a single point")
    if not 0 < deviation < 0.1:
        raise GeometryError("deviation must be between 0 and 0.1 of the diagonal")
    count, needed = filling_size(mesh, length)
    require_memory(needed, f"filling the surface with about {count:.2g} tetrahedra of edge length {length:.3g}")


def filling_size(mesh: Surface, length: float | None = None) -> tuple[float, float]:
    """Estimate how many tetrahedra of an edge length fill a closed surface, and how many bytes making them takes."""
    if length is None:
        length = EDGE_LENGTH * float(np.linalg.norm(np.ptp(mesh.vertices[mesh.referenced], axis=0)))
    a, b, c = mesh.corners.transpose(1, 0, 2)
    volume = abs(float(np.einsum("fk,fk->", a - mesh.vertices[mesh.faces[0, 0]], np.cross(b - a, c - a)))) / 6
    count = DENSITY * volume / length**3
    return count, BYTES[0] * count + BYTES[1] * len(mesh.faces) + BYTES[2]


def _run(vertices: Floats, faces: Ints, options: dict[str, float], client: Progress) -> Solid:
    """Run fTetWild in a separate process, and report its progress."""
    if find_spec("pytetwild") is None:
        raise MeshotError("tetrahedra are made by pytetwild, which is not installed: pip install pytetwild")
    with tempfile.TemporaryDirectory(prefix="meshot-") as name:
        folder = Path(name)
        np.savez(folder / "surface.npz", vertices=vertices, faces=faces)
        (folder / "options.json").write_text(json.dumps(options))
        # -P: the modules beside the script must not hide others of their name
        command = [sys.executable, "-P", "-u", str(Path(__file__).with_name("tetwild.py")), name]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        with (
            (folder / "errors.txt").open("wb") as errors,
            subprocess.Popen(command, cwd=name, env=environment, stdout=subprocess.PIPE, stderr=errors) as process,
        ):
            try:
                assert process.stdout is not None
                _watch(process, process.stdout, client)
            finally:
                process.kill()
        if process.returncode or not (folder / "solid.npz").exists():
            last = (folder / "errors.txt").read_text(errors="replace").strip().splitlines()[-1:]
            cause = last[0][:200] if last else f"exit code {process.returncode}"
            raise GeometryError(f"fTetWild could not fill the surface with tetrahedra ({cause})")
        with np.load(folder / "solid.npz") as found:
            points, tetrahedra = found["vertices"], found["tetrahedra"].astype(np.int64)
    if len(tetrahedra) == 0:
        raise GeometryError("fTetWild found no inside of the surface: it is flat, or its faces have no common side")
    solid = Solid(points, tetrahedra)
    return solid if solid.orientation > 0 else solid.with_tetrahedra(tetrahedra[:, [0, 1, 3, 2]])


def _watch(process: subprocess.Popen[bytes], output: IO[bytes], client: Progress) -> None:
    """Report the progress of the process twice a second, from its output, until it ends."""
    state = _State()
    reader = threading.Thread(target=state.listen, args=(output,), daemon=True)
    reader.start()
    start = time.perf_counter()
    while True:
        try:
            process.wait(timeout=0.5)
            break
        except subprocess.TimeoutExpired:
            client.update(state.fraction, f"{state.detail} {time.perf_counter() - start:.0f} s".strip())
    reader.join()


class _State:
    """Progress of fTetWild."""

    def __init__(self) -> None:
        self.fraction, self.detail, self.worst = 0.0, "", 0.0

    def listen(self, output: IO[bytes]) -> None:
        """Parse its output, line by line, until it ends."""
        for line in output:
            self._hear(line)

    def _hear(self, line: bytes) -> None:
        text = line.decode("ascii", "replace")
        for words, fraction in MILESTONES:
            if words in text:
                self.fraction = max(self.fraction, fraction)
        found = re.search(r"max_energy = ([\d.e+]+)", text)
        if found:
            energy = max(float(found[1]), GOAL)
            self.worst = max(self.worst, energy)
            reached = 1 - np.log(energy / GOAL) / np.log(self.worst / GOAL) if self.worst > GOAL else 1.0
            self.fraction = max(self.fraction, MILESTONES[2][1] + (OPTIMIZED - MILESTONES[2][1]) * float(reached))
            self.detail = f"worst shape {energy:.3g}, goal {GOAL:g}"


# Sample points of a surface, at least; more if it has many faces.
SAMPLES = 30_000
# Nearest samples of the other surface whose faces are tested.
NEAREST = 8


def hausdorff_distances(first: Surface, second: Surface, samples: int = SAMPLES) -> tuple[float, float]:
    """Return the one-sided Hausdorff distances: of the first surface from the second, and of the second from the first.

    Each surface is sampled; distances are those to the triangles of the other near each sample.

    Parameters
    ----------
    first, second : Surface
    samples : int
        Approximate number of samples.

    Returns
    -------
    tuple of float

    Examples
    --------
    >>> corner = Surface([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    >>> there, back = hausdorff_distances(corner, corner.with_vertices(corner.vertices + [0, 0, 2]))
    >>> round(there, 12), round(back, 12)
    (2.0, 2.0)
    """
    there, back = _spread(first, samples), _spread(second, samples)
    points = [
        np.concatenate([each.vertices[each.referenced], spread[0]]) for each, spread in ((first, there), (second, back))
    ]
    return float(_distances(points[0], second, *back).max()), float(_distances(points[1], first, *there).max())


def _spread(surface: Surface, samples: int) -> tuple[Floats, Ints]:
    """Points of a grid in each face, none on its sides, and the face of each."""
    a, b, c = surface.corners.transpose(1, 0, 2)
    longest = np.max([norms(b - a), norms(c - b), norms(a - c)], axis=0)
    # n steps along each side make n (n + 1) / 2 points
    spacing = np.sqrt(2 * max(surface.area, 1e-300) / samples)
    steps = np.clip(np.ceil(longest / spacing), 1, 500).astype(np.int64)
    points, faces = [], []
    for count in np.unique(steps).tolist():
        ids = np.flatnonzero(steps == count)
        i, j = np.divmod(np.arange(count**2), count)
        i, j = ((each[i + j < count] + 1 / 3) / count for each in (i, j))
        grid = np.einsum("kc,fcd->fkd", np.stack([1 - i - j, i, j], axis=1), surface.corners[ids])
        points.append(grid.reshape(-1, 3))
        faces.append(np.repeat(ids, len(i)))
    return np.concatenate(points), np.concatenate(faces)


def _distances(points: Floats, surface: Surface, samples: Floats, faces: Ints) -> Floats:
    """Distance of each point from a surface with samples on known faces."""
    found, near = cKDTree(samples).query(points, k=min(NEAREST, len(samples)), workers=-1)
    near = near.reshape(len(points), -1)
    best = np.asarray(found).reshape(len(points), -1)[:, 0]
    for column in near.T:
        best = np.minimum(best, point_triangle_distances(points, surface.corners[faces[column]]))
    return best


def point_triangle_distances(points: Floats, corners: Floats) -> Floats:
    """Return the distance of each point, (n, 3), from its triangle, (n, 3, 3).

    The nearest point of the plane where it is inside, else the nearest of the sides.

    Examples
    --------
    >>> corners = np.array([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]] * 3)
    >>> point_triangle_distances(np.array([[0.2, 0.2, 3.0], [-4, 0.5, 3], [2, 0, 0]]), corners)
    array([3., 5., 1.])
    """
    a, b, c = corners.transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    square = np.einsum("nk,nk->n", normal, normal)
    safe = np.where(square > 0, square, 1.0)
    height = np.einsum("nk,nk->n", points - a, normal)
    inside = square > 0
    best = np.full(len(points), np.inf)
    for start, end in ((a, b), (b, c), (c, a)):
        side, offset = end - start, points - start
        length = np.einsum("nk,nk->n", side, side)
        t = np.clip(np.einsum("nk,nk->n", offset, side) / np.where(length > 0, length, 1.0), 0, 1)
        best = np.minimum(best, norms(offset - t[:, None] * side))
        inside &= np.einsum("nk,nk->n", np.cross(side, offset), normal) >= 0
    return np.where(inside, np.abs(height) / np.sqrt(safe), best)
