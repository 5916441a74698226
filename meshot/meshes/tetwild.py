"""Run fTetWild on arrays in a file, as a script: ``python tetwild.py FOLDER``.

It runs in a separate process because its compiled code can be neither interrupted nor asked for its progress, and
writes files into its working directory.
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
