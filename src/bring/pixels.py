"""Reads masks in colours, and draws shapes into masks."""

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from PIL import Image, ImageDraw

from src.common.errors import DataError
from src.data.classes import IGNORE

READ_ERRORS = (OSError, SyntaxError, ValueError)
MOST_COLORS = 3  # of unknown colours in a message


def read_pixels(path: Path, mode: str = "") -> np.ndarray:
    """Reads an image file as uint8: (H, W) for one channel or a palette's indices, else (H, W, channels).

    Args:
        path: of the file.
        mode: of Pillow to convert to, as "RGB"; "" for the pixels as they are stored.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert(mode) if mode else image)
    except READ_ERRORS as error:
        raise DataError(f"{path} must be an image, found one that cannot be read ({error}).") from error


def read_text(path: Path) -> str:
    """Reads a text file in UTF-8 or, as older programs on Windows write accents, in code page 1252."""
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


@lru_cache(maxsize=4)  # the json files of COCO are large, and several readers look into them
def read_json(path: Path) -> dict | list:
    """Reads a JSON file.

    Raises:
        DataError: it is none.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise DataError(f"{path} must be JSON, found {error}; export it again.") from error


def read_yaml(path: Path) -> dict:
    """Reads a YAML file that holds a mapping.

    Raises:
        DataError: it is none.
    """
    try:
        content = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise DataError(f"{path} must be YAML, found {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} must be a YAML mapping, found {type(content).__name__}.")
    return content


def write_color(red: int, green: int, blue: int) -> str:
    """Writes a colour as "#rrggbb"."""
    return f"#{red:02x}{green:02x}{blue:02x}"


def read_color_mask(path: Path, indices: dict[str, int]) -> np.ndarray:
    """Reads a mask in colours as uint8 indices, (H, W).

    Args:
        path: of an image in colours or with a palette.
        indices: index of each colour, "#rrggbb".

    Raises:
        DataError: it has a colour that is none of these.
    """
    packed = pack_colors(read_pixels(path, "RGB"))
    keys = np.array(sorted(int(color[1:], 16) for color in indices))
    values = np.array([indices[f"#{key:06x}"] for key in keys], np.uint8)
    place = np.searchsorted(keys, packed).clip(max=len(keys) - 1)
    unknown = packed[keys[place] != packed]
    if len(unknown):
        found = [f"#{color:06x}" for color in pd.Series(unknown).value_counts().index]
        reason = "add them to the table of colours"
        if len(found) > 50:
            reason = "so many are of blended edges: export the masks without smoothing and as PNG"
        raise DataError(
            f"{path} must hold the colours of classes only, found {len(found)} others, as "
            f"{', '.join(found[:MOST_COLORS])} ({len(unknown)} pixels); {reason}."
        )
    return values[place]


def pack_colors(rgb: np.ndarray) -> np.ndarray:
    """Packs uint8 RGB, (H, W, 3), into one number a pixel, int32 (H, W): 0xrrggbb."""
    red, green, blue = np.moveaxis(rgb[..., :3].astype(np.int32), -1, 0)
    return (red << 16) | (green << 8) | blue


def draw_polygon(shape: tuple[int, int], points: list[list[float]]) -> np.ndarray:
    """Draws a polygon of (x, y) in pixels: bool (H, W), True inside it and on its edge."""
    canvas = Image.new("L", shape[::-1])
    ImageDraw.Draw(canvas).polygon([tuple(point) for point in points], outline=1, fill=1)
    return np.asarray(canvas, bool)


def draw_areas(
    shape: tuple[int, int], areas: list[tuple[np.ndarray, int]], indices: dict[str, int]
) -> np.ndarray:
    """Draws areas into a mask, uint8 (H, W), the largest first.

    Args:
        shape: (height, width) of the mask.
        areas: what is inside, bool (H, W), and the index of its class.
        indices: of `source.number_classes`.
    """
    mask = start_mask(shape, indices)
    for inside, index in sorted(areas, key=lambda area: -int(area[0].sum())):
        mask[inside] = index
    return mask


def start_mask(shape: tuple[int, int], indices: dict[str, int]) -> np.ndarray:
    """Makes a mask, uint8 (H, W), in which nothing is annotated: background if that is a class, or IGNORE."""
    return np.full(shape, 0 if "background" in indices else IGNORE, np.uint8)
