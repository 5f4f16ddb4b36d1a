"""Scores predictions on frames whose truth is known."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd

from src.data import mask_files
from src.data.classes import IGNORE, NO_LABEL, Classes
from src.data.frames import Frames
from src.evaluation import metrics
from src.inference.engine import Predictor
from src.inference.predict import Prediction, predict_samples
from src.scores import Scores


@dataclass(frozen=True)
class Scored:
    """The scores of a network's predictions on frames whose truth is known.

    Attributes:
        scores: mean IoU and, of a joint network, F1 and accuracy.
        confusion: "mask" and "label": counts by true class (row) and predicted class (column), as lists;
            "label" is None without labels. None for extrapolated scores.
        frames: number of frames.
        temperature: at which the network expects its true mean IoU; above 1 for one that is too confident;
            None where unknown.
        label_temperature: at which the network expects its labels' true accuracy; None where unknown.
        minutes: of the trainings of a fold; None for other networks, whose minutes their run holds.
    """

    scores: Scores
    confusion: dict[str, list | None] | None = None
    frames: int = 0
    temperature: float | None = None
    label_temperature: float | None = None
    minutes: float | None = None

    def to_dict(self) -> dict:
        """Returns the attributes by name, as `result.json` and `fold.json` hold them.

        Confusion and minutes are left out where they are None.
        """
        attributes = asdict(self) | {"scores": self.scores.to_dict()}
        for name in ("confusion", "minutes"):
            if attributes[name] is None:
                del attributes[name]
        return attributes

    @classmethod
    def from_dict(cls, content: dict) -> "Scored":
        """Reads what `to_dict` returned; what an earlier version wrote beside that is left out."""
        known = {part.name: content[part.name] for part in fields(cls) if part.name in content}
        return cls(**known | {"scores": Scores.from_dict(content["scores"])})


def score_samples(
    network: Predictor,
    samples: pd.DataFrame,
    classes: Classes,
    size: tuple[int, int],
    tta: bool = True,
    keep: dict[int, Prediction | None] | None = None,
) -> Scored:
    """Predicts frames and compares the predictions with the truth, at the photos' own size.

    Args:
        network: as in `predict_samples`.
        samples: table with masks, labels or both.
        classes: the classes of both tasks.
        size: (height, width) of the network's input.
        tta: as in `predict_samples`.
        keep: as in `score_predictions`.
    """
    predictions = predict_samples(network, samples, size, tta, description="Scoring")
    return score_predictions(predictions, samples, classes, keep)


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
        keep: by row of the table; the predictions of these rows are stored in it, for figures. None stores
            none.
    """
    count = len(classes.mask)
    mask_confusion = np.zeros((count, count), np.int64)
    labels = np.full(len(samples), -1)
    for row, prediction in enumerate(predictions):
        if keep is not None and row in keep:
            keep[row] = prediction
        path = samples["mask"].iloc[row]
        truth = mask_files.load_mask(path, classes.mask) if path else np.full_like(prediction.mask, IGNORE)
        mask_confusion += metrics.confuse(truth, prediction.mask, count)
        if prediction.label is not None:
            labels[row] = prediction.label
    f1 = accuracy = label_confusion = None
    if (labels >= 0).all():
        truth = samples["label"].to_numpy()
        f1, accuracy = metrics.score_labels(truth, labels)
        label_confusion = metrics.confuse_labels(truth, labels, len(classes.label)).tolist()
    confusion = {"mask": mask_confusion.tolist(), "label": label_confusion}
    scores = Scores(metrics.score_masks(mask_confusion), f1, accuracy)
    return Scored(scores, confusion, len(samples))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A network's predictions on held-out frames, and their scores.

    Attributes:
        samples: table of the frames.
        frames: the same frames, decoded.
        classes: of both tasks.
        title: names the frames, with "leaky" if frames of the same street were trained on.
        scored: scores, confusion and temperature.
        predictions: of some rows of the table, for figures.
        predictor: the network, of `engine.prepare`.
    """

    samples: pd.DataFrame
    frames: Frames
    classes: Classes
    title: str
    scored: Scored
    predictions: dict[int, Prediction]
    predictor: Predictor

    def _repr_html_(self) -> str:
        """Shows each class's IoU in a notebook."""
        table = metrics.make_classes_table(self.mask_confusion, self.classes.mask)
        return table.round(1).to_html()

    @property
    def mask_confusion(self) -> np.ndarray:
        """Pixels by true class (row) and predicted class (column)."""
        return np.array(self.scored.confusion["mask"])

    def describe(self) -> list[str]:
        """Describes the scores in lines of text, each beside the score of the best constant prediction."""
        confusion = self.scored.confusion
        constant = metrics.score_constant(confusion["mask"], confusion["label"])
        texts = {}
        for name, best in constant.to_dict().items():
            percent = format_percent(getattr(self.scored.scores, name))
            texts[name] = f"{percent} (one answer for all: {100 * best:.1f})"
        masked = (self.samples["mask"] != "").sum()
        labelled = (self.samples["label"] != NO_LABEL).sum()
        lines = []
        if "miou" in texts:
            lines.append(f"mean IoU {texts['miou']}, {masked} frames with a mask")
        if "f1" in texts:
            lines.append(f"accuracy {texts['accuracy']}, F1 {texts['f1']}, {labelled} frames with a label")
        return lines


def count_changed(evaluation: Evaluation, other: Predictor, size: tuple[int, int]) -> float:
    """Compares the stored predictions of an evaluation with those of another predictor of the same network.

    Args:
        evaluation: whose `predictions` are compared.
        other: computes less exactly, as in bfloat16.
        size: (height, width) of the network's input.

    Returns:
        Share of the pixels that get another class.
    """
    samples = evaluation.samples.iloc[list(evaluation.predictions)]
    changed = []
    stored = evaluation.predictions.values()
    for before, after in zip(stored, predict_samples(other, samples, size), strict=True):
        changed.append((before.mask != after.mask).ravel())
    return float(np.concatenate(changed).mean())


def format_percent(score: float | None) -> str:
    """Formats a fraction in percent; "unknown" for None or NaN."""
    if score is None or np.isnan(score):
        return "unknown"
    return f"{100 * score:.1f}"
