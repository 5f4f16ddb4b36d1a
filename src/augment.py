"""Random views, colours and weather: one geometry for photo, depth and mask, every draw from one rng."""

import cv2
import numpy as np

from src.classes import IGNORE
from src.recipe import SMALLEST_ZOOM, Recipe

NO_DEPTH = 0.3  # of the frames lose their depth, so that a network knows frames without


def augment(
    image: np.ndarray, mask: np.ndarray, crop: tuple[int, int], rng: np.random.Generator, recipe: Recipe
) -> tuple[np.ndarray, np.ndarray]:
    """Flips, scales, tilts and crops photo, depth and mask alike, and changes the photo's colours.

    Args:
        image: uint8 RGB, (H, W, 3), or with depth as its fourth channel, (H, W, 4).
        mask: uint8 class indices, (H, W).
        crop: (height, width) to return, in pixels.
        rng: source of every random draw.
        recipe: how far.

    Returns:
        image, uint8, (*crop, channels), 0 outside the photo; mask, uint8, crop, IGNORE outside the photo.
    """
    matrix = draw_geometry(mask.shape, crop, rng, recipe)
    size = crop[::-1]
    depth = image[..., 3].copy() if image.shape[-1] == 4 else None
    image = cv2.warpPerspective(image[..., :3].copy(), matrix, size, flags=cv2.INTER_LINEAR)
    mask = cv2.warpPerspective(mask, matrix, size, flags=cv2.INTER_NEAREST, borderValue=IGNORE)
    image = change_colors(image, rng, recipe.color)
    if recipe.weather:
        image = change_weather(image, rng, recipe.weather)
    if rng.random() < recipe.cutout:
        cut_holes(image, mask, rng)
    if depth is None:
        return image, mask
    depth = cv2.warpPerspective(depth, matrix, size, flags=cv2.INTER_NEAREST)
    return np.dstack([image, depth * np.uint8(rng.random() >= NO_DEPTH)]), mask


def draw_geometry(
    shape: tuple[int, int], crop: tuple[int, int], rng: np.random.Generator, recipe: Recipe
) -> np.ndarray:
    """Draws the homography from photo to crop, (3, 3): a scale, a flip of left and right, a place, a tilt.

    The scale is uniform in its logarithm, so that halving and doubling are equally likely. The tilt is a
    roll of up to 6 degrees and a pitch that changes the scale by up to 20 % between top and bottom.
    """
    scale = np.exp(rng.uniform(np.log(SMALLEST_ZOOM), np.log(recipe.zoom)))
    room_y, room_x = (side - scale * full for side, full in zip(crop, shape, strict=True))
    shift_y, shift_x = (
        rng.uniform(min(room_y, 0), max(room_y, 0)),
        rng.uniform(min(room_x, 0), max(room_x, 0)),
    )
    matrix = np.array([[scale, 0, shift_x], [0, scale, shift_y], [0, 0, 1]])
    if rng.random() < 0.5:
        matrix[0] = [-scale, 0, crop[1] - 1 - shift_x]
    if recipe.tilt:
        roll, pitch = recipe.tilt * rng.uniform(-1, 1, 2) * (np.radians(6), 0.2 / crop[0])
        center = np.array([[1, 0, -crop[1] / 2], [0, 1, -crop[0] / 2], [0, 0, 1]])
        turn = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, pitch, 1]])
        matrix = np.linalg.inv(center) @ turn @ center @ matrix
    return matrix


def change_colors(image: np.ndarray, rng: np.random.Generator, strength: float = 1.0) -> np.ndarray:
    """Changes exposure, contrast, gamma, white balance and saturation of a uint8 RGB photo."""
    s = strength
    contrast, gamma = 1 + s * rng.uniform(-0.25, 0.25), np.exp(s * rng.uniform(-0.3, 0.3))
    exposure, balance = s * rng.uniform(-0.12, 0.12), 1 + s * rng.uniform(-0.08, 0.08, 3)
    level = np.linspace(0, 1, 256)[:, None] ** gamma
    table = np.clip(((level - 0.5) * contrast + 0.5 + exposure) * balance, 0, 1)  # (256, 3)
    image = cv2.LUT(image, np.uint8(np.round(255 * table))[None])
    grey, saturation = np.full((3, 3), 1 / 3), 1 + s * rng.uniform(-0.4, 0.4)
    return cv2.transform(image, grey + saturation * (np.eye(3) - grey))


def change_weather(image: np.ndarray, rng: np.random.Generator, probability: float) -> np.ndarray:
    """Adds a shadow, blur, noise and the traces of JPEG to a uint8 RGB photo, each at times."""
    height, width = image.shape[:2]
    shadow, blur, noise, jpeg = rng.random(4) < probability
    if shadow:
        corners = rng.uniform(-0.2, 1.2, (4, 2)) * (width, height)
        shade = np.zeros((height, width), np.float32)
        cv2.fillConvexPoly(shade, cv2.convexHull(corners.astype(np.float32)).astype(np.int32), 1.0)
        shade = cv2.GaussianBlur(shade, (0, 0), rng.uniform(1, 8))[..., None]
        image = np.uint8(image * (1 - rng.uniform(0.2, 0.6) * shade))
    if blur:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6))
    if noise:
        grain = rng.standard_normal(image.shape, np.float32) * rng.uniform(2, 14)
        image = np.uint8(np.clip(image + grain, 0, 255))
    if jpeg:
        quality = int(rng.integers(20, 80))
        image = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)
    return image


def cut_holes(image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> None:
    """Fills one to three rectangles, in place: one colour in the photo, IGNORE in the mask.

    Source: DeVries & Taylor 2017 (Cutout).
    """
    height, width = mask.shape
    for _ in range(rng.integers(1, 4)):
        h, w = (int(side * rng.uniform(0.1, 0.35)) for side in (height, width))
        y, x = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
        image[y : y + h, x : x + w] = rng.integers(0, 256, 3)
        mask[y : y + h, x : x + w] = IGNORE
