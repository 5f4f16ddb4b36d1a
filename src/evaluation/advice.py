"""What would raise the score on Test: one paragraph from numbers; what no number is known of is left out."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from src.evaluation import metrics
from src.evaluation.class_estimate import bound_class_iou
from src.scores import RunResult, Scores

# Points of mean IoU in another place, by where they were measured: what twice the steps brought, from half of
# EPOCHS="auto" to all of it, and what PRESET="best" brought over one of its three networks.
# tests/test_advice.py computes both from the kept results.
DOUBLED = {"boston-from-mallorca": 0.7, "idd-choose": 1.1, "world": 3.6}
AVERAGED = {"boston-from-mallorca": 1.1}


@dataclass(frozen=True)
class Costliest:
    """The class that costs the mean IoU most: the one of the lowest IoU, for each class counts the same.

    Attributes:
        split: where that was found, "test", "estimate" or "held_out".
        index: of the class.
        iou: its IoU, low and high end; three times the same where it was measured. Fractions.
        gain: what the mean IoU would gain if the class were as good as the mean of the others: for the IoU,
            for its high end and for its low end. Fractions.
        others: number of the other classes that count.
        mistaken: index of the class that it is most often mistaken for, or that is for it; None: never.
        share: of its pixels that are taken for `mistaken`; or, if `reverse`, of the pixels that are taken for
            it, those that are of `mistaken`.
        reverse: whether `mistaken` is taken for it, which costs more pixels.
    """

    split: str
    index: int
    iou: tuple[float, float, float]
    gain: tuple[float, float, float]
    others: int
    mistaken: int | None
    share: float
    reverse: bool


@dataclass(frozen=True)
class Gap:
    """How much higher the mean IoU is on places of Train than on Test.

    Frames of other places can bring no more than this.

    Attributes:
        above: "random", random frames, or "crops", the last training crops.
        below: the split that it is above, "test", "competition", "estimate" or "held_out".
        points: of mean IoU.
        low, high: its ends by the interval of an estimate; else equal to `points`.
    """

    above: str
    below: str
    points: float
    low: float
    high: float


def find_costliest(record: RunResult) -> Costliest | None:
    """Finds the class that costs most: by the truth of Test, else by the estimate, else on held-out frames.

    Returns:
        None where fewer than two classes have an IoU.
    """
    for split in ("test", "estimate", "held_out"):
        confusion = record.confusion.get(split)
        if confusion is not None and np.any(confusion["mask"]):
            return _find_lowest(np.array(confusion["mask"], float), split)
    return None


def _find_lowest(confusion: np.ndarray, split: str) -> Costliest | None:
    """Finds the class of the lowest IoU in a confusion matrix, (classes, classes), of a split."""
    iou = metrics.compute_class_iou(confusion)
    count = int((~np.isnan(iou)).sum())
    if count < 2:
        return None
    index = int(np.nanargmin(iou))
    own = float(iou[index])
    ends = (own, own)
    if split == "estimate":
        ends = tuple(float(end) for end in bound_class_iou(own))
    mean = float(np.nanmean(np.delete(iou, index)))
    gain = tuple(max(0.0, (mean - value) / count) for value in (own, ends[1], ends[0]))
    mistaken, share, reverse = _find_mistaken(confusion, index)
    return Costliest(
        split=split,
        index=index,
        iou=(own, *ends),
        gain=gain,
        others=count - 1,
        mistaken=mistaken,
        share=share,
        reverse=reverse,
    )


def _find_mistaken(confusion: np.ndarray, index: int) -> tuple[int | None, float, bool]:
    """Finds what a class is most often mistaken for: `mistaken`, `share` and `reverse` of `Costliest`."""
    taken = confusion[index].copy()  # its pixels, by what they are taken for
    called = confusion[:, index].copy()  # the pixels that are taken for it, by what they are
    total = taken.sum()
    predicted = called.sum()
    taken[index] = 0
    called[index] = 0
    if not taken.any() and not called.any():
        return None, 0.0, False
    if called.max() > taken.max():
        return int(called.argmax()), float(called.max() / predicted), True
    return int(taken.argmax()), float(taken.max() / total), False


def _find_below(scores: dict[str, Scores]) -> str | None:
    """Finds the split whose mean IoU is nearest to that of Test's truth; None if none is known."""
    for split in ("test", "competition", "estimate", "held_out"):
        if not np.isnan(metrics.replace_none(scores.get(split, Scores()).miou)):
            return split
    return None


def find_gap(record: RunResult, history: pd.DataFrame | None = None) -> Gap | None:
    """Finds how far the mean IoU on places that were trained on lies above that on Test.

    Args:
        record: of the run; of the scores that lie below, the one that is nearest to the truth counts.
        history: of the training, whose last crops are used where there is no score on random frames.

    Returns:
        None where one of both is unknown, or nothing lies above.
    """
    scores = record.scores
    upper = 100 * metrics.replace_none(scores.get("random", Scores()).miou)
    above = "random"
    if np.isnan(upper) and history is not None and "mask_miou" in history:
        upper = 100 * float(history["mask_miou"].iloc[-1])
        above = "crops"
    below = _find_below(scores)
    if below is None or np.isnan(upper):
        return None
    score = scores[below]
    if upper <= 100 * score.miou:
        return None
    ends = score.get_interval("miou") or (score.miou, score.miou)
    low, high = (max(0.0, upper - 100 * end) for end in reversed(ends))
    return Gap(above, below, upper - 100 * score.miou, low, high)


def find_rise(history: pd.DataFrame | None) -> float | None:
    """Finds how the held-out mean IoU changed in the second half of the joint training, in points.

    Returns:
        None where it was not scored in the first half.
    """
    if history is None or "val_mask_miou" not in history:
        return None
    scores = 100 * history["val_mask_miou"].dropna()
    before = scores[scores.index <= history.index.max() / 2]
    return None if before.empty else float(scores.iloc[-1] - before.iloc[-1])


def advise(
    record: RunResult, names: tuple[str, ...], history: pd.DataFrame | None = None, networks: int = 1
) -> str:
    """Says what costs most and what would help: a sentence each, only where there is a number for it.

    Args:
        record: what the run's `result.json` says.
        names: of the mask classes.
        history: of the joint network; None leaves out what follows from it.
        networks: that the submitted model averages; of several, what an average brings is left out.

    Returns:
        The paragraph; "" where no score of this run is known.
    """
    splits = metrics.name_splits(record)
    costliest = find_costliest(record)
    gap = find_gap(record, history)
    if costliest is None and gap is None:
        return ""
    sentences = []
    if costliest is not None:
        sentences += _describe_costliest(costliest, names, splits)
    if gap is not None:
        sentences.append(_describe_gap(gap, splits))
    rise = find_rise(history)
    if rise is not None:
        sentences.append(_describe_rise(rise, record.leaky))
    sentences.append(_describe_training(networks))
    if gap is not None:
        sentences.append(_compare(gap, networks))
    return " ".join(sentences)


def _describe_costliest(found: Costliest, names: tuple[str, ...], splits: dict[str, str]) -> list[str]:
    """Describes in two sentences which class costs most, and how much."""
    source = splits[found.split]
    iou = _join(found.iou)
    worth = _join(found.gain)
    text = f"The class that costs most is {names[found.index]}: IoU {iou} % by the {source}"
    if found.split != "estimate":
        text = f"The class that costs most is {names[found.index]}: IoU {iou} % on {source}"
    if found.mistaken is not None:
        what = "the pixels predicted as it are" if found.reverse else "its pixels are taken for"
        text += f", and {100 * found.share:.0f} % of {what} {names[found.mistaken]}"
    mean = f"the mean of the other {found.others}" if found.others > 1 else "the other one"
    return [f"{text}.", f"As good as {mean}, it would add {worth} points of mean IoU."]


def _join(fractions: tuple[float, float, float]) -> str:
    """Writes a value in percent and, where they differ, its ends in brackets."""
    value, low, high = (100 * fraction for fraction in fractions)
    return f"{value:.1f}" if low == high else f"{value:.1f} ({low:.1f} to {high:.1f})"


def _describe_gap(gap: Gap, splits: dict[str, str]) -> str:
    """Describes what other places bring at most."""
    above = "training crops" if gap.above == "crops" else splits[gap.above]
    below = splits[gap.below]
    if not below.startswith("Test"):
        below = f"the {below}"
    points = _join((gap.points / 100, gap.low / 100, gap.high / 100))
    return (
        f"Frames of other places can bring at most about {points} points: so much higher is the mean IoU of "
        f"{above} than that of {below}."
    )


def _describe_rise(rise: float, leaky: bool) -> str:
    """Describes how the held-out score changed, in points, in the second half of the training."""
    held_out = metrics.name_held_out(leaky)
    return f"In the second half of this training the mean IoU on {held_out} changed by {rise:+.1f} points."


def _describe_training(networks: int) -> str:
    """Describes what longer training and an average of networks brought where the project measured them."""
    text = f"Where it was measured, twice the steps (EPOCHS) brought {_average(DOUBLED)}, from half of the "
    text += "usual steps to all of them"
    if networks == 1:
        text += f'; PRESET="best" brought {_average(AVERAGED)}'
    return f"{text}."


def _average(gains: dict[str, float]) -> str:
    """Writes the mean of the points that were gained, their range and the number of places."""
    points = list(gains.values())
    if len(points) == 1:
        return f"{points[0]} points in 1 place"
    return f"{np.mean(points):.1f} points ({min(points)} to {max(points)}) in {len(points)} places"


def _compare(gap: Gap, networks: int) -> str:
    """Compares the most that other places bring with what training brought; the numbers may not tell."""
    points = list(DOUBLED.values())
    if gap.high < np.mean(points):
        return "So other places are not what is missing most."
    if networks == 1:
        points += AVERAGED.values()
    if gap.low > max(points):
        return "So only frames of other places can bring more."
    return "Which of these helps most, the numbers do not tell."
