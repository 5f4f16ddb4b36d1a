"""Predictions -> masks as PNG and a table -> zip for the competition, checked before it counts."""

import datetime
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from src import runs
from src.common import files
from src.common.errors import SubmissionError
from src.data.classes import Classes
from src.inference.predict import Prediction
from src.submission.cache import PredictionCache
from src.submission.check import COLUMNS, LIMIT, check_submission
from src.submission.names import name_predictions

FOLDER = Path("submissions")
NOTES = "test.csv"  # in the run's folder: label and confidence of each frame
STAMP = (1980, 1, 1, 0, 0, 0)  # of the zip's files: equal predictions make equal bytes


def write_submission(
    path: Path,
    samples: pd.DataFrame,
    predictions: Iterable[Prediction],
    classes: Classes,
    cache: PredictionCache,
    channels: int = 3,
    source: str = "",
) -> Path:
    """Writes the zip, under its name only once it is whole and checked.

    Args:
        path: of the zip.
        samples: table of the Test frames.
        predictions: one for each row that is not in the cache yet, in order.
        classes: turn the network's indices into the files' ids.
        cache: where each prediction lies until the zip is there; then it is emptied, and `test.csv` beside it
            holds of each frame what `PredictionCache.read` gives, but for the checksum.
        channels: of the PNGs, equal ones: 3 as the competition accepted, or 1.
        source: what made it, for the zip's comment.

    Returns:
        `path`.
    """
    names = name_predictions(samples)
    cache.add(predictions, names, channels)
    notes = cache.read()
    checksums = dict(zip(names, notes.pop("checksum"), strict=True))
    table = pd.DataFrame(dict(zip(COLUMNS, (samples["image_path"], names, notes["label"]), strict=True)))

    def write(beside: Path) -> None:
        _pack(beside, table, cache.folder, source)
        # a zip of any size is whole; only the platform may find it too large
        check_submission(beside, samples, classes, limit=np.inf, checksums=checksums)

    try:
        files.write_atomically(path, write)
    except SubmissionError:
        cache.drop()  # a frame on the disk is broken: predict anew
        raise
    notes.insert(0, "image_path", samples["image_path"])
    files.write_atomically(cache.folder.parent / NOTES, lambda beside: notes.to_csv(beside, index=False))
    cache.drop()
    _warn_of_size(path)
    return path


def _pack(path: Path, table: pd.DataFrame, folder: Path, comment: str) -> None:
    """Packs the table and the masks that it names into a zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as members:  # PNG is packed already
        for name in table["pred_name"]:
            members.writestr(zipfile.ZipInfo(f"data/{name}", STAMP), (folder / name).read_bytes())
        members.writestr(zipfile.ZipInfo("data.csv", STAMP), table.to_csv(index=False))
        members.comment = comment.encode()


def _warn_of_size(path: Path) -> None:
    """Says it where a zip is larger than the platform takes."""
    size = path.stat().st_size / 1e6
    if size > LIMIT:
        print(f"{path.name} has {size:.0f} MB, and CodaLab takes {LIMIT}; CHANNELS=1 makes it smaller.")


def name_submission(run: runs.Run, scores: dict[str, dict[str, float]]) -> Path:
    """Names a zip `<date>_<run>_<split><mIoU>-<accuracy>-<F1>.zip`, after its known scores in percent.

    Args:
        run: the run that made it.
        scores: by split, each {"miou", "f1", "accuracy"}; "estimate" and "test" are named.
    """
    parts = [f"{datetime.date.today():%Y-%m-%d}", run.folder.name]
    for split, word in (("estimate", "est"), ("test", "test")):
        if split in scores:
            values = (scores[split].get(key) for key in ("miou", "accuracy", "f1"))
            parts.append(word + "-".join("none" if x is None else f"{100 * x:.1f}" for x in values))
    return FOLDER / f"{'_'.join(parts)}.zip"
