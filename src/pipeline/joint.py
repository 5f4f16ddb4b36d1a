"""The joint stage: what `Train_label_seg.ipynb` trains, from a finished segmentation network on."""

from functools import cached_property

import keras
import numpy as np
import pandas as pd

from src import runs
from src.common.errors import SettingsError
from src.data.classes import NO_LABEL
from src.data.frames import Frames, load_frames
from src.data.recordings import find_blocks, find_recordings
from src.data.splits import Split, make_folds, split_random_frames, split_samples
from src.evaluation import estimate, metrics
from src.evaluation.evaluate import Evaluation, Scored, score_samples
from src.inference import engine
from src.model import unet
from src.pipeline.folds import SHORT, list_folds, train_folds
from src.pipeline.stage import Stage
from src.project import Project
from src.settings import TrainingSettings, check_choice
from src.training.compiled import make_joint


def require_same_estimate(choice: str, first: runs.Run) -> None:
    """Refuses an ESTIMATE that asks for a held-out network where the segmentation network has none, or not.

    Args:
        choice: what the second notebook says.
        first: run of the segmentation network.

    Raises:
        SettingsError: the two notebooks differ.
    """
    check_choice(choice)
    holds_out = first.settings["HOLDS_OUT"]
    if (choice != "off") != holds_out:
        before = "'quick' or 'full'" if holds_out else "'off'"
        raise SettingsError(
            f"ESTIMATE must be 'off' in both training notebooks or in neither, found {choice!r} here and "
            f"{before} in {first.folder}; change one of them and run it again."
        )


RANDOM = "random"  # name of the fold of random frames


class Joint(Stage):
    """The joint network: what `Train_label_seg.ipynb` trains, starting from a finished segmentation network.

    Args:
        project: the data.
        choice: ESTIMATE, "off", "quick" or "full".

    Raises:
        FileNotFoundError: there is no finished segmentation network.
        ValueError: ESTIMATE is "off" in one of the two notebooks alone.
    """

    def __init__(self, project: Project, choice: str):
        self.choice = choice
        self.first = runs.find_run("seg", project.train, project.classes)
        require_same_estimate(choice, self.first)
        chosen = TrainingSettings.from_dict(self.first.settings)
        kept = {"SEGMENTER": self.first.folder.name, "HOLDS_OUT": chosen.holds_out}
        kept |= {name: self.first.settings[name] for name in ("SIZE", "MINUTES", "EPOCHS", "SEED")}
        frames = load_frames(project.train, project.classes, chosen.size, chosen.recipe.depth)
        blocks = find_blocks(project.train, frames.images, chosen.group)
        train, held_out, _ = split_samples(project.train, blocks, chosen.seed)
        sides = Split(train, held_out, runs.read_result(self.first)["leaky"], blocks)
        validation = f"validation on {metrics.name_held_out(sides.leaky)}"
        print(f"Starts from {self.first.folder}; {validation if chosen.holds_out else 'none is held out'}.")
        super().__init__(project, chosen, "joint", kept, frames, sides, frames.useful)
        self.outcomes: dict[str, Scored] = {}

    def build(self) -> keras.Model | None:
        """Builds the network that is scored, on the segmentation network that was; None where none was."""
        if not self.settings.holds_out:
            return None
        network = self._make("held_out", self.train_frames)
        print(f"{network.count_params():,} weights")
        return network

    def _make(self, part: str, frames: Frames) -> keras.Model:
        segmenter = unet.load_model(self.first.folder / part / "model.keras")
        return make_joint(segmenter, frames, self.classes, self.settings.recipe, self.settings.seed)

    def evaluate(self, network: keras.Model | None) -> Evaluation | None:
        """Scores a network on the held-out frames, at the photos' own size, and finds its temperature."""
        return None if network is None else self._evaluate(estimate.score_held_out, network)

    def fit_final(self) -> keras.Model:
        """Trains the network that is submitted, on all frames with a mask or a label."""
        return self._fit_final(self._make("final", self.all_frames))

    def export(self, final: keras.Model, scored: keras.Model | None, evaluation: Evaluation | None) -> None:
        """Writes the networks as files for a robot, and says what rounding costs on the held-out frames."""
        classes = self.classes
        about = {"classes": ", ".join(classes.mask.names), "labels": ", ".join(classes.label.names)}
        path = engine.export(final, self.run.folder / "export", about)
        print(f"For a robot, without this project: {path}")
        if scored is None:
            return
        path = engine.export(scored, self.run.folder / "held_out" / "export", about)
        kinds = {f"half as large, {engine.HALF}": engine.Engine(path.with_name(engine.HALF))}
        if engine.has_bfloat16():
            kinds["in bfloat16, as Save_test counts here"] = engine.Engine(path, exact=False)
        for kind, other in kinds.items():
            scores = score_samples(other, evaluation.samples, classes, self.settings.size).scores
            change = 100 * (scores["miou"] - evaluation.scored.scores["miou"])
            print(f"The held-out model {kind}: {change:+.2f} points of mean IoU on {self.title}.")

    @cached_property
    def folds(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Rows that each fold of ESTIMATE="full" trains on and holds out, by name; none for the others."""
        if self.choice != "full":
            return {}
        others = make_folds(self.samples, self.split.blocks, self.split.train, self.settings.seed)
        return {f"fold {number}": sides for number, sides in enumerate(others, start=2)}

    def fit_folds(self, leaky: bool = False, jobs: int = 1, ray: str = "") -> None:
        """Trains a network for each fold, and one without random frames where that is asked for.

        Args:
            leaky: trains also without random frames, to show how much too high their score is.
            jobs: trainings at once on this machine.
            ray: "auto" or the address of a Ray cluster.
        """
        sides = dict(self.folds)
        if sides:
            sides[SHORT] = (self.split.train, self.split.held_out)
        listed = list_folds(self.run, self.first, self.project.folder, sides)
        if leaky:
            random = {RANDOM: split_random_frames(self.samples, self.settings.seed)}
            listed += list_folds(self.run, self.first, self.project.folder, random, share=1)
        found = train_folds(listed, jobs, ray)
        self.outcomes = dict(zip([fold.name for fold in listed], found, strict=True))

    def gather_fold_scores(self, evaluation: Evaluation | None) -> dict[str, Scored]:
        """Gathers what was found on held-out frames, by fold; a whole training corrects the short ones."""
        evidence = {} if evaluation is None else {"held out": evaluation.scored}
        short = self.outcomes.get(SHORT)
        if short:
            others = {name: found for name, found in self.outcomes.items() if name not in (SHORT, RANDOM)}
            evidence |= estimate.extrapolate_short_folds(others, evaluation.scored, short)
        return evidence

    def table_of_folds(self, evaluation: Evaluation | None) -> pd.DataFrame:
        """Lists the scores and temperatures of the folds, in percent."""
        others = {SHORT: self.outcomes.get(SHORT), metrics.RANDOM: self.outcomes.get(RANDOM)}
        known = {name: found for name, found in others.items() if found}
        return estimate.table_of_folds(self.gather_fold_scores(evaluation), known)

    def estimate_test(self, evaluation: Evaluation | None) -> dict:
        """Estimates the scores on Test from its photos; gives what the run's result holds of it."""
        leaked = self.outcomes.get(RANDOM)
        result = {"note": self.project.note, "leaky": self.split.leaky, "scores": {}}
        if leaked:
            result["scores"]["random"] = leaked.scores
        if evaluation is None:
            return result
        evidence = self.gather_fold_scores(evaluation)
        test, size = self.project.test, self.settings.size
        submitted = engine.open_exported(self.run.folder)
        expected = estimate.compute_expected_confusion(submitted, test, size, second=evaluation.predictor)
        estimated = estimate.estimate_test(expected, find_recordings(test), list(evidence.values()))
        if (self.samples["label"] == NO_LABEL).all():
            estimated["f1"] = None  # none was learned
        result["scores"] |= {"estimate": estimated, "held_out": evaluation.scored.scores}
        result["confusion"] = {"held_out": evaluation.scored.confusion}
        result["folds"] = {name: found.to_dict() for name, found in evidence.items()}
        return result

    def finish(self, evaluation: Evaluation | None, result: dict) -> None:
        """Writes what was found, and says it.

        Args:
            evaluation: of `evaluate`.
            result: of `estimate_test`.
        """
        earlier = runs.read_result(self.first)
        minutes = earlier["minutes"] + self._count_minutes()
        minutes += sum(found.minutes for name, found in self.outcomes.items() if name != RANDOM)
        result["val_frames"] = len(self.held_out_rows)
        if evaluation is not None:
            result["scores"]["held_out_segmenter"] = earlier["scores"]["held_out"]
            print(f"On {self.title} (seed {self.settings.seed}), in percent:")
            print("\n".join(evaluation.describe()))
        self._finish(result, minutes, " in all")
