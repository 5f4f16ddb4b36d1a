"""Reads masks in colours, and draws shapes into masks."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import yaml
from PIL import Image, ImageDraw, ImageOps

from src.bring.source import BACKGROUND
from src.common.errors import DataError
from src.data.classes import IGNORE
from src.data.image_files import read_size

READ_ERRORS = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
AS_THEY_ARE = (".jpg", ".jpeg", ".png")  # photos of other formats become PNG
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


def read_photo_size(photo: Path) -> tuple[int, int]:
    """Reads (height, width) of a photo as it is shown.

    Raises:
        DataError: the file cannot be read.
    """
    if photo.suffix.lower() in AS_THEY_ARE:
        return read_size(str(photo))
    try:
        with Image.open(photo) as image:
            return ImageOps.exif_transpose(image).size[::-1]
    except READ_ERRORS as error:
        raise DataError(f"{photo} must be a photo, found one that cannot be read ({error}).") from error


def read_text(path: Path) -> str:
    """Reads a text file in UTF-8 or, as older programs on Windows write accents, in code page 1252."""
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def list_json(folder: Path) -> list[Path]:
    """Lists the JSON files of a folder and of those below it, without hidden ones, as macOS adds to zips."""
    return sorted(path for path in folder.rglob("*.json") if not path.name.startswith("."))


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
    """Writes a colour as "#rrggbb".

    Raises:
        ValueError: a channel is not from 0 to 255.
    """
    if not all(0 <= channel <= 255 for channel in (red, green, blue)):
        raise ValueError(f"a color of {red}, {green}, {blue}, where each is 0 to 255")
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


@dataclass(frozen=True, eq=False)
class Area:
    """An area of a class, cut out so that hundreds in a large photo fit into the memory.

    Attributes:
        index: of the class.
        top: first row of the cut-out in the mask.
        left: first column of the cut-out in the mask.
        inside: bool, (height, width) of the cut-out.
    """

    index: int
    top: int
    left: int
    inside: np.ndarray


def cut_area(inside: np.ndarray, index: int) -> Area:
    """Cuts out what is inside, bool (H, W), of a class of this index."""
    left, top, width, height = cv2.boundingRect(inside.astype(np.uint8))
    return Area(index, top, left, inside[top : top + height, left : left + width].copy())


def draw_areas(shape: tuple[int, int], areas: list[Area], indices: dict[str, int]) -> np.ndarray:
    """Draws areas into a mask, uint8 (H, W), the largest first.

    Args:
        shape: (height, width) of the mask.
        areas: of `cut_area`.
        indices: of `source.number_classes`.
    """
    mask = start_mask(shape, indices)
    for area in sorted(areas, key=lambda area: -int(area.inside.sum())):
        height, width = area.inside.shape
        part = mask[area.top : area.top + height, area.left : area.left + width]
        part[area.inside] = area.index
    return mask


def start_mask(shape: tuple[int, int], indices: dict[str, int]) -> np.ndarray:
    """Makes a mask, uint8 (H, W), in which nothing is annotated: background if that is a class, or IGNORE."""
    return np.full(shape, indices.get(BACKGROUND, IGNORE), np.uint8)
