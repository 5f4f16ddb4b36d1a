"""How all figures look, and how they are saved."""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from cycler import cycler
from IPython.display import Image
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from PIL.Image import open as open_image

from src.common import files

# The first has no Chinese, Japanese or Korean letters, so the others that are installed stand in for those.
FONTS = (
    "DejaVu Sans",
    "Noto Sans CJK SC",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "Yu Gothic",
)
BLUE, ORANGE, GREY = "#0072b2", "#e69f00", "#999999"
EDGE = "#555555"  # of bars, of patches in a legend, of pictures
STYLE = {
    # Black on white in a dark notebook, too.
    "axes.edgecolor": "black",
    "axes.facecolor": "white",
    "axes.grid": False,
    "axes.labelcolor": "black",
    "axes.prop_cycle": cycler(color=[BLUE, ORANGE, "#009e73", "#cc79a7", "#56b4e9", "#d55e00"]),
    "axes.titlecolor": "auto",
    "figure.edgecolor": "white",
    "figure.facecolor": "white",
    "legend.labelcolor": "None",
    "savefig.facecolor": "white",
    "text.color": "black",
    "xtick.color": "black",
    "ytick.color": "black",
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
WIDEST_NAME = 24  # characters of a name beside a plot or below it
MOST_NAMES = 24  # classes in a legend
LINE = 100  # characters of a printed line; in a longer one a notebook would cut words in two
LARGE = 300_000  # bytes


@mpl.rc_context(STYLE)
def save_figure(figure: Figure, path: Path, caption: str = "", note: str = "") -> Image:
    """Saves a figure as PNG and returns the picture that a notebook shows.

    Args:
        figure: to save.
        path: of the PNG.
        caption: goes into the file's text `Description`; its text `Source` names the run in whose `figures/`
            the file lies, its data and the git commit.
        note: stands below the figure, at the right.
    """
    if note:
        below = -0.05 / figure.get_figheight()
        figure.text(1, below, note, ha="right", va="top", fontsize=8, color=GREY)
    texts = {"Source": files.describe_origin(path.parent.parent), "Description": caption}

    def write(beside: Path) -> None:
        figure.savefig(beside, bbox_inches="tight", facecolor="white", metadata=texts)

    with ignore_missing_letters():
        files.write_atomically(path, write)
    content, kind = pack_picture(path)
    return Image(content, format=kind)


@contextmanager
def ignore_missing_letters() -> Iterator[None]:
    """Lets a figure be drawn without a warning for each letter that no font of this machine has.

    Such a letter is drawn as a box.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from|Matplotlib currently does not support")
        yield


def read_caption(path: Path) -> str:
    """Reads the caption that `save_figure` wrote into a PNG; "" where there is none."""
    with open_image(path) as picture:
        return picture.info.get("Description", "")


def pack_picture(path: Path) -> tuple[bytes, str]:
    """Reads a PNG as bytes and "png"; one of more than LARGE bytes is packed as JPEG, and "jpeg" returned."""
    content = path.read_bytes()
    if len(content) <= LARGE:
        return content, "png"
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes(), "jpeg"


def shorten(name: str, widest: int = WIDEST_NAME) -> str:
    """Puts a name on one line, and leaves out the middle of one with more than `widest` characters."""
    name = name.replace("\n", " ")
    if len(name) <= widest:
        return name
    return f"{name[: widest // 2]}…{name[-(widest // 2) :]}"


def add_legend(figure: Figure, handles: list[Artist], names: list[str]) -> None:
    """Puts a legend below a figure, in as many columns as fit, and makes the figure higher by its lines.

    Args:
        figure: with a layout that makes room.
        handles: one a name.
        names: as they are shown; those that begin with "_", too, which matplotlib by itself leaves out.
    """
    column = 0.45 + 0.08 * max(len(name) for name in names)  # inches
    columns = int(figure.get_figwidth() // max(1.5, column))
    columns = max(1, min(len(names), columns))
    lines = math.ceil(len(names) / columns)
    figure.set_figheight(figure.get_figheight() + 0.2 + 0.21 * lines)
    numbers = [str(number) for number in range(len(names))]
    legend = figure.legend(handles, numbers, loc="outside lower center", ncols=columns, handlelength=1.2)
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_text(name)
