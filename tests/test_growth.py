import json
import sys
from pathlib import Path

import pytest
from texts import squeeze

from src.data import classes as class_lists
from src.data.samples import read_samples
from src.experiments import growth


def make_rows(milliseconds, memory):
    """Results of a growing set, by row; a second for each frame has the same result in all rounds."""
    names = growth.TRAIN
    return {
        name: {"seconds": [ms / 1e3], "memory": mb}
        for name, ms, mb in zip(names, milliseconds, memory, strict=True)
    }


def test_a_small_set_becomes_a_large_one_of_other_robots(learnable, tmp_path):
    first = read_samples(learnable / "Train", class_lists.read_classes(learnable / "Train"))
    count = len(first) + 2
    growth.write_train(learnable, tmp_path, count)
    samples = read_samples(tmp_path / "Train", class_lists.read_classes(tmp_path / "Train"))
    assert len(samples) == count and samples["image"].nunique() == count
    assert samples["label"][: len(first)].tolist() == first["label"].tolist()
    assert samples["robot"].tolist()[-1] == f"1-{first['robot'][1]}"
    assert samples["time"].tolist()[-1] == first["time"][1]
    original, repeated = Path(samples["image"][0]), Path(samples["image"][len(first)])
    assert original.stat().st_ino == repeated.stat().st_ino  # it takes no room on the disk
    assert original.read_bytes() == Path(first["image"][0]).read_bytes()


def test_each_step_is_measured_in_seconds_a_frame(learnable, tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend("benchmarks")
    sys.modules.pop("growth", None)
    import growth as rows

    (tmp_path / "settings.json").write_text(json.dumps({"SIZE": [64, 96]}))
    monkeypatch.setattr(growth, "TRAIN", {"9 frames": 9})
    growth.write_trains(learnable, tmp_path)
    places = (str(tmp_path / "train" / "9 frames"), str(tmp_path / growth.FEW))
    for step in growth.STEPS.values():
        measure = getattr(rows, step)(str(tmp_path), *places)
        assert measure() > 0 and measure() > 0
    samples, photos = rows._load_photos(tmp_path / growth.FEW / "Train")
    assert len(samples) == len(photos) == growth.WARM and photos[0].shape == (96, 96, 3)


def test_ratios_of_growth_by_hand():
    groups = {
        "growth doctor": make_rows([9, 2, 2, 3], [100, 100, 100, 100]),
        "growth set-up": make_rows([9, 4, 4, 8], [100, 100, 100, 100]),
        "growth split": make_rows([1, 1, 10, 30], [100, 100, 100, 100]),  # no straight line
        "growth frames": make_rows([5, 5, 5, 5], [100, 110, 120, 130]),
    }
    found = growth.count_ratios(groups)
    assert found["time_growth"] == pytest.approx(2) and found["memory_growth"] == pytest.approx(1.2)
    assert growth.count_ratios({}) == {}
    del groups["growth frames"]["30,000 frames"], groups["growth doctor"], groups["growth set-up"]
    assert growth.count_ratios(groups) == {"memory_growth": pytest.approx(1.2)}


def test_the_table_of_growth_compares_with_the_first_row():
    groups = {
        "growth frames": make_rows([20, 10, 10, 10], [400, 400, 400, 500]),
        "growth audit": make_rows([1, 2, 4, 8], [200, 200, 300, 600]),
    }
    lines = squeeze(growth.make_growth_table(groups)).splitlines()
    assert lines[0] == "| what | of | ms a frame | / first | peak MB | / first |"
    assert lines[2] == "| audit | 100 frames | 1.0 | 1.00 | 200 | 1.00 |"
    assert lines[5] == "| audit | 30,000 frames | 8.0 | 8.00 | 600 | 3.00 |"
    assert lines[-1] == "| Save_test, frames | 30,000 frames | 10.0 | 0.50 | 500 | 1.25 |"


def test_growth_is_drawn_only_where_frames_and_pixels_are_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(growth, "FIGURE", tmp_path / "growth.png")
    pixels = {name: {"seconds": [0.1], "memory": 100} for name in growth.SAVE_TEST["growth pixels"]}
    groups = {"growth frames": make_rows([1] * 4, [1] * 4)}
    growth.draw_growth(groups)
    assert not growth.FIGURE.exists()
    growth.draw_growth(groups | {"growth pixels": pixels})
    assert growth.FIGURE.exists()


def test_the_figure_of_growth_has_the_rows_of_the_table(monkeypatch):
    drawn = []
    monkeypatch.setattr(growth.style, "save_figure", lambda figure, path: drawn.append(figure))
    pixels = {name: {"seconds": [0.1], "memory": 100} for name in growth.SAVE_TEST["growth pixels"]}
    groups = {"growth frames": make_rows([6, 3, 3, 3], [100, 100, 100, 100]), "growth pixels": pixels}
    del groups["growth frames"]["30,000 frames"], groups["growth pixels"]["2160 x 3840 px"]
    growth.draw_growth(groups)
    minutes, milliseconds, memory = (ax.lines[0] for ax in drawn[0].axes)
    assert minutes.get_xdata().tolist() == [100, 1000, 10000]
    assert minutes.get_ydata().tolist() == pytest.approx([0.01, 0.05, 0.5])
    assert milliseconds.get_xdata().tolist() == pytest.approx([0.2304, 0.9216, 3.6864])
    assert memory.get_ydata().tolist() == [100, 100, 100]
