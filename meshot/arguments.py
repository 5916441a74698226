"""Arguments that several commands take, as the command line reads and explains them."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from meshot.settings import require_positive

Out = Annotated[Path, Parameter(name=["--out", "-o"], help="Folder for the results; other files in it stay.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print the figures as JSON.")]
Positive = Parameter(validator=lambda _, value: require_positive("A tolerance", value))
Tolerance = Annotated[float, Positive, Parameter(help="Largest relative error of a cell of the transport.")]
Up = Annotated[Literal["x", "y", "z"], Parameter(help="Axis that points upward in the report's pictures.")]
