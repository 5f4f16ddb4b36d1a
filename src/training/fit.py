"""Trains a compiled network in a run's folder; an interrupted training goes on where it stopped."""

import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from src.common import files, memory
from src.common.errors import SettingsError
from src.data.frames import Frames
from src.model import unet as networks
from src.settings import Recipe, TrainingSettings
from src.training import augment, batches, label_head, lengths, optimizer
from src.training.checkpoints import CHECKPOINT, AverageWeightsForValidation, Checkpointer, count_bytes
from src.training.event_log import EventLog
from src.training.history import read_history
from src.training.lengths import Length

# Highest learning rate of a joint network, as a share of the recipe's. It starts from a trained network, and
# lost some of what that had learned at half the rate (docs/how-measured.md).
JOINT_RATE = 0.2
FEW_STEPS = 50  # a training of fewer steps is too short to time it first


def fit(
    model: keras.Model,
    folder: Path,
    frames: Frames,
    settings: TrainingSettings,
    length: Length,
    val_frames: Frames | None = None,
    show: Callable[[pd.DataFrame, keras.Model, bool], None] | None = None,
    log: EventLog | None = None,
) -> pd.DataFrame:
    """Trains a compiled network, or goes on where an interrupted training of this folder stopped.

    Args:
        model: compiled; its outputs decide which targets are learned. Afterwards it holds the averaged
            weights, and the label's last layer as `label_head` fits it.
        folder: of this training; holds checkpoint, `history.csv` and `plan.json`, and in the end
            `model.keras`.
        frames: to train on.
        settings: crop, batch size, seed and recipe are used.
        length: of the training.
        val_frames: scored, as whole frames, up to ten times during the training; they change neither steps
            nor weights.
        show: called with (history so far, network, ended): after each epoch with False, and at the end with
            True, when the network holds the averaged weights.
        log: for TensorBoard, written beside the history; it changes neither steps nor weights.

    Returns:
        The history: one row an epoch, with `seconds` and the losses and metrics that Keras names.

    Raises:
        DiskFullError: a checkpoint could not be written; the previous one is intact.
        InUseError: another process trains in this folder.
        SettingsError: checkpoint or `model.keras` is of another network, or the loss is no number.
    """
    if (folder / "model.keras").exists():
        return _load_finished(model, folder)
    with files.lock(folder, "training"):
        history = _take_steps(model, folder, frames, settings, length, val_frames, show, log)
        if "label" in model.output_names:
            label_head.fit_label_head(model, frames)
        _save(model, folder)
    return history


def _take_steps(
    model: keras.Model,
    folder: Path,
    frames: Frames,
    settings: TrainingSettings,
    length: Length,
    val_frames: Frames | None,
    show: Callable | None,
    log: EventLog | None,
) -> pd.DataFrame:
    """Takes the steps that are left of a training, with the arguments of `fit`; returns its history."""
    with_label = "label" in model.output_names
    make = _choose_batches(frames, settings, with_label)
    replicas = model.distribute_strategy.num_replicas_in_sync
    val_stream = _make_validation(val_frames, settings.batch_size, with_label, replicas)
    pass_steps = lengths.count_pass_steps(frames.counts, settings.batch_size, with_label)
    plan = _prepare(model, folder, make(), val_stream, pass_steps, length)
    done = _load_checkpoint(model, folder, plan)
    peak, last = _choose_rates(settings.recipe, with_label)
    schedule = optimizer.make_schedule(plan.steps, peak, last)
    checkpointer = Checkpointer(folder, done, plan, schedule, settings.seed, show)
    if done < plan.steps:
        callbacks = [AverageWeightsForValidation(), checkpointer]
        if log is not None:
            callbacks.insert(0, log)
        with closing(checkpointer):  # else the bar of the next training would be drawn a line below
            _run_steps(model, make(first_step=done), val_stream, plan, done, callbacks)
    else:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    return checkpointer.history


def _make_validation(
    val_frames: Frames | None, batch_size: int, with_label: bool, replicas: int
) -> tf.data.Dataset | None:
    """Makes the batches of validation, which all replicas share evenly; None without held-out frames."""
    if val_frames is None or len(val_frames) == 0:
        return None
    stream = batches.make_whole_batches(val_frames, batch_size, with_label)
    return stream if replicas == 1 else batches.fill_up(stream, replicas)


def _load_finished(model: keras.Model, folder: Path) -> pd.DataFrame:
    """Loads the weights of a finished training; returns its history.

    Raises:
        SettingsError: they are of another network.
    """
    path = folder / "model.keras"
    print(
        f"Trained already, used again: {folder}. To train anew (with other code, say) delete "
        f"{folder.parent}, and what goes on from it."
    )
    weights = networks.load_model(path).get_weights()
    try:
        model.set_weights(weights)
    except ValueError as error:
        raise SettingsError(
            f"{path} must be of the network that this version builds, found another one's; use this run with "
            f"the version that trained it, or delete {folder.parent} to train anew."
        ) from error
    return read_history(folder)


def _choose_rates(recipe: Recipe, with_label: bool) -> tuple[float, float]:
    """Chooses the highest and the last learning rate; a joint network learns more slowly."""
    peak = recipe.rate * JOINT_RATE if with_label else recipe.rate
    last = peak * recipe.last_rate
    return peak, last


def _run_steps(
    model: keras.Model,
    stream: tf.data.Dataset,
    val_stream: tf.data.Dataset | None,
    plan: lengths.Plan,
    done: int,
    callbacks: list[keras.callbacks.Callback],
) -> None:
    """Takes the steps of a plan that are left after `done` steps."""
    model.fit(
        stream,
        steps_per_epoch=plan.piece,  # Keras can only go on after a whole epoch, so its epochs are pieces
        initial_epoch=done // plan.piece,
        epochs=plan.steps // plan.piece,
        validation_data=val_stream,
        validation_freq=[epoch * plan.pieces for epoch in plan.validated],
        shuffle=False,  # the batches come shuffled
        callbacks=callbacks,
        verbose=0,
    )


def _save(model: keras.Model, folder: Path) -> None:
    """Saves the trained network without its optimizer, which is twice as large; deletes the checkpoint."""
    bare = keras.Model(model.inputs, model.output, name=model.name)
    files.write_atomically(folder / "model.keras", bare.save)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    memory.release_freed()


def _choose_batches(
    frames: Frames, settings: TrainingSettings, with_label: bool
) -> Callable[..., tf.data.Dataset]:
    """Returns the function that makes a training's batches from a step on, `first_step`."""
    return partial(
        batches.make_batches,
        frames,
        partial(augment.augment, recipe=settings.recipe),
        with_label=with_label,
        batch_size=settings.batch_size,
        crop=settings.crop,
        seed=settings.seed,
    )


def make_variables(model: keras.Model, image: tf.Tensor, target: dict[str, tf.Tensor]) -> None:
    """Makes the variables of the optimizer and of the losses' counters.

    Without them `fit` would build its graph twice.

    Args:
        model: compiled.
        image: of a batch.
        target: of the same batch.
    """
    shapes = model.compute_output_shape(image.shape)
    with model.distribute_strategy.scope():
        model.optimizer.build(model.trainable_variables)
        model.compute_loss(image, target, {name: tf.zeros(shape) for name, shape in shapes.items()})


def _prepare(
    model: keras.Model,
    folder: Path,
    stream: tf.data.Dataset,
    val_stream: tf.data.Dataset | None,
    pass_steps: int,
    length: Length,
) -> lengths.Plan:
    """Prepares the network for its first step; makes the plan, or reads the one of an earlier start."""
    make_variables(model, *next(iter(stream)))
    plan = lengths.read_plan(folder)
    if plan is None:
        validation_batches = 0 if val_stream is None else len(val_stream)
        plan = _make_plan(model, stream, pass_steps, validation_batches, length)
        lengths.write_plan(folder, plan)
    return plan


def _make_plan(
    model: keras.Model,
    stream: tf.data.Dataset,
    pass_steps: int,
    validation_batches: int,
    length: Length,
) -> lengths.Plan:
    """Plans a training within its limit of minutes, and prints how long it takes.

    A few steps are timed for that and then undone. Without a limit the time does not change the plan.
    """
    steps = length.steps
    if steps < FEW_STEPS and length.minutes is None:
        return lengths.cut_steps(steps, pass_steps, validation_batches)
    variables = model.variables + model.optimizer.variables
    before = [variable.numpy() for variable in variables]
    seconds = _time_steps(model, stream)
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
    shortened = lengths.shorten_steps(steps, seconds, length.minutes)
    plan = lengths.cut_steps(shortened, pass_steps, validation_batches)
    print(lengths.describe(plan.steps, steps, seconds, length.all_steps))
    return plan


def _time_steps(model: keras.Model, stream: tf.data.Dataset) -> float:
    """Measures the median seconds a step of `fit`, without the first step, which builds the graph.

    `train_on_batch` would build a graph of its own, which takes ten seconds and is not used again.
    """
    ends = []
    clock = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter())
    )
    model.fit(stream, steps_per_epoch=7, shuffle=False, callbacks=[clock], verbose=0)
    return float(np.median(np.diff(ends)))


def _load_checkpoint(model: keras.Model, folder: Path, plan: lengths.Plan) -> int:
    """Loads the checkpoint, or writes the first one; returns the steps taken before it."""
    checkpoint = folder / CHECKPOINT
    if not checkpoint.exists():  # a training that stops before its second checkpoint begins again from it
        files.write_atomically(checkpoint, model.save_weights, count_bytes(model))
    try:
        model.load_weights(checkpoint)
    except ValueError as error:
        raise SettingsError(
            f"{checkpoint} must be of the network that this version builds, found another one's; finish the "
            f"training with the version that began it, or delete {folder} to train anew."
        ) from error
    done = int(model.optimizer.iterations.numpy())
    if 0 < done < plan.steps:
        print(f"Training goes on after step {done} of {plan.steps}.")
    return done
