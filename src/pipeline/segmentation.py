"""The stage of `Train_seg_sem.ipynb`, which trains the segmentation network."""

import keras
import numpy as np
import pandas as pd

from src.data.audit import make_leaks_table
from src.data.frames import Frames, load_frames
from src.data.recordings import describe_blocks
from src.data.samples import require_masks
from src.data.splits import make_split
from src.evaluation import metrics
from src.evaluation.evaluate import Evaluation, format_percent, score_samples
from src.model import unet
from src.pipeline.stage import Stage
from src.project import Project
from src.settings import FOLD_TRAININGS, Settings
from src.training import lengths
from src.training.compiled import make_segmenter
from src.training.lengths import Length


class Segmentation(Stage):
    """Trains and scores the segmentation network, for `Train_seg_sem.ipynb`.

    Args:
        project: the data.
        settings: of the notebook's settings cell.
    """

    def __init__(self, project: Project, settings: Settings):
        require_masks(project.train)
        chosen = settings.resolve(project.train)
        unet.check_recipe(chosen.recipe)
        size = "{} x {} px".format(*chosen.size)
        crop = "{} x {} px".format(*chosen.crop)
        print(f"The network takes photos at {size} and trains on crops of {crop}.")
        frames = load_frames(project.train, project.classes, chosen.size, chosen.recipe.depth)
        split = make_split(project.train, frames.images, chosen.group, chosen.seed)
        validation = "None is held out."
        if chosen.holds_out:
            validation = f"Validation on {metrics.name_held_out(split.leaky)}."
        print(describe_blocks(project.train, split.blocks), validation)
        rows = np.flatnonzero(frames.has_mask)
        super().__init__(project, chosen, "seg", chosen.to_dict(), frames, split, rows, settings.tensorboard)
        self.all_steps = self._count_all_steps(settings.estimate)

    def _count_all_steps(self, choice: str) -> int:
        """Counts the steps of all trainings of both notebooks, for a choice of ESTIMATE."""
        networks = self.settings.networks
        holds_out = self.settings.holds_out
        total = 0
        for kind in lengths.SHARES:
            trainings = lengths.count_trainings(kind, networks, holds_out) + FOLD_TRAININGS.get(choice, 0)
            total += trainings * self._choose_steps(kind)
        return total

    def make_leaks_table(self) -> pd.DataFrame | None:
        """Counts the held-out frames by their likeness to training frames; None where nothing is held out."""
        if not self.settings.holds_out:
            return None
        return make_leaks_table(self.split.audit)

    def build(self) -> keras.Model | None:
        """Builds the held-out model; None where nothing is held out."""
        if not self.settings.holds_out:
            return None
        network = self._make(self.train_frames, self.settings.seed)
        print(f"{network.count_params():,} weights")
        return network

    def _make(self, frames: Frames, seed: int) -> keras.Model:
        """Builds a network and compiles it for the frames that it is trained on."""
        return make_segmenter(frames, self.classes, self.settings, seed)

    def evaluate(self, network: keras.Model | None) -> Evaluation | None:
        """Scores the held-out model on the held-out frames, at the photos' own size; None for None."""
        if network is None:
            return None
        return self._evaluate(score_samples, network)

    def fit_submitted(self, scored: keras.Model | None) -> keras.Model:
        """Trains the submitted model on all frames with a mask.

        Args:
            scored: the held-out model, from whose weights the training starts; None starts from new ones.

        Returns:
            The network or, with PRESET="best", the average of several.
        """
        seed = self.settings.seed
        first = self._make(self.all_frames, seed)
        if scored is not None:
            first.set_weights(scored.get_weights())
        networks = [self._fit_final(first, 1, seed, self._choose_final_length())]
        steps = lengths.count_planned(self.run.folder / unet.name_part(1))
        if scored is not None:
            steps *= 2  # as many as the first network has had, with those of the held-out model
        for number, other_seed in self._list_others().items():
            other = self._make(self.all_frames, other_seed)
            length = Length(steps, all_steps=self.all_steps)
            networks.append(self._fit_final(other, number, other_seed, length))
        return unet.average_networks(networks)

    def finish(self, evaluation: Evaluation | None) -> None:
        """Writes the run's result and prints it."""
        result = {}
        if evaluation is not None:
            scored = evaluation.scored
            result = {"scores": {"held_out": scored.scores}, "confusion": {"held_out": scored.confusion}}
            miou = format_percent(scored.scores.miou)
            count = len(evaluation.samples)
            print(f"Mean IoU on {self.title}: {miou} % ({count} frames, seed {self.settings.seed}).")
        self._finish(result, self._count_minutes(), "")
