import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import files
import numpy as np
import pytest
import shapes
import solidfiles
from outcomes import Recorder, assert_one_sentence
from PIL import Image

import meshot
from meshot.app import cli, job, products
from meshot.base.errors import ConvergenceError, ConvergenceWarning, GeometryError
from meshot.meshes.surface import Surface

pytestmark = pytest.mark.usefixtures("small_pictures")

QUAD = b"v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"

UNREADABLE = {
    "empty": ("mesh.obj", b"", "empty"),
    "blank": ("mesh.obj", b" \n\n", "empty"),
    "no mesh": ("mesh.ply", b"\x89PNG\r\n\x1a\n", "PLY"),
    "unknown suffix": ("mesh.docx", b"hello", "docx"),
    "nan": ("mesh.obj", QUAD + b"v nan 0 0\nf 1 2 5\n", "NaN or infinite coordinates (ids 4)"),
    "infinite": ("mesh.obj", QUAD + b"v 0 inf 0\nf 1 2 5\n", "NaN or infinite coordinates (ids 4)"),
    "index out of range": ("mesh.obj", QUAD + b"f 1 2 3\nf 1 2 9\n", "ids 1"),
    "no faces": ("mesh.obj", QUAD, "no faces"),
    "truncated": ("mesh.ply", files.ply_little(shapes.grid(2, 2).vertices, shapes.grid(2, 2).faces)[:-5], "mesh.ply"),
}

UNMAPPABLE = {
    "several components": (shapes.join(shapes.disk(2), shapes.disk(2)), "components"),
    "genus": (shapes.torus(), "genus"),
    "genus and a hole": (shapes.holed_torus(), "genus"),
    "several boundary loops": (shapes.annulus(), "boundary"),
    "non-manifold edge": (shapes.book(), "edge"),
    "non-manifold vertex": (shapes.bowtie(), "vert"),
    "non-orientable": (shapes.moebius(), "orient"),
    "inconsistent orientation": (
        Surface([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 3, 2]]),
        "orient",
    ),
    "zero area": (
        Surface([[0, 0, 0], [1, 0, 0], [2, 0, 0], [1, 1, 0]], [[0, 1, 2], [0, 2, 3]]),
        "area",
    ),
    "duplicate face": (
        Surface([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3], [0, 1, 2]]),
        "duplicate|same|twice|repeat|cop",
    ),
}


@pytest.fixture
def dome(tmp_path):
    """Path of a small mesh that can be mapped."""
    return str(files.write_obj(tmp_path / "dome.obj", shapes.cap(6)))


# ---------------------------------------------------------------------------------------------------------------------
# bad input: exit code 2, one sentence with the cause, nothing written


@pytest.mark.parametrize("command", ["area", "conformal", "check", "sample"])
@pytest.mark.parametrize("kind", UNREADABLE)
def test_unreadable_input(tmp_path, run, command, kind):
    name, data, cause = UNREADABLE[kind]
    (tmp_path / name).write_bytes(data)
    where = {"check": [], "sample": ["-n", "10", "-o", tmp_path / "out.ply"]}.get(command, ["-o", tmp_path / "out"])
    code, out, err = run(command, tmp_path / name, *where)
    assert code == 2
    assert out == ""
    assert_one_sentence(err)
    assert cause in err
    assert name in err
    assert {path.name for path in tmp_path.iterdir()} == {name}


@pytest.mark.parametrize("command", ["area", "conformal"])
@pytest.mark.parametrize("kind", UNMAPPABLE)
def test_unmappable_input(tmp_path, run, command, kind):
    surface, cause = UNMAPPABLE[kind]
    code, out, err = run(command, files.write_obj(tmp_path / "mesh.obj", surface), "-o", tmp_path / "out")
    assert code == 2
    assert out == ""
    assert_one_sentence(err)
    assert re.search(cause, err)
    assert {path.name for path in tmp_path.iterdir()} == {"mesh.obj"}


@pytest.mark.parametrize("kind", UNMAPPABLE)
def test_check_says_what_is_wrong(tmp_path, run, kind):
    surface, cause = UNMAPPABLE[kind]
    code, out, err = run("check", files.write_obj(tmp_path / "mesh.obj", surface))
    assert code == 2
    assert err == ""
    assert re.search(cause, "".join(line for line in out.splitlines() if line.startswith("problem:")))


def test_missing_file(tmp_path, run):
    code, out, err = run("area", tmp_path / "nothing.obj", "-o", tmp_path / "out")
    assert (code, out) == (2, "")
    assert_one_sentence(err)
    assert "nothing.obj does not exist" in err
    assert list(tmp_path.iterdir()) == []


def test_real_broken_mesh_is_refused(tmp_path, run):
    pytest.importorskip("pymeshfix")
    from importlib.resources import files as resources

    bunny = next(path for path in resources("pymeshfix").rglob("StanfordBunny.ply"))
    code, _, err = run("area", bunny, "-o", tmp_path / "out")
    assert code == 2
    assert_one_sentence(err)
    assert not (tmp_path / "out").exists()


def test_no_traceback_from_a_process_of_its_own(tmp_path):
    command = [sys.executable, "-m", "meshot", "area", str(tmp_path / "nothing.obj"), "-o", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert_one_sentence(done.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        ["teapot"],
        ["area"],
        ["area", "MESH"],
        ["area", "MESH", "-o", "OUT", "--tol", "small"],
        ["area", "MESH", "-o", "OUT", "--tol", "-1"],
        ["area", "MESH", "-o", "OUT", "--to", "torus"],
        ["area", "MESH", "-o", "OUT", "--up", "w"],
        ["area", "MESH", "-o", "OUT", "--teapot"],
        ["area", "MESH", "more", "-o", "OUT"],
        ["conformal", "MESH", "-o", "OUT", "--normalize", "centre"],
        ["conformal", "MESH", "-o", "OUT", "--through", "1,two"],
        ["conformal", "MESH", "-o", "OUT", "--through", "1,-2"],
        ["conformal", "MESH", "-o", "OUT", "--through", ""],
        ["sample", "MESH", "-n", "0", "-o", "OUT.ply"],
        ["sample", "MESH", "-n", "10", "-o", "OUT.ply", "--method", "dice"],
        ["sample", "MESH", "-n", "10", "-o", "OUT.docx"],
        ["demo", "teapot", "-o", "OUT"],
    ],
)
def test_usage_errors(tmp_path, run, dome, arguments, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*[{"MESH": dome}.get(a, a) for a in arguments])
    assert (code, out) == (2, "")
    assert_one_sentence(err)
    assert {path.name for path in tmp_path.iterdir()} == {"dome.obj"}


# ---------------------------------------------------------------------------------------------------------------------
# other ends


def test_not_converged_with_nothing_to_show(tmp_path, run, dome, monkeypatch):
    def fail(*_, **__):
        raise ConvergenceError("the transport reached 1e-3 and got no further")

    monkeypatch.setattr(products, "area_preserving_map", fail)
    code, _, err = run("area", dome, "-o", tmp_path / "out")
    assert code == 3
    assert err == "meshot: the transport reached 1e-3 and got no further.\n"
    assert not (tmp_path / "out").exists()


def test_not_converged_yet_written(tmp_path, run, dome, monkeypatch):
    whole = products.area_preserving_map

    def early(*arguments, **options):
        warnings.warn("the transport stopped at an error of 1e-3", ConvergenceWarning, stacklevel=2)
        return whole(*arguments, **options)

    monkeypatch.setattr(products, "area_preserving_map", early)
    code, _, err = run("area", dome, "-o", tmp_path / "out")
    assert code == 3
    assert err == "meshot: the transport stopped at an error of 1e-3.\n"
    assert (tmp_path / "out" / "metrics.json").exists()


@pytest.mark.parametrize("command", ["area", "conformal"])
def test_a_place_that_is_no_folder(tmp_path, run, dome, command):
    code, out, err = run(command, dome, "-o", dome)
    assert (code, out) == (4, "")
    assert_one_sentence(err)
    assert "dome.obj" in err


def test_a_full_disk(tmp_path, run, dome, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "map.npz")

    monkeypatch.setattr("meshot.app.files.surface.write_npz", full)
    code, _, err = run("conformal", dome, "-o", tmp_path / "out")
    assert code == 4
    assert err == "meshot: cannot read or write map.npz: No space left on device.\n"
    assert {path.name for path in tmp_path.iterdir()} == {"dome.obj"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupts(tmp_path, run, dome, monkeypatch, number):
    monkeypatch.setattr("meshot.app.product.write_json", lambda *_: os.kill(os.getpid(), number))
    code, _, err = run("conformal", dome, "-o", tmp_path / "out")
    assert code == 130
    assert err == "meshot: interrupted; nothing was written, and what was there is as it was.\n"
    assert {path.name for path in tmp_path.iterdir()} == {"dome.obj"}
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_fault_of_the_program_is_not_hidden(tmp_path, dome, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("meshot.app.products.conformal_map", broken)
    with pytest.raises(ZeroDivisionError):
        cli.main(["conformal", dome, "-o", str(tmp_path / "out")])


# ---------------------------------------------------------------------------------------------------------------------
# success


@pytest.mark.parametrize("command", ["area", "conformal"])
def test_map_is_written_in_silence(tmp_path, run, dome, command):
    assert run(command, dome, "-o", tmp_path / "out") == (0, "", "")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"map.obj", "map.ply", "map.npz", "metrics.json", "report.html"}
    figures = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert figures["area"]["flipped"] == 0
    assert (figures["transport"] is None) == (command == "conformal")
    if command == "area":
        assert figures["transport"]["max_relative_error"] <= 1e-6
        assert figures["transport"]["certificate"] <= 1e-12
        assert figures["area"]["ratio_sd"] < figures["conformal"]["area"]["ratio_sd"]
    stages = figures["seconds"]
    assert {"read", "conformal map", "distortion", "report", "total"} <= stages.keys()
    assert sum(stages.values()) - stages["total"] <= stages["total"]


def test_json_is_what_the_file_says(tmp_path, run, dome):
    code, out, err = run("area", dome, "-o", tmp_path / "out", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads((tmp_path / "out" / "metrics.json").read_text())


def test_command_line_is_kept(tmp_path, run, dome):
    run("conformal", dome, "-o", tmp_path / "my out")
    figures = json.loads((tmp_path / "my out" / "metrics.json").read_text())
    assert figures["command"] == f"meshot conformal {dome} -o '{tmp_path / 'my out'}'"
    assert figures["options"] == {"map": "conformal", "to": "disk", "normalize": "area", "through": None, "join": None}


def test_closed_surface_is_cut_and_loose_vertices_stay(tmp_path, run):
    ball = shapes.bumpy_sphere(2)
    loose = Surface(np.concatenate([ball.vertices, [[0, 0, 0]]]), ball.faces)
    code, _, _ = run("conformal", files.write_obj(tmp_path / "ball.obj", loose), "-o", tmp_path / "out")
    assert code == 0
    figures = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert figures["vertices"] == len(loose.vertices)
    assert figures["input"]["unreferenced_vertices"] == 1
    cut = figures["map"]["cut"]
    assert figures["map"]["vertices"] == len(loose.vertices) + len(cut["path"]) - 2
    assert cut["first_added"] == len(loose.vertices)
    assert cut["sources_of_added"] == cut["path"][1:-1]
    steps = np.diff(loose.vertices[cut["path"]], axis=0)
    assert cut["length"] == pytest.approx(np.linalg.norm(steps, axis=1).sum(), rel=1e-12)
    with np.load(tmp_path / "out" / "map.npz") as arrays:
        np.testing.assert_array_equal(arrays["source_vertex"][: len(loose.vertices)], np.arange(len(loose.vertices)))
        assert np.isnan(arrays["uv"][len(loose.vertices) - 1]).all()


@pytest.fixture
def ball(tmp_path):
    """Path of a small closed mesh."""
    return str(files.write_obj(tmp_path / "ball.obj", shapes.bumpy_sphere(2)))


def test_areas_are_kept_on_the_sphere(tmp_path, run, ball):
    assert run("area", ball, "--to", "sphere", "--tol-area", "1e-3", "-o", tmp_path / "out") == (0, "", "")
    figures = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert figures["map"]["to"] == "sphere"
    assert figures["area"]["flipped"] == 0
    assert figures["area"]["ratio_sd"] <= 1e-3
    assert figures["transport"]["certificate"] <= 1e-12
    sphere = meshot.read_surface(tmp_path / "out" / "sphere.obj")
    np.testing.assert_allclose(np.linalg.norm(sphere.vertices, axis=1), 1, rtol=1e-12)


def test_a_closed_surface_goes_to_the_sphere(tmp_path, run, ball):
    assert run("conformal", ball, "--to", "sphere", "-o", tmp_path / "out") == (0, "", "")
    figures = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert figures["area"]["flipped"] == 0
    assert figures["map"] == {
        "to": "sphere",
        "start": None,
        "vertices": 162,
        "cut": None,
        "repaired_faces": 0,
        "cut_polygons": [],
    }
    sphere, points = (
        meshot.read_surface(tmp_path / "out" / "sphere.obj"),
        np.load(tmp_path / "out" / "map.npz")["points"],
    )
    np.testing.assert_array_equal(sphere.vertices, points)
    np.testing.assert_array_equal(sphere.faces, shapes.bumpy_sphere(2).faces)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("normalize", ["area", "distortion", "none"])
def test_ways_to_normalize(tmp_path, run, dome, normalize):
    assert run("conformal", dome, "-o", tmp_path / "out", "--normalize", normalize)[0] == 0
    expected = meshot.conformal_map(meshot.read_surface(dome), normalize=normalize).uv
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "map.npz")["uv"], expected)


def test_the_cut_passes_the_vertices_that_are_named(tmp_path, run, ball):
    assert run("conformal", ball, "-o", tmp_path / "out", "--through", "7,100, 30")[0] == 0
    figures = json.loads((tmp_path / "out" / "metrics.json").read_text())
    path = figures["map"]["cut"]["path"]
    assert [path[0], path[-1]] == [7, 30]
    assert 100 in path
    assert figures["options"]["through"] == [7, 100, 30]
    assert f"cut open along {len(path) - 1} edges from vertex 7 to 30" in (tmp_path / "out/report.html").read_text()


@pytest.mark.parametrize(
    ("mesh", "options", "cause"),
    [
        ("dome", ["--to", "sphere"], "boundary"),
        ("dome", ["--through", "1,2,3"], "boundary"),
        ("ball", ["--to", "sphere", "--through", "1,2,3"], "needs no cut"),
        ("ball", ["--to", "sphere", "--normalize", "none"], "'none'"),
        ("ball", ["--through", "1,9999"], "not on the surface (ids 9999)"),
        ("ball", ["--through", "5"], "at least two edges (ids 5)"),
        ("ball", ["--through", "1,5,1"], "twice (ids 1)"),
    ],
)
def test_options_that_do_not_fit_the_surface(tmp_path, run, request, mesh, options, cause):
    path = request.getfixturevalue(mesh)
    code, out, err = run("conformal", path, "-o", tmp_path / "out", *options)
    assert (code, out) == (2, "")
    assert_one_sentence(err)
    assert cause in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("method", ["sobol", "blue", "random"])
@pytest.mark.parametrize("suffix", ["ply", "csv", "npy", "xyz", "obj"])
def test_samples(tmp_path, run, dome, method, suffix):
    file = tmp_path / f"points.{suffix}"
    assert run("sample", dome, "-n", 37, "-o", file, "--method", method) == (0, "", "")
    first = file.read_bytes()
    run("sample", dome, "-n", 37, "-o", file, "--method", method)
    assert file.read_bytes() == first
    if suffix == "npy":
        points = np.load(file)[:, :3]
        assert points.shape == (37, 3)
        assert np.abs(np.linalg.norm(points, axis=1) - 1).max() < 0.05


def test_sample_figures(tmp_path, run, dome):
    code, out, _ = run("sample", dome, "-n", 5, "-o", tmp_path / "new" / "p.xyz", "--seed", 3, "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["points"], found["method"], found["seed"]) == (5, "sobol", 3)
    assert len((tmp_path / "new" / "p.xyz").read_text().splitlines()) == 5


def test_samples_with_density_and_attributes(tmp_path, run, dome):
    surface = meshot.read_surface(dome)
    density, height = tmp_path / "density.npy", tmp_path / "height.csv"
    np.save(density, (surface.vertices[:, 0] > 0).astype(float))
    np.savetxt(height, surface.vertices[:, 2])
    file = tmp_path / "points.npy"
    options = ["--density", density, "--attribute", height, "--uv", "--method", "stratified"]
    assert run("sample", dome, "-n", 50, "-o", file, *options)[0] == 0
    table = np.load(file)
    assert table.shape == (50, 3 + 3 + 2 + 1)
    np.testing.assert_allclose(table[:, 8], table[:, 2], atol=1e-12)
    assert table[:, 0].min() > -0.3


def test_samples_with_a_picture(tmp_path, run, dome):
    surface = meshot.read_surface(dome)
    Image.fromarray(np.tile(np.repeat(np.uint8([0, 255]), 16), (32, 1))).save(tmp_path / "map.png")
    np.save(tmp_path / "uv.npy", (surface.vertices[:, :2] + 1) / 2)
    options = ["--density", tmp_path / "map.png", "--density-uv", tmp_path / "uv.npy"]
    assert run("sample", dome, "-n", 50, "-o", tmp_path / "points.csv", *options)[0] == 0
    x = np.loadtxt(tmp_path / "points.csv", delimiter=",", skiprows=1)[:, 0]
    assert x.min() > -0.1


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        (["--density", "map.png"], "go together"),
        (["--density", "map.txt", "--density-uv", "uv.npy"], "go together"),
        (["--method", "random", "--uv"], "not for random"),
        (["--uv", "-o", "points.obj"], "no place for attributes"),
        (["--attribute", "nowhere.npy"], "nowhere.npy"),
    ],
)
def test_sample_options_that_do_not_go_together(tmp_path, run, dome, options, cause):
    code, _, err = run("sample", dome, "-n", 5, *([] if "-o" in options else ["-o", tmp_path / "p.ply"]), *options)
    assert code == 2
    assert_one_sentence(err)
    assert cause in err


@pytest.mark.parametrize("kind", ["vtu-raw", "msh-4-binary"])
def test_check_of_solids(run, tmp_path, kind):
    ball, torus = shapes.ball_solid(1), shapes.solid_torus()
    code, out, _ = run("check", str(solidfiles.write(tmp_path, kind, ball.vertices, solidfiles.of_solid(ball))))
    assert code == 0
    assert "160" in out
    assert "no problem: a map to the ball can be made" in out
    path = solidfiles.write(tmp_path, kind, torus.vertices, solidfiles.of_solid(torus))
    code, out, _ = run("check", str(path), "--json")
    assert code == 2
    assert json.loads(out)["problems"][0]["kind"] == "genus"
    assert json.loads(out)["reading"] == []


def test_check_of_a_good_mesh(run, dome):
    code, out, err = run("check", dome)
    assert (code, err) == (0, "")
    assert "genus" in out
    code, out, _ = run("check", dome, "--json")
    found = json.loads(out)
    assert found["ok"] is True
    assert found["boundary_loops"] == 1


def test_polygons_are_noted(tmp_path, run):
    (tmp_path / "quad.obj").write_bytes(QUAD + b"f 1 2 3 4\n")
    code, out, _ = run("check", tmp_path / "quad.obj")
    assert code == 0
    assert "note: 1 faces with more than 3 corners" in out
    run("conformal", tmp_path / "quad.obj", "-o", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["input"]["notes"][0].startswith("1 faces")
    assert "1 faces with more than 3 corners" in (tmp_path / "out" / "report.html").read_text()


def test_finished_runs_are_drawn_and_compared(tmp_path, run, dome):
    assert run("conformal", dome, "-o", tmp_path / "one")[0] == 0
    assert run("conformal", dome, "-o", tmp_path / "two", "--normalize", "distortion")[0] == 0
    code, out, err = run("figure", tmp_path / "one", "--format", "svg", "--json")
    assert (code, err) == (0, "")
    assert set(json.loads(out)["files"]) == {path.name for path in (tmp_path / "one" / "figures").iterdir()}
    code, out, _ = run("compare", tmp_path / "one", tmp_path / "two", "-o", tmp_path / "page.html")
    assert (code, out) == (0, "")
    assert "two" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["figure", "{}"], "metrics.json is missing"),
        (["compare", "{}", "{}", "-o", "{}/page.html"], "metrics.json is missing"),
        (["compare", "{}", "-o", "{}/page.html"], "two folders at least"),
    ],
)
def test_what_cannot_be_drawn_is_told(tmp_path, run, arguments, cause):
    code, _, err = run(*(argument.format(tmp_path) for argument in arguments))
    assert code == 2
    assert_one_sentence(err)
    assert cause in err
    assert list(tmp_path.iterdir()) == []


def test_demo_is_the_main_job_on_a_packaged_mesh(tmp_path, run, dome, monkeypatch):
    monkeypatch.setattr("meshot.app.demo.demo_mesh", lambda name="face": {"face": Path(dome)}[name])
    assert run("demo", "-o", tmp_path / "out") == (0, "", "")
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["transport"]["sites"] == 127


def test_help_and_version(run):
    code, out, _ = run("--version")
    assert (code, out.strip()) == (0, meshot.__version__)
    for command in ([], ["--help"], ["area", "--help"]):
        code, out, _ = run(*command)
        assert code == 0
        assert "Usage: meshot" in out


def test_exit_codes_are_documented(run):
    _, out, _ = run("--help")
    told = " ".join(out.split())
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    for code in (job.DONE, job.REFUSED, job.NOT_CONVERGED, job.NO_ACCESS, job.INTERRUPTED):
        assert f" {code} " in told
        assert f"| {code} | " in readme


# ---------------------------------------------------------------------------------------------------------------------
# progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def on_terminal(monkeypatch):
    """Run the command line on a terminal; exit code and what is seen of standard output and error."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments):
        streams = Terminal(), Terminal()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", streams[0])
            patch.setattr(sys, "stderr", streams[1])
            code = cli.main([str(argument) for argument in arguments])
        return code, *(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue()) for stream in streams)

    return call


def test_terminal_sees_every_stage_and_the_few_numbers(tmp_path, dome, on_terminal):
    code, out, err = on_terminal("area", dome, "-o", tmp_path / "out")
    assert code == 0
    for stage in ("read", "conformal map", "transport", "distortion", "report", "write"):
        assert re.search(rf"✓ {stage} +\d+\.\d\d s", err)
    for word in ("216 faces", "area ratios", "certificate", "report.html"):
        assert word in out


def test_failed_stage_is_crossed(tmp_path, dome, on_terminal, monkeypatch):
    def fail(*_, **__):
        raise GeometryError("no good")

    monkeypatch.setattr(products, "distortion", fail)
    code, _, err = on_terminal("conformal", dome, "-o", tmp_path / "out")
    assert code == 2
    assert "✗ distortion" in err
    assert err.rstrip().endswith("meshot: no good.")


def test_clock_counts_inner_stages_once():
    recorder = Recorder()
    clock = job.Clock(recorder)
    clock.begin("outer")
    for _ in range(2):
        clock.begin("inner")
        clock.update(0.5, "half")
        clock.end(1.0)
    clock.end(2.5)
    assert clock.seconds == {"inner": 2.0}
    inner = [("begin", "inner"), ("update", 0.5, "half"), ("end", 1.0)]
    assert recorder.told == [("begin", "outer"), *inner, *inner]


def test_area_with_sampled_cells(tmp_path, run):
    path = tmp_path / "relief.obj"
    surface = shapes.relief(6)
    files.write_obj(path, surface)
    options = ["--method", "montecarlo", "--samples", 16384, "--checkpoint", tmp_path / "state.npz", "--json"]
    code, out, _ = run("area", path, "-o", tmp_path / "out", *options)
    assert code == 0
    figures = json.loads(out)
    assert figures["transport"]["certificate"] is None
    assert figures["transport"]["mass_error"] < 0.1
    assert figures["area"]["flipped"] == 0
    assert (tmp_path / "state.npz").exists()
    assert "relative error of a cell (RMS)" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    code, _, told = run("area", path, "-o", tmp_path / "sphere", "--samples", 4096)
    assert code == 2
    assert 'for method="montecarlo"' in told
