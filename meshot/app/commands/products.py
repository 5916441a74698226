"""The commands that make something of a mesh or of points: their arguments, and the help to them.

What they do with their options is in `meshot.app.products`.
"""

import inspect
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from meshot.app.commands.arguments import (
    AreaTolerance,
    EdgeLength,
    Join,
    Json,
    Mesh,
    MeshOrSolid,
    Out,
    Through,
    To,
    Tolerance,
    Triangles,
    Up,
    VolumeTolerance,
)
from meshot.app.job import DONE, REFUSED, ended, show, start_job
from meshot.base.settings import TOL, TOL_AREA, TOL_VOLUME, Device, Method, Normalization


def all_options(command: Callable[..., Any], source: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Return the values of all options of a command, as given or by default."""
    bound = inspect.signature(command).bind(source, **given)
    bound.apply_defaults()
    return bound.kwargs


def _making(command: Callable[..., None]) -> Callable[..., int]:
    """Make a command of its signature: it makes the product that it is called after."""
    name = command.__name__.removesuffix("_command")

    @wraps(command)
    def make_and_show(source: Path, /, **given: Any) -> int:
        from meshot.app.product import make
        from meshot.app.products import PRODUCTS

        product = PRODUCTS[name]
        options = all_options(command, source, given)
        out, json = options.pop("out"), options.pop("json")
        with start_job(out, hold=product.in_folder) as job:
            run, figures = make(product, source, job, **options)
        show(figures if json else None, product.words(run, out))
        return ended(run.warnings)

    return make_and_show


def check_command(mesh: MeshOrSolid, /, *, join: Join = None, json: Json = False) -> int:
    """Say what a mesh is, and whether it can be mapped: exit code 0, or 2 with every cause and the offending ids."""
    from meshot.base.files import to_json
    from meshot.formats.registry import read_mesh_file
    from meshot.meshes.check.problems import without_spares
    from meshot.meshes.check.surface import check

    file = read_mesh_file(mesh, join=join)
    report = check(file.mesh)
    if file.joined is not None:
        report = replace(report, notes=without_spares(report.notes, file.joined.vertices))
    figures = {**report.to_dict(), "reading": file.notes, "sha256": file.sha256}
    words = "\n".join([*(f"note: {note}" for note in file.notes), str(report)])
    sys.stdout.write((to_json(figures) if json else words) + "\n")
    return DONE if report.ok else REFUSED


@_making
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
    join: Join = None,
    triangles: Triangles = False,
    up: Up = "y",
    json: Json = False,
) -> None:
    """Map a surface so that angles are kept. Writes the same files as ``area``; for the sphere also sphere.obj."""


@_making
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
    join: Join = None,
    triangles: Triangles = False,
    up: Up = "y",
    json: Json = False,
) -> None:
    """Map a surface so that areas are kept. Writes map.obj, map.ply, map.npz, metrics.json and report.html."""


@_making
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
    join: Join = None,
    up: Up = "y",
    json: Json = False,
) -> None:
    """Map a solid to the ball so that volumes are kept. Writes solid.vtu, ball.vtu, metrics.json and report.html.

    A surface is filled with tetrahedra first.
    """


@_making
def morph_command(
    target: Annotated[
        Path,
        Parameter(
            help="Solid (VTU, VTK, MSH, MESH), closed surface to fill with tetrahedra (OBJ, PLY, STL, OFF, VTP, VTK), "
            "or points, x, y, z and, if wanted, the mass (NPY, CSV, TXT, XYZ)."
        ),
    ],
    /,
    *,
    out: Out,
    frames: Annotated[int, Parameter(help="How many files show the way.", validator=Number(gte=2))] = 24,
    edge_length: Annotated[
        float | None, Parameter(help="Wanted edge length of the tetrahedra in a surface.", validator=Number(gt=0))
    ] = None,
    join: Join = None,
    tol: Tolerance = TOL,
    up: Up = "y",
    json: Json = False,
) -> None:
    """Send the ball to a shape by optimal transport. Writes cells, frames, folds, a GIF and a report."""


@_making
def transport_command(
    sites: Annotated[
        Path, Parameter(help="Sites, one a row: x, y, in space z and, if wanted, the mass; NPY, CSV or text.")
    ],
    /,
    *,
    out: Out,
    domain: Annotated[
        Literal["disk", "box", "polygon", "ball"], Parameter(help="Where the uniform density lives.")
    ] = "disk",
    dimension: Annotated[
        Literal[2, 3] | None, Parameter(help="Of the box: 3 if it is given by six numbers, else 2 by default.")
    ] = None,
    disk: Annotated[tuple[float, float, float], Parameter(negative="", help="Center and radius of the disk.")] = (
        0.0,
        0.0,
        1.0,
    ),
    ball: Annotated[
        tuple[float, float, float, float], Parameter(negative="", help="Center and radius of the ball.")
    ] = (
        0.0,
        0.0,
        0.0,
        1.0,
    ),
    box: Annotated[
        list[float] | None,
        Parameter(
            negative="", consume_multiple=True, help="Its least x, y (and z), its greatest; the unit box by default."
        ),
    ] = None,
    polygon: Annotated[
        Path | None, Parameter(help="Corners of the convex polygon, one after the other: x, y; NPY, CSV or text.")
    ] = None,
    masses: Annotated[Path | None, Parameter(help="Masses, one a row, if the sites have no column for them.")] = None,
    duplicates: Annotated[
        Literal["error", "merge"], Parameter(help="Sites in the same place: refused, or made one.")
    ] = "error",
    tol: Tolerance = TOL,
    json: Json = False,
) -> None:
    """Send a uniform density to sites by optimal transport. Writes cells, folds and a report."""


@_making
def sample_command(
    mesh: Mesh,
    /,
    *,
    count: Annotated[int, Parameter(name=["--count", "-n"], help="How many points.", validator=Number(gte=1))],
    out: Annotated[Path, Parameter(name=["--out", "-o"], help="File for the points: PLY, XYZ, NPY, CSV or OBJ.")],
    method: Annotated[
        Literal["sobol", "r2", "fibonacci", "stratified", "blue", "random"],
        Parameter(help="How the points are spread."),
    ] = "sobol",
    density: Annotated[
        Path | None,
        Parameter(help="Points per area, up to a factor: a number a face or vertex (NPY, CSV, text), or a picture."),
    ] = None,
    density_uv: Annotated[
        Path | None, Parameter(help="Where the picture lies: u, v of each vertex, (0, 0) its lower left corner.")
    ] = None,
    attribute: Annotated[
        tuple[Path, ...],
        Parameter(negative="", help="Values of each vertex to interpolate, named as their file (NPY, CSV, text)."),
    ] = (),
    uv: Annotated[bool, Parameter(negative="", help="Write the image in the disk or on the sphere, too.")] = False,
    to: To = "disk",
    seed: Annotated[int, Parameter(help="Seed of the random numbers.")] = 0,
    tol: Tolerance = TOL,
    tol_area: AreaTolerance = TOL_AREA,
    join: Join = None,
    json: Json = False,
) -> None:
    """Spread points over a surface by area or a density: evenly, through its area-preserving map, or at random."""


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


BATCHED = {"area": area_command, "conformal": conformal_command, "volume": volume_command, "sample": sample_command}
"""The commands that can be run on many meshes."""
