import numpy as np
import pandas as pd
import pytest
from conftest import draw_frame
from matplotlib import pyplot as plt

from src.data.classes import IGNORE, Classes, ClassList
from src.evaluation import metrics
from src.figures import charts, panels, style


def test_predictions_stand_in_order_with_one_legend(classes, tmp_path):
    image, mask, _ = draw_frame(1)
    unknown = mask.copy()
    unknown[0] = IGNORE
    figure = panels.plot_predictions([image] * 2, [unknown] * 2, [mask] * 2, ["a", "b"], classes)
    assert [ax.get_title() for ax in figure.axes[:3]] == ["a", "truth", "prediction"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ground", "red", "not counted"]
    shown = figure.axes[2].images[0].get_array()
    assert shown[mask == 1][0].tolist() == [0xD5, 0x5E, 0x00]
    style.save_figure(figure, tmp_path / "figures" / "test.png")
    assert (tmp_path / "figures" / "test.png").stat().st_size > 1000


def test_share_of_wrong_pixels_is_of_those_that_count(classes):
    truth, predicted = np.array([[0, 1, IGNORE, IGNORE]], np.uint8), np.array([[0, 0, 0, 0]], np.uint8)
    image = np.zeros((1, 4, 3), np.uint8)
    figure = panels.plot_predictions([image], [truth], [predicted], ["a"], classes, disagreement=True)
    assert figure.axes[3].get_title() == "50 % of the pixels are wrong"


def test_bars_show_each_class_that_the_truth_holds(classes):
    table = metrics.make_classes_table(np.array([[8, 2, 0], [0, 10, 0], [0, 0, 0]]), classes.mask)
    figure = charts.plot_class_iou(table, classes.mask, "Test")
    assert [bar.get_width() for bar in figure.axes[0].patches] == [80.0, pytest.approx(1000 / 12)]
    assert figure.axes[0].get_title() == "Test: mean IoU 81.7 % over 2 of 3 classes"


def test_confusion_rows_are_shares(classes):
    figure = charts.plot_confusion([[3, 1, 0], [0, 2, 0], [0, 0, 0]], classes.label.names, "Labels")
    cells = [text.get_text() for text in figure.axes[0].texts]
    assert cells[:2] == ["75\n(3)", "25\n(1)"]
    assert cells[-3:] == ["-", "-", "-"]  # no frame is truly of the third


def test_label_is_described_with_its_truth_where_that_is_known(classes):
    words = panels.describe_label(1, 0.974, 0, classes.label)
    assert words == "predicted: red box, 97 % confident\ntrue: empty (label wrong)"
    assert panels.describe_label(0, 0.974, 0, classes.label).endswith("\ntrue: empty")
    assert panels.describe_label(2, float("nan"), -1, classes.label) == "predicted: green box"


def test_history_has_a_panel_a_measure():
    history = pd.DataFrame(
        {"loss": [2.0, 1.0], "miou": [0.1, 0.2], "val_loss": [2.0, 1.5], "val_miou": [0.1, 0.15]}
    )
    figure = charts.plot_history(history)
    assert [ax.get_title() for ax in figure.axes] == ["loss", "mean IoU, %"]
    assert figure.axes[1].lines[1].get_ydata().tolist() == [10.0, 15.0]


def test_history_of_one_epoch_has_a_tick_for_it():
    figure = charts.plot_history(pd.DataFrame({"loss": [2.0]}, index=[1]))
    low, high = figure.axes[0].get_xlim()
    assert [tick for tick in figure.axes[0].get_xticks() if low <= tick <= high] == [1.0]


def test_pairs_lie_side_by_side():
    photos = [np.full((4, 6, 3), value, np.uint8) for value in (0, 50, 100, 150)]
    figure = panels.plot_pairs([(photos[0], photos[1]), (photos[2], photos[3])], [("a", "b"), ("c", "d")])
    assert [ax.get_title() for ax in figure.axes] == list("abcd")
    assert figure.axes[3].images[0].get_array()[0, 0, 0] == 150


def test_a_wide_title_loses_its_middle(classes):
    photo, mask = np.zeros((8, 12, 3), np.uint8), np.zeros((8, 12), np.uint8)
    name = "video_street_city_outdoor_boston_usa_mvi_0004__frame_00211"
    figure = panels.plot_samples([photo], [mask], [f"{name}\nsure 80 %"], classes)
    first, second = figure.axes[0].get_title().split("\n")
    assert first == "video_street_city_out…mvi_0004__frame_00211" and second == "sure 80 %"
    assert len(first) == panels.WIDEST_TITLE + 1


def test_a_title_breaks_between_words_but_not_before_a_percent_sign():
    title = "predicted: a very long name of a class, 97 % confident"
    first, second = panels._fit_title(title, panels.PANEL_WIDTH).split("\n")
    assert first == "predicted: a very long name of a class," and second == "97 % confident"


def test_upright_photos_have_narrow_panels_that_they_fill(classes):
    photo = np.zeros((160, 90, 3), np.uint8)
    mask = np.zeros((160, 90), np.uint8)
    figure = panels.plot_samples([photo], [mask], ["a"], classes)
    figure.draw_without_rendering()
    assert figure.get_figwidth() == 2 * panels.NARROWEST_PANEL
    shown = figure.axes[0].get_window_extent().width / figure.dpi
    assert shown > 0.8 * panels.NARROWEST_PANEL


def test_a_long_legend_leaves_the_photos_their_size():
    photo = np.zeros((60, 80, 3), np.uint8)
    mask = (np.arange(60 * 80) % 24).astype(np.uint8).reshape(60, 80)
    sizes = []
    for count in (2, 24):
        many = ClassList(tuple(range(count)), tuple(f"class {k}" for k in range(count)), ("#999999",) * count)
        figure = panels.plot_samples([photo] * 2, [mask % count] * 2, ["a", "b"], Classes(many, many))
        figure.draw_without_rendering()
        sizes.append(figure.axes[0].get_window_extent().width / figure.dpi)
    assert sizes[1] == pytest.approx(sizes[0], rel=0.03)


def test_a_frame_without_truth_is_not_called_right(classes):
    photo = np.zeros((4, 6, 3), np.uint8)
    unknown = np.full((4, 6), IGNORE, np.uint8)
    figure = panels.plot_predictions([photo], [unknown], [unknown * 0], ["a"], classes, disagreement=True)
    assert figure.axes[3].get_title() == "the truth is not known"
    assert figure.axes[1].spines["top"].get_visible()  # else a white mask could not be seen on white


def test_bars_of_many_classes_fill_their_axes_and_colours_of_many_have_a_scale():
    names = tuple(f"class {k}" for k in range(60))
    many = ClassList(tuple(range(60)), names, ("#999999",) * 60)
    bars = charts.plot_class_iou(metrics.make_classes_table(np.eye(60), many), many, "Test")
    assert bars.axes[0].get_ylim() == (-0.6, 59.6) and bars.get_figheight() < 14
    assert len(charts.plot_confusion(np.eye(60), names, "Pixels").axes) == 2
    assert len(charts.plot_confusion(np.eye(6), names[:6], "Pixels").axes) == 1


def test_one_frame_of_each_city_is_drawn(classes):
    frame = (np.zeros((6, 8, 3), np.uint8), np.zeros((6, 8), np.uint8), np.ones((6, 8)))
    figure = panels.plot_world({"Train": [frame], "Test": [frame]}, classes)
    assert figure.axes[0].get_title() == "Train: photo"


def test_a_dark_notebook_changes_no_figure(classes):
    photo = np.zeros((6, 8, 3), np.uint8)
    with plt.style.context("dark_background"):
        figure = panels.plot_pairs([(photo, photo)], [("a", "b")])
        assert figure.get_facecolor() == (1, 1, 1, 1)
        assert figure.axes[0].title.get_color() == "black"
