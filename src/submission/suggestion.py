"""Suggests what to label next, and writes it with the network's masks: `python -m src suggest N`."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from src import runs
from src.bring import voc_writer
from src.bring.voc_writer import MaskedPhoto
from src.common.errors import DataError, SettingsError
from src.data.classes import NO_LABEL
from src.data.columns import ADDED
from src.data.samples import FILES
from src.evaluation.choice import choose_frames, measure_features
from src.inference import engine
from src.inference.predict import Prediction, predict_samples
from src.model import unet
from src.project import Project
from src.submission.names import name_predictions
from src.submission.read import find_submission, read_notes, read_predictions

LABELS = "labels.csv"  # the network's labels by photo, as `bring --labels` reads them
FRAMES = "frames.csv"  # what data.csv knows of each photo, such as time and place


@dataclass(frozen=True)
class Pool:
    """The frames to choose from, and what the submitted model predicts of them.

    Attributes:
        samples: table of the frames.
        expected: mean IoU that the network expects of each frame, 0 to 1, (frames,).
        predict: gives the predictions of some rows of the table, in their order.
    """

    samples: pd.DataFrame
    expected: np.ndarray
    predict: Callable[[Iterable[int]], Iterator[Prediction]]


def open_test(project: Project, run: runs.Run) -> Pool:
    """Opens the frames of Test, whose predictions lie in the run's zip.

    Raises:
        MissingError: Test was not predicted yet.
        OutdatedError: Test has changed since.
    """
    samples, classes = project.test, project.classes
    expected = read_notes(run, samples)["expected_miou"].to_numpy()
    path = find_submission(run)
    return Pool(samples, expected, lambda rows: read_predictions(path, samples, classes, rows))


def open_train(project: Project, run: runs.Run) -> Pool:
    """Opens the frames of Train that have no mask, and predicts them.

    Raises:
        DataError: each frame has one.
    """
    samples = project.train[project.train["mask"] == ""].reset_index(drop=True)
    if samples.empty:
        raise DataError(
            "Train must have frames without a mask to choose from, found none; leave --train out."
        )
    network = engine.open_exported(run.folder)
    size = tuple(run.settings["SIZE"])
    expected = [prediction.expected_miou for prediction in predict_samples(network, samples, size)]
    return Pool(
        samples,
        np.array(expected),
        lambda rows: predict_samples(network, samples.iloc[list(rows)], size),
    )


def suggest(project: Project, run: runs.Run, pool: Pool, count: int, out: Path) -> pd.DataFrame:
    """Chooses frames, and writes them as CVAT and `bring` read them.

    Args:
        project: the data.
        run: a finished joint run; the features are of the first network of its submitted model.
        pool: of `open_test` or `open_train`.
        count: of frames.
        out: new folder; beside photos and masks it holds FRAMES and, if Train has labels, LABELS.

    Returns:
        A row a chosen frame, the one that is to be labelled first on top: "photo", "expected mean IoU"
        in percent and "label".

    Raises:
        SettingsError: the pool has fewer frames.
        DataError: `out` holds something, or CVAT cannot take a class's name.
    """
    _check(count, len(pool.samples), out)
    voc_writer.color_classes(project.classes.mask.names)  # refuses names before anything is computed
    network = unet.load_model(unet.list_submitted(run.folder)[0])
    size = tuple(run.settings["SIZE"])
    features = measure_features(network, pool.samples, project.classes, size)
    chosen = choose_frames(features, pool.expected, count)
    labels = _write(project, pool, chosen, out)
    percent = (100 * pool.expected[chosen]).round(1)
    photos = pool.samples["image_path"].iloc[chosen].tolist()
    return pd.DataFrame({"photo": photos, "expected mean IoU": percent, "label": labels})


def _check(count: int, most: int, out: Path) -> None:
    """Refuses a number of frames that cannot be chosen, and a folder that is in use."""
    if not 1 <= count <= most:
        raise SettingsError(
            f"N must be from 1 to {most}, the frames to choose from, found {count}; change it."
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(
            f"{out} must be a new or an empty folder, found files in it; delete it, or name another by --out."
        )


def _write(project: Project, pool: Pool, chosen: np.ndarray, out: Path) -> list[str]:
    """Writes the chosen frames to a new folder, whole or not at all; returns the predicted labels."""
    classes = project.classes
    has_labels = (project.train["label"] != NO_LABEL).any()
    names = [name.removesuffix("_pred.png") for name in np.array(name_predictions(pool.samples))[chosen]]
    rows = pool.samples.iloc[chosen]
    labels = []

    def predict() -> Iterator[MaskedPhoto]:
        for name, photo, prediction in zip(names, rows["image"], pool.predict(chosen), strict=True):
            labels.append(classes.label.names[prediction.label] if has_labels else "")
            yield MaskedPhoto(name, Path(photo), prediction.mask)

    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".suggest-", dir=out.parent) as folder:
        work = Path(folder) / "out"
        work.mkdir()
        voc_writer.write(work, classes.mask.names, predict())
        photos = [
            f"{name}{Path(photo).suffix.lower()}" for name, photo in zip(names, rows["image"], strict=True)
        ]
        if has_labels:
            pd.DataFrame({"photo": photos, "label": labels}).to_csv(work / LABELS, index=False)
        own = [name for name in rows if name not in (*ADDED, *FILES, "image_lvl_label")]
        known = rows[own].dropna(axis="columns", how="all")
        known.insert(0, "image_path", [f"photos/{photo}" for photo in photos])  # as `bring` names it
        known.to_csv(work / FRAMES, index=False)
        if out.exists():
            out.rmdir()
        work.replace(out)
    return labels
