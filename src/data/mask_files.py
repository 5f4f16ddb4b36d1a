"""Reads masks from PNG files, as class ids or as indices of the network."""

import io
import math
from collections.abc import Sequence
from typing import BinaryIO

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from src.common.errors import DataError
from src.data import headers
from src.data.classes import IGNORE, UNKNOWN, Classes, ClassList, count_values
from src.data.image_files import check_header, name_file_in_errors, open_image, require_unturned

MOST_SHOWN = 8  # ids in one message
ADD_IDS = "add them to classes.csv, or name one 'ignore' there"


# Masks ----------------------------------------------
def read_ids(path: str) -> np.ndarray:
    """Reads the class ids of a mask file, as `decode_ids`."""
    with open_image(path) as file:
        return decode_ids(file, path)


def decode_ids(file: BinaryIO, name: str) -> np.ndarray:
    """Reads the class ids of an open PNG as they are stored: uint8, (height, width).

    `scoring.read_ids`, which imports nothing of the project, reads the same files and returns the same ids.

    Args:
        file: one channel of 8 bits or of 1 bit; or equal channels, where alpha must be opaque; or a palette.
            The ids are the indices into the palette, but if it has only greys, they are the greys.
        name: of the file in messages.

    Raises:
        DataError: it is no such PNG, broken, or has an orientation; the message names the file.
    """
    header = check_header(file, name, ("PNG",))
    if header.bits == 16 or (header.mode == "L" and header.bits in (2, 4)):
        raise DataError(
            f"{name} must be an 8-bit PNG of class ids, found {header.bits} bits, which are often read as "
            "other numbers; export it as 8-bit grey."
        )
    require_unturned(header, name, "mask")
    with name_file_in_errors(name, ("PNG",)):
        content = headers.strip_metadata(file)
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            pixels = np.asarray(image).astype(np.uint8, copy=False)  # pixels of 1 bit are bool
    if header.mode == "P":
        palette = headers.read_palette(content)
        _require_colors(name, pixels, palette, header.bits)
        return _apply_palette(name, pixels, palette)
    return pixels if pixels.ndim == 2 else _require_equal(name, pixels)


def _require_colors(name: str, indices: np.ndarray, palette: list[bytes], bits: int) -> None:
    """Refuses a mask of few bits with an index beyond its palette.

    Pillow writes as few bits as the palette needs, and cuts larger ids to them: 255 becomes 15, or 1.

    Raises:
        DataError: an index has no colour.
    """
    highest = int(indices.max())
    if bits < 8 and highest >= len(palette):
        raise DataError(
            f"{name} must hold indices of its palette, found {highest} with {len(palette)} colours, as of "
            f"ids cut to {bits} bits when they were written; export it as 8-bit grey without a palette."
        )


def _apply_palette(name: str, indices: np.ndarray, palette: list[bytes]) -> np.ndarray:
    """Returns the ids of a mask with a palette: the indices, or the greys if the palette has only greys.

    Raises:
        DataError: two indices have the same grey, so that it is unclear which are the ids.
    """
    if any(len(set(color)) > 1 for color in palette):
        return indices
    greys = np.arange(256, dtype=np.uint8)
    greys[: len(palette)] = [color[0] for color in palette]
    used = np.flatnonzero(count_values(indices))
    if (greys[used] == used).all():
        return indices
    if len(set(greys[used])) < len(used) or len(set(palette)) == 1:
        raise DataError(
            f"{name} must hold class ids, its palette shows several indices as one grey, {greys[used[-1]]}; "
            "export it as 8-bit grey without a palette."
        )
    return cv2.LUT(indices, greys)


def _require_equal(name: str, pixels: np.ndarray) -> np.ndarray:
    """Returns one of several equal channels of (H, W, 2 to 4); the last of 2 or 4 is alpha.

    Raises:
        DataError: the channels differ, or a pixel is transparent.
    """
    channels = cv2.split(pixels)
    if len(channels) in (2, 4) and (channels[-1] != 255).any():
        raise DataError(
            f"{name} must hold class ids in 1 or 3 equal channels, found transparent pixels; "
            "export it without alpha."
        )
    if len(channels) >= 3 and any((channel != channels[0]).any() for channel in channels[1:3]):
        raise DataError(
            f"{name} must hold one class id a pixel, found colour channels that differ; export ids, "
            "not colours."
        )
    return channels[0]


def load_mask(path: str, classes: ClassList, size: tuple[int, int] | None = None) -> np.ndarray:
    """Reads a mask as uint8 class indices, (height, width); IGNORE where a pixel does not count.

    Args:
        path: PNG of class ids, as `decode_ids` reads it.
        classes: the mask classes.
        size: (height, width) to return, by nearest neighbour; None for the size of the file.

    Raises:
        DataError: it is of another format, or holds an id that no class has.
    """
    ids = read_ids(path)
    mask = classes.encode(ids)
    if (mask == UNKNOWN).any():
        unknown = find_unknown(count_values(ids), classes)
        raise DataError(f"{path} holds the ids {shorten(unknown)} that no class has; {ADD_IDS}.")
    if size is not None:
        mask = shrink_mask(mask, size)
    return mask


def find_unknown(counts: np.ndarray, classes: ClassList) -> list[int]:
    """Lists the ids in a mask that no class has.

    Args:
        counts: number of pixels of each id, (256,).
        classes: the mask classes.
    """
    return sorted(set(np.flatnonzero(counts).tolist()) - set(classes.ids) - {classes.ignore_id})


def guess_reason(ids: set[int], classes: ClassList) -> str:
    """Returns a hint if the ids are those of the classes, but shifted by one or multiplied; else ""."""
    listed = set(classes.ids)
    if {id - 1 for id in ids} <= listed:
        return f"every id may be one too high: the ids are {shorten(classes.ids)}"
    if {(id + 1) % 256 for id in ids} <= listed:  # 0 less 1 is 255 in 8 bits
        return f"every id may be one too low: the ids are {shorten(classes.ids)}"
    spread = 255 / max(len(classes) - 1, 1)  # from black to white
    for factor in (math.gcd(*ids), spread):
        if _divide(ids, factor) <= listed:
            hint = f"every id may be multiplied by {factor:g}, as for the eye"
            return f"{hint}: the ids are {shorten(classes.ids)}"
    return ""


def _divide(ids: set[int], factor: float) -> set[int]:
    """Divides ids by a factor; -1 stands for those that are no multiple, up to rounding."""
    if factor < 2:
        return {-1}
    numbers = {id: round(id / factor) for id in ids}
    return {number if abs(number * factor - id) < 1 else -1 for id, number in numbers.items()}


def shorten(ids: Sequence[int]) -> str:
    """Writes a list of ids; of more than MOST_SHOWN only some, as "[1, 2, 3 ... 30] (12 of them)"."""
    if len(ids) <= MOST_SHOWN:
        return str(list(ids))
    first = ", ".join(map(str, ids[: MOST_SHOWN - 1]))
    return f"[{first} ... {ids[-1]}] ({len(ids)} of them)"


def load_masks(samples: pd.DataFrame, classes: Classes, sizes: list[tuple[int, int]]) -> list[np.ndarray]:
    """Reads the masks of some frames for figures: uint8 class indices, all IGNORE for a frame without mask.

    Args:
        samples: rows with `mask`.
        classes: of both tasks.
        sizes: (height, width) for each row.
    """
    masks = []
    for path, size in zip(samples["mask"], sizes, strict=True):
        if path:
            masks.append(load_mask(path, classes.mask, size))
        else:
            masks.append(np.full(size, IGNORE, np.uint8))
    return masks


def shrink_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes a mask of class indices to (height, width) by nearest neighbour."""
    # The mean of the classes 1 and 3 would be class 2.
    return cv2.resize(mask, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
