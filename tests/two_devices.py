"""What test_replicas.py runs: trainings on one device, and on two that are two halves of the processor.

Prints one line of JSON.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from src.data import classes as class_lists
from src.data.classes import IGNORE, NO_LABEL
from src.data.frames import Frames, load_frames
from src.data.samples import read_samples
from src.inference import engine
from src.model import replicas, unet
from src.settings import TrainingSettings
from src.training import checkpoints, lengths
from src.training import fit as fit_module
from src.training.compiled import make_joint, make_segmenter
from src.training.fit import fit, make_variables
from src.training.history import HISTORY
from src.training.lengths import Length
from tests.tiny import TINY

STEPS = 20
STOP = 7  # the step after which the training on two devices is killed
# With the recipe's own rate rounding grows to 1e-3 in 20 steps: so it does on one device whose batches have
# their rows in another order.
RECIPE = replace(TINY, rate=2e-4)
SETTINGS = TrainingSettings((64, 96), (32, 64), batch_size=4, recipe=RECIPE)


class Killed(checkpoints.Checkpointer):
    """Kills a training after the checkpoint of a step."""

    def save(self):
        super().save()
        if self.done == STOP:
            raise KeyboardInterrupt


def load(folder):
    """Loads six frames, of which one has no class in its left half, and half have no label."""
    names = class_lists.read_classes(folder)
    frames = load_frames(read_samples(folder, names), names, SETTINGS.size)
    frames.masks[0][:, :48] = IGNORE
    frames.labels[3:] = NO_LABEL
    return frames, names


def build(frames: Frames, names, count):
    """Builds a joint network on a number of devices, without dropout, which draws other numbers on two."""
    replicas.list_gpus = lambda: ["CPU:0", "CPU:1"][:count]
    network = make_joint(make_segmenter(frames, names, SETTINGS, seed=0), frames, names, SETTINGS, seed=0)
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0
    return network


def compute_gradients(network, frames):
    """Computes loss and gradients of one batch, of which one device has no label and the other two."""
    image = np.stack(frames.images[:4])
    target = {"mask": np.stack(frames.masks[:4]), "label": np.array([NO_LABEL, NO_LABEL, 1, 2], np.int32)}
    batch = tf.data.Dataset.from_tensors((image, target)).unbatch().batch(4)
    strategy = network.distribute_strategy
    make_variables(network, *next(iter(batch)))

    def differentiate(data):
        with tf.GradientTape() as tape:
            loss = network.compute_loss(*data, network(data[0], training=True))
        return replicas.add_up([loss, *tape.gradient(loss, network.trainable_variables)])

    run = tf.function(lambda data: strategy.run(differentiate, (data,)))
    values = run(next(iter(strategy.experimental_distribute_dataset(batch))))
    return [strategy.experimental_local_results(value)[0].numpy() for value in values]


def compare_gradients(frames, names):
    """Measures how far loss and gradients on two devices are from one's, in shares of each largest value."""
    ours, theirs = (compute_gradients(build(frames, names, count), frames) for count in (1, 2))
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if a.any() or b.any()]
    return [float(np.abs(a - b).max() / np.abs(a).max()) for a, b in pairs]


def train(frames, names, count, out):
    """Trains a network; describes it, its history, and what it and its file predict."""
    network = build(frames, names, count)
    # Two devices cannot share five frames evenly.
    fit(network, out, frames, SETTINGS, Length(STEPS), val_frames=frames.take(np.arange(5)))
    loaded = unet.load_model(out / "model.keras")
    image = frames.get_input(5)
    predictors = [engine.KerasPredictor(replicas.gather(network)), engine.KerasPredictor(loaded)]
    predictors.append(engine.Engine(engine.convert(network)))  # as it is exported
    predictions = [predictor.predict(image) for predictor in predictors]
    return {
        "replicas": network.distribute_strategy.num_replicas_in_sync,
        "history": pd.read_csv(out / HISTORY).to_dict("list"),
        "spread": max(measure_spread(variable) for variable in network.weights),
        "predicted": [one["mask"][::8, ::8].tolist() for one in predictions],
        "labels": [one["label"].tolist() for one in predictions],
    }


def measure_spread(variable):
    """Measures how much the copies of a variable differ."""
    copies = [one.numpy() for one in getattr(variable.value, "values", [variable.value])]
    return float(np.abs(copies[0] - copies[-1]).max())


def main():
    """Compares one step, then trains on one device, and on two with a stop in between."""
    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], halves)
    lengths.PIECE = 1  # a row of the history is a step
    checkpoints.SAVE_SECONDS = 0
    frames, names = load(Path(sys.argv[1]))
    out = Path(sys.argv[2])
    found = {"gradients": compare_gradients(frames, names), "one": train(frames, names, 1, out / "one")}
    usual = fit_module.Checkpointer
    fit_module.Checkpointer = Killed
    try:
        train(frames, names, 2, out / "two")
    except KeyboardInterrupt:
        fit_module.Checkpointer = usual
    found["two"] = train(frames, names, 2, out / "two")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
