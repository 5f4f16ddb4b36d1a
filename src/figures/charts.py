"""Plots of numbers: tables and arrays in, Figure out."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from src.data.classes import ClassList
from src.evaluation import metrics
from src.figures.maps import FOLD_COLORS
from src.figures.style import BLUE, GREY, ORANGE, STYLE, shorten

MOST_CELLS = 30  # classes of a confusion matrix with numbers


@mpl.rc_context(STYLE)
def plot_history(history: pd.DataFrame, held_out: str = "held-out recordings") -> Figure:
    """Draws the training curves: loss, and each metric in percent, training beside what was held out.

    Args:
        history: one row an epoch, as `training.fit` returns it.
        held_out: names what was held out; says so where it is leaky.
    """
    scores = [name for name in history if name.endswith(("miou", "accuracy")) and not name.startswith("val_")]
    figure, axes = plt.subplots(
        1, 1 + len(scores), figsize=(3.6 * (1 + len(scores)), 2.8), layout="constrained"
    )
    plt.close(figure)
    axes = np.atleast_1d(axes)
    draw_curves(axes[0], history, "loss", held_out)
    for ax, name in zip(axes[1:], scores, strict=True):
        draw_curves(ax, history, name, held_out)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names))
    return figure


def draw_curves(ax: plt.Axes, history: pd.DataFrame, name: str, held_out: str = "") -> None:
    """Draws a column of the history, training beside what was held out; but for the loss in percent."""
    factor = 1 if name == "loss" else 100
    titles = {"loss": "loss", "miou": "mean IoU, %", "accuracy": "label accuracy, %"}
    dots = "o-" if len(history) < 10 else "-"
    ax.plot(history.index, factor * history[name], dots, color=BLUE, markersize=3, label="training crops")
    if f"val_{name}" in history:
        val = history[f"val_{name}"].dropna()
        ax.plot(val.index, factor * val, "o-", color=ORANGE, markersize=4, label=held_out)
    ax.set_title(titles[name.removeprefix("mask_").removeprefix("label_")])
    ax.set_xlabel("epoch")
    ax.set_xlim(0.5, history.index.max() + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


_MEASURES = {"miou": "mean IoU, %", "accuracy": "label accuracy, %", "f1": "label F1, %"}
_SOURCES = {
    "random": (GREY, "X"),
    "held_out": (BLUE, "s"),
    "estimate": (ORANGE, "o"),
    "test": ("black", "D"),
}


@mpl.rc_context(STYLE)
def plot_estimate(result: dict) -> Figure:
    """Draws what was estimated for Test beside what came, in percent, a line a source.

    Args:
        result: of a run: `scores`, fractions by split: "random", "held_out", "estimate" (with `miou_low`,
            `miou_high`), "test"; and what `metrics.name_splits` asks for.
    """
    scores, names = result["scores"], metrics.name_splits(result)
    shown = [split for split in _SOURCES if split in scores]
    height = 0.36 * max(len(shown), 1) + 1.0
    figure, axes = plt.subplots(1, 3, figsize=(9.2, height), sharey=True, layout="constrained")
    figure.get_layout_engine().set(wspace=0.06)  # else one's 100 touches the next one's 0
    plt.close(figure)
    for ax, (key, title) in zip(axes, _MEASURES.items(), strict=True):
        for place, split in enumerate(shown):
            _draw_score(ax, place, split, scores[split], key)
        ax.set(title=title, xlim=(0, 100), ylim=(len(shown) - 0.4, -0.7))
        ax.grid(axis="x", color="#e5e5e5")
    axes[0].set_yticks(range(len(shown)), [names[split] for split in shown])
    if "miou_low" in scores.get("estimate", {}):
        axes[0].set_xlabel("bar: 9 of 10 times the truth should lie in it", fontsize=8)
    return figure


def _draw_score(ax: plt.Axes, place: int, split: str, scores: dict[str, float | None], key: str) -> None:
    """Draws one score of a source at its line, with its interval where there is one."""
    color, marker = _SOURCES[split]
    value = metrics.or_nan(scores.get(key))
    if np.isnan(value):
        if split == "estimate":  # labels' accuracy
            ax.text(4, place, "not estimated", va="center", fontsize=8, color=GREY)
        return
    if key == "miou" and "miou_low" in scores:
        interval = [100 * scores["miou_low"], 100 * scores["miou_high"]]
        # with round ends the bar is drawn wider than it is
        ax.plot(interval, [place] * 2, color=color, linewidth=5, solid_capstyle="butt", alpha=0.35)
    ax.plot(100 * value, place, marker, color=color, markersize=7, clip_on=False)
    at = {"textcoords": "offset points", "ha": "center", "fontsize": 8}
    ax.annotate(f"{100 * value:.1f}", (100 * value, place), (0, 7), **at)


@mpl.rc_context(STYLE)
def plot_class_iou(table: pd.DataFrame, classes: ClassList, title: str) -> Figure:
    """Draws each class's IoU in percent, best first, with its share of the pixels; the title says the mean.

    A class that the truth does not hold has no bar, and the title says how many there are.

    Args:
        table: of `metrics.table_of_classes`.
        classes: of the mask.
        title: says which frames these are.
    """
    absent, of = table["IoU %"].isna().sum(), ""
    if absent:
        of = f" over {len(table) - absent} of {len(table)} classes"
    table = table.dropna().sort_values("IoU %")
    mean = f"mean IoU {table['IoU %'].mean():.1f} %{of}" if len(table) else "no class has pixels"
    figure, ax = plt.subplots(figsize=(6.4, 0.32 * len(table) + 1.1), layout="constrained")
    plt.close(figure)
    colors = [classes.colors[classes.names.index(name)] for name in table.index]
    ax.barh(range(len(table)), table["IoU %"], color=colors, edgecolor="#555555", linewidth=0.6)
    ax.set_yticks(range(len(table)), [shorten(name) for name in table.index])
    for place, (iou, share) in enumerate(zip(table["IoU %"], table["pixels %"], strict=True)):
        ax.text(iou + 1, place, f"{iou:.1f}   ({share:.1f} % of pixels)", va="center", fontsize=8)
    ax.set(xlim=(0, 128), ylim=(-0.6, len(table) - 0.4), xticks=range(0, 101, 20), xlabel="IoU, %")
    ax.set_title(f"{title}: {mean}")
    ax.spines.bottom.set_bounds(0, 100)
    return figure


@mpl.rc_context(STYLE)
def plot_confusion(confusion: np.ndarray, names: tuple[str, ...], title: str) -> Figure:
    """Draws a confusion matrix, each row in percent of the true class; the counts stand below.

    Of more than MOST_CELLS classes only the colours are drawn.

    Args:
        confusion: counts, true class by predicted class.
        names: of the classes.
        title: says which frames these are.
    """
    confusion = np.asarray(confusion)
    share = 100 * confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    many = len(names) > MOST_CELLS
    side = (0.2 if many else 0.62) * len(names) + 1.6
    figure, ax = plt.subplots(figsize=(side + 0.9, side), layout="constrained")
    plt.close(figure)
    ax.imshow(share, cmap="Blues", vmin=0, vmax=100)
    if not many:
        _write_cells(ax, confusion, share)
    ticks, short = range(len(names)), [shorten(name) for name in names]
    ax.set_xticks(ticks, short, rotation=90 if many else 35, ha="center" if many else "right")
    ax.set_yticks(ticks, short)
    ax.set(xlabel="predicted", ylabel="true", title=f"{title}, % of the true class")
    ax.spines[:].set_visible(False)
    return figure


def _write_cells(ax: plt.Axes, confusion: np.ndarray, share: np.ndarray) -> None:
    """Writes into each cell of a confusion matrix its percent and, unless they are millions, its count."""
    few = confusion.max() < 100_000
    for (row, column), value in np.ndenumerate(share):
        text = f"{value:.0f}" + (f"\n({confusion[row, column]})" if few else "")
        text = text if confusion[row].any() else "-"  # the truth holds none of this class
        color = "white" if value > 55 else "black"
        ax.text(column, row, text, ha="center", va="center", color=color, fontsize=8)


@mpl.rc_context(STYLE)
def plot_reliability(confidence: np.ndarray, right: np.ndarray, title: str, bins: int = 5) -> Figure:
    """Draws how often a label is right against the network's confidence; below the line it is too high.

    Args:
        confidence: probability of each frame's label, 0 to 1.
        right: whether it is right.
        title: says which frames these are.
        bins: of equally many frames.
    """
    confidence, right = np.asarray(confidence, float), np.asarray(right, float)
    parts = [part for part in np.array_split(np.argsort(confidence), bins) if len(part)]
    confident, true = ([100 * values[part].mean() for part in parts] for values in (confidence, right))
    figure, ax = plt.subplots(figsize=(4.2, 3.8), layout="constrained")
    plt.close(figure)
    ax.plot([0, 100], [0, 100], color=GREY, linewidth=1, linestyle=":")
    ax.plot(confident, true, "o-", color=BLUE)
    ax.set(xlim=(0, 102), ylim=(0, 102), aspect="equal", ylabel="how often right, %")
    ax.set_xlabel(f"confidence, % (a dot: about {len(parts[0])} frames)")
    means = f"{100 * confidence.mean():.0f} % confident on average, {100 * right.mean():.0f} % right"
    ax.set_title(f"{title}: {means}")
    return figure


@mpl.rc_context(STYLE)
def plot_looks(looks: pd.DataFrame) -> Figure:
    """Draws how the photos of Train and of Test look: a dot a photo, by brightness and colour.

    Args:
        looks: a row a photo: "folder", "brightness" and "saturation" in percent, "warmth" (red minus blue).
    """
    names = {"brightness": "brightness", "saturation": "saturation", "warmth": "warmth (red minus blue)"}
    pairs = (("brightness", "saturation"), ("brightness", "warmth"))
    figure, axes = plt.subplots(1, 2, figsize=(7.6, 3.2), layout="constrained")
    plt.close(figure)
    for ax, (x, y) in zip(axes, pairs, strict=True):
        for color, (folder, part) in zip((BLUE, ORANGE), looks.groupby("folder", sort=False), strict=False):
            label = f"{folder}, {len(part)} photo{'s' * (len(part) != 1)}"
            ax.scatter(part[x], part[y], s=9, alpha=0.6, color=color, label=label, linewidths=0)
        ax.set(xlabel=f"{names[x]}, %", ylabel=f"{names[y]}, %")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, markerscale=2, handletextpad=0.2)
    return figure


_PARTS = {"backbone": BLUE, "decoder": ORANGE, "output": FOLD_COLORS[0]}
_THIN = {"color": GREY, "linewidth": 1, "zorder": 0}
_LABEL_AT = -0.95  # height of the label's box


@mpl.rc_context(STYLE)
def plot_network(stages: pd.DataFrame, title: str) -> Figure:
    """Draws the network from itself: a box for each grid, higher for a finer one, wider for more channels.

    Args:
        stages: of `unet.list_stages`.
        title: stands above.
    """
    figure, ax = plt.subplots(figsize=(6.8, 3.2), layout="constrained")
    plt.close(figure)
    right = _draw_stages(ax, stages)
    ax.plot([-0.3, right], [0, 0], **_THIN)
    ax.annotate("photo", (-0.35, 0), ha="right", va="center", fontsize=9)
    ax.set(xlim=(-0.9, right + 0.12), ylim=(-1.35, 1.05))
    ax.set_axis_off()
    figure.legend(
        handles=[Patch(color=color, label=part) for part, color in _PARTS.items()],
        loc="outside lower center",
        ncols=len(_PARTS),
        title="1/8: a grid of an eighth of the photo's height and width; ch: channels",
        title_fontsize=8,
    )
    ax.set_title(title)
    return figure


def _draw_stages(ax: plt.Axes, stages: pd.DataFrame) -> float:
    """Draws the boxes of the stages and the lines between them; gives the right end of the last box."""
    deepest = stages.loc[stages["part"] == "backbone", "stride"].max()
    places: dict[int, tuple[float, float]] = {}  # of the first box of each stride: its middle and its top
    right = -0.42
    for row in stages.itertuples():
        width = 0.25 + np.log2(row.channels) / 12
        height = 1 / (1 + np.log2(row.stride))
        if row.part == "output" and row.stride in places:
            label = places[row.stride][0]
            ax.plot([label, label], [0, _LABEL_AT], **_THIN)
            _draw_box(ax, row, label, _LABEL_AT, (width, 0.1))
            continue
        left = right + 0.42
        right = left + width
        middle = left + width / 2
        _draw_box(ax, row, middle, 0.0, (width, height), aside=row.stride == deepest)
        if row.part == "decoder":  # a skip
            other, top = places[row.stride]
            above = 1.1 * top + 0.1
            ax.plot([other, other, middle, middle], [top, above, above, height], **_THIN)
        places.setdefault(row.stride, (middle, height))
    # The label sees the mask, too.
    before_mask = left - 0.21
    ax.plot([places[deepest][0], before_mask, before_mask], [_LABEL_AT, _LABEL_AT, 0], **_THIN)
    return right


def _draw_box(
    ax: plt.Axes,
    row: tuple,
    middle: float,
    low: float,
    size: tuple[float, float],
    aside: bool = False,
) -> None:
    """Draws one box with its text below it, or beside the line that goes down from it."""
    width, height = size
    corner = (middle - width / 2, low - height)
    ax.add_patch(plt.Rectangle(corner, width, 2 * height, color=_PARTS[row.part]))
    shift = 5 if aside else 0
    side = "left" if aside else "center"
    under = {"textcoords": "offset points", "va": "top", "fontsize": 8}
    ax.annotate(row.text, (middle, low - height), xytext=(shift, -4), ha=side, **under)
