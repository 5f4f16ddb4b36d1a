"""Estimates the scores in other places, and compares them with what came: `sweep LIST --away --estimates`.

The networks are those of the sweep. Of two seeds, one network plays the held-out model and the other the
submitted one, for it saw other recordings. What this commit has trained on this machine is used again.
"""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd

from src.data.classes import NO_LABEL
from src.evaluation import estimate, metrics
from src.evaluation.evaluate import score_samples
from src.experiments import measured, sweep
from src.experiments.bench import Bench, fingerprint, read_test, train_recipe
from src.inference import engine
from src.settings import Recipe, read_recipe


def measure_list(path: Path, benches: list[Bench], seeds: list[int], steps: list[int], keep: Path) -> None:
    """Measures the estimates that were not measured yet, and writes each to the results.

    Each seed's network plays the held-out model once, that of the next seed then the submitted one.

    Args:
        path: of the recipes, as `sweep.read_list` takes it.
        benches: where.
        seeds: at least two.
        steps: numbers of steps of both trainings of a seed together.
        keep: file of the results.
    """
    pairs = list(zip(seeds, [*seeds[1:], seeds[0]], strict=True))
    for bench in benches:
        found = fingerprint(bench)
        for (name, changes), count, pair in itertools.product(sweep.read_list(path).items(), steps, pairs):
            row = sweep.identify(bench, found, (name, changes), pair[0], count)
            row["submitted_seed"] = pair[1]
            if measured.is_measured(row, True, keep):
                continue
            print(f"\nEstimate for {row['data']}, {row['recipe']}, seed {pair[0]}, {count} steps", flush=True)
            measured.keep_row(row, measure_estimate(bench, read_recipe(changes), pair, count), keep)


def measure_estimate(bench: Bench, recipe: Recipe, seeds: tuple[int, int], steps: int) -> dict:
    """Estimates the scores on Test as the notebooks do, and scores them.

    Args:
        bench: data and conditions, with a reference.
        recipe: of both networks.
        seeds: of the network that plays the held-out model, and of the one that plays the submitted one.
        steps: of both trainings of a seed together.

    Returns:
        "estimate", "held_out" and "test": scores as fractions, those of the estimate with their intervals;
        "iou": of each class that Test holds, "estimate", "held_out" and "test".
    """
    held, submitted = (train_recipe(bench, recipe, seed, steps) for seed in seeds)
    classes = held.classes
    size = held.settings.size
    held_out_model = engine.prepare(held.joint)
    submitted_model = engine.prepare(submitted.joint)
    scored = estimate.score_held_out(held_out_model, held.held_out, classes, size)
    test = read_test(bench, classes)
    has_labels = bool((held.held_out["label"] != NO_LABEL).any())
    estimated, confusion = estimate.estimate_from_photos(
        submitted_model, held_out_model, test, size, [scored], has_labels
    )
    true = score_samples(submitted_model, test, classes.ignore_unknown_ids(), size)
    confusions = {
        "estimate": confusion,
        "held_out": np.array(scored.confusion["mask"]),
        "test": np.array(true.confusion["mask"]),
    }
    iou = pd.DataFrame({split: metrics.compute_class_iou(one) for split, one in confusions.items()})
    iou.index = classes.mask.names
    return {
        "estimate": estimated.to_dict(),
        "held_out": scored.scores.to_dict(),
        "test": true.scores.to_dict(),
        "iou": iou.dropna(subset="test").round(6).replace({np.nan: None}).to_dict("index"),
    }
