"""What a training keeps on the way: weights, history, progress."""

import time
from collections.abc import Callable
from pathlib import Path

import keras
import pandas as pd

from src.common import files
from src.common.progress import show_progress
from src.training import lengths, optimizer
from src.training.history import HISTORY, join_pieces

CHECKPOINT = "checkpoint.weights.h5"
SAVE_SECONDS = 60  # between two checkpoints, at a training's next piece
SHOWN = ("loss", "val_miou", "val_mask_miou")  # beside the progress bar
BARS = {"held_out": "Training the held-out model", "final": "Training the submitted model"}  # by folder


class AverageWeightsForValidation(keras.callbacks.Callback):
    """Lets validations see the averaged weights, and puts the others back to the bit.

    Keras' own `SwapEMAWeights` swaps them by adding and subtracting, which changes their last digits.
    """

    def on_test_begin(self, logs: dict | None = None) -> None:
        """Puts the averaged weights into the network."""
        self.weights = [variable.numpy() for variable in self.model.trainable_variables]
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)

    def on_test_end(self, logs: dict | None = None) -> None:
        """Puts the weights back that training goes on with."""
        for variable, value in zip(self.model.trainable_variables, self.weights, strict=True):
            variable.assign(value)


class Checkpointer(keras.callbacks.Callback):
    """Sets each step's learning rate, shows the progress, and keeps weights and history now and then.

    Args:
        folder: of the training.
        done: steps that lie behind the checkpoint.
        plan: of the training.
        rates: the highest learning rate and the last.
        seed: of what dropout draws.
        show: of `fit`.
    """

    def __init__(
        self,
        folder: Path,
        done: int,
        plan: lengths.Plan,
        rates: tuple[float, float],
        seed: int,
        show: Callable | None,
    ):
        super().__init__()
        self.folder, self.done, self.plan = folder, done, plan
        self.rates, self.seed, self.show = rates, seed, show
        path = folder / HISTORY
        known = done > 0 and path.exists()
        self.rows = pd.read_csv(path, index_col="step").loc[:done] if known else pd.DataFrame()

    @property
    def history(self) -> pd.DataFrame:
        """Gives the history so far, one row an epoch."""
        return join_pieces(self.rows)

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Opens the progress bar."""
        desc = BARS.get(self.folder.name, self.folder.name)
        self.bar = show_progress(total=self.plan.steps, initial=self.done, desc=desc, unit="step")
        self.saved = time.perf_counter()
        ends = "seed_generator_state"
        self.dropout = [variable for variable in self.model.variables if variable.path.endswith(ends)]

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Starts the clock of a piece."""
        self.begin = time.perf_counter()

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Sets the learning rate, and what dropout draws, which checkpoints leave out."""
        self.model.optimizer.learning_rate = optimizer.schedule_rate(self.done, self.plan.steps, *self.rates)
        for variable in self.dropout:
            variable.assign([self.seed, self.done])

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Moves the progress bar."""
        self.done += 1
        self.bar.update()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Notes a piece, and keeps the weights where the last ones are old."""
        now = time.perf_counter()
        number = epoch // self.plan.pieces + 1
        row = {"epoch": number} | logs | {"seconds": now - self.begin}
        self.rows = pd.concat([self.rows, pd.DataFrame([row], index=[self.done])]).rename_axis("step")
        if now - self.saved >= SAVE_SECONDS or self.done == self.plan.steps:
            self.save()
        self.bar.set_postfix_str(", ".join(f"{key} {logs[key]:.3f}" for key in SHOWN if key in logs))
        if self.show and (epoch + 1) % self.plan.pieces == 0:
            self.show(self.history, self.model, False)

    def save(self) -> None:
        """Keeps the weights first, then the history that belongs to them."""
        path = self.folder / CHECKPOINT
        files.write_atomically(path, self.model.save_weights, count_bytes(self.model))
        files.write_atomically(self.folder / HISTORY, self.rows.to_csv)
        self.saved = time.perf_counter()

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
