"""Commands for solids: ``meshot volume``."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from meshot.app.commands.arguments import Json, MeshOrSolid, Out, Positive, Up
from meshot.app.commands.job import command_line, show, start_job, two_columns
from meshot.base.errors import OptionError
from meshot.base.settings import TOL_VOLUME

if TYPE_CHECKING:
    from meshot.app.commands.job import Job
    from meshot.app.files.solid_run import VolumeRun
    from meshot.formats.registry import MeshFile
    from meshot.meshes.solid import Solid
    from meshot.meshes.surface import Surface
    from meshot.meshes.tetrahedralization import Tetrahedralization

EdgeLength = Annotated[
    float | None,
    Parameter(
        help="Wanted length of the tetrahedra's edges in the surface's unit; by default a twentieth of its diagonal.",
        validator=Number(gt=0),
    ),
]
VolumeTolerance = Annotated[
    float, Positive, Parameter(help="Mean and spread of the volume ratios, less 1, to refine the map to.")
]


def volume_command(
    mesh: MeshOrSolid,
    /,
    *,
    out: Out,
    edge_length: EdgeLength = None,
    tol_volume: VolumeTolerance = TOL_VOLUME,
    density: Annotated[
        Path | None,
        Parameter(help="Wanted magnification, one number a tetrahedron or a vertex, up to a factor; NPY, CSV or text."),
    ] = None,
    masses: Annotated[
        Path | None, Parameter(help="Wanted share of each vertex, one number each, up to a factor; NPY, CSV or text.")
    ] = None,
    up: Up = "y",
    json: Json = False,
) -> int:
    """Map a solid to the ball so that volumes are kept. Writes solid.vtu, ball.vtu, metrics.json and report.html.

    A surface is filled with tetrahedra first.
    """
    from meshot.app.files.solid_run import VolumeRun, named_solid_maps, volume_metrics, write_volume
    from meshot.app.files.surface_run import Provenance
    from meshot.formats.registry import read_mesh_file
    from meshot.formats.tables import read_masses
    from meshot.maps.distortion import distortion
    from meshot.volume import volume_preserving_map

    files = {"density": density, "masses": masses}
    with start_job(out) as job:
        with job.stages("read"):
            file = read_mesh_file(mesh)
            measure: dict[str, Any] = {
                name: read_masses(path, name) for name, path in files.items() if path is not None
            }
        solid, filling = _filled(file, edge_length, measure, job)
        mapped = volume_preserving_map(solid, tol_volume=tol_volume, progress=job.clock, **measure)
        with job.stages("distortion"):
            distortions = {name: distortion(each) for name, each in named_solid_maps(mapped).items()}
        options = {"map": "volume", "edge_length": edge_length, "tol_volume": tol_volume}
        options |= {name: path.name for name, path in files.items() if path is not None}
        provenance = Provenance(mesh.name, file.sha256, command_line(), options, file.notes)
        run = VolumeRun(mapped, distortions, provenance, filling, job.seconds())
        with job.stages("report"):
            from meshot.app.report.pages.solid import render_volume

            page = render_volume(run, up=up)
        run = replace(run, seconds=job.seconds())
        with job.stages("write"):
            write_volume(out, run, page)
    show(volume_metrics(run) if json else None, _few_numbers(run, out))
    return job.exit_code()


def _filled(
    file: "MeshFile[Surface | Solid]", edge_length: float | None, measure: dict[str, Any], job: "Job"
) -> "tuple[Solid, Tetrahedralization | None]":
    """Return the solid of a file, if need be made of the surface there."""
    from meshot.meshes.solid import Solid
    from meshot.meshes.tetrahedralization import make_tetrahedra

    if isinstance(file.mesh, Solid):
        if edge_length is not None:
            raise OptionError("--edge-length is for surfaces: the file holds tetrahedra already")
        return file.mesh, None
    if measure:
        raise OptionError("--density and --masses go with a solid: of a surface, the tetrahedra are not known before")
    filling = make_tetrahedra(file.mesh, edge_length, ball=True, progress=job.clock)
    return filling.solid, filling


def _few_numbers(run: "VolumeRun", out: Path) -> str:
    """Return what a person wants to know at the end."""
    from meshot.app.report.pages.page import number, percent

    told, solid = run.distortion.summary()["volume"], run.solid_map.solid
    mean, spread = percent(told["ratio_mean_abs_deviation"]), percent(told["ratio_abs_deviation_sd"])
    rows = [
        ("solid", f"{number(len(solid.tetrahedra))} tetrahedra, {number(len(solid.vertices))} vertices"),
        ("volumes", f"off by {mean} on average, standard deviation {spread}"),
        ("flipped", f"{number(told['flipped'])} tetrahedra"),
    ]
    if run.filling is not None:
        rows.append(("boundary", f"moved by up to {number(max(run.filling.outward, run.filling.inward), 2)} diagonals"))
    rows += [("seconds", f"{run.seconds['total']:.1f}"), ("report", str(out / "report.html"))]
    return two_columns(rows)
