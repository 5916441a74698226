import shutil
import subprocess
import sys
import threading
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


PAIR = """
from typing import NamedTuple

class Pair(NamedTuple):
    {0}: int
    {1}: int
"""
TAKES = """
from meshot.base.kernels import kernel

@kernel
def ask(pair):
    return pair.one
"""


@pytest.fixture
def package(tmp_path):
    """A package that has the decorators of kernels and nothing else."""
    folder = tmp_path / "meshot"
    (folder / "base").mkdir(parents=True)
    for each in (folder, folder / "base"):
        (each / "__init__.py").write_text("")
    shutil.copy(Path(meshot.__file__).parent / "base" / "kernels.py", folder / "base")
    return folder


def run(package, code):
    # -B: Python knows a file by its second and size, and may take the first for the second
    command = [sys.executable, "-B", "-c", code]
    return subprocess.run(command, cwd=package.parent, capture_output=True, text=True, check=True).stdout


def test_a_kernel_is_compiled_anew_when_what_it_calls_in_another_file_has_changed(package):
    (package / "outer.py").write_text(OUTER)
    for value in ("1", "2"):
        (package / "inner.py").write_text(INNER.format(value))
        assert run(package, "from meshot.outer import ask; print(ask())").strip() == value


def test_a_kernel_is_compiled_anew_when_the_named_tuple_it_takes_has_changed_or_moved(package):
    (package / "takes.py").write_text(TAKES)
    for file, fields, value in (
        ("old", ("one", "two"), "1"),
        ("old", ("two", "one"), "2"),
        ("new", ("one", "two"), "1"),
    ):
        (package / "old.py").unlink(missing_ok=True)
        (package / f"{file}.py").write_text(PAIR.format(*fields))
        code = f"from meshot.takes import ask; from meshot.{file} import Pair; print(ask(Pair(1, 2)))"
        assert run(package, code).strip() == value


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_chunks_cover_the_range_in_order(chunk):
    parts = run_in_chunks(lambda start, stop: list(range(start, stop)), 10, chunk)
    assert [k for part in parts for k in part] == list(range(10))


def test_a_single_range_is_for_this_thread_unless_it_may_take_long():
    def where(**options):
        return run_in_chunks(lambda start, stop: threading.get_ident(), 3, **options)

    assert where() == [threading.get_ident()]
    assert where(aside=True) != [threading.get_ident()]
