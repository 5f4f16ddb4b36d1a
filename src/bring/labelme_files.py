"""Reads labelme's json files, one a photo; its flags become the image-level label."""

import base64
import binascii
import io
import math
from functools import partial
from pathlib import Path, PureWindowsPath

import numpy as np
from PIL import Image, ImageDraw

from src.bring.pixels import draw_polygon, list_json, read_json, read_photo_size, start_mask
from src.bring.source import (
    Options,
    Source,
    SourceFrame,
    find_part,
    index_photos,
    list_classes,
    match_photos,
    name_folder,
    number_classes,
)
from src.common.errors import DataError

NAME = "labelme"
LINE_WIDTH = 10  # in pixels; labelme's own
POINT_SIZE = 5
# Kinds whose points are the corners; X-AnyLabeling writes the last two, and rectangles of four corners, too
OUTLINES = ("polygon", "oriented_rectangle", "rotation", "quadrilateral")


def is_source(folder: Path) -> bool:
    """Returns whether a folder holds json files with "shapes" and "imagePath"."""
    return any(_is_labelme(path) for path in list_json(folder))


def _is_labelme(path: Path) -> bool:
    try:
        content = read_json(path)
    except DataError:
        return False
    return _has_keys(content)


def _has_keys(content: object) -> bool:
    return isinstance(content, dict) and {"shapes", "imagePath"} <= set(content)


def read(folder: Path, options: Options) -> Source:
    """Reads all json files; a photo that lies nowhere is taken from the json, if that holds it.

    Raises:
        DataError: no photo is there.
    """
    contents, broken = _read_contents(folder)
    photos = _find_photos(folder, contents)
    absent = []
    names: set[str] = set()
    for path, content in list(contents.items()):
        photo = photos.get(path) or _extract_photo(path, options.work / path.relative_to(folder))
        if photo is None:
            absent.append(path.name)
            del contents[path]
            continue
        photos[path] = photo
        names.update(shape["label"] for shape in content["shapes"])
    indices = number_classes(sorted(names), options.unlabelled)
    source = Source("labelme", [], list_classes(indices))
    for path, content in contents.items():
        relative = path.relative_to(folder)
        # A photo without any shape may be one that was only flagged
        read_mask = partial(_draw, path, content, photos[path], indices) if content["shapes"] else None
        name = str(relative.with_suffix(""))
        label = _read_flag(path, content)
        is_test = find_part(relative.parent) == "test"
        recording = name_folder(relative)
        source.frames.append(SourceFrame(photos[path], name, read_mask, label, recording, is_test))
    if not source.frames:
        raise DataError(
            f"The photos of {folder} must lie beside its json files, found none; copy them there."
        )
    if broken:
        source.left.append(f"{len(broken)} json files cannot be read, the first: {broken[0]}")
    if absent:
        source.left.append(
            f"{len(absent)} json files have no photo beside them or in them, the first {absent[0]}."
        )
    return source


def _read_contents(folder: Path) -> tuple[dict[Path, dict], list[str]]:
    """Reads all json files, but for the photos in them: thousands would fill the memory.

    Returns:
        What each file holds, and what is wrong with those that cannot be read.
    """
    contents = {}
    broken = []
    for path in list_json(folder):
        try:
            content = read_json(path)
        except DataError as error:
            broken.append(str(error))
            continue
        if _has_keys(content):
            contents[path] = {key: value for key, value in content.items() if key != "imageData"}
            contents[path]["shapes"] = content["shapes"] or []
            contents[path]["flags"] = content.get("flags") or {}
            contents[path]["imagePath"] = str(content["imagePath"] or f"{path.stem}.jpg")
            _require_kinds(path, contents[path])
            _spell_labels(path, contents[path]["shapes"])
    return contents, broken


def _require_kinds(path: Path, content: dict) -> None:
    """Refuses fields of another kind than labelme's.

    Raises:
        DataError: the shapes are no list, or the flags no mapping.
    """
    shapes = content["shapes"]
    is_list = isinstance(shapes, list) and all(isinstance(shape, dict) for shape in shapes)
    if not is_list or not isinstance(content["flags"], dict):
        raise DataError(
            f"{path} must hold a list of shapes and a mapping of flags, as labelme writes, found others; "
            "export it again."
        )


def _spell_labels(path: Path, shapes: list[dict]) -> None:
    """Makes the labels of shapes text without blanks around it; some programs write numbers.

    Raises:
        DataError: a shape has no label.
    """
    for number, shape in enumerate(shapes, start=1):
        label = "" if shape.get("label") is None else str(shape["label"]).strip()
        if not label:
            raise DataError(f"{path}: shape {number} must have a label, found none; name it in labelme.")
        shape["label"] = label


def _find_photos(folder: Path, contents: dict[Path, dict]) -> dict[Path, Path]:
    """Finds the photos that json files name: beside them, or by the end of their paths."""
    found = {}
    others = {}
    for path, content in contents.items():
        named = content["imagePath"].replace("\\", "/")
        beside = [path.parent / named, path.parent / Path(named).name]
        photo = next((photo for photo in beside if photo.is_file()), None)
        if photo:
            found[path] = photo
        else:
            others[f"{path.parent.relative_to(folder)}/{named}"] = path
    taken = {photo.resolve() for photo in found.values()}
    free = {
        key: [photo for photo in same if photo.resolve() not in taken]
        for key, same in index_photos(folder).items()
    }
    return found | {others[name]: photo for name, photo in match_photos(others, free).items()}


def _extract_photo(path: Path, extracted: Path) -> Path | None:
    """Writes the photo that a json file holds to `extracted`, with its own ending; None if it holds none."""
    content = read_json(path)
    if not content.get("imageData"):
        return None
    try:
        data = base64.b64decode(content["imageData"])
    except binascii.Error as error:
        raise DataError(
            f"{path} must hold its photo whole, found {error}; save it again in labelme."
        ) from error
    target = extracted.with_suffix(PureWindowsPath(content["imagePath"]).suffix)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return target


def _read_flag(path: Path, content: dict) -> str:
    """Reads the flag that is set; "" for none.

    Raises:
        DataError: several are set.
    """
    flags = [name for name, is_set in content["flags"].items() if is_set]
    if len(flags) > 1:
        raise DataError(
            f"{path} must have one flag at most, for it is the frame's label, found {', '.join(flags)}; "
            "unset the others in labelme."
        )
    return flags[0] if flags else ""


def _draw(path: Path, content: dict, photo: Path, indices: dict[str, int]) -> np.ndarray:
    """Draws the shapes of a photo, the later ones above the earlier, as labelme does."""
    height, width = _read_shape(path, content, photo)
    mask = start_mask((height, width), indices)
    for number, shape in enumerate(content["shapes"], start=1):
        try:
            inside = _draw_shape((height, width), shape)
        except (ValueError, TypeError, KeyError, IndexError, OSError) as error:
            raise DataError(
                f"{path}: shape {number}, {shape['label']}, must be one that labelme draws, found {error}; "
                "draw it again."
            ) from error
        mask[inside] = indices[shape["label"]]
    return mask


def _read_shape(path: Path, content: dict, photo: Path) -> tuple[int, int]:
    """Reads (height, width) of a photo; the photo's own where the json file has none.

    Raises:
        DataError: the json file has another that is no whole number of pixels.
    """
    written = [content.get("imageHeight"), content.get("imageWidth")]
    if not all(written):
        return read_photo_size(photo)
    try:
        sides = [float(number) for number in written]
    except (ValueError, TypeError):
        sides = [math.nan]
    if not all(side.is_integer() and side > 0 for side in sides):
        raise DataError(
            f"{path}: imageHeight and imageWidth must be numbers of pixels, found {written[0]!r} and "
            f"{written[1]!r}; correct them, or write null."
        )
    return int(sides[0]), int(sides[1])


def _draw_shape(size: tuple[int, int], shape: dict) -> np.ndarray:
    """Draws a shape: bool (H, W). Source: labelme, utils/shape.py, whose pixels it gives."""
    points = [tuple(point) for point in shape["points"]]
    if not np.isfinite(points).all():
        raise ValueError("a point that is no number")
    kind = shape.get("shape_type") or "polygon"
    is_outline = kind in OUTLINES or (kind == "rectangle" and len(points) == 4)
    if is_outline:
        return draw_polygon(size, points)
    if kind == "mask":
        return _paste_mask(size, points, shape["mask"])
    canvas = Image.new("L", size[::-1])
    draw = ImageDraw.Draw(canvas)
    if kind == "rectangle":
        (x0, y0), (x1, y1) = points
        draw.rectangle((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), outline=1, fill=1)
    elif kind in ("circle", "point"):
        (x, y), *edge = points
        radius = math.dist((x, y), edge[0]) if edge else POINT_SIZE
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=1, fill=1)
    elif kind in ("line", "linestrip"):
        draw.line(points, fill=1, width=LINE_WIDTH)
    else:
        raise ValueError(f"the kind '{kind}'")
    return np.asarray(canvas, bool)


def _paste_mask(size: tuple[int, int], points: list[tuple], encoded: str) -> np.ndarray:
    """Pastes a mask that is stored as a PNG into the box that its two points give: bool (H, W)."""
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        part = np.asarray(image, bool)
    (x0, y0), _ = np.array(points).astype(int)
    inside = np.zeros(size, bool)
    inside[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]] = part
    return inside
