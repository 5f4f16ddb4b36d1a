"""The part that both stages of training share: frames, split, run, fit and evaluation."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from src import runs
from src.common.spacing import choose_evenly
from src.data.frames import Frames
from src.data.splits import Split, make_split_table
from src.evaluation import metrics
from src.evaluation.evaluate import Evaluation
from src.figures import widgets
from src.inference import engine
from src.model import unet
from src.project import Project
from src.settings import TrainingSettings
from src.training import lengths
from src.training.event_log import EventLog
from src.training.fit import fit
from src.training.history import count_minutes
from src.training.lengths import Length

SHOWN = 4  # held-out frames whose predictions are stored for figures
LOGGED = 2  # held-out frames whose predictions are logged for TensorBoard
SEED_STEP = 1000  # between the seeds of the networks that are averaged; runs of small seeds have others


class Stage:
    """The frames, the split and the run of a training notebook.

    Args:
        project: the data.
        settings: of the trainings.
        kind: "seg" or "joint".
        run_settings: as `settings.json` of the run holds them, for `runs.open_run`.
        frames: of Train, decoded.
        split: rows to train on and rows that are held out.
        rows: numbers of the rows with a target of this network.
        tensorboard: whether the trainings are logged for TensorBoard.
    """

    def __init__(
        self,
        project: Project,
        settings: TrainingSettings,
        kind: str,
        run_settings: dict[str, object],
        frames: Frames,
        split: Split,
        rows: np.ndarray,
        tensorboard: bool,
    ):
        self.project = project
        self.settings = settings
        self.kind = kind
        self.classes = project.classes
        self.samples = project.train
        self.frames = frames
        self.split = split
        self.run = runs.open_run(kind, project.folder, self.samples, self.classes, run_settings)
        self.all_frames = frames.take(rows)
        self.train_frames = frames.take(np.intersect1d(split.train, rows))
        self.held_out_rows = np.intersect1d(split.held_out, rows)
        self.held_out_frames = frames.take(self.held_out_rows)
        self.history: pd.DataFrame | None = None
        self.final_histories: dict[int, pd.DataFrame] = {}  # by number of the submitted model's network
        self.all_steps = 0
        self.tensorboard = tensorboard
        self._describe_frames()

    @property
    def title(self) -> str:
        """Names the held-out frames, with "leaky" if frames of the same street are trained on."""
        return metrics.name_held_out(self.split.leaky)

    def make_split_table(self) -> pd.DataFrame | None:
        """Lists the frames and classes of both sides of the split; None where nothing is held out."""
        if not self.settings.holds_out:
            return None
        split = self.split
        return make_split_table(self.samples, self.frames.masks, split.train, split.held_out, self.classes)

    def fit(self, network: keras.Model | None) -> pd.DataFrame | None:
        """Trains the held-out model on all but the held-out recordings; returns its history."""
        if network is None:
            return None
        folder = self.run.folder / "held_out"
        self.history = fit(
            network,
            folder,
            self.train_frames,
            self.settings,
            self._choose_length(),
            val_frames=self.held_out_frames,
            show=self._make_live_view(self.held_out_frames),
            log=self._make_log(folder, self._choose_shown(LOGGED)),
        )
        return self.history

    def _fit_final(self, network: keras.Model, number: int, seed: int, length: Length) -> keras.Model:
        """Trains a network of the submitted model on all frames; returns it.

        Args:
            network: compiled.
            number: of the network, from 1.
            seed: of the order of the frames and of the augmentation.
            length: of the training.
        """
        folder = self.run.folder / unet.name_part(number)
        self.final_histories[number] = fit(
            network,
            folder,
            self.all_frames,
            replace(self.settings, seed=seed),
            length,
            show=self._make_live_view(self.all_frames),
            log=self._make_log(folder, []),
        )
        return network

    def _list_others(self) -> dict[int, int]:
        """Lists number and seed of the networks that the submitted model averages beside the first."""
        numbers = range(2, self.settings.networks + 1)
        return {number: self.settings.seed + SEED_STEP * (number - 1) for number in numbers}

    def _choose_final_length(self) -> Length:
        """Chooses the length of a training on all frames: that of the held-out model, if there is one."""
        if not self.settings.holds_out:
            return self._choose_length()
        steps = lengths.count_planned(self.run.folder / "held_out")
        return Length(steps, all_steps=self.all_steps)

    def _choose_length(self) -> Length:
        """Chooses the length of a training of this stage."""
        settings = self.settings
        minutes = lengths.share_minutes(self.kind, settings.minutes, settings.networks, settings.holds_out)
        return Length(self._choose_steps(self.kind), minutes, self.all_steps)

    def _choose_steps(self, kind: str) -> int:
        """Chooses the steps of one training of a kind, "seg" or "joint"."""
        settings = self.settings
        synthetic = bool(self.project.note)
        counts = self.frames.counts
        return lengths.choose_steps(kind, counts, settings.batch_size, settings.epochs, synthetic)

    def _make_live_view(self, frames: Frames) -> widgets.LiveView:
        """Makes the view that shows the first frame's prediction during a training."""
        return widgets.LiveView(frames.get_input(0), frames.masks[0], self.classes)

    def _make_log(self, folder: Path, rows: list[int]) -> EventLog | None:
        """Makes the log of a training for TensorBoard; None where none is asked for.

        Args:
            folder: of the training.
            rows: of the held-out frames, those whose predictions are shown; none where none is held out.
        """
        if not self.tensorboard:
            return None
        return EventLog(folder, self.held_out_frames.take(rows), self.classes.mask)

    def _describe_frames(self) -> None:
        """Prints how many frames there are to train on."""
        target = {"seg": "a mask", "joint": "mask or label"}[self.kind]
        train = len(self.all_frames)
        held_out = "none"
        if self.settings.holds_out:
            train = len(self.train_frames)
            held_out = str(len(self.held_out_frames))
        print(f"{train} frames with {target} to train on, {held_out} held out; the run is {self.run.folder}.")

    def _choose_shown(self, count: int) -> list[int]:
        """Chooses held-out frames whose predictions are shown, at most `count`: evenly spaced rows."""
        return choose_evenly(len(self.held_out_rows), count).tolist()

    def _evaluate(self, score: Callable, network: keras.Model) -> Evaluation:
        """Scores a network on held-out frames by `evaluate.score_samples` or `estimate.score_held_out`."""
        samples = self.samples.iloc[self.held_out_rows]
        predictor = engine.prepare(network)
        predictions = dict.fromkeys(self._choose_shown(SHOWN))
        scored = score(predictor, samples, self.classes, self.settings.size, keep=predictions)
        return Evaluation(
            samples=samples,
            frames=self.held_out_frames,
            classes=self.classes,
            title=self.title,
            scored=scored,
            predictions=predictions,
            predictor=predictor,
        )

    def _count_minutes(self) -> float:
        """Counts the minutes of this stage's trainings."""
        held_out = [] if self.history is None else [self.history]
        return count_minutes(*held_out, *self.final_histories.values())

    def _finish(self, result: dict, minutes: float, scope: str) -> None:
        """Writes the run's result, and prints the minutes and the run's folder.

        Args:
            result: scores and what belongs to them.
            minutes: of training.
            scope: text behind "minutes of training", such as " in all".
        """
        about = {
            "data": self.run.settings["data"],
            "seed": self.settings.seed,
            "leaky": self.split.leaky,
            "minutes": minutes,
            "train_frames": len(self.all_frames),
        }
        runs.write_result(self.run, about | result)
        print(f"{minutes:.1f} minutes of training{scope} on {runs.describe_machine()}.")
        print(f"Weights and figures: {self.run.folder}.")
