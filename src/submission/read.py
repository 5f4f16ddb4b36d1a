"""A zip that was written -> predictions, notes and scores."""

import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
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
from src.submission import check
from src.submission.write import FOLDER, NOTES


def read_predictions(
    path: Path, samples: pd.DataFrame, classes: Classes, rows: Iterable[int]
) -> Iterator[Prediction]:
    """Reads some predictions back from a zip, as network indices.

    Raises:
        OutdatedError: the table of the Test frames is not the one that the zip was made of.
    """
    table = check.read_table(path).reset_index(drop=True)
    _require_same(path, table["image_path"], samples)
    with zipfile.ZipFile(path) as members:
        for row in rows:
            mask = classes.mask.encode(check.read_mask(members, table["pred_name"][row]))
            label = classes.label.ids.index(int(table["image_lvl_pred"][row]))
            yield Prediction(mask, label)


def load_for_display(
    path: Path, samples: pd.DataFrame, rows: Iterable[int], classes: Classes, size: tuple[int, int]
) -> tuple[list[np.ndarray], list[np.ndarray] | None, list[np.ndarray]]:
    """Reads some frames at the network's size, to show them.

    Args:
        path: of the zip.
        samples: table of the Test frames; with `mask` where the truth is known.
        rows: which of them.
        classes: of both tasks.
        size: (height, width) of the network's input.

    Returns:
        Photos, true masks (None where none is known) and predicted masks, as `figures.plot_predictions` takes
        them.
    """
    chosen = samples.iloc[list(rows)]
    sizes = [image_files.orient_size(size, row.height, row.width) for row in chosen.itertuples()]
    photos = [image_files.load_photo(image, own) for image, own in zip(chosen["image"], sizes, strict=True)]
    truths = mask_files.load_masks(chosen, classes, sizes) if (samples["mask"] != "").any() else None
    predictions = read_predictions(path, samples, classes, rows)
    shrunk = [mask_files.shrink_mask(one.mask, own) for one, own in zip(predictions, sizes, strict=True)]
    return photos, truths, shrunk


def read_notes(run: runs.Run, samples: pd.DataFrame) -> pd.DataFrame:
    """Reads what the run's network said of each Test frame, as `PredictionCache.read` gives it.

    Raises:
        MissingError: there is nothing; the message names the notebook to run.
        OutdatedError: the table of the Test frames is another now.
    """
    path = run.folder / NOTES
    if not path.exists():
        raise MissingError(f"{path} is not there; run Save_test.ipynb first.")
    notes = pd.read_csv(path)
    _require_same(path, notes["image_path"], samples)
    return notes


def _require_same(path: Path, names: pd.Series, samples: pd.DataFrame) -> None:
    """Refuses predictions of other frames, or of another order, than Test's table has."""
    if names.tolist() != samples["image_path"].tolist():
        raise OutdatedError(
            f"{path} must tell of the frames of Test/data.csv in their order, found another list; "
            "Test was changed since, so run Save_test.ipynb again."
        )


def compare_frames(path: Path, truth: pd.DataFrame, classes: Classes) -> np.ndarray:
    """Counts each frame's pixels by true class and predicted class, from the zip.

    Args:
        path: of the zip.
        truth: the Test frames with their true masks, of `data.add_truth`.
        classes: of both tasks.

    Returns:
        int64, (frames, classes, classes); zeros for a frame without a true mask.
    """
    found = np.zeros((len(truth), len(classes.mask), len(classes.mask)), np.int64)
    rows = np.flatnonzero(truth["mask"] != "")
    for row, prediction in zip(rows, read_predictions(path, truth, classes, rows), strict=True):
        mask = mask_files.load_mask(truth["mask"].iloc[row], classes.mask)
        found[row] = metrics.confuse(mask, prediction.mask, len(classes.mask))
    return found


def find_submission(run: runs.Run) -> Path:
    """Finds the zip that was written last of a run, by the name that its `result.json` keeps.

    Raises:
        MissingError: there is none; the message names the notebook to run.
    """
    name = runs.read_result(run).get("zip", "")
    path = FOLDER / name
    if not name or not path.exists():
        what = (
            f"The zip of {run.folder.name}, {name}, does not lie"
            if name
            else f"No zip of {run.folder.name} lies"
        )
        raise MissingError(f"{what} in {FOLDER}/; run Save_test.ipynb first.")
    return path


def score_submission(path: Path, reference: str | Path, classes: Classes, score: Callable) -> dict:
    """Runs the competition's scoring program on the very zip, unpacked to a temporary folder.

    Args:
        path: the zip.
        reference: folder with the truth of Test.
        classes: turn the files' ids into the network's indices.
        score: of `scoring.py`, which stands alone.

    Returns:
        `scores` {"miou", "f1", "accuracy", "iou_<class>"...}, fractions; `confusion` {"mask", "label"};
        `others`, how many classes the true masks hold that Train does not know: each counts 0 in "miou".
    """
    with tempfile.TemporaryDirectory() as folder:
        check.list_members(path, np.inf)  # refuses what would harm
        with zipfile.ZipFile(path) as members:
            members.extractall(folder)
        scores, confusion = score(str(reference), folder, find_truth(reference))
    mask = confusion["mask"][np.ix_(classes.mask.ids, classes.mask.ids)]
    held = confusion["mask"].any(1)
    others = int(held.sum() - held[list(classes.mask.ids)].sum())
    label = np.zeros((len(classes.label),) * 2, int)
    place = {str(id): index for index, id in enumerate(classes.label.ids)}
    for truth, predicted in confusion["label"]:
        if truth in place:  # a label that Train lacks counts in the scores, and has no row in the figure
            label[place[truth], place[predicted]] += 1
    known = label.tolist() if confusion["label"] else None
    return {"scores": scores, "confusion": {"mask": mask.tolist(), "label": known}, "others": others}
