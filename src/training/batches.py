"""Batches: augmented crops for training, whole frames for validation."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import tensorflow as tf

from src.data.classes import IGNORE, NO_LABEL
from src.data.frames import Frames
from src.training import lengths


def order_rows(frames: Frames, batch_size: int, seed: int, epoch: int, with_label: bool) -> np.ndarray:
    """Orders the rows of one epoch, in which every frame occurs at least once.

    Where labels are learned, each batch of two rows or more has a row with a label and a row with a mask.

    Args:
        frames: to train on.
        batch_size: rows a batch.
        seed: seed of the order, together with `epoch`.
        epoch: counts from 0.
        with_label: True orders the rows with a mask or a label, False those with a mask only.

    Returns:
        int64, (steps * batch_size,): row numbers. Some rows are repeated to fill the last batch.
    """
    rng = np.random.default_rng((seed, epoch))
    counts = frames.counts
    steps = lengths.count_pass_steps(counts, batch_size, with_label)
    if not with_label:
        return _draw_rows(np.flatnonzero(frames.has_mask), steps * batch_size, rng)
    if batch_size == 1 or not counts.masked or not counts.labelled:
        return _draw_rows(frames.useful, steps * batch_size, rng)
    first = _draw_rows(np.flatnonzero(frames.labels != NO_LABEL), steps, rng)
    second = _draw_masked_rows(frames, first, rng)
    placed = np.concatenate([first, second[second >= 0]])
    rest = rng.permutation(np.setdiff1d(frames.useful, placed))
    free = steps * batch_size - len(placed)
    repeated = _draw_rows(frames.useful, free - len(rest), rng)
    rest = np.concatenate([rest, repeated])
    batches = np.full((steps, batch_size), -1)
    batches[:, 0] = first
    batches[:, 1] = second
    batches[batches < 0] = rng.permutation(rest)
    return batches.ravel()


def _draw_masked_rows(frames: Frames, first: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws a row with a mask for each batch whose first row has no mask; -1 for the other batches."""
    without_mask = ~frames.has_mask[first]
    masked = np.flatnonzero(frames.has_mask)
    unused = np.setdiff1d(masked, first)
    choices = unused if len(unused) else masked
    second = np.full(len(first), -1)
    second[without_mask] = _draw_rows(choices, without_mask.sum(), rng)
    return second


def _draw_rows(rows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Shuffles the rows as many times as it takes to get `count` of them."""
    rounds = 1 + count // len(rows)
    return np.concatenate([rng.permutation(rows) for _ in range(rounds)])[:count]


def _iterate_rows(
    frames: Frames, batch_size: int, seed: int, with_label: bool, first_step: int
) -> Iterator[tuple[int, int, int]]:
    """Yields epoch, position in the epoch and row of each frame, from a step on, endlessly."""
    pass_steps = lengths.count_pass_steps(frames.counts, batch_size, with_label)
    epoch, steps_done = divmod(first_step, pass_steps)
    while True:
        rows = order_rows(frames, batch_size, seed, epoch, with_label)
        for position in range(steps_done * batch_size, len(rows)):
            yield epoch, position, rows[position]
        epoch += 1
        steps_done = 0


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
    """Makes endless batches of augmented crops, which depend only on seed, epoch and position.

    Args:
        frames: to train on.
        augment: called with (image, mask, crop, rng); returns a crop of image and mask.
        batch_size: rows a batch.
        crop: (height, width) of a crop, in pixels.
        seed: of order and augmentation.
        with_label: True adds the target "label".
        first_step: number of the first batch; above 0 where an interrupted training goes on.

    Returns:
        Dataset of (image uint8 (B, *crop, channels), {"mask": uint8 (B, *crop), "label": int32 (B,)}).
    """

    def load(epoch: int, position: int, row: int) -> tuple[np.ndarray, np.ndarray, np.int32]:
        # The seed uses the position, not the row: a row that is repeated in an epoch gets another crop.
        rng = np.random.default_rng((seed, int(epoch), int(position)))
        image, mask = augment(frames.get_input(row), frames.masks[row], crop, rng)
        return image, mask, frames.labels[row]

    def set_shapes(image: tf.Tensor, mask: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, dict]:
        target = {"mask": tf.ensure_shape(mask, crop)}
        if with_label:
            target["label"] = tf.ensure_shape(label, ())
        return tf.ensure_shape(image, (*crop, frames.channels)), target

    signature = (tf.TensorSpec((), tf.int64),) * 3
    iterate = partial(_iterate_rows, frames, batch_size, seed, with_label, first_step)
    rows = tf.data.Dataset.from_generator(iterate, output_signature=signature)
    crops = rows.map(
        lambda *numbers: tf.numpy_function(load, numbers, (tf.uint8, tf.uint8, tf.int32)),
        num_parallel_calls=2,
    )
    return crops.map(set_shapes).batch(batch_size).prefetch(2)


def make_whole_batches(frames: Frames, batch_size: int, with_label: bool) -> tf.data.Dataset:
    """Makes batches of whole frames; each batch has frames of one shape, landscape or portrait.

    Args:
        frames: to score.
        batch_size: rows a batch, at most.
        with_label: True adds the target "label".

    Returns:
        Dataset of (image uint8 (B, H, W, channels), {"mask": uint8 (B, H, W), "label": int32 (B,)}).
    """
    chunks = _group_by_shape(frames, batch_size)

    def iterate() -> Iterator[tuple[np.ndarray, dict]]:
        for rows in chunks:
            part = frames.take(np.array(rows))
            target = {"mask": np.stack(part.masks)}
            if with_label:
                target["label"] = part.labels
            yield np.stack([part.get_input(i) for i in range(len(part))]), target

    target = {"mask": tf.TensorSpec((None, None, None), tf.uint8)}
    if with_label:
        target["label"] = tf.TensorSpec((None,), tf.int32)
    signature = (tf.TensorSpec((None, None, None, frames.channels), tf.uint8), target)
    batches = tf.data.Dataset.from_generator(iterate, output_signature=signature)
    return batches.apply(tf.data.experimental.assert_cardinality(len(chunks))).prefetch(1)


def fill_up(stream: tf.data.Dataset, count: int) -> tf.data.Dataset:
    """Fills up each batch of `make_whole_batches` to a multiple of `count` rows.

    The added rows have black images and count in no metric and no loss: IGNORE in masks, NO_LABEL in labels.
    """
    empty = {"mask": IGNORE, "label": NO_LABEL}

    def add_rows(image: tf.Tensor, target: dict[str, tf.Tensor]) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        missing = -tf.shape(image)[0] % count
        filled = {name: _append_rows(values, missing, empty[name]) for name, values in target.items()}
        return _append_rows(image, missing, 0), filled

    return stream.map(add_rows)


def _append_rows(values: tf.Tensor, missing: tf.Tensor, value: int) -> tf.Tensor:
    """Appends rows of one value to a tensor (B, ...)."""
    shape = tf.concat([[missing], tf.shape(values)[1:]], 0)
    rows = tf.fill(shape, tf.constant(value, values.dtype))
    return tf.concat([values, rows], 0)


def _group_by_shape(frames: Frames, batch_size: int) -> list[list[int]]:
    """Lists the rows of each batch: at most `batch_size` rows whose images have one shape."""
    groups: dict[tuple, list[int]] = {}
    for row, image in enumerate(frames.images):
        groups.setdefault(image.shape, []).append(row)
    chunks = []
    for rows in groups.values():
        for start in range(0, len(rows), batch_size):
            chunks.append(rows[start : start + batch_size])
    return chunks
