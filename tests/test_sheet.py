"""Draws every figure with hard inputs, checks where its texts lie, and puts all on one sheet to look at.

The sheet is runs/sheet.png. All is drawn in matplotlib's dark style, as a dark notebook may have set it, and
the sheet is dark as well: what is not white there is not white in a notebook.
"""

import itertools
import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from src.data import classes as class_lists
from src.data.classes import IGNORE, NO_LABEL
from src.evaluation import class_estimate, metrics
from src.experiments import curves
from src.figures import charts, diagram, maps, panels, style, widgets
from src.scores import RunResult, Scores

SHEET = Path("runs/sheet.png")
SHEET_WIDTH = 3600  # px
DARK = 30  # grey level of the sheet
DPI = 60
COUNTS = (2, 6, 20, 60)  # classes
SLACK = 1.2  # px that two texts may share: the empty rim of a text's box
HARD_NAMES = (
    "sidewalk_with_tactile_paving_for_blind_people",
    "Fußgängerüberweg mit Mittelinsel und Ampelanlage",
    "free $$ zone",
    "路面",
    "_curb",
    "crossing",
    "vegetation, trees, bushes and everything else green",
)
LANDSCAPE, PORTRAIT, PANORAMA = (60, 80), (80, 45), (40, 160)  # height, width in px


@pytest.fixture(scope="module")
def class_sets(tmp_path_factory):
    """Classes of both tasks by how many there are, with the colours that a table without colours gives."""
    sets = {}
    for count in (1, *COUNTS):
        names = [HARD_NAMES[i] if i < len(HARD_NAMES) else f"{HARD_NAMES[i % 7]} {i}" for i in range(count)]
        rows = [(task, i, name) for task in ("mask", "label") for i, name in enumerate(names)]
        folder = tmp_path_factory.mktemp(f"classes_{count}")
        pd.DataFrame(rows, columns=["task", "id", "name"]).to_csv(folder / "classes.csv", index=False)
        sets[count] = class_lists.read_classes(folder)
    return sets


def make_photo(shape, seed=0):
    """A smooth photo: uint8 RGB."""
    noise = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    return cv2.resize(noise, shape[::-1], interpolation=cv2.INTER_CUBIC)


def make_mask(shape, count, seed=0):
    """A mask of large cells in which each of `count` classes occurs."""
    cells = np.random.default_rng(seed).permutation(np.arange(8 * 10) % count).reshape(8, 10)
    return cv2.resize(cells.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST)


def make_confusion(count, scale):
    """Counts of true class by predicted class, the last class (of several) not in the truth."""
    rng = np.random.default_rng(count)
    counts = rng.integers(0, scale, (count, count)) + np.diag(rng.integers(0, 9 * scale, count))
    counts[-1] *= count == 1
    return counts


def make_history(epochs, held_out=True):
    """Training curves of the joint network, scored every tenth epoch of a long training."""
    epoch = np.arange(1, epochs + 1)
    history = pd.DataFrame({"loss": 3 / epoch**0.4}, index=epoch)
    for name in ("mask_miou", "label_accuracy"):
        history[name] = 1 - 0.8 / epoch**0.3
    if held_out:
        every = max(1, epochs // 30)
        for name in ("loss", "mask_miou", "label_accuracy"):
            history[f"val_{name}"] = (0.9 * history[name]).where(epoch % every == 0)
    return history


def draw_class_counts(sets):
    """Draws what shows a list of classes, for lists of each length."""
    drawn = {}
    for count in COUNTS:
        classes = sets[count]
        photos = [make_photo(LANDSCAPE, seed) for seed in range(3)]
        masks = [make_mask(LANDSCAPE, count, seed) for seed in range(3)]
        others = [make_mask(LANDSCAPE, count, seed) for seed in range(1, 4)]
        masks[0][:5] = IGNORE
        label = panels.describe_label(0, 0.974, count - 1, classes.label)
        titles = ["video_street_outdoor_boston_mvi_0004__frame_00211\n" + label] * 3
        confusion = make_confusion(count, 500)
        table = metrics.make_classes_table(confusion, classes.mask)
        names = classes.mask.names
        if count == COUNTS[-1]:
            drawn[f"samples, {count} classes"] = panels.plot_samples(photos, masks, titles, classes)
        drawn[f"predictions, {count} classes"] = panels.plot_predictions(
            photos[:2], masks[:2], others[:2], titles[:2], classes, disagreement=True
        )
        drawn[f"IoU, {count} classes"] = charts.plot_class_iou(table, classes.mask, "Test")
        estimated = class_estimate.make_estimate_table(make_confusion(count, 900).T, classes.mask)
        drawn[f"IoU, {count} classes, estimated"] = charts.plot_class_iou(
            table, classes.mask, "Test", estimated
        )
        drawn[f"confusion, {count} classes"] = charts.plot_confusion(confusion, names, "Labels, Test")
    drawn["confusion of millions"] = charts.plot_confusion(
        1000 * make_confusion(6, 500), sets[6].mask.names, f"Pixels, {metrics.name_held_out(leaky=True)}"
    )
    return drawn


def draw_shapes(sets):
    """Draws frames that are upright, of mixed shapes, alone, without truth or without labels."""
    classes = sets[6]
    shapes = (LANDSCAPE, PORTRAIT, PANORAMA)
    photos = [make_photo(shape) for shape in shapes]
    masks = [make_mask(shape, 6) for shape in shapes]
    others = [make_mask(shape, 6, seed=1) for shape in shapes]
    upright = photos[1]
    mask = masks[1]
    only = np.zeros(LANDSCAPE, np.uint8)
    unknown = np.full(LANDSCAPE, IGNORE, np.uint8)
    nameless = panels.describe_label(0, float("nan"), NO_LABEL, classes.label)
    audit = ("held out:\nframe_000000000000000000000000000000001", "trained on, likeness 0.81:\nframe_2")
    drawn = {
        "samples, one upright": panels.plot_samples([upright], [mask], ["a"], classes),
        "samples, upright": panels.plot_samples([upright] * 2, [mask] * 2, list("ab"), classes),
        "samples, mixed": panels.plot_samples(photos, masks, list("abc"), classes),
        "predictions, one upright": panels.plot_predictions([upright], [mask], [mask], [nameless], classes),
        "predictions, mixed": panels.plot_predictions(photos, masks, others, list("abc"), classes, True),
        "predictions, no truth": panels.plot_predictions(photos[:1], None, masks[:1], ["a"], classes),
        "predictions, empty truth": panels.plot_predictions(
            photos[:1], [unknown], masks[:1], ["a"], classes, True
        ),
        "samples, one class": panels.plot_samples([photos[0]], [only], ["a"], sets[1]),
        "pairs, landscape": panels.plot_pairs([(photos[0], photos[0])] * 3, [audit] * 3),
        "pair, upright": panels.plot_pairs([(upright, photos[0])], [audit]),
        "live view": widgets.plot_live(make_history(1), photos[0], masks[0], masks[0], classes),
        "live view, upright": widgets.plot_live(make_history(300), upright, mask, mask, classes),
    }
    frame = (photos[0], masks[0], np.linspace(0, 12, only.size).reshape(LANDSCAPE))
    drawn["world"] = panels.plot_world({"Train": [frame], "Test": [frame]}, classes)
    return drawn


def draw_charts(sets):
    """Draws what shows numbers alone."""
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.3, 1, 200)
    looks = pd.DataFrame({"folder": ["Train"] * 300 + ["Test"] * 100, "brightness": rng.normal(50, 9, 400)})
    looks = looks.assign(saturation=rng.normal(20, 5, 400), warmth=rng.normal(0, 5, 400))
    parts = [("backbone", 2**k, width) for k, width in zip(range(1, 6), (32, 24, 40, 112, 1280), strict=True)]
    parts += [("decoder", 2**k, width) for k, width in zip((4, 3, 2, 1), (128, 64, 32, 16), strict=True)]
    stages = pd.DataFrame(parts, columns=["part", "stride", "channels"])
    stages["text"] = [f"1/{row.stride}\n{row.channels} ch" for row in stages.itertuples()]
    stages.loc[len(stages)] = ("output", 1, 254, "mask\n254 classes")
    stages.loc[len(stages)] = ("output", 32, 60, "label\n60 classes")
    everything = {
        name: Scores(miou=value, f1=value, accuracy=value)
        for name, value in (("random", 0.995), ("held_out", 0.6), ("estimate", 0.005), ("test", 1.0))
    }
    everything["estimate"] = Scores(miou=0.005, f1=0.005, miou_low=0.0, miou_high=0.9)
    few_classes = {"held_out": {"mask": [[1, 0], [0, 0]]}, "test": {"mask": [[1, 0], [0, 0]]}}
    estimates = {
        "all": RunResult(scores=everything, leaky=True, confusion=few_classes),
        "held out alone": RunResult(scores={"held_out": everything["held_out"]}),
    }
    drawn = {f"estimate, {name}": charts.plot_estimate(result) for name, result in estimates.items()}
    nothing = metrics.make_classes_table(np.zeros((6, 6), int), sets[6].mask)
    return drawn | {
        "history, 1 epoch": charts.plot_history(make_history(1)),
        "history, 300 epochs": charts.plot_history(make_history(300), metrics.name_held_out(leaky=True)),
        "history, loss alone": charts.plot_history(make_history(5)[["loss"]]),
        "history, nothing held out": charts.plot_history(make_history(12, held_out=False)),
        "IoU, no truth": charts.plot_class_iou(nothing, sets[6].mask, metrics.name_held_out(leaky=True)),
        "confusion, 1 class": charts.plot_confusion(np.array([[7]]), ("crossing",), "Labels, Test"),
        "reliability": charts.plot_reliability(confidence, rng.random(200) < confidence, "Labels on Test"),
        "reliability, 1 frame": charts.plot_reliability(np.array([0.5]), np.array([True]), "Labels on Test"),
        "looks": charts.plot_looks(looks),
        "looks, 1 photo": charts.plot_looks(looks[:1]),
        "network": diagram.plot_network(stages, "The network: 6.1 million weights"),
    }


def draw_maps(sets):
    """Draws frames by place and by recording."""
    rng = np.random.default_rng(0)
    frames = 400
    walk = rng.normal(0, 20, (frames, 2)).cumsum(0)
    nowhere = np.full((frames, 2), np.nan)
    tall = walk * [0.05, 1]
    score = pd.Series(rng.uniform(0, 100, frames))
    score[::9] = np.nan
    recordings = {}
    for count in (1, 8, 60):
        number = np.arange(frames) * count // frames
        recordings[count] = pd.Series([f"{HARD_NAMES[k % 7]}/{k}" for k in number])
    labels = pd.Series([sets[20].label.names[k % 20] for k in range(frames)])
    blocks = recordings[60]
    sides = pd.Series(np.where(np.arange(frames) % 100 < 20, "held out", "train"))
    folds = pd.Series(
        [("held out", "fold 2", "fold 3", "fold 4", "fold 5", "left out")[k // 70] for k in range(400)]
    )
    long_title = "mean IoU within each frame, %: 74 on average, 81.3 over all pixels"
    drawn = {
        "places, 8 recordings": maps.plot_places(walk, recordings[8], score, long_title),
        "places, 60 recordings": maps.plot_places(walk, recordings[60], score, long_title),
        "places, 20 labels": maps.plot_places(tall, recordings[1], labels, "predicted label"),
        "places, no positions": maps.plot_places(nowhere, recordings[8], score, long_title),
        "places, no positions, 60 recordings": maps.plot_places(nowhere, recordings[60], labels, "label"),
        "places, 1 frame": maps.plot_places(walk[:1], recordings[1][:1], score[1:2], long_title),
    }
    return drawn | {
        "sides, tall map": maps.plot_sides(sides, blocks, tall),
        "sides, strip": maps.plot_sides(sides, blocks, nowhere),
        "folds, map": maps.plot_sides(folds, blocks, walk),
        "folds, strip": maps.plot_sides(folds, blocks, nowhere),
    }


def draw_experiments(sets):
    """Draws what the experiments measured."""
    growth = pd.DataFrame({"frames": [100, 1000, 10_000, 100_000], "seconds": 0.05, "memory": 900.0})
    sizes = pd.DataFrame({"pixels": [1e5, 1e6, 8e6], "seconds": [0.02, 0.03, 0.2], "memory": 900.0})
    rows = [
        {"data": data, "seed": seed, "steps": steps, "away mIoU": 40 + seed, "held out mIoU": 50 + seed}
        | {"away F1": 30 + seed, "held out F1": 60 + seed}
        for data in ("two cities", "a rendered world of many cities")
        for seed in (0, 1)
        for steps in (700, 1400, 2800, 5600)
    ]
    return {
        "growth": curves.plot_growth(growth, sizes),
        "lengths": curves.plot_lengths(pd.DataFrame(rows)),
    }


@dataclass
class Sheet:
    """What was drawn.

    Attributes:
        figures: by name.
        pictures: the saved PNGs by name, uint8 (H, W, 4) or (H, W, 3).
        warned: the warnings that came.
        faults: what is wrong with each figure, by kind of fault and name.
    """

    figures: dict
    pictures: dict
    warned: list
    faults: dict


@pytest.fixture(scope="module")
def sheet(class_sets, tmp_path_factory):
    """Draws, measures and saves every figure."""
    folder = tmp_path_factory.mktemp("sheet")
    drawn = Sheet({}, {}, [], {find: {} for find in (list_overlaps, list_cut_texts, list_covered_axes)})
    with (
        warnings.catch_warnings(record=True) as warned,
        plt.style.context("dark_background"),
        pytest.MonkeyPatch.context() as patch,
    ):
        warnings.simplefilter("always")
        patch.setitem(style.STYLE, "figure.dpi", DPI)
        patch.setitem(style.STYLE, "savefig.dpi", DPI)
        for draw in (draw_class_counts, draw_shapes, draw_charts, draw_maps, draw_experiments):
            drawn.figures |= draw(class_sets)
        for number, (name, figure) in enumerate(drawn.figures.items()):
            drawn.pictures[name] = save_figure(figure, folder / f"{number}.png")
            measure_figure(name, figure, drawn.faults)
    drawn.warned += [str(warning.message) for warning in warned]
    write_sheet(drawn.pictures)
    return drawn


def save_figure(figure, path):
    """Saves a figure as a notebook does, and reads the picture."""
    style.save_figure(figure, path, note="synthetic world")
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def measure_figure(name, figure, faults):
    """Looks for each kind of fault in a figure as it was saved, its note among the texts."""
    # The layout stands; finding it again would take most of the time.
    figure.set_layout_engine("none")
    with style.ignore_missing_letters():
        figure.draw_without_rendering()
        for find, found in faults.items():
            wrong = find(figure)
            if wrong:
                found[name] = wrong


def write_sheet(pictures):
    """Puts the pictures on one dark sheet, row after row, each below its name."""
    rows = [[]]
    used = 0
    for name, picture in pictures.items():
        tile = make_tile(name, picture)
        if used + tile.shape[1] > SHEET_WIDTH:
            rows.append([])
            used = 0
        rows[-1].append(tile)
        used += tile.shape[1]
    SHEET.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(SHEET), np.concatenate([join_tiles(row) for row in rows]))


def make_tile(name, picture):
    """Puts the name above a picture, and a dark rim around it."""
    tile = cv2.copyMakeBorder(picture[..., :3], 26, 12, 0, 12, cv2.BORDER_CONSTANT, value=(DARK,) * 3)
    cv2.putText(tile, name, (2, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return tile


def join_tiles(row):
    """Joins the tiles of a row to a picture as wide as the sheet."""
    height = max(tile.shape[0] for tile in row)
    line = np.full((height, SHEET_WIDTH, 3), DARK, np.uint8)
    left = 0
    for tile in row:
        line[: tile.shape[0], left : left + tile.shape[1]] = tile
        left += tile.shape[1]
    return line


def list_texts(figure):
    """Lists the texts of a figure that are drawn, axis labels and tick labels among them."""
    hidden = {id(text) for ax in figure.axes for text in list_hidden(ax)}
    texts = [text for text in figure.findobj(mpl.text.Text) if id(text) not in hidden]
    return [text for text in texts if text.get_visible() and text.get_text().strip()]


def list_hidden(ax):
    """Lists the texts of axes that are turned off, and the labels of ticks outside an axis' limits."""
    hidden = []
    for axis in (ax.xaxis, ax.yaxis):
        if not ax.axison:
            hidden += axis.findobj(mpl.text.Text)
        low, high = sorted(axis.get_view_interval())
        reach = 1e-6 * (high - low)
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not low - reach <= tick.get_loc() <= high + reach:
                hidden += [tick.label1, tick.label2]
    return hidden


def find_box(text):
    """The box of a text as OpenCV's rotated rectangle, in px, without its empty rim."""
    renderer = text.get_figure(root=True).canvas.get_renderer()
    turned = text.get_window_extent(renderer)
    angle = text.get_rotation()
    text.set_rotation(0)
    straight = text.get_window_extent(renderer)
    text.set_rotation(angle)
    middle = ((turned.x0 + turned.x1) / 2, (turned.y0 + turned.y1) / 2)
    size = (max(1.0, straight.width - SLACK), max(1.0, straight.height - SLACK))
    return middle, size, angle


def list_overlaps(figure):
    """Lists the pairs of texts that lie upon each other."""
    texts = list_texts(figure)
    boxes = [find_box(text) for text in texts]
    reach = [sum(size) / 2 for _, size, _ in boxes]
    found = []
    for i, j in itertools.combinations(range(len(texts)), 2):
        apart = np.abs(np.subtract(boxes[i][0], boxes[j][0])).max()
        if apart < reach[i] + reach[j] and cv2.rotatedRectangleIntersection(boxes[i], boxes[j])[0]:
            found.append((texts[i].get_text(), texts[j].get_text()))
    return found


def list_cut_texts(figure):
    """Lists the texts that reach beyond what is saved, or beyond the figure's planned width."""
    renderer = figure.canvas.get_renderer()
    saved = figure.get_tightbbox(renderer).padded(0.1)  # inches, as `savefig` pads it
    found = []
    for text in list_texts(figure):
        box = text.get_window_extent(renderer)
        left, right = box.x0 / figure.dpi, box.x1 / figure.dpi
        below, above = box.y0 / figure.dpi, box.y1 / figure.dpi
        inside = saved.x0 <= left and right <= saved.x1 and saved.y0 <= below and above <= saved.y1
        if not inside or left < -0.1 or right > figure.get_figwidth() + 0.1:
            found.append(text.get_text())
    return found


def list_covered_axes(figure):
    """Lists the axes that a legend or other axes cover, by their title."""
    renderer = figure.canvas.get_renderer()
    legends = [legend.get_window_extent(renderer) for legend in figure.legends]
    found = []
    for ax in figure.axes:
        inner = ax.get_window_extent(renderer)
        whole = ax.get_tightbbox(renderer)
        others = [other.get_window_extent(renderer) for other in figure.axes if other is not ax]
        covered = any(box.overlaps(whole) for box in legends) or any(box.overlaps(inner) for box in others)
        found += [ax.get_title()] * covered
    return found


def test_nothing_is_warned_of(sheet):
    assert sheet.warned == []


def test_no_two_texts_lie_upon_each_other(sheet):
    assert sheet.faults[list_overlaps] == {}


def test_no_text_is_cut_or_wider_than_its_figure(sheet):
    assert sheet.faults[list_cut_texts] == {}


def test_no_legend_and_no_axes_cover_others(sheet):
    assert sheet.faults[list_covered_axes] == {}


def test_backgrounds_stay_white_and_texts_dark_in_a_dark_notebook(sheet):
    for name, picture in sheet.pictures.items():
        rim = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
        assert (rim == 255).all(), name
    for name, figure in sheet.figures.items():
        assert mpl.colors.to_hex(figure.get_facecolor()) == "#ffffff", name
        for text in list_texts(figure):
            on_color = text.get_color() == "white" and text.axes is not None and text.axes.images
            assert on_color or np.mean(mpl.colors.to_rgb(text.get_color())) < 0.65, (name, text.get_text())
