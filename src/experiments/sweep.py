"""Measures recipes one after another, as `python -m src sweep` does.

LIST is a text file with one recipe a line, "name: changes", such as "colourful: color=2"; the changes may be
empty. Each recipe is trained without the held-out recordings and scored on them and on Test. All trainings
have equally many steps, so that other work on the machine changes their minutes only. The results are in
`results/ablation.json`, and a recipe that is there is not measured again. With several numbers of steps a
sweep compares lengths of trainings. With `--away` each recipe is trained on several pairs of places, and
`away.py` makes a table of the scores in the other place; `--average` also scores the average of the networks
of all seeds, `--estimates` the estimates of the scores (`estimates.py`).
"""

import hashlib
import itertools
import json
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from src import runs
from src.common import files
from src.common.errors import SettingsError
from src.common.sizes import choose_size, scale_size
from src.data import classes as class_lists
from src.data.classes import NO_LABEL, Classes
from src.data.frames import load_frames
from src.data.reference import add_truth, check_reference
from src.data.samples import fingerprint_data, read_samples
from src.data.splits import make_split
from src.evaluation import metrics
from src.evaluation.evaluate import Scored, score_samples
from src.inference import engine
from src.model import unet as networks
from src.pipeline import folds
from src.settings import Recipe, TrainingSettings, read_recipe
from src.training import lengths
from src.training.history import count_minutes, read_history


def read_list(path: Path) -> dict[str, str]:
    """Reads the recipes' names and changes, in the file's order; lines that begin with # are left out.

    Raises:
        SettingsError: a line has no colon, or its changes are not of a recipe; the message names the line.
    """
    recipes = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, changes = line.partition(":")
        if not colon:
            raise SettingsError(f"{path} line {number} must be NAME: CHANGES, found '{line}'.")
        read_recipe(changes)
        recipes[name.strip()] = changes.strip()
    return recipes


def read_rows(path: Path) -> list[dict]:
    """Reads the rows that were measured; none if there is no file yet."""
    if not path.exists():
        return []
    return runs.read_json(path)


def is_measured(row: dict, with_test: bool, path: Path) -> bool:
    """Returns True if a row was measured.

    Args:
        row: what identifies it: data, recipe, changes, seed, steps and batch size.
        with_test: True asks for a row with scores on Test.
        path: of the results.
    """
    for other in read_rows(path):
        if row.items() <= other.items() and (not with_test or "test" in other):
            return True
    return False


def keep_row(row: dict, found: dict, path: Path) -> None:
    """Writes the results of a row, in place of its earlier ones.

    Args:
        row: what identifies it, as in `is_measured`.
        found: of `measure_recipe`.
        path: of the results.
    """
    # The file is read again, because another sweep may have added rows meanwhile.
    others = [other for other in read_rows(path) if not row.items() <= other.items()]
    files.write_json(path, [*others, row | found])


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
    results: Path = Path("results") / "ablation.json"

    def name(self, recipe: str) -> str:
        """Returns a recipe's name with the conditions that are not the default."""
        both = ", both" if self.both else ""
        batch = "" if self.batch_size == Bench.batch_size else f", batch {self.batch_size}"
        return f"{recipe}{both}{batch}"


def measure_list(
    path: Path, benches: list[Bench], seeds: list[int], lengths_in_steps: list[int], average: bool = False
) -> None:
    """Measures the recipes that were not measured yet, seed by seed, and writes the results of each.

    Args:
        path: of the recipes, as `read_list` takes it.
        benches: where; each recipe is measured on all of them before the next one.
        seeds: of the split and of the trainings.
        lengths_in_steps: of both trainings together.
        average: True measures in the end the average of each recipe's networks over the seeds, too.

    Raises:
        UserError: the list, the data or the reference break a rule, before anything is trained.
    """
    recipes = read_list(path)
    fingerprints = {bench: fingerprint(bench) for bench in benches}
    groups = [[seed] for seed in seeds]
    if average:
        groups.append(seeds)
    for group, steps, name, bench in itertools.product(groups, lengths_in_steps, recipes, benches):
        row = identify(bench, fingerprints[bench], (name, recipes[name]), group[0], steps)
        if len(group) > 1:
            row["recipe"] += f", average of {len(group)}"
            row["seed"] = " ".join(map(str, group))
        if is_measured(row, bench.reference is not None, bench.results):
            continue
        description = recipes[name] if recipes[name] else "no change"
        place = f"{row['data']}, seed {row['seed']}, {steps} steps"
        print(f"\n{row['recipe']} ({description}), {place}", flush=True)
        keep_row(row, measure_recipe(bench, read_recipe(recipes[name]), group, steps), bench.results)


def identify(bench: Bench, found: str, recipe: tuple[str, str], seed: int, steps: int) -> dict:
    """Returns what identifies a row of the results.

    Args:
        bench: data and conditions.
        found: fingerprint of its Train.
        recipe: name and changes.
        seed: of the split and of the trainings.
        steps: of both trainings together.
    """
    name, changes = recipe
    row = {"data": bench.folder.resolve().name, "data_fingerprint": found}
    row |= {"recipe": bench.name(name), "changes": changes, "seed": seed}
    return row | {"steps": steps, "batch_size": bench.batch_size}


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
    identity = [settings.to_dict(), steps, bench.both, fingerprint_data(samples, classes), made]
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
    ious = metrics.class_iou(np.array(scored.confusion["mask"]))
    return {name: float(iou) for name, iou in zip(classes.mask.names, ious, strict=True) if iou >= 0}
