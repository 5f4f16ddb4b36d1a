"""Frames on a map or in a row."""

from itertools import cycle

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.transforms import Bbox

from src.figures.style import BLUE, GREY, ORANGE, STYLE, add_legend, ignoring_missing_letters, shorten

FEW = 8  # recordings that a map names
FOLD_COLORS = ("#009e73", "#cc79a7", "#56b4e9", "#d55e00")


@mpl.rc_context(STYLE)
def plot_sides(sides: pd.Series, blocks: pd.Series, places: np.ndarray) -> Figure:
    """Shows which frames are on which side: a map where positions are known, else a strip.

    Args:
        sides: of each frame: "train", "val", "left out", or the name of the fold that holds it out.
        blocks: name of each frame's block; the strip draws them one after another, in this order.
        places: metres to the east and to the north, (frames, 2), NaN where unknown.
    """
    sides = sides.replace("val", "held out")
    colors = {"train": BLUE, "held out": ORANGE, "left out": "#dddddd"}
    folds = sorted(set(sides) - set(colors))
    colors |= {fold: FOLD_COLORS[i % len(FOLD_COLORS)] for i, fold in enumerate(folds)}
    known = np.isfinite(places).all(1)
    places, turned, height = _turn_map(places) if known.any() else (places, False, 0.0)
    figure, ax = plt.subplots(figsize=(7, height + 1.4), layout="constrained")
    plt.close(figure)
    ax.set_title(f"{(~sides.isin(['train', 'left out'])).sum()} of {len(sides)} frames are held out")
    for side, color in colors.items():
        rows = np.flatnonzero(sides == side)
        count = blocks.iloc[rows].nunique()
        name = f"{side}: {len(rows)} frame{'s' * (len(rows) != 1)} of {count} block{'s' * (count != 1)}"
        rows = rows[known[rows]] if known.any() else rows
        if known.any() and len(rows):
            ax.scatter(*places[rows].T, s=8, color=color, label=name)
        elif len(rows):
            ax.broken_barh([(row, 1) for row in rows], (0, 1), color=color, label=name)
    if known.any():
        names = ("m to the north", "m to the west") if turned else ("m to the east", "m to the north")
        ax.set(aspect="equal", adjustable="datalim", xlabel=names[0], ylabel=names[1])
    else:
        starts = np.flatnonzero(blocks.ne(blocks.shift()))[1:]
        ax.vlines(starts, 0, 1, color="white", linewidth=0.8)
        ax.set(xlim=(0, len(sides)), yticks=[], xlabel="frame, block after block")
        ax.spines.left.set_visible(False)
    figure.legend(loc="outside lower center", ncols=3, handlelength=1.2)
    return figure


# Places, doubts, light, the network ----------------------------------------------
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
    mapped, count = np.isfinite(places).all(1).any(), recordings.nunique()
    heights = []
    if mapped:
        places, turned, height = _turn_map(places)
        heights.append(height)
    if not mapped or count <= FEW:
        heights.append(0.26 * count + 0.5)
    size = {"figsize": (7, sum(heights) + 0.8), "height_ratios": heights}
    figure, axes = plt.subplots(len(heights), squeeze=False, layout="constrained", **size)
    plt.close(figure)
    colors = _paint(figure, values)
    figure.suptitle(title, fontsize=mpl.rcParams["axes.titlesize"])
    for ax in axes[:, 0]:
        ax.set_axis_off()
    if mapped:
        ax = axes[0, 0]
        ax.scatter(*places.T, s=22, color=colors, linewidths=0)
        ax.set(aspect="equal", adjustable="datalim")
        _add_scale_bar(ax, places, "north is right" if turned else "north is up")
        if count <= FEW:
            _name_recordings(ax, places, recordings)
    if not mapped or count <= FEW:
        _draw_strips(axes[-1, 0], recordings, colors)
    return figure


def _name_recordings(ax: plt.Axes, places: np.ndarray, recordings: pd.Series) -> None:
    """Writes the name of each recording above its frames, where that covers no other name."""
    known = np.isfinite(places).all(1)
    texts = []
    for name in recordings[known].unique():
        own = places[known & (recordings == name).to_numpy()]
        highest = (own[:, 0].mean(), own[:, 1].max())
        texts.append(ax.annotate(shorten(name), highest, (0, 9), ha="center", **_BESIDE))
    with ignoring_missing_letters():
        ax.figure.draw_without_rendering()
    shown: list[Bbox] = []
    for text in texts:
        box = text.get_window_extent()
        text.set_visible(not any(box.overlaps(other) for other in shown))
        if text.get_visible():
            shown.append(box)


def _turn_map(places: np.ndarray) -> tuple[np.ndarray, bool, float]:
    """Turns a map that would stand to lie, north to the right; tells whether it did, and inches of height."""
    east, north = np.nanmax(places, 0) - np.nanmin(places, 0)
    turned = bool(north > 1.5 * east)
    places = places @ [[0, -1], [1, 0]] if turned else places
    return places, turned, 1.2 + 5.5 * min(east, north) / max(east, north, 1)


_BESIDE = {"textcoords": "offset points", "va": "center", "fontsize": 8}


def _paint(figure: Figure, values: pd.Series) -> np.ndarray:
    """Gives each frame's colour, (frames, 4), and the figure a scale of numbers or a legend of names."""
    if not pd.api.types.is_numeric_dtype(values):
        palette = cycle((BLUE, ORANGE, *FOLD_COLORS, GREY))
        known = dict(zip(sorted(values.unique()), palette, strict=False))
        counts = values.value_counts()
        handles = [Patch(color=color) for color in known.values()]
        add_legend(figure, handles, [f"{kind} ({counts[kind]})" for kind in known], handlelength=1)
        return mpl.colors.to_rgba_array(values.map(known))
    scale = mpl.cm.ScalarMappable(mpl.colors.Normalize(values.min(), values.max()), "viridis")
    if values.notna().any():
        figure.colorbar(scale, ax=figure.axes, shrink=0.8, aspect=30, pad=0.01, label="%")
    colors = scale.to_rgba(values.to_numpy(float))
    colors[values.isna()] = mpl.colors.to_rgba("#dddddd")
    return colors


def _draw_strips(ax: plt.Axes, recordings: pd.Series, colors: np.ndarray) -> None:
    """Draws a row a recording, a square a frame."""
    number, names = pd.factorize(recordings)
    turn = recordings.groupby(number).cumcount()
    side = min(11, 360 / (turn.max() + 1))  # points
    ax.scatter(turn, -number, s=side**2, marker="s", color=colors, linewidths=0)
    for row, name in enumerate(names):
        ax.annotate(shorten(name), (0, -row), (-8, 0), ha="right", **_BESIDE)
    ax.set(ylim=(-len(names) + 0.4, 0.6), xlim=(-0.6, max(turn.max(), 30) + 0.6))  # a few stay together
    words = "a row a recording, its frames in the table's order"
    ax.annotate(words, (0, 0), (0, -8), xycoords="axes fraction", color=GREY, **_BESIDE)


def _add_scale_bar(ax: plt.Axes, places: np.ndarray, words: str) -> None:
    """Draws a bar of a round length, about a fifth of the map, below its left corner, and words beside it."""
    low, high = np.nanmin(places, 0), np.nanmax(places, 0)
    wanted = max(1, *(high - low) / 5)
    step = 10.0 ** np.floor(np.log10(wanted))
    length = max(step * factor for factor in (1, 2, 5) if step * factor <= wanted)
    below = low[1] - 0.06 * max(high - low)
    ax.plot([low[0], low[0] + length], [below, below], color="black", linewidth=2)
    middle = (low[0] + length / 2, below)
    ax.annotate(f"{length:.0f} m, {words}", middle, (0, -11), textcoords="offset points", ha="center")
