"""From a finished run over what is suggested, and back into Train."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import keras
import numpy as np
import pandas as pd
import pytest
from conftest import draw_frame
from tiny import TINY

from src import runs
from src.commands.suggest import name_python
from src.data import classes as class_lists
from src.data import mask_files
from src.data.samples import read_samples
from src.inference.predict import Prediction
from src.model import unet
from src.submission import cache, write

PAGE = Path("docs/your-data.md").read_text(encoding="utf-8")
SUGGESTED = re.compile(r"frame_(\d+)\.jpg")
TESTED = range(100, 112)  # numbers of the frames of `learnable`'s Test


def make_network():
    """Makes a joint network that finds class 1 everywhere and label 2."""
    keras.utils.set_random_seed(0)
    network = unet.build_joint(unet.build_segmenter(3, TINY), 3)
    kernel, _ = network.get_layer("label_from_features").get_weights()
    network.get_layer("label_from_features").set_weights([0 * kernel, np.array([0, 0, 9.0])])
    last = unet.find_unet(network)[0].get_layer("final_conv")
    last.set_weights([0 * last.get_weights()[0], np.array([0, 9.0, 0])])
    return network


@pytest.fixture
def city(learnable, tmp_path, monkeypatch):
    """A city with a finished run, whose zip holds the true masks; the current folder lies beside it."""
    shutil.copytree(learnable, tmp_path / "city")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    folder = Path("../city")
    classes = class_lists.read_classes(folder / "Train")
    finish_run(folder, classes)
    return folder


def finish_run(folder, classes):
    train, test = read_samples(folder / "Train", classes), read_samples(folder / "Test", classes)
    run = runs.open_run("joint", folder, train, classes, {"SIZE": (64, 96), "SEGMENTER": "none"})
    (run.folder / "final").mkdir(exist_ok=True)
    make_network().save(run.folder / "final" / "model.keras")
    predictions = [Prediction(draw_frame(number)[1], number % 3, 0.9, 0.8) for number in TESTED]
    path = write.FOLDER / "try.zip"
    write.write_submission(
        path, test, predictions, classes, cache.PredictionCache(run.folder / "kept", classes)
    )
    runs.write_result(run, {"minutes": 1.0, "zip": path.name})


def list_suggested(folder):
    return [int(SUGGESTED.match(path.name)[1]) for path in sorted((folder / "JPEGImages").iterdir())]


def test_what_is_suggested_comes_back_as_it_was_predicted(city, command):
    code, said, errors = command("suggest", 4, "--data", city)
    assert code == 0, errors
    numbers = list_suggested(Path("suggested"))
    assert len(numbers) == 4 and "4 of 12 frames" in said
    listed = Path("suggested/ImageSets/Segmentation/default.txt").read_text().split()
    assert SUGGESTED.findall(said) == [name.removeprefix("frame_") for name in listed]  # in the same order
    words = re.search(r"python -m src (bring .*)", said)[1].replace('"', "").split()
    code, said, errors = command(*words)
    assert code == 0, errors
    notes = [line for line in said.splitlines() if line.startswith("Note")]
    assert notes == ["Note: pixels of classes that only the source has: background."]  # CVAT's own class
    brought = Path("labelled/Train")
    samples = read_samples(brought, class_lists.read_classes(city / "Train"))
    for row in samples.itertuples():
        _, mask, label = draw_frame(int(SUGGESTED.search(row.image_path)[1]))
        assert (cv2.imread(row.mask, cv2.IMREAD_UNCHANGED) == mask).all() and row.label == label
    photo = next(Path("suggested/JPEGImages").iterdir())
    assert photo.read_bytes() == (city / "Test" / photo.name).read_bytes()


def test_the_frames_join_train_with_their_times_and_robots(city, command):
    command("suggest", 4, "--data", city)
    command(
        *["bring", "suggested", "labelled", "--classes", "../city/Train", "--labels", "suggested/labels.csv"]
    )
    code = next(
        block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "frames.csv" in block
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    classes = class_lists.read_classes(city / "Train")
    train, test = read_samples(city / "Train", classes), read_samples(city / "Test", classes)
    assert len(train) == 36 + 4 and (train["mask"] != "").all()
    known = test.set_index(test["image_path"].map(os.path.basename))
    for row in train.iloc[36:].itertuples():
        same = known.loc[Path(row.image_path).name]
        assert (row.robot, row.time) == (same["robot"], same["time"])
        assert row.label == int(SUGGESTED.search(row.image_path)[1]) % 3
    assert mask_files.load_mask(train["mask"].iloc[-1], classes.mask).shape == (64, 96)


def test_frames_of_train_without_a_mask_are_predicted(city, command):
    table = pd.read_csv(city / "Train" / "data.csv", dtype=str)
    table.loc[[3, 20, 21], "label_path"] = ""
    table.to_csv(city / "Train" / "data.csv", index=False)
    finish_run(city, class_lists.read_classes(city / "Train"))  # the data are others now
    code, said, errors = command("suggest", 2, "--data", city, "--train", "--out", "mine")
    assert code == 0 and "2 of 3 frames" in said, errors
    numbers = list_suggested(Path("mine"))
    assert len(numbers) == 2 and set(numbers) <= {3, 20, 21}
    for number in numbers:
        mask = cv2.imread(f"mine/SegmentationClass/frame_{number:03d}.png")[..., ::-1]
        assert (mask == (0, 128, 0)).all()  # class 1, "red", is the second of three
    assert pd.read_csv("mine/labels.csv")["label"].tolist() == ["green box"] * 2


def test_what_cannot_be_suggested_is_refused(city, command):
    for count in (0, 13):
        code, _, errors = command("suggest", count, "--data", city)
        assert code == 2 and f"must be from 1 to 12, the frames to choose from, found {count}" in errors
    code, _, errors = command("suggest", 2, "--data", city, "--train")
    assert code == 2 and "must have frames without a mask to choose from, found none" in errors
    Path("suggested").mkdir()
    Path("suggested/mine.txt").write_text("corrected by hand")
    code, _, errors = command("suggest", 2, "--data", city)
    assert code == 2 and "suggested must be a new or an empty folder" in errors
    (write.FOLDER / "try.zip").unlink()
    code, _, errors = command("suggest", 2, "--data", city, "--out", "new")
    assert code == 2 and "run Save_test.ipynb first" in errors and not Path("new").exists()


def test_the_command_that_is_printed_can_be_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.executable", str(tmp_path / ".venv" / "bin" / "python"))
    assert name_python() == str(Path(".venv/bin/python"))
    monkeypatch.setattr("sys.executable", "/opt/python")
    assert name_python() == str(Path("/opt/python"))
