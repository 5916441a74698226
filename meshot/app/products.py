"""The products of meshot in one table: how each is computed, summarized, drawn, written, and tabulated in a batch.

A product's `compute` gets a job, the path of its input and the options of its command, by their names there. It reads,
shows the mesh to the job, calls the library, and returns a `Run`. What is the same for all of them is in `make`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

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
from meshot.app.inputs import (
    density_on_joined,
    file_names,
    on_joined,
    read_density,
    read_domain,
    read_measures,
)
from meshot.app.job import Job
from meshot.app.product import Column, Files, Product
from meshot.area import area_preserving_map
from meshot.base.errors import GeometryError, MeshotError, OptionError, TopologyError
from meshot.base.progress import Progress
from meshot.base.settings import Device, Method, Normalization, TargetName
from meshot.conformal.disk import conformal_map
from meshot.formats.registry import read_mesh_file, read_surface_file
from meshot.formats.tables import read_masses, read_sites, read_table
from meshot.formats.write.points import check_points_suffix
from meshot.maps.distortion import distortion
from meshot.maps.solid_map import SolidMap
from meshot.maps.surface_map import SurfaceMap
from meshot.meshes.check.seams import join_notes
from meshot.meshes.solid import Solid
from meshot.meshes.surface import Surface
from meshot.meshes.tetrahedralization import make_tetrahedra
from meshot.morph import Morph, ball_to_shape
from meshot.refinement.tradeoff import tradeoff_curve
from meshot.sampling.sample import WITHOUT_MAP, sample
from meshot.sampling.samples import Samples, weigh
from meshot.singular.detect import singular_set
from meshot.transport.result import TransportResult
from meshot.transport.solve import solve_transport
from meshot.volume import volume_preserving_map

# Width and height of cells.png in pixels.
CELLS_SIZE = 1600
# Suffixes of tables of points.
TABLES = (".npy", ".csv", ".txt", ".xyz")


# ---------------------------------------------------------------------------------------------------------------------
# maps of surfaces


def _conformal(
    job: Job,
    path: Path,
    *,
    to: TargetName,
    normalize: Normalization,
    through: tuple[int, ...] | None,
    join: float | None,
    triangles: bool,
) -> Run[SurfaceMap]:
    options = {"map": "conformal", "to": to, "normalize": normalize, "through": through, "join": join}

    def compute(surface: Surface, progress: Progress) -> SurfaceMap:
        return conformal_map(surface, to=to, normalize=normalize, path=through, progress=progress)

    return _map_surface(job, path, options, compute, triangles=triangles)


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
    join: float | None,
    triangles: bool,
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
    options = {"map": "area", **shaping, **file_names(files), "join": join}
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

    run = _map_surface(job, path, options, compute, files, triangles=triangles)
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
    *,
    triangles: bool,
) -> Run[SurfaceMap]:
    with job.stages("read"):
        file = read_surface_file(path, join=options["join"])
        measure = on_joined(file, read_measures(files or {}))
    job.look(file.mesh)
    surface_map = compute(file.mesh, progress=job.clock, **measure)
    with job.stages("distortion"):
        distortions = {name: distortion(each) for name, each in named_maps(surface_map).items()}
    provenance = job.provenance(path, file, options)
    seams = (note.message for note in join_notes(file.mesh))
    provenance = replace(provenance, notes=(*provenance.notes, *seams))
    polygons = None if triangles else file.polygons
    return Run(file.mesh, surface_map, provenance, distortions=distortions, polygons=polygons, joined=file.joined)


def _draw_surface(run: Run[SurfaceMap], up: str) -> Files:
    from meshot.app.report.pages.surface import render_surface

    return {"report.html": render_surface(run, up=up)}


# ---------------------------------------------------------------------------------------------------------------------
# solids


def _volume(
    job: Job,
    path: Path,
    *,
    edge_length: float | None,
    tol_volume: float,
    density: Path | None,
    masses: Path | None,
    join: float | None,
) -> Run[SolidMap]:
    files = {"density": density, "masses": masses}
    with job.stages("read"):
        file, measure = read_mesh_file(path, join=join), read_measures(files)
    options = {"map": "volume", "edge_length": edge_length, "tol_volume": tol_volume, **file_names(files), "join": join}
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


def _morph(
    job: Job, path: Path, *, frames: int, edge_length: float | None, join: float | None, tol: float
) -> Run[Morph]:
    suffix, masses = path.suffix.lower(), None
    notes: tuple[str, ...] = ()
    file: Any
    shape: Any
    with job.stages("read"):
        if suffix in TABLES:
            file = read_sites(path, dimension=3)
            shape, masses = file.sites, file.masses
        else:
            file = read_mesh_file(path, join=join)
            shape = file.mesh
    if not isinstance(shape, Surface) and (edge_length is not None or join is not None):
        raise OptionError("--edge-length and --join are for surfaces: this file has its vertices already")
    if isinstance(shape, Surface):
        filling = make_tetrahedra(shape, edge_length, progress=job.clock)
        shape, notes = filling.solid, filling.notes
    morph = ball_to_shape(shape, masses, tol=tol, progress=job.clock)
    provenance = job.provenance(path, file, {"tol": tol, "frames": frames, "edge_length": edge_length, "join": join})
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
        source = read_domain(domain, dimension, numbers, polygon)
        file = read_sites(path, source.dimension)
        if masses is not None and file.masses is not None:
            raise MeshotError(f"{path} has a column of masses, so there is no place for those of {masses}")
        wanted = file.masses if masses is None else read_masses(masses)
    with job.stages("transport"):
        result = solve_transport(file.sites, wanted, source, tol=tol, duplicates=duplicates, progress=job.clock)
    provenance = job.provenance(path, file, {"domain": domain, "tol": tol, "duplicates": duplicates})
    with job.stages("folds"):
        return Run(file.sites, result, provenance, folds=singular_set(result))


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
    join: float | None,
) -> Run[Samples]:
    check_points_suffix(job.out, attributes=uv or bool(attribute))
    check_folder(job.out.parent)
    if uv and method in WITHOUT_MAP:
        raise OptionError(f"--uv is for methods that go through a map, not for {method}")
    with job.stages("read"):
        file = read_surface_file(path, join=join)
        weights, values = read_density(density, density_uv), {each.stem: read_table(each) for each in attribute}
        if file.joined is not None:
            weights = density_on_joined(file.joined, weights)
    job.look(file.mesh)
    mapped: Any = file.mesh
    if method not in WITHOUT_MAP:
        try:
            mapped = area_preserving_map(file.mesh, to=to, tol=tol, tol_area=tol_area, progress=job.clock)
        except (TopologyError, GeometryError) as error:
            raise _with_ways(error) from None
    with job.stages("sample"):
        samples = sample(mapped, count, method=method, density=weights, attributes=values, rng=seed, progress=job.clock)
        if file.joined is not None:  # each face has the values of its own side of a seam
            own = file.joined.corners[samples.faces]
            sides = {name: weigh(samples.barycentric, each[own]) for name, each in values.items()}
            samples = replace(samples, attributes=sides)
    provenance = job.provenance(path, file, {"method": method, "seed": seed, "uv": uv, "join": join})
    return Run(file.mesh, samples, provenance)


def _with_ways(error: MeshotError) -> MeshotError:
    """Return an error that names the methods that work all the same."""
    ways = " and ".join(f"--method {name}" for name in WITHOUT_MAP)
    told = type(error)(f"{error}; {ways} need no map, and work on any surface")
    told.ids = error.ids
    return told


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
