import json
import subprocess
import sys

import pytest

import meshot

HEAVY = ["numba", "scipy", "matplotlib", "pyvista", "trimesh", "pyamg", "torch"]


def loaded_after(code):
    """Which of the heavy packages a fresh interpreter has loaded after running `code`."""
    ask = f"{code}\nimport sys, json\nsys.stderr.write(json.dumps([n for n in {HEAVY} if n in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stderr)


@pytest.mark.parametrize(
    "code",
    [
        "import meshot",
        "import meshot; meshot.Surface([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]]).area",
        "import meshot; dir(meshot), meshot.MeshotError",
        "import meshot.app.cli",
        "from meshot.app.cli import main; main(['--help'])",
        "from meshot.app.cli import main; main(['area', '--help'])",
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(code):
    assert loaded_after(code) == []


@pytest.mark.parametrize("name", meshot.__all__)
def test_every_public_name_is_there_and_documented(name):
    value = getattr(meshot, name)
    assert name == "__version__" or value.__doc__


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="teapot"):
        meshot.teapot  # noqa: B018
