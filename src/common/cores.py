"""Counts the processors that this process may use, which a container limits below the machine's number."""

import math
import os
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")  # one line per hierarchy: number, controllers, this process's group


def count_cores() -> int:
    """Counts the processors that this process may use: by its affinity, and by the limits of a container.

    A limit of 1.5 processors counts as two.
    """
    limit = min(count_allowed(), read_quota(GROUPS, OWN))
    return max(1, math.ceil(limit))


def count_allowed() -> int:
    """Counts the processors that the scheduler may put this process on (its affinity, see `taskset`)."""
    if hasattr(os, "sched_getaffinity"):  # Linux only
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def read_quota(groups: Path, own: Path) -> float:
    """Returns the number of processors that Linux grants this process's control groups; inf without a limit.

    Args:
        groups: where the control groups are mounted.
        own: file that lists those of this process; in a container its paths may differ from the mounted ones.
    """
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:  # other systems than Linux have no such file
        return math.inf
    quotas = [math.inf]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":  # version 2
            quotas += [_read_version_2(folder) for folder in _list_folders(groups, path)]
        if "cpu" in controllers.split(","):
            quotas += [_read_version_1(folder) for folder in _list_folders(groups / "cpu", path)]
    return min(quotas)


def _list_folders(root: Path, path: str) -> list[Path]:
    """Lists a group's folder and the folders above it, each of which may have a limit."""
    own = root / path.lstrip("/")
    return [own, *(folder for folder in own.parents if folder.is_relative_to(root))]


def _read_version_2(folder: Path) -> float:
    """Reads a quota of control groups version 2: "max 100000", or microseconds per period."""
    quota, period = _read_values(folder / "cpu.max", 2)
    return math.inf if quota == "max" else float(quota) / float(period)


def _read_version_1(folder: Path) -> float:
    """Reads a quota of control groups version 1: two files, -1 or microseconds, and the period."""
    (quota,) = _read_values(folder / "cpu.cfs_quota_us", 1)
    (period,) = _read_values(folder / "cpu.cfs_period_us", 1)
    return math.inf if "max" in (quota, period) or float(quota) <= 0 else float(quota) / float(period)


def _read_values(path: Path, count: int) -> list[str]:
    """Reads the values of a file, separated by blanks; each is "max" where the file cannot be read."""
    try:
        values = path.read_text(encoding="utf-8").split()
    except OSError:
        values = []
    return values if len(values) == count else ["max"] * count
