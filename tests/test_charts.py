import itertools

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from src.data.classes import ClassList
from src.figures import charts, diagram, maps
from src.model import unet
from src.scores import RunResult, Scores
from src.settings import Recipe

ROBOTS = pd.Series(["a", "a", "b", "b"])
SCORES = pd.Series([10.0, 20, np.nan, 40])


def texts(figure):
    return [text.get_text() for text in figure.findobj(mpl.text.Text)]


def test_a_map_has_equal_axes_and_a_round_scale_bar():
    places = np.array([[0, 0], [300, 0], [0, 100], [np.nan, np.nan]])
    figure = maps.plot_places(places, ROBOTS, SCORES, "scores")
    assert figure.axes[0].get_aspect() == 1 and "50 m, north is up" in texts(figure)
    assert texts(figure).count("1") == 2 and len(figure.axes) == 3  # on the map, and its strip; a scale
    turned = maps.plot_places(places[:, ::-1], ROBOTS, SCORES, "scores")
    assert "50 m, north is right" in texts(turned)
    points = turned.axes[0].collections[0].get_offsets().compressed().reshape(-1, 2)
    assert np.ptp(points[:, 0]) == 300  # the long side lies


def test_strips_and_map_have_one_colour_for_a_frame():
    places = np.array([[0, 0], [300, 0], [0, 100], [0, 90]])
    map_axes, strips = maps.plot_places(places, ROBOTS, SCORES, "scores").axes[:2]
    on_map, in_strips = (axes.collections[0].get_facecolors() for axes in (map_axes, strips))
    np.testing.assert_array_equal(on_map, in_strips)
    assert len(np.unique(on_map, axis=0)) == 4 and np.ptp(on_map[2, :3]) == 0  # unknown is grey
    many = pd.Series([str(i) for i in range(10)])
    figure = maps.plot_places(np.arange(20.0).reshape(10, 2), many, pd.Series(np.arange(10.0)), "scores")
    assert len(figure.axes) == 2 and "3" not in texts(figure)  # no strips, no names


def test_without_positions_each_recording_is_a_strip():
    figure = maps.plot_places(np.full((4, 2), np.nan), ROBOTS, pd.Series(["x", "y", "x", "x"]), "labels")
    found = texts(figure)
    assert {"a", "b", "x (3)", "y (1)", "labels"} <= set(found)


def test_sides_count_frames_without_a_position_too():
    sides, blocks = pd.Series(["train", "held out", "train"]), pd.Series(list("aba"))
    places = np.array([[0.0, 0.0], [5.0, 0.0], [np.nan, np.nan]])
    for where in (places, np.full((3, 2), np.nan)):  # a map, a strip
        figure = maps.plot_sides(sides, blocks, where)
        words = [text.get_text() for text in figure.legends[0].get_texts()]
        assert words == ["train: 2 frames of 1 block", "held out: 1 frame of 1 block"]


def test_reliability_by_hand():
    confidence, right = np.array([0.6, 0.6, 0.9, 0.9]), np.array([True, False, True, True])
    figure = charts.plot_reliability(confidence, right, "Labels", bins=2)
    line = figure.axes[0].lines[1]
    np.testing.assert_allclose(line.get_xdata(), [60, 90])
    np.testing.assert_allclose(line.get_ydata(), [50, 100])
    assert figure.axes[0].get_title() == "Labels:\n75 % confident on average, 75 % right"


def test_looks_of_both_folders_are_told_apart():
    looks = pd.DataFrame({"folder": ["Train", "Train", "Test"], "brightness": [40, 50, 80]})
    figure = charts.plot_looks(looks.assign(saturation=20, warmth=0))
    assert {"Train, 2 photos", "Test, 1 photo"} <= set(texts(figure))


@pytest.mark.parametrize("backbone", ["efficientnetlite0", "mobilenetv2"])
def test_the_network_is_drawn_from_itself(backbone):
    joint = unet.build_joint(unet.build_segmenter(5, Recipe(backbone=backbone, weights="none")), 3)
    stages = unet.list_stages(joint)
    assert stages["stride"].tolist() == [2, 4, 8, 16, 32, 16, 8, 4, 2, 32, 1]
    assert stages["channels"].tolist()[5:9] == [128, 64, 32, 16]
    found = texts(diagram.plot_network(stages, "network"))
    assert {"mask\n5 classes", "label\n3 classes", "1/16\n128 ch"} <= set(found)


def test_the_estimate_names_what_was_not_estimated_and_how_many_classes_count():
    estimate = Scores(miou=0.7, f1=0.6, miou_low=0.6, miou_high=0.8)
    held_out = Scores(miou=0.68, f1=0.5, accuracy=0.6)
    confusion = {"held_out": {"mask": [[1, 0], [0, 0]]}}
    result = RunResult(scores={"estimate": estimate, "held_out": held_out}, confusion=confusion)
    found = texts(charts.plot_estimate(result))
    assert {"held-out recordings (1 of 2 classes)", "70.0", "68.0", "60.0", "not estimated"} <= set(found)
    assert found.count("not estimated") == 1


def test_recordings_of_one_place_have_numbers_that_do_not_touch():
    places = np.tile([[0.0, 0.0], [50.0, 0.0]], (8, 1))
    recordings = pd.Series(np.repeat([f"robot/{k}" for k in range(8)], 2))
    figure = maps.plot_places(places, recordings, pd.Series(np.arange(16.0)), "scores")
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text().isdigit()]
    assert len(boxes) == 8
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_no_two_names_share_a_colour():
    names = pd.Series([f"label {k}" for k in range(30)] + ["label 0"])
    figure = maps.plot_places(np.zeros((31, 2)), pd.Series(["a"] * 31), names, "labels")
    patches = figure.legends[0].get_patches()
    assert len({patch.get_facecolor() for patch in patches}) == len(patches) == len(maps.NAME_COLORS) + 1
    assert figure.legends[0].get_texts()[-1].get_text() == "20 more (20)"


def test_a_map_of_one_frame_has_a_scale():
    figure = maps.plot_places(np.array([[5.0, 5.0]]), pd.Series(["a"]), pd.Series([1.0]), "scores")
    assert "2 m, north is up" in texts(figure)


def test_folds_have_a_legend_within_the_figure():
    sides = pd.Series(["held out", "fold 2", "fold 3", "fold 4", "fold 5", "left out"] * 20)
    blocks = pd.Series([f"block {k}" for k in range(120)])
    figure = maps.plot_sides(sides, blocks, np.full((120, 2), np.nan))
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width


def test_the_estimate_of_a_class_is_a_dot_with_its_interval():
    classes = ClassList((0, 1, 2), ("a", "b", "c"), ("#000000", "#d55e00", "#009e73"))
    table = pd.DataFrame({"pixels %": [60.0, 40, 0], "IoU %": [20.0, 90, np.nan]}, index=list("abc"))
    columns = {"IoU %": [50.0, 80, 70], "low %": [30.0, 64, 52], "high %": [70.0, 96, 88]}
    estimated = pd.DataFrame(columns, index=list("abc"))
    (ax,) = charts.plot_class_iou(table, classes, "Test", estimated).axes
    (dots,) = ax.lines
    assert dots.get_xdata().tolist() == [50, 80]  # from below: the worst class first
    rim, line = ax.collections
    assert rim.get_linewidth() > line.get_linewidth()
    ends = [[(30, 0), (70, 0)], [(64, 1), (96, 1)]]
    np.testing.assert_array_equal(line.get_segments(), ends)
    values = [text for text in ax.texts if "of pixels" in text.get_text()]
    assert all(text.get_position()[0] > 100 for text in values)  # right of all bars and intervals
    (legend,) = ax.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "measured",
        "estimated for Test",
        "its interval",
    ]
    (plain,) = charts.plot_class_iou(table, classes, "Test").axes
    assert not plain.collections and not plain.lines and not plain.figure.legends
