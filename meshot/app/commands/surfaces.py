"""The commands that map surfaces: ``meshot check``, ``conformal``, ``area`` and ``demo``."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from meshot.app.commands.arguments import AreaTolerance, Json, Mesh, MeshOrSolid, Out, To, Tolerance, Up
from meshot.app.commands.job import DONE, REFUSED, command_line, show, start_job, two_columns
from meshot.base.errors import OptionError
from meshot.base.settings import TOL, TOL_AREA, Device, Method, Normalization, TargetName

if TYPE_CHECKING:
    from meshot.app.commands.job import Job
    from meshot.app.files.surface_run import Run
    from meshot.base.progress import Progress
    from meshot.maps.surface_map import SurfaceMap
    from meshot.meshes.surface import Surface
    from meshot.refinement.tradeoff import TradeoffPoint


class Vertices(tuple[int, ...]):
    """Vertices as one writes them: ``12,345,678``."""

    def __new__(cls, text: str) -> "Vertices":
        """Read them."""
        words = text.split(",")
        if not all(word.strip().isdecimal() for word in words):
            raise ValueError("Vertices are given as 12,345,678.")
        return super().__new__(cls, map(int, words))

    def __str__(self) -> str:
        """Write them so."""
        return ",".join(map(str, self))


Through = Annotated[
    Vertices | None,
    Parameter(
        converter=lambda _, tokens: Vertices(tokens[0].value),
        n_tokens=1,
        negative="",
        help="Vertices that the cut of a closed surface passes, counted from 0: 12,345,678.",
    ),
]


def check_command(mesh: MeshOrSolid, /, *, json: Json = False) -> int:
    """Say what a mesh is, and whether it can be mapped: exit code 0, or 2 with every cause and the offending ids."""
    from meshot.base.files import to_json
    from meshot.formats.registry import read_mesh_file
    from meshot.meshes.check.surface import check

    file = read_mesh_file(mesh)
    report = check(file.mesh)
    figures = {**report.to_dict(), "reading": file.notes, "sha256": file.sha256}
    words = "\n".join([*(f"note: {note}" for note in file.notes), str(report)])
    sys.stdout.write((to_json(figures) if json else words) + "\n")
    return DONE if report.ok else REFUSED


def conformal_command(
    mesh: Mesh,
    /,
    *,
    out: Out,
    to: To = "disk",
    normalize: Annotated[
        Normalization, Parameter(help="Bring the area's centroid to the center, even out the areas, or neither.")
    ] = "area",
    through: Through = None,
    up: Up = "y",
    json: Json = False,
) -> int:
    """Map a surface so that angles are kept. Writes the same files as ``area``; for the sphere also sphere.obj."""
    options = {"map": "conformal", "to": to, "normalize": normalize, "through": through}
    return _map(mesh, out, _conformal(to, normalize, through), options, up=up, json=json)


def area_command(
    mesh: Mesh,
    /,
    *,
    out: Out,
    to: To = "disk",
    tol: Tolerance = TOL,
    tol_area: AreaTolerance = TOL_AREA,
    density: Annotated[
        Path | None,
        Parameter(help="Wanted magnification, one number a face or a vertex, up to a factor; NPY, CSV or text."),
    ] = None,
    masses: Annotated[
        Path | None, Parameter(help="Wanted share of each vertex, one number each, up to a factor; NPY, CSV or text.")
    ] = None,
    area_weight: Annotated[float, Parameter(help="From 0, angles are kept, to 1, areas are.")] = 1.0,
    angle_sweeps: Annotated[
        int, Parameter(help="Steps to less angle distortion at the same areas; a dozen is plenty.")
    ] = 0,
    curve: Annotated[
        bool, Parameter(negative="", help="Compute maps between angles and areas too, and draw their errors.")
    ] = False,
    method: Annotated[Method, Parameter(help="Exact cells, or cells sampled with torch.")] = "newton",
    device: Annotated[Device, Parameter(help="Where cells are sampled.")] = "auto",
    samples: Annotated[int | None, Parameter(help="Samples of the last surveys of the cells.")] = None,
    seed: Annotated[int, Parameter(help="Seed of the samples.")] = 0,
    checkpoint: Annotated[
        Path | None, Parameter(help="File that keeps the state of the sampling, to go on from after an interruption.")
    ] = None,
    up: Up = "y",
    json: Json = False,
) -> int:
    """Map a surface so that areas are kept. Writes map.obj, map.ply, map.npz, metrics.json and report.html."""
    from meshot.formats.tables import read_masses

    if curve and (to == "sphere" or area_weight == 0):
        raise OptionError("--curve is for maps to the disk of an area weight above 0")
    files = {"density": density, "masses": masses}
    options = {
        **{"map": "area", "to": to, "tol": tol, "tol_area": tol_area, "area_weight": area_weight},
        **{"angle_sweeps": angle_sweeps, **{name: file.name for name, file in files.items() if file is not None}},
    }
    measure = {name: read_masses(file, name) for name, file in files.items() if file is not None}
    sampling = {"method": method, "device": device, "samples": samples, "rng": seed, "checkpoint": checkpoint}
    if method == "montecarlo":
        options |= {"method": method, "device": device, "samples": samples, "seed": seed}
    compute = _area(to, tol, tol_area, area_weight=area_weight, angle_sweeps=angle_sweeps, **measure, **sampling)
    return _map(mesh, out, compute, options, curve=curve, up=up, json=json)


def demo_command(
    name: Annotated[str, Parameter(help="brain, cap, dumbbell, face or hare.")] = "face",
    /,
    *,
    out: Out,
    up: Up = "y",
    json: Json = False,
) -> int:
    """Run ``area`` on a mesh that comes with meshot."""
    from meshot.app.demo import demo_mesh

    return area_command(demo_mesh(name), out=out, up=up, json=json)


# ---------------------------------------------------------------------------------------------------------------------
# the way of a map from file to folder

Compute = Callable[["Surface", "Progress"], "SurfaceMap"]


def _conformal(to: TargetName, normalize: Normalization, path: tuple[int, ...] | None) -> Compute:
    def compute(surface: "Surface", progress: "Progress") -> "SurfaceMap":
        from meshot.conformal.disk import conformal_map

        return conformal_map(surface, to=to, normalize=normalize, path=path, progress=progress)

    return compute


def _area(to: TargetName, tol: float, tol_area: float, **more: Any) -> Compute:
    def compute(surface: "Surface", progress: "Progress") -> "SurfaceMap":
        from meshot.area import area_preserving_map

        return area_preserving_map(surface, to=to, tol=tol, tol_area=tol_area, progress=progress, **more)

    return compute


def _map(
    mesh: Path, out: Path, compute: Compute, options: dict[str, Any], *, curve: bool = False, up: str, json: bool
) -> int:
    from meshot.app.files.surface_run import Provenance, Run, metrics, named_maps, write_run
    from meshot.formats.registry import read_surface_file
    from meshot.maps.distortion import distortion

    with start_job(out) as job:
        with job.stages("read"):
            file = read_surface_file(mesh)
        surface_map = compute(file.mesh, job.clock)
        with job.stages("distortion"):
            distortions = {name: distortion(each) for name, each in named_maps(surface_map).items()}
        provenance = Provenance(mesh.name, file.sha256, command_line(), options, file.notes)
        points = _curve(surface_map, options, job) if curve else ()
        run = Run(file.mesh, surface_map, distortions, provenance, job.seconds(), points)
        with job.stages("report"):
            from meshot.app.report.pages.surface import render

            page = render(run, up=up)
        run = replace(run, seconds=job.seconds())
        with job.stages("write"):
            write_run(out, run, page)
    show(metrics(run) if json else None, _few_numbers(run, out))
    return job.exit_code()


def _curve(surface_map: "SurfaceMap", options: dict[str, Any], job: "Job") -> "tuple[TradeoffPoint, ...]":
    from meshot.refinement.tradeoff import tradeoff_curve

    with job.stages("trade-off") as client:
        return tradeoff_curve(
            surface_map, tol_area=options["tol_area"], angle_sweeps=options["angle_sweeps"], progress=client
        )


def _few_numbers(run: "Run", out: Path) -> str:
    """Return what a person wants to know at the end."""
    from meshot.app.files.surface_run import transport_figures
    from meshot.app.report.pages.page import number, percent

    area, angle = run.distortion.summary().values()
    transport = transport_figures(run.surface_map)
    rows = [
        ("mesh", f"{number(len(run.source.faces))} faces, {number(len(run.source.vertices))} vertices"),
        ("area ratios", f"{percent(area['ratio_sd'])} standard deviation, {number(area['flipped'])} faces flipped"),
        ("angles", f"{number(angle['mean_abs_degrees'])}° mean change"),
    ]
    if transport is not None:
        rows.append(("transport", _few_words_of_transport(transport)))
    rows += [("seconds", f"{run.seconds['total']:.1f}"), ("report", str(out / "report.html"))]
    return two_columns(rows)


def _few_words_of_transport(figures: dict[str, Any]) -> str:
    from meshot.app.report.pages.page import number, percent

    if "mass_error" in figures:
        told = f"{percent(figures['mass_error'])} RMS error of masses, {number(figures['samples'])} samples"
        return f"{told} on {figures['device']}"
    error, certificate = number(figures["max_relative_error"], 2), number(figures["certificate"], 2)
    return f"{figures['iterations']} steps to {error}, certificate {certificate}"
