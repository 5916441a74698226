"""Run trials in another process, which is ended if one takes too long, and told of if it dies."""

import json
import os
import select
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from meshmutations import sound_files

TRIAL = Path(__file__).with_name("trial.py")
READING_SECONDS, SECONDS = 5.0, 60.0
"""Processor time that a file of a megabyte may take to be read and checked, and with its map. The clock would count
what others do on the machine."""
START_SECONDS = 300.0
"""Processor time for the imports and the first files, for which kernels may be compiled."""
BROKEN = ("fault", "traceback", "crash", "hang", "memory")
"""Outcomes that no file may have."""
MEMORY_FACTOR, MEMORY_BYTES = 20, 200 << 20
"""A file may take so many times its size, and so much besides."""


@dataclass(frozen=True)
class Told:
    """What came of a file: outcome, the words about it, processor seconds in all and of reading, bytes of memory."""

    outcome: str
    words: str
    seconds: float = 0.0
    reading: float = 0.0
    bytes: int = 0


class Watch:
    """A process that tries files, and is started anew when it dies.

    Parameters
    ----------
    program : path
        A script that does as `trial` does.
    seconds : float
        Processor time that a file may take.
    """

    def __init__(self, program: Path = TRIAL, seconds: float = SECONDS) -> None:
        self._program, self._seconds = program, seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="meshot-trial-")

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()
        self._folder.cleanup()

    def try_file(self, suffix: str, data: bytes, area: float | None = None) -> Told:
        """Return what came of a file; beside the outcomes of `trial.examine`: fault, traceback, crash, hang, memory."""
        if self._process is None:
            self._start()
        return self._try(suffix, data, self._seconds, area)

    def _try(self, suffix: str, data: bytes, most: float, area: float | None = None) -> Told:
        process = self._process
        assert process is not None
        path = Path(self._folder.name) / f"mesh.{suffix}"
        path.write_bytes(data)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(os.fsencode(path) + b"\t%s\n" % (b"" if area is None else repr(area).encode()))
        process.stdin.flush()
        begin = _processor_seconds(process.pid)
        while not select.select([process.stdout], [], [], 0.05)[0]:
            spent = _processor_seconds(process.pid) - begin
            if spent > most:
                self._end()
                return Told("hang", f"ended after {spent:.1f} s", spent)
        line = process.stdout.readline()
        if not line:
            code = process.wait()
            self._end()
            return Told("crash", f"the process ended with code {code}")
        told = Told(**json.loads(line))
        if told.reading > READING_SECONDS:
            return Told("hang", f"{told.reading:.1f} s to read and check ({told.words})", told.seconds, told.reading)
        if told.bytes > MEMORY_FACTOR * len(data) + MEMORY_BYTES:
            return Told(
                "memory", f"took {told.bytes / 2**20:.0f} MiB ({told.words})", told.seconds, told.reading, told.bytes
            )
        return told

    def _start(self) -> None:
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
        environment = {**os.environ, **threads, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, str(self._program)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        for suffix, data in sound_files():  # nothing shall be imported or compiled later
            told = self._try(suffix, data, START_SECONDS)
            if not told.outcome.startswith("mapped"):
                raise RuntimeError(f"a sound file: {told.outcome}: {told.words}")

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _processor_seconds(pid: int) -> float:
    """Return the processor time of a process so far, of all its threads."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
