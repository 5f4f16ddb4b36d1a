"""Predictions on the disk, frame by frame."""

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
from src.inference import engine
from src.inference.predict import Prediction

KEPT = (
    "label",
    "checksum",
    "confidence",
    "mean_confidence",
)  # columns of a kept frame, before the classes' shares


@dataclass(frozen=True)
class PredictionCache:
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
            "mean_confidence" as in `predict.Prediction`, and of each class its share of the pixels, as
            "share road".
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
                numbers = (
                    prediction.confidence,
                    prediction.mean_confidence,
                    *(counts / prediction.mask.size),
                )
                line = ",".join(f"{number:.4f}" for number in numbers)
                label = self.classes.label.ids[prediction.label]
                file.write(f"{label},{zlib.crc32(content)},{line}\n")  # only now the frame counts
                file.flush()

    def drop(self) -> None:
        """Deletes what is kept; first the list of frames, so that half of the masks never count as all."""
        (self.folder / "frames.csv").unlink(missing_ok=True)
        shutil.rmtree(self.folder)


def open_cache(
    run: runs.Run, samples: pd.DataFrame, classes: Classes, flip: bool, channels: int
) -> PredictionCache:
    """Opens the folder of predictions of this very network, Test and way of predicting."""
    weights = (run.folder / "final" / "model.keras").read_bytes()
    what = (hashlib.sha256(weights).hexdigest(), fingerprint_data(samples, classes), flip, channels)
    what += (engine.has_bfloat16(), KEPT)  # two processors' predictions do not go into one zip
    return PredictionCache(
        run.folder / f"test-{hashlib.sha256(repr(what).encode()).hexdigest()[:8]}", classes
    )


def encode_png(picture: np.ndarray) -> bytes:
    """Packs a uint8 picture, (H, W) or (H, W, 3) with equal channels, as PNG."""
    plain = [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]  # flat areas pack faster and smaller so
    done, content = cv2.imencode(".png", picture, plain)
    if not done:
        raise SubmissionError(f"A mask of shape {picture.shape} could not be written as PNG.")
    return content.tobytes()
