"""The stage of `Train_label_seg.ipynb`, which trains the joint network from a segmentation network."""

from dataclasses import dataclass, field
from functools import cached_property

import keras
import numpy as np
import pandas as pd

from src import runs
from src.common.errors import SettingsError
from src.data.classes import NO_LABEL
from src.data.frames import Frames, load_frames
from src.data.recordings import find_blocks
from src.data.splits import Split, make_folds, split_random_frames, split_samples
from src.evaluation import estimate, fold_scores, metrics
from src.evaluation.evaluate import Evaluation, Scored, count_changed
from src.inference import engine
from src.model import unet
from src.pipeline.folds import SHORT, list_folds, train_folds
from src.pipeline.stage import Stage
from src.project import Project
from src.scores import RunResult, Scores
from src.settings import TrainingSettings, check_choice, check_whole_number
from src.training.compiled import make_joint

RANDOM = "random"  # name of the fold of random frames


@dataclass(frozen=True)
class Estimate:
    """The estimate for Test and the scores that it is shown beside.

    Attributes:
        note: of the project, "" for real data.
        leaky: True if held-out frames have neighbours in training.
        random: scores of the fold of random frames; None if it was not trained.
        held_out: scores of the held-out model; None where nothing is held out.
        estimate: of the scores on Test; None where nothing is held out.
        confusion: of `estimate.estimate_confusion`; None where nothing is held out.
        folds: scores that the estimate uses, by name.
    """

    note: str
    leaky: bool
    random: Scored | None = None
    held_out: Scored | None = None
    estimate: Scores | None = None
    confusion: np.ndarray | None = None
    folds: dict[str, Scored] = field(default_factory=dict)

    def to_result(self) -> RunResult:
        """Returns what `result.json` says of the estimate and of the scores beside it."""
        scores = {}
        confusion = {}
        if self.random is not None:
            scores["random"] = self.random.scores
        if self.estimate is not None:
            scores["estimate"] = self.estimate
            scores["held_out"] = self.held_out.scores
            confusion["held_out"] = self.held_out.confusion
            confusion["estimate"] = {"mask": self.confusion.round().astype(int).tolist(), "label": None}
        return RunResult(leaky=self.leaky, note=self.note, scores=scores, confusion=confusion)


def require_same_estimate(choice: str, first: runs.Run) -> None:
    """Checks that both training notebooks hold frames out, or neither.

    Args:
        choice: ESTIMATE of the second notebook.
        first: run of the segmentation network.

    Raises:
        SettingsError: the two notebooks differ.
    """
    check_choice("ESTIMATE", choice)
    holds_out = first.settings["HOLDS_OUT"]
    if (choice != "off") != holds_out:
        before = "'quick' or 'full'" if holds_out else "'off'"
        raise SettingsError(
            f"ESTIMATE must be 'off' in both training notebooks or in neither, found {choice!r} here and "
            f"{before} in {first.folder}; change one of them and run it again."
        )


class Joint(Stage):
    """Trains and scores the joint network, for `Train_label_seg.ipynb`, from a finished segmentation network.

    Args:
        project: the data.
        choice: ESTIMATE, "off", "quick" or "full".
        tensorboard: whether the trainings are logged for TensorBoard.

    Raises:
        MissingError: there is no finished segmentation network.
        SettingsError: ESTIMATE is "off" in one of the two notebooks alone.
    """

    def __init__(self, project: Project, choice: str, tensorboard: bool = False):
        self.estimate_choice = choice
        self.segmenter_run = runs.find_run("seg", project.train, project.classes)
        require_same_estimate(choice, self.segmenter_run)
        chosen = TrainingSettings.from_dict(self.segmenter_run.settings)
        run_settings = {"SEGMENTER": self.segmenter_run.folder.name, "HOLDS_OUT": chosen.holds_out}
        for name in ("SIZE", "MINUTES", "EPOCHS", "SEED"):
            run_settings[name] = self.segmenter_run.settings[name]
        frames = load_frames(project.train, project.classes, chosen.size, chosen.recipe.depth)
        blocks = find_blocks(project.train, frames.images, chosen.group)
        train, held_out, _ = split_samples(project.train, blocks, chosen.seed)
        split = Split(train, held_out, runs.read_result(self.segmenter_run).leaky, blocks)
        validation = "none is held out"
        if chosen.holds_out:
            validation = f"validation on {metrics.name_held_out(split.leaky)}"
        print(f"Starts from {self.segmenter_run.folder}; {validation}.")
        super().__init__(project, chosen, "joint", run_settings, frames, split, frames.useful, tensorboard)
        self.fold_scores: dict[str, Scored] = {}

    def build(self) -> keras.Model | None:
        """Builds the held-out model on the segmentation network's; None where nothing is held out."""
        if not self.settings.holds_out:
            return None
        network = self._make("held_out", self.train_frames, self.settings.seed)
        print(f"{network.count_params():,} weights")
        return network

    def _make(self, part: str, frames: Frames, seed: int) -> keras.Model:
        """Builds a joint network on the segmentation network of a part of its run, as "held_out"."""
        segmenter = unet.load_model(self.segmenter_run.folder / part / "model.keras")
        return make_joint(segmenter, frames, self.classes, self.settings, seed)

    def evaluate(self, network: keras.Model | None) -> Evaluation | None:
        """Scores the held-out model on the held-out frames, and finds its temperature; None for None."""
        if network is None:
            return None
        return self._evaluate(estimate.score_held_out, network)

    def fit_submitted(self) -> keras.Model:
        """Trains the submitted model on all frames with a mask or a label.

        Returns:
            The network or, with PRESET="best", the average of several.
        """
        networks = []
        for number, seed in {1: self.settings.seed, **self._list_others()}.items():
            network = self._make(unet.name_part(number), self.all_frames, seed)
            networks.append(self._fit_final(network, number, seed, self._choose_final_length()))
        return unet.average_networks(networks)

    def export(self, final: keras.Model, scored: keras.Model | None, evaluation: Evaluation | None) -> None:
        """Writes the networks as files for a robot, and prints what rounding costs on the held-out frames.

        Args:
            final: the submitted model.
            scored: the held-out model, or None.
            evaluation: of the held-out model, or None.
        """
        classes = self.classes
        about = {
            "classes": classes.mask.names,
            "colors": classes.mask.colors,
            "labels": classes.label.names,
            "size": self.settings.size,
        }
        path = engine.export(final, self.run.folder / "export", about)
        print(f"For a robot, without this project: {path}")
        if scored is None:
            return
        path = engine.export(scored, self.run.folder / "held_out" / "export", about)
        rounded = {f"half as large, {engine.HALF}": engine.Engine(path.with_name(engine.HALF))}
        if engine.has_bfloat16():
            rounded["in bfloat16, as Save_test counts here"] = engine.Engine(path, exact=False)
        for description, predictor in rounded.items():
            changed = 100 * count_changed(evaluation, predictor, self.settings.size)
            print(f"The held-out model {description}: {changed:.2f} % of the pixels get another class.")

    @cached_property
    def folds(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Lists by name the rows that each fold of ESTIMATE="full" trains on and holds out; else none."""
        if self.estimate_choice != "full":
            return {}
        others = make_folds(self.samples, self.split.blocks, self.split.train, self.settings.seed)
        return {f"fold {number}": sides for number, sides in enumerate(others, start=2)}

    def fit_folds(self, leaky: bool = False, jobs: int = 1, ray: str = "") -> None:
        """Trains the networks of each fold, and scores them on its held-out rows.

        Args:
            leaky: True adds a fold that holds random frames out, to show how much too high their score is.
            jobs: trainings at a time on this machine.
            ray: "auto" or the address of a Ray cluster; "" for this machine only.

        Raises:
            SettingsError: `jobs` is no whole number from 1 on.
        """
        check_whole_number("JOBS", jobs)
        sides = dict(self.folds)
        if sides:
            sides[SHORT] = (self.split.train, self.split.held_out)
        folds = list_folds(self.run, self.segmenter_run, self.project.folder, sides)
        if leaky:
            random = {RANDOM: split_random_frames(self.samples, self.settings.seed)}
            folds += list_folds(self.run, self.segmenter_run, self.project.folder, random, share=1)
        scored = train_folds(folds, jobs, ray)
        self.fold_scores = dict(zip([fold.name for fold in folds], scored, strict=True))

    def gather_fold_scores(self, evaluation: Evaluation | None) -> dict[str, Scored]:
        """Gathers the scores on held-out frames by fold; those of short trainings are extrapolated."""
        gathered = {}
        if evaluation is not None:
            gathered["held out"] = evaluation.scored
        if SHORT in self.fold_scores:
            folds = {name: self.fold_scores[name] for name in self.folds}
            short = self.fold_scores[SHORT]
            gathered |= fold_scores.extrapolate_short_folds(folds, evaluation.scored, short)
        return gathered

    def make_folds_table(self, evaluation: Evaluation | None) -> pd.DataFrame:
        """Lists the scores, in percent, and the temperatures of the folds."""
        others = {}
        if SHORT in self.fold_scores:
            others[SHORT] = self.fold_scores[SHORT]
        if RANDOM in self.fold_scores:
            others[metrics.RANDOM] = self.fold_scores[RANDOM]
        return fold_scores.make_folds_table(self.gather_fold_scores(evaluation), others)

    def estimate_test(self, evaluation: Evaluation | None) -> Estimate:
        """Estimates the scores on Test from its photos; without an evaluation there is no estimate."""
        note = self.project.note
        leaky = self.split.leaky
        random = self.fold_scores.get(RANDOM)
        if evaluation is None:
            return Estimate(note, leaky, random)
        folds = self.gather_fold_scores(evaluation)
        estimated, confusion = estimate.estimate_from_photos(
            engine.open_exported(self.run.folder),
            evaluation.predictor,
            self.project.test,
            self.settings.size,
            list(folds.values()),
            has_labels=bool((self.samples["label"] != NO_LABEL).any()),
        )
        return Estimate(note, leaky, random, evaluation.scored, estimated, confusion, folds)

    def finish(self, evaluation: Evaluation | None, found: Estimate) -> None:
        """Writes the run's result and prints it.

        Args:
            evaluation: of `evaluate`.
            found: of `estimate_test`.
        """
        earlier = runs.read_result(self.segmenter_run)
        minutes = earlier.minutes + self._count_minutes()
        minutes += sum(scored.minutes for name, scored in self.fold_scores.items() if name != RANDOM)
        known = found.to_result()
        result = {"note": known.note, "scores": known.scores, "confusion": known.confusion}
        result["val_frames"] = len(self.held_out_rows)
        result["classes"] = list(self.classes.mask.names)
        if evaluation is not None:
            result["folds"] = {name: fold.to_dict() for name, fold in found.folds.items()}
            result["scores"]["held_out_segmenter"] = earlier.scores["held_out"]
            print(f"On {self.title} (seed {self.settings.seed}), in percent:")
            print("\n".join(evaluation.describe()))
        self._finish(result, minutes, " in all")
