"""Photo and mask files -> arrays; one that is broken, cut short or of another format is refused by name."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from src.classes import IGNORE, UNKNOWN, Classes, ClassList, DataError

MOST_PIXELS = Image.MAX_IMAGE_PIXELS  # 89 million; a larger picture is a mistake or an attack
BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)
NEAREST, FARTHEST = 0.3, 30.0  # metres that depth tells apart
_REDUCED = ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2))


@contextmanager
def open_picture(path: str, formats: tuple[str, ...] = ("JPEG", "PNG")) -> Iterator[Image.Image]:
    """Opens a picture; only its header is read until its pixels are asked for.

    Args:
        path: of the file.
        formats: that are admitted.

    Raises:
        DataError: it is of another format, broken, cut short, empty or of more than MOST_PIXELS; also when
            that shows inside the `with` block.
    """
    kind = " or ".join(formats)
    try:
        with Image.open(path, formats=formats) as picture:
            pixels = picture.width * picture.height
            if pixels > MOST_PIXELS:
                raise Image.DecompressionBombError(f"{pixels:,} pixels, at most {MOST_PIXELS:,} are read")
            yield picture
    except DataError:
        raise
    except BROKEN as error:
        raise DataError(
            f"{path} must be a whole {kind} picture, found {_describe(path, error)}; export it again."
        ) from error


def _describe(path: str, error: Exception) -> str:
    """Says what is wrong with a picture in a few words."""
    if isinstance(error, Image.UnidentifiedImageError):
        return "another format" if Path(path).stat().st_size else "an empty file"
    return str(error)


def read_size(path: str) -> tuple[int, int]:
    """Reads (height, width) of a picture from its header, as they are once EXIF rotation is applied.

    Raises:
        DataError: as `open_picture`.
    """
    with open_picture(path) as picture:
        width, height = picture.size
        turned = picture.getexif().get(0x0112, 1) >= 5
    return (width, height) if turned else (height, width)


def turn_size(size: tuple[int, int], height: int, width: int) -> tuple[int, int]:
    """Turns the network's size upright where the photo stands and the size lies, or the other way round."""
    return size if (height <= width) == (size[0] <= size[1]) else size[::-1]


def load_photo(path: str, size: tuple[int, int]) -> np.ndarray:
    """Reads a photo as uint8 RGB, (*size, 3): any mode made RGB, EXIF rotation applied, area-averaged.

    A JPEG is decoded at a half, a quarter or an eighth where the size asked for is smaller still.

    Raises:
        DataError: the file is broken or cut short, of another format, or too large.
    """
    height, width = read_size(path)
    shrink = min(height // size[0], width // size[1])
    flag = next((flag for least, flag in _REDUCED if shrink >= least), cv2.IMREAD_COLOR)
    content = np.fromfile(path, np.uint8)  # OpenCV's imread fails on accents in Windows paths
    if bytes(content[:2]) != b"\xff\xd8":  # only a JPEG is averaged when it is decoded smaller
        flag = cv2.IMREAD_COLOR
    whole = is_whole(content.tobytes()) or _is_decoded(path)
    photo = cv2.imdecode(content, flag) if whole else None
    if photo is None:
        raise DataError(
            f"{path} must be a whole JPEG or PNG picture, it is cut short or broken; export it again."
        )
    photo = cv2.cvtColor(photo, cv2.COLOR_BGR2RGB)
    smaller = photo.shape[0] >= size[0] and photo.shape[1] >= size[1]
    return cv2.resize(photo, size[::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def is_whole(content: bytes) -> bool:
    """True where a JPEG or PNG file reaches its end; OpenCV decodes one that is cut short without a word.

    A JPEG's pixels, from its last start of scan (FF DA), end with FF D9; neither occurs among them. A preview
    inside the file has its own end, but before that start.
    """
    if content[:2] == b"\xff\xd8":
        return content.rfind(b"\xff\xd9") > content.rfind(b"\xff\xda") >= 0
    return b"IEND" in content


def _is_decoded(path: str) -> bool:
    """True where Pillow decodes a photo to its end: a phone's may have a film behind it."""
    try:
        with Image.open(path) as picture:
            picture.load()
    except BROKEN:
        return False
    return True


def load_mask(path: str, classes: ClassList, size: tuple[int, int] | None = None) -> np.ndarray:
    """Reads a mask as uint8 class indices, (height, width); IGNORE where no class counts.

    Args:
        path: 8-bit PNG of class ids: one channel, equal channels, or a palette whose entries are the ids.
        classes: the mask classes.
        size: (height, width) to return, by nearest neighbour; None keeps the file's size.

    Raises:
        DataError: another format, or an id that no class has.
    """
    with open_picture(path, ("PNG",)) as picture:
        ids = np.asarray(ImageOps.exif_transpose(picture))
    if ids.ndim == 3:
        colors = ids[..., : 1 if ids.shape[-1] == 2 else 3]  # without the alpha channel
        if (colors != colors[..., :1]).any():
            raise DataError(
                f"{path} must hold one class id a pixel, its colour channels differ; export ids, not colours."
            )
        ids = ids[..., 0]
    if ids.dtype == bool:
        ids = ids.astype(np.uint8)
    if ids.dtype != np.uint8:
        raise DataError(
            f"{path} must be an 8-bit picture of class ids, found {ids.dtype}; export it as 8-bit grey."
        )
    mask = classes.encode(ids)
    if (mask == UNKNOWN).any():
        unknown = sorted(set(np.unique(ids)) - set(classes.ids) - {classes.ignore_id})
        raise DataError(
            f"{path} holds the ids {[int(id) for id in unknown]} that no class has; add them to classes.csv, "
            "or name one 'ignore' there."
        )
    if size is not None:
        mask = shrink_mask(mask, size)
    return mask


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
    with open_picture(path, ("PNG",)) as picture:
        steps = np.asarray(picture)
    if steps.ndim != 2 or steps.dtype in (np.uint8, bool):
        raise DataError(
            f"{path} must be a 16-bit PNG of one channel, found {steps.dtype} of shape {steps.shape}; "
            "export the depth again."
        )
    return steps.astype(np.uint16)


def load_masks(samples: pd.DataFrame, classes: Classes, sizes: list[tuple[int, int]]) -> list[np.ndarray]:
    """Reads the masks of some frames, to show them: uint8 class indices, IGNORE where a frame has none.

    Args:
        samples: rows with `mask`.
        classes: of both tasks.
        sizes: (height, width) for each row.
    """
    return [
        load_mask(path, classes.mask, size) if path else np.full(size, IGNORE, np.uint8)
        for path, size in zip(samples["mask"], sizes, strict=True)
    ]


def shrink_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes a mask of class indices to (height, width) by nearest neighbour: blending 1 and 3 invents 2."""
    return cv2.resize(mask, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
