"""Plots of frames: arrays in, Figure out; one palette, one legend. Masks are network indices."""

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from src.data.classes import IGNORE, NO_LABEL, Classes, ClassList, count_values
from src.figures.style import MOST_NAMES, STYLE, add_legend, shorten

PANEL_WIDTH = 3.4  # inches
WIDEST_TITLE = 42  # characters that fit over a panel
WRONG = (213, 94, 0)  # RGB, vermillion, which colour-blind people tell from grey


def _make_grid(lines: list[list[np.ndarray]], columns: int, titles: list[str]) -> tuple[Figure, np.ndarray]:
    """Makes a grid of panels without axes, each line as tall as its tallest photo asks, at most square."""
    title = 0.12 + 0.17 * max(text.count("\n") + 1 for text in titles)  # inches
    heights = [PANEL_WIDTH * min(1, max(len(photo) / photo.shape[1] for photo in line)) for line in lines]
    figure, axes = plt.subplots(
        len(lines),
        columns,
        figsize=(PANEL_WIDTH * columns, sum(heights) + title * len(lines) + 0.5),
        height_ratios=heights,
        squeeze=False,
        layout="constrained",
    )
    figure.get_layout_engine().set(h_pad=0.08)
    plt.close(figure)  # the caller shows it; pyplot would show it a second time
    for ax in axes.flat:
        ax.set_axis_off()
    return figure, axes


def _set_title(ax: plt.Axes, title: str) -> None:
    """Writes a title above a panel; of a line that is too wide the middle is left out."""
    ax.set_title("\n".join(shorten(line, WIDEST_TITLE) for line in title.split("\n")))


def _add_mask_legend(figure: Figure, classes: ClassList, shown: list[np.ndarray]) -> None:
    """Puts one legend below the figure: the classes that occur in the masks shown, the largest of many."""
    counts = sum(count_values(mask) for mask in shown)
    largest = np.argsort(-counts[: len(classes)], kind="stable")[:MOST_NAMES]
    present = [index for index in range(len(classes)) if counts[index]]
    listed = [index for index in present if index in largest]
    names = [classes.names[index] for index in listed]
    colors = [classes.colors[index] for index in listed]
    if len(listed) < len(present):
        names.append(f"{len(present) - len(listed)} more classes")
        colors.append("none")
    if counts[IGNORE]:
        names.append("not counted")
        colors.append("white")
    patches = [Patch(facecolor=color, edgecolor="#555555") for color in colors]
    add_legend(figure, patches, names, handlelength=1.2)


@mpl.rc_context(STYLE)
def plot_samples(
    images: list[np.ndarray],
    masks: list[np.ndarray],
    titles: list[str],
    classes: Classes,
    kind: str = "its mask",
) -> Figure:
    """Shows photos beside their masks, two pairs a line.

    Args:
        images: uint8 RGB, (H, W, 3) each.
        masks: uint8 class indices, (H, W) each.
        titles: one a photo.
        classes: of both tasks.
        kind: stands over each mask.
    """
    pairs = min(2, len(images))
    lines = [images[i : i + pairs] for i in range(0, len(images), pairs)]
    figure, axes = _make_grid(lines, 2 * pairs, titles)
    for pair, image, mask, title in zip(axes.reshape(-1, 2), images, masks, titles, strict=False):
        pair[0].imshow(image)
        _set_title(pair[0], title)
        pair[1].imshow(classes.mask.paint(mask))
        pair[1].set_title(kind)
    _add_mask_legend(figure, classes.mask, masks)
    return figure


@mpl.rc_context(STYLE)
def plot_predictions(
    images: list[np.ndarray],
    truths: list[np.ndarray] | None,
    predicted: list[np.ndarray],
    titles: list[str],
    classes: Classes,
    disagreement: bool = False,
) -> Figure:
    """Shows photo, true mask where it is known, and predicted mask, one frame a line.

    Args:
        images: uint8 RGB, (H, W, 3) each.
        truths: uint8 class indices of the photos' size, or None.
        predicted: the same for the network's masks.
        titles: one a frame, over its photo.
        classes: of both tasks.
        disagreement: adds the photo in grey with the wrong pixels in vermillion, where the truth is known.
    """
    columns = ["photo", "truth", "prediction"] if truths is not None else ["photo", "prediction"]
    columns += ["disagreement"] if disagreement and truths is not None else []
    figure, axes = _make_grid([[image] for image in images], len(columns), titles)
    for row, (image, mask, title) in enumerate(zip(images, predicted, titles, strict=True)):
        line = axes[row]
        line[0].imshow(image)
        _set_title(line[0], title)
        pictures = {"prediction": classes.mask.paint(mask)}
        if truths is not None:
            wrong = (mask != truths[row]) & (truths[row] != IGNORE)
            pictures["truth"] = classes.mask.paint(truths[row])
            pictures["disagreement"] = paint_errors(image, wrong)
            counted = max((truths[row] != IGNORE).sum(), 1)
            shares = f"{100 * wrong.sum() / counted:.0f} % of the pixels are wrong"
        for ax, column in zip(line[1:], columns[1:], strict=True):
            ax.imshow(pictures[column])
            ax.set_title(shares if column == "disagreement" else column)
    _add_mask_legend(figure, classes.mask, predicted + (truths or []))
    return figure


def paint_errors(image: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Paints the wrong pixels vermillion on the photo in light grey: uint8 RGB (H, W, 3), bool (H, W)."""
    grey = 127 + image.mean(-1, keepdims=True).repeat(3, -1) / 2
    return np.where(wrong[..., None], WRONG, grey).astype(np.uint8)


@mpl.rc_context(STYLE)
def plot_pairs(pairs: list[tuple[np.ndarray, np.ndarray]], titles: list[tuple[str, str]]) -> Figure:
    """Shows pairs of photos, two pairs a line.

    Args:
        pairs: uint8 RGB, (H, W, 3) each.
        titles: of both photos of each pair.
    """
    columns, photos = 2 * min(2, len(pairs)), [photo for pair in pairs for photo in pair]
    lines = [photos[i : i + columns] for i in range(0, len(photos), columns)]
    words = [title for pair in titles for title in pair]
    figure, axes = _make_grid(lines, columns, words)
    for ax, photo, title in zip(axes.flat, photos, words, strict=False):
        ax.imshow(photo)
        _set_title(ax, title)
    return figure


def describe_label(label: int, confidence: float, truth: int, classes: ClassList) -> str:
    """Says what a network names a frame, how sure it is (NaN: unknown), and the truth where it is known."""
    sure = "" if np.isnan(confidence) else f", {100 * confidence:.0f} % confident"
    true = "" if truth == NO_LABEL else f"\ntrue: {shorten(classes.names[truth])}"
    return f"predicted: {shorten(classes.names[label])}{sure}{true}"


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
    _add_mask_legend(figure, classes.mask, [frame[1] for line in lines for frame in line])
    return figure
