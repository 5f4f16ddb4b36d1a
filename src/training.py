"""Batches and a compiled network -> fitted weights and history in a run's folder; resumable."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from sklearn.linear_model import LogisticRegression

from src import augment, batches, files, losses, memory, metrics, optimizer
from src import model as networks
from src.batches import Frames
from src.classes import NO_LABEL, Classes
from src.progress import show_progress
from src.recipe import Recipe

CHECKPOINT = "checkpoint.weights.h5"
LABEL_ZOOM = 1.0  # largest scale of a crop while labels are learned: a closer view may not show the place
REFIT_FRAMES = 2000  # are enough for the label's last head
REFIT_C = 0.003  # of its logistic regression; smaller is smoother
REFIT_FLOOR = 0.01  # added to a feature's variance, which is 2 to 4 usually
ABSENT = -5.0  # logit of a label that no frame has
VALIDATIONS = 10  # at most in a training, and at most VALIDATION_SHARE on top of its time
VALIDATION_SHARE = 0.1
BARS = {"held_out": "Training the judged network", "final": "Training the submitted network"}  # by folder


def make_mask_loss(frames: Frames, classes: Classes, recipe: Recipe) -> keras.losses.Loss:
    """Makes the loss of the mask, balanced over the frames' masks; both networks have it."""
    return losses.MaskLoss(losses.balance_classes(frames.masks, len(classes.mask)), recipe.dice)


def compile_segmenter(segmenter: keras.Model, frames: Frames, classes: Classes, recipe: Recipe) -> None:
    """Gives a segmentation network its optimizer, the loss of the mask, and a metric."""
    segmenter.compile(
        optimizer.make_optimizer(recipe),
        loss={"mask": make_mask_loss(frames, classes, recipe)},
        metrics={"mask": metrics.MaskIoU(len(classes.mask))},
    )


def compile_joint(joint: keras.Model, frames: Frames, classes: Classes, recipe: Recipe) -> None:
    """Gives a joint network the same, and the label's loss, weighed by the recipe, beside the mask's."""
    joint.compile(
        optimizer.make_optimizer(recipe),
        loss={"mask": make_mask_loss(frames, classes, recipe), "label": losses.LabelLoss()},
        loss_weights={"mask": 1.0, "label": recipe.label_weight},
        metrics={"mask": metrics.MaskIoU(len(classes.mask)), "label": metrics.LabelAccuracy()},
    )


def refit_label(joint: keras.Model, frames: Frames) -> None:
    """Gives a trained joint network the label head that logistic regression finds on whole frames.

    Gradient descent fits backbone and head on crops, and in a short training the head may not have found the
    labels that the backbone tells apart. Source: Kang et al. 2020 (decoupled training, re-trained head).

    Args:
        joint: its output "label" is what a layer of that name makes; without two different labels among the
            frames that layer stays as it is.
        frames: what was learned from.
    """
    rows = np.flatnonzero(frames.labels != NO_LABEL)
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), REFIT_FRAMES)).astype(int)]
    names = np.unique(frames.labels[rows])
    if len(names) < 2:
        return
    head = joint.get_layer("label")
    see = keras.Model(joint.input, head.input)
    whole = batches.make_whole_batches(frames.take(rows), 8, with_label=True)
    seen = [(see.predict_on_batch(image), target["label"]) for image, target in whole]
    features, labels = (np.concatenate(part) for part in zip(*seen, strict=True))
    middle = features.mean(0)
    spread = np.sqrt(features.var(0) + REFIT_FLOOR)  # else what hardly varies would get a huge slope
    regression = LogisticRegression(C=REFIT_C, class_weight="balanced", max_iter=1000)
    regression.fit((features - middle) / spread, labels)
    slopes = regression.coef_ / spread
    bias = regression.intercept_ - slopes @ middle
    if len(names) == 2:  # scikit-learn gives one logit then, the second label's against the first's
        slopes, bias = np.vstack([-slopes, slopes]) / 2, np.array([-bias[0], bias[0]]) / 2
    kernel, first = np.zeros(head.kernel.shape), np.full(head.bias.shape, ABSENT)
    kernel[:, names], first[names] = slopes.T, bias
    head.set_weights([kernel, first])


def build_seeded(seed: int, build: Callable[[], keras.Model]) -> keras.Model:
    """Builds a network whose random first weights are settled by the seed."""
    keras.utils.set_random_seed(seed)
    return build()


def fit(
    model: keras.Model,
    folder: Path,
    frames: Frames,
    *,
    recipe: Recipe,
    crop: tuple[int, int],
    batch_size: int,
    seed: int,
    minutes: float,
    epochs: int | None = None,
    steps: int | None = None,
    val_frames: Frames | None = None,
    show: Callable[[pd.DataFrame, keras.Model, bool], None] | None = None,
) -> pd.DataFrame:
    """Trains a compiled network, or goes on where an interrupted training of this folder stopped.

    Args:
        model: compiled; its outputs say which targets it learns. It holds the averaged weights afterwards,
            but in the label's last layer, which `refit_label` sets.
        folder: of this training: a checkpoint each epoch, `history.csv`, `plan.json`, at last `model.keras`.
        frames: what to learn from.
        recipe: how photos are changed, and how fast to learn; a joint network learns at half that rate.
        crop: (height, width) of a training crop.
        batch_size: rows a batch.
        seed: settles order and augmentation.
        minutes: how long the training may take; a few steps are timed and the epochs set by it.
        epochs: fixes the number of epochs instead, each a pass over the frames.
        steps: fixes the number of steps instead, where there are no `epochs`.
        val_frames: scored, whole, up to ten times on the way.
        show: called after each epoch, and at the end with the averaged weights, for a live view: with the
            history so far, the network, and True at the end.

    Returns:
        The history: one row an epoch, with `seconds` and the losses and metrics that Keras names.

    Raises:
        ValueError: `epochs` is below 1.
        DiskFullError: a checkpoint could not be written; the one before is whole.
    """
    if epochs is not None and (epochs < 1 or epochs != int(epochs)):
        raise ValueError(f"EPOCHS must be None or a whole number from 1 on, found {epochs}; try 10.")
    if (folder / "model.keras").exists():
        print(
            f"Trained already, used again: {folder}. To train anew (with other code, say) delete "
            f"{folder.parent}, and what goes on from it."
        )
        model.set_weights(networks.load_model(folder / "model.keras").get_weights())
        return read_history(folder)
    with_label = "label" in model.output_names
    make = _choose_batches(frames, recipe, with_label, batch_size=batch_size, crop=crop, seed=seed)
    val_stream = batches.make_whole_batches(val_frames, batch_size, with_label) if val_frames else None
    stream = make()
    make_variables(model, *next(iter(stream)))
    pass_steps = batches.count_steps(len(frames), batch_size)
    plan = _plan_epochs(model, folder, stream, val_stream, pass_steps, minutes, epochs, steps)
    first_epoch = _find_epoch(model, folder, plan)
    rate = recipe.rate / 2 if with_label else recipe.rate
    keeper = KeepEpochs(folder, first_epoch, plan, (rate, rate * recipe.last_rate), seed, show)
    if first_epoch < plan["epochs"]:
        model.fit(
            make(first_step=first_epoch * plan["steps"]),
            steps_per_epoch=plan["steps"],
            initial_epoch=first_epoch,
            epochs=plan["epochs"],
            validation_data=val_stream,
            validation_freq=-(-plan["epochs"] // plan["validations"]),
            shuffle=False,  # the batches come shuffled
            callbacks=[keras.callbacks.SwapEMAWeights(), keeper],
            verbose=0,
        )
    else:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    if with_label:
        refit_label(model, frames)
    bare = keras.Model(model.inputs, model.output, name=model.name)  # the optimizer is three times as large
    files.write_atomically(folder / "model.keras", bare.save)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    memory.give_back()
    return keeper.history


def _choose_batches(
    frames: Frames, recipe: Recipe, with_label: bool, **batching: object
) -> Callable[..., tf.data.Dataset]:
    """Gives what makes a training's batches, from any step on; labels are learned without close views."""
    zoom = min(recipe.zoom, LABEL_ZOOM) if with_label else recipe.zoom
    change = partial(augment.augment, recipe=replace(recipe, zoom=zoom))
    return partial(batches.make_batches, frames, change, with_label=with_label, **batching)


def make_variables(model: keras.Model, image: tf.Tensor, target: dict[str, tf.Tensor]) -> None:
    """Makes the variables of the optimizer and of the losses' counters, else `fit` would trace twice."""
    model.optimizer.build(model.trainable_variables)
    shapes = model.compute_output_shape(image.shape)
    model.compute_loss(image, target, {name: tf.zeros(shape) for name, shape in shapes.items()})


def _find_epoch(model: keras.Model, folder: Path, plan: dict) -> int:
    """Loads the checkpoint, or makes a first one, and tells how many epochs it has behind it."""
    checkpoint = folder / CHECKPOINT
    if not checkpoint.exists():  # so that a first epoch that is broken off begins anew, too
        files.write_atomically(checkpoint, model.save_weights, count_bytes(model))
    model.load_weights(checkpoint)
    first_epoch = int(model.optimizer.iterations) // plan["steps"]
    if 0 < first_epoch < plan["epochs"]:
        print(f"Training goes on after epoch {first_epoch} of {plan['epochs']}.")
    return first_epoch


def _plan_epochs(
    model: keras.Model,
    folder: Path,
    stream: tf.data.Dataset,
    val_stream: tf.data.Dataset | None,
    pass_steps: int,
    minutes: float,
    epochs: int | None,
    steps: int | None,
) -> dict:
    """Sets epochs and steps by the minutes, once for each training: a few steps are timed and undone."""
    path = folder / "plan.json"
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    if epochs is not None:
        plan = {"epochs": epochs, "steps": pass_steps, "validations": VALIDATIONS}
    elif steps is not None:
        plan = cut_steps(steps, pass_steps)
    else:
        variables = model.variables + model.optimizer.variables
        before = [variable.numpy() for variable in variables]
        step = _time_batches(partial(model.fit, stream.repeat(), steps_per_epoch=7, shuffle=False))
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        val_seconds = 0.0
        if val_stream is not None:
            val_step = _time_batches(partial(model.evaluate, val_stream.repeat(), steps=3))
            val_seconds = val_step * len(val_stream)
        seconds = 0.97 * minutes * 60  # the rest is for pictures
        plan = share_time(seconds, step, pass_steps, val_seconds)
        print(f"A step takes {step:.2f} s: {plan['epochs']} x {plan['steps']} steps, {minutes:.1f} minutes.")
    files.write_json(path, plan)
    return plan


def count_planned(folder: Path) -> int:
    """Counts the steps that a training's plan has."""
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    return plan["epochs"] * plan["steps"]


def cut_steps(steps: int, pass_steps: int, validations: int = VALIDATIONS) -> dict[str, int]:
    """Cuts steps into "epochs" of "steps" each, none longer than a pass, with "validations" among them."""
    epochs = -(-steps // pass_steps)
    return {"epochs": epochs, "steps": steps // epochs, "validations": min(validations, epochs)}


def _time_batches(run: Callable) -> float:
    """Median seconds a batch of `fit` or `evaluate`; the first batch does not count, for it builds the graph.

    (`train_on_batch` would build another graph than the training's own `fit`: ten seconds for nothing.)
    """
    ends = []
    clock = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter()),
        on_test_batch_end=lambda batch, logs: ends.append(time.perf_counter()),
    )
    run(callbacks=[clock], verbose=0)
    return float(np.median(np.diff(ends)))


def share_time(seconds: float, step: float, pass_steps: int, val_seconds: float) -> dict[str, int]:
    """Fills a time: "epochs" of "steps" each, and "validations" among them; one of each at least.

    Validations come on top, so that a network that is judged takes as many steps as the one that is not.

    Args:
        seconds: to fill with steps.
        step: seconds of one.
        pass_steps: of a pass over all frames; an epoch is a pass, or less where the time ends within one.
        val_seconds: of one validation.
    """
    affordable = int(VALIDATION_SHARE * seconds / val_seconds) if val_seconds else VALIDATIONS
    validations = min(VALIDATIONS, max(1, affordable))
    return cut_steps(max(1, int(seconds / step)), pass_steps, validations)


class KeepEpochs(keras.callbacks.Callback):
    """Sets each step's learning rate, shows the progress, and keeps weights and history after every epoch."""

    def __init__(
        self,
        folder: Path,
        first_epoch: int,
        plan: dict,
        rates: tuple[float, float],
        seed: int,
        show: Callable | None,
    ):
        super().__init__()
        self.folder, self.rates, self.seed, self.show = folder, rates, seed, show
        self.done, self.total = first_epoch * plan["steps"], plan["epochs"] * plan["steps"]
        known = first_epoch and (folder / "history.csv").exists()
        self.history = read_history(folder).loc[:first_epoch] if known else pd.DataFrame()

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Opens the progress bar."""
        desc = BARS.get(self.folder.name, self.folder.name)
        self.bar = show_progress(total=self.total, initial=self.done, desc=desc, unit="step")

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Starts the epoch's clock, and sets what dropout draws, which checkpoints leave out."""
        self.begin = time.perf_counter()
        for variable in self.model.variables:
            if variable.path.endswith("seed_generator_state"):
                variable.assign([self.seed, self.done])

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Sets the learning rate."""
        self.model.optimizer.learning_rate = optimizer.schedule_rate(self.done, self.total, *self.rates)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Moves the progress bar."""
        self.done += 1
        self.bar.update()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Keeps the epoch: first the weights, then the line of history that belongs to them."""
        path = self.folder / CHECKPOINT
        files.write_atomically(path, self.model.save_weights, count_bytes(self.model))
        seconds = time.perf_counter() - self.begin
        row = pd.DataFrame([logs | {"seconds": seconds}], index=pd.Index([epoch + 1], name="epoch"))
        self.history = pd.concat([self.history, row]).rename_axis("epoch")
        files.write_atomically(self.folder / "history.csv", self.history.to_csv)
        self.bar.set_postfix_str(
            ", ".join(
                f"{key} {logs[key]:.3f}" for key in ("loss", "val_miou", "val_mask_miou") if key in logs
            )
        )
        if self.show:
            self.show(self.history, self.model, False)

    def on_train_end(self, logs: dict | None = None) -> None:
        """Closes the progress bar."""
        self.bar.close()
        if self.show:
            self.show(self.history, self.model, True)


def count_bytes(model: keras.Model) -> int:
    """Estimates the size of a checkpoint: weights and the optimizer's state, and a little around them."""
    return int(
        1.05 * sum(variable.numpy().nbytes for variable in model.variables + model.optimizer.variables)
    )


def read_history(folder: Path) -> pd.DataFrame:
    """Reads the history of a training, one row an epoch."""
    return pd.read_csv(folder / "history.csv", index_col="epoch")


def count_minutes(*histories: pd.DataFrame) -> float:
    """Adds up the minutes of trainings."""
    return float(sum(history["seconds"].sum() for history in histories) / 60)
