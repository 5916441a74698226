"""Decorators of compiled kernels (compiled lazily, cached, without the interpreter lock), and a thread pool."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile `function` at its first call; the machine code is cached on disk. Division by zero gives inf or nan."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        compiled: Any = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package nor the user has a folder that can be written to
        compiled = numba.njit(**options)(function)
    cache: Any = getattr(compiled, "_cache", None)
    if hasattr(cache, "_cache_file"):
        cache._cache_file._source_stamp = (cache._cache_file._source_stamp, _all_kernels())
        cache._cache_file._load_index = _without_lost_names(cache._cache_file._load_index)
        cache.save_overload = _ignoring_full_disk(cache.save_overload)
    return cast(Function, compiled)


def _without_lost_names(load: Callable[[], Any]) -> Callable[[], Any]:
    """Return the function, but nothing where the cache names a class that an earlier version had elsewhere."""

    def attempt() -> Any:
        try:
            return load()
        except (AttributeError, ImportError):
            return {}

    return attempt


def _ignoring_full_disk(save: Callable[..., Any]) -> Callable[..., None]:
    """Return the function without its OSErrors: a kernel that is not cached is compiled again."""

    def attempt(*arguments: Any) -> None:
        with suppress(OSError):
            save(*arguments)

    return attempt


@cache
def _all_kernels() -> str:
    """Hash all files with kernels or named tuples for them.

    numba invalidates a kernel when its own file changes, but not when a callee's does.
    """
    digest = blake2b(digest_size=16)
    for file in sorted(Path(__file__).parents[1].rglob("*.py")):
        source = file.read_bytes()
        if any(word in source for word in (b"meshot.base.kernels import", b"numba.extending import", b"(NamedTuple)")):
            digest.update(source)
    return digest.hexdigest()


def subkernel(function: Function) -> Function:
    """Compile `function` for calls from other kernels only, without a Python wrapper."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cpython_wrapper": True}
    compiled: Any = numba.njit(**options)(function)
    return cast(Function, compiled)


def innerkernel(function: Function) -> Function:
    """Compile `function` as `subkernel` does, without reference counting: it must not allocate or slice arrays.

    Reference counting takes most of the time of a short function with many array arguments that is called often.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cpython_wrapper": True, "_nrt": False}
    compiled: Any = numba.njit(**options)(function)
    return cast(Function, compiled)


def sumkernel(function: Function) -> Function:
    """Compile `function` as `subkernel` does, and let the compiler reorder sums (deterministically)."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cpython_wrapper": True}
    compiled: Any = numba.njit(fastmath={"reassoc", "contract"}, **options)(function)
    return cast(Function, compiled)


def run_in_chunks(work: Callable[[int, int], Any], count: int, chunk: int = 4096, *, aside: bool = False) -> list[Any]:
    """Return ``work(start, stop)`` for consecutive ranges of ``range(count)``, in order, on all cores.

    The ranges do not depend on the number of threads, so neither does the result. `work` must not call this function
    (deadlock).

    Parameters
    ----------
    work : callable
        ``work(start, stop)``; it should release the interpreter lock.
    count : int
        Length of the whole range.
    chunk : int
        Length of each part but the last.
    aside : bool
        A single range, too, is for another thread, so that this one can be interrupted: if it may take a second.

    Returns
    -------
    list

    Examples
    --------
    >>> run_in_chunks(lambda start, stop: stop - start, 10, chunk=4)
    [4, 4, 2]
    """
    starts = np.arange(0, count, chunk).tolist()
    if len(starts) <= 1 and not aside:
        return [work(start, count) for start in starts]
    return list(_pool(numba.get_num_threads()).map(lambda start: work(start, min(start + chunk, count)), starts))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Return a persistent pool: starting threads takes as long as a small kernel."""
    return ThreadPoolExecutor(threads, thread_name_prefix="meshot")


os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive in the child
