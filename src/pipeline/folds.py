"""Trains both networks without some frames, for the folds of the estimate and for the rows of a sweep.

The folds are independent: they are trained one after another, several at a time, or on a Ray cluster.
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

SHORT = "held out, short"  # name of the fold whose frames a whole training leaves out, too
SHORTER = 0.4  # steps of a fold, as a share of those of the submitted model


@dataclass(frozen=True)
class Fold:
    """A training without some frames; any process that reads the same disk can do it.

    Attributes:
        name: of the fold.
        out: folder of its trainings.
        data: folder that holds Train.
        settings: of both networks' trainings.
        steps: of the segmentation network's training and of the joint one's.
        train: numbers of the rows to train on.
        held_out: numbers of the rows to score.
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
    segmenter_run: runs.Run,
    folder: Path,
    sides: dict[str, tuple[np.ndarray, np.ndarray]],
    share: float = SHORTER,
) -> list[Fold]:
    """Lists the folds of a joint run.

    Args:
        run: of the joint network.
        segmenter_run: of the segmentation network that it started from; the folds have its settings.
        folder: of the data.
        sides: by name, the rows to train on and the rows to score.
        share: steps of a fold, as a share of those of the submitted model.
    """
    planned = [lengths.count_planned(one.folder / "final") for one in (segmenter_run, run)]
    steps = tuple(max(1, round(share * count)) for count in planned)
    settings = TrainingSettings.from_dict(segmenter_run.settings)
    data = Path(folder).resolve()
    folds = []
    for name, (train, held_out) in sides.items():
        out = (run.folder / "folds" / name.replace(" ", "")).resolve()
        folds.append(Fold(name, out, data, settings, steps, train, held_out))
    return folds


def train_folds(folds: list[Fold], jobs: int = 1, ray: str = "") -> list[Scored]:
    """Trains and scores folds; of a fold that was trained before the scores are read.

    Args:
        folds: of `list_folds`.
        jobs: trainings at a time on this machine.
        ray: "auto" or the address of a Ray cluster to train on (requirements-scale.txt), where the folders of
            project and data must have the same paths on all machines; "" for this machine only.

    Returns:
        The scores of each fold, with the minutes of its trainings.

    Raises:
        SettingsError: Ray is not installed or does not answer.
    """
    if not folds:
        return []
    if ray:
        return list(cluster.spread(train_fold, folds, ray))
    if jobs == 1:
        return [train_fold(fold) for fold in folds]
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        try:
            return list(pool.map(train_fold, folds))
        except KeyboardInterrupt:
            for process in multiprocessing.active_children():  # else it would train the next fold first
                process.terminate()
            raise


def train_fold(fold: Fold) -> Scored:
    """Trains both networks of a fold as the notebooks do, and scores the joint one on the held-out rows."""
    path = fold.out / "fold.json"
    if path.exists():
        return Scored.from_dict(json.loads(path.read_text(encoding="utf-8")))
    classes = class_lists.read_classes(fold.data / "Train")
    samples = read_samples(fold.data / "Train", classes)
    settings = fold.settings
    frames = load_frames(samples.iloc[fold.train], classes, settings.size, settings.recipe.depth)
    network = engine.prepare(train_pair(fold.out, frames, classes, settings, fold.steps))
    histories = [read_history(fold.out / kind) for kind in lengths.SHARES]
    scored = estimate.score_held_out(network, samples.iloc[fold.held_out], classes, settings.size)
    scored = replace(scored, minutes=count_minutes(*histories))
    files.write_json(path, scored.to_dict())
    return scored


def train_pair(
    out: Path, frames: Frames, classes: Classes, settings: TrainingSettings, steps: tuple[int, int]
) -> keras.Model:
    """Trains the segmentation network and from it the joint one, as the notebooks do; returns the latter.

    Args:
        out: folder whose `seg` and `joint` hold the trainings.
        frames: to train on.
        classes: of both tasks.
        settings: of both trainings.
        steps: of the segmentation network's training and of the joint one's.
    """
    seed = settings.seed
    masked = frames.take(np.flatnonzero(frames.has_mask))
    useful = frames.take(frames.useful)
    segmenter = make_segmenter(masked, classes, settings, seed)
    fit(segmenter, out / "seg", masked, settings, Length(steps[0]))
    network = make_joint(segmenter, useful, classes, settings, seed)
    fit(network, out / "joint", useful, settings, Length(steps[1]))
    return network
