"""Triangle strips: each vertex from the third on makes a triangle with the two before it."""

import numpy as np

from meshot.base.arrays import Ints


def strip_triangles(corners: Ints, sizes: Ints) -> tuple[Ints, str]:
    """Return the triangles of strips, (F, 3), every second one turned, and a note of them.

    Triangles with a corner twice only lead from one strip to the next, and are left out.

    Parameters
    ----------
    corners : (sum of sizes,) int
        The strips' vertices, one strip after the other; -1 begins a new strip within one.
    sizes : (S,) int
        Number of vertices of each strip.

    Examples
    --------
    >>> strip_triangles(np.array([0, 1, 2, 3]), np.array([4]))[0].tolist()
    [[0, 1, 2], [2, 1, 3]]
    """
    begins = np.zeros(len(corners), dtype=bool)
    begins[(np.cumsum(sizes) - sizes)[sizes > 0]] = True
    kept = corners != -1
    begins |= np.concatenate([[False], ~kept[:-1]])
    # a break may be the last of a row, or stand twice: what begins is the next vertex
    group = np.cumsum(begins)[kept]
    corners = corners[kept]
    place = np.arange(len(corners)) - np.searchsorted(group, group)
    ends = np.flatnonzero(place >= 2)
    odd = place[ends] % 2
    triangles = np.stack([corners[ends - 2 + odd], corners[ends - 1 - odd], corners[ends]], axis=1)
    a, b, c = triangles.T
    whole = (a != b) & (b != c) & (c != a)
    return triangles[whole], f"triangle strips were read as {int(whole.sum())} triangles"
