"""Predictions -> masks as PNG and a table -> zip for the competition, checked before it counts."""

import argparse
import datetime
import io
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from src import classes as class_lists
from src import data, training
from src.classes import Classes
from src.predict import Prediction

FOLDER = Path("submissions")
COLUMNS = ["image_path", "pred_name", "image_lvl_pred"]


class SubmissionError(ValueError):
    """A zip breaks the competition's rules; the message names the file, what was found and the way out."""


def write_submission(
    path: Path, samples: pd.DataFrame, predictions: Iterable[Prediction], classes: Classes, channels: int = 3
) -> Path:
    """Writes the zip, one frame at a time, under its name only once it is whole and checked.

    Args:
        path: of the zip.
        samples: table of the Test frames.
        predictions: one for each row, in order.
        classes: turn the network's indices into the files' ids.
        channels: of the PNGs, equal ones: 3 as the competition accepted, or 1.

    Returns:
        `path`.
    """
    names = pred_names(samples)

    def write(beside: Path) -> None:
        labels = []
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as archive:  # PNG is packed already
            for name, prediction in zip(names, predictions, strict=True):
                ids = classes.mask.decode(prediction.mask)
                archive.writestr(f"data/{name}", encode_png(np.repeat(ids[..., None], channels, -1)))
                labels.append(classes.label.ids[prediction.label])
            table = pd.DataFrame(
                dict(zip(COLUMNS, (samples["image_path"].to_list(), names, labels), strict=True))
            )
            archive.writestr("data.csv", table.to_csv(index=False))
        check_submission(beside, samples, classes)

    training.write_atomically(path, write)
    return path


def pred_names(samples: pd.DataFrame) -> list[str]:
    """Names each frame's mask inside the zip: `<image stem>_pred.png`."""
    return [f"{Path(name).stem}_pred.png" for name in samples["image_path"]]


def encode_png(picture: np.ndarray) -> bytes:
    """Packs a uint8 picture, (H, W, 1) or (H, W, 3) with equal channels, as PNG."""
    done, content = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not done:
        raise SubmissionError(f"A mask of shape {picture.shape} could not be written as PNG.")
    return content.tobytes()


def name_submission(run: training.Run, scores: dict[str, dict[str, float]], folder: Path = FOLDER) -> Path:
    """Names a zip `<date>_<run>_<split><mIoU>-<accuracy>-<F1>.zip`, after its known scores in percent.

    Args:
        run: the run that made it.
        scores: by split, each {"miou", "f1", "accuracy"}; "estimate" and "test" are named.
        folder: where the zip lies.
    """
    parts = [f"{datetime.date.today():%Y-%m-%d}", run.folder.name]
    for split, word in (("estimate", "est"), ("test", "test")):
        if split in scores:
            values = (scores[split].get(key) for key in ("miou", "accuracy", "f1"))
            parts.append(word + "-".join("none" if x is None else f"{100 * x:.1f}" for x in values))
    return folder / f"{'_'.join(parts)}.zip"


def check_submission(path: Path, samples: pd.DataFrame, classes: Classes) -> None:
    """Reads a zip back and compares it with the Test frames.

    Args:
        path: the zip.
        samples: table of the Test frames.
        classes: the ids that may occur.

    Raises:
        SubmissionError: the first rule that it breaks.
    """
    table, masks = read_submission(path)
    expected = {"data.csv"} | {f"data/{name}" for name in pred_names(samples)}
    with zipfile.ZipFile(path) as archive:
        present = set(archive.namelist())
    for word, names in (("lacks", expected - present), ("holds the needless", present - expected)):
        if names:
            raise SubmissionError(
                f"{path.name} {word} {', '.join(sorted(names)[:5])}; write it again with Save_test.ipynb."
            )
    if list(table["image_path"]) != list(samples["image_path"]):
        raise SubmissionError(
            f"{path.name}: data.csv must list the frames of Test/data.csv in order; write it again."
        )
    if list(table["pred_name"]) != pred_names(samples):
        raise SubmissionError(f"{path.name}: pred_name must be <image stem>_pred.png; write it again.")
    if not set(table["image_lvl_pred"]) <= set(classes.label.ids):
        raise SubmissionError(
            f"{path.name}: image_lvl_pred must be one of {classes.label.ids}; write it again."
        )
    for row, name in zip(samples.itertuples(), pred_names(samples), strict=True):
        ids = masks(name)
        channels = ids if ids.ndim == 3 else ids[..., None]
        if ids.shape[:2] != (row.height, row.width) or (channels != channels[..., :1]).any():
            raise SubmissionError(
                f"{name} must be {row.height} x {row.width} with equal channels, found {ids.shape}."
            )
        unknown = set(np.unique(ids).tolist()) - set(classes.mask.ids)
        if unknown:
            raise SubmissionError(
                f"{name} holds the ids {sorted(unknown)}, which no class has; ids are {classes.mask.ids}."
            )


def read_submission(path: Path) -> tuple[pd.DataFrame, "MaskReader"]:
    """Reads the table of a zip, and gives a reader of its masks by name.

    Raises:
        SubmissionError: it is no zip, or has no table with the three columns at its root.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            table = pd.read_csv(io.BytesIO(archive.read("data.csv")))
    except (zipfile.BadZipFile, OSError) as error:
        raise SubmissionError(
            f"{path} must be a zip, it cannot be read ({error}); write it again."
        ) from error
    except KeyError:
        with zipfile.ZipFile(path) as archive:
            found = [name for name in archive.namelist() if name.endswith("data.csv")] or ["no data.csv"]
        raise SubmissionError(
            f"{path} must have data.csv at its root, found {found[0]}; zip the files, not their folder."
        ) from None
    if list(table.columns) != COLUMNS:
        raise SubmissionError(
            f"{path}: data.csv must have the columns {COLUMNS}, found {list(table.columns)}."
        )
    return table, MaskReader(path)


class MaskReader:
    """Reads masks of a zip by name: uint8 ids, (H, W) or (H, W, 3)."""

    def __init__(self, path: Path):
        self.path = path

    def __call__(self, name: str) -> np.ndarray:
        """Gives one mask; a file that is no 8-bit PNG is refused."""
        with zipfile.ZipFile(self.path) as archive:
            content = np.frombuffer(archive.read(f"data/{name}"), np.uint8)
        ids = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
        if ids is None or ids.dtype != np.uint8:
            raise SubmissionError(f"{self.path.name}: data/{name} must be an 8-bit PNG; write the zip again.")
        return ids


def read_predictions(path: Path, classes: Classes, rows: Iterable[int]) -> list[Prediction]:
    """Reads some predictions back from a zip, as network indices."""
    table, masks = read_submission(path)
    ids = list(classes.label.ids)
    chosen = [table.iloc[row] for row in rows]
    one_channel = [
        ids_ if ids_.ndim == 2 else ids_[..., 0] for ids_ in (masks(row.pred_name) for row in chosen)
    ]
    return [
        Prediction(classes.mask.encode(mask), ids.index(int(row.image_lvl_pred)))
        for mask, row in zip(one_channel, chosen, strict=True)
    ]


def latest_submission(run: training.Run, folder: Path = FOLDER) -> Path:
    """Finds the newest zip of a run.

    Raises:
        FileNotFoundError: there is none; the message names the notebook to run.
    """
    paths = sorted(folder.glob(f"*_{run.folder.name}*.zip"), key=lambda path: path.stat().st_mtime)
    if not paths:
        raise FileNotFoundError(f"No zip of {run.folder.name} lies in {folder}/; run Save_test.ipynb first.")
    return paths[-1]


def score_submission(path: Path, reference: str | Path, classes: Classes, score: Callable) -> dict:
    """Runs the competition's scoring program on the very zip, unpacked to a temporary folder.

    Args:
        path: the zip.
        reference: folder with the truth of Test.
        classes: turn the files' ids into the network's indices.
        score: of `scoring.py`, which stands alone.

    Returns:
        `scores` {"miou", "f1", "accuracy", "iou_<class>"...}, fractions; `confusion` {"mask", "label"}.
    """
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
        scores, confusion = score(str(reference), folder)
    mask = confusion["mask"][np.ix_(classes.mask.ids, classes.mask.ids)]
    label = np.zeros((len(classes.label),) * 2, int)
    place = {str(id): index for index, id in enumerate(classes.label.ids)}
    for truth, predicted in confusion["label"]:
        if truth in place:  # a label that Train lacks counts in the scores, and has no row in the figure
            label[place[truth], place[predicted]] += 1
    known = label.tolist() if confusion["label"] else None
    return {"scores": scores, "confusion": {"mask": mask.tolist(), "label": known}}


def main() -> None:
    """`python -m src.submission check ZIP --data Test`."""
    parser = argparse.ArgumentParser(
        prog="python -m src.submission", description="Checks a zip before it is uploaded."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="compares a zip with the Test frames")
    check.add_argument("zip", type=Path)
    check.add_argument(
        "--data", type=Path, default=Path("Test"), help="folder of the Test frames (default: Test)"
    )
    check.add_argument(
        "--classes", type=Path, help="folder that holds classes.csv (default: Train beside --data)"
    )
    arguments = parser.parse_args()
    try:
        classes = class_lists.read_classes(arguments.classes or arguments.data.parent / "Train")
        check_submission(arguments.zip, data.read_samples(arguments.data, classes), classes)
    except ValueError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    print(
        f"{arguments.zip.name}: every frame is there, every mask has its photo's size, every id is a class."
    )


if __name__ == "__main__":
    main()
