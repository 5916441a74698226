"""What viewers are given: scripts, and numbers packed for the page."""

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import ArrayLike

HERE = Path(__file__).parents[1]


def scripts(viewer: str) -> list[Markup]:
    """Return the scripts of a page with a viewer: three.js, what viewers share, and the viewer itself."""
    names = ("vendor/three.min.js", "templates/stage.js", f"templates/{viewer}.js")
    return [Markup((HERE / name).read_text("utf-8")) for name in names]


def allowed(scripts: list[Markup]) -> str:
    """Return what a page's policy says of its scripts: these and no others run, known by their hashes."""
    hashes = (hashlib.sha256(script.encode()).digest() for script in scripts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in hashes)


def as_json(content: Mapping[str, Any]) -> Markup:
    """Return what a viewer shows as JSON, with nothing in it that could end a script element."""
    return Markup(json.dumps(content, allow_nan=False).replace("<", "\\u003c"))


def packed(values: ArrayLike, kind: str) -> str:
    """Return numbers as little-endian bytes in base 64; whole ones have 0 where a number is not finite."""
    array = np.asarray(values)
    if np.dtype(kind).kind != "f" and array.dtype.kind == "f":
        array = np.nan_to_num(array)
    return base64.b64encode(np.ascontiguousarray(array, dtype=kind).tobytes()).decode()


def rgb(colors: tuple[str, ...]) -> list[list[float]]:
    """Return colors of the style sheet, ``#rrggbb``, as numbers from 0 to 1."""
    return [[int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)] for color in colors]


def data_uri(webp: bytes) -> str:
    """Return a picture as an address that holds it."""
    return f"data:image/webp;base64,{base64.b64encode(webp).decode()}"
