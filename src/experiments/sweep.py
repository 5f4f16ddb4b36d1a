"""Measures recipes one after another, as `python -m src sweep` does.

LIST is a text file with one recipe a line, "name: changes", as "colourful: color=2"; the changes may be
empty. Each is trained without the held-out recordings and scored on them and, by the same network, on Test.
All take equally many steps, so that other work on the machine changes their minutes alone. What is done is
kept in `results/ablation.json` and not done again. With several numbers of steps and
`--keep results/lengths.json` this is how the length of a training is chosen.
"""

import hashlib
import itertools
import json
from dataclasses import dataclass
from pathlib import Path

import keras
import pandas as pd

from src import runs
from src.common import files
from src.common.errors import SettingsError
from src.data import classes as class_lists
from src.data.classes import NO_LABEL, Classes
from src.data.frames import load_frames
from src.data.reference import add_truth, check_reference
from src.data.samples import fingerprint_data, read_samples
from src.data.splits import make_split
from src.evaluation.evaluate import score_samples
from src.inference import engine
from src.model import unet as networks
from src.pipeline import folds
from src.settings import Recipe, TrainingSettings, choose_crop, choose_size, read_recipe
from src.training import lengths
from src.training.history import count_minutes, read_history


def read_list(path: Path) -> dict[str, str]:
    """Reads the recipes' names and changes, in the file's order; lines that begin with # are left out.

    Raises:
        ValueError: a line has no colon, or its changes are none; the message names the line.
    """
    recipes = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        name, colon, changes = line.partition(":")
        if line.strip() and not line.startswith("#"):
            if not colon:
                raise SettingsError(f"{path} line {number} must be NAME: CHANGES, found '{line}'.")
            read_recipe(changes)
            recipes[name.strip()] = changes.strip()
    return recipes


def read_kept(path: Path) -> list[dict]:
    """Reads what was measured before."""
    return runs.read_json(path) if path.exists() else []


def is_measured(row: dict, scored: bool, path: Path) -> bool:
    """Tells whether a row is kept, on Test too where it shall be `scored` there."""
    return any(row.items() <= other.items() and (not scored or "test" in other) for other in read_kept(path))


def keep_row(row: dict, found: dict, path: Path) -> None:
    """Keeps what was found of a row, in place of what was known of it."""
    # read anew, for another sweep may have ended meanwhile
    others = [other for other in read_kept(path) if not row.items() <= other.items()]
    files.write_json(path, [*others, row | found])


@dataclass(frozen=True)
class Bench:
    """Where recipes are measured, and on what they are compared.

    Attributes:
        folder: holds Train and Test.
        reference: with the truth of Test; None scores the held-out recordings alone.
        batch_size: frames a step.
        both: leaves out the frames that have no mask or no label.
        kept: file of what was measured.
    """

    folder: Path
    reference: Path | None = None
    batch_size: int = 4
    both: bool = False
    kept: Path = Path("results") / "ablation.json"

    def name(self, recipe: str) -> str:
        """Names a recipe as it is measured here."""
        both = ", both" if self.both else ""
        size = "" if self.batch_size == Bench.batch_size else f", batch {self.batch_size}"
        return f"{recipe}{both}{size}"


def measure_list(path: Path, bench: Bench, seeds: list[int], lengths_in_steps: list[int]) -> None:
    """Measures what is not kept yet, seed by seed, and keeps each as soon as it is known.

    Args:
        path: of the recipes, as `read_list` takes it.
        bench: where.
        seeds: of the split and of the trainings.
        lengths_in_steps: of both trainings together.

    Raises:
        UserError: the list, the data or the reference break a rule, before anything is trained.
    """
    recipes = read_list(path)
    classes = class_lists.read_classes(bench.folder / "Train")
    if bench.reference:
        check_reference(bench.reference, bench.folder / "Test")
    samples = read_samples(bench.folder / "Train", classes)
    about = {"data": bench.folder.resolve().name, "data_fingerprint": fingerprint_data(samples, classes)}
    for seed, steps in itertools.product(seeds, lengths_in_steps):
        for name, changes in recipes.items():
            row = about | {"recipe": bench.name(name), "changes": changes}
            row |= {"seed": seed, "steps": steps, "batch_size": bench.batch_size}
            if is_measured(row, bool(bench.reference), bench.kept):
                continue
            print(f"\n{row['recipe']} ({changes or 'no change'}), seed {seed}, {steps} steps", flush=True)
            keep_row(row, measure_recipe(bench, read_recipe(changes), seed, steps), bench.kept)


def measure_recipe(bench: Bench, recipe: Recipe, seed: int, steps: int) -> dict:
    """Trains both networks without the held-out recordings, and scores them.

    Args:
        bench: where.
        recipe: what to measure.
        seed: of the split and of both trainings.
        steps: of both trainings together.

    Returns:
        "held_out" and, with a reference, "test": the joint network's scores as fractions; "alone": the same
        of the segmentation network that it started from; with depth also "withheld": the same of the joint
        one without any; "leaky", "minutes", "machine", "commit".
    """
    classes = class_lists.read_classes(bench.folder / "Train")
    samples = read_samples(bench.folder / "Train", classes)
    size = choose_size(samples, "auto")
    frames = load_frames(samples, classes, size, recipe.depth)
    sides = make_split(samples, frames.images, None, seed)
    train = sides.train
    if bench.both:
        train = train[(frames.has_mask & (frames.labels != NO_LABEL))[train]]
    crop = choose_crop(size, recipe.crop)
    settings = TrainingSettings(size, crop, bench.batch_size, seed=seed, recipe=recipe)
    about = {"machine": runs.describe_machine(), "commit": runs.find_commit()}
    text = [settings.to_dict(), steps, bench.both, fingerprint_data(samples, classes), about]
    out = runs.RUNS / "sweep" / hashlib.sha256(json.dumps(text).encode()).hexdigest()[:8]
    both_steps = tuple(max(1, round(steps * share)) for share in lengths.SHARES.values())
    joint = folds.train_pair(out, frames.take(train), classes, settings, both_steps)
    alone = networks.load_model(out / "seg" / "model.keras")
    scored = {"held_out": samples.iloc[sides.held_out]}
    if bench.reference is not None:
        test = read_samples(bench.folder / "Test", classes)
        scored["test"] = add_truth(test, bench.reference, classes)
    found = _score_sides(joint, scored, classes, size)
    found["alone"] = _score_sides(alone, scored, classes, size)
    if recipe.depth:
        without = {side: table.assign(depth="") for side, table in scored.items()}
        found["withheld"] = _score_sides(joint, without, classes, size)
    minutes = count_minutes(*(read_history(out / part) for part in lengths.SHARES))
    return found | {"leaky": sides.leaky, "minutes": minutes} | about


def _score_sides(
    network: keras.Model, scored: dict[str, pd.DataFrame], classes: Classes, size: tuple[int, int]
) -> dict[str, dict[str, float]]:
    """Scores a network on each of some tables of frames."""
    predictor = engine.prepare(network)
    known = classes.ignore_unknown_ids()  # the reference may hold ids that Train does not know
    return {side: score_samples(predictor, table, known, size).scores for side, table in scored.items()}
