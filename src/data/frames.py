"""Frames decoded once at the size that the network takes."""

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
from src.data import image_files, mask_files
from src.data.classes import IGNORE, NO_LABEL, Classes

MEMORY_LIMIT = 2 * 2**30  # bytes of decoded frames kept in memory; beyond it they lie in a temporary file


@dataclass(frozen=True)
class Counts:
    """How many frames there are to learn from.

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
        images: uint8 RGB, (H, W, 3) each; upright photos are upright here too.
        masks: uint8 class indices, (H, W) each, all IGNORE where the frame has no mask.
        labels: int32, (frames,); NO_LABEL where the frame has no label.
        has_mask: bool, (frames,).
        depths: uint8 code of `pictures.load_depth`, (H, W) each; None where depth is not used.
    """

    images: list[np.ndarray]
    masks: list[np.ndarray]
    labels: np.ndarray
    has_mask: np.ndarray
    depths: list[np.ndarray] | None = None

    @property
    def channels(self) -> int:
        """Channels of what the network sees: 3 colours, and depth where it is used."""
        return 3 if self.depths is None else 4

    def see(self, row: int) -> np.ndarray:
        """Gives what the network sees of a frame: uint8, (H, W, channels)."""
        if self.depths is None:
            return self.images[row]
        return np.dstack([self.images[row], self.depths[row]])

    def __len__(self) -> int:
        return len(self.images)

    @property
    def useful(self) -> np.ndarray:
        """Finds the rows that teach something: those with a mask or a label."""
        return np.flatnonzero(self.has_mask | (self.labels != NO_LABEL))

    @property
    def counts(self) -> Counts:
        """Counts the frames that teach something, those with a mask and those with a label."""
        labelled = np.count_nonzero(self.labels != NO_LABEL)
        return Counts(len(self.useful), np.count_nonzero(self.has_mask), labelled)

    def take(self, rows: np.ndarray) -> "Frames":
        """Gives some of the frames, without copying pixels."""
        images, masks = [self.images[i] for i in rows], [self.masks[i] for i in rows]
        depths = None if self.depths is None else [self.depths[i] for i in rows]
        return Frames(images, masks, self.labels[rows], self.has_mask[rows], depths)


def _make_store(shape: tuple[int, int]) -> np.ndarray:
    """Makes an array of bytes: in memory up to MEMORY_LIMIT, else in a temporary file."""
    if shape[0] * shape[1] <= MEMORY_LIMIT:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile() as file:  # the map outlives the handle, the file goes with the map
        with files.naming_full_disk(Path(tempfile.gettempdir())):
            files.reserve(file, shape[0] * shape[1])  # a disk that fills up under a map kills the process
        return np.memmap(file, np.uint8, "w+", shape=shape)


def load_frames(samples: pd.DataFrame, classes: Classes, size: tuple[int, int], depth: float = 0.0) -> Frames:
    """Decodes every photo, mask and, where it is used, depth map once, at the network's size.

    Up to MEMORY_LIMIT bytes stay in memory; a larger set lies in a temporary file that the system pages.

    Args:
        samples: table of `data.read_samples`.
        classes: the classes of both tasks.
        size: (height, width) of the network's input.
        depth: metres a step of the depth maps; 0 does not read them.

    Raises:
        DataError: depth is wanted, and no frame has any.
    """
    if depth and (samples["depth"] == "").all():
        raise DataError(
            f"RECIPE's depth={depth:g} needs maps in the column depth_path of data.csv, no frame has one; "
            "add them, or leave depth out of RECIPE."
        )
    area = size[0] * size[1]
    store = _make_store((len(samples), area * (5 if depth else 4)))
    sizes = [image_files.orient_size(size, row.height, row.width) for row in samples.itertuples()]
    lines = list(zip(store, sizes, strict=True))
    images = [line[: area * 3].reshape(*upright, 3) for line, upright in lines]
    masks = [line[area * 3 : area * 4].reshape(upright) for line, upright in lines]
    depths = [line[area * 4 :].reshape(upright) for line, upright in lines] if depth else None

    def load(row: int, image_path: str, mask_path: str, depth_path: str) -> None:
        images[row][:] = image_files.load_photo(image_path, sizes[row])
        masks[row][:] = mask_files.load_mask(mask_path, classes.mask, sizes[row]) if mask_path else IGNORE
        if depths:
            depths[row][:] = image_files.load_depth(depth_path, depth, sizes[row])

    with ThreadPoolExecutor(count_cores()) as pool:
        jobs = pool.map(load, range(len(samples)), samples["image"], samples["mask"], samples["depth"])
        for _ in show_progress(jobs, desc="Reading frames", total=len(samples), unit="frame"):
            continue
    has_mask = (samples["mask"] != "").to_numpy()
    return Frames(images, masks, samples["label"].to_numpy(np.int32), has_mask, depths)
