import errno
import json

import files
import pytest
import shapes

from meshot.app.batch import work
from meshot.app.batch.job import Order, Record
from meshot.app.batch.work import Needs, job_bytes, run_mesh
from meshot.base.errors import ConvergenceError, MeshotError, NotEnoughMemoryError
from meshot.meshes.surface import Surface

pytestmark = pytest.mark.usefixtures("small_pictures")

PLENTY = 1e15


@pytest.fixture
def order(tmp_path):
    """Make an order for a mesh, or for the bytes of a file."""

    def make(mesh, command="conformal", name="scan", result="report.html", **options):
        file = tmp_path / f"{name}.obj"
        file.write_bytes(mesh if isinstance(mesh, bytes) else files.obj(mesh.vertices.tolist(), mesh.faces.tolist()))
        return Order(name, file, tmp_path / "out", command, options, result=result)

    return make


def test_a_mesh_leaves_what_the_command_by_itself_leaves(order, capfd):
    asked = order(shapes.cap(6), normalize="none")
    record = run_mesh(asked, PLENTY)
    assert (record.status, record.code, record.cause) == ("done", 0, "")
    told = json.loads((asked.folder / "metrics.json").read_text())
    assert told["options"]["normalize"] == "none"
    assert told["command"].startswith(f"meshot conformal {asked.mesh} --out={asked.folder} --normalize=none")
    assert record.figures == {
        "faces": told["faces"],
        "flipped": 0,
        "area_ratio_sd": told["area"]["ratio_sd"],
        "angle_mean": told["angle"]["mean_abs_degrees"],
    }
    assert record.sha256 == told["input"]["sha256"]
    assert record.seconds > 0
    assert record.peak > 50 * 2**20
    assert asked.thumbnail.read_bytes()[8:12] == b"WEBP"
    log = asked.log.read_text()
    for words in ("meshot conformal", "conformal map", "report", "done"):
        assert words in log
    assert capfd.readouterr() == ("", "")  # nothing for a terminal
    assert {path.name for path in asked.folder.parent.iterdir()} == {"scan"}


def test_samples(order):
    asked = order(shapes.cap(6), "sample", result="points.csv", count=20, method="random")
    record = run_mesh(asked, PLENTY)
    assert record.figures == {"points": 20}
    assert len((asked.folder / "points.csv").read_text().splitlines()) >= 20


@pytest.mark.parametrize(
    ("mesh", "status", "cause"),
    [
        (b"v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "cannot read", "NaN"),
        (b"", "cannot read", "empty"),
        (shapes.torus(), "refused", "genus"),
        (Surface([[0, 0, 0], [1, 0, 0], [2, 0, 0], [1, 1, 0]], [[0, 1, 2], [0, 2, 3]]), "refused", "area"),
        (Surface([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 1, 2]]), "refused", "area"),
    ],
)
def test_a_mesh_that_cannot_be_mapped_is_a_row_with_its_cause(order, mesh, status, cause):
    asked = order(mesh)
    record = run_mesh(asked, PLENTY)
    assert (record.status, record.code, record.figures) == (status, 2, {})
    assert cause in record.cause
    assert record.sha256
    assert record.cause in asked.log.read_text()
    assert "Traceback" not in asked.log.read_text()
    assert not asked.folder.exists()


def test_a_file_that_is_not_there(order):
    asked = order(b"")
    asked.mesh.unlink()
    record = run_mesh(asked, PLENTY)
    assert (record.status, record.sha256) == ("cannot read", "")
    assert record.cause.endswith("scan.obj does not exist")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "map.obj"), "no access", 4),
        (ConvergenceError("stopped at 0.1"), "not converged", 3),
        (NotEnoughMemoryError("takes 2 GiB", needed=2, available=1), "out of memory", 2),
        (MemoryError(), "out of memory", 2),
        (RuntimeError("a defect"), "failed", 1),
    ],
)
def test_how_errors_are_told(order, monkeypatch, error, status, code):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(work, "make", fail)
    asked = order(shapes.cap(2))
    record = run_mesh(asked, PLENTY)
    assert (record.status, record.code) == (status, code)
    assert record.cause
    foreseen = isinstance(error, MeshotError | OSError)
    assert ("Traceback" in asked.log.read_text()) != foreseen


def test_a_mesh_comes_back_with_its_need_if_it_was_granted_less(order):
    asked = order(shapes.cap(6))
    needed = job_bytes("conformal", shapes.cap(6), {})
    assert run_mesh(asked, needed - 1) == Needs(needed)
    assert not asked.folder.exists()
    assert isinstance(run_mesh(asked, needed), Record)


def test_a_file_is_not_read_if_that_alone_takes_too_much(order, monkeypatch):
    monkeypatch.setattr(work, "reading_bytes", lambda size: 7.0 * size)
    asked = order(b"x" * 100)
    assert run_mesh(asked, 699.0) == Needs(700.0)
    assert run_mesh(asked, 700.0).status == "cannot read"
