"""Writes a training's curves and sample predictions as TensorBoard reads them."""

import time
from pathlib import Path

import cv2
import keras
import numpy as np
import tensorflow as tf
from tensorflow.compat.v1 import Event, Summary

from src.data.classes import ClassList
from src.data.frames import Frames
from src.model import unet

NAME = "events.out.tfevents"  # how TensorBoard knows its files
SHARE = 0.01  # of a training's time that predictions may take, but for the first ones


class EventLog(keras.callbacks.Callback):
    """Writes losses and metrics as the history gets them, and predictions of some frames at each validation.

    TensorFlow alone writes them; TensorBoard is needed only to show them. This callback comes before
    `AverageWeightsForValidation` in their list, so that it predicts with the averaged weights. It leaves out
    predictions that would take more than SHARE of the training's time so far.

    Args:
        folder: of the training. Each start writes a file, named by the step that it goes on from. Later steps
            of an earlier file are taken again; TensorBoard shows what was written last.
        frames: whose predictions are shown.
        classes: of the mask.
    """

    def __init__(self, folder: Path, frames: Frames, classes: ClassList):
        super().__init__()
        self.folder = folder
        self.frames = frames
        self.classes = classes
        self.predictions: list[Summary.Value] = []  # of the last validation

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Opens the file, and writes photos and true masks."""
        self.begin = time.monotonic()
        self.spent = 0.0
        self.cost = 0.0
        step = int(self.model.optimizer.iterations.numpy())
        self.writer = tf.io.TFRecordWriter(str(self.folder / f"{NAME}.step{step:07d}"))
        values = []
        for row, (photo, mask) in enumerate(zip(self.frames.images, self.frames.masks, strict=True)):
            values.append(_make_picture(row, "photo", photo))
            values.append(_make_picture(row, "truth", self.classes.paint(mask)))
        self._write(values)

    def on_test_end(self, logs: dict | None = None) -> None:
        """Predicts the frames, if there is time."""
        begin = time.monotonic()
        if self.spent + self.cost > SHARE * (begin - self.begin):
            return
        for row in range(len(self.frames)):
            mask = unet.predict_mask(self.model, self.frames.get_input(row))
            self.predictions.append(_make_picture(row, "prediction", self.classes.paint(mask)))
        self.cost = time.monotonic() - begin
        self.spent += self.cost

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Writes losses and metrics and, after a validation, the predictions."""
        values = [Summary.Value(tag=name, simple_value=value) for name, value in logs.items()]
        self._write(values + self.predictions)
        self.predictions = []

    def on_train_end(self, logs: dict | None = None) -> None:
        """Closes the file."""
        self.writer.close()

    def _write(self, values: list[Summary.Value]) -> None:
        """Writes values of the step that was taken last."""
        step = int(self.model.optimizer.iterations.numpy())
        event = Event(wall_time=time.time(), step=step, summary=Summary(value=values))
        self.writer.write(event.SerializeToString())
        self.writer.flush()


def _make_picture(row: int, kind: str, picture: np.ndarray) -> Summary.Value:
    """Makes a picture of a frame, uint8 RGB (H, W, 3), as a value that TensorBoard shows."""
    height, width = picture.shape[:2]
    encoded = cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
    image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=encoded)
    return Summary.Value(tag=f"frame {row + 1}/{kind}", image=image)
