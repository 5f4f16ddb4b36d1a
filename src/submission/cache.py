"""Stores predictions on the disk, frame by frame."""

import hashlib
import shutil
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from src import runs
from src.common import files
from src.common.errors import SubmissionError
from src.data import classes as class_lists
from src.data.classes import Classes
from src.data.samples import fingerprint_data
from src.inference import engine, predict
from src.inference.predict import Prediction
from src.model import unet

# First columns of `frames.csv`; a column for each mask class follows.
FRAME_COLUMNS = ("label", "checksum", "confidence", "expected_miou")


@dataclass(frozen=True)
class PredictionCache:
    """Predictions on the disk; an interrupted prediction continues after the last finished frame.

    Attributes:
        folder: holds the masks as PNGs, and `frames.csv` with one line per finished frame.
        classes: of both tasks.
    """

    folder: Path
    classes: Classes

    def read(self) -> pd.DataFrame:
        """Reads `frames.csv` without an unfinished last line.

        Returns:
            A row per finished frame: id of the "label", "checksum" (CRC-32) of the mask's file, "confidence"
            and "expected_miou" as in `predict.Prediction`, and the share of the pixels of each class, as
            "share sidewalk".
        """
        path = self.folder / "frames.csv"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        rows = [line.split(",") for line in text.splitlines(keepends=True) if line.endswith("\n")]
        names = [*FRAME_COLUMNS, *(f"share {name}" for name in self.classes.mask.names)]
        types = dict.fromkeys(names, float)
        types["label"] = int
        types["checksum"] = int
        return pd.DataFrame(rows, columns=names).astype(types)

    def add(self, predictions: Iterable[Prediction], names: list[str], channels: int) -> None:
        """Stores the predictions of the frames that are not finished yet, each at once.

        Args:
            predictions: of the remaining frames, in order.
            names: file names of the masks of all frames.
            channels: of the PNGs, all equal.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "frames.csv"
        finished = self.read()

        def write_finished(temporary: Path) -> None:
            finished.to_csv(temporary, header=False, index=False, na_rep="nan")

        files.write_atomically(path, write_finished)  # without an unfinished last line
        with files.report_full_disk(path), path.open("a", encoding="utf-8") as file:
            for name, prediction in zip(names[len(finished) :], predictions, strict=True):
                ids = self.classes.mask.decode(prediction.mask)
                content = encode_png(cv2.merge([ids] * channels))
                (self.folder / name).write_bytes(content)
                # The frame counts as finished once its line is written.
                file.write(self._describe(prediction, zlib.crc32(content)))
                file.flush()

    def _describe(self, prediction: Prediction, checksum: int) -> str:
        """Writes the line of a frame for `frames.csv`."""
        counts = class_lists.count_values(prediction.mask)[: len(self.classes.mask)]
        shares = counts / prediction.mask.size
        numbers = [f"{number:.4f}" for number in (prediction.confidence, prediction.expected_miou, *shares)]
        label = self.classes.label.ids[prediction.label]
        return ",".join([str(label), str(checksum), *numbers]) + "\n"

    def drop(self) -> None:
        """Deletes the predictions, `frames.csv` first: without it the rest does not count."""
        (self.folder / "frames.csv").unlink(missing_ok=True)
        shutil.rmtree(self.folder)


def open_cache(
    run: runs.Run, samples: pd.DataFrame, classes: Classes, tta: bool, channels: int
) -> PredictionCache:
    """Opens the folder for predictions, whose name depends on all that they depend on.

    Args:
        run: the joint network's run.
        samples: table of the Test frames.
        classes: of both tasks.
        tta: whether predictions are averages over `predict.VIEWS`.
        channels: of the PNGs.
    """
    weights = [path.read_bytes() for path in unet.list_submitted(run.folder)]
    origin = (
        [hashlib.sha256(one).hexdigest() for one in weights],
        fingerprint_data(samples, classes),
        predict.VIEWS if tta else 1,
        channels,
        engine.has_bfloat16(),  # processors with and without it predict differently
        FRAME_COLUMNS,
    )
    digits = hashlib.sha256(repr(origin).encode()).hexdigest()[:8]
    return PredictionCache(run.folder / f"test-{digits}", classes)


def encode_png(ids: np.ndarray) -> bytes:
    """Encodes class ids, uint8 (H, W) or (H, W, 3) with equal channels, as PNG.

    Raises:
        SubmissionError: OpenCV cannot write an array of this shape.
    """
    no_filter = [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]  # faster and smaller for flat areas
    is_encoded, content = cv2.imencode(".png", ids, no_filter)
    if not is_encoded:
        raise SubmissionError(
            f"A mask must be an array that OpenCV writes as PNG, found the shape {ids.shape}; predict again."
        )
    return content.tobytes()
