"""What is reported: mean IoU from one confusion matrix over all pixels, macro F1 and accuracy of labels."""

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from src.data.classes import IGNORE, NO_LABEL, ClassList

RANDOM = "random frames (leaky)"  # a score that is never shown without that word


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


def class_iou(confusion: np.ndarray) -> np.ndarray:
    """Intersection over union of each class, fractions; NaN for a class that the truth does not hold."""
    hit = np.diag(confusion).astype(float)
    union = confusion.sum(0) + confusion.sum(1) - hit
    return np.where(confusion.sum(1) > 0, hit / np.maximum(union, 1), np.nan)


def score_masks(confusion: np.ndarray) -> float:
    """Mean IoU over the classes that the truth holds, a fraction; NaN where it holds none."""
    return float(np.nanmean(class_iou(confusion))) if confusion.sum() else float("nan")


def score_labels(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Macro F1 over the labels found in truth or prediction, and accuracy; NO_LABEL does not count."""
    counted = truth != NO_LABEL
    if not counted.any():
        return {"f1": float("nan"), "accuracy": float("nan")}
    truth, predicted = truth[counted], predicted[counted]
    f1 = f1_score(truth, predicted, average="macro", zero_division=0)
    return {"f1": float(f1), "accuracy": float(accuracy_score(truth, predicted))}


def confuse_labels(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts frames by true label (row) and predicted label (column); frames of NO_LABEL do not count."""
    counted = truth != NO_LABEL
    return confusion_matrix(truth[counted], predicted[counted], labels=range(classes))


def table_of_classes(confusion: np.ndarray, classes: ClassList) -> pd.DataFrame:
    """Lists each class with its share of the true pixels and its IoU, both in percent."""
    share = confusion.sum(1) / max(confusion.sum(), 1)
    columns = {"pixels %": 100 * share, "IoU %": 100 * class_iou(confusion)}
    return pd.DataFrame(columns, index=pd.Index(classes.names, name="class"))


def table_of_frames(confusions: np.ndarray, classes: ClassList) -> pd.DataFrame:
    """Lists each frame's mean IoU in percent and what cost it most: the commonest confusion of two classes.

    Args:
        confusions: (frames, classes, classes), pixels by true class and predicted class.
        classes: of the mask.

    Returns:
        A row a frame: "mean IoU %" (NaN without truth), and "most of it" in words.
    """
    rows = []
    for confusion in confusions:
        total = max(confusion.sum(), 1)
        wrong = confusion - np.diag(np.diag(confusion))
        true, predicted = np.unravel_index(wrong.argmax(), wrong.shape)
        words = (
            f"{classes.names[true]} taken for {classes.names[predicted]} ({100 * wrong.max() / total:.1f} %)"
        )
        rows.append((100 * score_masks(confusion), words if wrong.any() else "nothing"))
    return pd.DataFrame(rows, columns=["mean IoU %", "most of it"])


def score_constant(mask_confusion: np.ndarray, label_confusion: np.ndarray | None) -> dict[str, float]:
    """Scores the best answer that is the same for every pixel and every frame, measure by measure.

    Args:
        mask_confusion: pixel counts, true class by predicted class; only the true counts matter.
        label_confusion: the same for labels, or None.

    Returns:
        {"miou", "f1", "accuracy"}, fractions: what a network must beat to have learned anything; those whose
        truth is known.
    """
    scores = {}
    if np.any(mask_confusion):
        share = np.sum(mask_confusion, axis=1) / np.sum(mask_confusion)
        scores["miou"] = float(share.max() / np.count_nonzero(share))
    if label_confusion is not None and np.any(label_confusion):
        share = np.sum(label_confusion, axis=1) / max(np.sum(label_confusion), 1)
        best = float(share.max())  # F1 of the constant label is 2p / (1 + p), of the others 0
        scores |= {"f1": 2 * best / (1 + best) / max(np.count_nonzero(share), 1), "accuracy": best}
    return scores


def or_nan(value: float | None) -> float:
    """Gives a score, or NaN where there is none."""
    return float("nan") if value is None else value


def name_held_out(leaky: bool) -> str:
    """Names what was held out of training, so that a leaky score is never shown without that word."""
    return "held-out frames of the same street (leaky)" if leaky else "held-out recordings"


def describe_held_classes(confusion: list | np.ndarray) -> str:
    """Says over how many classes a mean IoU is: " (5 of 6 classes)", "" where the truth holds them all."""
    held = np.any(confusion, axis=1)
    return "" if held.all() or not held.any() else f" ({held.sum()} of {len(held)} classes)"


def name_splits(result: dict) -> dict[str, str]:
    """Names what is scored, in the order in which tables and figures show it.

    Args:
        result: of a run: `leaky`, whether the held-out frames have neighbours in training, and `confusion`,
            which tells whether a split's mean is over all classes; it may be missing.
    """
    classes = {}
    for split, counts in result.get("confusion", {}).items():
        classes[split] = describe_held_classes(counts["mask"])
    held_out = name_held_out(result["leaky"]) + classes.get("held_out", "")
    test = "Test" + classes.get("test", "")
    names = {"random": RANDOM, "estimate": "estimate for Test"}
    names |= {"held_out": held_out, "held_out_segmenter": "segmentation alone, held out"}
    names |= {"test": test, "test_segmenter": "segmentation alone, Test"}
    return names | {"constant": "best constant answer on Test"}


def table_of_scores(result: dict) -> pd.DataFrame:
    """Lists mean IoU, accuracy and F1 in percent, a row for each split that has been scored.

    Args:
        result: of a run: `scores`, fractions by split, and what `name_splits` asks for.
    """
    columns = {"miou": "mean IoU %", "accuracy": "accuracy %", "f1": "F1 %"}
    table = pd.DataFrame(result["scores"]).T.reindex(columns=list(columns)).astype(float)
    text = (100 * table).map(lambda percent: "" if np.isnan(percent) else f"{percent:.1f}")
    rows = name_splits(result)
    text = text.rename(columns=columns)
    return text.reindex([split for split in rows if split in text.index]).rename(index=rows)
