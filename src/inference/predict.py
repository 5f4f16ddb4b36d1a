"""Predicts masks, at each photo's own size, and labels."""

import functools
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from src.common import cluster
from src.common.cores import count_cores
from src.common.progress import show_progress
from src.common.sizes import scale_size
from src.data import depth_files, image_files
from src.inference import engine
from src.inference.engine import Predictor
from src.inference.expected import expect_frame_miou

AHEAD = 2  # frames a core that are predicted ahead of the caller's loop
SHARD = 32  # frames of a job on a cluster
# Of test-time augmentation: scale relative to the network's input, and whether the view is mirrored. Over
# photo and mirror image, which take 0.64 of the time, these views gained on each of six networks: mean IoU
# away 0.6 points on Mallorca -> Boston (2,240 steps), 0.2 and 0.3 on idd-choose (1,076 and 2,152), 0.8, 0.4
# and 0.1 on the built-in world (540, three seeds). The larger view is made of the network's input. Read
# from the photo, with details that no crop in training had, it lost 0.4, 0.1 and 0.7 points on the world.
VIEWS = ((0.75, False), (1.0, True), (1.25, False))


@dataclass
class Prediction:
    """The prediction for one frame.

    Attributes:
        mask: uint8 class indices at the photo's own size, (height, width).
        label: class index; None for a network without a label head.
        confidence: probability of that label, 0 to 1; NaN without a label.
        expected_miou: mean IoU that follows from the network's own probabilities, 0 to 1.
    """

    mask: np.ndarray
    label: int | None = None
    confidence: float = float("nan")
    expected_miou: float = float("nan")


def predict_samples(
    network: Predictor,
    samples: pd.DataFrame,
    size: tuple[int, int],
    tta: bool = True,
    skip: int = 0,
    description: str = "Predicting",
    cores: int = 0,
) -> Iterator[Prediction]:
    """Predicts frames in the table's order, as many at a time as there are cores, in constant memory.

    Args:
        network: of `engine.prepare`.
        samples: table of `samples.read_samples`.
        size: (height, width) of the network's input for landscape photos; turned for portrait ones.
        tta: test-time augmentation: True averages the probabilities of VIEWS of each frame.
        skip: rows at the table's beginning to leave out, whose predictions exist already.
        description: of the progress bar.
        cores: frames at a time; 0 for as many as this process may use cores.
    """

    def predict(sample: tuple) -> Prediction:
        mask, label = predict_frame(network, sample, size, tta)
        return _make_prediction(sample, mask, label)

    return _predict_rows(predict, samples, description, skip, cores)


def _make_prediction(sample: tuple, mask: np.ndarray, label: np.ndarray | None) -> Prediction:
    """Makes a frame's prediction of the probabilities of its mask and its label."""
    winner, _ = resize_argmax(mask, (sample.height, sample.width))
    expected_miou = expect_frame_miou(mask)
    if label is None:
        return Prediction(winner, expected_miou=expected_miou)
    return Prediction(winner, int(label.argmax()), float(label.max()), expected_miou)


def predict_shards(
    folder: Path, samples: pd.DataFrame, size: tuple[int, int], tta: bool = True, skip: int = 0, *, ray: str
) -> Iterator[Prediction]:
    """Predicts as `predict_samples` does, on the machines of a Ray cluster, SHARD frames a job.

    The predictions are the same to the byte if the machines' processors are like this machine's; another one
    may compute in bfloat16, or not.

    Args:
        folder: of the joint run; it and the photos must have the same paths on every machine.
        samples: table of `samples.read_samples`.
        size: (height, width) of the network's input.
        tta: as in `predict_samples`.
        skip: as in `predict_samples`.
        ray: "auto" or the address of the cluster, as for `cluster.spread`.
    """
    paths = samples[["image", "depth"]].map(_resolve_path)
    rows = samples.assign(**paths)
    starts = range(skip, len(rows), SHARD)
    jobs = ((str(folder.resolve()), rows.iloc[start : start + SHARD], size, tta) for start in starts)
    with show_progress(total=len(rows), initial=skip, desc="Predicting on the cluster", unit="frame") as bar:
        for shard in cluster.spread(_predict_shard, jobs, ray):
            yield from shard
            bar.update(len(shard))


def _resolve_path(path: str) -> str:
    """Makes a path absolute; "" stands for no file and stays."""
    return str(Path(path).resolve()) if path else ""


def _predict_shard(job: tuple) -> list[Prediction]:
    """Predicts the frames of a job on one core; Ray starts a job on each core of a machine."""
    folder, rows, size, tta = job
    return list(predict_samples(_open_once(folder), rows, size, tta, cores=1))


@functools.lru_cache(maxsize=1)
def _open_once(folder: str) -> Predictor:
    """Opens a run's network once in a process, for all of its shards."""
    return engine.open_exported(Path(folder), cores=1)


def predict_probabilities(
    networks: list[Predictor], samples: pd.DataFrame, size: tuple[int, int], tta: bool = True
) -> Iterator[list[tuple[np.ndarray, np.ndarray | None]]]:
    """Predicts frames as `predict_samples` does, by one or more networks, but yields the probabilities.

    Yields:
        Of each frame, for each network: the probabilities of the mask at the network's size, float32
        (H, W, classes), and of the label, float32 (labels,), or None for a network without a label head.
    """

    def predict(sample: tuple) -> list[tuple[np.ndarray, np.ndarray | None]]:
        return [predict_frame(network, sample, size, tta) for network in networks]

    return _predict_rows(predict, samples, "Estimating")


def predict_both(
    network: Predictor, samples: pd.DataFrame, size: tuple[int, int]
) -> Iterator[tuple[Prediction, np.ndarray, np.ndarray | None]]:
    """Predicts frames as `predict_samples` does, and yields the probabilities of mask and label beside each.

    Yields:
        Of each frame its prediction, and its probabilities as `predict_probabilities` yields them.
    """

    def predict(sample: tuple) -> tuple[Prediction, np.ndarray, np.ndarray | None]:
        mask, label = predict_frame(network, sample, size, tta=True)
        return _make_prediction(sample, mask, label), mask, label

    return _predict_rows(predict, samples, "Scoring")


def _predict_rows(
    predict: Callable[[tuple], object],
    samples: pd.DataFrame,
    description: str,
    skip: int = 0,
    cores: int = 0,
) -> Iterator:
    """Calls `predict` for the rows in `cores` threads; yields what it returns, in the table's order.

    One thread does all the work on a frame, so that one frame is read while another is predicted.
    """
    rows = list(samples[["height", "width", "image", "depth"]].itertuples())
    if cores == 0:
        cores = count_cores()
    bar = show_progress(total=len(rows), initial=skip, desc=description, unit="frame")
    threads_before = cv2.getNumThreads()
    cv2.setNumThreads(1)  # each core works on a frame of its own
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
            pool.shutdown(wait=False, cancel_futures=True)  # the caller may stop before the last frame
            # Two calls may take turns. The second then found 1 thread, which the first had set.
            cv2.setNumThreads(max(threads_before, cv2.getNumThreads()))


def predict_frame(
    network: Predictor, sample: tuple | pd.Series, size: tuple[int, int], tta: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """Reads a frame, with its depth if the network uses it, and predicts it as `predict_image` does.

    Args:
        network: as in `predict_samples`.
        sample: a row of `samples.read_samples`: its image, depth, height and width.
        size: (height, width) of the network's input for landscape photos; turned for portrait ones.
        tta: as in `predict_samples`.
    """
    oriented = image_files.orient_size(size, sample.height, sample.width)
    image = image_files.load_photo(sample.image, oriented)
    if network.depth:
        depth = depth_files.load_depth(sample.depth, network.depth, oriented)
        image = np.dstack([image, depth])
    return predict_image(network, image, tta)


def predict_image(network: Predictor, image: np.ndarray, tta: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """Predicts one frame.

    Args:
        network: as in `predict_samples`.
        image: uint8 RGB, (H, W, 3), or RGB and depth code, (H, W, 4). A network that uses depth gets codes
            without a reading for an image without depth.
        tta: as in `predict_samples`.

    Returns:
        Probabilities, float32, of the mask (H, W, classes) and of the label (labels,); None instead of the
        latter for a network without a label head.
    """
    image = _add_channels(image, network.channels)
    if not tta:
        outputs = network.predict(image)
        return outputs["mask"], outputs.get("label")
    size = image.shape[:2]
    mask = np.zeros((*size, 1), np.float32)
    labels = []
    for scale, mirrored in VIEWS:
        view = _resize_input(image, scale_size(size, scale))
        outputs = network.predict(view[:, ::-1] if mirrored else view)
        own = outputs["mask"][:, ::-1] if mirrored else outputs["mask"]
        mask = mask + _resize_planes(own, size) / len(VIEWS)
        labels.append(outputs.get("label"))
    return mask, None if labels[0] is None else np.mean(labels, 0)


def _resize_input(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes uint8 RGB, (H, W, 3), or RGB and depth code, (H, W, 4), to (*size, channels)."""
    if image.shape[:2] == size:
        return image
    photo = image_files.resize_photo(image[..., :3], size)
    if image.shape[-1] == 3:
        return photo
    # Between a distance and a missing measurement lies no distance.
    depth = cv2.resize(image[..., 3], size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    return np.dstack([photo, depth])


def _resize_planes(probabilities: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes probabilities (H, W, classes) to (*size, classes), a view of planes like `Engine.predict`'s."""
    if probabilities.shape[:2] == size:
        return probabilities
    planes = [np.ascontiguousarray(plane) for plane in probabilities.transpose(2, 0, 1)]
    resized = [cv2.resize(plane, size[::-1], interpolation=cv2.INTER_LINEAR) for plane in planes]
    return np.stack(resized).transpose(1, 2, 0)


def _add_channels(image: np.ndarray, count: int) -> np.ndarray:
    """Adds an empty depth channel to an image without depth if the network has `count` = 4 channels."""
    return np.pad(image, ((0, 0), (0, 0), (0, count - image.shape[-1])))


def resize_argmax(probabilities: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Resizes probabilities, then picks each pixel's most probable class.

    Resizing class indices would invent classes between two others.

    Args:
        probabilities: float32 (h, w, classes); they sum to 1 at each pixel.
        size: (height, width) to return.

    Returns:
        Class indices, uint8 (*size), and their probabilities, float32 (*size).
    """
    best = np.zeros(size, np.float32)
    winner = np.zeros(size, np.uint8)
    classes = probabilities.shape[-1]
    for index in range(classes):  # class by class: all at once would take 0.5 GB for a photo of 12 megapixels
        plane = np.ascontiguousarray(probabilities[..., index])
        # The most probable class has at least 1 / classes, and resizing makes no value larger.
        if plane.max() < 0.99 / classes:
            continue
        plane = cv2.resize(plane, size[::-1], interpolation=cv2.INTER_LINEAR)
        is_better = cv2.compare(plane, best, cv2.CMP_GT)
        cv2.copyTo(np.full(size, index, np.uint8), is_better, winner)
        cv2.max(best, plane, dst=best)
    return winner, best
