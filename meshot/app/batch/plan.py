"""Which meshes a batch has, and what each of them is called."""

import glob
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from meshot.base.errors import OptionError


def find_meshes(paths: Sequence[Path], usual: Iterable[str], readable: Iterable[str], out: Path) -> list[Path]:
    """Return the meshes that are meant by files, folders and patterns, each once, in their order.

    Parameters
    ----------
    paths : sequence of path
        A file is taken as it is, even if it is not there: then it fails by itself. Of a folder, the files with a
        mesh's usual suffix are taken, but not those of its subfolders. In a pattern, ``**`` stands for any folders.
    usual, readable : iterable of str
        Suffixes, in small letters, that are taken of a folder, and of a pattern.
    out : path
        Nothing inside this folder is taken.

    Returns
    -------
    list of Path
        Absolute.

    Raises
    ------
    OptionError
        A folder or a pattern holds no mesh.
    """
    found: dict[Path, None] = {}
    for path in paths:
        known = set(usual if path.is_dir() else readable)
        many = _matches(path, known)
        if many is not None and not many:
            kinds = ", ".join(sorted(known))
            raise OptionError(f"{path} holds no mesh: files that end in {kinds} are looked for")
        found |= {place.resolve(): None for place in ([path] if many is None else many)}
    inside = out.resolve()
    return [place for place in found if inside not in place.parents]


def _matches(path: Path, suffixes: set[str]) -> list[Path] | None:
    """Return the meshes of a folder or a pattern; None for a file."""
    if path.is_dir():
        files: Iterable[Path] = path.iterdir()
    elif not path.exists() and glob.has_magic(str(path)):
        files = map(Path, glob.glob(str(path), recursive=True))
    else:
        return None
    return sorted(file for file in files if file.suffix.lower() in suffixes and file.is_file())


def name_meshes(meshes: Iterable[Path], known: Mapping[str, str]) -> dict[str, Path]:
    """Give every mesh a name of its own: that of its file, without suffix, and a number where it is taken.

    Parameters
    ----------
    meshes : iterable of Path
    known : mapping
        Names given before, with the meshes that they belong to: those stay.

    Returns
    -------
    dict
        The meshes by name. Names that differ by capitals alone count as the same, as some file systems hold them so.

    Examples
    --------
    >>> name_meshes([Path("/a/x.obj"), Path("/b/x.obj"), Path("/c/X.ply")], {"x": "/b/x.obj"})
    {'x-2': PosixPath('/a/x.obj'), 'x': PosixPath('/b/x.obj'), 'X-3': PosixPath('/c/X.ply')}
    """
    own = {mesh: name for name, mesh in known.items()}
    taken = {name.casefold() for name in known}
    named = {}
    for mesh in meshes:
        name, count = own.get(str(mesh), mesh.stem), 1
        while str(mesh) not in own and name.casefold() in taken:
            count += 1
            name = f"{mesh.stem}-{count}"
        taken.add(name.casefold())
        named[name] = mesh
    return named


def sha256_or_nothing(file: Path) -> str:
    """Return the hash of a file's bytes, in hexadecimal; nothing if it cannot be read."""
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return ""
