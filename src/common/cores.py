"""How many processors this process may use: fewer than the machine has where it is confined."""

import math
import os
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")  # a line a hierarchy: number, controllers, this process's group


def count_cores() -> int:
    """Counts the processors that this process may use: by its affinity, and by the limits of a container.

    A limit of 1.5 processors counts as two.
    """
    limit = min(count_allowed(), read_quota(GROUPS, OWN))
    return max(1, math.ceil(limit))


def count_allowed() -> int:
    """Counts the processors that the scheduler may put this process on, as `taskset` says."""
    if hasattr(os, "sched_getaffinity"):  # of Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def read_quota(groups: Path, own: Path) -> float:
    """Reads how many processors' time Linux gives this process's control groups; inf where there is no limit.

    Args:
        groups: where the control groups are mounted.
        own: lists those of this process; a container may see other paths there than it has mounted.
    """
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:  # other systems
        return math.inf
    quotas = [math.inf]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":  # version 2
            quotas += [_read_second(folder) for folder in _list_folders(groups, path)]
        if "cpu" in controllers.split(","):
            quotas += [_read_first(folder) for folder in _list_folders(groups / "cpu", path)]
    return min(quotas)


def _list_folders(root: Path, path: str) -> list[Path]:
    """Lists a group's folder and those above it, for each of them may have a limit."""
    own = root / path.lstrip("/")
    return [own, *(folder for folder in own.parents if folder.is_relative_to(root))]


def _read_second(folder: Path) -> float:
    """Reads a quota as control groups of version 2 write it: "max 100000", or microseconds of a period."""
    quota, period = _read_words(folder / "cpu.max", 2)
    return math.inf if quota == "max" else float(quota) / float(period)


def _read_first(folder: Path) -> float:
    """Reads a quota as control groups of version 1 write it: -1, or microseconds, and the period."""
    (quota,) = _read_words(folder / "cpu.cfs_quota_us", 1)
    (period,) = _read_words(folder / "cpu.cfs_period_us", 1)
    return math.inf if "max" in (quota, period) or float(quota) <= 0 else float(quota) / float(period)


def _read_words(path: Path, count: int) -> list[str]:
    """Reads the words of a file; "max" where it cannot be read."""
    try:
        words = path.read_text(encoding="utf-8").split()
    except OSError:
        words = []
    return words if len(words) == count else ["max"] * count
