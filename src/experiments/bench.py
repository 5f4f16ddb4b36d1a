"""Trains and scores one recipe, under the conditions that are equal for all that it is compared with."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from src import runs
from src.common import files
from src.common.sizes import choose_size, scale_size
from src.data import classes as class_lists
from src.data.classes import NO_LABEL, Classes
from src.data.frames import load_frames
from src.data.reference import add_truth, check_reference
from src.data.samples import fingerprint_data, read_samples
from src.data.splits import make_split
from src.evaluation import metrics
from src.evaluation.evaluate import Scored, score_samples
from src.experiments.kept import ABLATION
from src.inference import engine
from src.model import unet as networks
from src.pipeline import folds
from src.settings import Recipe, TrainingSettings
from src.training import lengths
from src.training.history import count_minutes, read_history


@dataclass(frozen=True)
class Bench:
    """The data and the conditions under which recipes are compared.

    Attributes:
        folder: holds Train and Test.
        reference: with the truth of Test; None scores the held-out recordings only.
        batch_size: frames a step.
        both: True trains on frames with a mask and a label only.
        results: file of the results.
    """

    folder: Path
    reference: Path | None = None
    batch_size: int = 4
    both: bool = False
    results: Path = ABLATION

    def name(self, recipe: str) -> str:
        """Returns a recipe's name with the conditions that are not the default."""
        both = ", both" if self.both else ""
        batch = "" if self.batch_size == Bench.batch_size else f", batch {self.batch_size}"
        return f"{recipe}{both}{batch}"


def fingerprint(bench: Bench) -> str:
    """Checks the data of a bench, and computes the fingerprint of its Train.

    Raises:
        UserError: the data or the reference break a rule.
    """
    classes = class_lists.read_classes(bench.folder / "Train")
    if bench.reference is not None:
        check_reference(bench.reference, bench.folder / "Test")
    return fingerprint_data(read_samples(bench.folder / "Train", classes), classes)


def measure_recipe(bench: Bench, recipe: Recipe, seeds: list[int], steps: int) -> dict:
    """Trains both networks without the held-out recordings, and scores them.

    Args:
        bench: data and conditions.
        recipe: to measure.
        seeds: of the split and of both trainings; the networks of several seeds are averaged.
        steps: of both trainings of a seed together.

    Returns:
        "held_out" and, with a reference, "test": the joint network's scores as fractions; "test_iou": its
        IoU on Test by class, without those that Test lacks. "alone": the same scores of the segmentation
        network. With depth also "withheld": the same scores of the joint network on frames without depth.
        "leaky", "minutes", "machine" and "commit". An average has no "held_out", for each seed holds out
        other recordings.
    """
    members = [train_recipe(bench, recipe, seed, steps) for seed in seeds]
    first = members[0]
    tables = {"held_out": first.held_out} if len(members) == 1 else {}
    if bench.reference is not None:
        tables["test"] = read_test(bench, first.classes)
    joint = networks.average_networks([member.joint for member in members])
    alone = networks.average_networks([member.load_alone() for member in members])
    found = _score_both(joint, alone, tables, first.classes, first.settings)
    histories = [read_history(member.folder / kind) for member in members for kind in lengths.SHARES]
    return {**found, "leaky": first.leaky, "minutes": count_minutes(*histories), **first.made}


@dataclass(frozen=True, eq=False)
class Trained:
    """Both networks of a recipe, trained without the held-out recordings.

    Attributes:
        folder: of the trainings, "seg" and "joint".
        joint: the joint network.
        classes: of both tasks.
        settings: of both trainings.
        held_out: table of the held-out frames.
        leaky: True if these have neighbours in training.
        made: "machine" and "commit" of the training.
    """

    folder: Path
    joint: keras.Model
    classes: Classes
    settings: TrainingSettings
    held_out: pd.DataFrame
    leaky: bool
    made: dict[str, str]

    def load_alone(self) -> keras.Model:
        """Loads the segmentation network that the joint one started from."""
        return networks.load_model(self.folder / "seg" / "model.keras")


def train_recipe(bench: Bench, recipe: Recipe, seed: int, steps: int) -> Trained:
    """Trains both networks without the held-out recordings; what this code has trained is used again.

    Args:
        bench: data and conditions.
        recipe: to measure.
        seed: of the split and of both trainings.
        steps: of both trainings together.
    """
    classes = class_lists.read_classes(bench.folder / "Train")
    samples = read_samples(bench.folder / "Train", classes)
    size = choose_size(samples, "auto")
    frames = load_frames(samples, classes, size, recipe.depth)
    split = make_split(samples, frames.images, None, seed)
    train = split.train
    if bench.both:
        has_both = frames.has_mask & (frames.labels != NO_LABEL)
        train = train[has_both[train]]
    settings = TrainingSettings(
        size, scale_size(size, recipe.crop), bench.batch_size, seed=seed, recipe=recipe
    )
    made = {"machine": runs.describe_machine(), "commit": runs.find_commit()}
    # The commit does not tell which changes a checkout has that are not committed.
    code = [made, files.fingerprint_code(), runs.list_versions()]
    identity = [settings.to_dict(), steps, bench.both, fingerprint_data(samples, classes), code]
    folder = runs.RUNS / "sweep" / hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:8]
    both_steps = tuple(max(1, round(steps * share)) for share in lengths.SHARES.values())
    joint = folds.train_pair(folder, frames.take(train), classes, settings, both_steps)
    held_out = samples.iloc[split.held_out]
    return Trained(folder, joint, classes, settings, held_out, split.leaky, made)


def read_test(bench: Bench, classes: Classes) -> pd.DataFrame:
    """Reads the table of Test of a bench, with the truth of the reference."""
    test = read_samples(bench.folder / "Test", classes)
    return add_truth(test, bench.reference, classes)


def _score_both(
    joint: keras.Model,
    alone: keras.Model,
    tables: dict[str, pd.DataFrame],
    classes: Classes,
    settings: TrainingSettings,
) -> dict:
    """Scores both networks on tables of frames; returns the scores that `measure_recipe` names."""
    scored = _score_tables(joint, tables, classes, settings.size)
    found = _list_scores(scored)
    if "test" in scored:
        found["test_iou"] = _list_iou(scored["test"], classes)
    found["alone"] = _list_scores(_score_tables(alone, tables, classes, settings.size))
    if settings.recipe.depth:
        without_depth = {side: table.assign(depth="") for side, table in tables.items()}
        found["withheld"] = _list_scores(_score_tables(joint, without_depth, classes, settings.size))
    return found


def _score_tables(
    network: keras.Model, tables: dict[str, pd.DataFrame], classes: Classes, size: tuple[int, int]
) -> dict[str, Scored]:
    """Scores a network on each of several tables of frames."""
    predictor = engine.prepare(network)
    classes = classes.ignore_unknown_ids()  # the reference may hold ids that are not among Train's classes
    return {side: score_samples(predictor, table, classes, size) for side, table in tables.items()}


def _list_scores(scored: dict[str, Scored]) -> dict[str, dict[str, float]]:
    """Lists the scores of several tables of frames, as fractions."""
    return {side: one.scores.to_dict() for side, one in scored.items()}


def _list_iou(scored: Scored, classes: Classes) -> dict[str, float]:
    """Lists the IoU of each class that has true pixels, as a fraction."""
    ious = metrics.compute_class_iou(np.array(scored.confusion["mask"]))
    return {name: float(iou) for name, iou in zip(classes.mask.names, ious, strict=True) if iou >= 0}
