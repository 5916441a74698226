"""Faces that a refinement leaves off, and why; with a proof if the wanted areas do not fit into the circle.

A chord, an inner edge between two boundary vertices, cuts off a part of the mesh that lies between it and its arc. Let
K such parts lie side by side, and let the least of their angles be t <= 2 pi / K. That part has at most the area of its
segment, (t - sin t) / 2. The chords' ends span a polygon between the parts, which is smallest, at angles of at least t,
where all but one are t: it has at least the area ((K - 1) sin t - sin((K - 1) t)) / 2. So the part has at most the
share x / (1 + K x) of the whole, with x the quotient of these; it grows with t. At t = 2 pi / K that is the share of
the disk which a segment of this angle has, (t - sin t) / (2 pi), about 6.6 / K^3: long spikes do not fit into a circle.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.sparse import csgraph

from meshot.base.arrays import Floats, Ints
from meshot.refinement.disk_system import DiskSystem


class Misfit(NamedTuple):
    """Parts beyond chords of which one must be too small.

    Attributes
    ----------
    parts : int
        Number of disjoint parts.
    ratio : float
        Bound of the share of one of them, over its wanted share.
    inside : (F,) bool
        Their faces.
    """

    parts: int
    ratio: float
    inside: NDArray[np.bool_]


def segment_share(parts: ArrayLike) -> Floats:
    """Return the largest share of the area that the least of some parts beyond chords, at least three, can have.

    Examples
    --------
    >>> segment_share([3, 60]).round(7).tolist()
    [0.1955011, 3.04e-05]
    """
    angle = 2 * np.pi / np.asarray(parts)
    return np.asarray((angle - np.sin(angle)) / (2 * np.pi))


def misfit(system: DiskSystem) -> Misfit | None:
    """Return the parts beyond chords that fit worst into the circle; None if all fit.

    Examples
    --------
    Six ears on a hexagon, of a twelfth of the area each, are too much for its circle:

    >>> ears = [[0, 1, 2], [2, 3, 4], [4, 5, 6], [6, 7, 8], [8, 9, 10], [10, 11, 0]]
    >>> core = [[0, 2, 4], [0, 4, 6], [0, 6, 8], [0, 8, 10]]
    >>> worst = misfit(DiskSystem(np.array(ears + core), np.array([1.0] * 6 + [1.5] * 4)))
    >>> worst.parts, round(worst.ratio, 2), worst.inside.tolist() == [True] * 6 + [False] * 4
    (6, 0.35, True)
    """
    block, tree = _blocks(system)
    if tree.shape[0] < 4:
        return None
    order, parent, carried = _balanced(tree, np.bincount(block, system.shares).astype(np.float64))
    largest = np.zeros(len(order))
    np.maximum.at(largest, parent[order[1:]], carried[order[1:]])
    # For any share, the subtrees with this or more of which no branch has as much lie side by side.
    wanted = np.sort(carried[order[1:]])
    parts = np.searchsorted(np.sort(largest[order[1:]]), wanted) - np.searchsorted(wanted, wanted)
    ratios = np.where(parts >= 3, segment_share(np.maximum(parts, 3)) / wanted, np.inf)
    worst = int(ratios.argmin())
    if ratios[worst] >= 1:
        return None
    inside = (carried >= wanted[worst]) & (largest < wanted[worst])
    for node in order[1:]:
        inside[node] |= inside[parent[node]]
    return Misfit(int(parts[worst]), float(ratios[worst]), inside[block])


def proven_misfit(system: DiskSystem, tol_max: float) -> Misfit | None:
    """Return the parts that fit worst if they prove that no map has all faces within the tolerance; else None."""
    worst = misfit(system)
    return None if worst is None or worst.ratio >= 1 - tol_max else worst


def _blocks(system: DiskSystem) -> tuple[Ints, sparse.csr_array]:
    """Return the block of each face, (F,), where chords are the blocks' borders, and which blocks share a chord."""
    count = len(system.faces)
    order = np.argsort(system.face_edges.ravel(), kind="stable")
    edge, face = system.face_edges.ravel()[order], order // 3
    inner = np.flatnonzero(edge[1:] == edge[:-1])
    chord = system.on_circle[system.edges[edge[inner]]].all(axis=1)
    first, second = face[inner], face[inner + 1]
    joined = sparse.coo_array((np.ones((~chord).sum()), (first[~chord], second[~chord])), shape=(count, count))
    number, block = csgraph.connected_components(joined, directed=False)
    ends = block[first[chord]], block[second[chord]]
    half = sparse.coo_array((np.ones(chord.sum()), ends), shape=(number, number))
    return block.astype(np.int64), (half + half.T).tocsr()


def _balanced(tree: sparse.csr_array, shares: Floats) -> tuple[Ints, Ints, Floats]:
    """Root a tree where no branch has more than half of the shares; see `_rooted`."""
    order, _, carried = _rooted(tree, shares, 0)
    return _rooted(tree, shares, int(order[carried[order] > 0.5 * shares.sum()][-1]))


def _rooted(tree: sparse.csr_array, shares: Floats, root: int) -> tuple[Ints, Ints, Floats]:
    """Return the nodes from the root on, each one's parent, and the share of the subtree that it carries."""
    order, parent = csgraph.breadth_first_order(tree, root, directed=False)
    carried = shares.copy()
    for node in order[:0:-1]:
        carried[parent[node]] += carried[node]
    return order.astype(np.int64), parent.astype(np.int64), carried


def name_obstructed(
    system: DiskSystem, ratio: Floats, tol_max: float, tol_sd: float = np.inf
) -> tuple[Ints, tuple[str, ...]]:
    """Return the faces that keep the area `ratio`, (F,), from its tolerances, worst first, and the reason for each.

    These are the faces beyond `tol_max`, and if the standard deviation is beyond `tol_sd` at least as many as have half
    of the squared error.
    """
    faces, off = system.faces, np.abs(ratio - 1)
    order = np.argsort(-off)
    count = int((off > tol_max).sum())
    if np.sqrt(np.mean(off**2)) > tol_sd:
        squares = np.cumsum(off[order] ** 2)
        count = max(count, int(np.searchsorted(squares, 0.5 * squares[-1])) + 1)
    obstructed = order[:count]
    rim = system.on_circle[faces].sum(axis=1)
    valence = np.bincount(faces.ravel(), minlength=system.count)[faces]
    regular = (valence == 6).all(axis=1) & (rim == 0)
    causes = {
        "all three vertices lie on the circle": rim == 3,
        "it has a vertex of at most three faces": valence.min(axis=1) <= 3,
        "it has an edge on the circle": rim == 2,
        "each of its vertices has six faces: there areas can hardly change against their neighbors'": regular,
    }
    proof = proven_misfit(system, tol_max) if len(obstructed) else None
    if proof is not None:
        words = f"{proof.parts} parts beyond edges between boundary vertices do not fit into the circle: one of them "
        words += f"gets at most {100 * proof.ratio:.2g} % of its area"
        causes = {f"it lies in one of these: {words}": proof.inside, f"it lies between these: {words}": ~proof.inside}
    chosen = np.select(list(causes.values()), list(causes), default="its neighbors' areas hold it")
    return obstructed, tuple(chosen[obstructed].tolist())
