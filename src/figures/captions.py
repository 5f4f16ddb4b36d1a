"""What a figure shows, in a sentence with its numbers: arrays in, text out; "" where nothing is."""

import numpy as np
import pandas as pd

from src.data.classes import IGNORE, ClassList, count_values
from src.data.likeness import SAME_VIEW
from src.evaluation import metrics


def describe_estimate(result: dict) -> str:
    """Says what Test will give, or gave, beside what the held-out recordings predicted.

    Args:
        result: of a run: `scores`, fractions by split: "random", "held_out", "estimate", "test", any of them;
            and what `metrics.name_splits` asks for.
    """
    scores, names = result["scores"], metrics.name_splits(result)
    if "estimate" not in scores:
        return 'Nothing was estimated: ESTIMATE is "off".'
    miou, f1 = (
        {split: 100 * metrics.or_nan(part.get(key)) for split, part in scores.items()}
        for key in ("miou", "f1")
    )
    low, high = (100 * scores["estimate"][key] for key in ("miou_low", "miou_high"))
    tested = "test" in scores
    if tested and not np.isnan(miou["test"]):
        inside = "inside" if low <= miou["test"] <= high else "outside"
        words = (
            f"Test gave a mean IoU of {miou['test']:.1f} %, {inside} the estimate's {low:.1f} to {high:.1f}"
        )
        words += f" % ({miou['estimate']:.1f})"
    else:
        words = f"Test will give a mean IoU of about {miou['estimate']:.1f} % ({low:.1f} to {high:.1f})"
    labels = f" and a label F1 of about {f1['estimate']:.1f} %"
    if tested:
        labels = f", and it gave a label F1 of {f1.get('test'):.1f} %, {f1['estimate']:.1f} estimated"
    words += "" if np.isnan(f1["estimate"]) or np.isnan(f1.get("test", 0)) else labels
    words += f". On {names['held_out']} mean IoU was {miou['held_out']:.1f} %"
    return words + (f", on {names['random']} {miou['random']:.1f} %." if "random" in scores else ".")


def describe_history(history: pd.DataFrame, held_out: str = "held-out recordings") -> str:
    """Says where a training came to, and whether what was held out still rose with it.

    Args:
        history: one row an epoch, as `training.fit` returns it.
        held_out: names what was held out; says so where it is leaky.
    """
    loss = history["loss"]
    words = f"The loss went from {loss.iloc[0]:.2f} to {loss.iloc[-1]:.2f} in {_count(len(history), 'epoch')}"
    if len(history) == 1:
        words = f"The loss was {loss.iloc[0]:.2f} in 1 epoch"
    name = next((column for column in history if column.endswith("miou") and "val_" in column), None)
    if name is None:
        return f"{words}; no frames were held out of this training."
    val = 100 * history[name].dropna()
    if len(val) < 2:
        return f"{words}; mean IoU on {held_out} after epoch {val.index[-1]}: {val.iloc[-1]:.1f} %."
    first, before, last = val.iloc[[0, -2, -1]]
    words += f"; mean IoU on {held_out} went from {first:.1f} to {last:.1f} %"
    return f"{words}, {last - before:+.1f} points since epoch {val.index[-2]}."


def describe_classes(table: pd.DataFrame) -> str:
    """Names the best and the worst class, and those that do not occur.

    Args:
        table: of `metrics.table_of_classes`.
    """
    known = table.dropna()
    if known.empty:
        return ""
    best, worst = known["IoU %"].idxmax(), known["IoU %"].idxmin()
    words = f"Best: {best}, IoU {known['IoU %'][best]:.1f} %; worst: {worst}, {known['IoU %'][worst]:.1f} %, "
    words += f"with {known['pixels %'][worst]:.1f} % of the pixels."
    absent = ", ".join(table.index.difference(known.index, sort=False))
    return words + (f" Not on these frames, and so not in the mean: {absent}." if absent else "")


def describe_confusion(confusion: np.ndarray, names: tuple[str, ...], what: str) -> str:
    """Says how much is right, which error is the commonest, and which class loses the largest part of it.

    Args:
        confusion: counts, true class by predicted class.
        names: of the classes.
        what: is counted, as "pixels".
    """
    confusion = np.asarray(confusion, float)
    if not confusion.any():
        return ""
    words = f"{100 * np.trace(confusion) / confusion.sum():.0f} % of the {what} are right"
    wrong = confusion - np.diag(np.diag(confusion))
    if not wrong.any():
        return f"{words}."
    lost = wrong / np.maximum(confusion.sum(1, keepdims=True), 1)
    commonest, largest = (np.unravel_index(part.argmax(), part.shape) for part in (wrong, lost))
    of_all = 100 * wrong[commonest] / confusion.sum()
    true, predicted = (names[k] for k in commonest)
    words += f"; the commonest error is {true} taken for {predicted}, {of_all:.1f} % of all {what}"
    if commonest == largest:
        return f"{words} and {100 * lost[largest]:.0f} % of {true}."
    true, predicted = (names[k] for k in largest)
    return f"{words}; for its size {true} loses most, {100 * lost[largest]:.0f} % of it to {predicted}."


def describe_reliability(confidence: np.ndarray, right: np.ndarray) -> str:
    """Says whether a network is too confident of its labels, and what chance alone makes of so few frames.

    Args:
        confidence: probability of each frame's label, 0 to 1.
        right: whether it is right.
    """
    confident, true = 100 * np.mean(confidence), 100 * np.mean(right)
    chance = 1.645 * np.sqrt(true * (100 - true) / len(right))  # 9 times of 10
    kind = "too confident" if confident > true else "not confident enough"
    words = f"The network is {confident:.0f} % confident on average, and right on {true:.0f} % of "
    words += f"{len(right)} frames: "
    gap = _count(abs(round(confident) - round(true)), "point")  # of the percents as they are shown
    if abs(confident - true) <= chance:
        return f"{words}{gap} apart, and chance alone makes up to {chance:.0f}."
    return f"{words}{kind} by {gap}."


def _count(number: float, what: str) -> str:
    """Writes a rounded number with what it counts, one or several of it."""
    count = f"{number:.0f}"
    return f"{count} {what}{'' if count == '1' else 's'}"


def describe_looks(looks: pd.DataFrame) -> str:
    """Says how the photos of Test differ from those of Train.

    Args:
        looks: as `charts.plot_looks` takes them.
    """
    train, test = (looks[looks["folder"] == folder] for folder in ("Train", "Test"))
    if train.empty or test.empty:
        return ""
    parts, outside = [], {}
    for column, more, less in (
        ("brightness", "brighter", "darker"),
        ("saturation", "more colourful", "paler"),
        ("warmth", "warmer", "colder"),
    ):
        change = test[column].mean() - train[column].mean()
        parts.append(f"{_count(abs(change), 'point')} {more if change > 0 else less}")
        low, high = train[column].quantile([0.05, 0.95])
        outside[column] = 100 * (~test[column].between(low, high)).mean()
    beyond = ", ".join(f"{column} of {share:.0f} %" for column, share in outside.items())
    return (
        f"On average Test's photos are {', '.join(parts)} than Train's; outside of where nine tenths of "
        f"Train's lie: {beyond} (10 % if they were alike)."
    )


def describe_places(values: pd.Series, recordings: pd.Series) -> str:
    """Names the recordings of Test that lie highest and lowest, or the commonest name.

    Args:
        values: of each frame: a score in percent, NaN where unknown, or a name.
        recordings: of each frame.
    """
    if not pd.api.types.is_numeric_dtype(values):
        most = values.value_counts()
        return f"The commonest name is {most.index[0]}: {most.iloc[0]} of {len(values)} frames."
    if values.isna().all():
        return ""
    means = values.groupby(recordings.to_numpy()).mean().dropna().sort_values()
    if len(means) < 2:
        low, high = values.quantile([0.25, 0.75])
        return f"Half of the frames lie between {low:.0f} and {high:.0f} %."
    return (
        f"Of {len(means)} recordings {means.index[-1]} is seen best, {means.iloc[-1]:.0f} % on its average "
        f"frame, and {means.index[0]} worst, {means.iloc[0]:.0f} %."
    )


def describe_sides(sides: pd.Series, blocks: pd.Series) -> str:
    """Says how much is held out, at once or fold by fold.

    Args:
        sides: of each frame, as `charts.plot_sides` takes them.
        blocks: name of each frame's block.
    """
    held_out = sides[~sides.isin(["train", "left out"])]
    counts = held_out.value_counts()
    of = f"{blocks[held_out.index].nunique()} of {blocks.nunique()} blocks"
    words = f"{len(held_out)} of {len(sides)} frames are held out, {of}"
    return f"{words}, {counts.min()} to {counts.max()} frames at a time." if len(counts) > 1 else f"{words}."


def describe_audit(audit: pd.DataFrame) -> str:
    """Says how like the most alike pair of a held-out frame and a training frame is.

    Args:
        audit: of `split.audit_split`.
    """
    if audit.empty:
        return ""
    most = audit["likeness"].max()
    kind = "which counts as" if most >= SAME_VIEW else f"below the {SAME_VIEW:.2f} that count as"
    return f"The most alike pair has a likeness of {most:.2f}, {kind} the same view."


def describe_masks(masks: list[np.ndarray], classes: ClassList) -> str:
    """Names the three commonest classes of some masks, with their shares of the pixels that count.

    Args:
        masks: uint8 class indices, (H, W) each.
        classes: of the mask.
    """
    counts = sum(count_values(mask) for mask in masks)[: len(classes)]
    share = 100 * counts / max(counts.sum(), 1)
    most = [f"{classes.names[k]} {share[k]:.0f} %" for k in np.argsort(-share)[:3] if share[k]]
    return f"Most pixels of these frames: {', '.join(most)}." if most else ""


def describe_predictions(
    truths: list[np.ndarray] | None, predicted: list[np.ndarray], classes: ClassList
) -> str:
    """Says how many pixels of the frames shown are right; without truth, what was predicted most.

    Args:
        truths: uint8 class indices, (H, W) each, or None.
        predicted: the same.
        classes: of the mask.
    """
    pairs = [(truth != IGNORE, truth == mask) for truth, mask in zip(truths or [], predicted, strict=False)]
    right = [100 * hit[known].mean() for known, hit in pairs if known.any()]
    if not right:
        return describe_masks(predicted, classes)
    low, high = min(right), max(right)
    if len(right) == 1:
        return f"On this frame {low:.0f} % of the pixels are right."
    return (
        f"On these {len(right)} frames {low:.0f} to {high:.0f} % of the pixels are right, "
        f"{np.mean(right):.0f} % on average."
    )


def describe_network(backbone: int, total: int) -> str:
    """Says where a network's weights are.

    Args:
        backbone: weights of the backbone.
        total: of the whole network.
    """
    return f"{100 * backbone / total:.0f} % of the {total / 1e6:.1f} million weights are the backbone's."
