import json
import os

import pytest

from src import runs
from src.common import files
from src.data.samples import read_samples
from src.scores import Scores


@pytest.fixture
def samples(train_folder, classes):
    return read_samples(train_folder, classes)


@pytest.fixture
def at(monkeypatch):
    """Sets the commit that is checked out."""

    def set_commit(name):
        for module in (runs, files):
            monkeypatch.setattr(module, "find_commit", lambda: name)

    set_commit("first")
    return set_commit


@pytest.fixture
def open_at(samples, classes, tmp_path, monkeypatch, at):
    """Opens a run at a second of the clock; its training has ended if `finished`."""
    monkeypatch.chdir(tmp_path)

    def open_run(kind, second, finished, **settings):
        run = runs.open_run(kind, tmp_path, samples, classes, settings)
        if finished:
            runs.write_result(run, {"minutes": 1.0})
        os.utime(run.folder / "settings.json", (second, second))
        return run

    return open_run


def test_each_score_names_the_code_that_made_it(open_at, at):
    run = open_at("joint", 1, True)
    runs.write_result(run, {"scores": {"held_out": Scores(miou=0.5, f1=float("nan"))}})
    at("second")
    scores = runs.read_result(run).scores | {"test": Scores(miou=0.4)}
    runs.write_result(run, {"scores": scores, "confusion": {"test": {"mask": [[1]]}}})
    result = runs.read_result(run)
    assert result.commit == "first"
    commits = {split: made["commit"] for split, made in result.made_by.items()}
    assert commits == {"held_out": "first", "test": "second"}
    assert set(result.made_by["test"]) == {"commit", "machine", "versions"}
    runs.drop_scores(run, "test")
    assert set(runs.read_result(run).made_by) == {"held_out"}


def test_results_of_earlier_versions_are_read_and_added_to(open_at, at):
    run = open_at("joint", 1, True)
    path = run.folder / "result.json"
    content = json.loads(path.read_text()) | {"scores": {"held_out": {"miou": 0.5}}}
    del content["made_by"]
    path.write_text(json.dumps(content))
    runs.drop_scores(run, "test")
    at("second")
    runs.write_result(run, {"scores": {"test": Scores(miou=0.4)}})
    found = runs.read_result(run)
    assert set(found.scores) == {"held_out", "test"} and set(found.made_by) == {"test"}


def test_a_training_that_goes_on_by_other_code_names_both(open_at, at):
    open_at("seg", 1, False, SEED=0)
    at("second")
    run = open_at("seg", 2, True, SEED=0)
    assert runs.read_result(run).commit == "first and second"
    at("third")  # what has ended is not trained again
    assert runs.read_result(open_at("seg", 3, True, SEED=0)).commit == "first and second"


def test_origin_names_the_training_and_what_is_made_by_other_code(open_at, at):
    run = open_at("seg", 1, True)
    assert files.describe_origin(run.folder).endswith(", commit first")
    at("second")
    assert files.describe_origin(run.folder).endswith(", commit first, this by commit second")


def test_the_last_finished_run_is_taken_without_a_message(open_at, samples, classes, capsys):
    open_at("seg", 1, True, SEED=0)
    last = open_at("seg", 2, True, SEED=1)
    assert runs.find_run("seg", samples, classes) == last
    assert capsys.readouterr().out == ""


def test_an_older_run_than_an_interrupted_one_is_named_with_the_settings_that_differ(
    open_at, samples, classes, capsys
):
    found = open_at("seg", 1, True, SEED=0, SIZE=[64, 96], BATCH_SIZE=4)
    newer = open_at("seg", 2, False, SEED=1, SIZE=[96, 96], BATCH_SIZE=4)
    assert runs.find_run("seg", samples, classes) == found
    (line,) = capsys.readouterr().out.splitlines()
    assert f"{found.folder} is used" in line and f"{newer.folder} is newer (other SEED, SIZE)" in line
    assert "has not ended: to use it, run Train_seg_sem.ipynb again first." in line
    runs.find_run("seg", samples, classes, found.folder.name)  # chosen by its name
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("kind", "finished", "remedy"),
    [
        ("seg", False, "has not ended: to use it, run Train_seg_sem.ipynb and Train_label_seg.ipynb again"),
        ("seg", True, "has no joint network yet: to use it, run Train_label_seg.ipynb again"),
        ("joint", False, "has not ended: to use it, run Train_label_seg.ipynb again"),
    ],
)
def test_what_to_run_again_follows_from_what_was_interrupted(
    open_at, samples, classes, capsys, kind, finished, remedy
):
    first = open_at("seg", 1, True, SEED=0, CROP=1)
    found = open_at("joint", 2, True, SEGMENTER=first.folder.name, SEED=0)
    open_at("seg", 3, True, SEED=0, CROP=1)  # its own, opened again
    assert runs.find_run("joint", samples, classes) == found and capsys.readouterr().out == ""
    others = {"seg": {"SEED": 0, "CROP": 2}, "joint": {"SEED": 1, "SEGMENTER": first.folder.name}}
    open_at(kind, 4, finished, **others[kind])
    assert runs.find_run("joint", samples, classes) == found
    output = capsys.readouterr().out
    assert remedy in output and f"(other {'CROP' if kind == 'seg' else 'SEED'})" in output
