"""Rows of what precedes a training, and of rendering the world; started by `python -m src benchmark`.

Each function gives what measures its row: seconds a frame. The first time, which does not count, is with few
frames, because the last rows take minutes.
"""

import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from turns import serve

from src.data import classes as class_lists
from src.data import doctor as doctor_module
from src.data import image_files
from src.data.audit import audit_split
from src.data.frames import load_frames
from src.data.recordings import find_blocks
from src.data.samples import read_samples
from src.data.splits import split_random_frames, split_samples
from src.settings import Recipe
from src.training import augment, batches
from src.world.generate import write_world

BATCH = 8
THUMBNAIL = (96, 96)  # px; a photo's likeness to others is measured at this size


def doctor(run: str, folder: str, warm: str) -> Callable[[], float]:
    """The data doctor: every file read."""
    return _measure([folder, warm], lambda train: partial(doctor_module.examine, train))


def set_up(run: str, folder: str, warm: str) -> Callable[[], float]:
    """Table and frames read at the run's size, up to the first batch."""
    size = tuple(json.loads((Path(run) / "settings.json").read_text(encoding="utf-8"))["SIZE"])
    change = partial(augment.augment, recipe=Recipe())
    how = {"batch_size": BATCH, "crop": size, "seed": 0, "with_label": True}

    def begin_training(train: Path) -> None:
        classes = class_lists.read_classes(train)
        frames = load_frames(read_samples(train, classes), classes, size)
        next(iter(batches.make_batches(frames, change, **how)))

    return _measure([folder, warm], lambda train: partial(begin_training, train))


def split(run: str, folder: str, warm: str) -> Callable[[], float]:
    """Blocks found, for which all pairs of photos are compared, and a fifth held out."""

    def prepare(train: Path) -> Callable[[], object]:
        samples, photos = _load_photos(train)
        return lambda: split_samples(samples, find_blocks(samples, photos), seed=0)

    return _measure([folder, warm], prepare)


def audit(run: str, folder: str, warm: str) -> Callable[[], float]:
    """Every held-out photo, a fifth, compared with all photos to train on."""

    def prepare(train: Path) -> Callable[[], object]:
        samples, photos = _load_photos(train)
        return partial(audit_split, samples, photos, *split_random_frames(samples, seed=0))

    return _measure([folder, warm], prepare)


def render(count: int) -> Callable[[], float]:
    """The built-in world rendered, by as many processes as there are by default."""

    def measure() -> float:
        begin = time.perf_counter()
        with tempfile.TemporaryDirectory() as out:
            write_world(Path(out) / "world", count, count)
        return (time.perf_counter() - begin) / (2 * count)

    return measure


def _measure(folders: list[str], prepare: Callable[[Path], Callable[[], object]]) -> Callable[[], float]:
    """Makes what measures seconds a frame of the last folder, and afterwards always of the first.

    Args:
        folders: of the data.
        prepare: takes a folder's Train, and returns what is to be measured.
    """

    def measure() -> float:
        train = Path(folders.pop() if len(folders) > 1 else folders[0]) / "Train"
        frames = len(pd.read_csv(train / "data.csv"))
        work = prepare(train)
        begin = time.perf_counter()
        work()
        return (time.perf_counter() - begin) / frames

    return measure


def _load_photos(train: Path) -> tuple[pd.DataFrame, list[np.ndarray]]:
    """Reads the table, and once each photo that hard links repeat, so that the memory is not the photos'."""
    samples = read_samples(train, class_lists.read_classes(train))
    numbers = [Path(path).stat().st_ino for path in samples["image"]]
    paths = dict(zip(numbers, samples["image"], strict=True))
    photos = {number: image_files.load_photo(path, THUMBNAIL) for number, path in paths.items()}
    return samples, [photos[number] for number in numbers]


if __name__ == "__main__":
    serve({row.__name__: row for row in (doctor, set_up, split, audit, render)})
