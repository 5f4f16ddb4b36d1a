"""Frames -> augmented batches for training, whole ones for validation."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import tensorflow as tf

from src.data.classes import NO_LABEL
from src.data.frames import Frames
from src.training import lengths


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


def _iterate_rows(
    frames: Frames, batch_size: int, seed: int, with_label: bool, first_step: int
) -> Iterator[tuple[int, int, int]]:
    """Gives epoch, position in it and row of each frame, from a step on, without an end."""
    pass_steps = lengths.count_pass_steps(frames.counts, batch_size, with_label)
    epoch, done = divmod(first_step, pass_steps)
    while True:
        rows = order_rows(frames, batch_size, seed, epoch, with_label)
        for position in range(done * batch_size, len(rows)):
            yield epoch, position, rows[position]
        epoch, done = epoch + 1, 0


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
    iterate = partial(_iterate_rows, frames, batch_size, seed, with_label, first_step)
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
