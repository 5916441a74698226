"""Measure sparse Cholesky factors: ``python benchmarks/cholesky.py [VERTICES ...] [--repeat N]``.

Prints one JSON line per system and solver: seconds, by the clock and of the processor, to order and analyze, to factor
and to solve; the memory that this took on top of the matrix; the relative residual. Systems are those of the maps
themselves, on a relief over the unit disk with about so many vertices: "laplacian", the inner block of the positive
Laplacian with two right-hand sides, as for the conformal map; and "normal", the damped normal matrix of the disk
refinement, two unknowns a vertex, at the conformal image, with one right-hand side.

Beside meshot's multifrontal factor stand SuperLU, and where they import CHOLMOD (in kvxopt, in cholespy, in
scikit-sparse) and PARDISO (in pypardiso). "kvxopt, dissected" is CHOLMOD with the order that meshot found, whose time
is part of the analysis. cholespy analyzes and factors at once, as SuperLU does. Every run has a process of its own, the
solvers take turns, and figures are medians over the rounds. In each process a small system goes first, which loads what
was compiled.
"""

import argparse
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu
from scipy.spatial import Delaunay

from meshot.algebra.multifrontal.cholesky import BlockCholesky
from meshot.conformal.disk import conformal_map
from meshot.conformal.harmonic import positive_laplacian
from meshot.meshes.surface import Surface
from meshot.refinement.disk_system import DiskSystem

KINDS = ("laplacian", "normal")
PHASES = ("analyze", "factor", "solve")
SMALL = 2_000
DAMPING = 0.1
# PARDISO's name for real symmetric positive definite matrices, and its phases.
POSITIVE_DEFINITE, ANALYZE, FACTOR, SOLVE = 2, 11, 22, 33


# ---------------------------------------------------------------------------------------------------------------------
# the systems


def relief(count: int) -> Surface:
    """Return a wavy surface over the disk, of about `count` vertices on a disturbed hexagonal lattice."""
    rng = np.random.default_rng(0)
    step = np.sqrt(2 * np.pi / (np.sqrt(3) * count))
    reach = int(2 / step) + 2
    i, j = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    points = step * np.stack([i + j / 2, np.sqrt(0.75) * j], axis=-1).reshape(-1, 2)
    points = points[(points**2).sum(axis=1) < (1 - 0.6 * step) ** 2]
    points += rng.uniform(-0.25, 0.25, points.shape) * step
    angle = np.linspace(0, 2 * np.pi, round(2 * np.pi / step), endpoint=False)
    points = np.concatenate([points, np.stack([np.cos(angle), np.sin(angle)], axis=1)])
    faces = Delaunay(points).simplices
    a, b, c = points[faces].transpose(1, 0, 2)
    turned = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) < (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    faces[turned] = faces[turned][:, ::-1]
    height = 0.3 * np.cos(5 * points[:, 0]) * np.sin(4 * points[:, 1]) + 0.5 * np.exp(-8 * (points**2).sum(axis=1))
    return Surface(np.column_stack([points, height]), faces.astype(np.int64))


def laplacian_system(surface: Surface) -> dict[str, np.ndarray]:
    """Return the inner block of the Laplacian in its parts."""
    matrix, _ = positive_laplacian(surface)
    inner = surface.referenced.copy()
    inner[surface.boundary_loops[0]] = False
    inner = np.flatnonzero(inner)
    block = sparse.coo_array(matrix[inner][:, inner])
    upper = (block.row < block.col) & (block.data != 0)
    return {
        "positions": surface.vertices[inner],
        "edges": np.stack([block.row[upper], block.col[upper]], axis=1).astype(np.int64),
        "diagonal": block.tocsr().diagonal()[:, None, None],
        "across": block.data[upper][:, None, None],
    }


def normal_system(surface: Surface) -> dict[str, np.ndarray]:
    """Return the normal matrix of the first step of the refinement, as of `SurfaceStepper`, in its parts."""
    uv, system = conformal_map(surface).uv, DiskSystem(surface.faces, surface.face_areas)
    areas = system.measures(uv)
    targets = system.shares * areas.sum()
    size = system.average(np.abs(areas), 2) / system.average(targets, 2)
    scale = np.maximum(targets * np.clip(size, 1e-6, 1e6), 0.25 * np.abs(areas))
    weights = np.maximum(system.shares, np.sqrt(system.shares / len(targets))) * targets.sum() / scale**2
    frames = system.frames(uv)
    gradients = system.gradients(uv, frames)
    diagonal, across = system.matrix(uv, frames, gradients, weights, DAMPING * targets, 0.01 * scale)
    return {"positions": uv, "edges": system.edges, "diagonal": diagonal, "across": across}


def assembled(parts: dict[str, np.ndarray]) -> sparse.csr_array:
    """Return the whole matrix."""
    (tail, head), size = parts["edges"].T, parts["diagonal"].shape[1]
    own = np.arange(len(parts["diagonal"]))
    blocks = np.concatenate([parts["diagonal"], parts["across"], parts["across"].transpose(0, 2, 1)])
    row, column = np.concatenate([own, tail, head]), np.concatenate([own, head, tail])
    steps = np.arange(size)
    rows = np.broadcast_to(size * row[:, None, None] + steps[:, None], blocks.shape)
    columns = np.broadcast_to(size * column[:, None, None] + steps, blocks.shape)
    whole = sparse.coo_array((blocks.ravel(), (rows.ravel(), columns.ravel())), shape=(size * len(own),) * 2)
    return sparse.csr_array(whole)


# ---------------------------------------------------------------------------------------------------------------------
# the solvers: generators that prepare the matrix in their form, and then go on step by step: analyzed, factored, solved


Steps = Iterator[Any]


def with_meshot(parts: dict[str, np.ndarray], matrix: sparse.csr_array, rhs: np.ndarray) -> Steps:
    size = parts["diagonal"].shape[1]
    yield None
    # The refinement factors again and again, and so takes the time for thin separators.
    solver = BlockCholesky(parts["positions"], parts["edges"], size=size, thin=size > 1)
    yield solver.fill
    solver.factorize(parts["diagonal"], parts["across"])
    yield solver.fill
    yield solver.solve(rhs.reshape(-1, size, rhs.shape[1])).reshape(rhs.shape)


def with_superlu(parts: dict[str, np.ndarray], matrix: sparse.csr_array, rhs: np.ndarray) -> Steps:
    columns = matrix.tocsc()
    yield None
    yield None
    options = {"SymmetricMode": True}
    solver = splu(columns, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
    yield solver.nnz // 2
    yield solver.solve(rhs)


def with_kvxopt(
    parts: dict[str, np.ndarray], matrix: sparse.csr_array, rhs: np.ndarray, dissected: bool = False
) -> Steps:
    from kvxopt import cholmod, spmatrix  # noqa: PLC0415
    from kvxopt import matrix as dense  # noqa: PLC0415

    lower = sparse.coo_array(sparse.tril(matrix))
    given, size = spmatrix(lower.data, lower.row, lower.col, lower.shape), parts["diagonal"].shape[1]
    x = dense(np.asfortranarray(rhs))
    yield None
    order = {}
    if dissected:
        found = BlockCholesky(parts["positions"], parts["edges"], size=size, thin=size > 1).fronts.order
        order["p"] = dense((size * found[:, None] + np.arange(size)).ravel())
    factor = cholmod.symbolic(given, **order)
    yield None
    cholmod.numeric(given, factor)
    yield None
    cholmod.solve(factor, x)
    yield np.array(x)


def with_kvxopt_dissected(parts: dict[str, np.ndarray], matrix: sparse.csr_array, rhs: np.ndarray) -> Steps:
    yield from with_kvxopt(parts, matrix, rhs, dissected=True)


def with_sksparse(parts: dict[str, np.ndarray], matrix: sparse.csr_array, rhs: np.ndarray) -> Steps:
    from sksparse import cholmod  # noqa: PLC0415

    columns = sparse.csc_matrix(matrix)
    yield None
    factor = cholmod.analyze(columns, mode="supernodal", ordering_method="metis")
    yield None
    factor.cholesky_inplace(columns)
    yield None
    yield factor.solve_A(rhs)


def with_cholespy(parts: dict[str, np.ndarray], matrix: sparse.csr_array, rhs: np.ndarray) -> Steps:
    from cholespy import CholeskySolverD, MatrixType  # noqa: PLC0415

    rows, columns = matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32)
    given, x = np.ascontiguousarray(rhs), np.zeros(rhs.shape)
    yield None
    yield None
    solver = CholeskySolverD(matrix.shape[0], rows, columns, matrix.data, MatrixType.CSR)
    yield None
    solver.solve(given, x)
    yield x


def with_pypardiso(parts: dict[str, np.ndarray], matrix: sparse.csr_array, rhs: np.ndarray) -> Steps:
    import pypardiso  # noqa: PLC0415

    upper = sparse.csr_matrix(sparse.triu(matrix, format="csr"))
    given = np.asfortranarray(rhs)
    solver = pypardiso.PyPardisoSolver(mtype=POSITIVE_DEFINITE)
    yield None
    solver._check_A(upper)
    for phase in (ANALYZE, FACTOR):
        solver.set_phase(phase)
        solver._call_pardiso(upper, given)
        yield int(solver.get_iparm(18))
    solver.set_phase(SOLVE)
    yield solver._call_pardiso(upper, given)


SOLVERS: dict[str, tuple[str, Callable[..., Steps]]] = {
    "meshot": ("meshot", with_meshot),
    "superlu": ("scipy", with_superlu),
    "kvxopt": ("kvxopt", with_kvxopt),
    "kvxopt, dissected": ("kvxopt", with_kvxopt_dissected),
    "scikit-sparse": ("sksparse", with_sksparse),
    "cholespy": ("cholespy", with_cholespy),
    "pypardiso": ("pypardiso", with_pypardiso),
}


# ---------------------------------------------------------------------------------------------------------------------
# measuring


def resident(key: str = "VmRSS") -> float:
    """Return MiB in memory now, from when on the peak is counted anew; or that peak, "VmHWM"."""
    status = Path("/proc/self/status")
    if not status.exists():  # no Linux: the peak of the whole process, which counts from its start
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if key == "VmRSS":
        Path("/proc/self/clear_refs").write_text("5")
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith(key)) / 1024


def solve_once(solver: str, file: Path) -> dict[str, Any]:
    """Take one system through one solver."""
    parts = dict(np.load(file))
    matrix, rng = assembled(parts), np.random.default_rng(1)
    rhs = rng.normal(size=(matrix.shape[0], 2 if parts["diagonal"].shape[1] == 1 else 1))
    steps = SOLVERS[solver][1](parts, matrix, rhs)
    next(steps)
    seconds, fill = {}, None
    before = resident()
    for name in PHASES:
        start, cpu = time.perf_counter(), time.process_time()
        found = next(steps)
        seconds |= {name: time.perf_counter() - start, f"{name}_cpu": time.process_time() - cpu}
        fill = found if name != "solve" else fill
    peak = resident("VmHWM")
    residual = float(np.linalg.norm(matrix @ found - rhs) / np.linalg.norm(rhs))
    figures = {"unknowns": matrix.shape[0], "fill": fill, "residual": residual}
    return {**seconds, "extra_mib": peak - before, **figures}


def run(solver: str, file: Path, limit: float) -> dict[str, Any]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, "--inside", solver, str(file)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"note": f"took more than {limit:g} s"}
    if done.returncode:
        return {"note": (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1][:120]}
    return dict(json.loads(done.stdout.splitlines()[-1]))


def medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians of the figures, or what went wrong."""
    failed = [one for one in runs if "note" in one]
    if failed:
        return failed[0]
    timed = [*PHASES, *(f"{name}_cpu" for name in PHASES), "extra_mib"]
    middle = {key: round(statistics.median(one[key] for one in runs), 4) for key in timed}
    return {**middle, **{key: runs[0][key] for key in ("unknowns", "fill", "residual")}}


def compare(count: int, kind: str, solvers: list[str], repeat: int, limit: float, folder: Path) -> None:
    """Measure one system with all solvers, in turns."""
    surface, small = relief(count), folder / "small.npz"
    file = folder / f"{kind}{count}.npz"
    make = laplacian_system if kind == "laplacian" else normal_system
    np.savez(small, **make(relief(SMALL)))
    np.savez(file, **make(surface))
    found: dict[str, list[dict[str, Any]]] = {solver: [] for solver in solvers}
    for _ in range(repeat):
        for solver, runs in found.items():
            if not any("note" in one for one in runs):
                runs.append(run(solver, file, limit))
    for solver, runs in found.items():
        head = {"system": kind, "vertices": len(surface.vertices), "solver": solver, "runs": len(runs)}
        print(json.dumps(head | medians(runs)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vertices", nargs="*", type=int, default=[35_000, 100_000], metavar="VERTICES")
    parser.add_argument("--system", choices=KINDS, action="append", help="systems (both)")
    parser.add_argument("--solver", choices=list(SOLVERS), action="append", help="solvers (all that import)")
    parser.add_argument("--repeat", type=int, default=3, help="rounds")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds after which a run is given up")
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        solver, file = arguments.inside[0], Path(arguments.inside[1])
        solve_once(solver, file.with_name("small.npz"))
        print(json.dumps(solve_once(solver, file)))
        return
    solvers = arguments.solver or [name for name, (module, _) in SOLVERS.items() if importlib.util.find_spec(module)]
    with tempfile.TemporaryDirectory() as folder:
        for count in arguments.vertices:
            for kind in arguments.system or KINDS:
                compare(count, kind, solvers, arguments.repeat, arguments.limit, Path(folder))


if __name__ == "__main__":
    main()
