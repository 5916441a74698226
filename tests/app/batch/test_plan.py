import hashlib
from pathlib import Path

import pytest

from meshot.app.batch.plan import find_meshes, name_meshes, sha256_or_nothing
from meshot.base.errors import OptionError

SURFACES = (".obj", ".ply")


@pytest.fixture
def place(tmp_path):
    """Two folders of meshes, with other things beside them."""
    for name in ("a/x.obj", "a/y.PLY", "a/notes.txt", "a/deep/z.obj", "b/x.obj", "out/meshes/x/map.obj"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    (tmp_path / "a" / "folder.obj").mkdir()
    return tmp_path.resolve()


def found(place, *paths):
    return [str(mesh.relative_to(place)) for mesh in find_meshes(paths, SURFACES, (*SURFACES, ".txt"), place / "out")]


def test_a_folder_gives_its_own_meshes_in_order(place):
    assert found(place, place / "a") == ["a/x.obj", "a/y.PLY"]


def test_patterns_reach_into_folders_but_not_into_the_results(place):
    assert found(place, place / "**" / "*.obj") == ["a/deep/z.obj", "a/x.obj", "b/x.obj"]


def test_a_pattern_takes_what_a_folder_would_not(place):
    assert found(place, place / "a" / "*.txt", place / "a") == ["a/notes.txt", "a/x.obj", "a/y.PLY"]


def test_a_mesh_named_twice_is_run_once(place):
    (place / "link.obj").symlink_to(place / "b" / "x.obj")
    assert found(place, place / "b" / "x.obj", place / "a" / ".." / "b", place / "link.obj") == ["b/x.obj"]


def test_a_file_is_taken_as_it_is(place, monkeypatch):
    monkeypatch.chdir(place)
    assert found(place, Path("missing.obj"), Path("a/notes.txt")) == ["missing.obj", "a/notes.txt"]
    (place / "odd[1].obj").write_text("")
    assert found(place, Path("odd[1].obj")) == ["odd[1].obj"]


@pytest.mark.parametrize("path", ["empty", "*.obj"])
def test_where_nothing_is_found_that_is_said(place, path):
    (place / "empty").mkdir()
    with pytest.raises(OptionError, match=r"holds no mesh: files that end in \.obj, \.ply"):
        find_meshes([place / path], SURFACES, SURFACES, place / "out")


def test_the_same_names_in_the_second_run_with_more_meshes():
    first = name_meshes(map(Path, ["/b/x.obj", "/c/x.obj"]), {})
    assert first == {"x": Path("/b/x.obj"), "x-2": Path("/c/x.obj")}
    known = {name: str(mesh) for name, mesh in first.items()}
    second = name_meshes(map(Path, ["/a/x.obj", "/a/x-2.obj", "/b/x.obj", "/c/x.obj"]), known)
    assert second == {**first, "x-3": Path("/a/x.obj"), "x-2-2": Path("/a/x-2.obj")}


def test_the_hash_is_that_of_the_bytes(place):
    assert sha256_or_nothing(place / "b" / "x.obj") == hashlib.sha256(b"b/x.obj").hexdigest()
    assert sha256_or_nothing(place / "missing") == ""
