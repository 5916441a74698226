"""Files of singular sets, read back by PyVista."""

import numpy as np
import pytest
from tears import cut_along_chord, spiral

from meshot.app.files.singular import write_folds
from meshot.formats.write.ply import write_ply
from meshot.singular.detect import singular_set
from meshot.transport.solve import solve_transport


def read_edges(path):
    """Read the vertices and edges of a binary PLY by its own header."""
    head, body = path.read_bytes().split(b"end_header\n")
    lines = head.decode().splitlines()
    tables, kinds = {}, {"double": "<f8", "int": "<i4"}
    for line in lines[2:]:
        word, *rest = line.split()
        if word == "element":
            name, tables[rest[0]] = rest[0], (int(rest[1]), [])
        else:
            tables[name][1].append((rest[1], kinds[rest[0]]))
    found = {}
    for name, (rows, fields) in tables.items():
        found[name] = np.frombuffer(body, fields, rows)
        body = body[found[name].nbytes :]
    assert body == b""
    return found


def test_curves_are_polylines_with_their_numbers(tmp_path):
    folds = singular_set(solve_transport(cut_along_chord(spiral(500))))
    write_folds(tmp_path / "folds.ply", folds)
    found = read_edges(tmp_path / "folds.ply")
    points = np.column_stack([found["vertex"][axis] for axis in "xyz"])
    assert (points[:, :2] == folds.points).all()
    assert (points[:, 2] == 0).all()
    edges = found["edge"]
    lengths = np.linalg.norm(points[edges["vertex1"]] - points[edges["vertex2"]], axis=1)
    assert lengths == pytest.approx(folds.measures)
    assert (edges["jump"] == folds.jump).all()
    assert np.column_stack([edges["site_i"], edges["site_j"]]).tolist() == folds.pairs.tolist()
    assert set(edges["sheet"]) == {0}


def test_numbers_of_edges_must_fit(tmp_path):
    with pytest.raises(ValueError, match="each edge"):
        write_ply(tmp_path / "x.ply", np.zeros((2, 3)), [[0, 1]], {"jump": [1.0, 2.0]})
