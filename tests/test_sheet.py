"""Every figure with hard inputs: nothing overlaps, and one sheet shows them all, `runs/sheet.png`."""

import io
import warnings
from itertools import combinations, pairwise, product
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from src.data.classes import PALETTE, Classes, ClassList
from src.evaluation import metrics
from src.experiments import curves
from src.figures import charts, maps, panels, style, widgets

SHEET = Path("runs") / "sheet.png"
DARK = (30, 30, 30)  # ground of a notebook with a dark theme
NAMES = ("background", "_private_class", "Gehweg und Straße", "price $$ tag", "人行道", "crossing")
LONG = "a class whose name is far too long for any legend, number"
RNG = np.random.default_rng(0)


def make_classes(count):
    names = [f"{LONG} {i}" if i % 5 == 0 else f"class {i}" for i in range(count)]
    names[: len(NAMES)] = NAMES[:count]
    colors = [PALETTE[i % len(PALETTE)] for i in range(count)]
    mask = ClassList(tuple(range(count)), tuple(names), tuple(colors), 255)
    label = ClassList((0, 1, 2), ("corner", "crossing", "sidewalk"), ("#000000",) * 3, -1)
    return Classes(mask, label)


def draw_photo(height, width):
    grey = np.linspace(60, 200, width, dtype=np.uint8)[None, :, None]
    return np.tile(grey, (height, 1, 3))


def draw_mask(height, width, count):
    rows = np.arange(height)[:, None] * count // height
    return np.uint8((rows + np.arange(width)[None] * 3 // width) % count)


def make_frames(sizes, count):
    return [draw_photo(*size) for size in sizes], [draw_mask(*size, count) for size in sizes]


def make_history(epochs):
    epoch = pd.Index(range(1, epochs + 1), name="epoch")
    table = pd.DataFrame({"loss": 2 / np.sqrt(epoch), "mask_miou": 1 - 0.8 / np.sqrt(epoch)}, index=epoch)
    table["val_loss"] = 2.2 / np.sqrt(epoch)
    validated = np.arange(epochs) % max(1, epochs // 10) == 0
    table["val_mask_miou"] = np.where(validated, table["mask_miou"] * 0.8, np.nan)
    table["label_accuracy"] = 0.5
    table["val_label_accuracy"] = table["val_mask_miou"]
    return table.assign(seconds=1.0)


def make_places(frames, recordings, known=True):
    places = np.cumsum(RNG.normal(0, 5, (frames, 2)), 0) if known else np.full((frames, 2), np.nan)
    names = pd.Series([f"robot_with_a_long_name_{i * recordings // frames}/1" for i in range(frames)])
    return places, names


WIDE = [(90, 160)] * 6
MIXED = [(90, 160), (160, 90), (120, 160)]


def plot_all():
    """Gives each figure by its name."""
    figures = {}
    for count in (2, 6, 20, 60):
        classes = make_classes(count)
        images, masks = make_frames(WIDE, count)
        titles = [f"frame_{i:03d}\npredicted: crossing, 97 % confident\ntrue: corner" for i in range(6)]
        figures[f"samples, {count} classes"] = panels.plot_samples(images, masks, titles, classes)
        confusion = RNG.integers(0, 900, (count, count)) + 9000 * np.eye(count, dtype=int)
        table = metrics.table_of_classes(confusion, classes.mask)
        figures[f"class IoU, {count} classes"] = charts.plot_class_iou(
            table, classes.mask, "held-out recordings"
        )
        names = classes.mask.names
        figures[f"confusion, {count} classes"] = charts.plot_confusion(confusion, names, "Pixels, Test")
    classes = make_classes(6)
    images, masks = make_frames(MIXED, 6)
    titles = ["video_street_city_out_mvi_0004_frame_00211_of_a_very_long_name\ntrue: corner"] * 3
    history = make_history(3)
    figures["live view"] = widgets.plot_live(history, images[0], masks[0], masks[0], classes)
    for words, truths in (("", masks), (", no truth", None)):
        figures[f"predictions{words}"] = panels.plot_predictions(images, truths, masks[::1], titles, classes)
    wrong = [np.roll(mask, 20, 1) for mask in masks]
    figures["errors"] = panels.plot_predictions(images, masks, wrong, titles, classes, disagreement=True)
    figures["one portrait frame"] = panels.plot_samples(images[1:2], masks[1:2], titles[:1], classes)
    figures["pairs"] = panels.plot_pairs(
        [(images[0], images[2])] * 3, [("held out:\na", "like it by 0.71\nb")] * 3
    )
    for epochs in (1, 300):
        figures[f"history, {epochs} epochs"] = charts.plot_history(make_history(epochs))
    estimate = {"miou": 0.61, "miou_low": 0.53, "miou_high": 0.69, "f1": 0.7}
    scores = {"random": {"miou": 0.9, "f1": 1.0, "accuracy": 0.97}, "estimate": estimate}
    scores["held_out"] = {"miou": 0.68, "f1": 0.5, "accuracy": 0.0}
    scores["test"] = {"miou": 0.6, "f1": 1.0, "accuracy": 1.0}
    figures["estimate"] = charts.plot_estimate({"scores": scores, "leaky": True})
    right = RNG.random(200) < 0.7
    figures["reliability"] = charts.plot_reliability(RNG.uniform(0.3, 1, 200), right, "Labels on Test")
    looks = pd.DataFrame(RNG.normal(50, 9, (300, 3)), columns=["brightness", "saturation", "warmth"])
    figures["looks"] = charts.plot_looks(looks.assign(folder=["Train", "Test", "Test"] * 100))
    for recordings in (1, 6, 20):
        for known in (True, False):
            places, names = make_places(200, recordings, known)
            values = pd.Series(RNG.uniform(20, 90, 200))
            title = f"{recordings} recordings{'' if known else ', no positions'}"
            figures[f"places, {title}"] = maps.plot_places(places, names, values, "mean IoU, %")
            sides = pd.Series(np.where(np.arange(200) % 5 == 0, "val", "train"))
            figures[f"split, {title}"] = maps.plot_sides(sides, names, places)
    sizes = pd.DataFrame({"frames": [100, 1000, 10000], "pixels": [230_400, 921_600, 3_686_400]})
    sizes = sizes.assign(memory=[900, 910, 950], seconds=[4.0, 31.0, 300.0])
    figures["growth"] = curves.plot_growth(sizes, sizes)
    rows = list(product(("world", "mallorca"), (0, 1), (270, 540, 1080)))
    lengths = pd.DataFrame(rows, columns=["data", "seed", "steps"])
    for name in ("away mIoU", "away F1", "held out mIoU", "held out F1"):
        lengths[name] = RNG.uniform(40, 80, len(lengths))
    figures["lengths"] = curves.plot_lengths(lengths)
    return figures


def overlap(one, other, slack=1.0):
    """Tells whether two boxes share more than a pixel to either side."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return width > slack and height > slack


def find_ticks(figure, renderer):
    """Lists tick labels that overlap their neighbour."""
    axes = [axis for ax in figure.axes if ax.axison for axis in (ax.xaxis, ax.yaxis)]
    faults = []
    for axis in axes:
        labels = [label for label in axis.get_ticklabels() if label.get_visible() and label.get_text()]
        upright = [label for label in labels if label.get_rotation() in (0, 90)]  # others have larger boxes
        for one, other in pairwise(upright):
            if overlap(one.get_window_extent(renderer), other.get_window_extent(renderer)):
                faults.append(f"ticks '{one.get_text()}' and '{other.get_text()}' overlap")
    return faults


def find_titles(figure, renderer):
    """Lists titles that overlap another one."""
    titles = [ax.title for ax in figure.axes if ax.title.get_text()]
    return [
        f"titles '{one.get_text()}' and '{other.get_text()}' overlap"
        for one, other in combinations(titles, 2)
        if overlap(one.get_window_extent(renderer), other.get_window_extent(renderer))
    ]


def find_texts(figure, renderer):
    """Lists texts inside a plot that overlap."""
    pairs = [pair for ax in figure.axes for pair in combinations([t for t in ax.texts if t.get_visible()], 2)]
    return [
        f"texts '{one.get_text()}' and '{other.get_text()}' overlap"
        for one, other in pairs
        if overlap(one.get_window_extent(renderer), other.get_window_extent(renderer))
    ]


def find_legends(figure, renderer):
    """Lists legends that cover a plot or are wider than the figure."""
    faults = []
    for legend in figure.legends:
        box = legend.get_window_extent(renderer)
        if any(overlap(box, ax.get_window_extent(renderer)) for ax in figure.axes):
            faults.append("the legend covers a plot")
        if box.width > figure.bbox.width + 1:
            faults.append(f"the legend is {box.width / figure.bbox.width:.2f} times as wide as the figure")
    return faults


def list_faults(figure):
    """Lists what overlaps in a figure that has been drawn."""
    renderer = figure.canvas.get_renderer()
    return [
        fault
        for find in (find_ticks, find_titles, find_texts, find_legends)
        for fault in find(figure, renderer)
    ]


def render(figure):
    """Draws a figure as `save_figure` does."""
    content = io.BytesIO()
    with mpl.rc_context(style.STYLE), style.ignoring_missing_letters():
        figure.savefig(content, format="png", dpi=70, bbox_inches="tight", facecolor="white")
        faults = list_faults(figure)
    return Image.open(content), faults


def lay_out(pictures, width=2400):
    """Lays pictures with their names in rows on a dark ground."""
    places, x, y, height = [], 10, 10, 0
    for name, picture in pictures.items():
        if x + picture.width > width:
            x, y, height = 10, y + height + 30, 0
        places.append((name, picture, x, y))
        x += picture.width + 20
        height = max(height, picture.height)
    sheet = Image.new("RGB", (width, y + height + 30), DARK)
    draw = ImageDraw.Draw(sheet)
    for name, picture, left, top in places:
        draw.text((left, top), name, fill="white")
        sheet.paste(picture.convert("RGB"), (left, top + 14))
    return sheet


@pytest.fixture(scope="module")
def drawn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return {name: render(figure) for name, figure in plot_all().items()}


def test_nothing_overlaps_in_any_figure(drawn):
    assert {name: faults for name, (_, faults) in drawn.items() if faults} == {}


def test_every_figure_has_a_white_ground_of_its_own(drawn):
    for name, (picture, _) in drawn.items():
        assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255), name


def test_the_sheet_shows_every_figure(drawn):
    SHEET.parent.mkdir(exist_ok=True)
    lay_out({name: picture for name, (picture, _) in drawn.items()}).save(SHEET)
    assert SHEET.stat().st_size > 100_000
