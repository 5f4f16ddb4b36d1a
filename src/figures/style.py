"""How all figures look, and how they are saved."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from IPython.display import Image
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from PIL.Image import open as open_image

from src.common import files

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
WIDEST_NAME = 24  # characters of a name beside a plot or below it
MOST_NAMES = 24  # classes in a legend
LINE = 100  # characters of text; where a notebook breaks a longer one it cuts words in two
LARGE = 300_000  # bytes


@mpl.rc_context(STYLE)
def save_figure(figure: Figure, path: Path, words: str = "", note: str = "") -> Image:
    """Saves a figure as PNG, with a note below where there is one, and gives the picture for the notebook.

    The file's text `Description` holds the words; where it lies in a run's figures, `Source` names the run,
    its data and the git commit.
    """
    if note:
        figure.text(1, 0, note, ha="right", va="top", fontsize=8, color=GREY)
    made = {
        "bbox_inches": "tight",
        "facecolor": "white",
        "metadata": {"Source": files.describe_origin(path.parent.parent), "Description": words},
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


def read_caption(path: Path) -> str:
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


def shorten(name: str, widest: int = WIDEST_NAME) -> str:
    """Leaves out the middle of a name of more characters than `widest`, and puts it on one line."""
    name = name.replace("\n", " ")
    if len(name) <= widest:
        return name
    return f"{name[: widest // 2]}…{name[-(widest // 2) :]}"


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
