"""Verify 20 finished maps and 20 that were changed afterwards, and what it takes beside making them.

    python benchmarks/verify.py [--more FOLDER]

Runs `meshot area`, `conformal` and `volume` on the meshes of `data/`, on those in FOLDER, and on two solids, until
there are 20 folders of results; verifies each; then changes one thing in each, in another way every time, and verifies
it again. Every second change comes with new hashes, as by someone who knows of them. Prints JSON lines: processor
seconds of the command, in this process, and of the map without its report; of reading all files back and proving what
they hold, and of the proof alone; what was proved; and the sentence with which each change is refused.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import meshot
from meshot.app.demo import demo_meshes
from meshot.app.files.reading import read_run
from meshot.app.files.seal import SEAL, seal
from meshot.app.files.verifying import verify_folder
from meshot.app.job import start_job
from meshot.app.product import make
from meshot.app.products import PRODUCTS
from meshot.base.errors import MeshotError
from meshot.base.files import write_json, write_npz
from meshot.base.settings import TOL, TOL_AREA, TOL_VOLUME
from meshot.formats.read.written import read_written_ply, read_written_vtu
from meshot.formats.write.vtu import write_vtu

WANTED = 20
AREA = {
    **{"to": "disk", "tol": TOL, "tol_area": TOL_AREA, "density": None, "masses": None, "area_weight": 1.0},
    **{"angle_sweeps": 0, "curve": False, "method": "newton", "device": "auto", "samples": None, "seed": 0},
    **{"checkpoint": None, "join": None, "triangles": False},
}
CONFORMAL = {"to": "disk", "normalize": "area", "through": None, "join": None, "triangles": False}
VOLUME = {"edge_length": None, "tol_volume": TOL_VOLUME, "density": None, "masses": None, "join": None}


def orders(folder: Path, more: list[Path]) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """Yield products, what to make them of, and their options: disks, spheres, balls, prescribed measures."""
    meshes = [*demo_meshes().values(), *more]
    closed = [mesh for mesh in meshes if meshot.check(meshot.read_surface(mesh)).boundary_loops == 0]
    for mesh in meshes:
        yield "area", mesh, AREA
    for mesh in closed:
        yield "area", mesh, {**AREA, "to": "sphere"}
    marks = folder / "marks.npy"
    face = meshot.read_surface(demo_meshes()["face"])
    np.save(marks, 1 + 2.0 * (face.vertices[:, 1] > np.median(face.vertices[:, 1])))
    yield "area", demo_meshes()["face"], {**AREA, "density": marks}
    for k, solid in enumerate(solids(folder)):
        yield "volume", solid, VOLUME | ({"density": folder / "heavy.npy"} if k == 1 else {})
    for mesh in meshes:
        yield "conformal", mesh, CONFORMAL
    for mesh in closed:
        yield "conformal", mesh, {**CONFORMAL, "to": "sphere"}


def solids(folder: Path) -> Iterator[Path]:
    """Write an ellipsoid and a bent one, made of layers of tetrahedra, and a density for the latter."""
    for name, bend in (("ellipsoid", 0.0), ("bent", 0.1)):
        axis = np.linspace(-1, 1, 12)
        grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
        index = np.arange(len(grid)).reshape(12, 12, 12)
        corner = [index[i : 11 + i, j : 11 + j, k : 11 + k].ravel() for i in (0, 1) for j in (0, 1) for k in (0, 1)]
        paths = ((0, 1, 3, 7), (0, 3, 2, 7), (0, 2, 6, 7), (0, 6, 4, 7), (0, 4, 5, 7), (0, 5, 1, 7))
        tetrahedra = np.concatenate([np.stack([corner[k] for k in path], axis=1) for path in paths])
        round_one = grid * (np.abs(grid).max(axis=1) / np.maximum(np.linalg.norm(grid, axis=1), 1e-9))[:, None]
        points = round_one * [2.0, 1.0, 0.7] + bend * np.outer(round_one[:, 0] ** 2, [0, 0, 1])
        solid = meshot.Solid(points, tetrahedra)
        solid = solid if solid.orientation > 0 else solid.with_cells(tetrahedra[:, [0, 2, 1, 3]])
        write_vtu(folder / f"{name}.vtu", solid.vertices, solid.tetrahedra)
        np.save(folder / "heavy.npy", 1.5 + solid.vertices[:, 0] / 4)
        yield folder / f"{name}.vtu"


# ---------------------------------------------------------------------------------------------------------------------
# changes

Change = Callable[[Path, np.random.Generator], str]


def archive(folder: Path, array: str, change: Callable[[np.ndarray], None]) -> None:
    """Change an array of ``map.npz``."""
    with np.load(folder / "map.npz") as file:
        arrays = {name: file[name].copy() for name in file.files}
    change(arrays[array] if array in arrays else arrays["points"])
    write_npz(folder / "map.npz", **arrays)


def text(folder: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    (folder / name).write_bytes(change((folder / name).read_bytes()))


def figure(folder: Path, section: str, name: str, value: Any) -> None:
    figures = json.loads((folder / "metrics.json").read_text())
    section = section if section in figures else "volume"
    figures[section][name] = value
    write_json(folder / "metrics.json", figures)


def exchanged(rows: np.ndarray) -> None:
    rows[[0, 1]] = rows[[1, 0]]


def nudged(rows: np.ndarray) -> None:
    rows[len(rows) // 2] += 1e-12


def far(rows: np.ndarray) -> None:
    rows[len(rows) // 2] *= -0.9


def turned(rows: np.ndarray) -> None:
    rows[7] = rows[7, [0, 2, 1]]


def lines(word: bytes, change: Callable[[list[bytes]], list[bytes]]) -> Callable[[bytes], bytes]:
    """Change the lines that begin with a word."""

    def changed(data: bytes) -> bytes:
        every = data.splitlines(keepends=True)
        places = [k for k, line in enumerate(every) if line.startswith(word)]
        new = change([every[k] for k in places])
        rest = [line for line in every if not line.startswith(word)]
        return b"".join([*rest[: places[0]], *new, *rest[places[0] :]])

    return changed


def ply(folder: Path, element: str, field: str) -> None:
    """Change a value of ``map.ply``."""
    data = (folder / "map.ply").read_bytes()
    start = data.index(b"end_header\n") + 11
    tables = {name: table.copy() for name, table in read_written_ply(data).items()}
    tables[element][field][3:4] += 1
    (folder / "map.ply").write_bytes(data[:start] + b"".join(table.tobytes() for table in tables.values()))


def vtu(folder: Path, name: str, what: str) -> None:
    """Change a place or a tetrahedron of a solid's file."""
    content = read_written_vtu((folder / name).read_bytes())
    points, cells = content.points.copy(), content.tetrahedra.copy()
    if what == "point":
        points[len(points) // 2] += 1e-9
    else:
        cells[5] = cells[5, [1, 0, 2, 3]]
    values = {"point_values": content.point_values, "cell_values": content.cell_values}
    write_vtu(folder / name, points, cells, **values)


SURFACE: dict[str, Callable[[Path], None]] = {
    "an image moved by 1e-12": lambda f: archive(f, "uv", nudged),
    "an image moved across": lambda f: archive(f, "uv", far),
    "two faces exchanged in map.npz": lambda f: archive(f, "faces", exchanged),
    "a face turned over in map.npz": lambda f: archive(f, "faces", turned),
    "a vertex moved in map.npz": lambda f: archive(f, "vertices", nudged),
    "map.npz cut short": lambda f: text(f, "map.npz", lambda data: data[:-100]),
    "two vertices exchanged in map.obj": lambda f: text(f, "map.obj", lines(b"v ", lambda r: [r[1], r[0], *r[2:]])),
    "two texture lines exchanged": lambda f: text(f, "map.obj", lines(b"vt ", lambda r: [r[1], r[0], *r[2:]])),
    "two faces exchanged in map.obj": lambda f: text(f, "map.obj", lines(b"f ", lambda r: [r[1], r[0], *r[2:]])),
    "a face left out of map.obj": lambda f: text(f, "map.obj", lines(b"f ", lambda r: r[1:])),
    "map.obj left out": lambda f: (f / "map.obj").unlink(),
    "a vertex in map.ply": lambda f: ply(f, "vertex", "x"),
    "a face in map.ply": lambda f: ply(f, "face", "vertex_indices"),
    "a ratio in map.ply": lambda f: ply(f, "face", "log_area_ratio"),
    "a better standard deviation": lambda f: figure(f, "area", "ratio_sd", 1e-15),
    "a better largest deviation": lambda f: figure(f, "area", "ratio_max_deviation", 1e-15),
    "a better angle error": lambda f: figure(f, "angle", "mean_abs_degrees", 1.0),
    "another number of flat faces": lambda f: figure(f, "area", "degenerate", 2),
    "a flip that is none": lambda f: figure(f, "area", "flipped", 1),
}
SOLID: dict[str, Callable[[Path], None]] = {
    "a vertex moved in solid.vtu": lambda f: vtu(f, "solid.vtu", "point"),
    "a tetrahedron turned over in ball.vtu": lambda f: vtu(f, "ball.vtu", "tetrahedron"),
    "a better figure": lambda f: figure(f, "volume", "ratio_max_deviation", 1e-15),
}


def sealed_again(folder: Path) -> None:
    """Hash all files anew."""
    figures = json.loads((folder / "metrics.json").read_text())
    figures.pop(SEAL)
    write_json(folder / "metrics.json", {**figures, SEAL: seal(figures, folder)})


# ---------------------------------------------------------------------------------------------------------------------


def tell(**record: Any) -> None:
    print(json.dumps(record), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--more", type=Path)
    options = parser.parse_args()
    more = sorted(options.more.glob("*.obj")) if options.more else []
    surface, solid = list(SURFACE.items()), list(SOLID.items())
    with tempfile.TemporaryDirectory() as place:
        base = Path(place)
        done = 0
        for product, mesh, settings in orders(base, more):
            if done == WANTED:
                break
            out = base / f"{done:02d}"
            start = time.process_time()
            try:
                with start_job(out, command="benchmark") as job:
                    _, figures = make(PRODUCTS[product], mesh, job, **settings)
            except MeshotError as error:
                tell(mesh=mesh.stem, product=product, refused=str(error))
                continue
            seconds = time.process_time() - start
            drawing = figures["seconds"]["report"] / figures["seconds"]["total"]
            verified(out, {"result": done, "mesh": mesh.stem}, seconds, seconds * (1 - drawing))
            name, change = (solid if product == "volume" else surface).pop(0)
            changed = Path(shutil.copytree(out, base / f"{done:02d}-changed"))
            change(changed)
            if done % 2 and all((changed / each).exists() for each in ("map.obj", "map.npz") if product != "volume"):
                sealed_again(changed)
                name += ", hashes made new"
            try:
                found = verify_folder(changed)
                tell(changed=done, what=name, refused=False, obstacles=found.obstacles)
            except MeshotError as error:
                tell(changed=done, what=name, refused=True, told=str(error).replace(place, ""))
            done += 1


def verified(out: Path, record: dict[str, Any], command: float, without_report: float) -> None:
    """Verify a folder and print what it took beside the command and beside the map."""
    verify_folder(out)  # once, so that what it imports is there
    start = time.process_time()
    found = verify_folder(out)
    whole, alone = time.process_time() - start, proof_alone(out)
    proof = found.proof
    tell(
        **record,
        map=found.name,
        to=proof.target,
        cells=proof.cells,
        bijective=not found.obstacles,
        in_doubt=proof.in_doubt,
        largest_error=proof.largest_error,
        rounding=proof.error_bound - proof.largest_error,
        command_seconds=round(command, 3),
        verify_seconds=round(whole, 3),
        verify_share=round(whole / command, 4),
        map_seconds=round(without_report, 3),
        proof_seconds=round(alone, 3),
        proof_share=round(alone / without_report, 4),
    )


def proof_alone(out: Path) -> float:
    """Return the seconds of the proof."""
    if (out / "map.npz").exists():
        mapped: Any = list(read_run(out).maps.values())[-1]
    else:
        content = read_written_vtu((out / "solid.vtu").read_bytes())
        mapped = meshot.SolidMap(meshot.Solid(content.points, content.tetrahedra), content.point_values["ball"])
    start = time.process_time()
    meshot.verify(mapped)
    return time.process_time() - start


if __name__ == "__main__":
    main()
