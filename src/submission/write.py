"""Writes the zip for the competition: masks as PNGs and a table, checked before the zip gets its name."""

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
from src.scores import Scores
from src.submission.archive import LIMIT
from src.submission.cache import PredictionCache
from src.submission.check import check_submission
from src.submission.names import name_predictions

FOLDER = Path("submissions")
NOTES = "test.csv"  # file in the run's folder: label, confidence, expected mean IoU and shares of the classes
# What begins the scores of a split in the name of a zip.
IN_NAME = {"estimate": "est", "test": "test", "competition": "scored"}
STAMP = (1980, 1, 1, 0, 0, 0)  # date of all files in the zip, so that equal predictions give equal bytes


def write_submission(
    path: Path,
    samples: pd.DataFrame,
    predictions: Iterable[Prediction],
    classes: Classes,
    cache: PredictionCache,
    channels: int = 3,
    source: str = "",
) -> Path:
    """Writes the zip, which gets its name only after it is complete and checked, and returns its path.

    Args:
        path: of the zip.
        samples: table of the Test frames.
        predictions: one for each row that is not in the cache yet, in order.
        classes: of both tasks; map indices of the network to ids of files.
        cache: holds the predictions; deleted after its table, without checksums, is written to `test.csv`.
        channels: of the PNGs, all equal: 3 as the competition requires, or 1.
        source: origin of the predictions, for the zip's comment.

    Raises:
        SubmissionError: the zip breaks a rule, or a stored mask is missing; the cache is deleted, so that all
            frames are predicted again.
    """
    names = name_predictions(samples)
    cache.add(predictions, names, channels)
    notes = cache.read()
    checksums = dict(zip(names, notes.pop("checksum"), strict=True))
    table = _make_table(samples, names, notes)

    def write(temporary: Path) -> None:
        _pack(temporary, table, cache.folder, source)
        # The size is not checked here, because only the platform limits it.
        check_submission(temporary, samples, classes, limit=np.inf, checksums=checksums)

    try:
        files.write_atomically(path, write)
    except SubmissionError:
        cache.drop()  # a stored frame is broken or missing
        raise
    _write_notes(cache.folder.parent / NOTES, samples, notes)
    cache.drop()
    _warn_of_size(path)
    return path


def _make_table(samples: pd.DataFrame, names: list[str], notes: pd.DataFrame) -> pd.DataFrame:
    """Makes the table of the zip: each photo with the name of its mask and the id of its label."""
    columns = {"image_path": samples["image_path"], "pred_name": names, "image_lvl_pred": notes["label"]}
    return pd.DataFrame(columns)


def _write_notes(path: Path, samples: pd.DataFrame, notes: pd.DataFrame) -> None:
    """Writes what is known of each predicted frame as a table."""
    notes.insert(0, "image_path", samples["image_path"])
    files.write_atomically(path, lambda temporary: notes.to_csv(temporary, index=False))


def _pack(path: Path, table: pd.DataFrame, folder: Path, comment: str) -> None:
    """Packs the table and the masks that it names into a zip.

    Raises:
        SubmissionError: a mask is missing.
    """
    missing = [name for name in table["pred_name"] if not (folder / name).exists()]
    if missing:
        raise SubmissionError(
            f"{folder / missing[0]} must hold a predicted mask, found no such file; run Save_test.ipynb "
            "again, which predicts all frames anew."
        )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as members:  # PNG is packed already
        for name in table["pred_name"]:
            members.writestr(zipfile.ZipInfo(f"data/{name}", STAMP), (folder / name).read_bytes())
        members.writestr(zipfile.ZipInfo("data.csv", STAMP), table.to_csv(index=False))
        members.comment = comment.encode()


def _warn_of_size(path: Path) -> None:
    """Prints a warning if a zip is larger than the platform accepts."""
    size = path.stat().st_size / 1e6
    if size > LIMIT:
        print(f"{path.name} has {size:.0f} MB, and CodaLab takes {LIMIT}; CHANNELS=1 makes it smaller.")


def name_submission(run: runs.Run, scores: dict[str, Scores]) -> Path:
    """Returns the path of a zip, `<date>_<run>_<split><mIoU>-<accuracy>-<F1>.zip` with scores in percent.

    Args:
        run: the run that made it.
        scores: by split; only the splits of IN_NAME are in the name.
    """
    parts = [f"{datetime.date.today():%Y-%m-%d}", run.folder.name]
    for split, prefix in IN_NAME.items():
        if split in scores:
            known = scores[split]
            values = (known.miou, known.accuracy, known.f1)
            percents = ["none" if value is None else f"{100 * value:.1f}" for value in values]
            parts.append(prefix + "-".join(percents))
    return FOLDER / f"{'_'.join(parts)}.zip"
