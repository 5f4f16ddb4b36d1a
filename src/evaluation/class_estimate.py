"""The interval of each class's IoU that is estimated for Test (docs/estimate.md says how good it is)."""

import numpy as np
import pandas as pd

from src.data.classes import ClassList
from src.evaluation import metrics

# Error of an estimated IoU p, divided by sqrt(p * (1 - p)), which 9 of 10 classes should stay below. Of n
# such errors, the one of rank 0.9 * (n + 1) bounds a new one 9 times of 10; here it is the 21st of 22, of the
# runs that tests/test_class_estimate.py names. Source: Lei et al. 2018, locally weighted conformal inference.
CLASS_ERROR = 0.4


def bound_class_iou(iou: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds the true IoU of classes: it should lie in the interval 9 times of 10.

    The interval is widest for an estimate of 0.5, and has no width for one of 0 or 1.

    Args:
        iou: estimated, fractions; NaN for a class that was not estimated.

    Returns:
        Lower and upper ends, fractions in [0, 1]; NaN where `iou` is.
    """
    iou = np.asarray(iou, float)
    half = CLASS_ERROR * np.sqrt(iou * (1 - iou))
    return np.clip(iou - half, 0, 1), np.clip(iou + half, 0, 1)


def check_interval(estimated: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Tells whether the true IoU of each class lies in its interval: bool, as many as both are known of.

    Args:
        estimated: of classes, fractions; NaN where unknown.
        true: of the same classes.
    """
    low, high = bound_class_iou(estimated)
    known = ~np.isnan(estimated) & ~np.isnan(true)
    return ((low <= true) & (true <= high))[known]


def make_estimate_table(confusion: np.ndarray, classes: ClassList) -> pd.DataFrame:
    """Lists each class as `metrics.make_classes_table` does, and its interval from "low %" to "high %".

    Args:
        confusion: of `estimate.estimate_confusion`, pixels by true class (row) and predicted class (column).
        classes: of the mask.
    """
    table = metrics.make_classes_table(confusion, classes)
    low, high = bound_class_iou(table["IoU %"].to_numpy() / 100)
    return table.assign(**{"low %": 100 * low, "high %": 100 * high})
