"""The report, opened in a browser: Chromium of the system, led by Playwright.

Without them these tests are skipped, unless MESHOT_BROWSER=required says that they must not be.
"""

import io
import os
import shutil

import numpy as np
import pytest
from handmade import cap_run, solid_run, sphere_run
from PIL import Image

from meshot.app.batch.job import Record
from meshot.app.batch.summary import page as batch_page
from meshot.app.report.pages.solid import render_solid
from meshot.app.report.pages.surface import render_surface

REQUIRED = os.environ.get("MESHOT_BROWSER") == "required"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None and not REQUIRED:
    pytest.skip("no Chromium on this machine", allow_module_level=True)
if REQUIRED:
    from playwright import sync_api as playwright
else:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

DRAWN_IN_SOFTWARE = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]


class Opened:
    """A report in a browser window, and what went on there."""

    def __init__(self, browser, path, **settings):
        self.page = browser.new_page(**{"viewport": {"width": 1200, "height": 1400}, **settings})
        self.told, self.requests = [], []
        self.page.on("console", lambda message: self.told.append(message.text))
        self.page.on("pageerror", lambda error: self.told.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.settle()

    def settle(self):
        """Wait until two frames are drawn: the first may have asked for the second."""
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        self.page.wait_for_timeout(150)

    def part(self, name):
        return self.page.locator(f'[data-is="{name}"]')

    def pane(self, view):
        return self.page.locator(f'.pane[data-view="{view}"]')

    def picture(self, view):
        self.settle()
        shot = self.pane(view).screenshot()
        return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)

    def pull(self, box, start, end):
        """Drag from one place in a box to another, in parts of its width and height."""
        at = [(box["x"] + u * box["width"], box["y"] + v * box["height"]) for u, v in (start, end)]
        self.page.mouse.move(*at[0])
        self.page.mouse.down()
        self.page.mouse.move(*at[1], steps=4)
        self.page.mouse.up()
        self.settle()


def changed(before, after):
    """Share of the pixels that are not what they were."""
    return float(np.mean(np.abs(before - after).max(axis=2) > 8))


@pytest.fixture(scope="module")
def driver():
    with playwright.sync_playwright() as running:
        yield running.chromium


@pytest.fixture(scope="module")
def browser(driver):
    opened = driver.launch(executable_path=CHROMIUM, args=DRAWN_IN_SOFTWARE)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    runs = {"disk": cap_run(), "sphere": sphere_run(area=True), "conformal": cap_run(area=False)}
    for name, run in runs.items():
        (folder / f"{name}.html").write_text(render_surface(run, size=60), "utf-8")
    (folder / "solid.html").write_text(render_solid(solid_run(), size=60), "utf-8")
    return folder


@pytest.fixture
def disk(browser, files):
    opened = Opened(browser, files / "disk.html")
    yield opened
    assert opened.told == []
    opened.page.close()


@pytest.mark.parametrize(("name", "views"), [("disk", 3), ("sphere", 3), ("conformal", 2), ("solid", 2)])
def test_every_view_is_drawn_without_an_error_or_a_request(browser, files, name, views):
    opened = Opened(browser, files / f"{name}.html")
    panes = opened.page.locator(".pane").all()
    assert len(panes) == views
    paper = np.array([253, 252, 250])
    for pane in panes:
        picture = opened.picture(pane.get_attribute("data-view"))
        inked = np.abs(picture - paper).max(axis=2) > 8
        assert inked.mean() > 0.2
        assert len(np.unique(picture[inked], axis=0)) > 100
    assert opened.told == []
    assert [url for url in opened.requests if not url.startswith("data:")] == [(files / f"{name}.html").as_uri()]
    assert not opened.page.locator(".hero").is_visible()
    opened.page.close()


def test_a_face_that_is_pointed_at_is_marked_in_every_view(disk):
    box = disk.pane("surface").bounding_box()
    disk.page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.45 * box["height"])
    disk.settle()
    words = disk.part("told").inner_text()
    assert words.startswith("Face ")
    assert "conformal area ×" in words
    assert words.startswith(f"Face {disk.part('face').input_value()}:")
    for mark in disk.page.locator(".mark").all():
        assert mark.is_visible()
    # the same face, pointed at where the other views show it
    place = disk.page.locator('.pane[data-view="final"] .mark').bounding_box()
    disk.page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    disk.settle()
    assert disk.part("told").inner_text() == words
    disk.page.mouse.move(5, 5)
    disk.settle()
    assert not disk.page.locator(".mark").first.is_visible()


def test_a_face_can_be_named_by_its_number(disk):
    disk.part("face").fill("17")
    assert disk.part("told").inner_text().startswith("Face 17:")
    disk.part("face").fill("99999999")
    assert disk.part("told").inner_text().startswith("Point at a face")


@pytest.mark.parametrize("color", ["plain", "area", "angle", "normals", "circles"])
def test_colors_change_what_is_seen(disk, color):
    before = {view: disk.picture(view) for view in ("surface", "final")}
    disk.part("color").select_option(color)
    for view, picture in before.items():
        assert changed(picture, disk.picture(view)) > 0.15
    assert disk.page.locator(".scale[data-of]:visible").count() == (color in ("area", "angle"))


def test_the_slider_leads_from_one_map_to_the_other(disk):
    disk.part("color").select_option("area")
    first, final = disk.picture("first"), disk.picture("final")
    assert changed(first, final) > 0.2
    disk.part("t").fill("50")
    middle = disk.picture("final")
    assert changed(final, middle) > 0.02
    disk.part("t").fill("0")
    assert changed(first, disk.picture("first")) == 0
    assert changed(first, disk.picture("final")) < 0.01


def test_samples_appear_on_surface_and_images(disk):
    before = {view: disk.picture(view) for view in ("surface", "first", "final")}
    disk.part("samples").fill("9")
    for view, picture in before.items():
        assert changed(picture, disk.picture(view)) > 0.01


def test_a_brushed_histogram_filters_the_views(disk):
    disk.part("color").select_option("area")
    before = disk.picture("final")
    box = disk.page.locator('[data-is="chart-angle"] svg').bounding_box()
    disk.pull(box, (0.5, 0.5), (0.98, 0.5))
    words = disk.part("left").inner_text()
    kept, count = (int(word.replace(",", "")) for word in words.split(" faces")[0].split(" of "))
    assert 0 < kept < count
    assert changed(before, disk.picture("final")) > 0.2
    disk.page.mouse.click(box["x"] + 10, box["y"] + 10)
    assert disk.part("left").inner_text() == ""
    assert changed(before, disk.picture("final")) < 0.01
    disk.page.locator('[data-is="chart-area"] [name="from"]').fill("40")  # what the keyboard does
    assert "faces are within" in disk.part("left").inner_text()


def test_views_are_turned_by_pointer_and_keys(disk):
    surface, image = disk.picture("surface"), disk.picture("final")
    disk.pull(disk.pane("surface").bounding_box(), (0.5, 0.5), (0.7, 0.5))
    turned = disk.picture("surface")
    assert changed(surface, turned) > 0.2
    disk.pane("surface").focus()
    disk.page.keyboard.press("ArrowLeft")
    assert changed(turned, disk.picture("surface")) > 0.1
    disk.pane("final").focus()
    for _ in range(3):
        disk.page.keyboard.press("+")
    first = disk.picture("first")
    assert changed(image, disk.picture("final")) > 0.2
    disk.part("home").click()
    assert changed(first, disk.picture("first")) > 0.2  # the images move together
    assert changed(surface, disk.picture("surface")) < 0.02


@pytest.fixture
def solid(browser, files):
    opened = Opened(browser, files / "solid.html")
    yield opened
    assert opened.told == []
    opened.page.close()


def test_a_plane_cuts_the_solid_and_the_ball(solid):
    before = {view: solid.picture(view) for view in ("solid", "ball")}
    solid.part("depth").fill("-60")
    cut = {view: solid.picture(view) for view in ("solid", "ball")}
    for view, picture in before.items():
        assert changed(picture, cut[view]) > 0.05
    solid.part("along").select_option("x")
    assert changed(cut["ball"], solid.picture("ball")) > 0.1
    solid.part("depth").fill("100")  # nothing is cut away: the ball's outline is round
    paper = np.array([253, 252, 250])
    inked = np.abs(solid.picture("ball") - paper).max(axis=2) > 8
    rows, columns = (np.flatnonzero(inked.any(axis=axis)) for axis in (1, 0))
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), rel=0.05)
    assert inked.sum() == pytest.approx(np.pi / 4 * np.ptp(rows) * np.ptp(columns), rel=0.05)


def test_the_slider_leads_from_the_ball_to_the_solid(solid):
    ball, own = solid.picture("ball"), solid.picture("solid")
    solid.part("t").fill("0")
    assert changed(ball, solid.picture("ball")) > 0.1
    assert changed(own, solid.picture("ball")) < 0.05
    assert changed(own, solid.picture("solid")) == 0


def test_a_tetrahedron_that_is_pointed_at_is_marked_in_both(solid):
    box = solid.pane("solid").bounding_box()
    solid.page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    solid.settle()
    words = solid.part("told").inner_text()
    assert words.startswith("Tetrahedron ")
    assert "volume × 1.00 in the ball" in words  # the map is affine
    for mark in solid.page.locator(".mark").all():
        assert mark.is_visible()
    for color in ("plain", "place", "ratio"):
        before = solid.picture("solid")
        solid.part("color").select_option(color)
        assert changed(before, solid.picture("solid")) > 0.05


# ---------------------------------------------------------------------------------------------------------------------
# the table of a batch


@pytest.fixture
def batch(browser, tmp_path):
    (tmp_path / "thumbnails").mkdir()
    Image.new("RGB", (8, 8), "red").save(tmp_path / "thumbnails" / "scan%9.webp")
    records = [
        Record("scan%10", "/scan%10.obj", "done", 0, seconds=0.5, figures={"faces": 2000}),
        Record("scan%9", "/scan%9.obj", "refused", 2, "genus 1", seconds=9),
        Record("scan%1", "/scan%1.obj", "done", 0, seconds=1e-7, figures={"faces": 10}),
    ]
    page = tmp_path / "index.html"
    page.write_text(batch_page(tmp_path, "area", records), "utf-8")
    opened = Opened(browser, page)
    yield opened
    assert opened.told == []
    assert {url.split(":")[0] for url in opened.requests} == {"file"}
    opened.page.close()


def shown(batch):
    return [row.locator("th").inner_text() for row in batch.page.locator("tbody tr").all() if row.is_visible()]


def test_a_batch_is_sorted_by_what_is_clicked(batch):
    heading = batch.page.get_by_role("columnheader")
    for title, ascending, descending in [
        ("Mesh", ["scan%1", "scan%9", "scan%10"], ["scan%10", "scan%9", "scan%1"]),
        ("Status", ["scan%10", "scan%1", "scan%9"], ["scan%9", "scan%10", "scan%1"]),  # equals stay as they were made
        ("Seconds", ["scan%1", "scan%10", "scan%9"], ["scan%9", "scan%10", "scan%1"]),
        ("Faces", ["scan%1", "scan%10", "scan%9"], ["scan%10", "scan%1", "scan%9"]),  # what has no number comes last
    ]:
        for order, names in (("ascending", ascending), ("descending", descending)):
            batch.page.get_by_role("button", name=title, exact=True).click()
            assert shown(batch) == names
            assert heading.filter(has_text=title).get_attribute("aria-sort") == order


def test_a_batch_is_filtered_by_status_and_words(batch):
    batch.part("status").select_option("refused")
    assert shown(batch) == ["scan%9"]
    assert batch.part("shown").inner_text() == "1 of 3 meshes"
    batch.part("status").select_option("")
    batch.part("words").fill("GENUS")
    assert shown(batch) == ["scan%9"]
    batch.part("words").fill("scan%1")
    assert shown(batch) == ["scan%10", "scan%1"]
    batch.part("words").fill("")
    assert batch.part("shown").inner_text() == ""


def test_thumbnails_of_a_batch_are_seen(batch):
    assert batch.page.evaluate("[...document.images].map(image => image.naturalWidth)") == [8]


def test_darkness_and_phones(browser, files):
    opened = Opened(
        browser, files / "disk.html", color_scheme="dark", viewport={"width": 390, "height": 900}, has_touch=True
    )
    assert opened.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert opened.picture("surface")[:4, :4].max() < 60
    boxes = [pane.bounding_box() for pane in opened.page.locator(".pane").all()]
    assert boxes[1]["y"] > boxes[0]["y"] + boxes[0]["height"]
    assert opened.told == []
    opened.page.close()


def test_without_webgl_the_pictures_stand_in(driver, files):
    browser = driver.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-3d-apis", "--disable-gpu"])
    opened = Opened(browser, files / "disk.html")
    assert not opened.page.locator("#viewer").is_visible()
    assert opened.page.locator(".hero img").first.is_visible()
    assert opened.told == []
    browser.close()
