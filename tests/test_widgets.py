import base64
import re
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import draw_frame
from IPython.display import Image
from tiny import TINY

from src.data.samples import read_samples
from src.figures import widgets
from src.inference import engine
from src.model import unet
from src.training.compiled import build_seeded


class Truth:
    """Answers with each photo's own mask, with half of the confidence."""

    layers, input_shape = (), (None, None, None, 3)

    def predict_on_batch(self, images):
        distance = [
            np.abs(images - np.array(color)).sum(-1) for color in ((90,) * 3, (200, 60, 60), (60, 170, 60))
        ]
        return {"mask": -np.stack(distance, -1).astype(np.float32) / 50, "label": np.zeros((len(images), 3))}


@pytest.fixture
def browser(train_folder, classes):
    samples = read_samples(train_folder, classes)
    notes = pd.DataFrame(
        {"label": [0, 1, 2, 0, 1, 2], "confidence": 0.5, "expected_miou": [0.9, 0.8, 0.1, 0.7, 0.6, 0.5]}
    )
    shares = [[(draw_frame(i)[1] == k).mean() for i in range(6)] for k in range(3)]
    for name, share in zip(classes.mask.names, shares, strict=True):
        notes[f"share {name}"] = share
    notes["miou"] = np.arange(6) / 10
    return widgets.FrameBrowser(engine.KerasPredictor(Truth()), samples, notes, classes, (64, 96))


def read(browser):
    return cv2.imdecode(np.frombuffer(browser.picture.value, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def test_slider_and_opacity_change_the_picture(browser):
    first = read(browser)
    assert first.shape == (64, 3 * 96, 3) and "frame_000.jpg" in browser.caption.value
    browser.slider.value = 1
    second = read(browser)
    assert (first[:, :96] != second[:, :96]).any() and "frame_001.jpg" in browser.caption.value
    browser.opacity.value = 0
    assert (read(browser)[:, 96:192] == read(browser)[:, :96]).all()  # nothing lies over the photo
    browser.opacity.value = 1
    assert {tuple(color) for color in read(browser)[:, 96:192].reshape(-1, 3)} <= {
        (0x99, 0x99, 0x99),
        (0xD5, 0x5E, 0x00),
        (0x00, 0x9E, 0x73),
    }


def test_zoom_shows_the_photo_up_to_its_own_size(train_folder, browser):
    photo, _, _ = draw_frame(0, (160, 240))  # of a network that sees 64 x 96
    cv2.imwrite(str(train_folder / "frame_000.jpg"), photo)
    browser.samples.loc[0, ["height", "width"]] = 160, 240
    browser.zoom.value = 2
    assert read(browser).shape == (128, 3 * 192, 3)
    assert browser.picture.layout.width == "200%" and browser.picture.layout.max_width == "none"
    browser.zoom.value = 4
    assert read(browser).shape == (160, 3 * 240, 3) and browser.picture.layout.width == "400%"
    browser.slider.value = 1  # a photo of the network's own size has no more to show
    assert read(browser).shape == (64, 3 * 96, 3)
    browser.zoom.value = 1
    assert browser.picture.layout.max_width == "100%"


def test_order_and_class_choose_the_frames(browser):
    browser.order.value = "lowest expected mean IoU first"
    assert "frame_002.jpg" in browser.caption.value
    browser.order.value = "worst first"
    assert "frame_000.jpg" in browser.caption.value and "mean IoU 0 %" in browser.caption.value
    browser.notes["miou"] = [0.9, np.nan, 0.2, np.nan, 0.1, 0.3]  # two frames without truth come last
    browser.order.value = "as in data.csv"
    browser.order.value = "worst first"
    assert browser.rows[:4].tolist() == [4, 2, 5, 0] and "frame_004.jpg" in browser.caption.value
    browser.wanted.value = "green"
    assert "frame_002.jpg" in browser.caption.value and browser.slider.max == 1  # frames 2 and 5
    browser.notes["share green"] = 0.0
    browser.order.value = "as in data.csv"
    assert browser.caption.value == "No frame shows this class."


def test_a_still_picture_stands_where_there_are_no_widgets(browser, monkeypatch):
    shown = []
    monkeypatch.setattr(widgets, "display", lambda bundle, raw: shown.append(bundle))
    browser.show(Image(b"\x89PNG", format="png"))
    assert set(shown[0]) == {"application/vnd.jupyter.widget-view+json", "image/png", "text/plain"}
    assert base64.b64decode(shown[0]["image/png"]) == b"\x89PNG"


def test_names_of_files_are_escaped(browser):
    browser.samples.loc[1, "image_path"] = "<b>.jpg"
    browser.slider.value = 1
    assert "&lt;b&gt;.jpg" in browser.caption.value


def test_the_link_carries_the_very_zip(tmp_path, monkeypatch):
    path = tmp_path / "try <1>.zip"
    path.write_bytes(b"PK" + bytes(range(256)))
    link = widgets.link(path).data
    assert 'download="try &lt;1&gt;.zip"' in link and "(0.3 kB)" in link and "mathjax_ignore" in link
    assert base64.b64decode(re.search(r"base64,([^\"]+)", link)[1]) == path.read_bytes()
    monkeypatch.setattr(widgets, "EMBEDDED", 0)
    assert "base64" not in widgets.link(path).data and "download=" in widgets.link(path).data


def test_names_in_a_table_are_neither_typeset_nor_markup():
    written = widgets.write_table(pd.DataFrame({"class": ["free $$ zone", "<b>", "$x$"]}))
    assert "free $$ zone" in written and "&lt;b&gt;" in written
    assert f'<table border="1" class="{widgets.NO_MATH} dataframe' in written


# The live view ----------------------------------------------

HISTORY = pd.DataFrame({"loss": [1.0]}, index=[1])


@pytest.fixture
def pictures_shown(monkeypatch):
    """What a live view shows."""
    shown = []
    handle = SimpleNamespace(update=shown.append)
    monkeypatch.setattr(widgets, "display", lambda nothing, display_id: handle)
    return shown


@pytest.mark.parametrize("cost", [0.4, 5.0])  # seconds a picture
def test_live_view_costs_at_most_three_hundredths_of_the_time(pictures_shown, classes, monkeypatch, cost):
    image, mask, _ = draw_frame(1)
    now = [0.0]

    def predict_slowly(model, photo):
        now[0] += cost
        return mask

    monkeypatch.setattr(widgets.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(widgets.unet, "predict_mask", predict_slowly)
    monkeypatch.setattr(widgets, "plot_live", lambda *shown: "figure")
    live = widgets.LiveView(image, mask, classes)
    for _ in range(1000):
        now[0] += 1.0
        live(HISTORY, None, False)
    live(HISTORY, None, True)
    assert len(pictures_shown) >= 6 and cost * len(pictures_shown) <= 0.03 * now[0]


def test_live_view_shows_the_end_of_a_short_training(pictures_shown, classes, monkeypatch):
    image, mask, _ = draw_frame(1)
    monkeypatch.setattr(widgets.unet, "predict_mask", lambda model, photo: mask)
    live = widgets.LiveView(image, mask, classes)
    live(HISTORY, None, False)
    assert pictures_shown == []
    live(HISTORY, None, True)
    assert [ax.get_title() for ax in pictures_shown[0].axes] == ["loss", "photo", "truth", "prediction"]


def test_live_view_changes_nothing_of_what_it_shows(pictures_shown, classes):
    image, mask, _ = draw_frame(1)
    network = build_seeded(0, lambda: unet.build_segmenter(3, TINY))
    before = [variable.numpy() for variable in network.variables]
    drawn = np.random.get_state()[1].copy()  # noqa: NPY002 - the state that Keras' seed sets
    widgets.LiveView(image, mask, classes)(HISTORY, network, True)
    assert all((old == new.numpy()).all() for old, new in zip(before, network.variables, strict=True))
    assert (drawn == np.random.get_state()[1]).all()  # noqa: NPY002
    assert len(pictures_shown) == 1
