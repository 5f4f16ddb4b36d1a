"""A network and photos -> masks at each photo's own size, and labels."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from src import metrics, pictures
from src import model as model_files
from src.classes import IGNORE, Classes


@dataclass
class Prediction:
    """What the network says of one frame.

    Attributes:
        mask: uint8 class indices at the photo's own size, (height, width).
        label: class index, or None where the network has no head for it.
        confidence: probability of that label, 0 to 1.
    """

    mask: np.ndarray
    label: int | None = None
    confidence: float = float("nan")


def predict_samples(
    model: keras.Model,
    samples: pd.DataFrame,
    size: tuple[int, int],
    flip: bool = True,
    batch_size: int = 8,
    skip: int = 0,
) -> Iterator[Prediction]:
    """Predicts frames in the table's order, a batch at a time, so memory does not grow with their number.

    Args:
        model: of `model.build_segmenter` or `model.build_joint`.
        samples: table of `data.read_samples`.
        size: (height, width) of the network's input; upright photos are given it upright.
        flip: averages the probabilities of the photo and of its mirror image.
        batch_size: frames that go through the network together.
        skip: frames that are known already and not given; the others go through the network in the same
            company, so that nothing changes.
    """
    with ThreadPoolExecutor() as pool:
        for rows, masks, labels in _predict_chunks(model, samples, size, flip, batch_size, pool, skip):
            own = list(pool.map(lambda mask, row: resize_argmax(mask, row[1:3]), masks, rows))
            for i, mask in enumerate(own):
                if labels is None:
                    yield Prediction(mask)
                else:
                    yield Prediction(mask, int(labels[i].argmax()), float(labels[i].max()))


def predict_probabilities(
    model: keras.Model, samples: pd.DataFrame, size: tuple[int, int], flip: bool = True, batch_size: int = 8
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Predicts frames in the table's order as `predict_samples` does, but gives what lies before the choice.

    Returns:
        A frame each: probabilities of the mask at the network's size, float32 (H, W, classes), and of the
        label, float32 (labels,), None where the network has no head.
    """
    with ThreadPoolExecutor() as pool:
        for _, masks, labels in _predict_chunks(model, samples, size, flip, batch_size, pool):
            yield from zip(masks, [None] * len(masks) if labels is None else labels, strict=True)


def _predict_chunks(
    model: keras.Model,
    samples: pd.DataFrame,
    size: tuple[int, int],
    flip: bool,
    batch_size: int,
    pool: ThreadPoolExecutor,
    skip: int = 0,
) -> Iterator[tuple[list[tuple], np.ndarray, np.ndarray | None]]:
    """Predicts chunk by chunk: rows (network's size, height, width, files), mask and label probabilities."""
    sizes = [pictures.turn_size(size, row.height, row.width) for row in samples.itertuples()]
    columns = (samples[name] for name in ("height", "width", "image", "depth"))
    rows, unit = list(zip(sizes, *columns, strict=True)), model_files.read_depth_unit(model)

    def load(row: tuple) -> np.ndarray:
        photo = pictures.load_photo(row[3], row[0])
        return np.dstack([photo, pictures.load_depth(row[4], unit, row[0])]) if unit else photo

    with tqdm(total=len(rows), desc="Predicting", unit="frame", mininterval=1) as bar:
        for chunk in _split_chunks(rows, batch_size):
            known, skip = min(skip, len(chunk)), max(0, skip - len(chunk))
            if known < len(chunk):
                images = np.stack(list(pool.map(load, chunk)))
                masks, labels = predict_images(model, images, flip)
                yield chunk[known:], masks[known:], None if labels is None else labels[known:]
            bar.update(len(chunk))


def _split_chunks(rows: list[tuple], most: int) -> Iterator[list[tuple]]:
    """Cuts the rows into chunks of neighbours that share the network's size."""
    chunk: list[tuple] = []
    for row in rows:
        if chunk and (len(chunk) == most or row[0] != chunk[0][0]):
            yield chunk
            chunk = []
        chunk.append(row)
    if chunk:
        yield chunk


def predict_images(
    model: keras.Model, images: np.ndarray, flip: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """Predicts a batch.

    Args:
        model: as in `predict_samples`.
        images: uint8 RGB, (B, H, W, 3), perhaps with depth; a network that is used to depth is given none
            where there is none.
        flip: averages over the mirror image.

    Returns:
        Probabilities of the mask (B, H, W, classes) and of the label (B, labels), float32 (None: no head).
    """
    logits = model.predict_on_batch(_add_channel(model, images))
    mask = softmax(logits["mask"])
    label = softmax(logits["label"]) if "label" in logits else None
    if flip:
        mirrored_mask, mirrored_label = predict_images(model, images[:, :, ::-1], flip=False)
        mask = (mask + mirrored_mask[:, :, ::-1]) / 2
        label = None if label is None else (label + mirrored_label) / 2
    return mask, label


def predict_mask(model: keras.Model, image: np.ndarray) -> np.ndarray:
    """Predicts one image at the network's size: uint8 RGB (H, W, 3) -> uint8 class indices (H, W)."""
    return model.predict_on_batch(_add_channel(model, image[None]))["mask"][0].argmax(-1).astype(np.uint8)


def _add_channel(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Adds an empty channel of depth where the network has one more than the photos."""
    more = model.input_shape[-1] - images.shape[-1]
    return np.pad(images, ((0, 0), (0, 0), (0, 0), (0, more))) if more else images


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turns logits into probabilities along the last axis, float32."""
    p = np.exp(logits - logits.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def resize_argmax(probabilities: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes probabilities (h, w, classes), then picks each pixel's class, so that none is invented.

    Returns:
        uint8 class indices, (*size).
    """
    best, winner = np.full(size, -1, np.float32), np.zeros(size, np.uint8)
    for index in range(probabilities.shape[-1]):  # class by class: all at once take 0.5 GB on a 12 MP photo
        layer = cv2.resize(probabilities[..., index], size[::-1], interpolation=cv2.INTER_LINEAR)
        winner[layer > best] = index
        np.maximum(best, layer, out=best)
    return winner


def score_samples(
    model: keras.Model, samples: pd.DataFrame, classes: Classes, size: tuple[int, int], flip: bool = True
) -> dict:
    """Predicts frames whose truth is known and compares, at the photos' own size.

    Args:
        model: as in `predict_samples`.
        samples: table with masks, labels or both.
        classes: the classes of both tasks.
        size: (height, width) of the network's input.
        flip: as in `predict_samples`.

    Returns:
        `scores` {"miou", "f1", "accuracy"}, fractions (NaN where unknown); `confusion` {"mask", "label"}.
    """
    confusion = np.zeros((len(classes.mask),) * 2, np.int64)
    labels = np.full(len(samples), -1)
    for i, prediction in enumerate(predict_samples(model, samples, size, flip)):
        path = samples["mask"].iloc[i]
        truth = pictures.load_mask(path, classes.mask) if path else np.full_like(prediction.mask, IGNORE)
        confusion += metrics.confuse(truth, prediction.mask, len(classes.mask))
        labels[i] = -1 if prediction.label is None else prediction.label
    scores, by_label = {"miou": metrics.score_masks(confusion)}, None
    if (labels >= 0).all():
        scores |= metrics.score_labels(samples["label"].to_numpy(), labels)
        by_label = metrics.confuse_labels(samples["label"].to_numpy(), labels, len(classes.label)).tolist()
    return {"scores": scores, "confusion": {"mask": confusion.tolist(), "label": by_label}}
