import json

import numpy as np
import pytest

from meshot.base import files


def test_json_is_exact_and_free_of_nan(tmp_path):
    data = {"a": np.float64(0.1) * 3, "b": [np.nan, np.inf, np.int64(3)], "c": np.arange(2.0), "d": None, 5: tmp_path}
    files.write_json(tmp_path / "m.json", data)

    def fail(name):
        raise AssertionError(name)

    found = json.loads((tmp_path / "m.json").read_text(), parse_constant=fail)
    assert found == {"a": 0.1 * 3, "b": [None, None, 3], "c": [0.0, 1.0], "d": None, "5": str(tmp_path)}


def test_npz_is_reproducible_and_holds_no_objects(tmp_path):
    for name in ("a", "b"):
        files.write_npz(tmp_path / f"{name}.npz", uv=np.eye(2), faces=[[0, 1, 2]])
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert np.load(tmp_path / "a.npz", allow_pickle=False)["faces"].tolist() == [[0, 1, 2]]
    with pytest.raises(ValueError, match="Python objects"):
        files.write_npz(tmp_path / "c.npz", bad=np.array([None]))


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "m.json"
    files.write_json(path, 1)

    def interrupted():
        with files.replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(TypeError):
        files.write_json(path, object())
    assert [p.name for p in tmp_path.iterdir()] == ["m.json"]
    assert path.read_text() == "1\n"


def test_write_errors_name_the_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none/m\.json"):
        files.write_text(tmp_path / "none" / "m.json", "x")
    with pytest.raises(IsADirectoryError):
        files.write_text(tmp_path, "x")


def test_writing_follows_links_and_keeps_usual_permissions(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    files.write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"
    (tmp_path / "plain.txt").write_text("x")
    assert (tmp_path / "real.txt").stat().st_mode == (tmp_path / "plain.txt").stat().st_mode
