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
from src.submission.check import COLUMNS, LIMIT, check_submission, name_predictions

NOTES = "test.csv"  # in the run's folder: label and confidence of each frame

FOLDER = Path("submissions")
STAMP = (1980, 1, 1, 0, 0, 0)  # of the zip's files: equal predictions make equal bytes


def write_submission(
    path: Path,
    samples: pd.DataFrame,
    predictions: Iterable[Prediction],
    classes: Classes,
    kept: PredictionCache,
    channels: int = 3,
    source: str = "",
) -> Path:
    """Writes the zip, under its name only once it is whole and checked.

    Args:
        path: of the zip.
        samples: table of the Test frames.
        predictions: one for each row that is not kept yet, in order.
        classes: turn the network's indices into the files' ids.
        kept: where each prediction lies until the zip is there; then it is emptied, and beside it `test.csv`
            tells of each frame what `PredictionCache.read` gives, but for the checksum.
        channels: of the PNGs, equal ones: 3 as the competition accepted, or 1.
        source: what made it, for the zip's comment.

    Returns:
        `path`.
    """
    names = name_predictions(samples)
    kept.add(predictions, names, channels)
    notes = kept.read()
    checksums = dict(zip(names, notes.pop("checksum"), strict=True))
    table = pd.DataFrame(dict(zip(COLUMNS, (samples["image_path"], names, notes["label"]), strict=True)))

    def write(beside: Path) -> None:
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as members:  # PNG is packed already
            for name in names:
                content = (kept.folder / name).read_bytes()
                members.writestr(zipfile.ZipInfo(f"data/{name}", STAMP), content)
            members.writestr(zipfile.ZipInfo("data.csv", STAMP), table.to_csv(index=False))
            members.comment = source.encode()
        # too large is no fault of a frame
        check_submission(beside, samples, classes, limit=np.inf, checksums=checksums)

    try:
        files.write_atomically(path, write)
    except SubmissionError:
        kept.drop()  # a frame on the disk is broken: predict anew
        raise
    notes.insert(0, "image_path", samples["image_path"])
    files.write_atomically(kept.folder.parent / NOTES, lambda beside: notes.to_csv(beside, index=False))
    kept.drop()
    size = path.stat().st_size / 1e6
    if size > LIMIT:
        print(f"{path.name} has {size:.0f} MB, and CodaLab takes {LIMIT}; CHANNELS=1 makes it smaller.")
    return path


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
