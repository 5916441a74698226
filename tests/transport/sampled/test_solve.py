import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from meshot.base.errors import OptionError
from meshot.transport.sampled.checkpoint import Checkpoint, State
from meshot.transport.sampled.solve import Settings, solve_sampled
from meshot.transport.sampled.sources import as_source

SETTINGS = Settings("cpu", 1 << 15)


@pytest.fixture(scope="module")
def target():
    rng = np.random.default_rng(0)
    masses = rng.uniform(0.5, 2, 400)
    return rng.normal(size=(400, 2)) * 0.4, masses / masses.sum(), as_source(None, 2)


@pytest.fixture(scope="module")
def solution(target):
    return solve_sampled(*target, SETTINGS)


def test_levels_and_what_the_sobol_points_gain_are_told(solution):
    assert {step.level for step in solution.history} == {0, 1}
    assert solution.history[-1].step == 0
    last = [step for step in solution.history if step.level == 1][-1]
    assert last.sites == 400
    assert last.gain > 3  # as good as three times as many independent samples, at least
    assert last.rms <= 1.5 * last.noise
    assert sum(step.samples for step in solution.history) <= solution.samples


class KilledError(Exception):
    pass


@pytest.mark.parametrize("optimizer", ["newton", "adam"])
def test_a_killed_run_goes_on_where_it_stood(target, tmp_path, optimizer):
    settings = replace(SETTINGS, samples=1 << 13, optimizer=optimizer, checkpoint=tmp_path / "state.npz", interval=0.0)
    whole = solve_sampled(*target, replace(settings, checkpoint=None))
    steps = [step for step in whole.history if step.level == 1]
    seen = []

    def kill(state):
        seen.append(state)
        if len(seen) == len(steps) - 2:
            raise KilledError

    with pytest.raises(KilledError):
        solve_sampled(*target, settings, callback=kill)
    resumed = solve_sampled(*target, settings)
    assert np.array_equal(resumed.heights, whole.heights)
    assert np.array_equal(resumed.shares, whole.shares)
    assert resumed.samples == whole.samples
    assert [replace(step, seconds=0) for step in resumed.history] == [
        replace(step, seconds=0) for step in whole.history
    ]


def test_a_checkpoint_of_something_else_is_refused(target, tmp_path):
    sites, shares, source = target
    path = tmp_path / "state.npz"
    settings = replace(SETTINGS, samples=2048, checkpoint=path)
    solve_sampled(sites[:20], shares[:20] / shares[:20].sum(), source, settings)
    with pytest.raises(OptionError, match="another problem"):
        solve_sampled(sites[:21], shares[:21] / shares[:21].sum(), source, settings)
    for content in (b"no checkpoint", b""):
        path.write_bytes(content)
        with pytest.raises(OptionError, match="no checkpoint"):
            solve_sampled(sites[:20], shares[:20] / shares[:20].sum(), source, settings)


def test_a_checkpoint_waits_for_its_time(tmp_path):
    checkpoint = Checkpoint(tmp_path / "state.npz", "key", interval=1e9)
    checkpoint.save(State(np.zeros(2)))
    assert not checkpoint.path.exists()
    checkpoint.save(State(np.arange(2.0), extra={"mean": np.ones(2)}), now=True)
    state = checkpoint.load()
    assert state.heights.tolist() == [0, 1]
    assert state.extra["mean"].tolist() == [1, 1]
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]


RANK = """
import sys
import numpy as np
import torch.distributed
from meshot.transport.sampled.solve import Settings, solve_sampled
from meshot.transport.sampled.sources import as_source

rank, count, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if count > 1:
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=count)
rng = np.random.default_rng(0)
told = {}
for d, samples in ((4, 1 << 16), (2, 1 << 15)):
    sites = 0.5 * rng.normal(size=(300, d))
    found = solve_sampled(sites, np.full(300, 1 / 300), as_source(None, d), Settings("cpu", samples))
    told |= {f"heights{d}": found.heights, f"shares{d}": found.shares}
np.savez(f"{folder}/{count}-{rank}.npz", **told)
if count > 1:
    torch.distributed.destroy_process_group()
"""


def test_two_processes_find_what_one_finds(tmp_path):
    def start(rank, count):
        command = [sys.executable, "-c", RANK, str(rank), str(count), str(tmp_path)]
        return subprocess.Popen(command, stderr=subprocess.PIPE)

    runs = [start(0, 2), start(1, 2), start(0, 1)]
    for run in runs:
        _, told = run.communicate(timeout=240)
        assert run.returncode == 0, told.decode()
    first, second, alone = (np.load(tmp_path / f"{name}.npz") for name in ("2-0", "2-1", "1-0"))
    for d in (2, 4):
        heights, shares = f"heights{d}", f"shares{d}"
        assert np.array_equal(first[heights], second[heights])
        assert np.array_equal(first[shares], second[shares])
        # the same samples, added up in another order
        assert np.abs(first[heights] - alone[heights]).max() < 1e-6
        assert np.abs(first[shares] - alone[shares]).max() < 1e-4
