"""Captions of the figures: each function takes what a figure shows and returns one or two sentences.

A caption is "" where there is nothing to describe.
"""

import numpy as np
import pandas as pd

from src.data.classes import IGNORE, ClassList, count_values
from src.data.likeness import SAME_VIEW
from src.evaluation import metrics
from src.scores import RunResult, Scores

MOST_ABSENT = 5  # classes that a caption names as absent


def describe_estimate(result: RunResult) -> str:
    """Describes the estimate for Test beside the scores on Test and on held-out frames."""
    scores = result.scores
    names = metrics.name_splits(result)
    if "estimate" not in scores:
        return 'Nothing was estimated: ESTIMATE is "off".'
    sentences = _describe_test(scores)
    miou = _list_percents(scores, "miou")
    for split in ("held_out", "random"):
        if split in scores:
            sentences.append(f"On {names[split]} the mean IoU was {miou[split]:.1f} %.")
    return " ".join(sentences)


def _describe_test(scores: dict[str, Scores]) -> list[str]:
    """Describes what Test gave beside its estimate, and what it will give, in a sentence each."""
    given = []
    expected = []
    for measure, name in _MEASURES.items():
        percents = _list_percents(scores, measure)
        if np.isnan(percents["estimate"]):
            continue
        interval = scores["estimate"].get_interval(measure)
        if np.isnan(_find_true(percents)):
            expected.append(_describe_expected(name, percents["estimate"], interval))
        else:
            given.append(_describe_given(name, percents, interval))
    sentences = {"Test gave": given, "Test will give": expected}
    return [f"{begin} {'; '.join(parts)}." for begin, parts in sentences.items() if parts]


_MEASURES = {"miou": "a mean IoU", "accuracy": "a label accuracy", "f1": "a label F1"}


def _list_percents(scores: dict[str, Scores], measure: str) -> dict[str, float]:
    """Lists one measure of every split in percent; NaN where a split does not have it."""
    return {split: 100 * metrics.replace_none(getattr(part, measure)) for split, part in scores.items()}


def _describe_expected(name: str, estimate: float, interval: tuple[float, float] | None) -> str:
    """Describes an estimated score of Test, in percent; the interval is in fractions."""
    text = f"{name} of about {estimate:.1f} %"
    if interval is None:
        return text
    low, high = interval
    return f"{text} ({100 * low:.1f} to {100 * high:.1f})"


def _describe_given(name: str, percents: dict[str, float], interval: tuple[float, float] | None) -> str:
    """Describes a score of Test, in percent by split, beside its estimate; the interval is in fractions."""
    test = _find_true(percents)
    text = f"{name} of {test:.1f} %"
    if interval is None:
        return f"{text}, {percents['estimate']:.1f} estimated"
    low, high = (100 * end for end in interval)
    inside = "inside" if low <= test <= high else "outside"
    return f"{text}, {inside} the estimated {low:.1f} to {high:.1f} % ({percents['estimate']:.1f})"


def _find_true(scores: dict[str, float]) -> float:
    """Finds the true score of Test: by the reference, else what the competition gave; NaN for none."""
    test = scores.get("test", np.nan)
    return scores.get("competition", np.nan) if np.isnan(test) else test


def describe_history(history: pd.DataFrame, held_out: str = "held-out recordings") -> str:
    """Describes how loss and held-out score changed during a training.

    Args:
        history: one row an epoch, as `fit.fit` returns it.
        held_out: names what was held out; says so where it is leaky.
    """
    loss = history["loss"]
    caption = f"The loss went from {loss.iloc[0]:.2f} to {loss.iloc[-1]:.2f} in {len(history)} epochs"
    if len(history) == 1:
        caption = f"The loss was {loss.iloc[0]:.2f} in 1 epoch"
    columns = [column for column in history if column.endswith("miou") and "val_" in column]
    if not columns:
        return f"{caption}; no frames were held out of this training."
    scores = 100 * history[columns[0]].dropna()
    if len(scores) < 2:
        last = f"after epoch {scores.index[-1]}: {scores.iloc[-1]:.1f} %"
        return f"{caption}; mean IoU on {held_out} {last}."
    first, before, last = scores.iloc[[0, -2, -1]]
    caption += f"; mean IoU on {held_out} went from {first:.1f} to {last:.1f} %"
    return f"{caption}, {last - before:+.1f} points since epoch {scores.index[-2]}."


def describe_missed(estimated: pd.DataFrame, true: pd.Series) -> str:
    """Describes how much estimates of classes missed, and how many intervals hold; "" without truth.

    Args:
        estimated: of `class_estimate.make_estimate_table`.
        true: by class, the true IoU in percent.
    """
    missed = (estimated["IoU %"] - true).abs().dropna()
    if missed.empty:
        return ""
    inside = true.between(estimated["low %"], estimated["high %"]).sum()
    text = f" The estimates, the dots, missed a class by {missed.mean():.1f} points on average;"
    return f"{text} {inside} of {len(missed)} classes are in their intervals, the lines."


def describe_classes(table: pd.DataFrame) -> str:
    """Names the best and the worst class, and those that the frames do not show.

    Args:
        table: of `metrics.make_classes_table`.
    """
    scored = table.dropna()
    if scored.empty:
        return ""
    iou = scored["IoU %"]
    best = iou.idxmax()
    worst = iou.idxmin()
    caption = f"Best: {best}, IoU {iou[best]:.1f} %; worst: {worst}, {iou[worst]:.1f} %, "
    caption += f"with {scored['pixels %'][worst]:.1f} % of the pixels."
    absent = table.index.difference(scored.index, sort=False)
    if len(absent):
        names = ", ".join(absent[:MOST_ABSENT])
        if len(absent) > MOST_ABSENT:
            names += f" and {len(absent) - MOST_ABSENT} more"
        caption += f" Not on these frames and not in the mean: {names}."
    return caption


def describe_confusion(confusion: np.ndarray, names: tuple[str, ...], what: str) -> str:
    """Describes how much is right, the most common error, and the error that costs one class most.

    Args:
        confusion: counts, true class by predicted class.
        names: of the classes.
        what: is counted, as "pixels".
    """
    confusion = np.asarray(confusion, float)
    if not confusion.any():
        return ""
    caption = f"{100 * np.trace(confusion) / confusion.sum():.0f} % of the {what} are right."
    wrong = confusion - np.diag(np.diag(confusion))
    if not wrong.any():
        return caption
    share = wrong / np.maximum(confusion.sum(1, keepdims=True), 1)  # of the true class
    common = np.unravel_index(wrong.argmax(), wrong.shape)
    largest = np.unravel_index(share.argmax(), share.shape)
    of_all = f"{100 * wrong[common] / confusion.sum():.1f} % of all {what}"
    of_class = f"{100 * share[largest]:.0f} % of {names[largest[0]]}"
    caption += f" Most common error: {names[common[0]]} taken for {names[common[1]]} ({of_all}"
    if common == largest:
        return f"{caption}, {of_class})."
    return f"{caption}); largest share of one class: {of_class} taken for {names[largest[1]]}."


def describe_reliability(confidence: np.ndarray, right: np.ndarray) -> str:
    """Describes whether a network is too confident of its labels, and which gap may be chance.

    Args:
        confidence: probability of each frame's label, 0 to 1.
        right: whether it is right.
    """
    confident = 100 * np.mean(confidence)
    true = 100 * np.mean(right)
    chance = metrics.NINETY * np.sqrt(true * (100 - true) / len(right))  # of ten samples, nine stay below
    gap = _count(abs(round(confident) - round(true)), "point")  # of the percents as they are shown
    caption = f"On average the network is {confident:.0f} % confident, "
    caption += f"and {true:.0f} % of {_count(len(right), 'label')} are right."
    if abs(confident - true) <= chance:
        return f"{caption} The gap of {gap} may be chance, which makes up to {chance:.0f}."
    kind = "too confident" if confident > true else "not confident enough"
    return f"{caption} It is {kind} by {gap}."


def _count(number: float, what: str) -> str:
    """Writes a rounded number with what it counts, one or several of it."""
    count = f"{number:.0f}"
    return f"{count} {what}{'' if count == '1' else 's'}"


def describe_looks(looks: pd.DataFrame) -> str:
    """Describes how the photos of Test differ from those of Train.

    Args:
        looks: as `charts.plot_looks` takes them.
    """
    train = looks[looks["folder"] == "Train"]
    test = looks[looks["folder"] == "Test"]
    if train.empty or test.empty:
        return ""
    changes = []
    outside = []
    for column, more, less in (
        ("brightness", "brighter", "darker"),
        ("saturation", "more colourful", "paler"),
        ("warmth", "warmer", "colder"),
    ):
        change = test[column].mean() - train[column].mean()
        changes.append(f"{_count(abs(change), 'point')} {more if change > 0 else less}")
        low, high = train[column].quantile([0.05, 0.95])
        share = 100 * (~test[column].between(low, high)).mean()
        outside.append(f"{column} {share:.0f} %")
    return (
        f"On average Test's photos are {', '.join(changes)} than Train's. Share of them outside the middle "
        f"90 % of Train's: {', '.join(outside)} (10 % if both were alike)."
    )


def describe_places(values: pd.Series, recordings: pd.Series) -> str:
    """Names the best and the worst recording, or the most common name.

    Args:
        values: of each frame: a score in percent, NaN where unknown, or a name.
        recordings: of each frame.
    """
    if not pd.api.types.is_numeric_dtype(values):
        counts = values.value_counts()
        return f"Most common: {counts.index[0]}, {counts.iloc[0]} of {len(values)} frames."
    if values.isna().all():
        return ""
    means = values.groupby(recordings.to_numpy()).mean().dropna().sort_values()
    if len(means) < 2:
        low, high = values.quantile([0.25, 0.75])
        return f"Half of the frames lie between {low:.0f} and {high:.0f} %."
    best = f"{means.index[-1]}, {means.iloc[-1]:.0f} % on average"
    return f"Best of {len(means)} recordings: {best}; worst: {means.index[0]}, {means.iloc[0]:.0f} %."


def describe_sides(sides: pd.Series, blocks: pd.Series) -> str:
    """Describes how many frames are held out, at once or fold by fold.

    Args:
        sides: of each frame, as `maps.plot_sides` takes them.
        blocks: name of each frame's block.
    """
    held_out = sides[~sides.isin(["train", "left out"])]
    counts = held_out.value_counts()
    caption = f"{len(held_out)} of {len(sides)} frames are held out"
    caption += f", from {blocks[held_out.index].nunique()} of {blocks.nunique()} blocks"
    if len(counts) > 1:
        caption += f"; {counts.min()} to {counts.max()} frames a fold"
    return f"{caption}."


def describe_audit(audit: pd.DataFrame) -> str:
    """Describes how alike the most alike pair of a held-out frame and a training frame is.

    Args:
        audit: of `audit.audit_split`.
    """
    if audit.empty:
        return ""
    return (
        f"Highest likeness of a held-out frame to a training frame: {audit['likeness'].max():.2f}. "
        f"From {SAME_VIEW:.2f} on, two frames count as one view."
    )


def describe_masks(masks: list[np.ndarray], classes: ClassList) -> str:
    """Names the three largest classes of some masks, with their shares of the pixels that count.

    Args:
        masks: uint8 class indices, (H, W) each.
        classes: of the mask.
    """
    counts = sum(count_values(mask) for mask in masks)[: len(classes)]
    share = 100 * counts / max(counts.sum(), 1)
    largest = [f"{classes.names[k]} {share[k]:.0f} %" for k in np.argsort(-share)[:3] if share[k]]
    if not largest:
        return ""
    return f"Largest classes on these frames: {', '.join(largest)}."


def describe_predictions(
    truths: list[np.ndarray] | None, predicted: list[np.ndarray], classes: ClassList
) -> str:
    """Describes how many pixels of some frames are right; without truth, the largest predicted classes.

    Args:
        truths: uint8 class indices, (H, W) each, or None.
        predicted: the same.
        classes: of the mask.
    """
    right = []
    if truths is not None:
        for truth, mask in zip(truths, predicted, strict=True):
            counted = truth != IGNORE
            if counted.any():
                right.append(100 * (truth == mask)[counted].mean())
    if not right:
        return describe_masks(predicted, classes)
    if len(right) == 1:
        return f"On this frame {right[0]:.0f} % of the pixels are right."
    return (
        f"On these {len(right)} frames {min(right):.0f} to {max(right):.0f} % of the pixels are right, "
        f"{np.mean(right):.0f} % on average."
    )


def describe_network(backbone: int, total: int) -> str:
    """Describes which share of a network's weights is in its backbone.

    Args:
        backbone: weights of the backbone.
        total: of the whole network.
    """
    return f"{100 * backbone / total:.0f} % of the {total / 1e6:.1f} million weights are in the backbone."
