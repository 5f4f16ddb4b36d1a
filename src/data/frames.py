"""Frames, decoded once at the size of the network's input."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from src.common import files
from src.common.cores import count_cores
from src.common.errors import DataError
from src.common.progress import show_progress
from src.data import depth_files, image_files, mask_files
from src.data.classes import IGNORE, NO_LABEL, Classes

MEMORY_LIMIT = 2 * 2**30  # bytes; more decoded frames than this are in a temporary file


@dataclass(frozen=True)
class Counts:
    """Numbers of frames to learn from.

    Attributes:
        useful: with a mask or a label.
        masked: with a mask.
        labelled: with a label.
    """

    useful: int
    masked: int
    labelled: int


@dataclass
class Frames:
    """Frames decoded at the network's size; row i of each list is one frame.

    Attributes:
        images: uint8 RGB, (H, W, 3) each; a photo in portrait format has (H, W) swapped.
        masks: uint8 class indices, (H, W) each, all IGNORE where the frame has no mask.
        labels: int32, (frames,); NO_LABEL where the frame has no label.
        has_mask: bool, (frames,).
        depths: uint8 code of `depth_files.load_depth`, (H, W) each; None where depth is not used.
    """

    images: list[np.ndarray]
    masks: list[np.ndarray]
    labels: np.ndarray
    has_mask: np.ndarray
    depths: list[np.ndarray] | None = None

    @property
    def channels(self) -> int:
        """Returns the number of channels of the network's input: 3 colours, and depth where it is used."""
        return 3 if self.depths is None else 4

    def get_input(self, row: int) -> np.ndarray:
        """Returns the network's input for a frame: uint8, (H, W, channels)."""
        if self.depths is None:
            return self.images[row]
        return np.dstack([self.images[row], self.depths[row]])

    def __len__(self) -> int:
        return len(self.images)

    @property
    def useful(self) -> np.ndarray:
        """Finds the rows to learn from: those with a mask or a label."""
        return np.flatnonzero(self.has_mask | (self.labels != NO_LABEL))

    @property
    def counts(self) -> Counts:
        """Counts the frames to learn from, those with a mask and those with a label."""
        labelled = np.count_nonzero(self.labels != NO_LABEL)
        return Counts(len(self.useful), np.count_nonzero(self.has_mask), labelled)

    def take(self, rows: np.ndarray) -> "Frames":
        """Returns some of the frames, without copying pixels."""
        images = [self.images[i] for i in rows]
        masks = [self.masks[i] for i in rows]
        depths = None if self.depths is None else [self.depths[i] for i in rows]
        return Frames(images, masks, self.labels[rows], self.has_mask[rows], depths)


def _make_store(shape: tuple[int, int]) -> np.ndarray:
    """Makes an array of uint8: in memory up to MEMORY_LIMIT, else in a temporary file.

    Raises:
        DiskFullError: the temporary folder has too little space.
    """
    size = shape[0] * shape[1]
    if size <= MEMORY_LIMIT:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile() as file:  # the file exists as long as the array that is mapped to it
        with files.report_full_disk(Path(tempfile.gettempdir())):
            files.reserve(file, size)  # the process would crash if the disk filled up later
        return np.memmap(file, np.uint8, "w+", shape=shape)


def load_frames(samples: pd.DataFrame, classes: Classes, size: tuple[int, int], depth: float = 0.0) -> Frames:
    """Decodes every photo, mask and, where it is used, depth map once, at the network's size.

    Up to MEMORY_LIMIT bytes are in memory; a larger set is in a temporary file that is mapped to memory.

    Args:
        samples: table of `samples.read_samples`.
        classes: the classes of both tasks.
        size: (height, width) of the network's input.
        depth: metres per step of the depth maps; with 0 they are not read.

    Raises:
        DataError: depth is used, and no frame has a depth map.
    """
    if depth and (samples["depth"] == "").all():
        raise DataError(
            f"RECIPE's depth={depth:g} needs maps in the column depth_path of data.csv, found none; "
            "add them, or leave depth out of RECIPE."
        )
    area = size[0] * size[1]
    channels = 5 if depth else 4  # colours, mask and depth
    store = _make_store((len(samples), area * channels))
    sizes = [image_files.orient_size(size, row.height, row.width) for row in samples.itertuples()]
    images = []
    masks = []
    depths = []
    for line, own_size in zip(store, sizes, strict=True):  # each array is a part of the store
        images.append(line[: area * 3].reshape(*own_size, 3))
        masks.append(line[area * 3 : area * 4].reshape(own_size))
        if depth:
            depths.append(line[area * 4 :].reshape(own_size))

    def load(row: int, image_path: str, mask_path: str, depth_path: str) -> None:
        images[row][:] = image_files.load_photo(image_path, sizes[row])
        masks[row][:] = mask_files.load_mask(mask_path, classes.mask, sizes[row]) if mask_path else IGNORE
        if depth:
            depths[row][:] = depth_files.load_depth(depth_path, depth, sizes[row])

    with ThreadPoolExecutor(count_cores()) as pool:
        jobs = pool.map(load, range(len(samples)), samples["image"], samples["mask"], samples["depth"])
        for _ in show_progress(jobs, desc="Reading frames", total=len(samples), unit="frame"):
            continue
    labels = samples["label"].to_numpy(np.int32)
    has_mask = (samples["mask"] != "").to_numpy()
    return Frames(images, masks, labels, has_mask, depths if depth else None)
