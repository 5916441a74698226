"""What the map of a surface, and samples of it, leave behind: figures and files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from meshot.app.files.run import CONFORMAL, Run, few_words, solver_figures, solver_words
from meshot.app.words import number, percent
from meshot.base.arrays import Floats, Ints
from meshot.base.files import write_npz
from meshot.formats.write.obj import write_obj
from meshot.formats.write.ply import write_ply
from meshot.formats.write.points import write_points
from meshot.maps.surface_map import SurfaceMap
from meshot.meshes.polygons import PolygonFaces
from meshot.sampling.samples import Samples

# A vertex nearer to the axis has no longitude.
POLE = 1e-9


def surface_metrics(run: Run[SurfaceMap]) -> dict[str, Any]:
    """Return the contents of ``metrics.json``.

    "faces" and "vertices" count the input's; "area" and "angle" measure the result, and "conformal" holds the same of
    the conformal map below it; both judge areas by the prescribed measure, if there is one, which "measure" describes.
    "transport", "refinement", "area_weight", "measure" and "tradeoff", the figures of maps between the two, are null
    for a map made without.
    """
    mapped = run.result
    return {
        "faces": len(run.input.faces),
        "vertices": len(run.input.vertices),
        "seconds": dict(run.seconds),
        "transport": solver_figures(mapped.transport),
        "refinement": _refinement_figures(mapped),
        **run.distortion.summary(),
        CONFORMAL: run.distortions[CONFORMAL].summary(),
        "area_weight": mapped.area_weight,
        "measure": _measure_figures(run),
        "tradeoff": [point.figures for point in run.curve] or None,
        "map": _map_figures(run),
        **run.provenance.figures(unreferenced_vertices=int((~run.input.referenced).sum())),
    }


def _refinement_figures(surface_map: SurfaceMap) -> dict[str, Any] | None:
    record = surface_map.notes.get("refinement")
    if record is None:
        return None
    names = {"off": "faces_off"}
    return {names.get(key, key): value for key, value in record.items() if key not in ("reached", "history")}


def _measure_figures(run: Run[SurfaceMap]) -> dict[str, Any] | None:
    """Return the figures of a prescribed measure, and how far areas themselves are from being kept."""
    measure, surface = run.result.measure, run.result.surface
    if measure is None or not run.result.prescribed:
        return None
    density = measure.faces * surface.area / surface.face_areas
    magnification = run.distortion.magnification
    return {
        "kind": measure.kind,
        "density_least": float(density.min()),
        "density_greatest": float(density.max()),
        "magnification_least": float(magnification.min()),
        "magnification_greatest": float(magnification.max()),
        "magnification_sd": float(magnification.std()),
    }


def _map_figures(run: Run[SurfaceMap]) -> dict[str, Any]:
    surface_map = run.result
    cut = cut_of(surface_map)
    return {
        "to": surface_map.target,
        "start": surface_map.notes.get("start"),
        "vertices": len(surface_map.surface.vertices),
        "cut": None if cut is None else vars(cut),
        "repaired_faces": surface_map.notes.get("repaired_faces", 0),
        "cut_polygons": cut_polygons(run).tolist(),
    }


def cut_polygons(run: Run[SurfaceMap]) -> Ints:
    """Return the polygons of the input's file that the cut goes through: they are written as triangles."""
    if run.polygons is None:
        return np.zeros(0, dtype=np.int64)
    return run.polygons.cut_through(run.result.surface.faces, run.result.source_vertex)


@dataclass(frozen=True)
class CutFigures:
    """Figures of the cut through a closed surface.

    Attributes
    ----------
    path : tuple of int
        Its vertices, in those of the input.
    length : float
        In the mesh's unit.
    first_added : int
        The vertices of the mapped surface from this one on were added by the cut; all others are the input's own.
    sources_of_added : tuple of int
        The vertex of the input that each of them came from.
    """

    path: tuple[int, ...]
    length: float
    first_added: int
    sources_of_added: tuple[int, ...]


def cut_of(surface_map: SurfaceMap) -> CutFigures | None:
    """Return the figures of the cut that opened a surface, or None if there was none."""
    path = surface_map.notes.get("cut_path")
    if path is None:
        return None
    steps = np.diff(surface_map.surface.vertices[path], axis=0)
    first = int(surface_map.source_vertex.max()) + 1
    added = surface_map.source_vertex[first:]
    length = float(np.linalg.norm(steps, axis=1).sum())
    return CutFigures(tuple(np.asarray(path).tolist()), length, first, tuple(added.tolist()))


def write_surface(run: Run[SurfaceMap], folder: Path) -> None:
    """Write ``map.obj``, ``map.ply`` and ``map.npz``.

    A map to the sphere has also ``sphere.obj``: its image as a mesh with the same faces. In ``map.obj`` and
    ``sphere.obj`` the faces are those of the input's file, quads and polygons too, other than those that a cut goes
    through.
    """
    mapped, distortion = run.result, run.distortion
    surface, image, on_sphere = mapped.surface, _everywhere(run, mapped.image), mapped.target == "sphere"
    polygons = None if run.polygons is None else run.polygons.on(surface.faces, mapped.source_vertex)
    if on_sphere:
        write_obj(folder / "map.obj", surface, *longitude_latitude(image, surface.faces, polygons), polygons)
        write_obj(folder / "sphere.obj", surface.with_vertices(np.nan_to_num(image)), polygons=polygons)
    else:
        write_obj(folder / "map.obj", surface, (image + 1) / 2, polygons=polygons)
    scalars = {
        "log_area_ratio": distortion.log_area_ratio,
        "angle_error": distortion.angle_error,
        "log_angle_ratio": distortion.log_angle_error,
        "quasi_conformal": distortion.quasi_conformal,
        "beltrami": distortion.beltrami,
    }
    arrays = {"vertices": surface.vertices, "faces": surface.faces, "points" if on_sphere else "uv": image}
    if mapped.conformal is not None:
        arrays["conformal"] = _everywhere(run, mapped.conformal.image)
    if mapped.measure is not None and mapped.prescribed:
        scalars["magnification"] = distortion.magnification
        arrays["shares"] = mapped.measure.faces
    if run.polygons is not None:
        scalars["polygon"] = arrays["polygon"] = run.polygons.of_triangles
    if run.joined is not None:
        gone = run.joined.vertices
        arrays["joined"] = np.stack([gone, run.joined.first[gone]], axis=1)
    names = ("sphere_x", "sphere_y", "sphere_z") if on_sphere else ("u", "v")
    write_ply(folder / "map.ply", surface.vertices, surface.faces, scalars, dict(zip(names, image.T, strict=True)))
    write_npz(folder / "map.npz", **arrays, source_vertex=mapped.source_vertex)


def _everywhere(run: Run[SurfaceMap], image: Floats) -> Floats:
    """Return the images of the vertices; those that were joined have that of the vertex they were joined to."""
    return image if run.joined is None else run.joined.filled(image)


def longitude_latitude(points: Floats, faces: Ints, polygons: PolygonFaces | None = None) -> tuple[Floats, Ints]:
    """Return texture coordinates for a picture of the sphere in longitude and latitude.

    A face across the date line gets corners beyond the unit square, where a repeated picture goes on; a corner at a
    pole gets the longitude between those beside it. A face with a pole inside it (at most two) cannot be right: in the
    picture the pole is a whole side.

    Parameters
    ----------
    points : (V, 3) float
        Unit vectors; NaN for vertices that belong to no face.
    faces : (F, 3) int
    polygons : PolygonFaces, optional
        The faces that count in place of the triangles.

    Returns
    -------
    (T, 2) float, (n,) int
        Rows ``(longitude / 360 + 1/2, latitude / 180 + 1/2)``, in degrees, and for each corner of each face its row.
        The first V rows are those of the vertices themselves.

    Examples
    --------
    >>> points = np.array([[-0.8, 0.6, 0.0], [-0.8, -0.6, 0.0], [0.0, 0.0, 1.0]])
    >>> texture, corners = longitude_latitude(points, np.array([[0, 1, 2]]))
    >>> texture[corners].round(3)
    array([[0.898, 0.5  ],
           [1.102, 0.5  ],
           [1.   , 1.   ]])
    """
    corners, sizes = faces.ravel(), np.full(len(faces), 3)
    if polygons is not None:
        corners, sizes = polygons.corners, polygons.sizes
    ends, face = np.cumsum(sizes), np.repeat(np.arange(len(sizes)), sizes)
    before, after = np.arange(-1, len(corners) - 1), np.arange(1, len(corners) + 1)
    before[ends - sizes], after[ends - 1] = ends - 1, ends - sizes
    x, y, z = points.T
    radius = np.hypot(x, y)
    own = np.stack([np.arctan2(y, x) / (2 * np.pi) + 0.5, np.arctan2(z, radius) / np.pi + 0.5], axis=1)
    # The corner farthest from the poles keeps its longitude, the others take the copy nearest to it.
    by_radius = np.lexsort((-np.arange(len(corners)), radius[corners], face))
    safest = corners[by_radius[ends - 1]]
    u = own[corners, 0]
    u -= np.rint(u - own[safest[face], 0])
    u = np.where(radius[corners] < POLE, (u[before] + u[after]) / 2, u)
    moved = u != own[corners, 0]
    vertices, values = corners[moved], u[moved]
    _, first, row = np.unique(vertices + 1j * values, return_index=True, return_inverse=True)
    rows = corners.copy()
    rows[moved] = len(points) + row
    extra = np.stack([values[first], own[vertices[first], 1]], axis=1)
    return np.concatenate([own, extra]), rows


def surface_words(run: Run[SurfaceMap], out: Path) -> str:
    """Return what a person wants to know at the end."""
    area, angle = run.distortion.summary().values()
    transport = solver_figures(run.result.transport)
    rows = [
        ("mesh", f"{number(len(run.input.faces))} faces, {number(len(run.input.vertices))} vertices"),
        ("area ratios", f"{percent(area['ratio_sd'])} standard deviation, {number(area['flipped'])} faces flipped"),
        ("angles", f"{number(angle['mean_abs_degrees'])}° mean change"),
    ]
    return few_words([*rows, *([solver_words(transport)] if transport else [])], run, out)


def sample_metrics(run: Run[Samples]) -> dict[str, Any]:
    """Return the figures of samples."""
    options = run.provenance.options
    return {
        **{"points": len(run.result.points), "method": options["method"], "seed": options["seed"]},
        "seconds": dict(run.seconds),
    }


def write_samples(run: Run[Samples], file: Path) -> None:
    """Write points, normals, and values of them in the format that the suffix names."""
    file.parent.mkdir(parents=True, exist_ok=True)
    columns = {**({"uv": run.result.uv} if run.provenance.options["uv"] else {}), **run.result.attributes}
    write_points(file, run.result.points, run.result.normals, columns)


def sample_words(run: Run[Samples], out: Path) -> str:
    """Return what a person wants to know at the end."""
    return f"{len(run.result.points):,} points written to {out}"
