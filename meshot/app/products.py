"""The products of meshot in one table: how each is computed, summarized, drawn, written, and tabulated in a batch.

A product's `compute` gets a job, the path of its input and the options of its command, by their names there. It reads,
shows the mesh to the job, calls the library, and returns a `Run`. What is the same for all of them is in `make`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from meshot.app.files.folder import check_folder
from meshot.app.files.morph import frame_times, morph_metrics, morph_words, write_morph
from meshot.app.files.run import Run, named_maps
from meshot.app.files.solid import solid_metrics, solid_words, write_solid
from meshot.app.files.surface import (
    sample_metrics,
    sample_words,
    surface_metrics,
    surface_words,
    write_samples,
    write_surface,
)
from meshot.app.files.transport import transport_metrics, transport_words, write_transport
from meshot.app.job import Job
from meshot.app.product import Column, Files, Product
from meshot.area import area_preserving_map
from meshot.base.errors import MeshotError, OptionError
from meshot.base.progress import Progress
from meshot.base.settings import Device, Method, Normalization, TargetName
from meshot.conformal.disk import conformal_map
from meshot.diagrams.domains import Ball, Box, ConvexPolygon, Disk
from meshot.diagrams.power_cells import Domain
from meshot.formats.registry import SOLID_SUFFIXES, read_mesh_file, read_solid_file, read_surface_file
from meshot.formats.tables import PICTURES, read_corners, read_masses, read_picture, read_sites, read_table
from meshot.formats.write.points import check_points_suffix
from meshot.maps.distortion import distortion
from meshot.maps.solid_map import SolidMap
from meshot.maps.surface_map import SurfaceMap
from meshot.meshes.solid import Solid
from meshot.meshes.surface import Surface
from meshot.meshes.tetrahedralization import make_tetrahedra
from meshot.morph import Morph, ball_to_shape
from meshot.refinement.tradeoff import tradeoff_curve
from meshot.sampling.sample import WITHOUT_MAP, sample
from meshot.sampling.samples import Samples
from meshot.sampling.weights import Texture
from meshot.singular.detect import singular_set
from meshot.transport.result import TransportResult
from meshot.transport.solve import solve_transport
from meshot.volume import volume_preserving_map

# Width and height of cells.png in pixels.
CELLS_SIZE = 1600
# Suffixes of tables of points.
TABLES = (".npy", ".csv", ".txt", ".xyz")


def _tables(files: Mapping[str, Path | None]) -> dict[str, Any]:
    return {name: read_masses(file, name) for name, file in files.items() if file is not None}


def _names(files: Mapping[str, Path | None]) -> dict[str, str]:
    return {name: file.name for name, file in files.items() if file is not None}


# ---------------------------------------------------------------------------------------------------------------------
# maps of surfaces


def _conformal(
    job: Job, path: Path, *, to: TargetName, normalize: Normalization, through: tuple[int, ...] | None
) -> Run[SurfaceMap]:
    options = {"map": "conformal", "to": to, "normalize": normalize, "through": through}

    def compute(surface: Surface, progress: Progress) -> SurfaceMap:
        return conformal_map(surface, to=to, normalize=normalize, path=through, progress=progress)

    return _map_surface(job, path, options, compute)


def _area(
    job: Job,
    path: Path,
    *,
    to: TargetName,
    tol: float,
    tol_area: float,
    density: Path | None,
    masses: Path | None,
    area_weight: float,
    angle_sweeps: int,
    curve: bool,
    method: Method,
    device: Device,
    samples: int | None,
    seed: int,
    checkpoint: Path | None,
) -> Run[SurfaceMap]:
    if curve and (to == "sphere" or area_weight == 0):
        raise OptionError("--curve is for maps to the disk of an area weight above 0")
    files = {"density": density, "masses": masses}
    shaping: dict[str, Any] = {
        "to": to,
        "tol": tol,
        "tol_area": tol_area,
        "area_weight": area_weight,
        "angle_sweeps": angle_sweeps,
    }
    options = {"map": "area", **shaping, **_names(files)}
    if method == "montecarlo":
        options |= {"method": method, "device": device, "samples": samples, "seed": seed}
    sampling: dict[str, Any] = {
        "method": method,
        "device": device,
        "samples": samples,
        "rng": seed,
        "checkpoint": checkpoint,
    }

    def compute(surface: Surface, progress: Progress, **measure: Any) -> SurfaceMap:
        return area_preserving_map(surface, progress=progress, **shaping, **sampling, **measure)

    run = _map_surface(job, path, options, compute, files)
    if not curve:
        return run
    with job.stages("trade-off") as client:
        points = tradeoff_curve(run.result, tol_area=tol_area, angle_sweeps=angle_sweeps, progress=client)
    return replace(run, curve=points)


def _map_surface(
    job: Job,
    path: Path,
    options: dict[str, Any],
    compute: Callable[..., SurfaceMap],
    files: Mapping[str, Path | None] | None = None,
) -> Run[SurfaceMap]:
    with job.stages("read"):
        file, measure = read_surface_file(path), _tables(files or {})
    job.look(file.mesh)
    surface_map = compute(file.mesh, progress=job.clock, **measure)
    with job.stages("distortion"):
        distortions = {name: distortion(each) for name, each in named_maps(surface_map).items()}
    return Run(file.mesh, surface_map, job.provenance(path, file, options), distortions=distortions)


def _draw_surface(run: Run[SurfaceMap], up: str) -> Files:
    from meshot.app.report.pages.surface import render_surface

    return {"report.html": render_surface(run, up=up)}


# ---------------------------------------------------------------------------------------------------------------------
# solids


def _volume(
    job: Job, path: Path, *, edge_length: float | None, tol_volume: float, density: Path | None, masses: Path | None
) -> Run[SolidMap]:
    files = {"density": density, "masses": masses}
    with job.stages("read"):
        file, measure = read_mesh_file(path), _tables(files)
    options = {"map": "volume", "edge_length": edge_length, "tol_volume": tol_volume, **_names(files)}
    provenance, filling = job.provenance(path, file, options), None
    job.look(file.mesh)
    if isinstance(file.mesh, Solid):
        if edge_length is not None:
            raise OptionError("--edge-length is for surfaces: the file holds tetrahedra already")
        solid = file.mesh
    elif measure:
        raise OptionError("--density and --masses go with a solid: of a surface, the tetrahedra are not known before")
    else:
        filling = make_tetrahedra(file.mesh, edge_length, ball=True, progress=job.clock)
        solid = filling.solid
    mapped = volume_preserving_map(solid, tol_volume=tol_volume, progress=job.clock, **measure)
    with job.stages("distortion"):
        distortions = {name: distortion(each) for name, each in named_maps(mapped).items()}
    return Run(solid, mapped, provenance, distortions=distortions, filling=filling)


def _draw_volume(run: Run[SolidMap], up: str) -> Files:
    from meshot.app.report.pages.solid import render_solid

    return {"report.html": render_solid(run, up=up)}


def _morph(job: Job, path: Path, *, frames: int, edge_length: float | None, tol: float) -> Run[Morph]:
    suffix, masses = path.suffix.lower(), None
    notes: tuple[str, ...] = ()
    if edge_length is not None and suffix in (*SOLID_SUFFIXES, *TABLES):
        raise OptionError("--edge-length is for surfaces: this file has its vertices already")
    file: Any
    shape: Any
    with job.stages("read"):
        if suffix in TABLES:
            file = read_sites(path, dimension=3)
            shape, masses = file.sites, file.masses
        else:
            file = read_solid_file(path) if suffix in SOLID_SUFFIXES else read_surface_file(path)
            shape = file.mesh
    if isinstance(shape, Surface):
        filling = make_tetrahedra(shape, edge_length, progress=job.clock)
        shape, notes = filling.solid, filling.notes
    morph = ball_to_shape(shape, masses, tol=tol, progress=job.clock)
    provenance = job.provenance(path, file, {"tol": tol, "frames": frames, "edge_length": edge_length})
    with job.stages("folds"):
        folds = singular_set(morph.transport, morph.solid)
    return Run(shape, morph, replace(provenance, notes=(*provenance.notes, *notes)), folds=folds)


def _draw_morph(run: Run[Morph], up: str) -> Files:
    from meshot.app.report.pages.morph import render_morph

    return {"report.html": render_morph(run, up=up)}


def _animate_morph(run: Run[Morph], up: str) -> Files:
    from meshot.app.report.pages.morph import animation

    return {"morph.gif": animation(run.result, frame_times(run), up=up)}


# ---------------------------------------------------------------------------------------------------------------------
# points


def _transport(
    job: Job,
    path: Path,
    *,
    domain: str,
    dimension: int | None,
    polygon: Path | None,
    masses: Path | None,
    duplicates: Literal["error", "merge"],
    tol: float,
    **numbers: Sequence[float] | None,
) -> Run[TransportResult]:
    with job.stages("read"):
        source = _domain(domain, dimension, numbers, polygon)
        file = read_sites(path, source.dimension)
        if masses is not None and file.masses is not None:
            raise MeshotError(f"{path} has a column of masses, so there is no place for those of {masses}")
        wanted = file.masses if masses is None else read_masses(masses)
    with job.stages("transport"):
        result = solve_transport(file.sites, wanted, source, tol=tol, duplicates=duplicates, progress=job.clock)
    provenance = job.provenance(path, file, {"domain": domain, "tol": tol, "duplicates": duplicates})
    with job.stages("folds"):
        return Run(file.sites, result, provenance, folds=singular_set(result))


def _domain(
    kind: str, dimension: int | None, numbers: Mapping[str, Sequence[float] | None], polygon: Path | None
) -> Domain:
    if (kind == "polygon") != (polygon is not None):
        raise MeshotError("--domain polygon and --polygon FILE go together")
    if kind == "box":
        corners = numbers["box"] or [0.0] * (dimension or 2) + [1.0] * (dimension or 2)
        if len(corners) not in (4, 6) or dimension not in (None, len(corners) // 2):
            raise MeshotError("--box takes four numbers in the plane and six in space")
        return Box(*np.split(np.array(corners), 2))
    if dimension not in (None, 3 if kind == "ball" else 2):
        raise MeshotError(f"a {kind} is no domain of dimension {dimension}")
    if polygon is not None:
        return ConvexPolygon(read_corners(polygon))
    *center, radius = numbers[kind] or ()
    return Ball(np.array(center), radius) if kind == "ball" else Disk(np.array(center), radius)


def _draw_transport(run: Run[TransportResult], up: str) -> Files:
    from meshot.app.report.pages.transport import render_transport
    from meshot.app.report.pictures.cells import cells_picture, png

    return {"cells.png": png(cells_picture(run.result, CELLS_SIZE)), "report.html": render_transport(run)}


def _sample(
    job: Job,
    path: Path,
    *,
    count: int,
    method: Any,
    density: Path | None,
    density_uv: Path | None,
    attribute: tuple[Path, ...],
    uv: bool,
    to: TargetName,
    seed: int,
    tol: float,
    tol_area: float,
) -> Run[Samples]:
    check_points_suffix(job.out, attributes=uv or bool(attribute))
    check_folder(job.out.parent)
    if uv and method in WITHOUT_MAP:
        raise OptionError(f"--uv is for methods that go through a map, not for {method}")
    with job.stages("read"):
        file = read_surface_file(path)
        weights, values = _density(density, density_uv), {each.stem: read_table(each) for each in attribute}
    job.look(file.mesh)
    mapped: Any = file.mesh
    if method not in WITHOUT_MAP:
        mapped = area_preserving_map(file.mesh, to=to, tol=tol, tol_area=tol_area, progress=job.clock)
    with job.stages("sample"):
        samples = sample(mapped, count, method=method, density=weights, attributes=values, rng=seed, progress=job.clock)
    provenance = job.provenance(path, file, {"method": method, "seed": seed, "uv": uv})
    return Run(file.mesh, samples, provenance)


def _density(file: Path | None, uv: Path | None) -> Any:
    """Read a density: numbers, or a picture and its texture coordinates."""
    picture = file is not None and file.suffix.lower() in PICTURES
    if picture != (uv is not None):
        raise OptionError("--density with a picture and --density-uv go together")
    if file is None or uv is None:
        return None if file is None else read_masses(file, "a density")
    return Texture(read_picture(file), read_table(uv))


# ---------------------------------------------------------------------------------------------------------------------
# the table

_SURFACE_MAP: dict[str, Any] = {
    **{"metrics": surface_metrics, "words": surface_words, "write": write_surface, "draw": {"report": _draw_surface}},
    "columns": (
        Column("faces", "Faces", ("faces",)),
        Column("flipped", "Flipped", ("area", "flipped")),
        Column("area_ratio_sd", "Area ratio, SD", ("area", "ratio_sd"), "%"),
        Column("angle_mean", "Angle change, mean", ("angle", "mean_abs_degrees"), "°"),
    ),
}

PRODUCTS = {
    "conformal": Product(_conformal, **_SURFACE_MAP),
    "area": Product(_area, **_SURFACE_MAP),
    "volume": Product(
        _volume,
        solid_metrics,
        solid_words,
        write_solid,
        {"report": _draw_volume},
        columns=(
            Column("tetrahedra", "Tetrahedra", ("tetrahedra",)),
            Column("flipped", "Flipped", ("volume", "flipped")),
            Column("volume_deviation", "Volume ratio, deviation", ("volume", "ratio_mean_abs_deviation"), "%"),
        ),
        takes_solids=True,
    ),
    "morph": Product(
        _morph, morph_metrics, morph_words, write_morph, {"report": _draw_morph, "animation": _animate_morph}
    ),
    "transport": Product(_transport, transport_metrics, transport_words, write_transport, {"report": _draw_transport}),
    "sample": Product(
        _sample,
        sample_metrics,
        sample_words,
        write_samples,
        columns=(Column("points", "Points", ("points",)),),
        in_folder=False,
        result="points.{format}",
    ),
}
