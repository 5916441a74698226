"""Run fTetWild on arrays in a file. A script of its own: ``python tetwild.py FOLDER``, in which it works.

It runs in a process of its own, as its compiled code can neither be interrupted nor report, and writes files into the
folder it runs in.
"""

import ctypes
import json
import signal
import sys
from pathlib import Path

import numpy as np


def main(folder: Path) -> None:
    """Read ``surface.npz`` and ``options.json``, write ``solid.npz``; the compiled code reports to standard output."""
    from pytetwild.pytetwild import tetrahedralize  # noqa: PLC0415  (an optional package)

    with np.load(folder / "surface.npz") as arrays:
        vertices, faces = arrays["vertices"], arrays["faces"].astype(np.int32)
    options = json.loads((folder / "options.json").read_text())
    points, tetrahedra = tetrahedralize(vertices, faces, quiet=False, loglevel=2, **options)
    np.savez(folder / "solid.npz", vertices=points, tetrahedra=tetrahedra)


def end_with_parent() -> None:
    """Have the system end this process when the one that started it ends, however that happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


if __name__ == "__main__":
    end_with_parent()
    main(Path(sys.argv[1]))
