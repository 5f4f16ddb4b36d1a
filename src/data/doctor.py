"""What is in Train and Test, and all that is wrong with it: `python -m src doctor Train [--test Test]`."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from src.common.cores import count_cores
from src.common.errors import DataError
from src.data import classes as class_lists
from src.data.examine_files import LIGHT, FrameFindings, examine_frame, find_trivial_masks, report_unknown_ids
from src.data.examine_table import (
    TURNED,
    count_frames,
    find_gaps,
    find_oddities,
    find_trivial_labels,
    table_of_classes,
)
from src.data.samples import group_problems, inspect_samples
from src.data.tables import Problem, list_row_numbers

LEVELS = ("error", "warning", "note")


@dataclass(frozen=True)
class Diagnosis:
    """What `examine` found.

    Attributes:
        frames: a row a folder, what there is.
        classes: a row a class, its share of Train and where it occurs.
        light: share of pixels by brightness, in percent, a column a folder.
        looks: a row a photo, in percent: brightness, saturation, warmth (red minus blue), and its folder.
        problems: errors first, then warnings, then notes.
    """

    frames: pd.DataFrame
    classes: pd.DataFrame
    light: pd.DataFrame
    looks: pd.DataFrame
    problems: list[Problem]

    def describe(self, every_row: bool = False) -> str:
        """Lists the problems, a line each.

        Args:
            every_row: below a problem of several rows, also all of them, in a line of its own.
        """
        lines = []
        for problem in self.problems:
            lines.append(f"{problem.level}: {problem.text}")
            if every_row and problem.rows:
                lines.append(f"    {problem.rows}")
        return "\n".join(lines or ["Nothing is wrong with the data."])


def examine(train: str | Path, test: str | Path | None = None) -> Diagnosis:
    """Reads every file of Train and Test once, and tells all that is wrong.

    Args:
        train: folder of the frames to learn from.
        test: folder of the hidden frames; None: not looked at.
    """
    try:
        classes, problems = class_lists.inspect_classes(train)
    except DataError as error:
        return Diagnosis(*[pd.DataFrame()] * 4, [Problem("error", str(error))])
    frames, light, looks, digests, upright = {}, {}, [], {}, {}
    listed = pd.DataFrame()
    for name, folder in (("Train", train), ("Test", test)):
        if folder is None:
            continue
        try:
            samples, found = inspect_samples(folder, classes)
        except DataError as error:
            problems.append(Problem("error", str(error)))
            continue
        path = Path(folder) / "data.csv"
        with ThreadPoolExecutor(count_cores()) as pool:
            findings = list(pool.map(lambda row: examine_frame(row, classes), samples.itertuples()))
        report_unknown_ids(samples, findings, classes.mask)
        problems += found + _gather(path, samples, findings)
        problems += find_oddities(path, samples)
        if name == "Train":
            listed = table_of_classes(samples, findings, classes)
            problems += find_gaps(path, samples, listed)
            problems += find_trivial_labels(path, samples, classes)
            problems += find_trivial_masks(path, findings, classes.mask)
        frames[name] = count_frames(samples)
        upright[name] = (samples["height"] > samples["width"]).mean()
        seen = [one.light for one in findings if one.light is not None]
        light[name] = 100 * np.mean(seen, 0) if seen else np.full(len(LIGHT), np.nan)
        looks += [(name, *one.look) for one in findings if one.look]
        digests[name] = dict(zip([one.digest for one in findings], samples.itertuples(), strict=True))
    problems += _find_shared(digests)
    problems += _find_turned(upright)
    order = sorted(dict.fromkeys(problems), key=lambda problem: LEVELS.index(problem.level))
    bright = pd.DataFrame(light, index=pd.Index(LIGHT, name="pixels, %")).round(1)
    looked = pd.DataFrame(looks, columns=["folder", "brightness", "saturation", "warmth"])
    return Diagnosis(pd.DataFrame(frames).T, listed, bright, looked, order)


# All frames ----------------------------------------------
def _gather(path: Path, samples: pd.DataFrame, findings: list[FrameFindings]) -> list[Problem]:
    """Turns what the files hold into problems with file and row; what was put right is counted."""
    problems = group_problems("error", path, samples, [one.errors for one in findings])
    problems += group_problems("warning", path, samples, [one.warnings for one in findings])
    for note, count in Counter(note for one in findings for note in one.notes).items():
        problems.append(Problem("note", f"{path.parent}: {note} ({count} of {len(findings)} frames)."))
    return problems


def _find_turned(upright: dict[str, float]) -> list[Problem]:
    """Finds that Test has more upright photos than Train, or fewer."""
    if len(upright) < 2 or abs(upright["Test"] - upright["Train"]) < TURNED:
        return []
    there, here = 100 * upright["Test"], 100 * upright["Train"]
    text = (
        f"{there:.0f} % of Test's photos are upright, {here:.0f} % of Train's; each is seen as it stands, "
        "but what is rare in Train is seen worse."
    )
    return [Problem("warning", text)]


def _find_shared(digests: dict[str, dict[str, tuple]]) -> list[Problem]:
    """Finds photos that Train and Test share, byte for byte."""
    train, test = digests.get("Train", {}), digests.get("Test", {})
    shared = [(train[digest], test[digest]) for digest in train if digest and digest in test]
    if not shared:
        return []
    ours, theirs = shared[0]
    begin, rows = "Train and Test share a photo", ""
    if len(shared) > 1:
        begin = f"Train and Test share {len(shared)} photos, in Train rows "
        begin += f"{list_row_numbers([one.row for one, _ in shared])}, the first"
        rows = ", ".join(f"Train's row {one.row} is Test's row {other.row}" for one, other in shared)
    text = (
        f"{begin}: {ours.image_path} (Train, row {ours.row}) is {theirs.image_path} (Test, row "
        f"{theirs.row}); drop it from Train."
    )
    return [Problem("error", text, rows)]
