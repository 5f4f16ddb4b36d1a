"""Reads the data sets of Ultralytics: `data.yaml` with masks (`masks_dir`) or with polygons in text files."""

from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from src.bring.pixels import cut_area, draw_areas, draw_polygon, read_photo_size, read_text, read_yaml
from src.bring.source import (
    EVERY_PIXEL,
    PHOTO_ENDINGS,
    Options,
    Source,
    SourceFrame,
    list_classes,
    list_photos,
    name_below,
    name_folder,
    number_classes,
)
from src.common.errors import DataError
from src.data.classes import IGNORE
from src.data.mask_files import read_ids

NAME = "yolo"
MASK_ENDINGS = (".png", ".PNG", ".bmp", ".tif")  # Ultralytics' own
MOST_SHARE = 2  # polygons may leave the photo a little; larger numbers are pixels
BOX = 5  # numbers in the line of a box: the class, the centre, width and height


def is_source(folder: Path) -> bool:
    """Returns whether a folder holds, or a path is, a YAML file with the key "names"."""
    return _find_yaml(folder) is not None


def _find_yaml(folder: Path) -> Path | None:
    """Finds the description of a data set."""
    paths = [folder]
    if folder.is_dir():
        paths = sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])
    for path in paths:
        if path.suffix.lower() in (".yaml", ".yml") and _is_description(path):
            return path
    return None


def _is_description(path: Path) -> bool:
    """Returns whether a YAML file names classes; a broken one is none, unless it has the name of one.

    Raises:
        DataError: data.yaml cannot be read.
    """
    try:
        return "names" in read_yaml(path)
    except DataError:
        if path.stem == "data":
            raise
        return False


def read(folder: Path, options: Options) -> Source:
    """Reads the photos of the parts "train", "val" and "test" with their masks or polygons.

    Raises:
        DataError: no photo is there, or the lines are key points.
    """
    path = _find_yaml(folder)
    content = read_yaml(path)
    if "kpt_shape" in content:
        raise DataError(
            f"{path} must describe masks or outlines, found key points (kpt_shape); export polygons or masks."
        )
    names = _read_names(path, content["names"])
    with_masks = bool(content.get("masks_dir"))
    # Masks name every pixel, so only polygons leave pixels that nobody annotated
    indices = number_classes(list(names.values()), EVERY_PIXEL if with_masks else options.unlabelled)
    source = Source("Ultralytics", [], list_classes(indices))
    boxes = 0
    photos: set[Path] = set()
    for part in ("train", "val", "test"):
        for photo in _list_part(path, content, part, source.left):
            if photo in photos:  # in small data sets "val" is often the folder of "train"
                continue
            photos.add(photo)
            relative = name_below(photo, path.parent.resolve())
            if with_masks:
                mask = _find_mask(photo, content["masks_dir"])
                read_mask = partial(_read_mask, mask, names, indices) if mask else None
            else:
                lines = _swap_folder(photo, "labels", ".txt")
                count, has_boxes_only = _count_boxes(lines)
                boxes += count
                is_drawn = lines.exists() and not has_boxes_only
                read_mask = partial(_draw, lines, photo, names, indices) if is_drawn else None
            name = str(relative.with_suffix(""))
            is_test = part == "test"
            source.frames.append(SourceFrame(photo, name, read_mask, "", name_folder(relative), is_test))
    if not source.frames:
        raise DataError(
            f"The folders that {path} names must hold photos, found none; correct 'path' and 'train'."
        )
    source.left += _describe_left(source.frames, boxes)
    return source


def _describe_left(frames: list[SourceFrame], boxes: int) -> list[str]:
    """Describes lines that are boxes, or says where no photo has anything to draw."""
    if boxes:
        return [f"{boxes} lines are boxes, which have no outline."]
    if not any(frame.read_mask for frame in frames):
        return ["no photo in a folder images has a mask, or a text file in a folder labels beside it."]
    return []


def _read_names(path: Path, names: list | dict) -> dict[int, str]:
    """Reads the name of each class id, which stand in a list or a mapping."""
    if isinstance(names, list):
        names = dict(enumerate(names))
    try:
        return {int(id): str(name) for id, name in sorted(names.items())}
    except (ValueError, AttributeError):
        raise DataError(
            f"{path}: 'names' must map class ids to names, found {names!r}; correct it."
        ) from None


def _list_part(path: Path, content: dict, part: str, left: list[str]) -> list[Path]:
    """Lists the photos of a part: of its folders, or those that a text file names.

    A sentence is added to `left` about what is named and not there.
    """
    entries = content.get(part) or []
    bases = [path.parent / str(content.get("path") or ""), path.parent]
    photos = []
    for entry in entries if isinstance(entries, list) else [entries]:
        place = _find_place(bases, str(entry))
        if place is None:
            left.append(f"{entry}, which {path.name} names as '{part}', is not there.")
        elif place.is_dir():
            photos += list_photos(place)
        else:
            photos += _read_list(place, bases, left)
    return [photo for photo in photos if photo.suffix.lower() in PHOTO_ENDINGS and photo.is_file()]


def _read_list(path: Path, bases: list[Path], left: list[str]) -> list[Path]:
    """Finds the photos that a text file names; a sentence is added to `left` about absent ones."""
    lines = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    found = {line: _find_place([path.parent, *bases], line) for line in lines}
    absent = [line for line, photo in found.items() if photo is None]
    if absent:
        left.append(f"{len(absent)} of {len(found)} photos of {path.name} are not there, as {absent[0]}.")
    return [photo for photo in found.values() if photo]


def _find_place(bases: list[Path], entry: str) -> Path | None:
    """Finds a folder or file that a data set names, below one of the bases, or the end of its path there.

    Roboflow writes "../train/images" for what lies in "train/images", CVAT "data/images/train/a.jpg", and
    others the path on the computer where the data set was made.
    """
    parts = PurePosixPath(entry.replace("\\", "/")).parts
    ends = [Path(*parts[start:]) for start in range(max(len(parts) - 1, 1))]  # of two parts at least
    for end in ends:
        for base in bases:
            if (base / end).exists():
                return (base / end).resolve()
    return None


def _swap_folder(photo: Path, folder: str, ending: str) -> Path:
    """Returns the path with the last folder "images" replaced, and another ending, as Ultralytics does."""
    parts = list(photo.with_suffix(ending).parts)
    for place in range(len(parts) - 1, -1, -1):
        if parts[place] == "images":
            parts[place] = folder
            break
    return Path(*parts)


def _find_mask(photo: Path, folder: str) -> Path | None:
    """Finds the mask of a photo; None for none."""
    masks = [_swap_folder(photo, folder, ending) for ending in MASK_ENDINGS]
    return next((mask for mask in masks if mask.exists()), None)


def _read_mask(path: Path, names: dict[int, str], indices: dict[str, int]) -> np.ndarray:
    """Reads a mask of class ids; 255 does not count.

    Raises:
        DataError: it holds an id that has no name.
    """
    table = np.full(256, IGNORE, np.uint8)
    for id, name in names.items():
        table[id] = indices[name]
    ids = read_ids(str(path))
    unknown = sorted(set(np.unique(ids).tolist()) - set(names) - {IGNORE})
    if unknown:
        raise DataError(f"{path} must hold ids of 'names' only, found {unknown}; add them to data.yaml.")
    return table[ids]


def _count_boxes(path: Path) -> tuple[int, bool]:
    """Counts the lines that are boxes; tells whether all of them are, so that nothing can be drawn."""
    if not path.exists():
        return 0, False
    lengths = [len(line.split()) for line in read_text(path).splitlines() if line.strip()]
    boxes = lengths.count(BOX)
    return boxes, 0 < boxes == len(lengths)


def _draw(path: Path, photo: Path, names: dict[int, str], indices: dict[str, int]) -> np.ndarray:
    """Draws the polygons of a photo, the largest first.

    Raises:
        DataError: a line is no class and polygon.
    """
    height, width = read_photo_size(photo)
    areas = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        values = line.split()
        if len(values) in (0, BOX):
            continue
        try:
            index = indices[names[int(values[0])]]
            shares = np.array(values[1:], float)
            if not (np.abs(shares) <= MOST_SHARE).all():  # nor a number at all
                raise ValueError(f"{shares.max():g}, which is no share of the photo, from 0 to 1")
            points = shares.reshape(-1, 2) * (width, height)
            # The file holds six decimals: 0.958333 of 24 px is meant to be 23, not 22.999992
            points = points.round(2)
            inside = draw_polygon((height, width), points.tolist())
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path} line {number} must be a class id and pairs of x and y, found {error}; correct it."
            ) from error
        areas.append(cut_area(inside, index))
    return draw_areas((height, width), areas, indices)
