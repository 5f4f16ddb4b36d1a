"""What a network's answers on held-out frames are worth."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from src import metrics
from src.batches import Frames
from src.classes import NO_LABEL, Classes
from src.engine import Predictor
from src.predict import Prediction, Scored


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
            words[name] = f"{show_percent(self.scored.scores[name])} (one answer for all: {100 * best:.1f})"
        masked = (self.samples["mask"] != "").sum()
        labelled = (self.samples["label"] != NO_LABEL).sum()
        lines = []
        if "miou" in words:
            lines.append(f"mean IoU {words['miou']}, {masked} frames with a mask")
        if "f1" in words:
            lines.append(f"accuracy {words['accuracy']}, F1 {words['f1']}, {labelled} frames with a label")
        return lines


def show_percent(score: float | None) -> str:
    """Writes a score, a fraction, in percent; "unknown" where there is none."""
    return "unknown" if score is None or np.isnan(score) else f"{100 * score:.1f}"
