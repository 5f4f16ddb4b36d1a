"""The size of a network's input: (height, width) in px, multiples of 32."""

import numpy as np
import pandas as pd

from src.common.errors import SettingsError

# Most pixels of the network's input where SIZE is "auto": 352 x 480 for 4:3 photos, 288 x 512 for 16:9.
PIXEL_BUDGET = 176_000
# Largest side of the input relative to the photo's: small photos are learned better if they are enlarged. IDD
# Lite's have 227 x 320 px. In 1,076 steps, seeds 0 and 1, mean IoU in the other campaign was 60.6 and 60.1 %
# at 224 x 320 px, and 63.5 and 62.0 at 352 x 480, where a step takes 1.9 times as long. With twice the steps
# at 224 x 320 it was 63.0 (seed 0).
MOST_ENLARGED = 2


def check_size(size: str | tuple[int, int]) -> None:
    """Refuses a network's input size that is neither "auto" nor (height, width) in multiples of 32 px.

    Raises:
        SettingsError: the message names the nearest valid size.
    """
    if size == "auto":
        return
    is_pair = isinstance(size, (tuple, list)) and len(size) == 2
    if not is_pair or not all(isinstance(side, int) for side in size):
        raise SettingsError(f"SIZE must be 'auto' or (height, width) in px, found {size!r}; try (256, 352).")
    nearest = tuple(max(32, round(side / 32) * 32) for side in size)
    if tuple(size) != nearest:
        raise SettingsError(f"SIZE must be two multiples of 32, found {tuple(size)}; nearest is {nearest}.")


def choose_size(samples: pd.DataFrame, size: str | tuple[int, int]) -> tuple[int, int]:
    """Chooses the network's input size: (height, width) in px, multiples of 32.

    Args:
        samples: table with `height` and `width`.
        size: (height, width), which is returned, or "auto" for about the largest size within PIXEL_BUDGET
            that has the most common shape of the photos.

    Raises:
        SettingsError: `check_size` refuses the size.
    """
    check_size(size)
    if size != "auto":
        return tuple(size)
    height, width = samples.groupby(["height", "width"]).size().idxmax()
    sides = np.arange(32, PIXEL_BUDGET // 32, 32)
    heights = [int(side) for side in sides if side <= MOST_ENLARGED * height]
    widths = [int(side) for side in sides if side <= MOST_ENLARGED * width]
    candidates = [(h, w) for h in heights for w in widths if h * w <= PIXEL_BUDGET]

    def rate(candidate: tuple[int, int]) -> float:
        h, w = candidate
        stretch = abs(np.log((h / w) / (height / width)))
        return np.log(h * w) - 4 * stretch  # prefers many pixels, and four times as much the photo's shape

    return max(candidates, key=rate, default=(32, 32))


def scale_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Scales (height, width) in px, each side to the nearest multiple of 32, at least 32."""
    return tuple(max(32, round(side * scale / 32) * 32) for side in size)
