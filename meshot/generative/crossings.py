"""The cells along a segment of the source, exactly: the upper envelope of one line for each site."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats, Ints


@dataclass(frozen=True, eq=False)
class Crossings:
    """Crossings of a segment from cell to cell.

    Attributes
    ----------
    times : (c,) float
        Ascending, between 0 at the segment's start and 1 at its end.
    cells : (c + 1,) int
        The cells passed.
    angles : (c,) float
        Angle, in radians, between the supporting planes of the two cells, by the map's criterion.
    jumps : (c,) float
        Distance between their sites.
    singular : (c,) bool
        Whether the angle exceeds the map's threshold.
    """

    times: Floats
    cells: Ints
    angles: Floats
    jumps: Floats
    singular: NDArray[np.bool_]


def cells_along(slopes: Floats, offsets: Floats) -> tuple[Floats, Ints]:
    """Return the upper envelope of the lines ``offsets + t * slopes`` for t from 0 to 1.

    Parameters
    ----------
    slopes, offsets : (n,) float

    Returns
    -------
    times : (c,) float
        Where the largest line changes.
    lines : (c + 1,) int
        The largest lines.

    Examples
    --------
    >>> times, lines = cells_along(np.array([-1.0, 1.0]), np.array([0.5, -0.5]))
    >>> times.tolist(), lines.tolist()
    ([0.5], [0, 1])
    """
    line = int(np.lexsort((slopes, offsets))[-1])
    times: list[float] = []
    lines = [line]
    while True:
        steeper = np.flatnonzero(slopes > slopes[line])
        meeting = (offsets[line] - offsets[steeper]) / (slopes[steeper] - slopes[line])
        if not len(steeper) or meeting.min() > 1:
            return np.array(times), np.array(lines)
        # of lines that meet this one at the same time, the steepest is the largest after it
        first = np.lexsort((-slopes[steeper], meeting))[0]
        line = int(steeper[first])
        times.append(max(0.0, float(meeting[first])))
        lines.append(line)
