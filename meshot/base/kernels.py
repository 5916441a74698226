"""The decorators of compiled kernels: compiled lazily, cached, free of the interpreter lock; and threads for them."""

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
        cache.save_overload = _where_there_is_room(cache.save_overload)
    return cast(Function, compiled)


def _where_there_is_room(save: Callable[..., Any]) -> Callable[..., None]:
    """Return the function but for its errors on a full disk: what is not cached is compiled again."""

    def attempt(*arguments: Any) -> None:
        with suppress(OSError):
            save(*arguments)

    return attempt


@cache
def _all_kernels() -> str:
    """Hash the files with kernels: numba's own cache knows of a kernel's file, and not of those that it calls into."""
    digest = blake2b(digest_size=16)
    for file in sorted(Path(__file__).parents[1].rglob("*.py")):
        source = file.read_bytes()
        if b"from meshot.base.kernels import" in source or b"from numba.extending import" in source:
            digest.update(source)
    return digest.hexdigest()


def subkernel(function: Function) -> Function:
    """Compile `function` for other kernels alone. Python must not call it: what that takes is left out."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cpython_wrapper": True}
    compiled: Any = numba.njit(**options)(function)
    return cast(Function, compiled)


def innerkernel(function: Function) -> Function:
    """Compile `function` as `subkernel` does, without reference counts: for what allocates nothing and cuts no slices.

    The counts take most of the time of a short function with many arrays that is called often.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cpython_wrapper": True, "_nrt": False}
    compiled: Any = numba.njit(**options)(function)
    return cast(Function, compiled)


def sumkernel(function: Function) -> Function:
    """Compile `function` as `subkernel` does, but free to add up in the order that is quickest: the same each time."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cpython_wrapper": True}
    compiled: Any = numba.njit(fastmath={"reassoc", "contract"}, **options)(function)
    return cast(Function, compiled)


def run_in_chunks(work: Callable[[int, int], Any], count: int, chunk: int = 4096) -> list[Any]:
    """Return ``work(start, stop)`` for consecutive ranges of ``range(count)``, in order, on all cores.

    The ranges do not depend on the number of threads, so neither does the result. `work` must not call this function:
    it would wait for threads that wait for it.

    Examples
    --------
    >>> run_in_chunks(lambda start, stop: stop - start, 10, chunk=4)
    [4, 4, 2]
    """
    starts = np.arange(0, count, chunk).tolist()
    if len(starts) <= 1:
        return [work(start, count) for start in starts]
    return list(_pool(numba.get_num_threads()).map(lambda start: work(start, min(start + chunk, count)), starts))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Return threads that stay: starting some takes as long as a small kernel."""
    return ThreadPoolExecutor(threads, thread_name_prefix="meshot")


os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive in the child
