"""Names of classes, files and recordings are shown as they are, whatever letters they hold."""

import warnings

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from conftest import draw_frame

from src.data.classes import IGNORE, Classes, ClassList
from src.evaluation import metrics
from src.figures import charts, maps, panels, style

HOSTILE = {
    "dollars": ("free $$ zone", "$x_$", "price$"),
    "TeX": (r"\frac{1}{2}", "a^b_c", r"$\undefined$"),
    "markup": ("<b>bold</b>", "a & b", "a|b"),
    "underscores": ("_road", "__", "_"),
    "no font": ("\U0001f6b8", "\u8def\u9762", "\u05d3\u05e8\u05da"),
    "long": ("a" * 100, "b" * 100, "c" * 100),
    "numbers": ("1", "2", "2026-01-01"),
    "lines": ("two\nlines", "a\tb", "c"),
}
COLORS = ("#999999", "#d55e00", "#009e73")


def draw_all(names, folder):
    """Draws every figure that shows users' names, and gives all texts in them."""
    few = ClassList((0, 1, 2), names, COLORS)
    classes = Classes(few, few)
    image, mask, _ = draw_frame(1)
    counts = np.array([[8, 2, 0], [0, 10, 0], [0, 1, 3]])
    labels, places = pd.Series(names), np.array([[0.0, 0.0], [30.0, 0.0], [0.0, 20.0]])
    table = metrics.make_classes_table(counts, few)
    titles = [f"{name}\n{panels.describe_label(0, 0.5, 1, few)}" for name in names[:2]]
    frames = ([image] * 2, [mask] * 2)
    drawn = [
        panels.plot_samples(*frames, titles, classes),
        panels.plot_predictions(frames[0], frames[1], frames[1], titles, classes, disagreement=True),
        panels.plot_pairs([(image, image)], [(names[0], names[1])]),
        charts.plot_class_iou(table, few, "Test"),
        charts.plot_confusion(counts, names, "Labels"),
        maps.plot_places(places, labels, labels, "predicted label"),
        maps.plot_places(np.full((3, 2), np.nan), labels, pd.Series([1.0, 2.0, np.nan]), "scores"),
    ]
    for number, figure in enumerate(drawn):
        style.save_figure(figure, folder / f"{number}.png")
    return drawn


@pytest.fixture(scope="module", params=HOSTILE)
def drawn(request, tmp_path_factory):
    """All figures with names of one kind, the warnings that came, and the pictures' folder."""
    folder = tmp_path_factory.mktemp("drawn")
    with warnings.catch_warnings(record=True) as warned, pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("always")
        patch.setitem(style.STYLE, "savefig.dpi", 40)
        return HOSTILE[request.param], draw_all(HOSTILE[request.param], folder), warned, folder


def test_names_of_every_kind_are_drawn_without_a_warning(drawn):
    _, _, warned, folder = drawn
    assert [str(warning.message) for warning in warned] == []
    assert len(list(folder.glob("*.png"))) == 7


def test_legend_and_ticks_hold_the_names_themselves(drawn):
    names, (samples, _, _, bars, confusion, places, strips), _, _ = drawn
    short = [style.shorten(name) for name in names]
    assert [text.get_text() for text in samples.legends[0].get_texts()] == short[:2]
    assert [tick.get_text() for tick in confusion.axes[0].get_yticklabels()] == short
    assert {tick.get_text() for tick in bars.axes[0].get_yticklabels()} == set(short)
    counted = [style.shorten(f"{name} (1)") for name in sorted(names)]
    assert [text.get_text() for text in places.legends[0].get_texts()] == counted
    assert set(short) <= {text.get_text() for text in strips.axes[0].texts}


def test_no_text_of_a_figure_is_read_as_tex(drawn):
    _, drawings, _, _ = drawn
    for figure in drawings:
        texts = [text for text in figure.findobj(mpl.text.Text) if text.get_text()]
        assert texts and not any(text.get_parse_math() or text.get_usetex() for text in texts)


def test_long_names_leave_a_figure_nearly_as_wide_as_planned(drawn):
    _, drawings, _, folder = drawn
    for number, figure in enumerate(drawings):
        height, width = mpl.image.imread(folder / f"{number}.png").shape[:2]
        assert width <= 1.1 * 40 * figure.get_figwidth()
        assert height <= 1.1 * 40 * figure.get_figheight()


def test_a_long_name_loses_its_middle():
    assert style.shorten("abcdefgh", 8) == "abcdefgh"
    assert style.shorten("abcdefghi", 4) == "ab…hi"
    assert style.shorten("two\nlines") == "two lines"


def test_of_very_many_classes_the_legend_names_the_largest(tmp_path):
    many = ClassList(tuple(range(150)), tuple(f"class {k}" for k in range(150)), ("#999999",) * 150)
    mask = (np.arange(96 * 150) % 150).astype(np.uint8).reshape(96, 150)
    mask[0] = IGNORE
    mask[1] = 140  # the largest
    image = np.zeros((96, 150, 3), np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = panels.plot_samples([image], [mask], ["a"], Classes(many, many))
        style.save_figure(figure, tmp_path / "a.png")
        style.save_figure(charts.plot_confusion(np.eye(150), many.names, "Pixels"), tmp_path / "b.png")
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(names) == style.MOST_NAMES + 2 and "class 140" in names
    assert names[-2:] == ["126 more classes", "not counted"]
    assert max(mpl.image.imread(tmp_path / "b.png").shape) < 6000  # px


def test_frames_without_any_truth_are_drawn(tmp_path):
    few = ClassList((0, 1, 2), ("a", "b", "c"), COLORS)
    image, nothing = np.zeros((8, 12, 3), np.uint8), np.full((8, 12), IGNORE, np.uint8)
    table = metrics.make_classes_table(np.zeros((3, 3), int), few)
    bars = charts.plot_class_iou(table, few, "Test")
    assert bars.axes[0].get_title() == "Test: no class has pixels"
    drawn = [
        bars,
        charts.plot_confusion(np.zeros((3, 3), int), few.names, "Labels"),
        panels.plot_predictions([image], [nothing], [nothing], ["a"], Classes(few, few), disagreement=True),
        maps.plot_places(np.array([[1.0, 2.0]]), pd.Series(["a"]), pd.Series([np.nan]), "scores"),
        charts.plot_reliability(np.array([0.5]), np.array([True]), "Labels"),
        charts.plot_looks(
            pd.DataFrame({"folder": ["Train"], "brightness": [1.0], "saturation": [1.0], "warmth": [0.0]})
        ),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number, figure in enumerate(drawn):
            style.save_figure(figure, tmp_path / f"{number}.png")
    assert len(list(tmp_path.glob("*.png"))) == 6
