"""Chooses a few of many."""

import numpy as np


def choose_evenly(total: int, count: int) -> np.ndarray:
    """Chooses `count` of `total` positions, evenly spaced from the first to the last; all if there are fewer.

    Returns:
        int64, (at most count,), from 0 on, ascending.
    """
    return np.linspace(0, total - 1, min(count, total)).astype(int)
