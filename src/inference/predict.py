"""A network and photos -> masks at each photo's own size, and labels."""

import functools
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import keras
import numpy as np
import pandas as pd

from src.common import cluster
from src.common.cores import count_cores
from src.common.progress import show_progress
from src.data import image_files
from src.inference import engine
from src.inference.engine import Predictor

AHEAD = 2  # frames a core that are predicted before they are asked for
SHARD = 32  # frames a job of a cluster


@dataclass
class Prediction:
    """What the network says of one frame.

    Attributes:
        mask: uint8 class indices at the photo's own size, (height, width).
        label: class index, or None where the network has no head for it.
        confidence: probability of that label, 0 to 1.
        mean_confidence: probability of the pixels' classes, 0 to 1, on the average over the frame.
    """

    mask: np.ndarray
    label: int | None = None
    confidence: float = float("nan")
    mean_confidence: float = float("nan")


def predict_samples(
    network: Predictor,
    samples: pd.DataFrame,
    size: tuple[int, int],
    flip: bool = True,
    skip: int = 0,
    what: str = "Predicting",
    cores: int = 0,
) -> Iterator[Prediction]:
    """Predicts frames in the table's order, as many at a time as there are cores; memory does not grow.

    Args:
        network: of `engine.prepare`.
        samples: table of `data.read_samples`.
        size: (height, width) of the network's input; upright photos are given it upright.
        flip: averages the probabilities of the photo and of its mirror image.
        skip: frames that are known already and not given.
        what: names the progress bar.
        cores: frames at a time; 0 for as many as this process may use cores.
    """
    return _predict_rows(network, samples, size, flip, _choose, what, skip, cores)


def _choose(sample: tuple, mask: np.ndarray, label: np.ndarray | None) -> Prediction:
    """Makes of a frame's probabilities what is predicted of it."""
    own, probability = resize_argmax(mask, (sample.height, sample.width))
    mean_confidence = float(probability.mean())
    if label is None:
        return Prediction(own, mean_confidence=mean_confidence)
    return Prediction(own, int(label.argmax()), float(label.max()), mean_confidence)


def predict_shards(
    folder: Path, samples: pd.DataFrame, size: tuple[int, int], flip: bool = True, skip: int = 0, *, ray: str
) -> Iterator[Prediction]:
    """Predicts as `predict_samples` does on the machines of a Ray cluster, SHARD frames a job.

    To the byte, if they are of this machine's kind: processors differ in whether they calculate in bfloat16.

    Args:
        folder: of the joint run; every machine must see it, and the photos, under the same paths.
        samples: table of `data.read_samples`.
        size: (height, width) of the network's input.
        flip: averages over the mirror image.
        skip: frames that are known already and not given.
        ray: "auto" or the address of the cluster, as `cluster.spread` takes it.
    """
    paths = samples[["image", "depth"]].map(lambda path: path and str(Path(path).resolve()))
    rows = samples.assign(**paths)
    starts = range(skip, len(rows), SHARD)
    jobs = ((str(folder.resolve()), rows.iloc[start : start + SHARD], size, flip) for start in starts)
    with show_progress(total=len(rows), initial=skip, desc="Predicting on the cluster", unit="frame") as bar:
        for shard in cluster.spread(_predict_shard, jobs, ray):
            yield from shard
            bar.update(len(shard))


def _predict_shard(job: tuple) -> list[Prediction]:
    """Predicts on one core, for Ray gives each of a machine's cores a job."""
    folder, rows, size, flip = job
    return list(predict_samples(_open_once(folder), rows, size, flip, cores=1))


@functools.lru_cache(maxsize=1)
def _open_once(folder: str) -> Predictor:
    """Opens a run's network once a process, however many shards it is given."""
    return engine.open_exported(Path(folder), cores=1)


def predict_probabilities(
    network: Predictor, samples: pd.DataFrame, size: tuple[int, int], flip: bool = True
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Predicts frames in the table's order as `predict_samples` does, but gives what lies before the choice.

    Returns:
        A frame each: probabilities of the mask at the network's size, float32 (H, W, classes), and of the
        label, float32 (labels,), None where the network has no head.
    """
    return _predict_rows(network, samples, size, flip, lambda row, mask, label: (mask, label), "Estimating")


def predict_both(
    network: Predictor, samples: pd.DataFrame, size: tuple[int, int]
) -> Iterator[tuple[Prediction, np.ndarray]]:
    """Predicts frames as `predict_samples` does, and gives the mask's probabilities beside each choice."""

    def finish(sample: tuple, mask: np.ndarray, label: np.ndarray | None) -> tuple[Prediction, np.ndarray]:
        return _choose(sample, mask, label), mask

    return _predict_rows(network, samples, size, True, finish, "Scoring")


def _predict_rows(
    network: Predictor,
    samples: pd.DataFrame,
    size: tuple[int, int],
    flip: bool,
    finish: Callable,
    what: str,
    skip: int = 0,
    cores: int = 0,
) -> Iterator:
    """Decodes, asks and finishes each frame in one of as many threads as `cores`, and gives them in order.

    A frame's whole way lies in one thread, so reading, network and resizing of different frames overlap.
    """
    rows, cores = list(samples[["height", "width", "image", "depth"]].itertuples()), cores or count_cores()

    def predict(sample: tuple) -> object:
        return finish(sample, *predict_frame(network, sample, size, flip))

    bar, before = show_progress(total=len(rows), initial=skip, desc=what, unit="frame"), cv2.getNumThreads()
    cv2.setNumThreads(1)  # each core has a frame of its own
    with bar, ThreadPoolExecutor(cores) as pool:
        waiting: deque[Future] = deque()
        try:
            for row in rows[skip:]:
                waiting.append(pool.submit(predict, row))
                if len(waiting) > AHEAD * cores:
                    yield waiting.popleft().result()
                    bar.update()
            while waiting:
                yield waiting.popleft().result()
                bar.update()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # where the caller stops early
            cv2.setNumThreads(max(before, cv2.getNumThreads()))  # two networks may be asked in turns


def predict_frame(
    network: Predictor, sample: tuple | pd.Series, size: tuple[int, int], flip: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """Reads a frame, and its depth where the network is used to it, and predicts it as `predict_image` does.

    Args:
        network: as in `predict_samples`.
        sample: a row of `data.read_samples`: its image, depth, height and width.
        size: (height, width) of the network's input; an upright photo is given it upright.
        flip: averages over the mirror image.
    """
    own = image_files.orient_size(size, sample.height, sample.width)
    image = image_files.load_photo(sample.image, own)
    if network.depth:
        image = np.dstack([image, image_files.load_depth(sample.depth, network.depth, own)])
    return predict_image(network, image, flip)


def predict_image(network: Predictor, image: np.ndarray, flip: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """Predicts one frame.

    Args:
        network: as in `predict_samples`.
        image: uint8 RGB, (H, W, 3), perhaps with depth, (H, W, 4); a network that is used to depth is told
            that there is no reading where there is none.
        flip: averages over the mirror image.

    Returns:
        Probabilities of the mask (H, W, classes) and of the label (labels,), float32 (None: no head).
    """
    views = (image, image[:, ::-1]) if flip else (image,)
    answers = [network.predict(_add_channels(view, network.channels)) for view in views]
    mask, label = answers[0]["mask"], answers[0].get("label")
    if flip:
        mask = (mask + answers[1]["mask"][:, ::-1]) / 2
        label = None if label is None else (label + answers[1]["label"]) / 2
    return mask, label


def predict_mask(network: keras.Model, image: np.ndarray) -> np.ndarray:
    """Predicts one frame of `Frames.see`, uint8 (H, W, 3 or 4), unmirrored: class indices, uint8 (H, W).

    The layers are called one by one: a graph would take seconds to build, for a few frames.
    """
    logits = network(_add_channels(image, network.input_shape[-1])[None], training=False)["mask"]
    return keras.ops.convert_to_numpy(logits)[0].argmax(-1).astype(np.uint8)


def _add_channels(image: np.ndarray, count: int) -> np.ndarray:
    """Adds an empty channel of depth where the network has one more than the photo."""
    return np.pad(image, ((0, 0), (0, 0), (0, count - image.shape[-1])))


def resize_argmax(probabilities: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Resizes probabilities (h, w, classes), then picks each pixel's class, so that none is invented.

    Args:
        probabilities: float32 (h, w, classes), of each pixel 1 together.
        size: (height, width) to return.

    Returns:
        Class indices, uint8 (*size), and their probabilities, float32 (*size).
    """
    best, winner = np.zeros(size, np.float32), np.zeros(size, np.uint8)
    for index in range(probabilities.shape[-1]):  # class by class: all at once take 0.5 GB on a 12 MP photo
        layer = np.ascontiguousarray(probabilities[..., index])
        if layer.max() < 0.99 / probabilities.shape[-1]:  # wins nowhere, and is no larger between pixels
            continue
        layer = cv2.resize(layer, size[::-1], interpolation=cv2.INTER_LINEAR)
        cv2.copyTo(np.full(size, index, np.uint8), cv2.compare(layer, best, cv2.CMP_GT), winner)
        cv2.max(best, layer, dst=best)
    return winner, best
