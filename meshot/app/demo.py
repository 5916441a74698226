"""The demo meshes that come with meshot, made by ``data/make.py``."""

from pathlib import Path

from meshot.base.errors import MeshReadError

DEFAULT = "face"


def demo_meshes() -> dict[str, Path]:
    """Return the name and path of each demo mesh, by name.

    They lie in ``data/`` of a source checkout, and in ``meshot/data`` of an installation.

    Examples
    --------
    >>> list(demo_meshes())
    ['brain', 'cap', 'dumbbell', 'face', 'hare']
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "data", package.parent / "data"):
        found = {path.stem: path for path in sorted(folder.glob("*")) if path.suffix in {".obj", ".ply"}}
        if DEFAULT in found:
            return found
    return {}


def demo_mesh(name: str = DEFAULT) -> Path:
    """Return the path of one demo mesh.

    Raises
    ------
    MeshReadError
        There is no such demo mesh; the message lists those there are.

    Examples
    --------
    >>> demo_mesh("hare").name
    'hare.ply'
    """
    meshes = demo_meshes()
    if name not in meshes:
        raise MeshReadError(f"no demo mesh {name!r}; there are {', '.join(meshes) or 'none in this installation'}")
    return meshes[name]
