"""One progress bar for all: in a notebook without the red ground of an error."""

import sys
from collections.abc import Iterable

from tqdm import tqdm


def show_progress(items: Iterable | None = None, **how: object) -> tqdm:
    """Makes a progress bar with the time left.

    Args:
        items: to go through; None for a bar that is moved by hand.
        **how: as tqdm takes it: desc, total, unit, initial.
    """
    file = sys.stdout if "ipykernel" in sys.modules else sys.stderr
    return tqdm(items, file=file, mininterval=1, **how)
