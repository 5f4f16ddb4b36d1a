"""The four notebooks on a small set that can be learned: once by `make run` itself, then cell by cell."""

import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from cells import RECIPE, run_cells

from src import report, run
from src.common.errors import DataError
from src.experiments import publish
from src.project import Project
from src.submission.result import Result
from src.submission.submission import Submission

ROOT = Path(__file__).parent.parent
KERNEL = f"import sys; sys.path[:0] = ['', {str(ROOT / 'tests')!r}]; import tiny"  # a backbone of few weights
WATCHER = """
import glob, os, sys

def watch(event, arguments):
    if event == "open" and str(arguments[0]).startswith(os.environ["WATCHED"]):
        with open("opened.txt", "a") as log:
            print(len(glob.glob("submissions/*.zip")), arguments[0], file=log)

sys.addaudithook(watch)
"""


def copy_project(folder):
    """Copies what a run needs, with the same environment."""
    for name in (*run.NOTEBOOKS, "Makefile", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".venv").symlink_to(ROOT / ".venv", target_is_directory=True)


@pytest.fixture(scope="module")
def road(learnable, tmp_path_factory):
    """A copy of the project in which `make run` has run, and what it printed."""
    folder = tmp_path_factory.mktemp("road")
    copy_project(folder)
    words = [
        f"DATA={learnable}",
        f"REFERENCE={learnable / 'reference'}",
        "SIZE=(64, 96)",
        "EPOCHS=7",
        "BATCH_SIZE=4",
        "ESTIMATE=full",
        "LEAKY=True",
        "GROUP=robot_id",
        "TENSORBOARD=True",
        f"RECIPE={RECIPE}",
    ]
    watcher = tmp_path_factory.mktemp("watcher")
    (watcher / "sitecustomize.py").write_text(WATCHER)
    startup = watcher / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "start.py").write_text(KERNEL)
    environment = os.environ | {"PYTHONPATH": str(watcher), "IPYTHONDIR": str(watcher)}
    environment["WATCHED"] = str(learnable / "reference")
    os.utime(ROOT / ".venv" / "installed")  # a fresh copy of requirements.lock would seem newer
    done = subprocess.run(
        ["make", "run", *words], cwd=folder, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, done


def test_zip_beats_a_constant_answer(road):
    folder, _ = road
    result = json.loads(next(folder.glob("runs/joint-*/result.json")).read_text())
    for measure, least in (("miou", 0.2), ("f1", 0.1), ("accuracy", 0.1)):
        assert result["scores"]["test"][measure] > result["scores"]["constant"][measure] + least
    assert (
        0 < result["scores"]["held_out"]["miou"] <= 1
        and result["train_frames"] == 36
        and result["minutes"] > 0
    )


def test_every_training_but_those_of_folds_is_logged_for_tensorboard(road):
    logs = [path.parent.relative_to(road[0] / "runs") for path in road[0].glob("runs/**/*tfevents*")]
    kinds = sorted(f"{path.parts[0].partition('-')[0]}/{path.name}" for path in logs)
    assert kinds == ["joint/final", "joint/held_out", "seg/final", "seg/held_out"]


def test_folds_are_as_many_as_blocks_and_corrected(road):
    folder, _ = road
    (run_folder,) = folder.glob("runs/joint-*")
    result = json.loads((run_folder / "result.json").read_text())
    assert set(result["folds"]) == {"held out", "fold 2", "fold 3"}
    assert set(result["scores"]) >= {"random", "held_out", "estimate", "test", "test_segmenter"}
    short = json.loads((run_folder / "folds" / "heldout,short" / "fold.json").read_text())
    fold = json.loads((run_folder / "folds" / "fold2" / "fold.json").read_text())
    change = result["folds"]["held out"]["temperature"] / short["temperature"]
    assert result["folds"]["fold 2"]["temperature"] == pytest.approx(fold["temperature"] * change)
    assert (run_folder / "figures" / "folds.png").exists()


def test_the_pages_examples_are_a_good_frame_a_hard_one_and_a_wrong_label(road, learnable, monkeypatch):
    monkeypatch.chdir(road[0])
    result = Result(Project.open(learnable, learnable / "reference"))
    view = publish._plot_examples(result)
    titles = [ax.get_title().split("\n")[0] for ax in view.figure.axes[::3] if ax.get_title()]
    ranked = result.frames["mean IoU %"].sort_values().index
    assert titles[:2] == [result.names[ranked[int(place * 11)]] for place in (0.9, 0.1)]
    assert publish._check_zip(result.path) == result.path
    monkeypatch.setattr(publish, "LARGEST_ZIP", 100)
    with pytest.raises(DataError, match="at most 100 bytes"):
        publish._check_zip(result.path)


def test_published_outputs_hold_no_settings_of_one_execution(road):
    notebook = nbformat.read(road[0] / "runs" / "notebooks" / "main.ipynb", 4)
    stripped = publish.strip(notebook)
    assert len(stripped.cells) == len(nbformat.read(ROOT / "main.ipynb", 4).cells)
    assert "widgets" not in stripped.metadata and all("execution" not in c.metadata for c in stripped.cells)


def test_expected_miou_tells_the_hard_frames_from_the_others(road, learnable, monkeypatch, capsys):
    monkeypatch.chdir(road[0])
    result = Result(Project.open(learnable, learnable / "reference"))
    result.count_common_errors()
    correlation = result.correlate_expected()
    assert f"the true one is {correlation:.2f} here" in capsys.readouterr().out
    ranks = result.notes[["expected_miou", "miou"]].rank()
    assert correlation == pytest.approx(np.corrcoef(ranks.T)[0, 1])
    result.notes["expected_miou"] = 0.5
    assert result.correlate_expected() is None
    assert Result(Project.open(learnable)).correlate_expected() is None


def test_everything_lies_where_the_last_lines_say(road):
    folder, done = road
    path = folder / re.search(r"Zip: +(\S+\.zip)", done.stderr + done.stdout)[1]
    assert re.fullmatch(r"[\d-]+_joint-.*_est[\d.]+-[\d.]+-[\d.]+_test[\d.-]+\.zip", path.name)
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) == 1 + 12
    figures = folder / re.search(r"Figures: +(\S+)", done.stderr + done.stdout)[1]
    names = {figure.name for figure in figures.glob("*.png")}
    assert {"test.png", "result_class_iou.png", "result_labels.png", "result_history.png"} <= names
    page = next(folder.glob("runs/joint-*/report.html")).read_text()
    assert all(report.CAPTIONS[name] in page for name in ("result_history", "history", "test", "network"))
    executed = [nbformat.read(folder / "runs" / "notebooks" / name, 4) for name in run.NOTEBOOKS]
    outputs = [output for book in executed for cell in book.cells for output in cell.get("outputs", [])]
    kinds = {"image/png", "image/jpeg"}
    assert sum(bool(kinds & set(output.get("data", {}))) for output in outputs) >= 12


def test_reference_is_opened_by_nothing_before_the_zip_is_written(road):
    folder, _ = road
    opened = [line.split(" ", 1) for line in (folder / "opened.txt").read_text().splitlines()]
    assert any(name.endswith("data.csv") for _, name in opened)  # the final scoring is seen
    assert all(int(zips) == 1 for zips, _ in opened)


@pytest.fixture
def trained(road, monkeypatch):
    """The folder of the run, which the cells run in."""
    monkeypatch.chdir(road[0])
    return road[0]


def run_last(folder, settings):
    """Runs the two notebooks that ask a trained network; gives the scores they leave, and main's text."""
    run_cells("Save_test.ipynb", settings)
    said = run_cells("main.ipynb", settings)
    return read_scores(folder), said


def read_scores(folder):
    return json.loads(next(folder.glob("runs/joint-*/result.json")).read_text())["scores"]


def test_without_any_truth_the_result_is_shown(trained, learnable):
    scores, said = run_last(trained, {"DATA": str(learnable)})
    assert "test" not in scores and "estimate" in scores
    assert "Test will give a mean IoU of about" in said and "Most common: " in said
    told = " ".join(said.split())
    assert "The class that costs most is" in told and "% by the estimate for Test" in told
    assert 'PRESET="best" brought' in told


def test_what_the_competition_gave_stays_with_the_zip_that_it_scored(trained, learnable, command):
    settings = {"DATA": str(learnable), "SCORED": "40.5 60 70"}
    scores, said = run_last(trained, settings)
    assert scores["competition"] == {"miou": 0.405, "accuracy": 0.6, "f1": 0.7}
    assert "Test gave a mean IoU of 40.5 %" in said
    assert len(list(trained.glob("submissions/*_scored40.5-60.0-70.0.zip"))) == 1
    _, output, _ = command("results", "--mine")
    assert "40.5 / 60.0 / 70.0" in output and "The estimates missed by" in output
    run_cells("Save_test.ipynb", {"DATA": str(learnable)})  # the same predictions
    assert read_scores(trained)["competition"]["miou"] == 0.405
    Submission(Project.open(learnable)).score("41 60 70")  # the cell alone, in a later session
    assert len(list(trained.glob("submissions/*_scored41.0-60.0-70.0.zip"))) == 1
    run_cells("Save_test.ipynb", {"DATA": str(learnable), "TTA": False})
    assert "competition" not in read_scores(trained)


@pytest.mark.parametrize(
    ("column", "text"), [("image_lvl_label", ""), ("image_lvl_label", "9"), ("label_path", "")]
)
def test_a_reference_without_labels_or_masks_or_with_others_is_shown(
    trained, learnable, tmp_path, column, text
):
    shutil.copytree(learnable / "reference", tmp_path / "reference")
    table = pd.read_csv(tmp_path / "reference" / "data.csv", dtype=str)
    table.loc[table.index if not text else [0], column] = text
    table.to_csv(tmp_path / "reference" / "data.csv", index=False)
    settings = {"DATA": str(learnable), "REFERENCE": str(tmp_path / "reference")}
    scores = run_last(trained, settings)[0]["test"]
    if column == "label_path":
        assert "miou" not in scores and scores["f1"] > 0.5
        return
    assert scores["miou"] > 0.5
    assert scores["f1"] < 0.8 if text else "f1" not in scores


def test_notebooks_are_clean():
    for name in run.NOTEBOOKS:
        cells = [cell for cell in nbformat.read(ROOT / name, 4).cells if cell.cell_type == "code"]
        assert not any(re.search(r"^(def|class) ", cell.source, re.MULTILINE) for cell in cells)
        assert name == "main.ipynb" or not any(cell.outputs for cell in cells)
        first = name == "Train_seg_sem.ipynb"
        assert run.read_settings(nbformat.read(ROOT / name, 4))["DATA"] == ("'.'" if first else "''")
    assert (ROOT / "main.ipynb").stat().st_size <= publish.LARGEST_NOTEBOOK


def test_notebooks_are_short_and_plain():
    most = {"Train_seg_sem.ipynb": 14, "Train_label_seg.ipynb": 12, "Save_test.ipynb": 6, "main.ipynb": 14}
    for name in run.NOTEBOOKS:
        cells = [cell for cell in nbformat.read(ROOT / name, 4).cells if cell.cell_type == "code"]
        assert len(cells) <= most[name], name
        for cell in cells:
            assert "parameters" in cell.metadata.get("tags", []) or len(cell.source.splitlines()) <= 8
            assert not re.search(r"\|=| for .* in |^\w+, \w+ = ", cell.source, re.MULTILINE), cell.source
