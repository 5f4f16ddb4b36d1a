"""Plots of frames: arrays in, Figure out; one palette, one legend. Masks are network indices."""

import textwrap

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch

from src.data.classes import IGNORE, NO_LABEL, Classes, ClassList, count_values
from src.figures.style import EDGE, MOST_NAMES, STYLE, add_legend, shorten

PANEL_WIDTH = 3.4  # inches
NARROWEST_PANEL = 2.4  # inches; of photos that are all in portrait format
TALLEST_PANEL = 3.6  # inches
WIDEST_TITLE = 42  # characters that fit over a panel of PANEL_WIDTH
WRONG = (213, 94, 0)  # RGB, vermillion, which colour-blind people tell from grey


def _choose_width(photos: list[np.ndarray]) -> float:
    """Chooses the width of every panel, in inches: narrower where all are in portrait format."""
    widest = max(photo.shape[1] / photo.shape[0] for photo in photos)
    return float(np.clip(TALLEST_PANEL * widest, NARROWEST_PANEL, PANEL_WIDTH))


def _fit_title(title: str, width: float) -> str:
    """Breaks a title so that it fits over a panel; a word that is too long loses its middle.

    Args:
        title: of one or more lines.
        width: of the panel, in inches.
    """
    widest = round(WIDEST_TITLE * width / PANEL_WIDTH)
    lines = []
    for line in title.split("\n"):
        # No line ends between a number, its "%" and the word behind it.
        joined = line.replace(" % ", "\u00a0%\u00a0")
        lines += textwrap.wrap(joined, widest, break_long_words=False, break_on_hyphens=False)
    return "\n".join(shorten(line.replace("\u00a0", " "), widest) for line in lines)


def _make_grid(lines: list[list[np.ndarray]], columns: int, titles: list[str]) -> tuple[Figure, np.ndarray]:
    """Makes a grid of empty panels, each line as high as its highest photo.

    Args:
        lines: the photos of each line.
        columns: panels a line.
        titles: all titles as they are shown; the one of most lines sets the room above the panels.
    """
    width = _choose_width([photo for line in lines for photo in line])
    heights = []
    for line in lines:
        highest = max(photo.shape[0] / photo.shape[1] for photo in line)
        heights.append(min(TALLEST_PANEL, width * highest))
    title = 0.12 + 0.17 * max(text.count("\n") + 1 for text in titles)  # inches
    figure, axes = plt.subplots(
        len(lines),
        columns,
        figsize=(width * columns, sum(heights) + title * len(lines) + 0.1),
        height_ratios=heights,
        squeeze=False,
        layout="constrained",
    )
    figure.get_layout_engine().set(h_pad=0.08)
    plt.close(figure)  # the caller shows it; pyplot would show it a second time
    for ax in axes.flat:
        ax.set_axis_off()
    return figure, axes


def show_picture(ax: plt.Axes, picture: np.ndarray, title: str) -> None:
    """Shows a picture in a thin frame, without which a white mask would not show on white.

    Args:
        ax: where to show it.
        picture: as `imshow` takes it.
        title: as it stands above.
    """
    ax.imshow(picture)
    ax.set_title(title)
    ax.set_axis_on()
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=True, color=EDGE, linewidth=0.5)


def list_mask_legend(classes: ClassList, shown: list[np.ndarray]) -> tuple[list[Patch], list[str]]:
    """Lists the classes that occur in the masks shown, of many the MOST_NAMES largest.

    Returns:
        Patches and names, as `add_legend` takes them.
    """
    counts = sum(count_values(mask) for mask in shown)
    largest = np.argsort(-counts[: len(classes)], kind="stable")[:MOST_NAMES]
    present = [index for index in range(len(classes)) if counts[index]]
    listed = [index for index in present if index in largest]
    names = [shorten(classes.names[index]) for index in listed]
    colors = [classes.colors[index] for index in listed]
    if len(listed) < len(present):
        names.append(f"{len(present) - len(listed)} more classes")
        colors.append("none")
    if counts[IGNORE]:
        names.append("not counted")
        colors.append("white")
    return [Patch(facecolor=color, edgecolor=EDGE) for color in colors], names


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
        kind: title of each mask.
    """
    width = _choose_width(images)
    titles = [_fit_title(title, width) for title in titles]
    pairs = min(2, len(images))
    lines = [images[i : i + pairs] for i in range(0, len(images), pairs)]
    figure, axes = _make_grid(lines, 2 * pairs, titles)
    for pair, image, mask, title in zip(axes.reshape(-1, 2), images, masks, titles, strict=False):
        show_picture(pair[0], image, title)
        show_picture(pair[1], classes.mask.paint(mask), kind)
    add_legend(figure, *list_mask_legend(classes.mask, masks))
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
        disagreement: adds the photo in grey with the wrong pixels in orange-red, where the truth is known.
    """
    width = _choose_width(images)
    titles = [_fit_title(title, width) for title in titles]
    columns = 2
    if truths is not None:
        columns = 4 if disagreement else 3
    figure, axes = _make_grid([[image] for image in images], columns, titles)
    for row, line in enumerate(axes):
        pictures = [(images[row], titles[row])]
        if truths is not None:
            pictures.append((classes.mask.paint(truths[row]), "truth"))
        pictures.append((classes.mask.paint(predicted[row]), "prediction"))
        if columns == 4:
            pictures.append(_draw_errors(images[row], truths[row], predicted[row]))
        for ax, (picture, title) in zip(line, pictures, strict=True):
            show_picture(ax, picture, title)
    shown = predicted if truths is None else predicted + truths
    add_legend(figure, *list_mask_legend(classes.mask, shown))
    return figure


def _draw_errors(image: np.ndarray, truth: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, str]:
    """Draws which pixels are wrong; the title says how many of those that count."""
    counted = truth != IGNORE
    wrong = (predicted != truth) & counted
    title = "the truth is not known"
    if counted.any():
        title = f"{100 * wrong.sum() / counted.sum():.0f} % of the pixels are wrong"
    return paint_errors(image, wrong), title


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
    photos = [photo for pair in pairs for photo in pair]
    width = _choose_width(photos)
    above = [_fit_title(title, width) for pair in titles for title in pair]
    columns = 2 * min(2, len(pairs))
    lines = [photos[i : i + columns] for i in range(0, len(photos), columns)]
    figure, axes = _make_grid(lines, columns, above)
    for ax, photo, title in zip(axes.flat, photos, above, strict=False):
        show_picture(ax, photo, title)
    return figure


def describe_label(label: int, confidence: float, truth: int, classes: ClassList) -> str:
    """Describes the label of a frame for its title.

    Args:
        label: predicted label, an index.
        confidence: its probability, 0 to 1; NaN where it is not known.
        truth: true label; NO_LABEL where it is not known.
        classes: of the labels.
    """
    text = f"predicted: {shorten(classes.names[label])}"
    if not np.isnan(confidence):
        text += f", {100 * confidence:.0f} % confident"
    if truth != NO_LABEL:
        text += f"\ntrue: {shorten(classes.names[truth])}"
        if truth != label:
            text += " (label wrong)"
    return text


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
    size = (1.7 * 3 * len(cities) + 1.1, (1.59 * height / width + 0.05) * len(lines) + 0.3)
    ratios = [0.12 if column % 4 == 3 else 1 for column in range(columns)]
    grid = {"figsize": size, "width_ratios": ratios, "squeeze": False, "layout": "constrained"}
    figure, axes = plt.subplots(len(lines), columns, **grid)
    plt.close(figure)
    for ax in axes.flat:
        ax.set_axis_off()
    for row, line in zip(axes, lines, strict=True):
        for first, frame in zip(range(0, columns, 4), line, strict=True):
            shown = _show_depth_frame(row[first : first + 3], frame, classes.mask)
    for first, title in zip(range(0, columns, 4), cities, strict=True):
        for ax, name in zip(axes[0, first:], (f"{title}: photo", "mask", "depth"), strict=False):
            ax.set_title(name)
    figure.colorbar(shown, ax=axes, shrink=0.8, aspect=30, pad=0.01, label="depth, m\n(white: no reading)")
    masks = [frame[1] for line in lines for frame in line]
    add_legend(figure, *list_mask_legend(classes.mask, masks))
    return figure


def _show_depth_frame(axes: np.ndarray, frame: tuple, classes: ClassList) -> AxesImage:
    """Shows photo, mask and depth of a frame, and returns the picture of the depth for its scale."""
    photo, mask, depth = frame
    axes[0].imshow(photo)
    axes[1].imshow(classes.paint(mask))
    read = np.where(depth > 0, depth, np.nan)
    return axes[2].imshow(read, cmap="viridis_r", vmin=0, vmax=10)
