"""Reads depth maps into arrays; refuses files that are broken or of another format."""

import cv2
import numpy as np

from src.common.errors import DataError
from src.data.image_files import (
    check_header,
    decode_16_bits,
    name_file_in_errors,
    open_image,
    require_unturned,
)

NEAREST = 0.3  # metres; smaller distances count as this one
FARTHEST = 30.0  # metres; larger distances count as this one


def load_depth(path: str, unit: float, size: tuple[int, int]) -> np.ndarray:
    """Reads a depth map as uint8 code, (*size): 0 without a measurement, else 1 (far) to 255 (near).

    The code is logarithmic between NEAREST and FARTHEST: one step of it is 1.8 % of the distance. The map is
    resized by nearest neighbour, because a mean of a distance and a missing measurement would be wrong.

    Args:
        path: of the 16-bit PNG; "" gives a map without measurements.
        unit: metres per step of the file.
        size: (height, width) to return.

    Raises:
        DataError: it is no 16-bit PNG of one channel.
    """
    if not path:
        return np.zeros(size, np.uint8)
    steps = cv2.resize(load_steps(path), size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    metres = np.clip(steps * unit, NEAREST, FARTHEST)
    nearness = np.log(FARTHEST / metres) / np.log(FARTHEST / NEAREST)
    return np.where(steps == 0, 0, 1 + np.round(254 * nearness)).astype(np.uint8)


def load_steps(path: str) -> np.ndarray:
    """Reads the values of a depth map as they are stored: uint16, (height, width), 0 without a measurement.

    Raises:
        DataError: it is no 16-bit PNG of one channel.
    """
    with open_image(path) as file:
        header = check_header(file, path, ("PNG",))
        if (header.bits, header.mode) != (16, "L"):
            raise DataError(
                f"{path} must be a 16-bit PNG of one channel, found {header.bits} bits of {header.mode}; "
                "export the depth again."
            )
        require_unturned(header, path, "depth")
        with name_file_in_errors(path, ("PNG",)):
            return decode_16_bits(file)
