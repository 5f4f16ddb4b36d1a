"""Predictions -> masks as PNG and a table -> zip for the competition, checked before it counts."""

import argparse
import datetime
import hashlib
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from src import archive, data, engine, files, metrics, pictures, project, record
from src import classes as class_lists
from src.archive import COLUMNS, LIMIT, check_submission, pred_names
from src.classes import Classes
from src.errors import MissingError, OutdatedError, SubmissionError
from src.predict import Prediction

FOLDER = Path("submissions")
NOTES = "test.csv"  # in the run's folder: what the network said of each frame, and how sure it was
KEPT = ("label", "checksum", "confidence", "sureness")  # columns of a kept frame, before the classes' shares
STAMP = (1980, 1, 1, 0, 0, 0)  # of the zip's files: equal predictions make equal bytes


@dataclass(frozen=True)
class Kept:
    """Predictions on the disk, frame by frame: one that is broken off goes on after the last whole frame.

    Attributes:
        folder: holds the PNGs, and `frames.csv`, a line a finished frame.
        classes: of both tasks.
    """

    folder: Path
    classes: Classes

    def read(self) -> pd.DataFrame:
        """Reads what is kept of the finished frames; a line that was broken off does not count.

        Returns:
            A row a frame: id of the "label", "checksum" (CRC-32) of the mask's file, "confidence" and
            "sureness" as in `predict.Prediction`, and of each class, as "share road", its share of pixels.
        """
        path = self.folder / "frames.csv"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        whole = [line.split(",") for line in text.splitlines(keepends=True) if line.endswith("\n")]
        names = [*KEPT, *(f"share {name}" for name in self.classes.mask.names)]
        kinds = dict.fromkeys(names, float) | dict.fromkeys(KEPT[:2], int)
        return pd.DataFrame(whole, columns=names).astype(kinds)

    def add(self, predictions: Iterable[Prediction], names: list[str], channels: int) -> None:
        """Keeps the predictions of the frames that are not finished yet, each as soon as it is there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path, known = self.folder / "frames.csv", self.read()
        files.write_atomically(
            path, lambda beside: known.to_csv(beside, header=False, index=False, na_rep="nan")
        )
        with files.naming_full_disk(path), path.open("a", encoding="utf-8") as file:
            for name, prediction in zip(names[len(known) :], predictions, strict=True):
                ids = self.classes.mask.decode(prediction.mask)
                content = encode_png(cv2.merge([ids] * channels))
                (self.folder / name).write_bytes(content)
                counts = class_lists.count_values(prediction.mask)[: len(self.classes.mask)]
                numbers = (prediction.confidence, prediction.sureness, *(counts / prediction.mask.size))
                line = ",".join(f"{number:.4f}" for number in numbers)
                label = self.classes.label.ids[prediction.label]
                file.write(f"{label},{zlib.crc32(content)},{line}\n")  # only now the frame counts
                file.flush()

    def drop(self) -> None:
        """Deletes what is kept; first the list of frames, so that half of the masks never count as all."""
        (self.folder / "frames.csv").unlink(missing_ok=True)
        shutil.rmtree(self.folder)


def open_kept(run: record.Run, samples: pd.DataFrame, classes: Classes, flip: bool, channels: int) -> Kept:
    """Opens the folder of predictions of this very network, Test and way of predicting."""
    weights = (run.folder / "final" / "model.keras").read_bytes()
    what = (hashlib.sha256(weights).hexdigest(), data.fingerprint_data(samples, classes), flip, channels)
    what += (engine.has_bfloat16(), KEPT)  # two processors' predictions do not go into one zip
    return Kept(run.folder / f"test-{hashlib.sha256(repr(what).encode()).hexdigest()[:8]}", classes)


def write_submission(
    path: Path,
    samples: pd.DataFrame,
    predictions: Iterable[Prediction],
    classes: Classes,
    kept: Kept,
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
            tells of each frame what `Kept.read` gives, but for the checksum.
        channels: of the PNGs, equal ones: 3 as the competition accepted, or 1.
        source: what made it, for the zip's comment.

    Returns:
        `path`.
    """
    names = pred_names(samples)
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


def encode_png(picture: np.ndarray) -> bytes:
    """Packs a uint8 picture, (H, W) or (H, W, 3) with equal channels, as PNG."""
    plain = [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]  # flat areas pack faster and smaller so
    done, content = cv2.imencode(".png", picture, plain)
    if not done:
        raise SubmissionError(f"A mask of shape {picture.shape} could not be written as PNG.")
    return content.tobytes()


def name_submission(run: record.Run, scores: dict[str, dict[str, float]]) -> Path:
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


def read_predictions(
    path: Path, samples: pd.DataFrame, classes: Classes, rows: Iterable[int]
) -> Iterator[Prediction]:
    """Reads some predictions back from a zip, as network indices.

    Raises:
        OutdatedError: the table of the Test frames is not the one that the zip was made of.
    """
    table = archive.read_table(path).reset_index(drop=True)
    _require_same(path, table["image_path"], samples)
    with zipfile.ZipFile(path) as members:
        for row in rows:
            mask = classes.mask.encode(archive.read_mask(members, table["pred_name"][row]))
            label = classes.label.ids.index(int(table["image_lvl_pred"][row]))
            yield Prediction(mask, label)


def load_shown(
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
    sizes = [pictures.turn_size(size, row.height, row.width) for row in chosen.itertuples()]
    photos = [pictures.load_photo(image, own) for image, own in zip(chosen["image"], sizes, strict=True)]
    truths = pictures.load_masks(chosen, classes, sizes) if (samples["mask"] != "").any() else None
    predictions = read_predictions(path, samples, classes, rows)
    shrunk = [pictures.shrink_mask(one.mask, own) for one, own in zip(predictions, sizes, strict=True)]
    return photos, truths, shrunk


def read_notes(run: record.Run, samples: pd.DataFrame) -> pd.DataFrame:
    """Reads what the run's network said of each Test frame, as `Kept.read` gives it.

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
        mask = pictures.load_mask(truth["mask"].iloc[row], classes.mask)
        found[row] = metrics.confuse(mask, prediction.mask, len(classes.mask))
    return found


def find_submission(run: record.Run) -> Path:
    """Finds the zip that was written last of a run, by the name that its `result.json` keeps.

    Raises:
        MissingError: there is none; the message names the notebook to run.
    """
    name = record.read_result(run).get("zip", "")
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
        archive.list_members(path, np.inf)  # refuses what would harm
        with zipfile.ZipFile(path) as members:
            members.extractall(folder)
        scores, confusion = score(str(reference), folder, data.find_truth(reference))
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


def main() -> None:
    """`python -m src.submission check ZIP --data Test`."""
    parser = argparse.ArgumentParser(
        prog="python -m src.submission", description="Checks a zip before it is uploaded."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="compares a zip with the Test frames")
    check.add_argument("zip", type=files.expand_home)
    check.add_argument(
        "--data",
        type=files.expand_home,
        help="folder of the Test frames (default: Test, the built-in world's if empty)",
    )
    check.add_argument(
        "--classes",
        type=files.expand_home,
        help="folder that holds classes.csv (default: Train beside --data)",
    )
    check.add_argument(
        "--limit", type=float, default=LIMIT, help="MB that the platform takes (default: 1000)"
    )
    arguments = parser.parse_args()
    try:
        here = Path() if project.is_laid(Path()) else project.RENDERED
        frames = arguments.data or here / "Test"
        classes = class_lists.read_classes(arguments.classes or frames.parent / "Train")
        check_submission(arguments.zip, data.read_samples(frames, classes), classes, arguments.limit)
    except ValueError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    print(
        f"{arguments.zip.name}: every frame is there, every mask has its photo's size, every id is a class."
    )


if __name__ == "__main__":
    main()
