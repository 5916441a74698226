import os
import platform
import subprocess
import sys

import numpy as np
import pytest

from meshot.base import memory
from meshot.base.errors import MeshotError, NotEnoughMemoryError
from meshot.diagrams.power_diagram import power_diagram
from meshot.transport.solve import solve_transport

SITES = np.random.default_rng(0).random((1000, 2))


def test_the_available_memory_is_what_the_system_says(tmp_path, monkeypatch):
    info = tmp_path / "meminfo"
    info.write_text("MemTotal:       16000 kB\nMemFree:         1000 kB\nMemAvailable:    9000 kB\n")
    monkeypatch.setattr(memory, "MEMINFO", info)
    assert memory.available_memory() == 9000 * 1024


def test_without_meminfo_free_pages_count(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "none")
    sizes = {"SC_AVPHYS_PAGES": 10, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__)
    assert memory.available_memory() == 40960


def test_a_system_that_says_nothing_refuses_nothing(tmp_path, monkeypatch):
    def silent(name):
        raise ValueError(name)

    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "none")
    monkeypatch.setattr(os, "sysconf", silent)
    assert memory.available_memory() is None
    memory.require_memory(1e30, "a task")


@pytest.mark.parametrize("solve", [power_diagram, solve_transport])
def test_what_would_not_fit_is_refused_before_it_starts(solve, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 200_000)
    solve(SITES[:10])
    with pytest.raises(NotEnoughMemoryError, match=r"1,000 sites takes about .* GiB .* 0.000186 GiB") as caught:
        solve(SITES)
    assert caught.value.needed > caught.value.available == 200_000
    assert isinstance(caught.value, MeshotError)
    assert isinstance(caught.value, MemoryError)


@pytest.mark.skipif(memory.peak_memory() is None, reason="the system does not tell the peak")
def test_the_peak_holds_what_the_process_held_and_gave_back():
    code = """
import numpy as np
from meshot.base.memory import forget_peak, peak_memory
forget_peak()
block = np.ones(2**28, dtype=np.uint8)
del block
print(peak_memory())
forget_peak()
print(peak_memory())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    held, after = map(int, done.stdout.split())
    assert held > 2**28 * 0.98  # the system counts pages in lots
    if memory.CLEAR_REFS.exists():
        assert after < held - 2**27
    else:  # the peak is that since the start
        assert after >= held


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")
@pytest.mark.skipif(not memory.STATUS.exists(), reason="the system does not tell what a process holds")
def test_free_memory_is_given_back():
    """Blocks too small to be given back by themselves, below one that stays."""
    code = """
from meshot.base.memory import STATUS, _entry, give_back_memory
blocks = [bytes(50_000) for _ in range(2000)]
last = bytes(50_000)
del blocks
before = _entry(STATUS, "VmRSS")
give_back_memory()
print(before - _entry(STATUS, "VmRSS"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 50e6


def test_a_system_whose_allocator_cannot_give_back(monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    memory.give_back_memory()


def test_the_peak_is_forgotten_by_the_word_the_system_asks_for(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "CLEAR_REFS", tmp_path / "clear_refs")
    memory.forget_peak()
    assert (tmp_path / "clear_refs").read_text() == "5"


def test_the_peak_is_read_from_the_status(tmp_path, monkeypatch):
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmPeak:\t  900 kB\nVmHWM:\t  300 kB\nVmRSS:\t  200 kB\n")
    monkeypatch.setattr(memory, "STATUS", status)
    assert memory.peak_memory() == 300 * 1024


def test_a_system_that_cannot_forget_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "CLEAR_REFS", tmp_path / "none" / "clear_refs")
    memory.forget_peak()
    assert not (tmp_path / "none").exists()


def test_a_system_that_does_not_tell_the_peak(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "STATUS", tmp_path / "none")
    assert memory.peak_memory() is None
