"""Six small photos with known masks, and a larger set of the kind that a network learns within seconds."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tiny  # noqa: F401 - makes its backbone known

from src.__main__ import main
from src.common.cores import count_cores
from src.data import classes as class_lists

# `make test` tells its own flags to every make beneath it, which would say where it enters and leaves
for name in [name for name in os.environ if name.startswith(("MAKE", "MFLAGS"))]:
    del os.environ[name]

if "PYTEST_XDIST_WORKER" in os.environ:  # a worker has one of the processors
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}

LONGEST = (
    "test_notebooks",
    "test_fit",
    "test_average",
    "test_progress",
    "test_sweep",
    "test_engine",
    "test_doctor",
)
HEIGHT, WIDTH = 64, 96
COLORS = {0: (90, 90, 90), 1: (200, 60, 60), 2: (60, 170, 60)}  # RGB of each class in the photos


def draw_frame(number: int, shape: tuple[int, int] = (HEIGHT, WIDTH)) -> tuple[np.ndarray, np.ndarray, int]:
    """Draws photo (RGB), mask (ids) and label: a box of class 1 or 2, which is the label too, or none."""
    rng = np.random.default_rng(number)
    label = number % 3
    mask = np.zeros(shape, np.uint8)
    if label:
        top, left = rng.integers(4, shape[0] // 3), rng.integers(4, shape[1] // 3)
        mask[top : top + shape[0] // 2, left : left + shape[1] // 2] = label
    photo = np.array([COLORS[i] for i in range(3)])[mask] + rng.integers(-25, 26, (*shape, 3))
    return photo.clip(0, 255).astype(np.uint8), mask, label


def write_set(folder: Path, numbers: range, with_answers: bool, robots: int = 3) -> None:
    """Writes frames as JPEG and PNG with their data.csv; each robot's frames are a drive of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for place, number in enumerate(numbers):
        photo, mask, label = draw_frame(number)
        robot = place * robots // len(numbers)
        row = {"image_path": f"frame_{number:03d}.jpg", "robot_id": f"robot{robot}"}
        row["timestamp"] = f"2026-05-0{robot + 1}T10:00:{place % 60:02d}Z"
        quality = [cv2.IMWRITE_JPEG_QUALITY, 95]
        cv2.imwrite(str(folder / row["image_path"]), cv2.cvtColor(photo, cv2.COLOR_RGB2BGR), quality)
        if with_answers:
            row |= {"label_path": f"frame_{number:03d}_seg.png", "image_lvl_label": f"{label}.0"}
            cv2.imwrite(str(folder / row["label_path"]), mask)
        rows.append(row)
    pd.DataFrame(rows).to_csv(folder / "data.csv", index=False)
    table = [("mask", 0, "ground", "#999999"), ("mask", 1, "red", "#d55e00"), ("mask", 2, "green", "#009e73")]
    table += [("label", 0, "empty", ""), ("label", 1, "red box", ""), ("label", 2, "green box", "")]
    pd.DataFrame(table, columns=["task", "id", "name", "color"]).to_csv(folder / "classes.csv", index=False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files first, so that neither of two workers is left with one at the end."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


@pytest.fixture
def train_folder(tmp_path: Path) -> Path:
    """Six frames of three robots, all with both answers."""
    write_set(tmp_path / "Train", range(6), with_answers=True)
    return tmp_path / "Train"


@pytest.fixture
def classes(train_folder: Path) -> class_lists.Classes:
    """The classes of `train_folder`."""
    return class_lists.read_classes(train_folder)


@pytest.fixture(scope="session")
def learnable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train, Test and reference of a task that a network learns within seconds."""
    folder = tmp_path_factory.mktemp("learnable")
    write_set(folder / "Train", range(36), with_answers=True)
    write_set(folder / "Test", range(100, 112), with_answers=False)
    write_set(folder / "reference", range(100, 112), with_answers=True)
    return folder


@pytest.fixture
def eager() -> Iterator[None]:
    """Trains without graphs, of which one takes longer to build than a few steps take without it."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def busy() -> Iterator[None]:
    """Keeps every processor busy with something else."""
    count = 1 + count_cores()
    others = [subprocess.Popen([sys.executable, "-c", "while True: 0"]) for _ in range(count)]
    yield
    for other in others:
        other.kill()
        other.wait()


@pytest.fixture
def command(capsys: pytest.CaptureFixture) -> Callable:
    """Runs `python -m src WORDS` in this process, and gives exit code, output and errors."""

    def run_words(*words: object) -> tuple[int, str, str]:
        try:
            code = main([str(word) for word in words])
        except SystemExit as end:  # argparse's own
            code = end.code or 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return run_words
