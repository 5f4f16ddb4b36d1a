"""Every plot: arrays in, Figure out; one palette, one legend. Masks are network indices."""

import time
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from IPython.display import display
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from src import files
from src.classes import IGNORE, NO_LABEL, Classes, ClassList

STYLE = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "figure.dpi": 100,
    "font.size": 10,
    "image.interpolation": "none",
    "legend.frameon": False,
    "savefig.dpi": 130,
}
BLUE, ORANGE, GREY = "#0072b2", "#e69f00", "#999999"
FOLD_COLORS = ("#009e73", "#cc79a7", "#56b4e9", "#d55e00")
PANEL_WIDTH = 3.4  # inches


@mpl.rc_context(STYLE)
def keep(figure: Figure, path: Path, note: str = "") -> Figure:
    """Saves a figure as PNG, with a note below where there is one, and gives it back for the notebook.

    Where it lies in a run's figures, the file's text `Source` names the run, its data and the git commit.
    """
    if note:
        figure.text(1, 0, note, ha="right", va="top", fontsize=8, color=GREY)
    made = {
        "bbox_inches": "tight",
        "facecolor": "white",
        "metadata": {"Source": files.name_origin(path.parent.parent)},
    }
    files.write_atomically(path, lambda beside: figure.savefig(beside, **made))
    return figure


def _make_grid(rows: int, columns: int, aspect: float) -> tuple[Figure, np.ndarray]:
    """Makes a grid of picture panels without axes; `aspect` is a panel's height over its width."""
    size = (PANEL_WIDTH * columns, (PANEL_WIDTH * aspect + 0.32) * rows + 0.5)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    plt.close(figure)  # the caller shows it; pyplot would show it a second time
    for ax in axes.flat:
        ax.set_axis_off()
    return figure, axes


def _add_legend(figure: Figure, classes: ClassList, shown: list[np.ndarray]) -> None:
    """Puts one legend below the figure: the classes that occur in the masks shown."""
    present = set(np.unique(np.concatenate([np.unique(mask) for mask in shown])).tolist())
    patches = [
        Patch(facecolor=color, edgecolor="#555555", label=name)
        for index, (name, color) in enumerate(zip(classes.names, classes.colors, strict=True))
        if index in present
    ]
    if IGNORE in present:
        patches.append(Patch(facecolor="white", edgecolor="#555555", label="not counted"))
    columns = min(len(patches), max(3, int(figure.get_figwidth() // 1.5)))
    figure.legend(handles=patches, loc="outside lower center", ncols=columns, handlelength=1.2)


@mpl.rc_context(STYLE)
def plot_samples(
    images: list[np.ndarray], masks: list[np.ndarray], titles: list[str], classes: Classes
) -> Figure:
    """Shows photos beside their masks, two pairs a line.

    Args:
        images: uint8 RGB, (H, W, 3) each.
        masks: uint8 class indices, (H, W) each.
        titles: one a photo.
        classes: of both tasks.
    """
    pairs = min(2, len(images))
    rows = -(-len(images) // pairs)
    figure, axes = _make_grid(rows, 2 * pairs, images[0].shape[0] / images[0].shape[1])
    for pair, image, mask, title in zip(axes.reshape(-1, 2), images, masks, titles, strict=False):
        pair[0].imshow(image)
        pair[0].set_title(title)
        pair[1].imshow(classes.mask.paint(mask))
        pair[1].set_title("its mask")
    _add_legend(figure, classes.mask, masks)
    return figure


@mpl.rc_context(STYLE)
def plot_predictions(
    images: list[np.ndarray],
    truths: list[np.ndarray] | None,
    predicted: list[np.ndarray],
    titles: list[str],
    classes: Classes,
) -> Figure:
    """Shows photo, true mask where it is known, and predicted mask, one frame a line.

    Args:
        images: uint8 RGB, (H, W, 3) each.
        truths: uint8 class indices of the photos' size, or None.
        predicted: the same for the network's masks.
        titles: one a frame, over its photo.
        classes: of both tasks.
    """
    columns = ["photo", "truth", "prediction"] if truths is not None else ["photo", "prediction"]
    figure, axes = _make_grid(len(images), len(columns), images[0].shape[0] / images[0].shape[1])
    for row, (image, mask, title) in enumerate(zip(images, predicted, titles, strict=True)):
        line = axes[row]
        line[0].imshow(image)
        line[0].set_title(title)
        line[-1].imshow(classes.mask.paint(mask))
        line[-1].set_title("prediction")
        if truths is not None:
            line[1].imshow(classes.mask.paint(truths[row]))
            line[1].set_title("truth")
    _add_legend(figure, classes.mask, predicted + (truths or []))
    return figure


@mpl.rc_context(STYLE)
def plot_pairs(pairs: list[tuple[np.ndarray, np.ndarray]], titles: list[tuple[str, str]]) -> Figure:
    """Shows pairs of photos, two pairs a line.

    Args:
        pairs: uint8 RGB, (H, W, 3) each.
        titles: of both photos of each pair.
    """
    columns = 2 * min(2, len(pairs))
    aspect = max(photo.shape[0] / photo.shape[1] for pair in pairs for photo in pair)
    figure, axes = _make_grid(-(-2 * len(pairs) // columns), columns, aspect)
    photos = [photo for pair in pairs for photo in pair]
    words = [title for pair in titles for title in pair]
    for ax, photo, title in zip(axes.flat, photos, words, strict=False):
        ax.imshow(photo)
        ax.set_title(title)
    return figure


@mpl.rc_context(STYLE)
def plot_sides(sides: pd.Series, blocks: pd.Series, places: np.ndarray) -> Figure:
    """Shows which frames are on which side: a map where positions are known, else a strip.

    Args:
        sides: of each frame: "train", "val", "left out", or the name of the fold that holds it out.
        blocks: name of each frame's block; the strip draws them one after another, in this order.
        places: metres to the east and to the north, (frames, 2), NaN where unknown.
    """
    colors = {"train": BLUE, "val": ORANGE, "left out": "#dddddd"}
    folds = sorted(set(sides) - set(colors))
    colors |= {fold: FOLD_COLORS[i % len(FOLD_COLORS)] for i, fold in enumerate(folds)}
    known = np.isfinite(places).all(1)
    figure, ax = plt.subplots(figsize=(7, 4.5 if known.any() else 1.1), layout="constrained")
    plt.close(figure)
    for side, color in colors.items():
        rows = np.flatnonzero((sides == side) & (known if known.any() else True))
        name = f"{side}: {len(rows)} frames of {blocks.iloc[rows].nunique()} blocks"
        if known.any() and len(rows):
            ax.scatter(*places[rows].T, s=8, color=color, label=name)
        elif len(rows):
            ax.broken_barh([(row, 1) for row in rows], (0, 1), color=color, label=name)
    if known.any():
        ax.set(aspect="equal", adjustable="datalim", xlabel="m to the east", ylabel="m to the north")
    else:
        starts = np.flatnonzero(blocks.ne(blocks.shift()))[1:]
        ax.vlines(starts, 0, 1, color="white", linewidth=0.8)
        ax.set(xlim=(0, len(sides)), yticks=[], xlabel="frame, block after block")
        ax.spines.left.set_visible(False)
    figure.legend(loc="outside lower center", ncols=3, handlelength=1.2)
    return figure


def describe_label(label: int, confidence: float, truth: int, classes: ClassList) -> str:
    """Says what a network names a frame, how sure it is (NaN: unknown), and the truth where it is known."""
    sure = "" if np.isnan(confidence) else f", {100 * confidence:.0f} % sure"
    true = "" if truth == NO_LABEL else f" (true: {classes.names[truth]})"
    return f"predicted: {classes.names[label]}{sure}{true}"


@mpl.rc_context(STYLE)
def plot_world(cities: dict[str, list[tuple]], classes: Classes) -> Figure:
    """Shows frames with depth, a city beside the other: photo, mask and depth of each.

    Args:
        cities: by title, as many frames each: photo uint8 RGB (H, W, 3), mask of class indices (H, W), depth
            in metres (H, W), 0 where there is no reading.
        classes: of both tasks.
    """
    lines = list(zip(*cities.values(), strict=True))
    height, width = lines[0][0][1].shape
    columns = 4 * len(cities) - 1  # a narrow gap between two cities
    size = (1.7 * 3 * len(cities) + 1.1, (1.59 * height / width + 0.05) * len(lines) + 0.8)
    ratios = [0.12 if column % 4 == 3 else 1 for column in range(columns)]
    figure, axes = plt.subplots(len(lines), columns, figsize=size, layout="constrained", width_ratios=ratios)
    plt.close(figure)
    for ax in axes.flat:
        ax.set_axis_off()
    for row, line in zip(axes, lines, strict=True):
        for first, (photo, mask, depth) in zip(range(0, columns, 4), line, strict=True):
            row[first].imshow(photo)
            row[first + 1].imshow(classes.mask.paint(mask))
            read = np.where(depth > 0, depth, np.nan)
            shown = row[first + 2].imshow(read, cmap="viridis_r", vmin=0, vmax=10)
    for first, title in zip(range(0, columns, 4), cities, strict=True):
        for ax, name in zip(axes[0, first:], (f"{title}: photo", "mask", "depth"), strict=False):
            ax.set_title(name)
    figure.colorbar(shown, ax=axes, shrink=0.35, aspect=30, pad=0.01, label="depth, m (white: no reading)")
    _add_legend(figure, classes.mask, [frame[1] for line in lines for frame in line])
    return figure


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
    _draw_curves(axes[0], history, "loss", 1, held_out)
    for ax, name in zip(axes[1:], scores, strict=True):
        _draw_curves(ax, history, name, 100, held_out)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names))
    return figure


def _draw_curves(ax: plt.Axes, history: pd.DataFrame, name: str, factor: float, held_out: str = "") -> None:
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


@mpl.rc_context(STYLE)
def plot_live(
    history: pd.DataFrame, image: np.ndarray, truth: np.ndarray, predicted: np.ndarray, classes: Classes
) -> Figure:
    """Shows a training under way: the loss, and one frame as photo, truth and prediction.

    Args:
        history: so far.
        image: uint8 RGB, (H, W, 3).
        truth: uint8 class indices, (H, W).
        predicted: the same.
        classes: of both tasks.
    """
    figure, axes = plt.subplots(1, 4, figsize=(13.5, 2.6), layout="constrained", width_ratios=(1.2, 1, 1, 1))
    plt.close(figure)
    _draw_curves(axes[0], history, "loss", 1)
    pictures = (image, classes.mask.paint(truth), classes.mask.paint(predicted))
    for ax, picture, title in zip(axes[1:], pictures, ("photo", "truth", "prediction"), strict=True):
        ax.imshow(picture)
        ax.set_title(title)
        ax.set_axis_off()
    return figure


class LiveView:
    """Shows a training under way in the notebook, each picture replacing the last; called after each epoch.

    Args:
        image: uint8 RGB, (H, W, 3), a frame to watch.
        truth: uint8 class indices, (H, W).
        classes: of both tasks.
        predict: called with (model, image), gives the network's mask, (H, W).
        pause: seconds between two pictures at least.
    """

    def __init__(
        self, image: np.ndarray, truth: np.ndarray, classes: Classes, predict: Callable, pause: float = 15.0
    ):
        self.image, self.truth, self.classes, self.predict, self.pause = image, truth, classes, predict, pause
        self.handle, self.last = None, float("-inf")

    def __call__(self, history: pd.DataFrame, model: object) -> None:
        """Draws the picture anew, if the last one is old enough."""
        if time.monotonic() - self.last < self.pause:
            return
        figure = plot_live(history, self.image, self.truth, self.predict(model, self.image), self.classes)
        if self.handle is None:
            self.handle = display(figure, display_id=True)
        elif self.handle:
            self.handle.update(figure)
        self.last = time.monotonic()


@mpl.rc_context(STYLE)
def plot_promises(scores: dict[str, dict[str, float]], leaky: bool = False) -> Figure:
    """Draws what was promised for Test beside what came, in percent, a line a source.

    Args:
        scores: fractions by split: "random", "grouped", "estimate" (with `miou_low`, `miou_high`), "test".
        leaky: whether the held-out frames have neighbours in training.
    """
    held_out = "held-out frames of the same street (leaky)" if leaky else "held-out recordings"
    kinds = {
        "random": ("random frames (leaky)", GREY, "X"),
        "grouped": (held_out, BLUE, "s"),
        "estimate": ("estimate for Test", ORANGE, "o"),
        "test": ("Test, true", "black", "D"),
    }
    shown = [(*kind, scores[split]) for split, kind in kinds.items() if split in scores]
    figure, axes = plt.subplots(
        1, 3, figsize=(9.2, 0.36 * max(len(shown), 1) + 1.0), sharey=True, layout="constrained"
    )
    plt.close(figure)
    for ax, (key, title) in zip(axes, _MEASURES.items(), strict=True):
        for place, (_, color, marker, part) in enumerate(shown):
            value = part.get(key)
            if value is None or np.isnan(value):
                continue
            if key == "miou" and "miou_low" in part:
                ax.plot(
                    [100 * part["miou_low"], 100 * part["miou_high"]],
                    [place] * 2,
                    color=color,
                    linewidth=5,
                    solid_capstyle="butt",  # else it is drawn wider than it is
                    alpha=0.35,
                )
            ax.plot(100 * value, place, marker, color=color, markersize=7, clip_on=False)
            ax.annotate(
                f"{100 * value:.1f}",
                (100 * value, place),
                (0, 6),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
        ax.set(title=title, xlim=(0, 100), ylim=(len(shown) - 0.4, -0.7))
        ax.grid(axis="x", color="#e5e5e5")
    axes[0].set_yticks(range(len(shown)), [name for name, *_ in shown])
    return figure


_MEASURES = {"miou": "mean IoU, %", "accuracy": "label accuracy, %", "f1": "label F1, %"}


@mpl.rc_context(STYLE)
def plot_class_iou(table: pd.DataFrame, classes: ClassList, title: str) -> Figure:
    """Draws each class's IoU in percent, best first, with its share of the pixels; a line marks the mean.

    Args:
        table: of `metrics.table_of_classes`.
        classes: of the mask.
        title: says which frames these are.
    """
    table = table.dropna().sort_values("IoU %")
    figure, ax = plt.subplots(figsize=(6.4, 0.32 * len(table) + 1.1), layout="constrained")
    plt.close(figure)
    colors = [classes.colors[classes.names.index(name)] for name in table.index]
    ax.barh(table.index, table["IoU %"], color=colors, edgecolor="#555555", linewidth=0.6)
    over_line = {"facecolor": "white", "linewidth": 0, "pad": 1}
    for place, (iou, share) in enumerate(zip(table["IoU %"], table["pixels %"], strict=True)):
        words = f"{iou:.1f}   ({share:.1f} % of pixels)"
        ax.text(iou + 1, place, words, va="center", fontsize=8, bbox=over_line)
    mean = table["IoU %"].mean()
    ax.axvline(mean, color=GREY, linewidth=1, linestyle=":", zorder=0)
    ax.text(mean, len(table) - 0.45, "mean", color=GREY, fontsize=8, ha="center", bbox=over_line)
    ax.set(xlim=(0, 128), xticks=range(0, 101, 20), xlabel="IoU, %")
    ax.set_title(f"{title}: mean IoU {mean:.1f} %", pad=14)
    ax.spines.bottom.set_bounds(0, 100)
    return figure


@mpl.rc_context(STYLE)
def plot_confusion(confusion: np.ndarray, names: tuple[str, ...], title: str) -> Figure:
    """Draws a confusion matrix, each row in percent of the true class; the counts stand below.

    Args:
        confusion: counts, true class by predicted class.
        names: of the classes.
        title: says which frames these are.
    """
    confusion = np.asarray(confusion)
    share = 100 * confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    side = 0.62 * len(names) + 1.6
    figure, ax = plt.subplots(figsize=(side + 0.9, side), layout="constrained")
    plt.close(figure)
    ax.imshow(share, cmap="Blues", vmin=0, vmax=100)
    few = confusion.max() < 100_000
    for (row, column), value in np.ndenumerate(share):
        text = f"{value:.0f}" + (f"\n({confusion[row, column]})" if few else "")
        text = text if confusion[row].any() else "-"  # the truth holds none of this class
        color = "white" if value > 55 else "black"
        ax.text(column, row, text, ha="center", va="center", color=color, fontsize=8)
    ticks = range(len(names))
    ax.set_xticks(ticks, names, rotation=35, ha="right")
    ax.set_yticks(ticks, names)
    ax.set(xlabel="predicted", ylabel="true", title=f"{title}, % of the true class")
    ax.spines[:].set_visible(False)
    return figure
