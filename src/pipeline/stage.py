"""What both stages of training share: frames, split, run, and the order in which a network is trained."""

from collections.abc import Callable

import keras
import numpy as np
import pandas as pd

from src import runs
from src.data.audit import table_of_leaks
from src.data.frames import Frames
from src.data.splits import Split, table_of_split
from src.evaluation import metrics
from src.evaluation.evaluate import Evaluation
from src.figures import widgets
from src.inference import engine
from src.project import Project
from src.settings import TrainingSettings
from src.training import lengths
from src.training.fit import fit
from src.training.history import count_minutes
from src.training.lengths import Length

SHOWN = 4  # held-out frames whose predictions are kept for pictures


class Stage:
    """One training notebook's frames, split and run.

    Args:
        project: the data.
        settings: what is trained with.
        kind: "seg" or "joint".
        kept: settings of the run, as `record.open_run` keeps them.
        frames: of Train, decoded.
        sides: what is trained on and what is held out.
        rows: positions of the frames that teach this network.
    """

    def __init__(
        self,
        project: Project,
        settings: TrainingSettings,
        kind: str,
        kept: dict[str, object],
        frames: Frames,
        sides: Split,
        rows: np.ndarray,
    ):
        self.project, self.settings, self.kind = project, settings, kind
        self.classes, self.samples = project.classes, project.train
        self.frames, self.split = frames, sides
        self.run = runs.open_run(kind, project.folder, self.samples, self.classes, kept)
        self.all_frames = frames.take(rows)
        self.train_frames = frames.take(np.intersect1d(sides.train, rows))
        self.held_out_rows = np.intersect1d(sides.held_out, rows)
        self.held_out_frames = frames.take(self.held_out_rows)
        self.history: pd.DataFrame | None = None
        self.final_history: pd.DataFrame | None = None
        self.all_steps = 0
        self._describe_frames()

    @property
    def title(self) -> str:
        """Names the held-out frames, with "leaky" where they are."""
        return metrics.name_held_out(self.split.leaky)

    def table_of_split(self) -> pd.DataFrame | None:
        """Lists what both sides of the split hold; None where nothing is held out."""
        if not self.settings.holds_out:
            return None
        sides = (self.split.train, self.split.held_out)
        return table_of_split(self.samples, self.frames.masks, *sides, self.classes)

    def table_of_leaks(self) -> pd.DataFrame | None:
        """Counts the held-out frames that training gives away; None where nothing is held out."""
        return table_of_leaks(self.split.audit) if self.settings.holds_out else None

    def fit(self, network: keras.Model | None) -> pd.DataFrame | None:
        """Trains the network that is scored, on all but the held-out recordings; gives its history."""
        if network is None:
            return None
        self.history = fit(
            network,
            self.run.folder / "held_out",
            self.train_frames,
            self.settings,
            self._choose_length(),
            val_frames=self.held_out_frames,
            show=self._make_live_view(self.held_out_frames),
        )
        return self.history

    def _fit_final(self, network: keras.Model) -> keras.Model:
        """Trains the network that goes on, as many steps as the one that was scored took."""
        length = self._choose_length()
        if self.settings.holds_out:
            length = Length(lengths.count_planned(self.run.folder / "held_out"), all_steps=self.all_steps)
        self.final_history = fit(
            network,
            self.run.folder / "final",
            self.all_frames,
            self.settings,
            length,
            show=self._make_live_view(self.all_frames),
        )
        return network

    def _choose_length(self) -> Length:
        settings = self.settings
        minutes = lengths.share_minutes(self.kind, settings.minutes, settings.holds_out)
        return Length(self._choose_steps(self.kind), minutes, self.all_steps)

    def _choose_steps(self, kind: str) -> int:
        """Chooses the steps of one training of a kind, "seg" or "joint"."""
        settings = self.settings
        synthetic = bool(self.project.note)
        counts = self.frames.counts
        return lengths.choose_steps(kind, counts, settings.batch_size, settings.epochs, synthetic)

    def _make_live_view(self, frames: Frames) -> widgets.LiveView:
        return widgets.LiveView(frames.see(0), frames.masks[0], self.classes)

    def _describe_frames(self) -> None:
        """Says how many frames there are to train on."""
        what = {"seg": "a mask", "joint": "mask or label"}[self.kind]
        taught, held_out = len(self.all_frames), "none"
        if self.settings.holds_out:
            taught, held_out = len(self.train_frames), len(self.held_out_frames)
        print(f"{taught} frames with {what} to train on, {held_out} held out; the run is {self.run.folder}.")

    def _choose_shown(self) -> dict[int, None]:
        """Chooses the held-out frames whose predictions are shown."""
        last = len(self.held_out_rows) - 1
        return dict.fromkeys(np.unique(np.linspace(0, last, SHOWN).astype(int)).tolist())

    def _evaluate(self, score: Callable, network: keras.Model) -> Evaluation:
        """Scores a network on the held-out frames by `predict.score_samples` or `estimate.score_held_out`."""
        samples = self.samples.iloc[self.held_out_rows]
        predictor, kept = engine.prepare(network), self._choose_shown()
        found = score(predictor, samples, self.classes, self.settings.size, keep=kept)
        about = (samples, self.held_out_frames, self.classes, self.title)
        return Evaluation(*about, found, kept, predictor)

    def _count_minutes(self) -> float:
        """Minutes of this stage's trainings."""
        histories = (self.history, self.final_history)
        return count_minutes(*(one for one in histories if one is not None))

    def _finish(self, result: dict, minutes: float, words: str) -> None:
        """Writes the run's result, and says where everything lies."""
        about = {"data": self.run.settings["data"], "seed": self.settings.seed, "leaky": self.split.leaky}
        about |= {"minutes": minutes, "train_frames": len(self.all_frames)}
        runs.write_result(self.run, about | result)
        print(f"{minutes:.1f} minutes of training{words} on {runs.describe_machine()}.")
        print(f"Weights and figures: {self.run.folder}.")
