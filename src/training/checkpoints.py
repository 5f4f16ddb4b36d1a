"""Callbacks of a training: learning rate, progress bar, checkpoints and history."""

import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from src.common import files
from src.common.errors import SettingsError
from src.common.progress import show_progress
from src.training import lengths
from src.training.history import HISTORY, join_pieces

CHECKPOINT = "checkpoint.weights.h5"
SAVE_SECONDS = 60  # least time between two checkpoints
SHOWN = ("loss", "val_miou", "val_mask_miou")  # the values that stand beside the progress bar
# Name of the progress bar, by the name of the training's folder.
BARS = {"held_out": "Training the held-out model", "final": "Training the submitted model"}


class AverageWeightsForValidation(keras.callbacks.Callback):
    """Puts the averaged weights into the network for each validation, and the trained ones back after it.

    The trained weights come back unchanged to the bit. Keras' own `SwapEMAWeights` swaps by adding and
    subtracting, which changes their last digits.
    """

    def on_test_begin(self, logs: dict | None = None) -> None:
        """Puts the averaged weights into the network."""
        self.weights = [variable.numpy() for variable in self.model.trainable_variables]
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)

    def on_test_end(self, logs: dict | None = None) -> None:
        """Puts the trained weights back, with which training goes on."""
        for variable, value in zip(self.model.trainable_variables, self.weights, strict=True):
            variable.assign(value)


class Checkpointer(keras.callbacks.Callback):
    """Sets each step's learning rate, shows the progress, and saves weights and history now and then.

    Args:
        folder: of the training.
        done: steps taken before the checkpoint that training goes on from; 0 for a new training.
        plan: of the training.
        schedule: learning rate of each step, which is counted from 0.
        seed: of dropout.
        show: as in `fit`.
    """

    def __init__(
        self,
        folder: Path,
        done: int,
        plan: lengths.Plan,
        schedule: keras.optimizers.schedules.LearningRateSchedule,
        seed: int,
        show: Callable | None,
    ):
        super().__init__()
        self.folder = folder
        self.done = done
        self.plan = plan
        self.schedule = schedule
        self.seed = seed
        self.show = show
        self.bar: tqdm | None = None
        self.rows = pd.DataFrame()
        path = folder / HISTORY
        if done > 0 and path.exists():
            self.rows = pd.read_csv(path, index_col="step").loc[:done]

    @property
    def history(self) -> pd.DataFrame:
        """Returns the history so far, one row an epoch."""
        return join_pieces(self.rows)

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Opens the progress bar."""
        part, _, number = self.folder.name.partition("-")
        desc = f"{BARS.get(part, part)} {number}".rstrip()
        self.bar = show_progress(total=self.plan.steps, initial=self.done, desc=desc, unit="step")
        self.saved_at = time.perf_counter()
        ending = "seed_generator_state"
        self.dropout = [variable for variable in self.model.variables if variable.path.endswith(ending)]

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Starts the clock of a piece; an epoch of Keras is a piece here."""
        self.started_at = time.perf_counter()

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Sets the learning rate and the state of dropout, which checkpoints do not hold."""
        self.model.optimizer.learning_rate = self.schedule(self.done)
        for variable in self.dropout:
            variable.assign([self.seed, self.done])

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Moves the progress bar."""
        self.done += 1
        self.bar.update()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Adds the piece's row to the history, and saves if the last checkpoint is old.

        Raises:
            SettingsError: the loss is no number; neither weights nor history of it are saved.
        """
        if not np.isfinite(logs["loss"]):
            raise SettingsError(
                f"The loss of a training must stay a number, found {logs['loss']} after step {self.done}; "
                'lower the learning rate, as RECIPE="rate=0.0003".'
            )
        now = time.perf_counter()
        number = epoch // self.plan.pieces + 1
        row = {"epoch": number, **logs, "seconds": now - self.started_at}
        self.rows = pd.concat([self.rows, pd.DataFrame([row], index=[self.done])]).rename_axis("step")
        if now - self.saved_at >= SAVE_SECONDS or self.done == self.plan.steps:
            self.save()
        self.bar.set_postfix_str(", ".join(f"{key} {logs[key]:.3f}" for key in SHOWN if key in logs))
        if self.show and (epoch + 1) % self.plan.pieces == 0:
            self.show(self.history, self.model, False)

    def save(self) -> None:
        """Saves the history first, then the weights.

        A training that stops between the two finds rows of later steps, and drops them; it could not make up
        for missing ones.
        """
        files.write_atomically(self.folder / HISTORY, self.rows.to_csv)
        path = self.folder / CHECKPOINT
        files.write_atomically(path, self.model.save_weights, count_bytes(self.model))
        self.saved_at = time.perf_counter()

    def on_train_end(self, logs: dict | None = None) -> None:
        """Closes the progress bar, and shows the end."""
        self.close()
        if self.show:
            self.show(self.history, self.model, True)

    def close(self) -> None:
        """Closes the progress bar; after an interruption or an error Keras does not call `on_train_end`."""
        if self.bar is not None:
            self.bar.close()


def count_bytes(model: keras.Model) -> int:
    """Estimates the bytes of a checkpoint: weights and optimizer state, and 5 % for the file format."""
    variables = model.variables + model.optimizer.variables
    return int(1.05 * sum(variable.numpy().nbytes for variable in variables))
