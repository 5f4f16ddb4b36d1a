"""Reads predictions, notes and scores back from a zip."""

import hashlib
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from src import runs
from src.common.errors import MissingError, OutdatedError
from src.data import image_files, mask_files
from src.data.classes import Classes
from src.data.reference import find_truth
from src.evaluation import metrics
from src.inference.predict import Prediction
from src.submission import archive, scoring
from src.submission.write import FOLDER, NOTES


def read_predictions(
    path: Path, samples: pd.DataFrame, classes: Classes, rows: Iterable[int]
) -> Iterator[Prediction]:
    """Yields the predictions of some frames from a zip, as indices of the network.

    Args:
        path: of the zip.
        samples: table of the Test frames.
        classes: of both tasks.
        rows: positions of the frames in the table.

    Raises:
        OutdatedError: the zip was made of another table of the Test frames.
        SubmissionError: the zip cannot be read.
    """
    table = archive.read_table(path).reset_index(drop=True)
    _require_same(path, table["image_path"], samples)
    with zipfile.ZipFile(path) as members:
        for row in rows:
            mask = classes.mask.encode(archive.read_mask(members, table["pred_name"][row]))
            label = classes.label.ids.index(int(table["image_lvl_pred"][row]))
            yield Prediction(mask, label)


def load_for_display(
    path: Path, samples: pd.DataFrame, rows: Iterable[int], classes: Classes, size: tuple[int, int]
) -> tuple[list[np.ndarray], list[np.ndarray] | None, list[np.ndarray]]:
    """Reads some frames at the network's size for figures.

    Args:
        path: of the zip.
        samples: table of the Test frames; `mask` holds the true masks where they are known.
        rows: positions of the frames in the table.
        classes: of both tasks.
        size: (height, width) of the network's input.

    Returns:
        Photos, uint8 RGB (H, W, 3), true masks (None if the table has none) and predicted masks, uint8 class
        indices (H, W); H and W are those of `size`, turned for a photo in portrait format.

    Raises:
        OutdatedError: the zip was made of another table of the Test frames.
        SubmissionError: the zip cannot be read.
        DataError: a photo or a true mask cannot be read.
    """
    chosen = samples.iloc[list(rows)]
    sizes = [image_files.orient_size(size, row.height, row.width) for row in chosen.itertuples()]
    photos = []
    for image, own_size in zip(chosen["image"], sizes, strict=True):
        photos.append(image_files.load_photo(image, own_size))
    has_truth = (samples["mask"] != "").any()
    true_masks = mask_files.load_masks(chosen, classes, sizes) if has_truth else None
    predicted_masks = []
    for prediction, own_size in zip(read_predictions(path, samples, classes, rows), sizes, strict=True):
        predicted_masks.append(mask_files.shrink_mask(prediction.mask, own_size))
    return photos, true_masks, predicted_masks


def read_notes(run: runs.Run, samples: pd.DataFrame) -> pd.DataFrame:
    """Reads what `PredictionCache.read` says of each Test frame.

    Raises:
        MissingError: the run has no such file; the message names the notebook to run.
        OutdatedError: the table of the Test frames has changed, or another version wrote the file.
    """
    path = run.folder / NOTES
    if not path.exists():
        raise MissingError(
            f"{path} must hold the predictions, found no such file; run Save_test.ipynb first."
        )
    notes = pd.read_csv(path, converters={"image_path": str})  # a photo may be called 0001, without ending
    if "expected_miou" not in notes:
        raise OutdatedError(
            f"{path} must hold the column expected_miou, found the file of another version of the project; "
            "run Save_test.ipynb again."
        )
    _require_same(path, notes["image_path"], samples)
    return notes


def _require_same(path: Path, names: pd.Series, samples: pd.DataFrame) -> None:
    """Refuses predictions whose frames or order differ from Test's table.

    Raises:
        OutdatedError: they differ.
    """
    if names.tolist() != samples["image_path"].tolist():
        raise OutdatedError(
            f"{path} must hold the frames of Test/data.csv in their order, found other frames or another "
            "order; Test has changed since, so run Save_test.ipynb again."
        )


def compare_frames(path: Path, truth: pd.DataFrame, classes: Classes) -> np.ndarray:
    """Counts each frame's pixels by true class and predicted class, from the zip.

    Args:
        path: of the zip.
        truth: table of the Test frames with their true masks, of `reference.add_truth`.
        classes: of both tasks.

    Returns:
        int64, (frames, classes, classes); zeros for a frame without a true mask.

    Raises:
        OutdatedError: the zip was made of another table of the Test frames.
        SubmissionError: the zip cannot be read.
        DataError: a true mask cannot be read.
    """
    counts = np.zeros((len(truth), len(classes.mask), len(classes.mask)), np.int64)
    rows = np.flatnonzero(truth["mask"] != "")
    for row, prediction in zip(rows, read_predictions(path, truth, classes, rows), strict=True):
        mask = mask_files.load_mask(truth["mask"].iloc[row], classes.mask)
        counts[row] = metrics.confuse(mask, prediction.mask, len(classes.mask))
    return counts


def fingerprint_content(path: Path) -> str:
    """Computes a fingerprint of the files in a zip, which other dates and comments do not change."""
    with zipfile.ZipFile(path) as members:
        content = sorted((member.filename, member.CRC) for member in members.infolist())
    return hashlib.sha256(repr(content).encode()).hexdigest()[:12]


def find_submission(run: runs.Run) -> Path:
    """Finds the zip of a run that was written last, by its name in `result.json`.

    Raises:
        MissingError: there is none; the message names the notebook to run.
    """
    name = runs.read_result(run).zip
    path = FOLDER / name
    if not name or not path.exists():
        expected = f"the zip {name}" if name else "a zip"
        raise MissingError(
            f"{FOLDER}/ must hold {expected} of {run.folder.name}, found none; run Save_test.ipynb first."
        )
    return path


def score_submission(path: Path, reference: str | Path, classes: Classes) -> dict:
    """Unpacks the zip to a temporary folder and scores it by the competition's program.

    Args:
        path: of the zip.
        reference: folder with the truth of Test.
        classes: of Train; map ids of files to indices of the network.

    Returns:
        `scores` {"miou", "f1", "accuracy", "iou_<class>"...}, fractions; `confusion`, the matrices "mask" and
        "label" of Train's classes, None without true labels; `others`, the number of classes that the true
        masks hold and Train lacks, each of which counts as 0 in "miou".

    Raises:
        SubmissionError: the zip is dangerous to unpack.
        scoring.ScoringError: the zip or the reference breaks a rule.
    """
    with tempfile.TemporaryDirectory() as folder:
        archive.list_members(path, np.inf)  # refuses a zip that is dangerous to unpack
        with zipfile.ZipFile(path) as members:
            members.extractall(folder)
        scores, confusion = scoring.score(str(reference), folder, find_truth(reference))
    mask = confusion["mask"][np.ix_(classes.mask.ids, classes.mask.ids)]
    is_true_id = confusion["mask"].any(1)
    others = int(is_true_id.sum() - is_true_id[list(classes.mask.ids)].sum())
    label = _count_labels(confusion["label"], classes) if confusion["label"] else None
    return {"scores": scores, "confusion": {"mask": mask.tolist(), "label": label}, "others": others}


def _count_labels(pairs: list[tuple[str, str]], classes: Classes) -> list[list[int]]:
    """Counts pairs of true and predicted label ids in a confusion matrix of Train's classes."""
    counts = np.zeros((len(classes.label), len(classes.label)), int)
    indices = {str(id): index for index, id in enumerate(classes.label.ids)}
    for truth, predicted in pairs:
        if truth in indices:  # a label that Train lacks counts in the scores, but has no row here
            counts[indices[truth], indices[predicted]] += 1
    return counts.tolist()
