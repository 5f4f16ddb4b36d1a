"""The estimate: what the hidden test will give, from held-out recordings and from the photos of Test.

The truth of Test is never needed. The probabilities of a network, if they are right, give the mean IoU to
expect of its predictions. Two networks are asked about Test: the submitted one, which is too confident far
from home, and the held-out model, which has seen fewer streets. The submitted predictions are compared with
the mean of both networks' probabilities. On the held-out recordings the expected score can be compared with
the true one; the temperature that makes the two equal is found there. Test is another place, so only a share
of that temperature is carried over. The constants were chosen on development sets alone (docs/estimate.md).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from src.data.classes import Classes
from src.evaluation import metrics
from src.evaluation.evaluate import Scored, score_predictions
from src.inference import predict
from src.inference.engine import Predictor, softmax

# of the softmax; above 1 for a network that is too confident
TEMPERATURES = np.geomspace(0.35, 2.8, 10)
STRIDE = 6  # every sixth row and column of the pixels is enough for an expectation
TRUST = 0.8  # share of the held-out log temperature that is carried over to Test
LABEL_TEMPERATURE = 0.8  # chosen on development sets: held-out labels are too few to find one by
LEAST_SHARE = 5e-4  # of the pixels; a class that is expected below it may be absent, and is left out
METHOD_ERROR = 0.075  # 1.645 times the root mean square error on the development sets
WIDEST = 0.1  # half of the widest interval that is worth saying
DRAWS = 200  # of Test's recordings, for the interval


@dataclass(frozen=True)
class ExpectedConfusion:
    """How the predictions on some frames will probably compare with the truth.

    Attributes:
        mask: float64, (frames, TEMPERATURES, classes, classes): pixels by expected class (row) and predicted
            class.
        label: float64, (labels, labels): the same of all frames' labels, at LABEL_TEMPERATURE.
    """

    mask: np.ndarray
    label: np.ndarray


def compute_expected_confusion(
    network: Predictor,
    samples: pd.DataFrame,
    size: tuple[int, int],
    second: Predictor | None = None,
) -> ExpectedConfusion:
    """Computes how the predictions of a joint network will probably compare with the truth.

    The truth is not read.

    Args:
        network: a joint one, of `engine.prepare`, whose predictions are compared.
        samples: table of `read_samples`.
        size: (height, width) of the networks' input.
        second: another network; the predictions are compared with the mean of both networks' probabilities.
            None: with the first one's alone.
    """
    networks = [one for one in (network, second) if one]
    by_network = [predict.predict_probabilities(one, samples, size) for one in networks]
    masks, labels = [], []
    for frame in zip(*by_network, strict=True):
        pixels = [_take_every_stride(mask) for mask, _ in frame]
        predicted = pixels[0].argmax(1)
        masks.append(np.mean([expect_confusion(one, predicted) for one in pixels], 0))
        label = np.mean([[probabilities] for _, probabilities in frame], 0)
        predicted_label = frame[0][1].argmax(keepdims=True)
        labels.append(expect_confusion(label, predicted_label, [LABEL_TEMPERATURE])[0])
    return ExpectedConfusion(np.array(masks), np.sum(labels, 0))


def _take_every_stride(mask: np.ndarray) -> np.ndarray:
    """Takes every STRIDE-th row and column of (H, W, classes) -> (pixels, classes)."""
    return mask[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE].reshape(-1, mask.shape[-1])


def expect_confusion(
    probabilities: np.ndarray, predicted: np.ndarray, temperatures: Iterable[float] = TEMPERATURES
) -> np.ndarray:
    """Counts what is expected of predictions: (n, classes), (n,) -> (temperatures, classes, classes).

    Row: the class that may be true, each with its probability at that temperature; column: the prediction.
    """
    chosen = np.eye(probabilities.shape[1])[predicted]
    logits = np.log(probabilities.astype(float) + 1e-7)
    return np.stack([softmax(logits / t).T @ chosen for t in temperatures])


def expect_miou(confusion: np.ndarray) -> float:
    """Mean IoU of an expected confusion (classes, classes), over the classes that are expected at all."""
    there = confusion.sum(1) > LEAST_SHARE * confusion.sum()
    return float(metrics.class_iou(confusion)[there].mean())


def expect_f1(confusion: np.ndarray) -> float:
    """Macro F1 of an expected confusion of labels, over labels of half a frame at least."""
    hit, there = np.diag(confusion), confusion.sum(1) + confusion.sum(0) >= 0.5
    f1 = 2 * hit / np.maximum(confusion.sum(0) + confusion.sum(1), 1e-9)
    return float(f1[there].mean())


def find_temperature(expected: Iterable[float], true: float) -> float:
    """Finds the log temperature at which the expected score is the true one; the ends of the scale at most.

    Args:
        expected: the score at each of TEMPERATURES; it falls as they rise.
        true: the score that was found.
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
    """Scores a network on held-out frames, and finds the temperature at which it expects that score.

    Args:
        network: of `engine.prepare`; each frame is predicted once.
        samples: table with masks, labels or both.
        classes: of both tasks.
        size: (height, width) of the network's input.
        keep: as in `predict.score_predictions`.
    """
    expected: list[np.ndarray] = []

    def predict_once() -> Iterator[predict.Prediction]:
        both = predict.predict_both(network, samples, size)
        for (prediction, probabilities), mask in zip(both, samples["mask"], strict=True):
            if mask:
                thin = _take_every_stride(probabilities)
                expected.append(expect_confusion(thin, thin.argmax(1)))
            yield prediction

    found = score_predictions(predict_once(), samples, classes, keep)
    if not expected:
        return found
    curve = [expect_miou(confusion) for confusion in np.sum(expected, 0)]
    return replace(found, temperature=float(np.exp(find_temperature(curve, found.scores["miou"]))))


def extrapolate_short_folds(found: dict[str, Scored], whole: Scored, short: Scored) -> dict[str, Scored]:
    """Corrects what short trainings found by what one found that is known both short and whole.

    Args:
        found: of `score_held_out`, by fold, after short trainings.
        whole: the same of frames that a whole training left out.
        short: the same of those frames after a short training.

    Returns:
        As `found`; to each score, and to each logarithm of a temperature, whole minus short is added.
    """
    return {name: _extrapolate(fold, whole, short) for name, fold in found.items()}


def _extrapolate(fold: Scored, whole: Scored, short: Scored) -> Scored:
    """Corrects one fold; a score that one of the three lacks is left out."""
    scores = {}
    for key in ("miou", "f1", "accuracy"):
        values = [metrics.or_nan(one.scores.get(key)) for one in (fold, whole, short)]
        if not np.isnan(values).any():
            scores[key] = float(np.clip(values[0] + values[1] - values[2], 0, 1))
    temperature = None
    if None not in (fold.temperature, whole.temperature, short.temperature):
        temperature = fold.temperature * whole.temperature / short.temperature
    return Scored(scores, frames=fold.frames, temperature=temperature)


def table_of_folds(folds: dict[str, Scored], others: dict[str, Scored] | None = None) -> pd.DataFrame:
    """Lists frames, scores in percent and temperatures, and the mean of several folds.

    Args:
        folds: of `score_held_out`, by name.
        others: by name; they count in no mean.
    """
    rows = {name: _list_found(found) for name, found in folds.items()}
    if len(folds) > 1:
        table = pd.DataFrame(rows).T
        warm = np.exp(np.log(table["temperature"]).mean())  # as `estimate_test` averages them
        rows["mean of the folds"] = table.mean().to_dict() | {"frames": np.nan, "temperature": warm}
    rows |= {name: _list_found(found) for name, found in (others or {}).items()}
    return pd.DataFrame(rows).T.round(2)


def _list_found(found: Scored) -> dict[str, float]:
    names = {"miou": "mean IoU %", "accuracy": "accuracy %", "f1": "F1 %"}
    scores = {name: 100 * metrics.or_nan(found.scores.get(key)) for key, name in names.items()}
    return {"frames": found.frames, **scores, "temperature": metrics.or_nan(found.temperature)}


def estimate_test(
    expected: ExpectedConfusion, recordings: pd.Series, folds: list[Scored]
) -> dict[str, float]:
    """Estimates what Test will give, but for the labels' accuracy: at LABEL_TEMPERATURE it is far too high.

    The interval adds up, as squares: METHOD_ERROR, the spread over Test's recordings (bootstrap, 90 %), and
    half of what full trust in the held-out temperature would change; at most WIDEST to either side.

    Args:
        expected: of the network that is submitted, on Test.
        recordings: of each Test frame, for the spread.
        folds: of `score_held_out`, one a network that did not see some recordings; the mean is of their
            temperatures' logarithms.

    Returns:
        "miou", "miou_low", "miou_high", "f1", fractions.
    """
    known = [found.temperature for found in folds if found.temperature is not None]
    warm = float(np.mean(np.log(known))) if known else 0.0
    at, curve = np.log(TEMPERATURES), [expect_miou(confusion) for confusion in expected.mask.sum(0)]
    miou = float(np.interp(TRUST * warm, at, curve))
    doubt = abs(np.interp(warm, at, curve) - np.interp(0, at, curve)) / 2
    spread = 1.645 * _spread_recordings(expected, recordings)
    half = min(WIDEST, float(np.sqrt(METHOD_ERROR**2 + spread**2 + doubt**2)))
    return {
        "miou": miou,
        "miou_low": max(0.0, miou - half),
        "miou_high": min(1.0, miou + half),
        "f1": expect_f1(expected.label),
    }


def _spread_recordings(expected: ExpectedConfusion, recordings: pd.Series) -> float:
    """Standard deviation of the expected mean IoU over draws of recordings, as if Test had held others."""
    plain = np.abs(np.log(TEMPERATURES)).argmin()
    number, names = pd.factorize(recordings)
    sums = np.stack([expected.mask[number == k, plain].sum(0) for k in range(len(names))])
    if len(sums) == 1:  # one recording tells nothing of others, its frames at least of its length
        sums = expected.mask[:, plain]
    rng = np.random.default_rng(0)
    draws = [sums[rng.integers(0, len(sums), len(sums))].sum(0) for _ in range(DRAWS)]
    return float(np.std([expect_miou(confusion) for confusion in draws]))
