import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapes
from files import obj
from handmade import cap_run, solid_run, sphere_run
from outcomes import assert_one_sentence

import meshot
from meshot.app.files.run import Provenance, Run, named_maps
from meshot.app.files.seal import SEAL, seal
from meshot.app.files.verifying import verify_folder
from meshot.app.products import PRODUCTS
from meshot.base.errors import MeshReadError
from meshot.base.files import write_json, write_npz
from meshot.formats.read.written import read_written_obj, read_written_ply, read_written_vtu
from meshot.formats.write.vtu import write_vtu
from meshot.maps.distortion import distortion
from meshot.maps.measure import as_measure
from meshot.maps.surface_map import SurfaceMap


def save(run, folder, product="area"):
    """Write a run as its command does."""
    options = {**run.provenance.options, "map": product}
    run = replace(run, provenance=replace(run.provenance, options=options))
    PRODUCTS[product].save(run, folder, {"report.html": "page"})
    return folder


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Folders with finished maps."""
    place = tmp_path_factory.mktemp("written")
    return {
        "disk": save(cap_run(rings=4), place / "disk"),
        "sphere": save(sphere_run(area=True), place / "sphere"),
        "ball": save(solid_run(), place / "ball", "volume"),
    }


@pytest.fixture
def copy(written, tmp_path):
    """A copy of one of them, to be changed."""
    return lambda kind: Path(shutil.copytree(written[kind], tmp_path / kind))


def sealed_again(folder, figures=None):
    """Hash all files anew, as who changes them on purpose can; `figures` take the place of those recorded."""
    figures = json.loads((folder / "metrics.json").read_text()) if figures is None else figures
    figures.pop(SEAL, None)
    figures[SEAL] = seal(figures, folder)
    write_json(folder / "metrics.json", figures)


def refused(folder):
    """The sentence with which a folder is refused."""
    with pytest.raises(MeshReadError) as caught:
        verify_folder(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["disk", "sphere", "ball"])
def test_finished_maps_are_proved(written, kind):
    found = verify_folder(written[kind])
    assert found.obstacles == ()
    assert found.proof.bijective
    assert found.proof.target == kind
    assert set(found.files) == {file.name for file in written[kind].iterdir()}
    assert json.loads(json.dumps(found.to_dict()["bijective"]))
    assert "proved" in found.words()


def test_the_words(written):
    lines = dict(line.split(maxsplit=1) for line in verify_folder(written["disk"]).words().splitlines())
    assert lines["map"] == "area-preserving, to the disk"
    assert lines["faces"] == "96, none flipped"
    assert lines["bijective"] == "proved"
    assert lines["area"].startswith("error")
    assert lines["files"] == "map.npz, map.obj, map.ply, report.html, metrics.json: unchanged, and of one map"


# ---------------------------------------------------------------------------------------------------------------------
# changes that the hashes tell


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("disk", name) for name in ("map.npz", "map.obj", "map.ply", "report.html", "metrics.json")),
        *(("sphere", name) for name in ("map.npz", "sphere.obj")),
        *(("ball", name) for name in ("solid.vtu", "ball.vtu")),
    ],
)
def test_files_that_are_missing_cut_or_changed_are_named(copy, kind, name):
    folder = copy(kind)
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    assert name in refused(folder)
    (folder / name).write_bytes(b"")
    assert name in refused(folder)
    for place in (len(whole) // 3, len(whole) - 2):
        changed = bytearray(whole)
        changed[place] ^= 1
        (folder / name).write_bytes(changed)
        assert name in refused(folder)
    (folder / name).unlink()
    assert "is missing" in refused(folder) or "does not exist" in refused(folder)
    (folder / name).write_bytes(whole)
    assert verify_folder(folder).obstacles == ()


def test_every_figure_is_kept(copy):
    folder = copy("disk")
    recorded = json.loads((folder / "metrics.json").read_text())
    for section, name, value in (
        ("transport", "iterations", 1),
        ("seconds", "total", 0.5),
        ("area", "ratio_sd", 1e-9),
        ("input", "sha256", "ff" * 32),
    ):
        write_json(folder / "metrics.json", {**recorded, section: {**recorded[section], name: value}})
        assert "metrics.json in" in refused(folder)
        assert "changed after the run had written it" in refused(folder)
    # another layout and order are no change
    (folder / "metrics.json").write_text(json.dumps(recorded, sort_keys=True, indent=1))
    assert verify_folder(folder).obstacles == ()


def test_other_files_in_the_folder_stay(copy):
    folder = copy("disk")
    (folder / "figures").mkdir()
    (folder / "figures" / "map.pdf").write_text("mine")
    assert "figures" not in " ".join(verify_folder(folder).files)


@pytest.mark.parametrize("hashes", [None, 3, ["map.npz"], {"../map.npz": "00"}, {"/dev/zero": "00"}])
def test_without_hashes_nothing_is_verified(copy, hashes):
    folder = copy("disk")
    recorded = json.loads((folder / "metrics.json").read_text())
    write_json(folder / "metrics.json", {**recorded, SEAL: hashes})
    assert "records no hashes of the files" in refused(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 100_000])
def test_damaged_figures_are_told(copy, text):
    folder = copy("disk")
    (folder / "metrics.json").write_text(text)
    assert "metrics.json is damaged" in refused(folder)


def test_what_holds_no_map_is_told(tmp_path):
    assert "holds no results: metrics.json is missing" in refused(tmp_path)
    sealed_again(tmp_path, {"sites": 3, "options": {"domain": "disk"}})
    assert "holds no map to verify: meshot area, conformal and volume write one" in refused(tmp_path)
    sealed_again(tmp_path, {"options": {"map": "area"}})
    assert "map.npz is missing" in refused(tmp_path)


# ---------------------------------------------------------------------------------------------------------------------
# changes by someone who writes new hashes, too


def changed_arrays(folder, **arrays):
    with np.load(folder / "map.npz") as file:
        old = {name: file[name] for name in file.files}
    write_npz(folder / "map.npz", **{**old, **{name: change(old[name].copy()) for name, change in arrays.items()}})


def first_vertex_moved(points):
    points[0] += 1e-9
    return points


def faces_exchanged(faces):
    faces[[0, 1]] = faces[[1, 0]]
    return faces


@pytest.mark.parametrize("kind", ["disk", "sphere"])
@pytest.mark.parametrize(
    ("array", "change"),
    [("image", first_vertex_moved), ("vertices", first_vertex_moved), ("faces", faces_exchanged)],
)
def test_an_archive_that_holds_another_map_than_the_other_files(copy, kind, array, change):
    folder = copy(kind)
    name = {"disk": "uv", "sphere": "points"}[kind] if array == "image" else array
    changed_arrays(folder, **{name: change})
    sealed_again(folder)
    assert "does not fit the other files: it has other" in refused(folder)


def replaced(old, new, count=1):
    return lambda data: data.replace(old, new, count)


def exchanged_lines(data):
    first = data.index(b"\nf ") + 1
    lines = data[first:].split(b"\n")
    return data[:first] + b"\n".join([lines[1], lines[0], *lines[2:]])


def exchanged_vertices(data):
    first, second, rest = data.split(b"\n", 2)
    return b"\n".join([second, first, rest])


def turned_corner(data):
    line = data[data.index(b"\nf ") + 1 :].split(b"\n")[0]
    _, a, b, c = line.split()
    return data.replace(line, b" ".join([b"f", b, c, a]))


@pytest.mark.parametrize(
    ("kind", "name", "change", "what"),
    [
        ("disk", "map.obj", replaced(b"\nvt 0.5 0.5\n", b"\nvt 0.5 0.5000000000000001\n"), "texture coordinates"),
        ("disk", "map.obj", exchanged_lines, "faces"),
        ("disk", "map.obj", turned_corner, "faces"),
        ("disk", "map.obj", replaced(b"v ", b"v 1"), "vertices"),
        ("disk", "map.obj", replaced(b"f 1/1", b"f 1/2"), "texture coordinates"),
        ("disk", "map.obj", lambda data: data[: data.rindex(b"f ")], "faces"),
        ("disk", "map.obj", replaced(b"f ", b"f x"), "something else where a number should be"),
        ("disk", "map.obj", replaced(b"v ", b"v 1 "), "more or fewer than 3 numbers"),
        ("disk", "map.obj", replaced(b"v ", b"# "), "is not laid out"),
        ("sphere", "map.obj", exchanged_lines, "faces"),
        ("sphere", "sphere.obj", exchanged_vertices, "vertices"),
        ("disk", "map.ply", lambda data: data[:-8], "truncated"),
        ("disk", "map.ply", lambda data: data[:-100] + data[-90:-80] + data[-90:], ""),
        ("ball", "ball.vtu", replaced(b'"UnstructuredGrid"', b'"PolyData"'), "is no VTU mesh"),
        ("ball", "solid.vtu", lambda data: data[: len(data) // 2], "truncated"),
    ],
)
def test_another_file_of_another_map(copy, kind, name, change, what):
    folder = copy(kind)
    before = (folder / name).read_bytes()
    after = change(before)
    assert after != before
    (folder / name).write_bytes(after)
    sealed_again(folder)
    told = refused(folder)
    assert name in told
    assert what in told


@pytest.mark.parametrize(
    ("element", "field", "what"),
    [
        ("vertex", "x", "vertices"),
        ("vertex", "u", "images"),
        ("face", "vertex_indices", "faces"),
        ("face", "log_area_ratio", "ratios"),
        ("face", "angle_error", "angles"),
    ],
)
def test_values_of_a_ply(copy, element, field, what):
    folder = copy("disk")
    data = (folder / "map.ply").read_bytes()
    tables = read_written_ply(data)
    start = data.index(b"end_header\n") + len(b"end_header\n")
    content = {name: table.copy() for name, table in tables.items()}
    content[element][field][:1] += 1
    (folder / "map.ply").write_bytes(data[:start] + b"".join(table.tobytes() for table in content.values()))
    sealed_again(folder)
    assert f"map.ply does not fit the other files: it has other {what}" in refused(folder)


@pytest.mark.parametrize("file", ["solid", "ball"])
@pytest.mark.parametrize("part", ["points", "tetrahedra", "other", "volume_ratio", "flipped"])
def test_values_of_a_vtu(copy, file, part):
    folder = copy("ball")
    place = folder / f"{file}.vtu"
    content = read_written_vtu(place.read_bytes())
    points, cells = content.points.copy(), content.tetrahedra.copy()
    point_values = {name: each.copy() for name, each in content.point_values.items()}
    cell_values = {name: each.copy() for name, each in content.cell_values.items()}
    if part == "points":
        points[5] += 1e-7
    elif part == "tetrahedra":
        cells[[0, 1]] = cells[[1, 0]]
    elif part == "other":
        point_values["ball" if file == "solid" else "solid"][3] *= 0.999
    else:
        cell_values[part] = cell_values[part] + (1 if part == "flipped" else 1e-5)
    write_vtu(place, points, cells, point_values=point_values, cell_values=cell_values)
    sealed_again(folder)
    assert "does not fit the other files" in refused(folder)


@pytest.mark.parametrize(
    ("kind", "section", "name", "value"),
    [
        ("disk", "area", "ratio_sd", 1e-12),
        ("disk", "area", "flipped", 1),
        ("disk", "angle", "mean_abs_degrees", None),
        ("sphere", "area", "ratio_max_deviation", 0.0),
        ("ball", "volume", "ratio_max_deviation", 1e-3),
    ],
)
def test_figures_that_are_not_those_of_the_map(copy, kind, section, name, value):
    folder = copy(kind)
    figures = json.loads((folder / "metrics.json").read_text())
    figures[section][name] = value
    sealed_again(folder, figures)
    assert f"metrics.json does not fit the other files: it has other figures of {section}" in refused(folder)


@pytest.mark.parametrize("kind", ["disk", "ball"])
def test_figures_that_are_not_there(copy, kind):
    folder = copy(kind)
    figures = json.loads((folder / "metrics.json").read_text())
    del figures["area" if kind == "disk" else "volume"]
    sealed_again(folder, figures)
    assert "holds a damaged map" in refused(folder)


# ---------------------------------------------------------------------------------------------------------------------
# maps that are not bijective, and others


def folded_run():
    """A run whose map turns faces over, and says so."""
    run = cap_run(rings=4)
    image = run.result.image.copy()
    image[0] = [0.5, 0.1]
    folded = replace(run.result, image=image)
    distortions = {name: distortion(each) for name, each in named_maps(folded).items()}
    assert distortions["area-preserving"].flipped.sum() > 0
    return replace(run, result=folded, distortions=distortions)


def test_a_map_with_folds_ends_with_exit_code_3(tmp_path, run):
    folder = save(folded_run(), tmp_path / "out")
    code, told, error = run("verify", folder)
    assert code == 3
    assert_one_sentence(error)
    assert "holds no bijective map: map.npz: " in error
    assert "faces flipped (ids " in error
    assert "not proved" in told
    code, told, _ = run("verify", folder, "--json")
    figures = json.loads(told)
    assert code == 3
    assert not figures["bijective"]
    assert figures["flipped"]
    assert len(figures["obstacles"]) == 2


def test_the_command(written, run):
    code, told, error = run("verify", written["sphere"], "--json")
    figures = json.loads(told)
    assert (code, error) == (0, "")
    assert (figures["bijective"], figures["cells"], figures["flipped"]) == (True, 1280, [])
    assert figures["largest_error"] <= figures["error_bound"]
    assert figures["seconds"]["verify"] > 0
    code, told, error = run("verify", written["disk"].parent)
    assert (code, told) == (2, "")
    assert_one_sentence(error)


@pytest.mark.usefixtures("small_pictures")
@pytest.mark.parametrize("triangles", [False, True])
def test_what_the_commands_write_is_verified(tmp_path, run, triangles):
    quads = [[0, 1, 4, 3], [1, 2, 5, 4], [3, 4, 7, 6], [4, 5, 8, 7]]
    points = [[x, y, 0.1 * x * y] for y in range(3) for x in range(3)]
    (tmp_path / "quads.obj").write_bytes(obj(points, quads))
    np.save(tmp_path / "marks.npy", np.linspace(1, 2, 9))
    more = ["--triangles"] if triangles else []
    code = run("area", tmp_path / "quads.obj", "-o", tmp_path / "out", "--density", tmp_path / "marks.npy", *more)[0]
    assert code in (0, 3), "so few faces need not reach their shares"
    assert (b"f 1/1 2/2 5/5 4/4\n" in (tmp_path / "out" / "map.obj").read_bytes()) != triangles
    code, told, _ = run("verify", tmp_path / "out")
    assert code == 0
    assert "measure-preserving, to the disk" in told
    assert "share error" in told


def test_other_polygons_than_those_of_the_map_are_told(tmp_path, run, monkeypatch):
    quads = [[0, 1, 4, 3], [1, 2, 5, 4]]
    points = [[x, y, 0.1 * x * y] for y in range(2) for x in range(3)]
    (tmp_path / "quads.obj").write_bytes(obj(points, quads))
    monkeypatch.setattr("meshot.app.report.pages.surface.render_surface", lambda *_, **__: "page")
    assert run("conformal", tmp_path / "quads.obj", "-o", tmp_path / "out")[0] == 0
    assert verify_folder(tmp_path / "out").obstacles == ()
    whole = (tmp_path / "out" / "map.obj").read_bytes()
    for old, new in (
        (b"f 1/1 2/2 5/5 4/4\n", b"f 1/1 2/2 5/5\n"),
        (b"f 1/1 2/2 5/5 4/4\n", b"f 1/1 4/4 5/5 2/2\n"),
        (b"f 1/1 2/2 5/5 4/4\n", b"f 2/2 3/3 6/6 5/5\n"),
    ):
        assert old in whole
        (tmp_path / "out" / "map.obj").write_bytes(whole.replace(old, new))
        sealed_again(tmp_path / "out")
        assert "map.obj does not fit the other files: it has other faces" in refused(tmp_path / "out")


def test_a_closed_surface_that_was_cut_is_verified(tmp_path):
    surface = shapes.octahedron()
    mapped = meshot.area_preserving_map(surface)
    distortions = {name: distortion(each) for name, each in named_maps(mapped).items()}
    run = Run(surface, mapped, Provenance("o.obj", "0" * 64, "meshot area o.obj"), distortions=distortions)
    assert verify_folder(save(run, tmp_path / "out")).obstacles == ()


def test_a_solid_with_prescribed_shares_is_judged_by_them(tmp_path):
    run = solid_run()
    ratio = np.linspace(1, 3, len(run.result.solid.tetrahedra))
    mapped = replace(run.result, measure=as_measure(run.result.solid, density=ratio))
    run = replace(run, result=mapped, distortions={"harmonic": distortion(mapped)})
    found = verify_folder(save(run, tmp_path / "out", "volume"))
    assert found.name == "measure-preserving"
    assert found.proof.largest_error > 0.3


def test_vertices_of_no_face_are_verified(tmp_path):
    run = cap_run(rings=3)
    surface = run.result.surface
    spare = type(surface)(np.vstack([surface.vertices, [[1, 2, 3]]]), surface.faces)

    def with_spare(mapped, **more):
        image = np.vstack([mapped.image, [[np.nan, np.nan]]])
        return SurfaceMap(spare, image, np.arange(len(image)), area_weight=1.0, **more)

    mapped = with_spare(run.result, conformal=with_spare(run.result.conformal))
    distortions = {name: distortion(each) for name, each in named_maps(mapped).items()}
    folder = save(replace(run, input=spare, result=mapped, distortions=distortions), tmp_path / "out")
    assert verify_folder(folder).obstacles == ()


def test_texture_coordinates_come_back_bit_for_bit(written):
    with np.load(written["disk"] / "map.npz") as file:
        uv = file["uv"]
    found = read_written_obj((written["disk"] / "map.obj").read_bytes())
    np.testing.assert_array_equal(found.texture, (uv + 1) / 2)
