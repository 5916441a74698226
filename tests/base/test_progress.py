import pytest
from outcomes import Recorder

from meshot.base.progress import SILENT, Stages


def test_stages_report_in_order_and_are_timed(monkeypatch):
    clock = iter([0.0, 1.0, 5.0, 7.5])
    monkeypatch.setattr("meshot.base.progress.time.perf_counter", lambda: next(clock))
    client = Recorder()
    stages = Stages(client)
    with stages("read"):
        pass
    with stages("transport") as progress:
        progress.update(0.5, "step 3")
    assert client.told == [
        ("begin", "read"),
        ("end", 1.0),
        ("begin", "transport"),
        ("update", 0.5, "step 3"),
        ("end", 2.5),
    ]
    assert stages.seconds == {"read": 1.0, "transport": 2.5}


def test_a_stage_that_comes_again_adds_its_time(monkeypatch):
    clock = iter([0.0, 1.0, 5.0, 7.0])
    monkeypatch.setattr("meshot.base.progress.time.perf_counter", lambda: next(clock))
    stages = Stages()
    for _ in range(2):
        with stages("solve"):
            pass
    assert stages.seconds == {"solve": 3.0}


def test_a_stage_that_fails_ends_all_the_same():
    client = Recorder()
    stages = Stages(client)

    def fail():
        with stages("check"):
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert client.told == [("begin", "check"), ("end", stages.seconds["check"])]


def test_no_client_means_silence(capsys):
    with Stages(None)("check") as progress:
        progress.update(1.0, "done")
    assert progress is SILENT
    assert capsys.readouterr() == ("", "")
