import os

import numpy as np
import pytest

from meshot import memory
from meshot.diagrams.power import power_diagram
from meshot.errors import MeshotError, NotEnoughMemoryError
from meshot.transport.transport import solve_transport

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


def test_the_peak_is_what_the_process_held_since_it_was_forgotten():
    memory.forget_peak()
    before = memory.peak_memory()
    block = np.ones(2**26, dtype=np.uint8)
    held = memory.peak_memory()
    assert held - before == pytest.approx(len(block), rel=0.2)
    del block
    assert memory.peak_memory() > held - 2**21  # the system counts pages in lots
    memory.forget_peak()
    assert memory.peak_memory() < held - 2**25


def test_a_system_that_does_not_tell_the_peak(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "STATUS", tmp_path / "none")
    assert memory.peak_memory() is None
