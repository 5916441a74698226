"""Ears of a disk map, faces with two edges on the boundary, widened to about their areas before a refinement."""

import numpy as np

from meshot.base.arrays import Floats, Ints
from meshot.meshes.surface import Surface

# An ear is widened if it has less than this part of its area.
TOO_SMALL = 0.5
# Power of the radius with which the turn of the circle fades toward the center.
FADING = 20


def widen_ears(faces: Ints, uv: Floats, targets: Floats) -> Floats:
    """Turn the boundary of a disk map so that ears get about their areas, and the inside less and less with the depth.

    The map of the disk that does this is one to one; small faces near the ears may fold nevertheless.

    Parameters
    ----------
    faces : (F, 3) int
        A triangulated disk.
    uv : (V, 2) float
        Its map, with the boundary on the unit circle in increasing angle.
    targets : (F,) float
        Wanted areas, in any unit.

    Returns
    -------
    (V, 2) float
        The turned map; a copy of `uv` if no ear is too small.

    Examples
    --------
    >>> angle = np.array([0, 0.01, 0.02, 1, 2, 3, 4, 5])
    >>> rim = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    >>> faces = np.array([[0, 1, 2], [0, 2, 8], [2, 3, 8], [3, 4, 8], [4, 5, 8], [5, 6, 8], [6, 7, 8], [7, 0, 8]])
    >>> turned = widen_ears(faces, np.vstack([rim, [[0, 0]]]), np.array([0.1, 1, 1, 1, 1, 1, 1, 1]))
    >>> bool(np.linalg.norm(turned[1] - turned[0]) > 0.2)
    True
    """
    loop = Surface(np.zeros((len(uv), 3)), faces).boundary_loops[0]
    angles = np.unwrap(np.arctan2(uv[loop, 1], uv[loop, 0]))
    gaps = np.diff(angles, append=angles[0] + 2 * np.pi)
    wide = _wide_gaps(faces, loop, gaps, targets * np.pi / targets.sum())
    if (wide == gaps).all():
        return uv.copy()
    turned = angles[0] + np.concatenate([[0.0], np.cumsum(wide)]) * (2 * np.pi / wide.sum())
    angle = angles[0] + (np.arctan2(uv[:, 1], uv[:, 0]) - angles[0]) % (2 * np.pi)
    radius = np.hypot(*uv.T)
    angle += radius**FADING * (np.interp(angle, np.append(angles, angles[0] + 2 * np.pi), turned) - angle)
    angle[loop] = turned[:-1]
    return np.asarray(radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1))


def _wide_gaps(faces: Ints, loop: Ints, gaps: Floats, areas: Floats) -> Floats:
    """Return the angles between neighbors on the circle, (B,), with those of small ears widened."""
    count, wide = len(loop), gaps.copy()
    place = np.full(int(max(faces.max(), loop.max())) + 1, -1)
    place[loop] = np.arange(count)
    corners = np.sort(place[faces], axis=1)
    ears = np.flatnonzero(corners[:, 0] >= 0)
    edges = np.diff(corners[ears], append=corners[ears, :1] + count)
    # The side that cuts off the ear, the longest, is the inner one; ears inside others come first.
    last = edges.argmax(axis=1)
    for k in np.argsort(count - edges.max(axis=1), kind="stable"):
        turn = np.roll(np.arange(3), -1 - last[k])
        first, middle = corners[ears[k], turn[:2]]
        sides = [
            (start + np.arange(steps)) % count for start, steps in zip((first, middle), edges[k, turn[:2]], strict=True)
        ]
        area, angles = areas[ears[k]], [float(wide[side].sum()) for side in sides]
        p, q = angles
        if p * q * (p + q) / 4 >= TOO_SMALL * area:
            continue
        even = (2 * area) ** (1 / 3)
        wanted = max(p, even if q < even else _partner(q, area)), max(q, even if p < even else _partner(p, area))
        for side, angle, more in zip(sides, angles, wanted, strict=True):
            wide[side] *= more / angle
    return wide


def _partner(p: float, area: float) -> float:
    """Return the angle q for which p q (p + q) / 4 is the area."""
    return float(np.sqrt(p * p / 4 + 4 * area / p) - p / 2)
