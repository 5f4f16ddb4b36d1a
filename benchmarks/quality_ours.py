"""How soon our network is good, and the same task for a peer: `quality_ours.py DATA REFERENCE TASK SEED`.

Trains the joint network from ImageNet weights on Train and scores it on Test at the network's size, a few
times on the way. TASK is a .npz with all that `quality_peer.py` needs to do the same. The last line is
{"minutes": [...], "miou": [...]}: minutes of training, without the scoring, and mean IoU.
"""

import json
import sys
import time
from functools import partial
from pathlib import Path

import keras
import numpy as np

from src.common import sizes
from src.data import classes as class_lists
from src.data.classes import Classes
from src.data.frames import Frames, load_frames
from src.data.reference import add_truth
from src.data.samples import read_samples
from src.model import efficientnet_lite, unet
from src.settings import Recipe
from src.training import augment, batches, lengths, losses, optimizer
from src.training.compiled import build_seeded, compile_joint
from src.training.fit import make_variables

STEPS, CHECKS, BATCH = 480, 8, 4


class Clock(keras.callbacks.Callback):
    """Sets the learning rate of each step, and counts the minutes of training without the scoring."""

    def __init__(self, rates: list[float], before: float):
        super().__init__()
        self.rates, self.before, self.done, self.minutes = rates, before, 0, []

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Starts the clock."""
        self.begin = time.perf_counter()

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Sets the learning rate."""
        self.model.optimizer.learning_rate = self.rates[self.done]
        self.done += 1

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Stops the clock, again after each step: the scoring comes after the last one."""
        self.spent = (time.perf_counter() - self.begin) / 60

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Adds the epoch's minutes."""
        self.minutes.append((self.minutes[-1] if self.minutes else self.before) + self.spent)


def load_task(folder: Path, reference: Path) -> tuple[Classes, Frames, Frames]:
    """Reads the classes, what is learned from and what is scored, at the network's size."""
    classes = class_lists.read_classes(folder / "Train")
    samples = read_samples(folder / "Train", classes)
    truth = add_truth(read_samples(folder / "Test", classes), reference, classes)
    size = sizes.choose_size(samples, "auto")
    frames, test = (load_frames(table, classes, size) for table in (samples, truth))
    return classes, frames.take(frames.useful), test


def write_task(
    path: Path, frames: Frames, test: Frames, classes: Classes, rates: list[float], seed: int
) -> None:
    """Writes frames, rates and class weights for the peer, and what our backbone says of a picture."""
    whole = efficientnet_lite.build_efficientnet_lite(include_top=True)
    passes = 1 + STEPS // lengths.count_pass_steps(frames.counts, BATCH, with_label=True)
    orders = [batches.order_rows(frames, BATCH, seed, epoch, with_label=True) for epoch in range(passes)]
    picture = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3)).astype(np.float32)
    np.savez(
        path,
        images=np.stack(frames.images),
        masks=np.stack(frames.masks),
        labels=frames.labels,
        rows=np.concatenate(orders)[: STEPS * BATCH].reshape(STEPS, BATCH),
        test_images=np.stack(test.images),
        test_masks=np.stack(test.masks),
        class_weights=losses.balance_classes(frames.masks, len(classes.mask)),
        sizes=(len(classes.mask), len(classes.label), CHECKS),
        crop=sizes.scale_size(frames.images[0].shape[:2], Recipe().crop),
        rates=rates,
        seed=seed,
        backbone_rate=Recipe().backbone_rate,
        averaged=optimizer.AVERAGED,
        label_weight=Recipe().label_weight,
        picture=efficientnet_lite.preprocess_input(picture),
        logits=whole.predict(efficientnet_lite.preprocess_input(picture), verbose=0),
        weights=str(efficientnet_lite.find_weights()),
    )


def main() -> None:
    """Writes the task, trains, and prints the curve."""
    folder, reference, path = map(Path, sys.argv[1:4])
    seed = int(sys.argv[4])
    classes, frames, test = load_task(folder, reference)
    recipe = Recipe()
    schedule = optimizer.make_schedule(STEPS, recipe.rate, recipe.rate * recipe.last_rate)
    rates = [float(schedule(step)) for step in range(STEPS)]
    write_task(path, frames, test, classes, rates, seed)
    segmenter = build_seeded(seed, lambda: unet.build_segmenter(len(classes.mask), recipe))
    network = build_seeded(seed, lambda: unet.build_joint(segmenter, len(classes.label)))
    compile_joint(network, frames, classes, recipe)
    crop = sizes.scale_size(frames.images[0].shape[:2], recipe.crop)
    change = partial(augment.augment, recipe=recipe)
    stream = batches.make_batches(frames, change, batch_size=BATCH, crop=crop, seed=seed, with_label=True)
    begin = time.perf_counter()
    make_variables(network, *next(iter(stream)))
    clock = Clock(rates, before=(time.perf_counter() - begin) / 60)
    history = network.fit(
        stream,
        epochs=CHECKS,
        steps_per_epoch=STEPS // CHECKS,
        validation_data=batches.make_whole_batches(test, BATCH, with_label=True),
        callbacks=[keras.callbacks.SwapEMAWeights(), clock],
        shuffle=False,
        verbose=0,
    ).history
    name = next(key for key in history if key.startswith("val_") and key.endswith("miou"))
    print(json.dumps({"minutes": clock.minutes, "miou": [float(value) for value in history[name]]}))


if __name__ == "__main__":
    main()
