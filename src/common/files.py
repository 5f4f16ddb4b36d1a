"""Writes files that are whole or absent, locks folders, and names the run and the commit behind a file."""

import errno
import functools
import hashlib
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
    import fcntl  # not on Windows
except ImportError:
    fcntl = None
try:
    import msvcrt  # Windows only
except ImportError:
    msvcrt = None
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no space, no quota, file size limit


def expand_home(folder: str | Path) -> Path:
    """Replaces a leading ~ by the home folder; a shell does so by itself, a notebook's setting does not."""
    return Path(os.path.expanduser(folder))  # noqa: PTH111 - Path's raises where there is no such user


def write_atomically(path: Path, write: Callable[[Path], object], size: int = 0) -> None:
    """Writes a file under a temporary name beside `path`, flushes it to the disk and renames it once whole.

    Args:
        path: of the file; an earlier file of this name stays until the new one is whole.
        write: function that takes the temporary path and writes the file there.
        size: bytes that must be free before `write` begins; HDF5 crashes if the disk fills up meanwhile.

    Raises:
        DiskFullError: there is no space; `path` is unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"_{path.name}")
    with report_full_disk(path):
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
    """Reserves bytes of the disk for an open file, where the system can; OSError if too few are free."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)


def write_json(path: Path, content: dict | list) -> None:
    """Writes a JSON file atomically; NaN becomes null, because JSON has no NaN."""
    text = json.dumps(replace_nan(content), indent=1, allow_nan=False)
    write_atomically(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def replace_nan(content: object) -> object:
    """Returns a copy of nested lists and dictionaries with None in place of each NaN."""
    if isinstance(content, dict):
        return {key: replace_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [replace_nan(value) for value in content]
    return None if isinstance(content, float) and math.isnan(content) else content


@contextmanager
def report_full_disk(path: Path) -> Iterator[None]:
    """Turns each error that a full disk causes within the block into one DiskFullError.

    Raises:
        DiskFullError: instead of an OSError, or of HDF5's RuntimeError, that a full disk caused.
    """
    try:
        yield
    except DiskFullError:
        raise
    except (OSError, RuntimeError) as error:
        if not _is_disk_full(error):
            raise
        raise DiskFullError(
            f"{path} must be written, but the disk is full; free some space and give the same command again, "
            "which continues where it stopped."
        ) from error


def _is_disk_full(error: OSError | RuntimeError) -> bool:
    """Returns whether a full disk caused an error; HDF5 writes the error number into its message only."""
    if getattr(error, "errno", None) in FULL:
        return True
    number = re.search(r"errno = (\d+)", str(error))
    return number is not None and int(number[1]) in FULL


LOCK = "lock"  # name of the lock file in a folder
LOCKED_BYTE = 1 << 20  # position that Windows locks, behind the text, because a locked byte cannot be read


@contextmanager
def lock(folder: Path, what: str) -> Iterator[None]:
    """Keeps other processes and threads out of a folder as long as the block runs.

    The operating system holds the lock for an open file, so it ends with the process, even if that is killed.
    On file systems without locks, as some over a network, nobody is kept out.

    Args:
        folder: to lock; made where it is missing.
        what: name of the work for the message, as "make run".

    Raises:
        InUseError: another process has the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a+", encoding="utf-8") as file:
        if not _take_lock(file):
            file.seek(0)
            raise InUseError(
                f"Only one {what} at a time may work in {folder}, found process {file.read()} at work; "
                "wait until it has ended, then start this one again."
            )
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield


def _take_lock(file: IO[str]) -> bool:
    """Returns whether this process may work: it has the lock now, or the file system has no locks."""
    try:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        elif msvcrt:
            file.seek(LOCKED_BYTE)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True


@functools.cache
def fingerprint_code() -> str:
    """Returns 16 hex digits that identify the code of `src/` on the disk, at the first call."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@functools.cache
def find_commit() -> str:
    """Returns the git commit that is checked out, or "unknown" outside a checkout.

    "-dirty" is added where files differ from the commit; `results/` does not count, because measurements
    write there. The answer is cached, because a process continues with the code that it started with.
    """
    try:
        commit = _run_git("rev-parse", "--short", "HEAD")
        changed = _run_git("status", "--porcelain", "--untracked-files=no", ":/", ":(top,exclude)results")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit}-dirty" if changed else commit


def _run_git(*arguments: str) -> str:
    """Runs git and returns its output without the last line break."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def describe_origin(folder: Path) -> str:
    """Describes the origin of a run's figures and zip: the run, its data's fingerprint, the git commit.

    Args:
        folder: of the run; a folder without `result.json` is described as "no run".

    Returns:
        The commit in it is the one that trained; if another commit is checked out now, that is added.
    """
    path = folder / "result.json"
    if not path.exists():
        return "no run"
    result = json.loads(path.read_text(encoding="utf-8"))
    origin = f"{folder.name}, data {result['settings']['data_fingerprint']}, commit {result['commit']}"
    now = find_commit()
    return origin if now == result["commit"] else f"{origin}, this by commit {now}"
