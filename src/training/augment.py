"""Random augmentation: photo, depth and mask are moved alike, and the photo's colours are changed."""

import cv2
import numpy as np

from src.data.classes import IGNORE
from src.settings import SMALLEST_ZOOM, Recipe

# Share of the frames whose depth is removed, so that the network also learns from frames without depth.
NO_DEPTH = 0.3


def augment(
    image: np.ndarray, mask: np.ndarray, crop: tuple[int, int], rng: np.random.Generator, recipe: Recipe
) -> tuple[np.ndarray, np.ndarray]:
    """Flips, scales and crops photo, depth and mask alike, and changes the photo's colours.

    Args:
        image: uint8 RGB, (H, W, 3), or with depth as its fourth channel, (H, W, 4).
        mask: uint8 class indices, (H, W).
        crop: (height, width) to return, in pixels.
        rng: source of every random draw.
        recipe: its zoom and color limit the changes.

    Returns:
        image: uint8, (*crop, channels). Outside the photo it is black, with colours changed as the photo's
            are; the depth there is 0.
        mask: uint8, crop; IGNORE outside the photo.
    """
    matrix = draw_geometry(mask.shape, crop, rng, recipe)
    size = crop[::-1]
    depth = image[..., 3].copy() if image.shape[-1] == 4 else None
    image = cv2.warpAffine(image[..., :3].copy(), matrix, size, flags=cv2.INTER_LINEAR)
    mask = cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_NEAREST, borderValue=IGNORE)
    image = change_colors(image, rng, recipe.color)
    if depth is None:
        return image, mask
    depth = cv2.warpAffine(depth, matrix, size, flags=cv2.INTER_NEAREST)
    if rng.random() < NO_DEPTH:
        depth = np.zeros_like(depth)
    return np.dstack([image, depth]), mask


def draw_geometry(
    shape: tuple[int, int], crop: tuple[int, int], rng: np.random.Generator, recipe: Recipe
) -> np.ndarray:
    """Draws the affine matrix from photo to crop, (2, 3), in pixels: scale, horizontal flip and shift.

    The scale is uniform in its logarithm, so that halving and doubling are equally likely.
    """
    scale = np.exp(rng.uniform(np.log(SMALLEST_ZOOM), np.log(recipe.zoom)))
    room_y = crop[0] - scale * shape[0]
    room_x = crop[1] - scale * shape[1]
    shift_y = rng.uniform(min(room_y, 0), max(room_y, 0))
    shift_x = rng.uniform(min(room_x, 0), max(room_x, 0))
    matrix = np.array([[scale, 0, shift_x], [0, scale, shift_y]])
    if rng.random() < 0.5:
        matrix[0] = [-scale, 0, crop[1] - 1 - shift_x]
    return matrix


def change_colors(image: np.ndarray, rng: np.random.Generator, strength: float = 1.0) -> np.ndarray:
    """Changes exposure, contrast, gamma, white balance and saturation of a uint8 RGB photo (H, W, 3).

    Args:
        image: the photo.
        rng: source of every random draw.
        strength: factor of every change; 0 changes nothing.

    Returns:
        uint8 RGB, (H, W, 3).
    """
    contrast = 1 + strength * rng.uniform(-0.25, 0.25)
    gamma = np.exp(strength * rng.uniform(-0.3, 0.3))
    exposure = strength * rng.uniform(-0.12, 0.12)
    balance = 1 + strength * rng.uniform(-0.08, 0.08, 3)
    level = np.linspace(0, 1, 256)[:, None] ** gamma
    table = np.clip(((level - 0.5) * contrast + 0.5 + exposure) * balance, 0, 1)  # (256, 3)
    image = cv2.LUT(image, np.uint8(np.round(255 * table))[None])
    grey = np.full((3, 3), 1 / 3)
    saturation = 1 + strength * rng.uniform(-0.4, 0.4)
    return cv2.transform(image, grey + saturation * (np.eye(3) - grey))
