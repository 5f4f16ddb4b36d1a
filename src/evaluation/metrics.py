"""The scores: mean IoU of one confusion matrix over all pixels, and macro F1 and accuracy of the labels."""

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from src.data.classes import IGNORE, NO_LABEL, ClassList
from src.scores import RunResult, Scores

COLUMNS = {"miou": "mean IoU %", "accuracy": "accuracy %", "f1": "F1 %"}  # of the tables of scores
RANDOM = "random frames (leaky)"  # this score is never shown without the word "leaky"
NINETY = 1.645  # standard deviations to either side that hold 90 % of a normal distribution


def confuse(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts pixels by true class (row) and predicted class (column).

    Args:
        truth: uint8 class indices of any shape; IGNORE does not count.
        predicted: uint8 class indices of the same shape.
        classes: how many classes there are.

    Returns:
        int64, (classes, classes).
    """
    counted = truth != IGNORE
    pairs = truth[counted].astype(np.int64) * classes + predicted[counted]
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def compute_class_iou(confusion: np.ndarray) -> np.ndarray:
    """Computes each class's intersection over union.

    Args:
        confusion: (classes, classes), pixels by true class (row) and predicted class (column).

    Returns:
        float64, (classes,), fractions; NaN for a class without true pixels.
    """
    hit = np.diag(confusion).astype(float)
    union = confusion.sum(0) + confusion.sum(1) - hit
    return np.where(confusion.sum(1) > 0, hit / np.maximum(union, 1), np.nan)


def score_masks(confusion: np.ndarray) -> float:
    """Computes the mean IoU over the classes with true pixels, as a fraction; NaN if there are no pixels.

    Args:
        confusion: as for `compute_class_iou`.
    """
    if not confusion.sum():
        return float("nan")
    return float(np.nanmean(compute_class_iou(confusion)))


def score_labels(truth: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """Computes macro F1 over all labels in truth or prediction, and accuracy, as fractions.

    Args:
        truth: int, (frames,), class indices; NO_LABEL where unknown, which does not count.
        predicted: int, (frames,), class indices.

    Returns:
        F1 and accuracy; NaN if no frame has a label.
    """
    counted = truth != NO_LABEL
    if not counted.any():
        return float("nan"), float("nan")
    truth = truth[counted]
    predicted = predicted[counted]
    f1 = f1_score(truth, predicted, average="macro", zero_division=0)
    return float(f1), float(accuracy_score(truth, predicted))


def confuse_labels(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts frames by true label and predicted label.

    Args:
        truth: int, (frames,), class indices; NO_LABEL where unknown, which does not count.
        predicted: int, (frames,), class indices.
        classes: how many labels there are.

    Returns:
        int64, (classes, classes), by true label (row) and predicted label (column).
    """
    counted = truth != NO_LABEL
    return confusion_matrix(truth[counted], predicted[counted], labels=range(classes))


def make_classes_table(confusion: np.ndarray, classes: ClassList) -> pd.DataFrame:
    """Lists each class with its share of the true pixels and its IoU, both in percent."""
    share = confusion.sum(1) / max(confusion.sum(), 1)
    columns = {"pixels %": 100 * share, "IoU %": 100 * compute_class_iou(confusion)}
    return pd.DataFrame(columns, index=pd.Index(classes.names, name="class"))


def make_frames_table(confusions: np.ndarray, classes: ClassList) -> pd.DataFrame:
    """Lists each frame's mean IoU in percent, and its most frequent confusion of two classes.

    Args:
        confusions: (frames, classes, classes), pixels by true class and predicted class.
        classes: of the mask.

    Returns:
        A row a frame: "mean IoU %" (NaN without truth), and "most common error", a text.
    """
    rows = []
    for confusion in confusions:
        wrong = confusion - np.diag(np.diag(confusion))
        text = "nothing"
        if wrong.any():
            true, predicted = np.unravel_index(wrong.argmax(), wrong.shape)
            percent = 100 * wrong.max() / confusion.sum()
            text = f"{classes.names[true]} taken for {classes.names[predicted]} ({percent:.1f} %)"
        rows.append((100 * score_masks(confusion), text))
    return pd.DataFrame(rows, columns=["mean IoU %", "most common error"])


def score_constant(mask_confusion: np.ndarray, label_confusion: np.ndarray | None) -> Scores:
    """Scores the best constant prediction: the same class for every pixel, the same label for every frame.

    A network that has learned anything scores higher.

    Args:
        mask_confusion: pixels by true class (row) and predicted class (column); only the row sums matter.
        label_confusion: frames by true label (row) and predicted label (column); None without labels.

    Returns:
        The scores; None for those whose truth is unknown.
    """
    miou = None
    f1 = None
    accuracy = None
    if np.any(mask_confusion):
        share = np.sum(mask_confusion, axis=1) / np.sum(mask_confusion)
        miou = float(share.max() / np.count_nonzero(share))
    if label_confusion is not None and np.any(label_confusion):
        share = np.sum(label_confusion, axis=1) / max(np.sum(label_confusion), 1)
        accuracy = float(share.max())
        # The constant label, of share p, has an F1 of 2p / (1 + p); the other labels have 0.
        f1 = 2 * accuracy / (1 + accuracy) / max(np.count_nonzero(share), 1)
    return Scores(miou, f1, accuracy)


def replace_none(value: float | None) -> float:
    """Returns a score, or NaN for None."""
    return float("nan") if value is None else value


def name_held_out(leaky: bool) -> str:
    """Names the held-out frames, so that a leaky score is never shown without the word "leaky"."""
    return "held-out frames of the same street (leaky)" if leaky else "held-out recordings"


def describe_held_classes(confusion: list | np.ndarray) -> str:
    """Describes over how many classes a mean IoU is: " (5 of 6 classes)", "" for all of them.

    Args:
        confusion: pixels by true class (row) and predicted class (column).
    """
    present = np.any(confusion, axis=1)
    if present.all() or not present.any():
        return ""
    return f" ({present.sum()} of {len(present)} classes)"


def name_splits(result: RunResult) -> dict[str, str]:
    """Names the splits that are scored, in the order of tables and figures.

    A name has the word "leaky" where held-out frames have neighbours in training, and the number of classes
    where the truth lacks some.
    """
    classes = {}
    for split, counts in result.confusion.items():
        classes[split] = describe_held_classes(counts["mask"])
    return {
        "random": RANDOM,
        "estimate": "estimate for Test",
        "held_out": name_held_out(result.leaky) + classes.get("held_out", ""),
        "held_out_segmenter": "segmentation alone, held out",
        "test": "Test" + classes.get("test", ""),
        "competition": "Test, as the competition scored it",
        "test_segmenter": "segmentation alone, Test",
        "constant": "best constant answer on Test",
    }


def make_scores_table(result: RunResult) -> pd.DataFrame:
    """Lists mean IoU, accuracy and F1 in percent, a row a split that has been scored."""
    rows = {split: scores.to_dict() for split, scores in result.scores.items()}
    table = pd.DataFrame(rows).T.reindex(columns=list(COLUMNS)).astype(float)
    text = (100 * table).map(lambda percent: "" if np.isnan(percent) else f"{percent:.1f}")
    names = name_splits(result)
    text = text.rename(columns=COLUMNS)
    return text.reindex([split for split in names if split in text.index]).rename(index=names)
