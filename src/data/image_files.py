"""Photo and mask files -> arrays; one that is broken, cut short or of another format is refused by name."""

import io
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import simplejpeg
from PIL import Image

from src.common.errors import DataError
from src.data import headers
from src.data.headers import Header

MOST_PIXELS = Image.MAX_IMAGE_PIXELS  # 89 million; a larger picture is a mistake or an attack
BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)
NEAREST, FARTHEST = 0.3, 30.0  # metres that depth tells apart
DEEP = 12  # bits: 16-bit photos whose values need no more are a camera's, not spread over the 16
MOST_SHOWN = 8  # ids in one message
# What libjpeg complains of though no pixel is lost; a few bytes before the end are what some cameras write.
_HARMLESS = re.compile(r"JFIF|Adobe|ICC marker|data: 1?\d extraneous bytes")
_TURNS = {  # by EXIF's orientation
    2: lambda pixels: cv2.flip(pixels, 1),
    3: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_180),
    4: lambda pixels: cv2.flip(pixels, 0),
    5: cv2.transpose,
    6: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE),
    7: lambda pixels: cv2.rotate(cv2.transpose(pixels), cv2.ROTATE_180),
    8: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


# Headers ----------------------------------------------
def read_header(path: str, formats: tuple[str, ...] = ("JPEG", "PNG")) -> Header:
    """Reads what a picture's file says before its pixels are unpacked.

    Args:
        path: of the file.
        formats: that are admitted.

    Raises:
        DataError: it is of another format, broken, cut short, empty or of more than MOST_PIXELS.
    """
    with open_image(path) as file:
        return check_header(file, path, formats)


def check_header(file: BinaryIO, name: str, formats: tuple[str, ...]) -> Header:
    """Reads an open file's header, as `read_header`; `name` is what the message calls the file."""
    with naming_file(name, formats):
        head = file.read(32)
        kind = headers.name_format(head)
        if kind not in formats:
            found = f"{kind}, another format" if kind else "another format" if head else "an empty file"
            raise DataError(
                f"{name} must be a whole {' or '.join(formats)} picture, found {found}; save it anew as "
                f"{' or '.join(formats)}, a new ending alone changes nothing."
            )
        file.seek(0)
        header = headers.read_header(file)
        pixels = header.height * header.width
        if pixels > MOST_PIXELS:
            raise ValueError(f"{pixels:,} pixels, at most {MOST_PIXELS:,} are read")
    return header


@contextmanager
def open_image(path: str) -> Iterator[BinaryIO]:
    """Opens a file to read its bytes; one that cannot be read is named."""
    try:
        with Path(path).open("rb") as file:
            yield file
    except OSError as error:
        raise DataError(
            f"{path} must be a file that can be read, found {error}; mend or replace it."
        ) from error


@contextmanager
def naming_file(name: str, formats: tuple[str, ...]) -> Iterator[None]:
    """Turns whatever a broken picture raises within into an error that names the file."""
    try:
        yield
    except DataError:
        raise
    except BROKEN as error:
        rule = f"{name} must be a whole {' or '.join(formats)} picture"
        raise DataError(f"{rule}, found {describe_image(error)}; export it again.") from error


def describe_image(error: Exception) -> str:
    """Says what is wrong with a picture in a few words."""
    if isinstance(error, (struct.error, zlib.error, EOFError, OSError)):
        return f"one that is cut short or broken ({error})"
    return str(error)


def read_size(path: str, formats: tuple[str, ...] = ("JPEG", "PNG")) -> tuple[int, int]:
    """Reads (height, width) of a picture from its header, as they are once it is turned upright.

    Raises:
        DataError: as `read_header`.
    """
    return read_header(path, formats).upright_size


def explain_size(photo: str, size: tuple[int, int]) -> str:
    """Says what to do about a mask of another (height, width) than its photo."""
    header = read_header(photo)
    if header.orientation >= 5 and size == (header.height, header.width):
        return "this photo is turned by its EXIF or XMP, so turn the mask as the photo is shown"
    return "export the mask again at the photo's size"


def orient_size(size: tuple[int, int], height: int, width: int) -> tuple[int, int]:
    """Turns the network's size upright where the photo stands and the size lies, or the other way round."""
    return size if (height <= width) == (size[0] <= size[1]) else size[::-1]


# Photos ----------------------------------------------
def load_photo(path: str, size: tuple[int, int]) -> np.ndarray:
    """Reads a photo as uint8 RGB, (*size, 3): any mode made RGB, turned upright, area-averaged.

    A JPEG is decoded at a half, a quarter or an eighth where the size asked for is smaller still.

    Raises:
        DataError: the file is broken or cut short, of another format, too large, or uses few of its 16 bits.
    """
    with open_image(path) as file, naming_file(path, ("JPEG", "PNG")):
        header = check_header(file, path, ("JPEG", "PNG"))
        file.seek(0)
        if header.format == "JPEG":
            height, width = header.upright_size
            photo = _decode_jpeg(path, file.read(), header, min(height // size[0], width // size[1]))
        elif header.bits == 16:
            photo = _flatten_deep(path, decode_deep(file))
        else:
            photo = _decode_png(headers.keep_pixels(file))
    photo = turn(photo, header.orientation)
    smaller = photo.shape[0] >= size[0] and photo.shape[1] >= size[1]
    return cv2.resize(photo, size[::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turns pixels, (H, W, 3), upright, as an orientation of EXIF (1 to 8) asks for."""
    return _TURNS[orientation](pixels) if orientation in _TURNS else pixels


def _decode_jpeg(path: str, content: bytes, header: Header, shrink: int) -> np.ndarray:
    """Decodes a JPEG as it lies, uint8 RGB, at 1 / 8, 1 / 4 or 1 / 2 of its size where `shrink` is as much.

    Raises:
        DataError: libjpeg says that data are missing or broken; it would fill the gap with grey.
    """
    step = next((step for step in (8, 4, 2) if shrink >= step), 1)
    least = {"min_height": -(-header.height // step), "min_width": -(-header.width // step)}
    try:
        return simplejpeg.decode_jpeg(content, "RGB", **least)
    except ValueError as error:
        if not _HARMLESS.search(str(error)):
            raise DataError(
                f"{path} must be a whole JPEG or PNG picture, it is cut short or broken ({error}); "
                "export it again."
            ) from error
    return simplejpeg.decode_jpeg(content, "RGB", **least, strict=False)


def _decode_png(content: bytes) -> np.ndarray:
    """Decodes a PNG of at most 8 bits as it lies, uint8 RGB, without alpha."""
    with Image.open(io.BytesIO(content), formats=("PNG",)) as picture:
        return np.asarray(picture.convert("RGB"))


def decode_deep(file: BinaryIO) -> np.ndarray:
    """Decodes an open PNG of 16 bits as it lies: uint16, (H, W) or (H, W, 3) as RGB, without alpha.

    Raises:
        ValueError: it is cut short or broken, or zlib.error.
    """
    content = headers.keep_pixels(file)
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise ValueError("a broken PNG of 16 bits")
    return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., 2::-1])


def _flatten_deep(path: str, pixels: np.ndarray) -> np.ndarray:
    """Makes uint8 RGB of a 16-bit photo.

    Raises:
        DataError: its values need few of the 16 bits, so that it would be nearly black.
    """
    peak = int(pixels.max())
    if 0 < peak < 2**DEEP:
        raise DataError(
            f"{path} must use its 16 bits, it is at most {peak} of 65535, as of {DEEP} bits or less, "
            "so it would be nearly black; multiply the values to fill 16 bits, or export 8 bits."
        )
    small = (pixels >> 8).astype(np.uint8)
    return small if small.ndim == 3 else cv2.merge([small] * 3)


# Depth ----------------------------------------------
def load_depth(path: str, unit: float, size: tuple[int, int]) -> np.ndarray:
    """Reads a depth map as uint8 code, (*size): 0 without a reading, then 1 (far) to 255 (near).

    The code is the logarithm of the distance between NEAREST and FARTHEST, so that a step is 1.8 % of it
    everywhere; the map is resized by nearest neighbour, for distances blended with no reading would be wrong.

    Args:
        path: of the 16-bit PNG; "" gives a map without readings.
        unit: metres a step.
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
    """Reads the raw steps of a depth map: uint16, (height, width), 0 without a reading.

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
        with naming_file(path, ("PNG",)):
            return decode_deep(file)


def require_unturned(header: Header, name: str, what: str) -> None:
    """Refuses a mask or depth map that asks to be turned: nobody knows whether its maker turned it.

    Raises:
        DataError: it has another orientation than 1.
    """
    if header.orientation != 1:
        raise DataError(
            f"{name} must lie as its photo is seen, its EXIF or XMP asks to turn it (orientation "
            f"{header.orientation}); export the {what} without EXIF."
        )
