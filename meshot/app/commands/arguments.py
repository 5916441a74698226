"""Arguments that several commands take, as the command line reads and explains them."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from meshot.base.settings import TargetName, require_positive

Mesh = Annotated[Path, Parameter(help="Surface: OBJ, PLY, STL or OFF; closed, or with one boundary loop.")]
MeshOrSolid = Annotated[
    Path, Parameter(help="Surface: OBJ, PLY, STL or OFF; or solid of tetrahedra: VTU, VTK, MSH or MESH.")
]
Out = Annotated[Path, Parameter(name=["--out", "-o"], help="Folder for the results; other files in it stay.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print the figures as JSON.")]
Positive = Parameter(validator=lambda _, value: require_positive("A tolerance", value))
Tolerance = Annotated[float, Positive, Parameter(help="Largest relative error of a cell of the transport.")]
AreaTolerance = Annotated[
    float, Positive, Parameter(help="Standard deviation of the faces' area ratios to refine the map to.")
]
To = Annotated[TargetName, Parameter(help="Where to map the surface; to the sphere, if it is closed.")]
Up = Annotated[Literal["x", "y", "z"], Parameter(help="Axis that points upward in the report's pictures.")]
