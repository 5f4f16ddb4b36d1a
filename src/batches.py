"""Frames decoded once at the network's size -> batches; one loader for training and validation."""

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from src import files, lengths, pictures
from src.classes import IGNORE, NO_LABEL, Classes
from src.cores import count_cores
from src.errors import DataError, SettingsError
from src.progress import show_progress

# of the network's input where SIZE is "auto": 352 x 480 for 4:3 photos, 288 x 512 for 16:9
PIXEL_BUDGET = 176_000
MEMORY_LIMIT = 2 * 2**30  # bytes of decoded frames kept in memory; beyond it they lie in a temporary file


def check_size(size: str | tuple[int, int]) -> None:
    """Refuses a network's input size that is neither "auto" nor (height, width) in multiples of 32 px.

    Raises:
        SettingsError: the message names the nearest that is.
    """
    if size == "auto":
        return
    if not (isinstance(size, (tuple, list)) and len(size) == 2 and all(isinstance(s, int) for s in size)):
        raise SettingsError(f"SIZE must be 'auto' or (height, width) in px, found {size!r}; try (256, 352).")
    nearest = tuple(max(32, round(side / 32) * 32) for side in size)
    if tuple(size) != nearest:
        raise SettingsError(f"SIZE must be two multiples of 32, found {tuple(size)}; nearest is {nearest}.")


def choose_size(samples: pd.DataFrame, size: str | tuple[int, int]) -> tuple[int, int]:
    """Chooses the network's input size: (height, width), multiples of 32, of the commonest photo's shape.

    Args:
        samples: table with `height` and `width`.
        size: "auto" for the largest within PIXEL_BUDGET, or (height, width), which `check_size` must admit.
    """
    check_size(size)
    if size != "auto":
        return tuple(size)
    height, width = samples.groupby(["height", "width"]).size().idxmax()
    sides = np.arange(32, PIXEL_BUDGET // 32, 32)
    grid = [
        (int(h), int(w)) for h in sides for w in sides if h * w <= PIXEL_BUDGET and h <= height and w <= width
    ]
    if not grid:
        return (32, 32)
    stretch = {pair: abs(np.log((pair[0] / pair[1]) / (height / width))) for pair in grid}
    return max(grid, key=lambda pair: np.log(pair[0] * pair[1]) - 4 * stretch[pair])


def choose_crop(size: tuple[int, int], share: float) -> tuple[int, int]:
    """Chooses the size of a training crop: about `share` of the network's input, in multiples of 32."""
    return tuple(max(32, round(side * share / 32) * 32) for side in size)


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
    def counts(self) -> lengths.Counts:
        """Counts the frames that teach something, those with a mask and those with a label."""
        labelled = np.count_nonzero(self.labels != NO_LABEL)
        return lengths.Counts(len(self.useful), np.count_nonzero(self.has_mask), labelled)

    def take(self, rows: np.ndarray) -> "Frames":
        """Gives some of the frames, without copying pixels."""
        images, masks = [self.images[i] for i in rows], [self.masks[i] for i in rows]
        depths = None if self.depths is None else [self.depths[i] for i in rows]
        return Frames(images, masks, self.labels[rows], self.has_mask[rows], depths)


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
    shape = (len(samples), area * (5 if depth else 4))
    if shape[0] * shape[1] <= MEMORY_LIMIT:
        store = np.empty(shape, np.uint8)
    else:
        with tempfile.TemporaryFile() as file:  # the map outlives the handle, the file goes with the map
            with files.naming_full_disk(Path(tempfile.gettempdir())):
                files.reserve(file, shape[0] * shape[1])  # a disk that fills up under a map kills the process
            store = np.memmap(file, np.uint8, "w+", shape=shape)
    sizes = [pictures.turn_size(size, row.height, row.width) for row in samples.itertuples()]
    images = [line[: area * 3].reshape(*turned, 3) for line, turned in zip(store, sizes, strict=True)]
    masks = [line[area * 3 : area * 4].reshape(turned) for line, turned in zip(store, sizes, strict=True)]
    depths = (
        [line[area * 4 :].reshape(turned) for line, turned in zip(store, sizes, strict=True)]
        if depth
        else None
    )

    def load(row: int, image_path: str, mask_path: str, depth_path: str) -> None:
        images[row][:] = pictures.load_photo(image_path, sizes[row])
        masks[row][:] = pictures.load_mask(mask_path, classes.mask, sizes[row]) if mask_path else IGNORE
        if depths:
            depths[row][:] = pictures.load_depth(depth_path, depth, sizes[row])

    with ThreadPoolExecutor(count_cores()) as pool:
        jobs = pool.map(load, range(len(samples)), samples["image"], samples["mask"], samples["depth"])
        for _ in show_progress(jobs, desc="Reading frames", total=len(samples), unit="frame"):
            continue
    has_mask = (samples["mask"] != "").to_numpy()
    return Frames(images, masks, samples["label"].to_numpy(np.int32), has_mask, depths)


def order_rows(frames: Frames, batch_size: int, seed: int, epoch: int, with_label: bool) -> np.ndarray:
    """Orders the rows of one epoch: every frame occurs, and each batch, but of one row, teaches both tasks.

    Args:
        frames: what there is; every row has a mask, a label or both.
        batch_size: rows a batch.
        seed: with `epoch`, settles the order.
        epoch: counts from 0.
        with_label: False orders the rows with a mask alone.

    Returns:
        int64, (steps * batch_size,): whole batches, for which some frames come again.
    """
    rng = np.random.default_rng((seed, epoch))
    counts = frames.counts
    steps = lengths.count_pass_steps(counts, batch_size, with_label)
    if not with_label:
        return _draw_rows(np.flatnonzero(frames.has_mask), steps * batch_size, rng)
    if batch_size == 1 or not counts.masked or not counts.labelled:
        return _draw_rows(frames.useful, steps * batch_size, rng)
    first = _draw_rows(np.flatnonzero(frames.labels != NO_LABEL), steps, rng)
    second = _add_masks(frames, first, rng)
    given = np.concatenate([first, second[second >= 0]])
    rest = rng.permutation(np.setdiff1d(frames.useful, given))
    free = steps * batch_size - len(given)
    rest = np.concatenate([rest, _draw_rows(frames.useful, free - len(rest), rng)])
    batches = np.full((steps, batch_size), -1)
    batches[:, 0] = first
    batches[:, 1] = second
    batches[batches < 0] = rng.permutation(rest)
    return batches.ravel()


def _add_masks(frames: Frames, first: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws a row with a mask for each batch whose first row has none, -1 for the others."""
    lacking = ~frames.has_mask[first]
    masked = np.flatnonzero(frames.has_mask)
    fresh = np.setdiff1d(masked, first)
    second = np.full(len(first), -1)
    second[lacking] = _draw_rows(fresh if len(fresh) else masked, lacking.sum(), rng)
    return second


def _draw_rows(rows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Shuffles rows, and again and again until there are `count`."""
    rounds = 1 + count // len(rows)
    return np.concatenate([rng.permutation(rows) for _ in range(rounds)])[:count]


def make_batches(
    frames: Frames,
    augment: Callable,
    *,
    batch_size: int,
    crop: tuple[int, int],
    seed: int,
    with_label: bool,
    first_step: int = 0,
) -> tf.data.Dataset:
    """Makes endless training batches: augmented crops, settled by (seed, epoch, position) alone.

    Args:
        frames: what to train on.
        augment: makes of what the network sees and its mask a crop; called with (image, mask, crop, rng).
        batch_size: rows a batch.
        crop: (height, width) of the network's input in training.
        seed: settles order and augmentation.
        with_label: True adds the target "label".
        first_step: the batch to begin with, when a training goes on.

    Returns:
        Dataset of (image uint8 (B, *crop, channels), {"mask": uint8 (B, *crop), "label": int32 (B,)}).
    """

    def iterate() -> Iterator[tuple[int, int, int]]:
        pass_steps = lengths.count_pass_steps(frames.counts, batch_size, with_label)
        epoch, done = divmod(first_step, pass_steps)
        while True:
            rows = order_rows(frames, batch_size, seed, epoch, with_label)
            for position in range(done * batch_size, len(rows)):
                yield epoch, position, rows[position]
            epoch, done = epoch + 1, 0

    def load(epoch: int, position: int, row: int) -> tuple[np.ndarray, np.ndarray, np.int32]:
        # By position, for a frame may come more than once in an epoch: each time it is another view.
        rng = np.random.default_rng((seed, int(epoch), int(position)))
        return (*augment(frames.see(row), frames.masks[row], crop, rng), frames.labels[row])

    def shape(image: tf.Tensor, mask: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, dict]:
        target = {"mask": tf.ensure_shape(mask, crop)}
        if with_label:
            target["label"] = tf.ensure_shape(label, ())
        return tf.ensure_shape(image, (*crop, frames.channels)), target

    numbers = (tf.TensorSpec((), tf.int64),) * 3
    rows = tf.data.Dataset.from_generator(iterate, output_signature=numbers)
    decoded = rows.map(
        lambda *places: tf.numpy_function(load, places, (tf.uint8, tf.uint8, tf.int32)),
        num_parallel_calls=2,
    )
    return decoded.map(shape).batch(batch_size).prefetch(2)


def make_whole_batches(frames: Frames, batch_size: int, with_label: bool) -> tf.data.Dataset:
    """Makes batches of whole frames for validation, lying and upright photos apart."""
    groups: dict[tuple, list[int]] = {}
    for row, image in enumerate(frames.images):
        groups.setdefault(image.shape, []).append(row)
    chunks = [rows[i : i + batch_size] for rows in groups.values() for i in range(0, len(rows), batch_size)]

    def iterate() -> Iterator[tuple[np.ndarray, dict]]:
        for rows in chunks:
            part = frames.take(np.array(rows))
            target = {"mask": np.stack(part.masks)} | ({"label": part.labels} if with_label else {})
            yield np.stack([part.see(i) for i in range(len(part))]), target

    target = {"mask": tf.TensorSpec((None, None, None), tf.uint8)}
    if with_label:
        target["label"] = tf.TensorSpec((None,), tf.int32)
    signature = (tf.TensorSpec((None, None, None, frames.channels), tf.uint8), target)
    batches = tf.data.Dataset.from_generator(iterate, output_signature=signature)
    return batches.apply(tf.data.experimental.assert_cardinality(len(chunks))).prefetch(1)
