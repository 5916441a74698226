"""Read a finished map back from all its files, find what was changed, and prove what it claims."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from meshot.app.files.reading import damage_told, read_archive, surface_map_of
from meshot.app.files.run import MEASURE_PRESERVING, VOLUME_PRESERVING, named_maps
from meshot.app.files.seal import METRICS, read_sealed
from meshot.app.words import number, two_columns
from meshot.base.arrays import Floats, Ints
from meshot.base.errors import MeshReadError
from meshot.formats.read.parsing import FormatError
from meshot.formats.read.written import WrittenOBJ, read_written_obj, read_written_ply, read_written_vtu
from meshot.maps.distortion import Distortion, SolidDistortion, distortion
from meshot.maps.measure import Measure
from meshot.maps.solid_map import SolidMap
from meshot.maps.surface_map import SurfaceMap
from meshot.maps.verification import Verification, bijectivity, verify
from meshot.meshes.solid import Solid

# What follows from the coordinates, and was computed again, agrees within this, relatively and absolutely: processors
# and libraries round functions such as the arcus tangent in different ways.
RELATIVE, ABSOLUTE = 1e-6, 1e-12
# Longitude and latitude give back a direction within this.
DIRECTION = 1e-8

Content = TypeVar("Content")


@dataclass(frozen=True)
class Verified:
    """A finished map, read back.

    Attributes
    ----------
    name : str
        What kind of map it is.
    files : tuple of str
        Its files, all as the run wrote them.
    proof : Verification
        What was proved of the map.
    obstacles : tuple of str
        Why the map, or the map as a file rounds it, is not proved to be bijective.
    """

    name: str
    files: tuple[str, ...]
    proof: Verification
    obstacles: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the findings as plain numbers."""
        return {"map": self.name, **self.proof.to_dict(), "obstacles": self.obstacles, "files": self.files}

    def words(self) -> str:
        """Return the findings for people."""
        proof, in_space = self.proof, self.proof.target == "ball"
        one, many, quantity = ("tetrahedron", "tetrahedra", "volume") if in_space else ("face", "faces", "area")
        if self.name == MEASURE_PRESERVING:
            quantity = "share"
        flipped = number(len(proof.flipped)) if len(proof.flipped) else "none"
        doubt = f", {number(proof.in_doubt)} in exact arithmetic" if proof.in_doubt else ""
        rounding = number(proof.error_bound - proof.largest_error, 2)
        rows = [
            ("map", f"{self.name}, to the {proof.target}"),
            (many, f"{number(proof.cells)}, {flipped} flipped{doubt}"),
            ("bijective", f"not proved: {'; '.join(self.obstacles)}" if self.obstacles else "proved"),
            (f"{quantity} error", f"{number(proof.largest_error)} at most, ± {rounding} ({one} {proof.worst})"),
            ("files", f"{', '.join(self.files)}: unchanged, and of one map"),
        ]
        return two_columns(rows)


class _Folder:
    """The files of a run, and what is expected of them."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.figures, self.files = read_sealed(place)

    def read(self, name: str, reader: Callable[[bytes], Content]) -> Content:
        """Return what a file holds."""
        if name not in self.files:
            raise MeshReadError(f"{self.place} holds no complete map: {name} is missing")
        try:
            return reader(self.files[name])
        except FormatError as error:
            raise MeshReadError(f"{self.place / name} {error}") from None

    def require(
        self, name: str, what: str, found: ArrayLike, wanted: ArrayLike, relative: float = 0.0, absolute: float = 0.0
    ) -> None:
        """Raise unless what a file says is what follows from the map."""
        one, other = np.asarray(found), np.asarray(wanted)
        if one.shape != other.shape or not np.allclose(one, other, relative, absolute, equal_nan=True):
            raise MeshReadError(f"{self.place / name} does not fit the other files: it has other {what}")


def verify_folder(place: Path) -> Verified:
    """Verify what ``meshot area``, ``conformal`` or ``volume`` wrote into a folder.

    Raises
    ------
    MeshReadError
        It holds no map, or its files are missing, changed or damaged, or contradict each other.
    OSError
        A file cannot be read.
    """
    folder = _Folder(place)
    options = folder.figures.get("options")
    kind = options.get("map") if isinstance(options, dict) else None
    if kind not in ("conformal", "area", "volume"):
        raise MeshReadError(f"{place} holds no map to verify: meshot area, conformal and volume write one")
    with damage_told(place):
        return (_solid if kind == "volume" else _surface)(folder)


def _verified(name: str, folder: _Folder, proof: Verification, obstacles: Mapping[str, str]) -> Verified:
    texts = tuple(f"{file}: {text}" for file, text in obstacles.items() if text)
    return Verified(name, (*folder.files, METRICS), proof, texts)


# ---------------------------------------------------------------------------------------------------------------------
# surfaces


def _surface(folder: _Folder) -> Verified:
    """Verify the map of ``map.npz``, and that the other files hold the same."""
    arrays = folder.read("map.npz", read_archive)
    mapped = surface_map_of(arrays, folder.figures)
    proof, distorted = verify(mapped, source_cell=arrays.get("source_face")), distortion(mapped)
    obstacles = {"map.npz": proof.obstacle}
    _require_figures(folder, distorted)
    _require_ply(folder, mapped, distorted)
    written = folder.read("map.obj", read_written_obj)
    _require_mesh(folder, "map.obj", written, mapped.surface.vertices, mapped.surface.faces)
    if mapped.target == "sphere":
        directions = _directions(written.texture)[written.rows]
        folder.require("map.obj", "texture coordinates", directions, mapped.image[written.corners], 0, DIRECTION)
        image = folder.read("sphere.obj", read_written_obj)
        _require_mesh(folder, "sphere.obj", image, np.nan_to_num(mapped.image), mapped.surface.faces)
    else:
        texture = np.nan_to_num((mapped.image + 1) / 2)
        folder.require("map.obj", "texture coordinates", written.texture, texture)
        folder.require("map.obj", "texture coordinates", written.rows, written.corners)
        # rounded once more, and so another map by as much
        obstacles["map.obj"] = bijectivity(SurfaceMap(mapped.surface, texture, mapped.source_vertex)).obstacle
    return _verified(list(named_maps(mapped))[-1], folder, proof, obstacles)


def _directions(texture: Floats) -> Floats:
    """Return the unit vectors of longitudes and latitudes, as `longitude_latitude` puts them in the unit square."""
    longitude, latitude = 2 * np.pi * (texture[:, 0] - 0.5), np.pi * (texture[:, 1] - 0.5)
    across = np.cos(latitude)
    return np.stack([across * np.cos(longitude), across * np.sin(longitude), np.sin(latitude)], axis=1)


def _require_ply(folder: _Folder, mapped: SurfaceMap, distorted: Distortion) -> None:
    name, tables = "map.ply", folder.read("map.ply", read_written_ply)
    points, faces = tables["vertex"], tables["face"]
    axes = ("sphere_x", "sphere_y", "sphere_z") if mapped.target == "sphere" else ("u", "v")
    folder.require(name, "vertices", np.stack([points[axis] for axis in "xyz"], axis=1), mapped.surface.vertices)
    folder.require(name, "images", np.stack([points[axis] for axis in axes], axis=1), mapped.image)
    folder.require(name, "faces", faces["vertex_indices"], mapped.surface.faces)
    folder.require(name, "ratios", faces["log_area_ratio"], distorted.log_area_ratio, RELATIVE, ABSOLUTE)
    folder.require(name, "angles", faces["angle_error"], distorted.angle_error, RELATIVE, ABSOLUTE)


def _require_mesh(folder: _Folder, name: str, written: WrittenOBJ, vertices: Floats, faces: Ints) -> None:
    folder.require(name, "vertices", written.vertices, vertices)
    if (written.sizes == 3).all():
        folder.require(name, "faces", written.corners.reshape(-1, 3), faces)
    elif not _cut_into(written, faces, len(vertices)):
        folder.require(name, "faces", written.sizes, [])


def _cut_into(written: WrittenOBJ, faces: Ints, count: int) -> bool:
    """Return whether polygons, cut along diagonals, are these triangles: their sides are those without diagonals."""
    corners, sizes = written.corners, written.sizes
    ends, following = np.cumsum(sizes), np.arange(1, len(corners) + 1)
    following[ends - 1] = ends - sizes
    sides = corners * count + corners[following]
    edges = np.stack([faces, np.roll(faces, -1, axis=1)], axis=2).reshape(-1, 2)
    diagonals = edges[~np.isin(edges @ [count, 1], sides)]
    back = np.sort(diagonals @ [1, count])
    whole = len(edges) - len(diagonals) == len(np.unique(sides)) == len(sides) and (sizes - 2).sum() == len(faces)
    return bool(whole and np.array_equal(np.sort(diagonals @ [count, 1]), back))


# ---------------------------------------------------------------------------------------------------------------------
# solids


def _solid(folder: _Folder) -> Verified:
    """Verify the map of ``solid.vtu``, and that ``ball.vtu`` holds the same."""
    written, ball = (folder.read(f"{name}.vtu", read_written_vtu) for name in ("solid", "ball"))
    solid, image = Solid(written.points, written.tetrahedra), written.point_values["ball"]
    shares = written.cell_values.get("share")
    measure = None if shares is None else Measure("density", np.full(len(image), np.nan), shares)
    mapped = SolidMap(solid, image, measure=measure)
    proof, distorted = verify(mapped, source_cell=written.cell_values.get("source_cell")), distortion(mapped)
    _require_figures(folder, distorted)
    folder.require("ball.vtu", "points", ball.points, _framed(image))
    folder.require("ball.vtu", "places in the solid", _framed(ball.point_values["solid"]), solid.vertices)
    folder.require("ball.vtu", "tetrahedra", ball.tetrahedra, solid.tetrahedra)
    for file, values in (("solid.vtu", written.cell_values), ("ball.vtu", ball.cell_values)):
        folder.require(file, "ratios", values["volume_ratio"], distorted.volume_ratio, RELATIVE, ABSOLUTE)
        folder.require(file, "flipped tetrahedra", values["flipped"], distorted.flipped.astype(int))
    name = VOLUME_PRESERVING if shares is None else MEASURE_PRESERVING
    return _verified(name, folder, proof, {"solid.vtu": proof.obstacle})


def _framed(points: Floats) -> Floats:
    """Return points, and the origin for those that are not finite, as `write_vtu` does."""
    return np.where(np.isfinite(points).all(axis=1, keepdims=True), points, 0.0)


# ---------------------------------------------------------------------------------------------------------------------
# figures


def _require_figures(folder: _Folder, distorted: Distortion | SolidDistortion) -> None:
    """Raise unless the recorded figures are those of the map."""
    for section, wanted in distorted.summary().items():
        recorded = folder.figures[section]
        found = [np.nan if recorded[name] is None else float(recorded[name]) for name in wanted]
        values = np.array(list(wanted.values()), dtype=float)
        finite = np.where(np.isfinite(values), values, np.nan)
        folder.require(METRICS, f"figures of {section}", found, finite, RELATIVE, ABSOLUTE)
