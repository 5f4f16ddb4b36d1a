"""Plots of numbers: tables and arrays in, Figure out."""

import textwrap

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from src.data.classes import ClassList
from src.evaluation import metrics
from src.figures.style import BLUE, EDGE, GREY, ORANGE, STYLE, shorten
from src.scores import RunResult, Scores

MOST_CELLS = 30  # classes of a confusion matrix with numbers
MOST_COUNTED = 100_000  # a confusion matrix with more in a cell shows percents only
LETTER = 0.08  # inches that a letter takes on average
WIDEST_SOURCE = 36  # characters of a line that names the source of a score


@mpl.rc_context(STYLE)
def plot_history(history: pd.DataFrame, held_out: str = "held-out recordings") -> Figure:
    """Draws the training curves: loss, and each metric in percent, of training and of what was held out.

    Args:
        history: one row an epoch, as `fit.fit` returns it.
        held_out: names what was held out; says so where it is leaky.
    """
    scores = [name for name in history if name.endswith(("miou", "accuracy")) and not name.startswith("val_")]
    columns = 1 + len(scores)
    figure, axes = plt.subplots(1, columns, figsize=(3.6 * columns, 2.8), layout="constrained", squeeze=False)
    plt.close(figure)
    for ax, name in zip(axes[0], ["loss", *scores], strict=True):
        draw_curves(ax, history, name, held_out)
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names))
    return figure


def draw_curves(ax: plt.Axes, history: pd.DataFrame, name: str, held_out: str) -> None:
    """Draws a column of the history, of training and of what was held out.

    Args:
        ax: where to draw.
        history: one row an epoch.
        name: of the column; all but "loss" are fractions, and drawn in percent.
        held_out: names what was held out.
    """
    factor = 1 if name == "loss" else 100
    titles = {"loss": "loss", "miou": "mean IoU, %", "accuracy": "label accuracy, %"}
    dots = "o-" if len(history) < 10 else "-"
    ax.plot(history.index, factor * history[name], dots, color=BLUE, markersize=3, label="training crops")
    if f"val_{name}" in history:
        val = history[f"val_{name}"].dropna()
        ax.plot(
            val.index, factor * val, "o-" if len(val) > 1 else "o", color=ORANGE, markersize=4, label=held_out
        )
    ax.set_title(titles[name.removeprefix("mask_").removeprefix("label_")])
    ax.set_xlabel("epoch")
    ax.set_xlim(0.5, history.index.max() + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))


_MEASURES = {"miou": "mean IoU, %", "accuracy": "label accuracy, %", "f1": "label F1, %"}
_SOURCES = {  # colour and marker
    "random": (GREY, "X"),
    "held_out": (BLUE, "s"),
    "estimate": (ORANGE, "o"),
    "test": ("black", "D"),
    "competition": ("black", "P"),
}


@mpl.rc_context(STYLE)
def plot_estimate(result: RunResult) -> Figure:
    """Draws the estimate for Test beside the scores that there are, in percent, a line a source."""
    scores = result.scores
    names = metrics.name_splits(result)
    shown = [split for split in _SOURCES if split in scores]
    height = 0.4 * max(len(shown), 1) + 1.1
    figure, axes = plt.subplots(1, 3, figsize=(9.2, height), sharey=True, layout="constrained")
    figure.get_layout_engine().set(wspace=0.06)  # else the 100 of one axis touches the 0 of the next
    plt.close(figure)
    for ax, (key, title) in zip(axes, _MEASURES.items(), strict=True):
        for place, split in enumerate(shown):
            _draw_score(ax, place, split, scores[split], key)
        ax.set(title=title, xlim=(0, 100), ylim=(len(shown) - 0.4, -0.7))
        ax.grid(axis="x", color="#e5e5e5")
    axes[0].set_yticks(range(len(shown)), [textwrap.fill(names[split], WIDEST_SOURCE) for split in shown])
    if "estimate" in scores:
        figure.supxlabel("The bar should hold the true score 9 times of 10.", fontsize=8)
    return figure


def _draw_score(ax: plt.Axes, place: int, split: str, scores: Scores, key: str) -> None:
    """Draws one score of a source on its line, with its interval where there is one."""
    color, marker = _SOURCES[split]
    value = 100 * metrics.replace_none(getattr(scores, key))
    if np.isnan(value):
        if split == "estimate":  # as the labels, where Train has none
            ax.text(4, place, "not estimated", va="center", fontsize=8, color=GREY)
        return
    interval = scores.get_interval(key)
    if interval is not None:
        interval = [100 * end for end in interval]
        # Round ends would make the bar wider than the interval.
        ax.plot(interval, [place] * 2, color=color, linewidth=5, solid_capstyle="butt", alpha=0.35)
    ax.plot(value, place, marker, color=color, markersize=7, clip_on=False)
    ax.annotate(f"{value:.1f}", (value, place), (0, 7), ha="center", **_NOTE)


_NOTE = {"textcoords": "offset points", "fontsize": 8}


@mpl.rc_context(STYLE)
def plot_class_iou(
    table: pd.DataFrame, classes: ClassList, title: str, estimated: pd.DataFrame | None = None
) -> Figure:
    """Draws each class's IoU in percent, best first, with its share of the pixels; the title says the mean.

    A class that the truth does not hold has no bar, and the title says how many there are.

    Args:
        table: of `metrics.make_classes_table`.
        classes: of the mask.
        title: says which frames these are.
        estimated: of `class_estimate.make_estimate_table`, drawn as dots, with their intervals as lines; None
            draws none.
    """
    held = table.dropna().sort_values("IoU %")
    mean = "no class has pixels"
    if len(held):
        mean = f"mean IoU {held['IoU %'].mean():.1f} %"
        if len(held) < len(table):
            mean += f" over {len(held)} of {len(table)} classes"
    line = 0.32 if len(held) <= MOST_CELLS else 0.2  # inches
    below = 0.9 if estimated is None else 1.3
    figure, ax = plt.subplots(figsize=(6.4, line * len(held) + below), layout="constrained")
    plt.close(figure)
    colors = [classes.colors[classes.names.index(name)] for name in held.index]
    ax.barh(range(len(held)), held["IoU %"], color=colors, edgecolor=EDGE, linewidth=0.6)
    ax.set_yticks(range(len(held)), [shorten(name) for name in held.index])
    if estimated is not None:
        _draw_estimated(ax, estimated.reindex(held.index))
    for place, (name, iou) in enumerate(held["IoU %"].items()):
        text = f"{iou:.1f}   ({held['pixels %'][name]:.1f} % of pixels)"
        ax.text(104, place, text, va="center", fontsize=8)
    ax.set(xlim=(0, 130), xticks=range(0, 101, 20), xlabel="IoU, %", ylim=(-0.6, max(len(held), 1) - 0.4))
    ax.set_title(f"{title}: {mean}")
    ax.spines.bottom.set_bounds(0, 100)
    return figure


def _draw_estimated(ax: plt.Axes, dots: pd.DataFrame) -> None:
    """Draws the estimate of each line of the chart as a dot, with its interval; the legend names both."""
    places = range(len(dots))
    ends = (dots["low %"], dots["high %"])
    ax.hlines(places, *ends, color="white", linewidth=3.0)  # a rim shows the line on a black bar, too
    line = ax.hlines(places, *ends, color="black", linewidth=1.2)
    look = {"color": "white", "markeredgecolor": "black", "markersize": 7, "linestyle": ""}
    (dot,) = ax.plot(dots["IoU %"], places, marker="o", **look)
    handles = [Patch(color=GREY), dot, line]
    names = ["measured", "estimated for Test", "its interval"]
    ax.figure.legend(handles, names, loc="outside lower center", ncols=3)


@mpl.rc_context(STYLE)
def plot_confusion(confusion: np.ndarray, names: tuple[str, ...], title: str) -> Figure:
    """Draws a confusion matrix, each row in percent of the true class; the counts stand below.

    Of more than MOST_CELLS classes only the colours are drawn, with their scale.

    Args:
        confusion: counts, true class by predicted class.
        names: of the classes.
        title: says which frames these are.
    """
    confusion = np.asarray(confusion)
    share = 100 * confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    many = len(names) > MOST_CELLS
    short = [shorten(name) for name in names]
    figure, ax = plt.subplots(figsize=_choose_size(short, title), layout="constrained")
    plt.close(figure)
    shown = ax.imshow(share, cmap="Blues", vmin=0, vmax=100)
    if many:
        figure.colorbar(shown, ax=ax, shrink=0.5, aspect=30, pad=0.01)
    else:
        _write_cells(ax, confusion, share)
    ticks = range(len(names))
    upright = {"rotation": 90, "ha": "center"}
    slanted = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(ticks, short, **(upright if many else slanted))
    ax.set_yticks(ticks, short)
    ax.set(xlabel="predicted", ylabel="true")
    has_counts = not many and confusion.max() < MOST_COUNTED
    shares = f"{_SHARES} (number)" if has_counts else _SHARES
    figure.suptitle(f"{title},\n{shares}", fontsize=mpl.rcParams["axes.titlesize"])
    ax.spines[:].set_visible(False)
    return figure


_SHARES = "each row in % of the true class"


def _choose_size(names: list[str], title: str) -> tuple[float, float]:
    """Chooses width and height of a confusion matrix in inches, so that cells, names and title fit."""
    cell = 0.62 if len(names) <= 8 else 0.46
    if len(names) > MOST_CELLS:
        cell = 0.2
    beside = LETTER * max(len(name) for name in names) + 0.5
    below = 0.45 * beside + 0.3  # slanted names
    scale = 0.0
    if len(names) > MOST_CELLS:
        below = beside
        scale = 0.9
    across = LETTER * max(len(title), len(_SHARES) + len(" (number)")) + 0.3
    return max(cell * len(names) + beside + scale, across), cell * len(names) + below + 0.5


def _write_cells(ax: plt.Axes, confusion: np.ndarray, share: np.ndarray) -> None:
    """Writes into each cell of a confusion matrix its percent and, unless they are millions, its count."""
    few = confusion.max() < MOST_COUNTED
    for (row, column), value in np.ndenumerate(share):
        text = f"{value:.0f}"
        if few:
            text += f"\n({confusion[row, column]})"
        if not confusion[row].any():
            text = "-"  # The truth holds none of this class.
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
    confidence = np.asarray(confidence, float)
    right = np.asarray(right, float)
    parts = [part for part in np.array_split(np.argsort(confidence), bins) if len(part)]
    confident = [100 * confidence[part].mean() for part in parts]
    true = [100 * right[part].mean() for part in parts]
    figure, ax = plt.subplots(figsize=(4.4, 4.0), layout="constrained")
    plt.close(figure)
    ax.plot([0, 100], [0, 100], color=GREY, linewidth=1, linestyle=":")
    ax.plot(confident, true, "o-", color=BLUE, clip_on=False)
    lowest = max(0, 10 * (min(confident + true) // 10 - 1))
    ends = (lowest, 102)
    ax.set(xlim=ends, ylim=ends, aspect="equal", ylabel="how often right, %")
    of = "1 frame" if len(parts[0]) == 1 else f"about {len(parts[0])} frames"
    ax.set_xlabel(f"confidence, % (a dot: {of})")
    means = f"{100 * confidence.mean():.0f} % confident on average, {100 * right.mean():.0f} % right"
    ax.set_title(f"{title}:\n{means}")
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
