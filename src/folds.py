"""Trainings that leave frames out, as the notebooks train: folds of the estimate, rows of a sweep.

Each is independent of the others: one after another, several at a time, or over a Ray cluster.
"""

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import keras
import numpy as np

from src import batches, cluster, data, engine, estimate, files, lengths, model, record, training
from src import classes as class_lists
from src.batches import Frames
from src.classes import Classes
from src.recipe import Recipe

SHORT = "held out, short"  # the fold that is known whole, too
SHORTER = 0.4  # a fold's steps, as a share of those that the submitted network takes on all frames


def list_folds(
    run: record.Run,
    first: record.Run,
    folder: Path,
    sides: dict[str, tuple[np.ndarray, np.ndarray]],
    share: float = SHORTER,
) -> list[dict]:
    """Describes trainings that leave frames out, so that any process that sees the same disk can do one.

    Args:
        run: of the joint network.
        first: of the segmentation network that it started from; its settings are each fold's.
        folder: of the data.
        sides: by name, the rows to train on and the rows to be judged by.
        share: of the steps that the submitted network takes on all frames.
    """
    steps = [max(1, round(share * lengths.count_planned(r.folder / "final"))) for r in (first, run)]
    return [
        {
            "name": name,
            "out": str((run.folder / "folds" / name.replace(" ", "")).resolve()),
            "data": str(Path(folder).resolve()),
            "settings": first.settings,
            "steps": steps,
            "train": [int(row) for row in train],
            "val": [int(row) for row in val],
        }
        for name, (train, val) in sides.items()
    ]


def train_folds(folds: list[dict], jobs: int = 1, ray: str = "") -> list[dict]:
    """Trains and judges folds; one that was done before is read again.

    Args:
        folds: of `list_folds`.
        jobs: how many at the same time on this machine.
        ray: "auto" or the address of a Ray cluster to spread them over (requirements-scale.txt); its machines
            must see the project's and the data's folders under the same paths.

    Returns:
        One a fold: what `judge` gives, and `minutes`.

    Raises:
        ValueError: Ray is asked for, and is not installed or does not answer.
    """
    if not folds:
        return []
    if ray:
        return list(cluster.spread(train_fold, folds, ray))
    if jobs == 1:
        return [train_fold(fold) for fold in folds]
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(train_fold, folds))


def train_fold(fold: dict) -> dict:
    """Trains both networks of a fold by the notebooks' recipe, and judges the joint one on its val rows."""
    out = Path(fold["out"])
    if (out / "fold.json").exists():
        return json.loads((out / "fold.json").read_text(encoding="utf-8"))
    classes = class_lists.read_classes(Path(fold["data"]) / "Train")
    samples = data.read_samples(Path(fold["data"]) / "Train", classes)
    size, rows = tuple(fold["settings"]["SIZE"]), np.array(fold["train"])
    depth = Recipe.from_dict(fold["settings"]["RECIPE"]).depth
    frames = batches.load_frames(samples.iloc[rows], classes, size, depth)
    network = engine.prepare(train_pair(out, frames, classes, fold["settings"], fold["steps"]))
    minutes = training.count_minutes(*(training.read_history(out / part) for part in lengths.SHARES))
    found = estimate.judge(network, samples.iloc[fold["val"]], classes, size) | {"minutes": minutes}
    files.write_json(out / "fold.json", found)
    return found


def train_pair(out: Path, frames: Frames, classes: Classes, settings: dict, steps: list[int]) -> keras.Model:
    """Trains both networks as the notebooks do, one from the other, and gives the joint one.

    Args:
        out: folder; the trainings lie in `seg` and `joint` below it.
        frames: what to learn from.
        classes: of both tasks.
        settings: of the segmentation network's run.
        steps: of the segmentation network's training and of the joint one's.
    """
    recipe, seed = Recipe.from_dict(settings["RECIPE"]), settings["SEED"]
    how = {"crop": tuple(settings["CROP"]), "batch_size": settings["BATCH_SIZE"]}
    how |= {"recipe": recipe, "seed": seed}
    masked = frames.take(np.flatnonzero(frames.has_mask))
    useful = frames.take(frames.useful)
    segmenter = training.build_seeded(seed, lambda: model.build_segmenter(len(classes.mask), recipe))
    training.compile_segmenter(segmenter, masked, classes, recipe)
    training.fit(segmenter, out / "seg", masked, steps=steps[0], **how)
    network = training.build_seeded(seed, lambda: model.build_joint(segmenter, len(classes.label)))
    training.compile_joint(network, useful, classes, recipe)
    training.fit(network, out / "joint", useful, steps=steps[1], **how)
    return network
