"""The segmentation stage: what `Train_seg_sem.ipynb` trains."""

import keras
import numpy as np

from src.data.frames import Frames, load_frames
from src.data.recordings import describe_blocks
from src.data.samples import require_masks
from src.data.splits import make_split
from src.evaluation import metrics
from src.evaluation.evaluate import Evaluation, format_percent, score_samples
from src.model import unet
from src.pipeline.stage import Stage
from src.project import Project
from src.settings import CHOICES, Settings
from src.training import lengths
from src.training.compiled import make_segmenter


class Segmentation(Stage):
    """The segmentation network: what `Train_seg_sem.ipynb` trains.

    Args:
        project: the data.
        settings: of the notebook's settings cell.
    """

    def __init__(self, project: Project, settings: Settings):
        require_masks(project.train)
        chosen = settings.resolve(project.train)
        unet.check_recipe(chosen.recipe)
        size, crop = (f"{height} x {width} px" for height, width in (chosen.size, chosen.crop))
        print(f"The network sees photos at {size} and trains on crops of {crop}.")
        frames = load_frames(project.train, project.classes, chosen.size, chosen.recipe.depth)
        sides = make_split(project.train, frames.images, chosen.group, chosen.seed)
        validation = f"Validation on {metrics.name_held_out(sides.leaky)}."
        blocks = describe_blocks(project.train, sides.blocks)
        print(blocks, validation if chosen.holds_out else "None is held out.")
        rows = np.flatnonzero(frames.has_mask)
        super().__init__(project, chosen, "seg", chosen.to_dict(), frames, sides, rows)
        steps = sum(self._choose_steps(kind) for kind in lengths.SHARES)
        self.all_steps = CHOICES[settings.estimate] * steps

    def build(self) -> keras.Model | None:
        """Builds the network that is scored; None where nothing is held out."""
        if not self.settings.holds_out:
            return None
        network = self._make(self.train_frames)
        print(f"{network.count_params():,} weights")
        return network

    def _make(self, frames: Frames) -> keras.Model:
        return make_segmenter(frames, self.classes, self.settings.recipe, self.settings.seed)

    def evaluate(self, network: keras.Model | None) -> Evaluation | None:
        """Scores a network on the held-out frames, at the photos' own size."""
        return None if network is None else self._evaluate(score_samples, network)

    def fit_final(self, scored: keras.Model | None) -> keras.Model:
        """Trains on all frames with a mask: the network that was scored goes on, or a new one begins."""
        final = self._make(self.all_frames)
        if scored is not None:
            final.set_weights(scored.get_weights())
        return self._fit_final(final)

    def finish(self, evaluation: Evaluation | None) -> None:
        """Writes what was found, and says it."""
        result = {}
        if evaluation is not None:
            found = evaluation.scored
            result = {"scores": {"held_out": found.scores}, "confusion": {"held_out": found.confusion}}
            miou = format_percent(found.scores["miou"])
            count = len(evaluation.samples)
            print(f"Mean IoU on {self.title}: {miou} % ({count} frames, seed {self.settings.seed}).")
        self._finish(result, self._count_minutes(), "")
