"""What samples of a surface leave behind: their figures and their file."""

from pathlib import Path
from typing import Any

from meshot.app.files.run import Run
from meshot.formats.write.points import write_points
from meshot.sampling.samples import Samples


def sample_metrics(run: Run[Samples]) -> dict[str, Any]:
    """Return what is told of samples."""
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
