"""Trainings that leave frames out, as the notebooks train: folds of the estimate, rows of a sweep.

Each is independent of the others: one after another, several at a time, or over a Ray cluster.
"""

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from src import runs
from src.common import cluster, files
from src.data import classes as class_lists
from src.data.classes import Classes
from src.data.frames import Frames, load_frames
from src.data.samples import read_samples
from src.evaluation import estimate
from src.evaluation.evaluate import Scored
from src.inference import engine
from src.settings import TrainingSettings
from src.training import lengths
from src.training.compiled import make_joint, make_segmenter
from src.training.fit import fit
from src.training.history import count_minutes, read_history
from src.training.lengths import Length

SHORT = "held out, short"  # the fold that is known whole, too
SHORTER = 0.4  # a fold's steps, as a share of those that the submitted network takes on all frames


@dataclass(frozen=True)
class Fold:
    """A training that leaves frames out; any process that sees the same disk can do it.

    Attributes:
        name: of the fold.
        out: folder of its trainings.
        data: folder that holds Train.
        settings: what both networks are trained with.
        steps: of the segmentation network's training, and of the joint one's.
        train: row positions to train on.
        held_out: row positions to be scored on.
    """

    name: str
    out: Path
    data: Path
    settings: TrainingSettings
    steps: tuple[int, int]
    train: np.ndarray
    held_out: np.ndarray


def list_folds(
    run: runs.Run,
    first: runs.Run,
    folder: Path,
    sides: dict[str, tuple[np.ndarray, np.ndarray]],
    share: float = SHORTER,
) -> list[Fold]:
    """Describes trainings that leave frames out.

    Args:
        run: of the joint network.
        first: of the segmentation network that it started from; its settings are each fold's.
        folder: of the data.
        sides: by name, the rows to train on and the rows to be scored on.
        share: of the steps that the submitted network takes on all frames.
    """
    planned = (lengths.count_planned(one.folder / "final") for one in (first, run))
    steps = tuple(max(1, round(share * count)) for count in planned)
    settings = TrainingSettings.from_dict(first.settings)
    listed = []
    for name, (train, held_out) in sides.items():
        out = (run.folder / "folds" / name.replace(" ", "")).resolve()
        listed.append(Fold(name, out, Path(folder).resolve(), settings, steps, train, held_out))
    return listed


def train_folds(folds: list[Fold], jobs: int = 1, ray: str = "") -> list[Scored]:
    """Trains and scores folds; one that was done before is read again.

    Args:
        folds: of `list_folds`.
        jobs: how many at the same time on this machine.
        ray: "auto" or the address of a Ray cluster to spread them over (requirements-scale.txt); its machines
            must see the project's and the data's folders under the same paths.

    Returns:
        One a fold, with the minutes that its trainings took.

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


def train_fold(fold: Fold) -> Scored:
    """Trains both networks of a fold by the notebooks' recipe, and scores the joint one on the rest."""
    kept = fold.out / "fold.json"
    if kept.exists():
        return Scored(**json.loads(kept.read_text(encoding="utf-8")))
    classes = class_lists.read_classes(fold.data / "Train")
    samples = read_samples(fold.data / "Train", classes)
    size, depth = fold.settings.size, fold.settings.recipe.depth
    frames = load_frames(samples.iloc[fold.train], classes, size, depth)
    network = engine.prepare(train_pair(fold.out, frames, classes, fold.settings, fold.steps))
    minutes = count_minutes(*(read_history(fold.out / part) for part in lengths.SHARES))
    found = estimate.score_held_out(network, samples.iloc[fold.held_out], classes, size)
    found = replace(found, minutes=minutes)
    files.write_json(kept, found.to_dict())
    return found


def train_pair(
    out: Path, frames: Frames, classes: Classes, settings: TrainingSettings, steps: tuple[int, int]
) -> keras.Model:
    """Trains both networks as the notebooks do, one from the other, and gives the joint one.

    Args:
        out: folder; the trainings lie in `seg` and `joint` below it.
        frames: what to learn from.
        classes: of both tasks.
        settings: what both are trained with.
        steps: of the segmentation network's training and of the joint one's.
    """
    recipe, seed = settings.recipe, settings.seed
    masked = frames.take(np.flatnonzero(frames.has_mask))
    useful = frames.take(frames.useful)
    segmenter = make_segmenter(masked, classes, recipe, seed)
    fit(segmenter, out / "seg", masked, settings, Length(steps[0]))
    network = make_joint(segmenter, useful, classes, recipe, seed)
    fit(network, out / "joint", useful, settings, Length(steps[1]))
    return network
