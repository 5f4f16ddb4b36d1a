"""Examines Train and Test and lists every problem: `python -m src doctor Train [--test Test]`."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from src.common.cores import count_cores
from src.common.errors import DataError
from src.data import classes as class_lists
from src.data.classes import Classes
from src.data.examine_files import LIGHT, FrameFindings, examine_frame, find_trivial_masks, report_unknown_ids
from src.data.examine_table import (
    TURNED,
    count_frames,
    find_gaps,
    find_oddities,
    find_trivial_labels,
    make_classes_table,
)
from src.data.samples import group_problems, inspect_samples
from src.data.tables import Problem, list_row_numbers

LEVELS = ("error", "warning", "note")


@dataclass(frozen=True)
class Diagnosis:
    """Findings about Train and Test.

    Attributes:
        frames: one row per folder: numbers of frames, masks, labels, depth maps and recordings, sizes.
        classes: one row per class: its share of Train, its frames and its recordings.
        light: one column per folder: share of pixels by brightness, in percent.
        looks: one row per photo: folder; brightness, saturation and warmth (red minus blue) in percent.
        problems: errors first, then warnings, then notes.
    """

    frames: pd.DataFrame
    classes: pd.DataFrame
    light: pd.DataFrame
    looks: pd.DataFrame
    problems: list[Problem]

    def describe(self, every_row: bool = False) -> str:
        """Lists the problems, one per line.

        Args:
            every_row: whether a line with all rows follows each problem that names only some of its rows.
        """
        lines = []
        for problem in self.problems:
            lines.append(f"{problem.level}: {problem.text}")
            if every_row and problem.rows:
                lines.append(f"    {problem.rows}")
        if not lines:
            return "Nothing is wrong with the data."
        return "\n".join(lines)


@dataclass
class _FolderFindings:
    """Findings about Train or about Test.

    Attributes:
        samples: table of the frames.
        files: findings about the files of each frame.
        problems: of the table and of the files.
    """

    samples: pd.DataFrame
    files: list[FrameFindings]
    problems: list[Problem]


def examine(train: str | Path, test: str | Path | None = None) -> Diagnosis:
    """Reads every file of Train and Test once, and lists every problem.

    Args:
        train: folder of the frames to learn from.
        test: folder of the frames to predict; None leaves it out.
    """
    try:
        classes, problems = class_lists.inspect_classes(train)
    except DataError as error:
        empty = pd.DataFrame()
        return Diagnosis(empty, empty, empty, empty, [Problem("error", str(error))])
    folders: dict[str, _FolderFindings] = {}
    listed = pd.DataFrame()
    for name, folder in (("Train", train), ("Test", test)):
        if folder is None:
            continue
        try:
            found = _examine_folder(Path(folder), classes)
        except DataError as error:
            problems.append(Problem("error", str(error)))
            continue
        folders[name] = found
        problems += found.problems
        if name == "Train":
            listed = make_classes_table(found.samples, found.files, classes)
            problems += _examine_train(Path(folder) / "data.csv", found, listed, classes)
    if len(folders) == 2:
        problems += _find_shared(folders["Train"], folders["Test"])
        problems += _find_turned(folders["Train"].samples, folders["Test"].samples)
    ordered = sorted(dict.fromkeys(problems), key=lambda problem: LEVELS.index(problem.level))
    frames = pd.DataFrame({name: count_frames(found.samples) for name, found in folders.items()}).T
    return Diagnosis(frames, listed, _make_light_table(folders), _make_looks_table(folders), ordered)


def _examine_folder(folder: Path, classes: Classes) -> _FolderFindings:
    """Examines the table and every file of a folder.

    Raises:
        DataError: there is no table with a column image_path and at least one row.
    """
    path = folder / "data.csv"
    samples, problems = inspect_samples(folder, classes)
    with ThreadPoolExecutor(count_cores()) as pool:
        files = list(pool.map(lambda row: examine_frame(row, classes), samples.itertuples()))
    report_unknown_ids(samples, files, classes.mask)
    problems += _list_file_problems(path, samples, files)
    problems += find_oddities(path, samples)
    return _FolderFindings(samples, files, problems)


def _examine_train(
    path: Path, found: _FolderFindings, listed: pd.DataFrame, classes: Classes
) -> list[Problem]:
    """Lists the problems of learning from Train: missing or rare classes, and tasks with one class only."""
    problems = find_gaps(path, found.samples, listed)
    problems += find_trivial_labels(path, found.samples, classes)
    problems += find_trivial_masks(path, found.files, classes.mask)
    return problems


def _make_light_table(folders: dict[str, _FolderFindings]) -> pd.DataFrame:
    """Averages over each folder's photos the share of pixels by brightness, in percent."""
    columns = {}
    for name, found in folders.items():
        light = [one.light for one in found.files if one.light is not None]
        columns[name] = 100 * np.mean(light, 0) if light else np.full(len(LIGHT), np.nan)
    return pd.DataFrame(columns, index=pd.Index(LIGHT, name="pixels, %")).round(1)


def _make_looks_table(folders: dict[str, _FolderFindings]) -> pd.DataFrame:
    """Lists folder, brightness, saturation and warmth of each photo that could be read."""
    rows = []
    for name, found in folders.items():
        rows += [(name, *one.look) for one in found.files if one.look]
    return pd.DataFrame(rows, columns=["folder", "brightness", "saturation", "warmth"])


# All frames ----------------------------------------------
def _list_file_problems(path: Path, samples: pd.DataFrame, files: list[FrameFindings]) -> list[Problem]:
    """Makes problems, with path and rows, of the findings about files; equal notes are counted."""
    problems = group_problems("error", path, samples, [one.errors for one in files])
    problems += group_problems("warning", path, samples, [one.warnings for one in files])
    notes = Counter(note for one in files for note in one.notes)
    for note, count in notes.items():
        problems.append(Problem("note", f"{path.parent}: {note} ({count} of {len(files)} frames)."))
    return problems


def _find_turned(train: pd.DataFrame, test: pd.DataFrame) -> list[Problem]:
    """Warns if the shares of photos in portrait format differ between the tables of Train and Test."""
    train_share = (train["height"] > train["width"]).mean()
    test_share = (test["height"] > test["width"]).mean()
    if abs(test_share - train_share) < TURNED:
        return []
    text = (
        f"{100 * test_share:.0f} % of Test's photos are in portrait format, {100 * train_share:.0f} % of "
        "Train's; a format that is rare in Train is predicted worse, so add such photos to Train."
    )
    return [Problem("warning", text)]


def _find_shared(train: _FolderFindings, test: _FolderFindings) -> list[Problem]:
    """Reports photos that are in both Train and Test, byte for byte."""
    test_rows = _index_photos(test)
    shared = []
    for digest, row in _index_photos(train).items():
        if digest and digest in test_rows:
            shared.append((row, test_rows[digest]))
    if not shared:
        return []
    in_train, in_test = shared[0]
    begin = "Train and Test share a photo"
    all_rows = ""
    if len(shared) > 1:
        numbers = list_row_numbers([one.row for one, _ in shared])
        begin = f"Train and Test share {len(shared)} photos, in Train rows {numbers}, the first"
        all_rows = ", ".join(f"Train's row {one.row} is Test's row {other.row}" for one, other in shared)
    text = (
        f"{begin}: {in_train.image_path} (Train, row {in_train.row}) is {in_test.image_path} (Test, row "
        f"{in_test.row}); drop it from one of the two."
    )
    return [Problem("error", text, all_rows)]


def _index_photos(found: _FolderFindings) -> dict[str, tuple]:
    """Returns the row of each photo by its digest."""
    return dict(zip([one.digest for one in found.files], found.samples.itertuples(), strict=True))
