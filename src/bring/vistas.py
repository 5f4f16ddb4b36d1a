"""Reads the layout of Mapillary Vistas: `training/images`, `training/v2.0/labels` and `config_v2.0.json`."""

from functools import partial
from pathlib import Path

import numpy as np

from src.bring.pixels import read_json, read_pixels, write_color
from src.bring.source import (
    EVERY_PIXEL,
    Options,
    Source,
    SourceFrame,
    list_classes,
    list_photos,
    number_classes,
)
from src.common.errors import DataError
from src.data.classes import IGNORE

NAME = "vistas"
PARTS = ("training", "validation", "testing")
VERSIONS = {"config_v2.0.json": "v2.0/labels", "config_v1.2.json": "v1.2/labels", "config.json": "labels"}


def is_source(folder: Path) -> bool:
    """Returns whether a folder has this layout."""
    return (folder / PARTS[0] / "images").is_dir() and _find_version(folder) is not None


def _find_version(folder: Path) -> str | None:
    """Finds the newest version whose description is there."""
    return next((config for config in VERSIONS if (folder / config).exists()), None)


def read(folder: Path, options: Options) -> Source:
    """Reads photos and masks; classes that Vistas does not score do not count.

    Raises:
        DataError: the description lists no classes.
    """
    config = _find_version(folder)
    listed = read_json(folder / config).get("labels")
    if not listed:
        raise DataError(f"{folder / config} must list 'labels', found none; take the one of the data set.")
    names = [label["readable"] if label.get("evaluate", True) else "void" for label in listed]
    indices = number_classes(names, EVERY_PIXEL)
    table = np.full(256, IGNORE, np.uint8)
    table[: len(names)] = [indices[name] for name in names]
    colors = {label["readable"]: write_color(*label["color"]) for label in listed}
    source = Source(f"Mapillary Vistas, {config}", [], list_classes(indices, colors))
    for part in PARTS:
        for photo in list_photos(folder / part / "images"):
            mask = folder / part / VERSIONS[config] / f"{photo.stem}.png"
            read_mask = partial(_read_mask, mask, table) if mask.exists() else None
            source.frames.append(SourceFrame(photo, photo.stem, read_mask, is_test=part == "testing"))
    return source


def _read_mask(path: Path, table: np.ndarray) -> np.ndarray:
    return table[read_pixels(path)]
