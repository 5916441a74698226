"""The command ``meshot sample``."""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from meshot.app.commands.arguments import AreaTolerance, Json, Mesh, To, Tolerance
from meshot.app.commands.job import show, start_job
from meshot.base.errors import OptionError
from meshot.base.settings import TOL, TOL_AREA


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
    json: Json = False,
) -> int:
    """Spread points over a surface by area or a density: evenly, through its area-preserving map, or at random."""
    from meshot.app.files.folder import check_folder
    from meshot.area import area_preserving_map
    from meshot.formats.registry import read_surface
    from meshot.formats.tables import read_table
    from meshot.formats.write.points import check_points_suffix, write_points
    from meshot.sampling.sample import WITHOUT_MAP, sample

    check_points_suffix(out, attributes=uv or bool(attribute))
    check_folder(out.parent)
    if uv and method in WITHOUT_MAP:
        raise OptionError(f"--uv is for methods that go through a map, not for {method}")
    with start_job() as job:
        with job.stages("read"):
            surface = read_surface(mesh)
            weights, values = _density(density, density_uv), {file.stem: read_table(file) for file in attribute}
        mapped: Any = surface
        if method not in WITHOUT_MAP:
            mapped = area_preserving_map(surface, to=to, tol=tol, tol_area=tol_area, progress=job.clock)
        with job.stages("sample"):
            samples = sample(
                mapped, count, method=method, density=weights, attributes=values, rng=seed, progress=job.clock
            )
        with job.stages("write"):
            out.parent.mkdir(parents=True, exist_ok=True)
            columns = {**({"uv": samples.uv} if uv else {}), **samples.attributes}
            write_points(out, samples.points, samples.normals, columns)
    figures = {"points": len(samples.points), "method": method, "seed": seed, "seconds": job.seconds()}
    show(figures if json else None, f"{len(samples.points):,} points written to {out}")
    return job.exit_code()


def _density(file: Path | None, uv: Path | None) -> Any:
    """Read a density: numbers, or a picture and its texture coordinates."""
    from meshot.formats.tables import PICTURES, read_masses, read_picture, read_table
    from meshot.sampling.weights import Texture

    picture = file is not None and file.suffix.lower() in PICTURES
    if picture != (uv is not None):
        raise OptionError("--density with a picture and --density-uv go together")
    if file is None or uv is None:
        return None if file is None else read_masses(file, "a density")
    return Texture(read_picture(file), read_table(uv))
