"""Reads photos into arrays; refuses files that are broken, cut short or of another format."""

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
from PIL import Image, UnidentifiedImageError

from src.common.errors import DataError
from src.data import headers
from src.data.headers import Header

MOST_PIXELS = Image.MAX_IMAGE_PIXELS  # 89 million; a larger image is a mistake or an attack
BROKEN = (
    *(OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error),
    Image.DecompressionBombError,  # of a second header, which `check_header` does not see
)
CAMERA_BITS = 12  # a 16-bit photo whose values need no more bits has not been scaled to 16 bits
# Warnings of libjpeg about faults that lose no pixels; some cameras write a few bytes before the end.
_HARMLESS = re.compile(r"JFIF|Adobe|ICC marker|data: 1?\d extraneous bytes")
_REMEDIES = {  # where saving the file again as another format would not help
    "JPEG": "export it as PNG from where it was made, because a JPEG changes the values",
    "HTML": "download the image again, this is a web page in its place",
    "XML": "download the image again, this is a text in its place",
    "JSON": "download the image again, this is a text in its place",
    headers.CHANGED_PNG: "copy or download it again, as binary and not as text",
    "AppleDouble": "drop it, it is no image but what macOS notes of the file without ._ before its name",
}
_FETCH = {headers.LFS_POINTER: "git lfs pull", headers.ANNEX_POINTER: "git annex get"}
_TURNS = {  # orientation of EXIF -> function that turns pixels upright
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
    """Reads the header of an image file.

    Args:
        path: of the file.
        formats: that are allowed.

    Raises:
        DataError: it is of another format, broken, cut short, empty or of more than MOST_PIXELS.
    """
    with open_image(path) as file:
        return check_header(file, path, formats)


def check_header(file: BinaryIO, name: str, formats: tuple[str, ...]) -> Header:
    """Reads the header of an open file, as `read_header`.

    Args:
        file: opened to read bytes, at its start.
        name: of the file in messages.
        formats: that are allowed.

    Raises:
        DataError: as `read_header`.
    """
    with name_file_in_errors(name, formats):
        head = file.read(32)
        _require_format(head, name, formats)
        file.seek(0)
        header = headers.read_header(file)
        pixels = header.height * header.width
        if pixels > MOST_PIXELS:
            raise DataError(
                f"{name} must have at most {MOST_PIXELS:,} pixels, found {pixels:,} pixels; make the image "
                "smaller, photo and mask alike."
            )
    return header


def _require_format(head: bytes, name: str, formats: tuple[str, ...]) -> None:
    """Refuses a file of another format, by its first bytes.

    Raises:
        DataError: the format is not allowed.
    """
    kind = headers.name_format(head)
    if kind in formats:
        return
    if kind in _FETCH:
        raise DataError(f"{name} must be an image, found a {kind} to it; fetch the image: {_FETCH[kind]}.")
    allowed = " or ".join(formats)
    found = f"{kind}, another format" if kind else "another format"
    remedy = _REMEDIES.get(kind, f"save it again as {allowed}, a new ending alone changes nothing")
    if not head.strip(b"\0"):
        found = "zeros at its start, as after a loss of power" if head else "an empty file"
        remedy = "copy, download or export it again"
    raise DataError(f"{name} must be a whole {allowed} image, found {found}; {remedy}.")


@contextmanager
def open_image(path: str) -> Iterator[BinaryIO]:
    """Opens a file to read its bytes.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            yield file
    except OSError as error:
        raise DataError(
            f"{path} must be a file that can be read, found {error}; check its rights, or replace it."
        ) from error


@contextmanager
def name_file_in_errors(name: str, formats: tuple[str, ...]) -> Iterator[None]:
    """Turns each error that a broken image causes within the block into one that names the file.

    Raises:
        DataError: instead of any error of BROKEN.
    """
    try:
        yield
    except DataError:
        raise
    except BROKEN as error:
        rule = f"{name} must be a whole {' or '.join(formats)} image"
        raise DataError(f"{rule}, found {_describe_error(error)}; export it again.") from error


def _describe_error(error: Exception) -> str:
    """Describes a broken image by the error that reading it caused."""
    if isinstance(error, UnidentifiedImageError):  # its own text is an address in memory
        return "one that is broken, its header is wrong"
    if isinstance(error, (struct.error, zlib.error, EOFError, OSError)):
        return f"one that is cut short or broken ({error})"
    return str(error)


def read_size(path: str, formats: tuple[str, ...] = ("JPEG", "PNG")) -> tuple[int, int]:
    """Reads (height, width) of an image from its header; of the upright image, if it must be turned.

    Raises:
        DataError: as `read_header`.
    """
    return read_header(path, formats).upright_size


def explain_size(photo: str, size: tuple[int, int]) -> str:
    """Returns the remedy for a mask whose (height, width) differs from its photo's."""
    header = read_header(photo)
    if header.orientation >= 5 and size == (header.height, header.width):
        return "this photo is turned by its EXIF or XMP, so turn the mask as the photo is shown"
    if size == header.upright_size[::-1]:
        return "height and width are swapped, so turn the mask like its photo"
    return "export the mask again at the photo's size"


def orient_size(size: tuple[int, int], height: int, width: int) -> tuple[int, int]:
    """Swaps the network's (height, width) if one of it and the photo is in portrait format.

    Args:
        size: (height, width) of the network's input.
        height: of the photo.
        width: of the photo.
    """
    is_photo_wide = height <= width
    is_size_wide = size[0] <= size[1]
    return size if is_photo_wide == is_size_wide else size[::-1]


# Photos ----------------------------------------------
def load_photo(path: str, size: tuple[int, int]) -> np.ndarray:
    """Reads a photo as uint8 RGB, (*size, 3), turned upright and resized by averaging areas.

    A JPEG is decoded at a half, a quarter or an eighth of its size where that is still larger than `size`.

    Args:
        path: JPEG or PNG of any mode.
        size: (height, width) to return.

    Raises:
        DataError: the file is broken or cut short, of another format, too large, or uses few of its 16 bits.
    """
    with open_image(path) as file, name_file_in_errors(path, ("JPEG", "PNG")):
        header = check_header(file, path, ("JPEG", "PNG"))
        file.seek(0)
        if header.format == "JPEG":
            height, width = header.upright_size
            photo = _decode_jpeg(path, file.read(), header, min(height // size[0], width // size[1]))
        elif header.bits == 16:
            photo = _reduce_bits(path, decode_16_bits(file))
        else:
            photo = _decode_png(headers.strip_metadata(file))
    return resize_photo(_turn_upright(photo, header.orientation), size)


def resize_photo(photo: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes a photo, uint8 (H, W, 3), to (*size, 3): averages areas, or enlarges by interpolation."""
    shrinks = photo.shape[0] >= size[0] and photo.shape[1] >= size[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(photo, size[::-1], interpolation=interpolation)


def _turn_upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turns pixels, (H, W, 3), upright, by an orientation of EXIF (1 to 8)."""
    return _TURNS[orientation](pixels) if orientation in _TURNS else pixels


def _decode_jpeg(path: str, content: bytes, header: Header, shrink: int) -> np.ndarray:
    """Decodes a JPEG as it is stored, uint8 RGB.

    Args:
        path: of the file, for messages.
        content: of the file.
        header: of the file.
        shrink: how many times smaller the image may be; the result has 1, 1 / 2, 1 / 4 or 1 / 8 of the size.

    Raises:
        DataError: data are missing or broken; libjpeg would fill the gap with grey.
    """
    step = next((step for step in (8, 4, 2) if shrink >= step), 1)
    smallest = {"min_height": -(-header.height // step), "min_width": -(-header.width // step)}  # rounded up
    try:
        return simplejpeg.decode_jpeg(content, "RGB", **smallest)
    except ValueError as error:
        _require_harmless(path, error)
    try:
        # The first warning hid the others, so the pixels are tested again without what it may be about.
        simplejpeg.decode_jpeg(headers.strip_segments(content), "RGB", **smallest)
    except ValueError as error:
        _require_harmless(path, error)
    try:
        # Pillow overlooks such a warning and still refuses a JPEG that is cut short.
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as picture:
            return np.asarray(picture.convert("RGB"))
    except OSError as error:
        raise DataError(
            f"{path} must be a whole JPEG or PNG image, found one that is cut short ({error}); export it "
            "again."
        ) from error


def _require_harmless(path: str, error: ValueError) -> None:
    """Refuses a JPEG by the first warning of libjpeg, unless that is about a fault that loses no pixels.

    Raises:
        DataError: it is about missing or broken data.
    """
    if not _HARMLESS.search(str(error)):
        raise DataError(
            f"{path} must be a whole JPEG or PNG image, found one that is cut short or broken ({error}); "
            "export it again."
        ) from error


def _decode_png(content: bytes) -> np.ndarray:
    """Decodes a PNG of at most 8 bits as it is stored, uint8 RGB, without alpha."""
    with Image.open(io.BytesIO(content), formats=("PNG",)) as picture:
        return np.asarray(picture.convert("RGB"))


def decode_16_bits(file: BinaryIO) -> np.ndarray:
    """Decodes an open PNG of 16 bits as it is stored: uint16, (H, W) or (H, W, 3) as RGB, without alpha.

    Raises:
        ValueError: it is cut short or broken.
        zlib.error: its compressed pixels are broken.
    """
    content = headers.strip_metadata(file)
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise ValueError("a broken PNG of 16 bits")
    return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., 2::-1])


def _reduce_bits(path: str, pixels: np.ndarray) -> np.ndarray:
    """Converts a 16-bit photo to uint8 RGB.

    Raises:
        DataError: its values use few of the 16 bits, so that it would be nearly black.
    """
    peak = int(pixels.max())
    if 0 < peak < 2**CAMERA_BITS:
        raise DataError(
            f"{path} must use its 16 bits, found at most {peak} of 65535, as of {CAMERA_BITS} bits or less, "
            "so it would be nearly black; multiply the values to fill 16 bits, or export 8 bits."
        )
    small = (pixels >> 8).astype(np.uint8)
    return small if small.ndim == 3 else cv2.merge([small] * 3)


def require_unturned(header: Header, name: str, what: str) -> None:
    """Refuses a mask or depth map with an orientation: it is unclear whether its pixels are turned already.

    Args:
        header: of the file.
        name: of the file in messages.
        what: "mask" or "depth".

    Raises:
        DataError: its orientation is not 1.
    """
    if header.orientation != 1:
        raise DataError(
            f"{name} must be stored upright like its photo, found EXIF or XMP with orientation "
            f"{header.orientation}; export the {what} without EXIF."
        )
