"""The command that reads a finished map back and proves what it claims: ``meshot verify``."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from meshot.app.commands.arguments import Json
from meshot.app.job import ended, start_job

Result = Annotated[Path, Parameter(help="Folder that ``meshot area``, ``conformal`` or ``volume`` wrote.")]


def verify_command(result: Result, /, *, json: Json = False) -> int:
    """Prove from its files that a finished map is bijective, and how large the error of any face is.

    In exact arithmetic: no face or tetrahedron is flipped and the boundary is simple, hence the map is bijective. Exit
    code 3 if it is not, or 2 if a file is missing or has changed after the run, or files contradict each other.
    """
    from meshot.app.files.verifying import verify_folder
    from meshot.base.files import to_json

    with start_job(result, hold=False) as job:
        with job.stages("verify"):
            found = verify_folder(result)
        figures = {**found.to_dict(), "seconds": job.seconds()}
    sys.stdout.write((to_json(figures) if json else found.words()) + "\n")
    return ended([f"{result} holds no bijective map: {obstacle}" for obstacle in found.obstacles])
