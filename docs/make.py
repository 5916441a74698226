"""Draw the pictures of README.md with meshot itself: ``python docs/make.py`` (the solids need the extra ``volume``)."""

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from meshot.app.cli import main
from meshot.app.files.reading import read_run
from meshot.app.report.pictures.paper import paper_figures

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "data"
WIDTH = 1400  # pixels across a picture, of two to four panels


def save(name: str, panels: Sequence[Image.Image]) -> None:
    """Set panels side by side on white and write them as WebP."""
    side = WIDTH // len(panels)
    sheet = Image.new("RGB", (side * len(panels), side), "white")
    for k, panel in enumerate(panels):
        fitted = panel.convert("RGBA").resize((side, side), Image.Resampling.LANCZOS)
        sheet.paste(fitted, (k * side, 0), fitted)
    sheet.save(HERE / f"{name}.webp", quality=80, method=6)


def of_surface(name: str, figure: str, *arguments: str) -> None:
    """Map a demo mesh and draw one of its figures."""
    with tempfile.TemporaryDirectory() as folder:
        if main(["area", *arguments, "-o", folder]) != 0:
            raise SystemExit(f"{name} was not mapped")
        drawn = paper_figures(read_run(folder), size=WIDTH // 3)[figure]
    file = io.BytesIO()
    drawn.savefig(file, format="png", dpi=WIDTH / drawn.get_figwidth(), facecolor="white")
    Image.open(file).convert("RGB").save(HERE / f"{name}.webp", quality=80, method=6)


def of_solids() -> None:
    """Map the dumbbell to the ball, and send the ball to the dumbbell."""
    import meshot
    from meshot.app.report.pages.morph import morph_axes, morph_pictures
    from meshot.app.report.pictures.cutaway import volume_pictures
    from meshot.app.report.pictures.space_singular import torn_space
    from meshot.maps.distortion import distortion

    solid = meshot.tetrahedralize(meshot.read_surface(DATA / "dumbbell.obj"))
    mapped = meshot.volume_preserving_map(solid)
    drawn = volume_pictures({"map": mapped}, {"map": distortion(mapped)}, limit=0.1, size=WIDTH // 4)
    save("volume", [Image.fromarray(drawn[key]) for key in ("solid", "map/pulled", "map/shells", "map/ball")])
    morph = meshot.ball_to_shape(solid)
    drawn = morph_pictures(morph, size=WIDTH // 4)
    folds = meshot.singular_set(morph.transport, solid)
    torn = torn_space(folds, morph.transport.problem.domain, morph_axes(morph, "y"), WIDTH // 4)
    save("morph", [Image.fromarray(image) for image in (drawn["whole 0"], drawn["whole 0.5"], drawn["whole 1"], torn)])


if __name__ == "__main__":
    of_surface("face", "circles", str(DATA / "face.obj"))
    of_surface("brain", "checkerboard", str(DATA / "brain.ply"), "--to", "sphere")
    of_solids()
