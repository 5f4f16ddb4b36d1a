"""Estimates the scores on Test from its photos and from held-out recordings, without the truth of Test.

If the probabilities of a network are right, they give the expected mean IoU of its predictions. The submitted
model is too confident on streets that are unlike those of Train. So its predictions on Test are compared with
the mean of two networks' probabilities: its own and those of the held-out model, which was trained on fewer
streets. On the held-out recordings the true score is known, and so is the temperature of the softmax at which
the expected score equals it. Test is another place, so only a share of that log temperature is used there.
The labels have a temperature of their own, which is at least 1: a network that is too modest about them at
home need not be so in another place.
The constants were chosen on development sets only (docs/estimate.md).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.interpolate import interp1d
from scipy.special import softmax

from src.common.spacing import choose_evenly
from src.data.classes import NO_LABEL, Classes
from src.data.recordings import find_recordings
from src.evaluation import metrics
from src.evaluation.evaluate import Scored, score_predictions
from src.inference import predict
from src.inference.engine import Predictor
from src.inference.expected import LEAST_SHARE, take_every_stride
from src.scores import Scores

# Temperatures of the softmax; a network that is too confident needs one above 1.
TEMPERATURES = np.geomspace(0.35, 2.8, 10)
TRUST = 0.8  # share of the held-out log temperature that is used for Test
FEWEST_LABELS = 10  # held-out frames with a label; fewer say too little of a temperature
# Of the labels' estimates: metrics.NINETY times the root mean square error of an earlier version.
LABEL_ERRORS = {"f1": 0.095, "accuracy": 0.07}
METHOD_ERROR = 0.075  # metrics.NINETY times the root mean square error on the development sets
WIDEST = 0.1  # half the width of the interval, at most
MOST_FRAMES = 1000  # of Test that are looked at; more would change the estimate little, and take long
DRAWS = 200  # bootstrap draws of Test's recordings for the interval


@dataclass(frozen=True)
class ExpectedConfusion:
    """The expected confusion matrices of the predictions on some frames.

    Attributes:
        mask: float64, (frames, temperatures, classes, classes): expected pixels by true class (row) and
            predicted class (column), at each of TEMPERATURES.
        label: float64, (temperatures, labels, labels): expected frames by true label (row) and predicted
            label (column), at each of TEMPERATURES.
    """

    mask: np.ndarray
    label: np.ndarray


def choose_rows(count: int) -> np.ndarray:
    """Chooses the rows of Test that the estimate looks at: all, or MOST_FRAMES evenly spaced ones.

    Args:
        count: number of Test frames.

    Returns:
        int64, (rows,).
    """
    return choose_evenly(count, MOST_FRAMES)


def compute_expected_confusion(
    network: Predictor,
    samples: pd.DataFrame,
    size: tuple[int, int],
    second: Predictor | None = None,
) -> ExpectedConfusion:
    """Computes the expected confusion matrices of a joint network's predictions; reads no truth.

    Args:
        network: a joint network, of `engine.prepare`, whose predictions are compared.
        samples: table of `samples.read_samples`.
        size: (height, width) of the networks' input.
        second: another joint network. The predictions are compared with the mean of both networks'
            probabilities; with None only with those of the first.
    """
    networks = [network]
    if second is not None:
        networks.append(second)
    masks = []
    labels = []
    for frame in predict.predict_probabilities(networks, samples, size):
        pixels = [take_every_stride(mask) for mask, _ in frame]
        predicted = pixels[0].argmax(1)
        confusions = [expect_confusion(probabilities, predicted) for probabilities in pixels]
        masks.append(np.mean(confusions, 0))
        label = np.mean([probabilities[None] for _, probabilities in frame], 0)  # (1, labels)
        predicted_label = frame[0][1].argmax(keepdims=True)
        labels.append(expect_confusion(label, predicted_label))
    return ExpectedConfusion(np.array(masks), np.sum(labels, 0))


def expect_confusion(probabilities: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Computes the expected confusion matrix of predictions at each of TEMPERATURES.

    Args:
        probabilities: (n, classes), of n pixels or frames.
        predicted: (n,), predicted classes.

    Returns:
        float64, (temperatures, classes, classes). A row is a class that may be true, counted by its
        probability; a column is a predicted class.
    """
    one_hot = np.eye(probabilities.shape[1])[predicted]
    logits = np.log(probabilities.astype(float) + 1e-7)
    return np.stack([softmax(logits / temperature, -1).T @ one_hot for temperature in TEMPERATURES])


def expect_miou(confusion: np.ndarray) -> float:
    """Computes the mean IoU of an expected confusion (classes, classes) over classes above LEAST_SHARE."""
    present = confusion.sum(1) > LEAST_SHARE * confusion.sum()
    return float(metrics.compute_class_iou(confusion)[present].mean())


def expect_accuracy(confusion: np.ndarray) -> float:
    """Computes the accuracy of an expected confusion (labels, labels)."""
    return float(np.trace(confusion) / confusion.sum())


def expect_f1(confusion: np.ndarray) -> float:
    """Computes the macro F1 of an expected confusion (labels, labels).

    A label counts if its expected true and predicted frames together are at least half a frame.
    """
    hit = np.diag(confusion)
    total = confusion.sum(0) + confusion.sum(1)
    f1 = 2 * hit / np.maximum(total, 1e-9)
    return float(f1[total >= 0.5].mean())


def find_temperature(expected: Iterable[float], true: float) -> float:
    """Finds the log temperature at which the expected score equals the true one.

    The result lies between the logarithms of the first and the last of TEMPERATURES.

    Args:
        expected: expected score at each of TEMPERATURES; it falls as they rise.
        true: the true score.
    """
    falling = np.minimum.accumulate(np.asarray(list(expected), float))
    return float(np.interp(-true, -falling, np.log(TEMPERATURES)))


# Held-out recordings ----------------------------------------------
def score_held_out(
    network: Predictor,
    samples: pd.DataFrame,
    classes: Classes,
    size: tuple[int, int],
    keep: dict[int, predict.Prediction | None] | None = None,
) -> Scored:
    """Scores a network on held-out frames, and finds the temperatures at which it expects those scores.

    Args:
        network: of `engine.prepare`; predicts each frame once.
        samples: table with masks, labels or both.
        classes: of both tasks.
        size: (height, width) of the network's input.
        keep: as in `evaluate.score_predictions`.
    """
    mask_count, label_count = len(classes.mask), len(classes.label)
    masks = np.zeros((len(TEMPERATURES), mask_count, mask_count))
    labels = np.zeros((len(TEMPERATURES), label_count, label_count))

    def predict_and_expect() -> Iterator[predict.Prediction]:
        both = predict.predict_both(network, samples, size)
        truth = zip(samples["mask"], samples["label"], strict=True)
        for (prediction, mask, label), (mask_path, true_label) in zip(both, truth, strict=True):
            if mask_path:
                pixels = take_every_stride(mask)
                masks[:] += expect_confusion(pixels, pixels.argmax(1))
            if label is not None and true_label != NO_LABEL:
                labels[:] += expect_confusion(label[None], label.argmax(keepdims=True))
            yield prediction

    scored = score_predictions(predict_and_expect(), samples, classes, keep)
    found = {}
    if not np.isnan(scored.scores.miou):  # else there is no mask, or none with a pixel that counts
        curve = [expect_miou(confusion) for confusion in masks]
        found["temperature"] = float(np.exp(find_temperature(curve, scored.scores.miou)))
    label_confusion = scored.confusion["label"]
    if label_confusion is not None and np.sum(label_confusion) >= FEWEST_LABELS:
        curve = [expect_accuracy(confusion) for confusion in labels]
        found["label_temperature"] = float(np.exp(find_temperature(curve, scored.scores.accuracy)))
    return replace(scored, **found)


def estimate_from_photos(
    submitted: Predictor,
    held_out: Predictor,
    test: pd.DataFrame,
    size: tuple[int, int],
    folds: list[Scored],
    has_labels: bool,
) -> tuple[Scores, np.ndarray]:
    """Estimates the scores on Test, and the confusion matrix of its masks.

    Args:
        submitted: the model whose predictions are estimated.
        held_out: the model that was trained without the held-out recordings.
        test: table of the Test frames.
        size: (height, width) of the networks' input.
        folds: as in `estimate_test`.
        has_labels: False leaves the labels' scores out.

    Returns:
        The scores of `estimate_test`, and the matrix of `estimate_confusion`.
    """
    rows = choose_rows(len(test))
    recordings = find_recordings(test).iloc[rows]
    expected = compute_expected_confusion(submitted, test.iloc[rows], size, second=held_out)
    scores = estimate_test(expected, recordings, folds)
    if not has_labels:
        scores = scores.without_labels()
    return scores, estimate_confusion(expected, folds)


def estimate_test(expected: ExpectedConfusion, recordings: pd.Series, folds: list[Scored]) -> Scores:
    """Estimates the scores on Test.

    Half the width of the interval of the mean IoU is the root of the sum of three squares: METHOD_ERROR, the
    spread over Test's recordings (bootstrap, 90 %), and half the difference between no and full trust in the
    held-out temperature. It is at most WIDEST.

    Args:
        expected: of the submitted model, on Test.
        recordings: recording of each Test frame.
        folds: of `score_held_out`, each of a network that was trained without some recordings; the mean of
            their log temperatures is used.
    """
    log_temperature = _average_log_temperature([fold.temperature for fold in folds])
    total = expected.mask.sum(0)
    miou, trusting, doubting = (
        expect_miou(_interpolate(total, share * log_temperature)) for share in (TRUST, 1, 0)
    )
    doubt = abs(trusting - doubting) / 2
    spread = metrics.NINETY * _spread_recordings(expected, recordings)
    half = min(WIDEST, float(np.sqrt(METHOD_ERROR**2 + spread**2 + doubt**2)))
    low = max(0.0, miou - half)
    high = min(1.0, miou + half)
    label_temperature = _average_log_temperature([fold.label_temperature for fold in folds])
    labels = _estimate_labels(_interpolate(expected.label, max(0.0, TRUST * label_temperature)))
    return Scores(miou, miou_low=low, miou_high=high, **labels)


def _estimate_labels(confusion: np.ndarray) -> dict[str, float]:
    """Estimates F1 and accuracy of the labels on Test, with their intervals, as `Scores` names them.

    Half the width of an interval is the root of the sum of two squares: LABEL_ERRORS, and the chance of which
    frames Test has, as of so many answers that are right or wrong (90 %).

    Args:
        confusion: expected, (labels, labels).
    """
    expected = {"f1": expect_f1(confusion), "accuracy": expect_accuracy(confusion)}
    frames = confusion.sum()
    found = {}
    for name, value in expected.items():
        chance = metrics.NINETY * np.sqrt(value * (1 - value) / frames)
        half = float(np.hypot(LABEL_ERRORS[name], chance))
        found[name] = value
        found[f"{name}_low"] = max(0.0, value - half)
        found[f"{name}_high"] = min(1.0, value + half)
    return found


def estimate_confusion(expected: ExpectedConfusion, folds: list[Scored]) -> np.ndarray:
    """Estimates the confusion matrix of the masks of Test, from which follows each class's IoU.

    Args:
        expected: of the submitted model, on Test.
        folds: as in `estimate_test`.

    Returns:
        float64, (classes, classes): expected pixels by true class (row) and predicted class (column). The row
        of a class with less than LEAST_SHARE of the pixels, which may be absent, is 0.
    """
    log_temperature = _average_log_temperature([fold.temperature for fold in folds])
    confusion = _interpolate(expected.mask.sum(0), TRUST * log_temperature)
    confusion[confusion.sum(1) <= LEAST_SHARE * confusion.sum()] = 0
    return confusion


def _interpolate(confusions: np.ndarray, log_temperature: float) -> np.ndarray:
    """Interpolates confusion matrices at each of TEMPERATURES, at most as far as these reach."""
    scale = np.log(TEMPERATURES)
    # The temperature of a fold after a short training is extrapolated, and may lie outside.
    return interp1d(scale, confusions, axis=0)(np.clip(log_temperature, scale[0], scale[-1]))


def _average_log_temperature(temperatures: list[float | None]) -> float:
    """Averages the logarithms of the folds' temperatures where they are known; 0 if none is."""
    known = [temperature for temperature in temperatures if temperature is not None]
    return float(np.mean(np.log(known))) if known else 0.0


def _spread_recordings(expected: ExpectedConfusion, recordings: pd.Series) -> float:
    """Computes the standard deviation of the expected mean IoU over bootstrap draws of Test's recordings."""
    nearest_to_one = np.abs(np.log(TEMPERATURES)).argmin()
    confusions = expected.mask[:, nearest_to_one]  # (frames, classes, classes)
    number, names = pd.factorize(recordings)
    units = np.stack([confusions[number == k].sum(0) for k in range(len(names))])
    if len(units) == 1:  # of a single recording its frames are drawn, which differ less than recordings would
        units = confusions
    rng = np.random.default_rng(0)
    draws = [units[rng.integers(0, len(units), len(units))].sum(0) for _ in range(DRAWS)]
    return float(np.std([expect_miou(confusion) for confusion in draws]))
