"""Arguments that several commands take, as the command line reads and explains them."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from meshot.base.settings import TargetName, require_positive

Mesh = Annotated[
    Path, Parameter(help="Surface: OBJ, PLY, STL, OFF, VTP, VTK, VTU, MSH or MESH; closed, or with one boundary loop.")
]
MeshOrSolid = Annotated[
    Path, Parameter(help="Surface: OBJ, PLY, STL, OFF, VTP; or solid of tetrahedra; either: VTK, VTU, MSH, MESH.")
]
Join = Annotated[
    float | None,
    Parameter(
        help="Join vertices of a surface's boundary within this distance of one another, in its unit; 0: equal ones."
    ),
]
Triangles = Annotated[
    bool, Parameter(negative="", help="Write triangles to map.obj where the file has quads or polygons.")
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
