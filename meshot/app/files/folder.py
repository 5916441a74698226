"""A folder of results that changes as a whole: it holds the former files or the new ones, also after a kill."""

import ctypes
import errno
import fcntl
import os
import secrets
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from meshot.base.files import PathLike, renamed

RENAME_EXCHANGE = 2  # of Linux' renameat2
AT_FDCWD = -100


def check_folder(out: PathLike) -> None:
    """Raise OSError if `out` can be no folder for results, before any work is done."""
    place = _nearest(Path(os.path.realpath(out)))
    if not place.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), os.fspath(place))
    if not os.access(place, os.W_OK | os.X_OK):
        code = errno.EROFS if os.statvfs(place).f_flag & os.ST_RDONLY else errno.EACCES
        raise OSError(code, os.strerror(code), os.fspath(place))


@contextmanager
def reserved_folder(out: PathLike) -> Iterator[None]:
    """Hold `out` for one run: another that asks for it meanwhile is refused.

    The lock is the system's, on a hidden file beside the folder: it ends with the process, however that ends, so a file
    that a killed run left behind locks nobody out. Neither do its unfinished files, which are cleared away.

    Raises
    ------
    OSError
        `out` can be no folder for results, or another run holds it.
    """
    check_folder(out)
    target = Path(os.path.realpath(out))
    file = _nearest(_beside(target)) / f".{target.name}.meshot.lock"
    handle = _locked(file, out)
    try:
        for part in file.parent.glob(f".{target.name}.meshot-*.part"):
            shutil.rmtree(part, ignore_errors=True)
        yield
    finally:
        file.unlink(missing_ok=True)
        os.close(handle)


def _locked(file: Path, out: PathLike) -> int:
    """Open and lock a file; again, if the one who held it has removed it meanwhile."""
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(handle, 20, 0).decode(errors="replace").strip()
            os.close(handle)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            who = f"process {holder}" if holder else "another process"
            raise OSError(errno.EBUSY, f"a run is at work there, {who}", os.fspath(out)) from None
        if file.exists() and os.fstat(handle).st_ino == file.stat().st_ino:
            with suppress(OSError):  # the lock holds on a full disk, too
                os.truncate(handle, 0)
                os.pwrite(handle, str(os.getpid()).encode(), 0)
            return handle
        os.close(handle)


@contextmanager
def complete_folder(out: PathLike) -> Iterator[Path]:
    """Give a new folder beside `out`; when the block succeeds, its files become those of `out`, else they vanish.

    All of them appear at once: the new folder, with links to what else was in the old one, takes its place in a single
    step. A subfolder of the same name is replaced, not joined. Where the system has no such step, or the folder is the
    one at work in, each file takes the place of its namesake, ``metrics.json`` after all others: where it is new,
    everything is.

    Raises
    ------
    OSError
        Something cannot be written; it names the file of `out`, and nothing there has changed.
    KeyboardInterrupt
        The user's; it says so if all files were already in their place.
    """
    target, placed = Path(os.path.realpath(out)), False
    target.parent.mkdir(parents=True, exist_ok=True)
    stage = _beside(target) / f".{target.name}.meshot-{secrets.token_hex(8)}.part"
    stage.mkdir(parents=True)
    try:
        yield stage
        with _uninterrupted():
            _put_in_place(stage, target)
            placed = True
            shutil.rmtree(stage, ignore_errors=True)  # the former files: an interrupt meanwhile comes too late
    except KeyboardInterrupt:
        if placed:
            raise KeyboardInterrupt(f"interrupted at the very end; the files in {out} are new and complete") from None
        raise
    except OSError as error:
        raise _in_place(error, stage, out) from None
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _put_in_place(stage: Path, target: Path) -> None:
    if not target.exists():
        stage.rename(target)
    elif not _exchanged(stage, target):
        _move_into(stage, target)


def _in_place(error: OSError, stage: Path, out: PathLike) -> OSError:
    """Return the error with the name that a file was to have in the end."""
    if error.filename is None:
        return renamed(error, out)
    name = Path(os.fsdecode(error.filename))
    return renamed(error, Path(out) / name.relative_to(stage)) if name.is_relative_to(stage) else error


def _nearest(place: Path) -> Path:
    """Return the folder itself or, if it is not there yet, the nearest one above it that is."""
    while not place.exists():
        place = place.parent
    return place


def _beside(target: Path) -> Path:
    """Return where to put unfinished files: beside the folder or, where that may not be written to, inside."""
    may_write = os.access(_nearest(target.parent), os.W_OK | os.X_OK)
    return target if target.exists() and not may_write else target.parent


def _exchanged(stage: Path, target: Path) -> bool:
    """Let `stage` and `target` change names in one step; False if that cannot be done."""
    here = Path.cwd()
    if stage.parent == target or target == here or target in here.parents:
        return False
    with suppress(AttributeError, OSError):
        new = {file.name for file in stage.iterdir()}
        shutil.copytree(
            target,
            stage,
            symlinks=True,
            copy_function=_link,
            ignore=lambda folder, names: new.intersection(names) if Path(folder) == target else (),
            dirs_exist_ok=True,
        )
        rename = ctypes.CDLL(None, use_errno=True).renameat2
        return bool(rename(AT_FDCWD, os.fsencode(stage), AT_FDCWD, os.fsencode(target), RENAME_EXCHANGE) == 0)
    return False


def _link(source: str, destination: str) -> None:
    """Give a file a second name or, where the system has no such thing, copy it."""
    try:
        os.link(source, destination, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, destination, follow_symlinks=False)


def _move_into(stage: Path, target: Path) -> None:
    for file in sorted(stage.iterdir(), key=lambda file: file.name == "metrics.json"):
        place = target / file.name
        if place.is_dir() and not place.is_symlink():
            place.replace(stage / f"{file.name}.former")
        file.replace(place)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the block is done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
