"""What a run leaves behind: the figures of ``metrics.json`` and the files of a map."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from meshot import __version__
from meshot.app.files.folder import complete_folder
from meshot.base.arrays import Floats, Ints
from meshot.base.files import PathLike, write_json, write_npz, write_text
from meshot.formats.write.obj import write_obj
from meshot.formats.write.ply import write_ply
from meshot.maps.distortion import Distortion
from meshot.maps.surface_map import SurfaceMap
from meshot.meshes.surface import Surface
from meshot.refinement.tradeoff import TradeoffPoint
from meshot.transport.newton import NewtonResult
from meshot.transport.sampled.result import SampledTransport

# A vertex nearer to the axis has no longitude.
POLE = 1e-9

CONFORMAL, AREA_PRESERVING, MEASURE_PRESERVING = "conformal", "area-preserving", "measure-preserving"
INTERMEDIATE = "intermediate"


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from.

    Attributes
    ----------
    name, sha256 : str
        The input file's name, without its folder, and hash.
    command : str
        The command line.
    options : mapping
        The settings that shape the result.
    notes : tuple of str
        What reading the file had to change.
    version : str
        Version of meshot.
    """

    name: str
    sha256: str
    command: str
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    version: str = __version__

    def figures(self, **about_input: Any) -> dict[str, Any]:
        """Return what ``metrics.json`` tells of it, and what else is to be told of the input."""
        return {
            "input": {"name": self.name, "sha256": self.sha256, "notes": self.notes, **about_input},
            "meshot": self.version,
            "command": self.command,
            "options": dict(self.options),
        }


@dataclass(frozen=True, eq=False)
class Run:
    """A finished map with all that its files and its report tell.

    Attributes
    ----------
    source : Surface
        The surface as it was read.
    surface_map : SurfaceMap
        The result.
    distortions : mapping
        Distortion of the result, and of the conformal map below it, by the names in `maps`.
    provenance : Provenance
        Where it comes from.
    seconds : mapping
        Seconds of each stage.
    curve : tuple of TradeoffPoint
        Maps between the conformal and the area-preserving one; empty if they were not asked for.
    """

    source: Surface
    surface_map: SurfaceMap
    distortions: Mapping[str, Distortion]
    provenance: Provenance
    seconds: Mapping[str, float] = field(default_factory=dict)
    curve: tuple[TradeoffPoint, ...] = ()

    @property
    def maps(self) -> dict[str, SurfaceMap]:
        """The conformal map and, if there is one, the area-preserving map built on it."""
        return named_maps(self.surface_map)

    @property
    def distortion(self) -> Distortion:
        """Distortion of the result."""
        return self.distortions[list(self.maps)[-1]]


def named_maps(surface_map: SurfaceMap) -> dict[str, SurfaceMap]:
    """Return the conformal map and, if there is one, the area-preserving map built on it, by name.

    The latter is called intermediate where its area weight is below 1, measure-preserving for a prescribed measure.
    """
    if surface_map.conformal is None:
        return {CONFORMAL: surface_map}
    name = MEASURE_PRESERVING if surface_map.prescribed else AREA_PRESERVING
    if surface_map.area_weight is not None and surface_map.area_weight < 1:
        name = INTERMEDIATE
    return {CONFORMAL: surface_map.conformal, name: surface_map}


# ---------------------------------------------------------------------------------------------------------------------
# figures


def metrics(run: Run) -> dict[str, Any]:
    """Return the contents of ``metrics.json``.

    "faces" and "vertices" count the input's; "area" and "angle" measure the result, and "conformal" holds the same of
    the conformal map below it; both judge areas by the prescribed measure, if there is one, and "measure" tells of it.
    "transport", "refinement", "area_weight", "measure" and "tradeoff", the figures of maps between the two, are null
    for a map made without.
    """
    summary = run.distortion.summary()
    figures: dict[str, Any] = {
        "faces": len(run.source.faces),
        "vertices": len(run.source.vertices),
        "seconds": dict(run.seconds),
        "transport": transport_figures(run.surface_map),
        "refinement": _refinement_figures(run.surface_map),
        **summary,
        CONFORMAL: run.distortions[CONFORMAL].summary(),
        "area_weight": run.surface_map.area_weight,
        "measure": _measure_figures(run),
        "tradeoff": [point.figures for point in run.curve] or None,
        "map": _map_figures(run.surface_map),
        **run.provenance.figures(unreferenced_vertices=int((~run.source.referenced).sum())),
    }
    return figures


def transport_figures(surface_map: SurfaceMap) -> dict[str, Any] | None:
    """Return the figures of the transport below a map, or None if there was none."""
    return None if surface_map.transport is None else solver_figures(surface_map.transport)


def solver_figures(transport: NewtonResult) -> dict[str, Any]:
    """Return the figures of a transport.

    "certificate" is the largest relative difference, over all steps, between the sum of the cells and the domain. A
    sampled transport has none, and tells instead what is known of its masses' errors (RMS, relative).
    """
    figures = {
        "sites": len(transport.masses),
        "iterations": transport.iterations,
        "max_relative_error": transport.max_relative_error,
        "certificate": transport.certificate,
        "converged": transport.converged,
    }
    if not isinstance(transport, SampledTransport):
        return figures
    return {
        **figures,
        "method": "montecarlo",
        "device": transport.solution.device,
        "samples": transport.samples,
        "mass_error": transport.mass_error,
        "mass_error_se": transport.mass_error_se,
        "sampling_error": transport.sampling_error,
    }


def _refinement_figures(surface_map: SurfaceMap) -> dict[str, Any] | None:
    record = surface_map.notes.get("refinement")
    if record is None:
        return None
    left_out = ("reached", "off", "history")
    return {"faces_off": record["off"], **{key: value for key, value in record.items() if key not in left_out}}


def _measure_figures(run: Run) -> dict[str, Any] | None:
    """Return the figures of a prescribed measure, and how far areas themselves are from being kept."""
    measure, surface = run.surface_map.measure, run.surface_map.surface
    if measure is None or not run.surface_map.prescribed:
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


def _map_figures(surface_map: SurfaceMap) -> dict[str, Any]:
    cut = cut_of(surface_map)
    return {
        "to": surface_map.target,
        "vertices": len(surface_map.surface.vertices),
        "cut": None if cut is None else vars(cut),
        "repaired_faces": surface_map.notes.get("repaired_faces", 0),
    }


@dataclass(frozen=True)
class CutFigures:
    """What is told of the cut through a closed surface.

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


# ---------------------------------------------------------------------------------------------------------------------
# files


def write_run(out: PathLike, run: Run, page: str) -> None:
    """Write ``map.obj``, ``map.ply``, ``map.npz``, ``report.html`` and ``metrics.json`` into the folder `out`.

    A map to the sphere has also ``sphere.obj``: its image as a mesh with the same faces. The files appear when all of
    them are complete; other files in the folder stay.

    Parameters
    ----------
    out : str or path
        The folder; it is made if it is not there.
    run : Run
        What to write.
    page : str
        The report.

    Raises
    ------
    OSError
        Something cannot be written; then nothing in the folder has changed.
    """
    surface, image, on_sphere = run.surface_map.surface, run.surface_map.image, run.surface_map.target == "sphere"
    distortion = run.distortion
    with complete_folder(out) as folder:
        if on_sphere:
            write_obj(folder / "map.obj", surface, *longitude_latitude(image, surface.faces))
            write_obj(folder / "sphere.obj", surface.with_vertices(np.nan_to_num(image)))
        else:
            write_obj(folder / "map.obj", surface, (image + 1) / 2)
        scalars = {
            "log_area_ratio": distortion.log_area_ratio,
            "angle_error": distortion.angle_error,
            "log_angle_ratio": distortion.log_angle_error,
            "quasi_conformal": distortion.quasi_conformal,
            "beltrami": distortion.beltrami,
        }
        if run.surface_map.prescribed:
            scalars["magnification"] = distortion.magnification
        names = ("sphere_x", "sphere_y", "sphere_z") if on_sphere else ("u", "v")
        write_ply(folder / "map.ply", surface.vertices, surface.faces, scalars, dict(zip(names, image.T, strict=True)))
        arrays = {"vertices": surface.vertices, "faces": surface.faces, "points" if on_sphere else "uv": image}
        if run.surface_map.conformal is not None:
            arrays["conformal"] = run.surface_map.conformal.image
        if run.surface_map.measure is not None and run.surface_map.prescribed:
            arrays["shares"] = run.surface_map.measure.faces
        write_npz(folder / "map.npz", **arrays, source_vertex=run.surface_map.source_vertex)
        write_text(folder / "report.html", page)
        write_json(folder / "metrics.json", metrics(run))


def longitude_latitude(points: Floats, faces: Ints) -> tuple[Floats, Ints]:
    """Return texture coordinates for a picture of the sphere in longitude and latitude.

    A face across the date line gets corners beyond the unit square, where a repeated picture goes on; a corner at a
    pole gets the longitude between the other two. A face with a pole inside it (at most two) cannot be right: in the
    picture the pole is a whole side.

    Parameters
    ----------
    points : (V, 3) float
        Unit vectors; NaN for vertices that belong to no face.
    faces : (F, 3) int

    Returns
    -------
    (T, 2) float, (F, 3) int
        Rows ``(longitude / 360 + 1/2, latitude / 180 + 1/2)``, in degrees, and for each corner of a face its row. The
        first V rows are those of the vertices themselves.

    Examples
    --------
    >>> points = np.array([[-0.8, 0.6, 0.0], [-0.8, -0.6, 0.0], [0.0, 0.0, 1.0]])
    >>> texture, corners = longitude_latitude(points, np.array([[0, 1, 2]]))
    >>> texture[corners[0]].round(3)
    array([[0.898, 0.5  ],
           [1.102, 0.5  ],
           [1.   , 1.   ]])
    """
    x, y, z = points.T
    radius = np.hypot(x, y)
    own = np.stack([np.arctan2(y, x) / (2 * np.pi) + 0.5, np.arctan2(z, radius) / np.pi + 0.5], axis=1)
    # The corner farthest from the poles keeps its longitude, the others take the copy nearest to it.
    safest = faces[np.arange(len(faces)), np.argmax(radius[faces], axis=1)]
    u = own[faces, 0]
    u -= np.rint(u - own[safest, :1])
    between = np.stack([u[:, [1, 2]].mean(axis=1), u[:, [2, 0]].mean(axis=1), u[:, [0, 1]].mean(axis=1)], axis=1)
    u = np.where(radius[faces] < POLE, between, u)
    moved = u != own[faces, 0]
    vertices, values = faces[moved], u[moved]
    _, first, row = np.unique(vertices + 1j * values, return_index=True, return_inverse=True)
    corners = faces.copy()
    corners[moved] = len(points) + row
    extra = np.stack([values[first], own[vertices[first], 1]], axis=1)
    return np.concatenate([own, extra]), corners
