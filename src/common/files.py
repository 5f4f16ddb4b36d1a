"""Files that are whole or not there, whatever happens while they are written, who writes, what made them."""

import errno
import functools
import json
import math
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from src.common.errors import DiskFullError, InUseError

try:
    import fcntl  # of all systems but Windows
except ImportError:
    fcntl = None
try:
    import msvcrt  # of Windows
except ImportError:
    msvcrt = None
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no space, no quota, more than a file may have


def expand_home(folder: str | Path) -> Path:
    """Gives a folder with the home folder for a leading ~, which a notebook's setting keeps as it is."""
    return Path(os.path.expanduser(folder))  # noqa: PTH111 - Path's raises where there is no such user


def write_atomically(path: Path, write: Callable[[Path], object], size: int = 0) -> None:
    """Lets `write` make a file beside `path`, flushes it to the disk and renames it once whole.

    Args:
        path: of the file; what lay there stays until the new one is whole.
        write: makes the file that it is given the path of.
        size: bytes that must be free before it is begun; HDF5 dies of a disk that fills up under it.

    Raises:
        DiskFullError: there is no space; `path` is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"_{path.name}")
    with naming_full_disk(path):
        try:
            if size:
                with beside.open("wb") as file:
                    reserve(file, size)
            write(beside)
            with beside.open("r+b") as file:
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def reserve(file: IO[bytes], size: int) -> None:
    """Takes bytes of the disk for an open file, where the system can; OSError where there are not so many."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)


def write_json(path: Path, content: dict | list) -> None:
    """Writes JSON, whole or not at all, with null where a number is NaN, which JSON does not know."""
    text = json.dumps(replace_nan(content), indent=1, allow_nan=False)
    write_atomically(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def replace_nan(content: object) -> object:
    """Puts None for each NaN within lists and dictionaries, as JSON will hold it."""
    if isinstance(content, dict):
        return {key: replace_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [replace_nan(value) for value in content]
    return None if isinstance(content, float) and math.isnan(content) else content


@contextmanager
def naming_full_disk(path: Path) -> Iterator[None]:
    """Turns the ways in which a full disk shows into one error that says what to do.

    Raises:
        DiskFullError: instead of an OSError, or of HDF5's RuntimeError, that tells of a full disk.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        told = re.search(r"errno = (\d+)", str(error))  # as HDF5 writes it
        if isinstance(error, DiskFullError) or (
            getattr(error, "errno", None) not in FULL and not (told and int(told[1]) in FULL)
        ):
            raise
        raise DiskFullError(
            f"{path} cannot be written, the disk is full; free some space and run again: it goes on."
        ) from error


LOCK = "lock"  # file of a folder that one process works in
BEHIND = 1 << 20  # byte that Windows locks; a locked one could not be read


@contextmanager
def lock(folder: Path, what: str) -> Iterator[None]:
    """Keeps other processes, and other threads, out of a folder as long as the block runs.

    The lock is of an open file, so it goes with the process, however that ends. Where the file system has no
    locks, as some over a network, nobody is kept out.

    Args:
        folder: to work in; made where it is missing.
        what: works there, as "make run"; for the message.

    Raises:
        InUseError: another process has the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a+", encoding="utf-8") as file:
        if not _take_lock(file):
            file.seek(0)
            raise InUseError(
                f"Only one {what} at a time may work in {folder}, and process {file.read()} does; "
                "wait until it has ended, then start this one again."
            )
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield


def _take_lock(file: IO[str]) -> bool:
    """Tells whether this process may work: it has the lock now, or there are no locks here."""
    try:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        elif msvcrt:
            file.seek(BEHIND)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True


@functools.cache
def find_commit() -> str:
    """Names the git commit that is checked out, or "unknown" outside a checkout.

    "-dirty" is added where files differ from it, but for `results/`, which is written while it measures. It
    is asked once a process, for that goes on with the code that it began with.
    """
    try:
        commit, changed = (
            subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout.strip()
            for words in (
                ("rev-parse", "--short", "HEAD"),
                ("status", "--porcelain", "--untracked-files=no", ":/", ":(top,exclude)results"),
            )
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("-dirty" if changed else "")


def describe_origin(folder: Path) -> str:
    """Names a run, the fingerprint of its data and the git commit that trained it; "no run" where it is none.

    Where another commit makes a figure or a zip of the run now, its name follows.
    """
    path = folder / "result.json"
    if not path.exists():
        return "no run"
    result = json.loads(path.read_text(encoding="utf-8"))
    words = f"{folder.name}, data {result['settings']['data_fingerprint']}, commit {result['commit']}"
    now = find_commit()
    return words if now == result["commit"] else f"{words}, this by commit {now}"
