"""Smooth noise, the same for every pixel that shows the same spot."""

import functools

import cv2
import numpy as np

# Surfaces -> materials ------------------------------------------------------------
_NOISE_SIDE = 512


@functools.lru_cache(maxsize=8)
def make_noise(seed: int) -> np.ndarray:
    """Makes seamless noise of many sizes, (512, 512) float32, mean 0, standard deviation 1."""
    rng = np.random.default_rng((seed, 77))
    total = np.zeros((_NOISE_SIDE, _NOISE_SIDE), np.float32)
    for octave in range(2, 10):
        cells = rng.standard_normal((2**octave, 2**octave)).astype(np.float32)
        grid = (np.arange(_NOISE_SIDE, dtype=np.float32) + 0.5) * (2**octave / _NOISE_SIDE) - 0.5
        layer = cv2.remap(cells, *np.meshgrid(grid, grid), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        total += layer * 0.75**octave
    return (total - total.mean()) / total.std()


def fraction(x: np.ndarray) -> np.ndarray:
    """Gives what is behind the point of each number."""
    return x - np.floor(x)  # a hundred times as fast as np.mod


def draw_chance(column: np.ndarray, row: np.ndarray, salt: float = 0) -> np.ndarray:
    """Draws a number from 0 to 1 for each cell of a grid, always the same one."""
    return fraction(np.sin(column * 12.9898 + row * 78.233 + salt) * 43758.5453)


def sample_noise(noise: np.ndarray, x: np.ndarray, y: np.ndarray, period: float) -> np.ndarray:
    """Looks the noise up at x and y, lists of places; it comes again after `period` metres."""
    count = len(x)
    rows = max(1, -(-count // 1024))  # OpenCV takes pictures, no long lists and no empty ones
    places = np.zeros((2, rows, 1024), np.float32)
    for place, row in zip((x, y), places.reshape(2, -1), strict=True):
        row[:count] = _NOISE_SIDE * fraction(place / period)
    return cv2.remap(noise, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP).ravel()[:count]


def cells(x: np.ndarray, y: np.ndarray, wide: float, deep: float, joint: np.ndarray, bond: bool) -> tuple:
    """Lays cells of wide x deep metres, in bond or not: a chance each, and how much joint a pixel shows."""
    row = np.floor(y / deep)
    along = x / wide + (fraction(row / 2) if bond else 0)
    chance = draw_chance(np.floor(along), row)
    edge = np.minimum(np.abs(along - np.round(along)) * wide, np.abs(y / deep - np.round(y / deep)) * deep)
    seen = np.maximum(joint, 0.012)  # a joint thinner than a pixel pales instead of flickering
    return chance, np.clip(1 - edge / seen, 0, 1) * (0.012 / seen)


def scatter(x: np.ndarray, y: np.ndarray, side: float, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scatters small things, one in some of the cells of a grid: where they lie, and a chance of each."""
    column, row = np.floor(x / side), np.floor(y / side)
    chance = draw_chance(column, row)
    other = fraction(chance * 57.3)
    u, v = x / side - column - 0.35 - 0.3 * other, y / side - row - 0.65 + 0.3 * other
    turned = u + (other - 0.5) * v
    return (chance < share) & (turned * turned + 2.5 * v * v < 0.11), other
