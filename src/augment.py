"""Random flips, scaled crops and colour: one geometry for photo and mask, every draw from one rng."""

import cv2
import numpy as np

from src.classes import IGNORE

ZOOM = (
    0.7,
    1.6,
)  # scale of the crop against the network's own scale; below about 0.75 the whole frame is seen


def augment(
    image: np.ndarray, mask: np.ndarray, crop: tuple[int, int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Flips, scales and crops photo and mask alike, and changes the photo's colours.

    Args:
        image: uint8 RGB, (H, W, 3).
        mask: uint8 class indices, (H, W).
        crop: (height, width) to return, in pixels.
        rng: source of every random draw.

    Returns:
        image, uint8, (*crop, 3), black outside the photo; mask, uint8, crop, IGNORE outside the photo.
    """
    matrix = draw_geometry(mask.shape, crop, rng)
    size = crop[::-1]
    image = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR)
    mask = cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_NEAREST, borderValue=IGNORE)
    return change_colors(image, rng), mask


def draw_geometry(shape: tuple[int, int], crop: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draws the affine map from photo to crop, (2, 3): a scale, a flip of left and right, a place.

    The scale is uniform in its logarithm, so that halving and doubling are equally likely.
    """
    scale = np.exp(rng.uniform(*np.log(ZOOM)))
    room_y, room_x = (side - scale * full for side, full in zip(crop, shape, strict=True))
    shift_y, shift_x = (
        rng.uniform(min(room_y, 0), max(room_y, 0)),
        rng.uniform(min(room_x, 0), max(room_x, 0)),
    )
    matrix = np.array([[scale, 0, shift_x], [0, scale, shift_y]])
    if rng.random() < 0.5:
        matrix[0] = [-scale, 0, crop[1] - 1 - shift_x]
    return matrix


def change_colors(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Changes exposure, contrast, gamma, white balance and saturation of a uint8 RGB photo."""
    contrast, gamma = rng.uniform(0.75, 1.25), np.exp(rng.uniform(-0.3, 0.3))
    exposure, balance = rng.uniform(-0.12, 0.12), rng.uniform(0.92, 1.08, 3)
    level = np.linspace(0, 1, 256)[:, None] ** gamma
    table = np.clip(((level - 0.5) * contrast + 0.5 + exposure) * balance, 0, 1)  # (256, 3)
    image = cv2.LUT(image, np.uint8(np.round(255 * table))[None])
    grey, saturation = np.full((3, 3), 1 / 3), rng.uniform(0.6, 1.4)
    return cv2.transform(image, grey + saturation * (np.eye(3) - grey))
