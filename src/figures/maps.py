"""Frames on a map or in a row."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from src.figures.style import BLUE, GREY, ORANGE, STYLE, add_legend, shorten

FEW = 8  # recordings that a map numbers
FOLD_COLORS = ("#009e73", "#cc79a7", "#56b4e9", "#d55e00")
NAME_COLORS = (BLUE, ORANGE, *FOLD_COLORS, "#000000", "#999933", "#882255", "#ddcc77")
UNKNOWN = "#cccccc"  # of frames without a score, left out, or of one of many names
SMALLEST_MAP = 10.0  # metres
_BESIDE = {"textcoords": "offset points", "va": "center", "fontsize": 8}


@mpl.rc_context(STYLE)
def plot_sides(sides: pd.Series, blocks: pd.Series, places: np.ndarray) -> Figure:
    """Shows which frames are on which side: a map where positions are known, else a strip.

    Args:
        sides: of each frame: "train", "held out", "left out", or the name of the fold that holds it out.
        blocks: name of each frame's block; the strip draws them one after another, in this order.
        places: metres to the east and to the north, (frames, 2), NaN where unknown.
    """
    colors = {"train": BLUE, "held out": ORANGE, "left out": UNKNOWN}
    folds = sorted(set(sides) - set(colors))
    for number, fold in enumerate(folds):
        colors[fold] = FOLD_COLORS[number % len(FOLD_COLORS)]
    colors = {side: color for side, color in colors.items() if (sides == side).any()}
    if np.isfinite(places).all(1).any():
        figure = _draw_side_map(sides, colors, places)
    else:
        figure = _draw_side_strip(sides, colors, blocks)
    count = (~sides.isin(["train", "left out"])).sum()
    figure.axes[0].set_title(f"{count} of {len(sides)} frames are held out")
    names = [_count_side(side, blocks[sides == side]) for side in colors]
    add_legend(figure, [Patch(color=color) for color in colors.values()], names)
    return figure


def _count_side(side: str, blocks: pd.Series) -> str:
    """Names a side with its frames and blocks, given the block of each of its frames."""
    frames = len(blocks)
    count = blocks.nunique()
    return f"{side}: {frames} frame{'s' * (frames != 1)} of {count} block{'s' * (count != 1)}"


def _draw_side_map(sides: pd.Series, colors: dict[str, str], places: np.ndarray) -> Figure:
    """Draws the frames by place, a dot a frame."""
    places, turned, height = _turn_map(places)
    figure, ax = plt.subplots(figsize=(7, height + 0.8), layout="constrained")
    plt.close(figure)
    ax.scatter(*places.T, s=8, color=sides.map(colors))
    names = ("m to the north", "m to the west") if turned else ("m to the east", "m to the north")
    ax.set(aspect="equal", adjustable="datalim", xlabel=names[0], ylabel=names[1])
    ax.locator_params(nbins=6)
    return figure


def _draw_side_strip(sides: pd.Series, colors: dict[str, str], blocks: pd.Series) -> Figure:
    """Draws the frames in a row, with a gap between two blocks."""
    figure, ax = plt.subplots(figsize=(7, 1.0), layout="constrained")
    plt.close(figure)
    for side, color in colors.items():
        rows = np.flatnonzero(sides == side)
        ax.broken_barh([(row, 1) for row in rows], (0, 1), color=color)
    starts = np.flatnonzero(blocks.ne(blocks.shift()))[1:]
    ax.vlines(starts, 0, 1, color="white", linewidth=0.8)
    ax.set(xlim=(0, len(sides)), yticks=[], xlabel="frame, block after block")
    ax.spines.left.set_visible(False)
    return figure


@mpl.rc_context(STYLE)
def plot_places(places: np.ndarray, recordings: pd.Series, values: pd.Series, title: str) -> Figure:
    """Draws where the frames were taken, coloured by a score or a name: a map, and a strip a recording.

    Without positions there is no map, and beside a map of more than FEW recordings there are no strips.

    Args:
        places: metres to the east and to the north, (frames, 2), NaN where unknown.
        recordings: of each frame; its strip holds its frames in the table's order.
        values: of each frame: numbers, drawn on a scale, or names, each with its colour; NaN in grey.
        title: says what is coloured.
    """
    mapped = np.isfinite(places).all(1).any()
    few = recordings.nunique() <= FEW
    heights = []
    if mapped:
        places, turned, height = _turn_map(places)
        heights.append(height)
    if not mapped or few:
        heights.append(0.26 * recordings.nunique() + 0.5)
    size = {"figsize": (7, sum(heights) + 0.5), "height_ratios": heights}
    figure, axes = plt.subplots(len(heights), squeeze=False, layout="constrained", **size)
    plt.close(figure)
    colors = _paint(figure, values)
    figure.suptitle(title, fontsize=mpl.rcParams["axes.titlesize"])
    for ax in axes[:, 0]:
        ax.set_axis_off()
    if mapped:
        _draw_map(axes[0, 0], places, colors, "north is right" if turned else "north is up")
        if few:
            _number_recordings(axes[0, 0], places, recordings)
    if not mapped or few:
        _draw_strips(axes[-1, 0], recordings, colors)
    return figure


def _turn_map(places: np.ndarray) -> tuple[np.ndarray, bool, float]:
    """Turns a map that is higher than wide, so that north is right.

    Returns:
        The places, whether they were turned, and the height of the map in inches.
    """
    east, north = np.nanmax(places, 0) - np.nanmin(places, 0)
    turned = bool(north > 1.5 * east)
    if turned:
        places = places @ [[0, -1], [1, 0]]
    return places, turned, 1.2 + 5.5 * min(east, north) / max(east, north, SMALLEST_MAP)


def _draw_map(ax: plt.Axes, places: np.ndarray, colors: np.ndarray, north: str) -> None:
    """Draws a dot a frame, and a bar of a round length, about a fifth of the map, with what `north` says."""
    ax.scatter(*places.T, s=22, color=colors, linewidths=0)
    ax.set(aspect="equal", adjustable="datalim")
    low = np.nanmin(places, 0)
    high = np.nanmax(places, 0)
    extent = max(*(high - low), SMALLEST_MAP)
    ax.update_datalim([low, (low[0] + extent, low[1])])
    step = 10.0 ** np.floor(np.log10(extent / 5))
    length = max(step * factor for factor in (1, 2, 5) if step * factor <= extent / 5)
    below = low[1] - 0.06 * extent
    ax.plot([low[0], low[0] + length], [below, below], color="black", linewidth=2)
    middle = (low[0] + length / 2, below)
    ax.annotate(f"{length:.0f} m, {north}", middle, (0, -11), textcoords="offset points", ha="center")


def _number_recordings(ax: plt.Axes, places: np.ndarray, recordings: pd.Series) -> None:
    """Writes the number of each recording beside that of its frames which is farthest from other numbers."""
    taken = []
    known = np.isfinite(places).all(1)
    numbers, _ = pd.factorize(recordings)
    for number in np.unique(numbers[known]):
        own = places[known & (numbers == number)]
        place = own[len(own) // 2]
        if taken:
            distances = np.linalg.norm(own[:, None] - np.array(taken), axis=-1).min(1)  # (frames,)
            place = own[distances.argmax()]
        taken.append(place)
        # Each number lies in a direction of its own, for two recordings may have the same places.
        angle = 2 * np.pi * (number / FEW + 0.25)
        offset = (13 * np.cos(angle), 13 * np.sin(angle))
        box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": GREY, "linewidth": 0.5}
        ax.annotate(str(number + 1), place, offset, ha="center", bbox=box, **_BESIDE)


def _paint(figure: Figure, values: pd.Series) -> np.ndarray:
    """Returns each frame's colour, (frames, 4), and adds a scale of numbers or a legend of names."""
    if not pd.api.types.is_numeric_dtype(values):
        return _paint_names(figure, values)
    scale = mpl.cm.ScalarMappable(mpl.colors.Normalize(values.min(), values.max()), "viridis")
    if values.notna().any():
        figure.colorbar(scale, ax=figure.axes, shrink=0.8, aspect=30, pad=0.01, label="%")
    colors = scale.to_rgba(values.to_numpy(float))
    colors[values.isna()] = mpl.colors.to_rgba(UNKNOWN)
    return colors


def _paint_names(figure: Figure, values: pd.Series) -> np.ndarray:
    """Colours the most common names, all others alike, and adds the legend; returns colours, (frames, 4)."""
    counts = values.value_counts()
    palette = dict(zip(sorted(counts.index[: len(NAME_COLORS)]), NAME_COLORS, strict=False))
    handles = [Patch(color=color) for color in palette.values()]
    names = [shorten(f"{name} ({counts[name]})") for name in palette]
    others = len(counts) - len(palette)
    if others:
        handles.append(Patch(color=UNKNOWN))
        names.append(f"{others} more ({counts[len(palette) :].sum()})")
    add_legend(figure, handles, names)
    return mpl.colors.to_rgba_array(values.map(palette).fillna(UNKNOWN))


def _draw_strips(ax: plt.Axes, recordings: pd.Series, colors: np.ndarray) -> None:
    """Draws a row a recording, a bar a frame."""
    number, names = pd.factorize(recordings)
    turn = recordings.groupby(number).cumcount()
    width = min(11, 360 / (turn.max() + 1))  # points
    height = max(width, 8)
    corners = [(-width, -height), (width, -height), (width, height), (-width, height), (-width, -height)]
    ax.scatter(turn, -number, s=height**2, marker=corners, color=colors, linewidths=0)
    for row, name in enumerate(names):
        ax.annotate(shorten(name), (0, -row), (-20, 0), ha="right", **_BESIDE)
        if len(names) <= FEW:  # The map has these numbers, too.
            ax.annotate(str(row + 1), (0, -row), (-8, 0), ha="right", **_BESIDE)
    ax.set(ylim=(-len(names) + 0.4, 0.6), xlim=(-0.6, max(turn.max(), 30) + 0.6))  # a few stay together
    text = "one row per recording, one bar per frame, in the table's order"
    ax.annotate(text, (0, 0), (0, -8), xycoords="axes fraction", color=GREY, **_BESIDE)
