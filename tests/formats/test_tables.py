import numpy as np
import pytest

from meshot.base.errors import MeshReadError
from meshot.formats.tables import read_corners, read_masses, read_sites, read_table

ROWS = np.array([[0.1, -2.0], [1e-17, 3.0], [1 / 3, 4e100]])


@pytest.mark.parametrize(
    "text",
    [
        "0.1 -2\n1e-17 3\n{third} 4e100\n",
        "0.1,-2\n1e-17,3\n{third},4e100",
        "x,y\n0.1, -2\n\n1e-17, 3\n{third}, 4e100\n",
        "# x y\n0.1\t-2 # the first\r\n1e-17\t3\r\n{third}\t4e100\r\n",
        "x;y\n0.1;-2\n1e-17;3\n{third};4e100\n",
    ],
)
def test_text_in_all_its_kinds(tmp_path, text):
    path = tmp_path / "sites.csv"
    path.write_text(text.format(third=repr(1 / 3)))
    assert read_table(path).tolist() == ROWS.tolist()
    corners = read_corners(path).tolist()
    assert corners in (ROWS.tolist(), ROWS[::-1].tolist())


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("closed", [False, True])
def test_a_polygon_is_meant_whichever_way_round_it_goes(tmp_path, turned, closed):
    square = np.array([[1.0, 1], [2, 1], [2, 2], [1, 2]])
    given = square[::-1] if turned else square
    np.savetxt(tmp_path / "polygon.csv", [*given, *given[: int(closed)]])
    corners = read_corners(tmp_path / "polygon.csv")
    assert corners.tolist() == square.tolist()


def test_a_byte_order_mark_hides_no_row(tmp_path):
    path = tmp_path / "sites.csv"
    path.write_text("0.1,-2\n1e-17,3\n", encoding="utf-8-sig")
    assert read_table(path).tolist() == ROWS[:2].tolist()
    path.write_text("0.1,-2\n1e-17,3\n", encoding="utf-16")
    with pytest.raises(MeshReadError, match="UTF-16"):
        read_table(path)


def test_npy(tmp_path):
    np.save(tmp_path / "a.npy", ROWS)
    np.save(tmp_path / "b.npy", np.array([1, 2, 3]))
    assert read_sites(tmp_path / "a.npy").sites.tolist() == ROWS.tolist()
    assert read_sites(tmp_path / "a.npy").masses is None
    assert read_masses(tmp_path / "b.npy").tolist() == [1.0, 2.0, 3.0]


def test_a_third_column_is_the_mass(tmp_path):
    path = tmp_path / "sites.xyz"
    path.write_text("0 1 2\n3 4 5\n")
    file = read_sites(path)
    assert file.sites.tolist() == [[0, 1], [3, 4]]
    assert file.masses.tolist() == [2, 5]
    assert len(file.sha256) == 64


@pytest.mark.parametrize(
    ("name", "data", "cause"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b" \n", "empty"),
        ("a.csv", b"x,y\n", "no rows"),
        ("a.csv", b"1,2\n3,four\n", "no table of numbers"),
        ("a.csv", b"1,2\n3\n", "no table of numbers"),
        ("a.csv", b"\xff\xfe\x00\x01", "no table of numbers"),
        ("a.npy", b"1,2\n", "no table of numbers"),
        ("a.csv", b"1\n2\n", "1 columns"),
        ("a.csv", b"1 2 3 4\n", "4 columns"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, name, data, cause):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(MeshReadError, match=cause) as caught:
        read_sites(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pickled_objects_are_not_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[{}, 1]], dtype=object), allow_pickle=True)
    with pytest.raises(MeshReadError, match="no table of numbers"):
        read_table(tmp_path / "a.npy")


def test_the_wrong_number_of_columns(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("1 2 3\n")
    with pytest.raises(MeshReadError, match="masses take one"):
        read_masses(path)
    with pytest.raises(MeshReadError, match="corners have two"):
        read_corners(path)
    with pytest.raises(MeshReadError, match="does not exist"):
        read_table(tmp_path / "b.csv")
    with pytest.raises(MeshReadError, match="folder"):
        read_table(tmp_path)
