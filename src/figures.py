"""Plots of frames: arrays in, Figure out; one palette, one legend. Masks are network indices."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from IPython.display import Image
from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL.Image import open as open_image

from src import files
from src.classes import IGNORE, NO_LABEL, Classes, ClassList, count_values

# the first has no Chinese, Japanese or Korean; of the others those that the system has
FONTS = (
    "DejaVu Sans",
    "Noto Sans CJK SC",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "Yu Gothic",
)
STYLE = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "figure.dpi": 100,
    "font.family": [font for font in FONTS if font in font_manager.get_font_names()],
    "font.size": 10,
    "image.interpolation": "none",
    "legend.frameon": False,
    "savefig.dpi": 130,
    "text.parse_math": False,  # names of files and classes are shown as they are, not read as TeX
    "text.usetex": False,
}
BLUE, ORANGE, GREY = "#0072b2", "#e69f00", "#999999"
PANEL_WIDTH = 3.4  # inches
WIDEST_TITLE = 42  # characters that fit over a panel
WIDEST_NAME = 24  # characters of a name beside a plot or below it
MOST_NAMES = 24  # classes in a legend
LINE = 100  # characters of text; where a notebook breaks a longer one it cuts words in two
LARGE = 300_000  # bytes
WRONG = (213, 94, 0)  # RGB, vermillion, which colour-blind people tell from grey


@mpl.rc_context(STYLE)
def keep(figure: Figure, path: Path, words: str = "", note: str = "") -> Image:
    """Saves a figure as PNG, with a note below where there is one, and gives the picture for the notebook.

    The file's text `Description` holds the words; where it lies in a run's figures, `Source` names the run,
    its data and the git commit.
    """
    if note:
        figure.text(1, 0, note, ha="right", va="top", fontsize=8, color=GREY)
    made = {
        "bbox_inches": "tight",
        "facecolor": "white",
        "metadata": {"Source": files.name_origin(path.parent.parent), "Description": words},
    }
    with ignoring_missing_letters():
        files.write_atomically(path, lambda beside: figure.savefig(beside, **made))
    content, kind = pack_picture(path)
    return Image(content, format=kind)


@contextmanager
def ignoring_missing_letters() -> Iterator[None]:
    """Lets a figure be drawn without a warning for each letter that no font of this machine has.

    Such a letter is drawn as a box.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from|Matplotlib currently does not support")
        yield


def read_words(path: Path) -> str:
    """Reads what `keep` was told of a figure; "" where it was told nothing."""
    with open_image(path) as picture:
        return picture.info.get("Description", "")


def pack_picture(path: Path) -> tuple[bytes, str]:
    """Gives the bytes of a PNG and "png", or of a JPEG and "jpeg" where the PNG is large, as of photos."""
    content = path.read_bytes()
    if len(content) <= LARGE:
        return content, "png"
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes(), "jpeg"


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


def shorten(name: str, widest: int = WIDEST_NAME) -> str:
    """Leaves out the middle of a name of more characters than `widest`, and puts it on one line."""
    name = name.replace("\n", " ")
    if len(name) <= widest:
        return name
    return f"{name[: widest // 2]}…{name[-(widest // 2) :]}"


def _set_title(ax: plt.Axes, title: str) -> None:
    """Writes a title above a panel; of a line that is too wide the middle is left out."""
    ax.set_title("\n".join(shorten(line, WIDEST_TITLE) for line in title.split("\n")))


def add_legend(figure: Figure, handles: list[Artist], names: list[str], **how: object) -> None:
    """Puts a legend of users' names below a figure, in as many columns as fit.

    Args:
        figure: with a layout that makes room.
        handles: one a name.
        names: shortened where they are long; matplotlib by itself leaves out those that begin with "_".
        **how: as `Figure.legend` takes it.
    """
    names = [shorten(name) for name in names]
    column = max(1.5, 0.45 + 0.08 * max(map(len, names), default=0))  # inches
    columns = max(1, min(len(names), int(figure.get_figwidth() // column)))
    numbers = [str(number) for number in range(len(names))]
    legend = figure.legend(handles, numbers, loc="outside lower center", ncols=columns, **how)
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_text(name)


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
    sure = "" if np.isnan(confidence) else f", {100 * confidence:.0f} % sure"
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
