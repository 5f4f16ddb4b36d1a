"""What the rows of Keras share: a training step by `fit`, predictions by `predict`."""

import time

import keras
import numpy as np
import tensorflow as tf
from turns import BATCH, Measure, time_calls


def measure_fit(network: keras.Model, image: np.ndarray, target: object, steps: int = 4) -> Measure:
    """Gives what measures a training step by Keras' own `fit`.

    The first step of a turn does not count.

    Args:
        network: compiled.
        image: a batch of BATCH images, as the network takes them.
        target: of that batch.
        steps: of a turn.
    """
    stream = tf.data.Dataset.from_tensors((image, target)).repeat()

    def measure() -> float:
        ends: list[float] = []
        clock = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda *_, **__: ends.append(time.perf_counter())
        )
        network.fit(stream, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[clock])
        return float(np.median(np.diff(ends))) / BATCH

    return measure


def measure_predict_one(network: keras.Model, images: np.ndarray) -> Measure:
    """Gives what measures the prediction of one image, the first."""
    return lambda: time_calls(lambda: network.predict(images[:1], verbose=0), 20)


def measure_predict_many(network: keras.Model, images: np.ndarray) -> Measure:
    """Gives what measures the prediction of many images, in batches of BATCH."""

    def predict() -> None:
        network.predict(images, batch_size=BATCH, verbose=0)

    return lambda: time_calls(predict, 2, len(images))
