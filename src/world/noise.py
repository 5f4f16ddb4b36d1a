"""Noise and random patterns over the ground; a place looks the same in every frame."""

import functools
import math

import cv2
import numpy as np

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


def take_fraction(x: np.ndarray) -> np.ndarray:
    """Returns the fractional part of each number."""
    return x - np.floor(x)  # a hundred times as fast as np.mod


def draw_chance(column: np.ndarray, row: np.ndarray, salt: float = 0) -> np.ndarray:
    """Draws a number from 0 to 1 for each cell of a grid; a cell always gets the same one."""
    return take_fraction(np.sin(column * 12.9898 + row * 78.233 + salt) * 43758.5453)


def sample_noise(noise: np.ndarray, x: np.ndarray, y: np.ndarray, period: float) -> np.ndarray:
    """Samples the noise at places x and y, (n,) each; the noise repeats after `period` metres."""
    count = len(x)
    rows = max(1, math.ceil(count / 1024))  # OpenCV remaps images, not long lists, and no empty ones
    places = np.zeros((2, rows, 1024), np.float32)
    flat = places.reshape(2, -1)
    flat[0, :count] = _NOISE_SIDE * take_fraction(x / period)
    flat[1, :count] = _NOISE_SIDE * take_fraction(y / period)
    return cv2.remap(noise, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP).ravel()[:count]


def lay_slabs(
    x: np.ndarray, y: np.ndarray, wide: float, deep: float, pixel: np.ndarray, bond: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Lays slabs with joints on the ground.

    Args:
        x: places, (n,), metres.
        y: places, (n,), metres.
        wide: length of a slab along x, metres.
        deep: length of a slab along y, metres.
        pixel: width of a pixel at each place, (n,), metres.
        bond: True shifts every second row by half a slab, as bricks are laid.

    Returns:
        A number from 0 to 1 for each place's slab, and how much of each pixel is joint, 0 to 1.
    """
    row = np.floor(y / deep)
    along = x / wide
    if bond:
        along = along + take_fraction(row / 2)
    chance = draw_chance(np.floor(along), row)
    edge = np.minimum(np.abs(along - np.round(along)) * wide, np.abs(y / deep - np.round(y / deep)) * deep)
    width = np.maximum(pixel, 0.012)  # a joint thinner than a pixel becomes paler, which avoids flicker
    return chance, np.clip(1 - edge / width, 0, 1) * (0.012 / width)


def scatter(x: np.ndarray, y: np.ndarray, side: float, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scatters small ovals, such as leaves, on the ground, at most one in a cell of a grid.

    Args:
        x: places, (n,), metres.
        y: places, (n,), metres.
        side: of a cell, metres.
        share: of the cells that have an oval, 0 to 1, at each place.

    Returns:
        True where an oval lies, (n,), and a number from 0 to 1 for each place's cell.
    """
    column = np.floor(x / side)
    row = np.floor(y / side)
    chance = draw_chance(column, row)
    other = take_fraction(chance * 57.3)
    u = x / side - column - 0.35 - 0.3 * other
    v = y / side - row - 0.65 + 0.3 * other
    turned = u + (other - 0.5) * v
    return (chance < share) & (turned * turned + 2.5 * v * v < 0.11), other
