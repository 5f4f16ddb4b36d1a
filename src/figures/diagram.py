"""The network, drawn from its own layers."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from src.figures.maps import FOLD_COLORS
from src.figures.style import BLUE, GREY, ORANGE, STYLE

PART_COLORS = {"backbone": BLUE, "decoder": ORANGE, "output": FOLD_COLORS[0]}
_THIN = {"color": GREY, "linewidth": 1, "zorder": 0}
_NOTE = {"textcoords": "offset points", "va": "top", "fontsize": 8}
_GAP = 0.42  # between two bars, in the axes' unit
_LABEL_AT = -0.95  # height of the label's bar, in the same unit


@mpl.rc_context(STYLE)
def plot_network(stages: pd.DataFrame, title: str) -> Figure:
    """Draws the network: a bar for each grid, higher for a finer grid, wider for more channels.

    Args:
        stages: of `unet.list_stages`.
        title: shown above.
    """
    figure, ax = plt.subplots(figsize=(7.2, 3.4), layout="constrained")
    plt.close(figure)
    right = _draw_stages(ax, stages)
    ax.plot([-0.3, right], [0, 0], **_THIN)
    ax.annotate("photo", (-0.35, 0), ha="right", va="center", fontsize=9)
    ax.set(xlim=(-0.9, right + 0.12), ylim=(-1.35, 1.05))
    ax.set_axis_off()
    figure.legend(
        handles=[Patch(color=color, label=part) for part, color in PART_COLORS.items()],
        loc="outside lower center",
        ncols=len(PART_COLORS),
        title="1/8: a grid of an eighth of the photo's height and width; ch: channels\n"
        "The mask's logits are the sum of the logits of all grids of the decoder",
        title_fontsize=8,
    )
    ax.set_title(title)
    return figure


def _draw_stages(ax: plt.Axes, stages: pd.DataFrame) -> float:
    """Draws the bars of a network, its skips and its label, and returns where the last bar ends."""
    deepest = stages.loc[stages["part"] == "backbone", "stride"].max()
    tops = {}  # stride -> (middle, height) of the backbone's bar
    x = 0.0
    for row in stages.itertuples():
        width = 0.25 + np.log2(row.channels) / 12
        if row.part == "output" and row.stride in tops:
            _draw_label(ax, row, tops[row.stride][0], width)
            continue
        height = 1 / (1 + np.log2(row.stride))
        middle = x + width / 2
        _draw_bar(ax, row, (middle, 0.0), (width, height))
        beside = row.stride == deepest  # Below the deepest bar a line leads to the label.
        place = {"xytext": (5 if beside else 0, -4), "ha": "left" if beside else "center"}
        ax.annotate(row.text, (middle, -height), **place, **_NOTE)
        if row.part == "decoder" and row.stride in tops:  # a backbone may have no feature at stride 2
            other, top = tops[row.stride]
            above = 1.1 * top + 0.1
            ax.plot([other, other, middle, middle], [top, above, above, height], **_THIN)  # the skip
        tops.setdefault(row.stride, (middle, height))
        x += width + _GAP
        if beside:
            x += 0.2  # its text is at the right
    # The label depends on the mask, too.
    before_mask = x - width - 1.5 * _GAP
    ax.plot([tops[deepest][0], before_mask, before_mask], [_LABEL_AT, _LABEL_AT, 0], **_THIN)
    return x - _GAP


def _draw_label(ax: plt.Axes, row: tuple, middle: float, width: float) -> None:
    """Draws the label, which is pooled from the deepest grid, below that grid."""
    height = 0.1
    ax.plot([middle, middle], [0, _LABEL_AT], **_THIN)
    _draw_bar(ax, row, (middle, _LABEL_AT), (width, height))
    ax.annotate(row.text, (middle, _LABEL_AT - height), (0, -4), ha="center", **_NOTE)


def _draw_bar(ax: plt.Axes, row: tuple, middle: tuple[float, float], size: tuple[float, float]) -> None:
    """Draws a bar of a network around its middle, of its width and half of its height."""
    width, height = size
    corner = (middle[0] - width / 2, middle[1] - height)
    ax.add_patch(plt.Rectangle(corner, width, 2 * height, color=PART_COLORS[row.part]))
