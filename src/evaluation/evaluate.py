"""Predictions on frames whose truth is known -> scores and confusion matrices."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from src.data import mask_files
from src.data.classes import IGNORE, NO_LABEL, Classes
from src.data.frames import Frames
from src.evaluation import metrics
from src.inference.engine import Predictor
from src.inference.predict import Prediction, predict_samples


@dataclass(frozen=True)
class Scored:
    """What predictions are worth on frames whose truth is known.

    Attributes:
        scores: "miou" and, of a joint network, "f1" and "accuracy": fractions, NaN or None where unknown.
        confusion: "mask" and "label": counts by true class (row) and predicted class (column), in lists;
            "label" is None without labels. None where they are not known.
        frames: how many there are.
        temperature: of the masks, above 1 for a network that is too confident; None where unknown.
        minutes: of the trainings that it tells of; None where they are counted elsewhere.
    """

    scores: dict[str, float | None]
    confusion: dict[str, list | None] | None = None
    frames: int = 0
    temperature: float | None = None
    minutes: float | None = None

    def to_dict(self) -> dict:
        """Gives what a result's file keeps: all but the confusion and the minutes that are not known."""
        kept = asdict(self)
        for name in ("confusion", "minutes"):
            if kept[name] is None:
                del kept[name]
        return kept


def score_samples(
    network: Predictor,
    samples: pd.DataFrame,
    classes: Classes,
    size: tuple[int, int],
    flip: bool = True,
    keep: dict[int, Prediction | None] | None = None,
) -> Scored:
    """Predicts frames whose truth is known and compares, at the photos' own size.

    Args:
        network: as in `predict_samples`.
        samples: table with masks, labels or both.
        classes: the classes of both tasks.
        size: (height, width) of the network's input.
        flip: as in `predict_samples`.
        keep: as in `score_predictions`.
    """
    return score_predictions(
        predict_samples(network, samples, size, flip, description="Scoring"), samples, classes, keep
    )


def score_predictions(
    predictions: Iterable[Prediction],
    samples: pd.DataFrame,
    classes: Classes,
    keep: dict[int, Prediction | None] | None = None,
) -> Scored:
    """Compares predictions with the truth, at the photos' own size.

    Args:
        predictions: one a frame, in the table's order.
        samples: table with masks, labels or both.
        classes: the classes of both tasks.
        keep: its keys are numbers of frames, whose predictions are put there, for pictures.
    """
    confusion = np.zeros((len(classes.mask),) * 2, np.int64)
    labels = np.full(len(samples), -1)
    for i, prediction in enumerate(predictions):
        if keep is not None and i in keep:
            keep[i] = prediction
        path = samples["mask"].iloc[i]
        truth = mask_files.load_mask(path, classes.mask) if path else np.full_like(prediction.mask, IGNORE)
        confusion += metrics.confuse(truth, prediction.mask, len(classes.mask))
        labels[i] = -1 if prediction.label is None else prediction.label
    scores, by_label = {"miou": metrics.score_masks(confusion)}, None
    if (labels >= 0).all():
        scores |= metrics.score_labels(samples["label"].to_numpy(), labels)
        by_label = metrics.confuse_labels(samples["label"].to_numpy(), labels, len(classes.label)).tolist()
    return Scored(scores, {"mask": confusion.tolist(), "label": by_label}, len(samples))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a network's answers on held-out frames are worth.

    Attributes:
        samples: table of the frames.
        frames: the same, decoded.
        classes: of both tasks.
        title: names the frames; it says "leaky" where their streets were trained on.
        scored: their scores, confusion and temperature.
        predictions: of some rows of the table, for pictures.
        predictor: what predicted, of `engine.prepare`.
    """

    samples: pd.DataFrame
    frames: Frames
    classes: Classes
    title: str
    scored: Scored
    predictions: dict[int, Prediction]
    predictor: Predictor

    def _repr_html_(self) -> str:
        """Shows a notebook each class's IoU."""
        return metrics.table_of_classes(self.mask_confusion, self.classes.mask).round(1).to_html()

    @property
    def mask_confusion(self) -> np.ndarray:
        """Pixels by true class (row) and predicted class (column)."""
        return np.array(self.scored.confusion["mask"])

    def describe(self) -> list[str]:
        """Says the scores, each beside what one answer for all would get, in lines."""
        constant = metrics.score_constant(*self.scored.confusion.values())
        words = {}
        for name, best in constant.items():
            words[name] = f"{format_percent(self.scored.scores[name])} (one answer for all: {100 * best:.1f})"
        masked = (self.samples["mask"] != "").sum()
        labelled = (self.samples["label"] != NO_LABEL).sum()
        lines = []
        if "miou" in words:
            lines.append(f"mean IoU {words['miou']}, {masked} frames with a mask")
        if "f1" in words:
            lines.append(f"accuracy {words['accuracy']}, F1 {words['f1']}, {labelled} frames with a label")
        return lines


def format_percent(score: float | None) -> str:
    """Writes a score, a fraction, in percent; "unknown" where there is none."""
    return "unknown" if score is None or np.isnan(score) else f"{100 * score:.1f}"
