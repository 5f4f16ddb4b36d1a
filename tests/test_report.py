import json
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pandas as pd
import pytest

from src import plots, report, runs
from src.figures import charts, style

SCORES = {"miou": 0.5, "miou_low": 0.4, "miou_high": 0.6, "f1": 0.5, "accuracy": 0.5}


@pytest.fixture
def run(tmp_path):
    """A finished run on data with a hostile name, with two figures of its own and one of the run before."""
    for name, shown in (("joint-x", ("test", "result_estimate")), ("seg-x", ("split", "test"))):
        (tmp_path / name / "figures").mkdir(parents=True)
        for figure in shown:
            cv2.imwrite(str(tmp_path / name / "figures" / f"{figure}.png"), np.zeros((4, 6, 3), np.uint8))
    settings = {"data": "<script>alert(1)</script>", "SEGMENTER": "seg-x", "data_fingerprint": "1"}
    result = {
        "scores": {"estimate": SCORES, "held_out": SCORES},
        "leaky": False,
        "machine": "2 cores",
        "commit": "abc",
        "versions": {"tensorflow": "2.21.0"},
        "tta": True,
    }
    earlier = {"RECIPE": {"backbone": "<b>", "crop": 0.75}, "BATCH_SIZE": 4, "GROUP": 30 * "wide "}
    (tmp_path / "seg-x" / "settings.json").write_text(json.dumps(earlier))
    (tmp_path / "joint-x" / "settings.json").write_text(json.dumps(settings))
    (tmp_path / "joint-x" / "result.json").write_text(
        json.dumps(result | {"minutes": 1.0, "note": "synthetic world", "settings": settings})
    )
    return tmp_path / "joint-x"


class Links(HTMLParser):
    """Collects what a page would fetch."""

    def __init__(self):
        super().__init__()
        self.found, self.tags = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.found += [value for name, value in attrs if name in ("src", "href")]


def test_the_page_is_one_file_that_fetches_nothing(run):
    page = report.write_report(run).read_text()
    links = Links()
    links.feed(page)
    assert len(links.found) == 3 and all(link.startswith("data:image/") for link in links.found)
    assert "script" not in links.tags and "&lt;script&gt;" in page and "synthetic world" in page
    assert "about 50.0 % (40.0 to 60.0)" in page
    rows = dict(re.findall(r"<th>(.*?)</th>\s*<td>(.*?)</td>", page))
    assert rows["RECIPE"] == "backbone=&lt;b&gt; crop=0.75" and rows["BATCH_SIZE"] == "4"
    assert rows["GROUP"].count("wide") == 30
    assert rows["TTA"] == "True" and rows["SEGMENTER"] == "seg-x" and rows["tensorflow"] == "2.21.0"
    order = [page.index(report.CAPTIONS[name]) for name in ("result_estimate", "test", "split")]
    assert order == sorted(order)


def test_a_caption_repeats_what_the_notebook_said(run, capsys):
    figure = charts.plot_history(pd.DataFrame({"loss": [2.0]}, index=[1]))
    show = plots.Album(runs.Run(run, {}), "synthetic world")
    show(None)
    show(plots.View("test", figure, "Two < three."))
    assert "Two < three." in capsys.readouterr().out
    page = report.write_report(run).read_text()
    assert f"<figcaption>{report.CAPTIONS['test']} Two &lt; three.</figcaption>" in page


def test_a_large_picture_is_packed_smaller(run):
    noise = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (600, 600, 3), np.uint8), (0, 0), 2)
    cv2.imwrite(str(run / "figures" / "test.png"), noise)
    before = (run / "figures" / "test.png").stat().st_size
    page = report.write_report(run).read_text()
    assert before > style.LARGE and "data:image/jpeg" in page and len(page) < before
    assert not re.search(r"https?://", page)


def test_a_score_by_other_code_than_the_training_names_it(run):
    result = json.loads((run / "result.json").read_text())
    result["scores"]["test"] = SCORES
    result["made_by"] = {"held_out": {"commit": "abc"}, "test": {"commit": "def"}}
    (run / "result.json").write_text(json.dumps(result))
    rows = dict(re.findall(r"<th>(.*?)</th>\s*<td>(.*?)</td>", report.write_report(run).read_text()))
    assert rows["commit of the training"] == "abc" and rows["commit of the score: Test"] == "def"
    assert "commit of the score: held-out recordings" not in rows


def test_a_run_that_is_not_finished_names_the_notebook(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Train_label_seg\.ipynb"):
        report.write_report(tmp_path)
    (tmp_path / "result.json").write_text('{"settings": {"SEGMENTER": "seg-x"}}')  # begun, and no more
    with pytest.raises(FileNotFoundError, match=r"finished joint run.*Train_label_seg\.ipynb"):
        report.write_report(tmp_path)
