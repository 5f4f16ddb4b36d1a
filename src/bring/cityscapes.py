"""Reads the layout of Cityscapes: `leftImg8bit/SPLIT/CITY/` and `gtFine/SPLIT/CITY/`, as IDD has it, too."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from src.bring.source import (
    BACKGROUND,
    BLACK,
    Options,
    Source,
    SourceClass,
    SourceFrame,
    find_part,
    list_classes,
    list_photos,
    name_folder,
    number_classes,
)
from src.bring.tables import read_table
from src.common.errors import DataError
from src.data.classes import IGNORE
from src.data.mask_files import read_ids

NAME = "cityscapes"
TRUTHS = ("gtFine", "gtCoarse")
KINDS = ("labelIds", "labelTrainIds")
# labelId of the classes that Cityscapes scores, in the order of their trainIds, with name and colour.
# Source: cityscapesScripts, helpers/labels.py.
CLASSES = (
    (7, "road", "#804080"),
    (8, "sidewalk", "#f423e8"),
    (11, "building", "#464646"),
    (12, "wall", "#66669c"),
    (13, "fence", "#be9999"),
    (17, "pole", "#999999"),
    (19, "traffic light", "#faaa1e"),
    (20, "traffic sign", "#dcdc00"),
    (21, "vegetation", "#6b8e23"),
    (22, "terrain", "#98fb98"),
    (23, "sky", "#4682b4"),
    (24, "person", "#dc143c"),
    (25, "rider", "#ff0000"),
    (26, "car", "#00008e"),
    (27, "truck", "#000046"),
    (28, "bus", "#003c64"),
    (31, "train", "#005064"),
    (32, "motorcycle", "#0000e6"),
    (33, "bicycle", "#770b20"),
)


def is_source(folder: Path) -> bool:
    """Returns whether a folder has this layout."""
    return any(_find_below(folder, truth).is_dir() for truth in TRUTHS)


def _find_below(folder: Path, name: str) -> Path:
    """Finds a folder by its name; each of Cityscapes' zips may be unpacked into a folder of its own."""
    own = folder / name
    return own if own.is_dir() else next(iter(sorted(folder.glob(f"*/{name}"))), own)


def read(folder: Path, options: Options) -> Source:
    """Reads the photos and masks; a mask of labelIds is preferred to one of trainIds.

    CVAT and Datumaro write other classes than those of Cityscapes, and name them in label_colors.txt.

    Raises:
        DataError: there are no photos, or no masks.
    """
    root = _find_below(folder, "leftImg8bit")
    if not list_photos(root):
        raise DataError(
            f"{folder} must hold the photos of its masks in leftImg8bit, found none; unpack them there."
        )
    own = root.parent / "label_colors.txt"
    if own.exists():
        colors = _add_background(dict(read_table(own).colors))
        indices = number_classes(list(colors), options.unlabelled)
        classes = list_classes(indices, colors)
        tables = dict.fromkeys(KINDS, _make_table([indices[name] for name in colors]))
    else:
        classes = [SourceClass(name, color) for _, name, color in CLASSES]
        tables = {"labelIds": _index_label_ids(), "labelTrainIds": _make_table(range(len(CLASSES)))}
    frames = []
    for photo in list_photos(root):
        relative = photo.relative_to(root)
        mask, kind = _find_mask(folder, relative)
        read_mask = partial(_read_mask, mask, tables[kind]) if mask else None
        is_test = find_part(relative.parent) == "test"
        recording = _name_recording(relative)
        frames.append(SourceFrame(photo, str(relative.with_suffix("")), read_mask, "", recording, is_test))
    if not any(frame.read_mask for frame in frames):
        raise DataError(
            f"{folder} must hold masks as gtFine/train/CITY/NAME_gtFine_labelIds.png, found none; unpack "
            "gtFine beside leftImg8bit, or make them of its polygons: pip install cityscapesscripts, then "
            f'CITYSCAPES_DATASET="{folder}" csCreateTrainIdLabelImgs.'
        )
    return Source("Cityscapes", frames, classes)


def _name_recording(photo: Path) -> str:
    """Names the recording of a photo: CITY_SEQUENCE of CITY_SEQUENCE_FRAME, else its folder."""
    parts = photo.stem.removesuffix("_leftImg8bit").split("_")
    return "_".join(parts[:-1]) if len(parts) > 2 else name_folder(photo)


def _find_mask(folder: Path, photo: Path) -> tuple[Path | None, str]:
    """Finds the mask of a photo and its kind, one of KINDS; (None, "") where there is none."""
    stem = photo.stem.removesuffix("_leftImg8bit")
    for truth in TRUTHS:
        for kind in KINDS:
            mask = _find_below(folder, truth) / photo.parent / f"{stem}_{truth}_{kind}.png"
            if mask.exists():
                return mask, kind
    return None, ""


def _add_background(colors: dict[str, str]) -> dict[str, str]:
    """Adds the background, of id 0, to colours of which none is black.

    Datumaro gives it that id and leaves it out of label_colors.txt.
    """
    if BLACK in colors.values():
        return colors
    others = {name: color for name, color in colors.items() if name != BACKGROUND}
    return {BACKGROUND: BLACK, **others}


def _index_label_ids() -> np.ndarray:
    """Makes the table from labelIds to indices, (256,); the classes that are not scored are ignored."""
    table = np.full(256, IGNORE, np.uint8)
    for index, (id, _, _) in enumerate(CLASSES):
        table[id] = index
    return table


def _make_table(indices: Sequence[int]) -> np.ndarray:
    """Makes a table, (256,), of the indices of the first ids; the other ids are ignored."""
    table = np.full(256, IGNORE, np.uint8)
    table[: len(indices)] = indices
    return table


def _read_mask(path: Path, table: np.ndarray) -> np.ndarray:
    return table[read_ids(str(path))]
