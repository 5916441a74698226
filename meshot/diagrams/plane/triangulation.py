"""Regular triangulations of weighted sites of the plane, built by insertion and updated by flips.

The regular (weighted Delaunay) triangulation is the dual of the power diagram: the lower hull of the sites lifted to
the height ``|y|^2 - psi``. It is built by inserting sites coarse to fine along their Hilbert order, each with flips of
the edges around it (Edelsbrunner and Shah, "Incremental topological flipping works for regular triangulations",
Algorithmica 1996), which takes half a microsecond a site. After a change of weights only the edges that are no longer
locally regular are flipped. An edge is flipped only if rounding cannot have decided so: each flip then lowers the
lifted surface, and the flips end. What they leave undone by rounding, or because no flip is possible, shows in the
cells; see `power`.

Three corners far from all sites enclose them, so that no edge is a special case. They are lifted to infinite height:
tests in which they take part are decided by the part that grows with it, and the triangles without them are those of
the sites' convex hull.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from meshot.base.arrays import Floats
from meshot.base.kernels import innerkernel, kernel, run_in_chunks

Ints32 = NDArray[np.int32]

# Relative rounding error of the test for regularity, with a margin.
ROUNDING = 4e-15
# Distance of the far corners in units of the sites' extent, and the coarsening of the order of insertion.
FAR, STRIDE = 4.0, 8
# Flips for each site before giving up: three is usual.
MOST_FLIPS = 100

# Flips, or sites inserted, in one call of a kernel, which cannot be interrupted: about a tenth of a second.
AT_A_TIME = 200_000

# Outcomes of `_mend`; the last one, as of `_insert_sites`, after as many flips as one call may take.
REGULAR, HIDDEN, STUCK, GOING_ON = 0, 1, 2, 3
# Outcomes of `_insert_sites`.
INSERTED, BROKEN = 0, 1


class TriangleArrays(NamedTuple):
    """A triangulation in arrays longer than needed; the number of triangles is stored separately.

    Attributes
    ----------
    sites, weights : (n + 3, 2) float, (n + 3,) float
        With the three far corners at the end, whose weights stand for minus infinity.
    triangles : (2 n + 1, 3) int32
        Corners, counter-clockwise; -1 first where a triangle was taken away.
    across : (2 n + 1, 3) int32
        Triangle beyond the side opposite each corner, -1 if there is none.
    corner_of : (n + 3,) int32
        A triangle at each site; -1 if the site is hidden: its cell is empty.
    """

    sites: Floats
    weights: Floats
    triangles: Ints32
    across: Ints32
    corner_of: Ints32


class RegularTriangulation:
    """The regular triangulation of the same sites for successive weights.

    Attributes
    ----------
    mesh : TriangleArrays
    count : int
        Number of triangles, with those that were taken away.

    Examples
    --------
    >>> square = RegularTriangulation(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.5, 0.5]]))
    >>> square.update(np.zeros(5), may_hide=True), int((square.corner_of >= 0).sum())
    (True, 8)
    >>> square.update(np.array([1.0, 1.0, 1.0, 1.0, 0.0]), may_hide=True), int(square.corner_of[4])
    (True, -1)
    """

    def __init__(self, sites: Floats) -> None:
        n = len(sites)
        low, high = (np.array([limit(column) for column in sites.T]) for limit in (np.min, np.max))
        middle, extent = (low + high) / 2, float(np.hypot(*(high - low))) / 2 or 1.0
        angles = np.pi / 2 + 2 * np.pi / 3 * np.arange(3)
        corners = middle + FAR * extent * np.column_stack([np.cos(angles), np.sin(angles)])
        triangles, across = np.empty((2, 2 * n + 1, 3), dtype=np.int32)
        corner_of = np.full(n + 3, -1, dtype=np.int32)
        self.mesh = TriangleArrays(np.concatenate([sites, corners]), np.zeros(n + 3), triangles, across, corner_of)
        self.count = 0
        self._order: Ints32 | None = None

    @property
    def corner_of(self) -> Ints32:
        """A triangle at each site, (n + 3,); -1 if the site is hidden: its cell is empty."""
        return self.mesh.corner_of

    @property
    def triangles(self) -> Ints32:
        """Corners of each triangle, (t, 3)."""
        return self.mesh.triangles[: self.count]

    @property
    def inner(self) -> Ints32:
        """The triangles between sites: they fill the convex hull, (t, 3)."""
        n, corners = len(self.mesh.sites) - 3, self.triangles
        return corners[(corners[:, 0] >= 0) & (corners.max(axis=1) < n)]

    def update(self, weights: Floats, *, may_hide: bool) -> bool:
        """Update the triangulation to new weights.

        Parameters
        ----------
        weights : (n,) float
            Power weights psi, of moderate size (mean zero).
        may_hide : bool
            Whether hidden sites are of use. If not, and there are some, it returns False; so it does if the flips do
            not come to an end.
        """
        self.mesh.weights[: len(weights)] = weights
        if self.count and (self.corner_of >= 0).all():
            outcome = self._flip()
            if outcome == REGULAR or (outcome == HIDDEN and not may_hide):
                return outcome == REGULAR
        self._insert()
        return self.count > 0 and (may_hide or bool((self.corner_of >= 0).all()))

    def _flip(self) -> int:
        """Flip what is no longer regular."""
        parts = run_in_chunks(self._find_irregular, self.count, max(8192, self.count // 32))
        irregular = np.concatenate(parts)
        stack = np.empty(4 * len(irregular) + self.count + 16, dtype=np.int32)
        stack[: len(irregular)] = irregular
        outcome, top, left, stuck = GOING_ON, len(irregular), MOST_FLIPS * len(self.mesh.sites), False
        while outcome == GOING_ON:
            outcome, top, flips, stuck = _mend(top, min(left, AT_A_TIME), self.mesh, stack, stuck)
            left -= flips
            if outcome == GOING_ON and left <= 0:
                return STUCK
        return int(outcome)

    def _find_irregular(self, first: int, last: int) -> Ints32:
        found = np.empty(3 * (last - first), dtype=np.int32)
        return found[: _find_irregular(first, last, self.mesh, found)]

    def _insert(self) -> None:
        """Build the triangulation anew. Were it to break down, all sites would be hidden."""
        n = len(self.mesh.sites) - 3
        if self._order is None:
            self._order = coarse_to_fine(n)
        free, stack = np.empty(2 * n + 1, dtype=np.int32), np.empty(4 * n + 16, dtype=np.int32)
        progress = np.array([0, 1, 0, 0, MOST_FLIPS * (n + 3)])
        _start_triangle(self.mesh)
        outcome = GOING_ON
        while outcome == GOING_ON:
            outcome = _insert_sites(self._order, progress, AT_A_TIME, self.mesh, free, stack)
        self.count = int(progress[1]) if outcome == INSERTED else 0
        if self.count == 0:
            self.corner_of[:] = -1


def coarse_to_fine(count: int) -> Ints32:
    """Return ``range(count)`` reordered: every `STRIDE`-th of every `STRIDE`-th ... first, and the rest level by level.

    Sites in Hilbert order are then inserted evenly over the plane, each near the one before it.

    Examples
    --------
    >>> coarse_to_fine(10).tolist()
    [0, 8, 1, 2, 3, 4, 5, 6, 7, 9]
    """
    places = np.arange(count, dtype=np.int32)
    level = np.zeros(count, dtype=np.int8)
    stride = STRIDE
    while stride < count:
        level[::stride] += 1
        stride *= STRIDE
    return places[np.argsort(-level, kind="stable")]


@innerkernel
def _turn(sites, a, b, c):
    """Twice the signed area of the triangle (a, b, c)."""
    x, y = sites[b, 0] - sites[a, 0], sites[b, 1] - sites[a, 1]
    return x * (sites[c, 1] - sites[a, 1]) - y * (sites[c, 0] - sites[a, 0])


@innerkernel
def _below(mesh, a, b, c, d):
    """Whether site d, lifted, lies below the plane of a, b and c (counter-clockwise), beyond doubt of rounding."""
    sites, weights = mesh.sites, mesh.weights
    ax, ay, aw = sites[a, 0] - sites[d, 0], sites[a, 1] - sites[d, 1], weights[a] - weights[d]
    bx, by, bw = sites[b, 0] - sites[d, 0], sites[b, 1] - sites[d, 1], weights[b] - weights[d]
    cx, cy, cw = sites[c, 0] - sites[d, 0], sites[c, 1] - sites[d, 1], weights[c] - weights[d]
    a2, b2, c2 = ax * ax + ay * ay, bx * bx + by * by, cx * cx + cy * cy
    p, q, r, s, t, u = bx * cy, by * cx, cx * ay, cy * ax, ax * by, ay * bx
    far = len(sites) - 3
    if max(a, b, c, d) >= far:  # what grows with the height of the far corners decides
        low = int(d >= far)
        af, bf, cf = int(a >= far) - low, int(b >= far) - low, int(c >= far) - low
        growth, size = af * (p - q) + bf * (r - s) + cf * (t - u), abs(p) + abs(q) + abs(r) + abs(s) + abs(t) + abs(u)
        if abs(growth) > ROUNDING * size:
            return growth > 0.0
    size = (a2 + abs(aw)) * (abs(p) + abs(q)) + (b2 + abs(bw)) * (abs(r) + abs(s)) + (c2 + abs(cw)) * (abs(t) + abs(u))
    return (a2 - aw) * (p - q) + (b2 - bw) * (r - s) + (c2 - cw) * (t - u) > ROUNDING * size


@innerkernel
def place_of(array, t, value):
    """Column of `value` in row t of an array with three."""
    if array[t, 0] == value:
        return 0
    return 1 if array[t, 1] == value else 2


@innerkernel
def _set(array, t, x, y, z):
    array[t, 0], array[t, 1], array[t, 2] = x, y, z


@innerkernel
def _relink(across, t, old, new):
    if t >= 0:
        across[t, place_of(across, t, old)] = new


@innerkernel
def _flip_side(mesh, t, k, o, m):
    """Swap the diagonal between t, whose corner k is opposite to it, and o, whose corner m is."""
    _, _, triangles, across, corner_of = mesh
    after, before = (k + 1) % 3, (k + 2) % 3
    a, b, c, d = triangles[t, k], triangles[t, after], triangles[t, before], triangles[o, m]
    ab, ca = across[t, before], across[t, after]
    bd, dc = across[o, (m + 1) % 3], across[o, (m + 2) % 3]
    _set(triangles, t, a, b, d)
    _set(triangles, o, a, d, c)
    _set(across, t, bd, o, ab)
    _set(across, o, dc, ca, t)
    _relink(across, bd, o, t)
    _relink(across, ca, t, o)
    corner_of[a], corner_of[b], corner_of[c], corner_of[d] = t, t, o, t


@innerkernel
def _walk(mesh, t, p):
    """Triangle that holds site p, by steps from triangle t."""
    sites, triangles, across, came = mesh.sites, mesh.triangles, mesh.across, -1
    for _ in range(len(triangles)):
        there = t
        for k in range(3):
            o = across[t, k]
            if o != came and o >= 0 and _turn(sites, triangles[t, (k + 1) % 3], triangles[t, (k + 2) % 3], p) < 0.0:
                there = o
                break
        if there == t:
            break
        came, t = t, there
    return t


@innerkernel
def _split(mesh, t, u, v, p):
    """Join site p to the corners of t: three triangles, t, u and v, of which p is the first corner."""
    _, _, triangles, across, corner_of = mesh
    a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
    bc, ca, ab = across[t, 0], across[t, 1], across[t, 2]
    _set(triangles, t, p, b, c)
    _set(triangles, u, p, c, a)
    _set(triangles, v, p, a, b)
    _set(across, t, bc, u, v)
    _set(across, u, ca, v, t)
    _set(across, v, ab, t, u)
    _relink(across, ca, t, u)
    _relink(across, ab, t, v)
    corner_of[p], corner_of[a], corner_of[b], corner_of[c] = t, u, t, t


@innerkernel
def _hide(mesh, t, o, third, a):
    """Take away site a, whose only triangles are t, o and `third`: they become one, t."""
    _, _, triangles, across, corner_of = mesh
    k, side_o, side_third = place_of(triangles, t, a), place_of(across, t, o), place_of(across, t, third)
    beyond_o, beyond_third = across[o, place_of(triangles, o, a)], across[third, place_of(triangles, third, a)]
    triangles[t, k] = triangles[o, place_of(across, o, t)]
    across[t, side_o], across[t, side_third] = beyond_o, beyond_third
    _relink(across, beyond_o, o, t)
    _relink(across, beyond_third, third, t)
    for corner in range(3):
        corner_of[triangles[t, corner]] = t
    corner_of[a], triangles[o, 0], triangles[third, 0] = -1, -1, -1


@innerkernel
def _improve(mesh, t, k, o, m):
    """Flip the side between t and o, which is not regular, if that is possible.

    Returns -2 after a flip, -1 if nothing can be done, else the corner at which the two triangles bulge inward and
    which belongs to a single other one: it has to go.
    """
    sites, triangles, across = mesh.sites, mesh.triangles, mesh.across
    a, b, c, d = triangles[t, k], triangles[t, (k + 1) % 3], triangles[t, (k + 2) % 3], triangles[o, m]
    reflex, stays = b, c
    if _turn(sites, a, b, d) > 0.0:
        if _turn(sites, a, d, c) > 0.0:
            _flip_side(mesh, t, k, o, m)
            return -2
        reflex, stays = c, b
    third = across[t, place_of(triangles, t, stays)]
    alone = third >= 0 and across[o, place_of(triangles, o, stays)] == third
    return reflex if alone else -1


@kernel
def _start_triangle(mesh):
    """Make the triangle of the far corners, the first."""
    n = len(mesh.sites) - 3
    _set(mesh.triangles, 0, n, n + 1, n + 2)
    _set(mesh.across, 0, -1, -1, -1)
    mesh.corner_of[n], mesh.corner_of[n + 1], mesh.corner_of[n + 2] = 0, 0, 0


@kernel
def _insert_sites(order, progress, at_a_time, mesh, free, stack):
    """Insert sites in `order` into the triangle of the far corners.

    `progress` (5,) has the place in the order, the count of triangles, those taken away included, the length of the
    list `free` of these, the triangle at hand, and how many flips are left; `stack` is room.

    Returns `INSERTED`; `GOING_ON` after so many sites and flips `at_a_time`; or `BROKEN` if flips did not end.
    """
    _, _, triangles, across, corner_of = mesh
    count, unused, t, limit = progress[1], progress[2], progress[3], progress[4]
    begin, before = progress[0], limit
    for place in range(begin, len(order)):
        if place - begin + before - limit >= at_a_time:
            progress[0], progress[1], progress[2], progress[3], progress[4] = place, count, unused, t, limit
            return GOING_ON
        p = order[place]
        t = _walk(mesh, t, p)
        corner_of[p] = -1
        if not _below(mesh, triangles[t, 0], triangles[t, 1], triangles[t, 2], p):
            continue
        u, v = count, count + 1
        if unused > 0:
            unused -= 2
            u, v = free[unused], free[unused + 1]
        else:
            count += 2
        _split(mesh, t, u, v, p)
        stack[0], stack[1], stack[2], top = t, u, v, 3
        while top > 0:
            top -= 1
            t = stack[top]
            o = across[t, 0]
            if triangles[t, 0] != p or o < 0:
                continue
            m = place_of(across, o, t)
            if not _below(mesh, p, triangles[t, 1], triangles[t, 2], triangles[o, m]):
                continue
            result = _improve(mesh, t, 0, o, m)
            if result == -2:
                stack[top], stack[top + 1] = t, o
                top += 2
                limit -= 1
                if limit < 0 or top + 2 > len(stack):
                    return BROKEN
            elif result >= 0:
                third = across[t, 1] if triangles[t, 2] == result else across[t, 2]
                if unused + 2 > len(free):
                    return BROKEN
                _hide(mesh, t, o, third, result)
                free[unused], free[unused + 1] = o, third
                unused += 2
                stack[top] = t
                top += 1
        t = corner_of[p]
    progress[0], progress[1] = len(order), count
    return INSERTED


@kernel
def _find_irregular(first, last, mesh, found):
    """Fill `found` with the sides, 3 t + k, of the triangles from `first` to `last` that are not locally regular."""
    triangles, across, count = mesh.triangles, mesh.across, 0
    for t in range(first, last):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        for k in range(3):
            o = across[t, k]
            if o > t and a >= 0 and _below(mesh, a, b, c, triangles[o, place_of(across, o, t)]):
                found[count] = 3 * t + k
                count += 1
    return count


@kernel
def _mend(top, most, mesh, stack, stuck):
    """Flip the sides 3 t + k on the `stack`, and what that makes irregular; ends before a site would be hidden.

    Returns the outcome, `GOING_ON` after `most` flips, the size of the stack, how many flips there were, and whether
    there was a side, here or before, that no flip makes regular.
    """
    triangles, across, flips = mesh.triangles, mesh.across, 0
    while top > 0:
        if flips >= most:
            return GOING_ON, top, flips, stuck
        top -= 1
        t, k = stack[top] // 3, stack[top] % 3
        o = across[t, k]
        if o < 0:
            continue
        m = place_of(across, o, t)
        if not _below(mesh, triangles[t, 0], triangles[t, 1], triangles[t, 2], triangles[o, m]):
            continue
        result = _improve(mesh, t, k, o, m)
        if result >= 0:
            return HIDDEN, top, flips, stuck
        stuck = stuck or result == -1
        if result == -2:
            flips += 1
            if top + 4 > len(stack):
                return STUCK, top, flips, stuck
            stack[top], stack[top + 1], stack[top + 2], stack[top + 3] = 3 * t, 3 * t + 2, 3 * o, 3 * o + 1
            top += 4
    return STUCK if stuck else REGULAR, top, flips, stuck
