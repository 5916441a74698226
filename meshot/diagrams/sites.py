"""Checks of sites and masses from callers; errors name the offending sites by their ids."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from meshot.base.arrays import Floats, Ints
from meshot.base.errors import GeometryError
from meshot.meshes.check.problems import SIZES

Duplicates = Literal["error", "merge"]


class Merged(NamedTuple):
    """Sites after merging those in the same place.

    Attributes
    ----------
    first : (m,) int
        The first of the sites in each place, ascending.
    place : (n,) int
        The place of each site: ``sites[first][place]`` are the sites.
    """

    first: Ints
    place: Ints


def check_sites(sites: ArrayLike, *, distinct: bool = True, dimension: int = 2) -> Floats:
    """Return `sites` as an (n, dimension) float array of finite points, or raise `GeometryError`.

    `distinct` refuses sites in the same place.
    """
    array = check_numbers(sites, "sites")
    if array.ndim != 2 or array.shape[1] != dimension or len(array) == 0:
        raise GeometryError(f"sites must have shape (n >= 1, {dimension}), got {array.shape}")
    if not np.isfinite(array).all():
        bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
        raise GeometryError("site with a coordinate that is not finite", ids=bad.tolist())
    if np.abs(array).max() > SIZES[1]:
        bad = np.flatnonzero((np.abs(array) > SIZES[1]).any(axis=1))
        raise GeometryError(f"site with a coordinate beyond {SIZES[1]:g}: rescale the sites", ids=bad.tolist())
    if distinct:
        first, place = merge(array)
        if len(first) < len(array):
            shared = np.flatnonzero((np.bincount(place) > 1)[place])
            raise GeometryError("sites coincide", ids=shared.tolist())
    return array


def check_masses(masses: ArrayLike, count: int) -> Floats:
    """Return `masses` as a (count,) float array of positive numbers with a finite sum, or raise `GeometryError`."""
    array = check_numbers(masses, "masses")
    if array.shape != (count,):
        raise GeometryError(f"masses must have shape ({count},), one for each site, got {array.shape}")
    bad = np.flatnonzero(~(np.isfinite(array) & (array > 0)))
    if len(bad):
        raise GeometryError("mass that is not positive and finite", ids=bad.tolist())
    with np.errstate(over="ignore"):
        if not np.isfinite(array.sum()):
            raise GeometryError("the sum of the masses is not finite")
    return array


def check_weights(weights: ArrayLike, count: int) -> Floats:
    """Return `weights` as a (count,) float array of finite numbers, or raise `GeometryError`."""
    psi = check_numbers(weights, "weights")
    if psi.shape != (count,):
        raise GeometryError(f"weights must be {count} finite numbers, got shape {psi.shape}")
    bad = np.flatnonzero(~np.isfinite(psi))
    if len(bad):
        raise GeometryError("weight that is not finite", ids=bad.tolist())
    return psi


def check_numbers(values: ArrayLike, name: str) -> Floats:
    """Return `values` as a new, contiguous float array, or raise `GeometryError`.

    Examples
    --------
    >>> check_numbers([1, 2], "masses")
    array([1., 2.])
    """
    try:
        return np.array(values, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        raise GeometryError(f"{name} must be an array of numbers") from None


def check_duplicates(duplicates: str) -> None:
    """Raise ValueError unless `duplicates` is one of `Duplicates`."""
    if duplicates not in ("error", "merge"):
        raise ValueError(f'duplicates must be "error" or "merge", got {duplicates!r}')


def merge(sites: Floats) -> Merged:
    """Find the sites (n, 2) in the same place.

    Examples
    --------
    >>> merge(np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]))
    Merged(first=array([0, 1]), place=array([0, 1, 0]))
    """
    if _surely_distinct(sites):
        return Merged(np.arange(len(sites)), np.arange(len(sites)))
    order = np.lexsort(sites.T)
    new = np.append(True, (sites[order[1:]] != sites[order[:-1]]).any(axis=1))
    first = order[new]  # lexsort is stable
    rank = np.empty_like(first)
    rank[np.argsort(first)] = np.arange(len(first))
    place = np.empty_like(order)
    place[order] = rank[np.cumsum(new) - 1]
    return Merged(np.sort(first), place)


def _surely_distinct(sites: Floats) -> bool:
    """Whether no two sites have the same hash: sorting one number for each is ten times as fast as a lexical sort."""
    keys = np.zeros(len(sites), dtype=np.uint64)
    for bits in (sites + 0.0).view(np.uint64).T:  # the sum makes -0 the same as 0
        keys = (keys ^ (keys >> np.uint64(29)) ^ bits) * np.uint64(0x9E3779B97F4A7C15)
    keys.sort()
    return not bool((keys[1:] == keys[:-1]).any())


def heaviest(sites: Floats, weights: Floats) -> Ints:
    """Return the sites that hide the others in the same place, ascending: the first of those with the largest weight.

    Examples
    --------
    >>> heaviest(np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]), np.array([0.0, 0.0, 1.0]))
    array([1, 2])
    """
    place = merge(sites).place
    order = np.lexsort((-weights, place))  # stable
    return np.sort(order[np.append(True, np.diff(place[order]) != 0)])
