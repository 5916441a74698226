import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import meshot
from meshot.base.kernels import run_in_chunks

INNER = """
from meshot.base.kernels import subkernel

@subkernel
def answer():
    return {}
"""
OUTER = """
from meshot.base.kernels import kernel
from meshot.inner import answer

@kernel
def ask():
    return answer() + 0
"""


def test_a_kernel_is_compiled_anew_when_what_it_calls_in_another_file_has_changed(tmp_path):
    # -B: Python knows a file by its second and size, and may take the first for the second
    package = tmp_path / "meshot"
    (package / "base").mkdir(parents=True)
    for folder in (package, package / "base"):
        (folder / "__init__.py").write_text("")
    shutil.copy(Path(meshot.__file__).parent / "base" / "kernels.py", package / "base")
    (package / "outer.py").write_text(OUTER)

    def ask(value):
        (package / "inner.py").write_text(INNER.format(value))
        command = [sys.executable, "-B", "-c", "from meshot.outer import ask; print(ask(), ask.stats.cache_hits)"]
        told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return tuple(int(word) for word in told.stdout.split() if word.isdigit())

    assert ask(1)[0] == 1
    assert ask(2)[0] == 2


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_chunks_cover_the_range_in_order(chunk):
    parts = run_in_chunks(lambda start, stop: list(range(start, stop)), 10, chunk)
    assert [k for part in parts for k in part] == list(range(10))
