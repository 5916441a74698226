"""A start for Newton's method from coarser problems (multilevel warm start).

Each level takes these steps (Merigot, "A multiscale approach to optimal transport", CGF 2011, and Levy, "A numerical
algorithm for L2 semi-discrete optimal transport in 3D", ESAIM M2AN 2015, prolong weights by injection):

1. coarsen: 4 consecutive sites in Hilbert order (8 in space) become one, at their center of mass, with the sum of the
   masses, but not across a gap;
2. solve the coarse problem to a loose tolerance, itself from a coarser one;
3. prolong: the Legendre dual u* of the Brenier potential has the value -h at a coarse site, its gradient is the cell's
   centroid, and its second derivatives follow from the change of the centroid from site to site. The fine site's value
   is a weighted mean of these quadratics;
4. smooth: where the mean is not convex, a cell is empty. A moving least-squares fit of a quadratic to the values at
   near sites removes the noise and reproduces quadratics;
5. raise the few cells that are still empty (see `initial_weights`).

The finest level then starts so close that Newton's method takes full steps almost from the beginning.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.ndimage import median_filter

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import GeometryError
from meshot.base.kernels import kernel, run_in_chunks, subkernel
from meshot.diagrams.power_cells import PowerCells, SiteEngine
from meshot.transport.initial_weights import FIRST, State, fade_out, give_all_mass, mend
from meshot.transport.newton import DampedNewton
from meshot.transport.problem import TransportProblem

COARSEST = 400
LOOSE = 0.05
# Largest relative error of a plain start from which Newton's method is as fast without coarser problems: uniform sites
# have 5, conformal maps 10 and more.
FAR = 12.0
# A group ends where the next site in the order is so many times the local spacing away.
JUMP = 5.0
# Sweeps of smoothing in the plane and in space, where the fits reach farther and more sweeps would blur sharp features.
SWEEPS = {2: 3, 3: 1}


def multilevel_start(problem: TransportProblem, engine: SiteEngine[PowerCells]) -> PowerCells:
    """Return a diagram near the optimal one in which every cell has mass, as a start of Newton's method.

    It is that of the problem's first heights if the problem is small or the error is below `FAR`.

    Parameters
    ----------
    problem : TransportProblem
    engine : SiteEngine
        For the problem's sites and domain.

    Returns
    -------
    PowerCells

    Examples
    --------
    >>> from meshot.diagrams.domains import Disk
    >>> problem = TransportProblem(np.array([[-0.1, 0.0], [0.3, 0.0]]), np.ones(2), Disk())
    >>> multilevel_start(problem, problem.engine()).masses.shape
    (2,)
    """
    plain = engine.diagram(problem.power_weights(problem.first_heights()))
    farthest = float(np.abs(plain.masses / plain.masses.sum() * problem.masses.sum() / problem.masses - 1).max())
    if engine.count <= COARSEST or (farthest < FAR and not len(plain.empty)):
        return give_all_mass(problem, engine, plain)
    near = plain.edges.neighbors
    starts = grouped(engine.local)
    coarse = coarsen(problem, engine.order, starts)
    solved = _solve_loosely(coarse)
    if solved is None:
        return give_all_mass(problem, engine, plain)
    parents = np.repeat(np.arange(len(starts)), np.diff(starts, append=engine.count))
    dual = prolong(coarse, solved.diagram, engine.local, parents)
    for _ in range(SWEEPS[engine.local.shape[1]]):
        dual = smooth(engine.local, dual, *near)
    weights = np.empty(engine.count)
    weights[engine.order] = (engine.local**2).sum(axis=1) - 2 * dual
    mended = mend(engine, weights, problem.masses / problem.density, *near)
    if mended is None and len(plain.empty) and problem.source is not None:
        blended = replace(problem, source=problem.source.blended(FIRST))  # under which no cell lacks mass
        plain = engine.diagram(multilevel_start(blended, blended.engine()).weights)
    return give_all_mass(problem, engine, plain if mended is None else mended)


def grouped(sites: Floats) -> Ints:
    """Return where groups of up to 4 consecutive sites (8 in space) start, for sites (n, d) in Hilbert order.

    A group also ends where the order jumps, as where it leaves the domain and returns elsewhere: sites on both sides of
    a gap would become one site inside the gap.

    Examples
    --------
    >>> line = np.column_stack([[0.0, 1.0, 2.0, 3.0, 4.0, 94.0, 95.0, 96.0, 97.0], np.zeros(9)])
    >>> grouped(line)
    array([0, 4, 5, 8])
    """
    steps = np.linalg.norm(np.diff(sites, axis=0), axis=1)
    starts = np.arange(len(sites)) % (1 << sites.shape[1]) == 0
    starts[1:] |= steps > JUMP * median_filter(steps, 9, mode="nearest")
    return np.flatnonzero(starts)


def coarsen(problem: TransportProblem, order: Ints, starts: Ints) -> TransportProblem:
    """Return the problem of the groups of sites that are consecutive in `order` and begin at `starts`, in order."""
    mass = problem.masses[order]
    masses = np.add.reduceat(mass, starts)
    sites = np.add.reduceat(mass[:, None] * problem.sites[order], starts) / masses[:, None]
    return TransportProblem(sites, masses, problem.domain, problem.source)


def _solve_loosely(problem: TransportProblem) -> State | None:
    """Solve to the tolerance `LOOSE`; None if that fails, or groups have the same center of mass."""
    try:
        engine = problem.engine()
    except GeometryError:
        return None
    state = DampedNewton(tol=LOOSE).end(problem, engine, multilevel_start(problem, engine))
    if state.error > LOOSE and problem.source is not None:
        for next_state in fade_out(problem, engine, state, LOOSE):
            state = next_state
    return state if state.error <= LOOSE else None


def prolong(coarse: TransportProblem, diagram: PowerCells, sites: Floats, parents: Ints) -> Floats:
    """Return the dual potential u* at fine sites, (n,), from a coarse diagram.

    Parameters
    ----------
    coarse : TransportProblem
        From `coarsen`.
    diagram : PowerCells
        A diagram of its sites without empty cells.
    sites : (n, d) float
        Relative to the domain's center.
    parents : (n,) int
        The coarse site of each.

    Returns
    -------
    (n,) float
    """
    local = coarse.sites - coarse.domain.center
    gradients = diagram.centroids - coarse.domain.center
    dual = ((local**2).sum(axis=1) - diagram.weights) / 2
    owner, other = np.concatenate([diagram.facets, diagram.facets[:, ::-1]]).T
    by_owner = np.argsort(owner, kind="stable")
    owner, other = owner[by_owner], other[by_owner]
    starts = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(local)))])
    reach = _mean_squares(local, owner, other, starts)
    quadratics = _Quadratics(local, dual, gradients, _hessians(local, gradients, owner, other), reach)
    values = np.empty(len(sites))
    run_in_chunks(
        lambda first, last: _blend(first, last, sites, parents, quadratics, starts, other, values),
        len(sites),
        max(4096, len(sites) // 32),
    )
    return values


class _Quadratics(NamedTuple):
    """Local models of the dual potential, one about each coarse site.

    Attributes
    ----------
    centers : (n, d) float
    values, gradients, hessians : (n,) float, (n, d) float, (n, d, d) float
        Those at the center.
    reach : (n,) float
        Mean squared distance to the neighbors.
    """

    centers: Floats
    values: Floats
    gradients: Floats
    hessians: Floats
    reach: Floats


def _mean_squares(sites: Floats, owner: Ints, other: Ints, starts: Ints) -> Floats:
    """Return the mean squared distance of each site to its neighbors, (n,)."""
    squares = ((sites[other] - sites[owner]) ** 2).sum(axis=1)
    return np.asarray(np.bincount(owner, squares, len(sites)) / np.maximum(np.diff(starts), 1))


def _hessians(sites: Floats, gradients: Floats, owner: Ints, other: Ints) -> Floats:
    """Return the second derivatives that fit the change of `gradients` to the neighbors best, (n, d, d)."""
    (n, d), step, change = sites.shape, sites[other] - sites[owner], gradients[other] - gradients[owner]
    weight = 1 / (step**2).sum(axis=1)

    def moments(left: Floats, right: Floats) -> Floats:
        products = (weight[:, None] * left)[:, :, None] * right[:, None, :]
        sums = np.stack([np.bincount(owner, entry, n) for entry in products.reshape(-1, d * d).T], axis=1)
        return np.asarray(sums.reshape(n, d, d), dtype=np.float64)

    normal = moments(step, step)
    normal += (1e-9 * np.trace(normal, axis1=1, axis2=2) + 1e-300)[:, None, None] * np.eye(d)
    fit = moments(change, step) @ np.linalg.inv(normal)
    return np.asarray((fit + fit.transpose(0, 2, 1)) / 2)


@kernel
def _blend(first, last, sites, parents, quadratics, starts, neighbors, values):
    """Average the quadratics of each fine site's group and of its neighbors, weighted by (r^2 / reach + 0.1)^-2."""
    dimension, (centers, dual, gradients, hessians, reach) = sites.shape[1], quadratics
    for i in range(first, last):
        parent = parents[i]
        total, weights = 0.0, 0.0
        for k in range(starts[parent] - 1, starts[parent + 1]):
            j = parent if k < starts[parent] else neighbors[k]
            value, square = dual[j], 0.0
            for a in range(dimension):
                slope, x = gradients[j, a], sites[i, a] - centers[j, a]
                for b in range(dimension):
                    slope += 0.5 * hessians[j, a, b] * (sites[i, b] - centers[j, b])
                value, square = value + slope * x, square + x * x
            near = square / reach[j] + 0.1 if reach[j] > 0.0 else 1.0
            weight = 1.0 / (near * near)
            total, weights = total + weight * value, weights + weight
        values[i] = total / weights


def smooth(sites: Floats, values: Floats, starts: Ints, neighbors: Ints) -> Floats:
    """Smooth values at sites by moving least squares with quadratics.

    The fit uses the neighbors and their neighbors, weighted by a Gaussian of the distance.

    Parameters
    ----------
    sites : (n, d) float
    values : (n,) float
    starts, neighbors : (n + 1,) int, (e,) int
        Neighbors of each site (CSR).

    Returns
    -------
    (n,) float
    """
    smoothed = np.empty_like(values)
    run_in_chunks(
        lambda first, last: _fit_near(first, last, sites, values, starts, neighbors, smoothed),
        len(sites),
        max(4096, len(sites) // 32),
    )
    return smoothed


@subkernel
def _collect_near(i, starts, neighbors, seen, near):
    """Fill `near` with site i, its neighbors and theirs, each once, as far as there is room; returns how many."""
    near[0], seen[i], count = i, i, 1
    for k in range(starts[i], starts[i + 1]):
        middle = neighbors[k]
        for m in range(starts[middle] - 1, starts[middle + 1]):
            j = middle if m < starts[middle] else neighbors[m]
            if seen[j] == i:
                continue
            if count == len(near):  # a fit needs no more
                return count
            near[count], seen[j] = j, i
            count += 1
    return count


@subkernel
def _last_unknown(terms, normal, right):
    """Solve a symmetric system, given by its upper triangle, for its last unknown; changes both."""
    for p in range(terms - 1):
        for a in range(p + 1, terms):
            factor = normal[p, a] / normal[p, p]
            right[a] -= factor * right[p]
            for b in range(a, terms):
                normal[a, b] -= factor * normal[p, b]
    return right[terms - 1] / normal[terms - 1, terms - 1]


@kernel
def _fit_near(first, last, sites, values, starts, neighbors, smoothed):
    """Fit differences of value to those at the near sites; the constant, last in the basis, is what is wanted."""
    dimension = sites.shape[1]
    terms = (dimension + 1) * (dimension + 2) // 2
    near, seen = np.empty(128, np.int64), np.full(len(sites), -1, np.int64)
    basis, normal, right = np.ones(terms), np.empty((terms, terms)), np.empty(terms)
    for i in range(first, last):
        count = _collect_near(i, starts, neighbors, seen, near)
        square = 0.0
        for k in range(count):
            for a in range(dimension):
                square += (sites[near[k], a] - sites[i, a]) ** 2
        scale = np.sqrt(count / square) if square > 0.0 else 0.0
        normal[:] = 0.0
        right[:] = 0.0
        for k in range(count):
            j, square, place = near[k], 0.0, dimension
            for a in range(dimension):
                basis[a] = (sites[j, a] - sites[i, a]) * scale
                square += basis[a] ** 2
            for a in range(dimension):
                for b in range(a, dimension):
                    basis[place] = basis[a] * basis[b]
                    place += 1
            weight, change = np.exp(-square), values[j] - values[i]
            for a in range(terms):
                right[a] += weight * basis[a] * change
                for b in range(a, terms):
                    normal[a, b] += weight * basis[a] * basis[b]
        for a in range(terms):
            normal[a, a] += 1e-10  # fewer sites than terms: the fit is not unique
        smoothed[i] = values[i] + _last_unknown(terms, normal, right)
