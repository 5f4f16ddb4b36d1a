import json

import numpy as np
import pandas as pd
import pytest

from src.common.errors import MissingError
from src.experiments import own_runs


def write_run(folder, name, seed, miou, minutes=2.0, recipe="resnet18"):
    """Writes a finished joint run and the settings of its segmentation network."""
    joint, seg = folder / f"joint-{name}", folder / f"seg-{name}"
    for path in (joint, seg):
        path.mkdir(parents=True)
    (seg / "settings.json").write_text(json.dumps({"RECIPE": {"backbone": recipe}, "BATCH_SIZE": 4}))
    scores = {"held_out": {"miou": miou, "f1": 0.5, "accuracy": 0.25}, "test": {"miou": miou / 2}}
    content = {
        "settings": {"SEGMENTER": seg.name, "SEED": seed, "data": "city"},
        "scores": scores,
        "confusion": {"held_out": {"mask": [[3, 1, 0], [0, 4, 0], [0, 0, 0]], "label": None}},
        "classes": ["road", "path", "grass"],
        "commit": "abc",
        "seed": seed,
    }
    if minutes is not None:
        content["minutes"] = minutes
    (joint / "settings.json").write_text(json.dumps(content["settings"]))
    (joint / "result.json").write_text(json.dumps(content))
    return joint


def squeeze(table):
    return "\n".join(" ".join(line.split()) for line in table.splitlines())


def test_all_finished_runs_are_listed_with_the_settings_in_which_they_differ(tmp_path):
    write_run(tmp_path, "a", 0, 0.5)
    write_run(tmp_path, "b", 1, 0.6, recipe="resnet34")
    write_run(tmp_path, "unfinished", 2, 0.7, minutes=None)
    table = squeeze(own_runs.compare_all(tmp_path))
    head = "| run | SEED | RECIPE backbone | minutes | held out, mIoU / F1 | estimate, mIoU / F1 "
    assert head in table and "unfinished" not in table and "BATCH_SIZE" not in table
    assert "| joint-a | 0 | resnet18 | 2 | 50.0 / 50.0 | | 25.0 / - | |" in table
    assert "| joint-b | 1 | resnet34 | 2 | 60.0 / 50.0 | | 30.0 / - | |" in table


def test_what_differs_between_two_runs_by_hand(tmp_path):
    first, second = write_run(tmp_path, "a", 0, 0.5), write_run(tmp_path, "b", 1, 0.6, 3.5)
    table = squeeze(own_runs.compare_two(first, second))
    assert "| SEED | 0 | 1 |" in table and "RECIPE" not in table and "commit" not in table
    assert "| held out, mIoU | 50.0 | 60.0 | +10.0 |" in table
    assert "| Test, F1 | - | - | - |" in table
    assert "| minutes of training | 2.0 | 3.5 | +1.5 |" in table
    assert "| road | 75.0 | 75.0 | +0.0 |" in table  # 3 of 3 + 1 pixels
    assert "| grass | - | - | - |" in table
    assert "Settings, code and machine are the same." in own_runs.compare_two(first, first)


def test_classes_of_other_data_are_not_compared(tmp_path):
    first, second = write_run(tmp_path, "a", 0, 0.5), write_run(tmp_path, "b", 1, 0.6)
    path = second / "result.json"
    path.write_text(path.read_text().replace("grass", "sand"))
    assert "class, held out" not in own_runs.compare_two(first, second)


def test_what_is_missing_is_said(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingError, match="must hold a finished run"):
        own_runs.compare_all(tmp_path)
    with pytest.raises(MissingError, match="must be the folder of a finished joint run"):
        own_runs.compare_two(tmp_path / "a", tmp_path / "b")
    code, _, errors = command("compare", "one")
    assert code == 2 and "name two, or none" in errors
    assert own_runs.describe_submissions(tmp_path) == "No finished run in runs/."


def test_table_of_submissions_by_hand():
    first = {
        "run": "a",
        "seed": 0,
        "estimate miou": 50.0,
        "estimate miou_low": 40.0,
        "estimate miou_high": 60.0,
    }
    first |= {"competition miou": 38.0, "competition f1": 70.0}
    second = first | {"run": "b", "test miou": 52.0, "competition miou": np.nan, "competition f1": np.nan}
    third = {"run": "c", "seed": 1}
    table = squeeze(own_runs.make_submissions_table(pd.DataFrame([first, second, third])))
    assert "| a | 0 | 50.0 / - / - | 40 to 60 | - / - / - | 38.0 / - / 70.0 | +12.0 |" in table
    assert "| b | 0 | 50.0 / - / - | 40 to 60 | 52.0 / - / - | - / - / - | -2.0 |" in table
    assert "| c | 1 | - / - / - | - | - / - / - | - / - / - | - |" in table
    assert table.endswith("missed by 7.0 points of mean IoU on average; 1 of 2 scores lay in the interval.")
    assert "No run is scored yet" in own_runs.make_submissions_table(pd.DataFrame([third]))
    assert own_runs.make_submissions_table(pd.DataFrame()) == "No finished run in runs/."
