"""Plots of the experiments: time and memory of Save_test, and scores by length of the trainings."""

import matplotlib as mpl
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from src.figures.style import BLUE, GREY, STYLE

PLACES = {"away": "-", "held out": ":"}  # where a network was scored, and the line for it
STEP_TICKS = [125 * 2**power for power in range(10)]


@mpl.rc_context(STYLE)
def plot_growth(frames: pd.DataFrame, pixels: pd.DataFrame) -> Figure:
    """Draws time and peak memory of Save_test against frames and pixels.

    Args:
        frames: rows of "frames", "seconds" a frame and "memory" in MB, at one size of photos.
        pixels: rows of "pixels", "seconds" and "memory", at one number of frames.
    """
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), layout="constrained")
    plt.close(figure)
    minutes = frames["frames"] * frames["seconds"] / 60
    axes[0].plot(frames["frames"], minutes, "o", color=BLUE)
    ends = frames["frames"].iloc[[0, -1]]
    in_proportion = ends * minutes.iloc[0] / frames["frames"].iloc[0]
    axes[0].plot(ends, in_proportion, ":", color=GREY)
    thousands = {"xscale": "log", "xlabel": "thousand frames"}
    axes[0].set(yscale="log", title="minutes for all frames\n(dotted: in proportion)", **thousands)
    axes[0].set_yticks([0.1, 1, 10], ["0.1", "1", "10"])
    axes[0].set_ylim(minutes.min() / 2, 2 * minutes.max())
    figure.suptitle("Save_test.ipynb on two cores")
    axes[1].plot(pixels["pixels"] / 1e6, 1e3 * pixels["seconds"], "o-", color=BLUE)
    axes[1].set(xlabel="megapixels of a photo", title="milliseconds per frame", xlim=0)
    axes[2].plot(frames["frames"], frames["memory"], "o-", color=BLUE)
    axes[2].set(title="peak memory, MB", **thousands)
    for ax, highest in ((axes[1], 1e3 * pixels["seconds"].max()), (axes[2], frames["memory"].max())):
        ax.set_ylim(0, 1.2 * highest)
    for ax in (axes[0], axes[2]):
        ax.set_xticks(frames["frames"], [f"{count / 1000:g}" for count in frames["frames"]])
        ax.xaxis.set_minor_formatter(NullFormatter())  # else minor ticks get labels such as 2 x 10^2
    axes[0].yaxis.set_minor_formatter(NullFormatter())
    return figure


@mpl.rc_context(STYLE)
def plot_lengths(lengths: pd.DataFrame) -> Figure:
    """Draws mean IoU and F1 against the steps of the trainings: in the other place and held out, by seed.

    The colour is the data set, the line the place that is scored, the marker the seed.

    Args:
        lengths: of `results.read_lengths`.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    plt.close(figure)
    runs = lengths.groupby(["data", "seed"]).filter(lambda rows: len(rows) > 1)  # one length makes no line
    colors = {name: f"C{number}" for number, name in enumerate(runs["data"].unique())}
    markers = dict(zip(sorted(runs["seed"].unique()), "os^Dv", strict=False))
    for ax, (measure, title) in zip(axes, {"mIoU": "mean IoU, %", "F1": "F1, %"}.items(), strict=True):
        for (name, seed), rows in runs.groupby(["data", "seed"]):
            for place, line in PLACES.items():
                look = {"color": colors[name], "marker": markers[seed], "linestyle": line, "markersize": 5}
                ax.plot(rows["steps"], rows[f"{place} {measure}"], **look)
        ax.set(xscale="log", xlabel="steps of both trainings (log scale)", title=title)
        low, high = ax.get_xlim()
        ticks = [steps for steps in STEP_TICKS if low <= steps <= high]
        ax.set_xticks(ticks, [f"{steps:,}" for steps in ticks])
        ax.minorticks_off()
    names = {"away": "other place", "held out": "held-out recordings"}
    columns = [  # of the legend
        [Line2D([], [], color=color, label=name) for name, color in colors.items()],
        [Line2D([], [], color=GREY, linestyle=PLACES[place], label=names[place]) for place in PLACES],
        [
            Line2D([], [], color=GREY, marker=marker, linestyle="", label=f"seed {seed}")
            for seed, marker in markers.items()
        ],
    ]
    height = max(map(len, columns))
    gap = Line2D([], [], linestyle="", label=" ")
    handles = []
    for column in columns:
        handles += column + [gap] * (height - len(column))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(columns))
    return figure
