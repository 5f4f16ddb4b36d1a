"""Do the frames that `python -m src suggest` chooses teach more than random ones? Rehearsed on a known place.

    .venv/bin/python -m examples.rehearse boston-from-mallorca --count 20 --seeds 0 1 2 --steps 1568

PAIR is a folder with Train, Test and reference, as `examples/pairs.py` makes them. Test's frames are divided
by recordings: one half is the pool, the other is scored. A network is trained on Train alone; it chooses
COUNT frames of the pool. Others are trained, in as many steps, on Train with these frames and their true
masks, and on Train with random frames of the pool. Each seed divides, draws and trains anew. The scores are
kept in `results/suggest.json`, where a row that is there is not measured again.
"""

import argparse
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit

from src import runs
from src.common.sizes import choose_size, scale_size
from src.data import classes as class_lists
from src.data.classes import NO_LABEL, Classes
from src.data.frames import load_frames
from src.data.recordings import find_recordings
from src.data.reference import add_truth, check_reference
from src.data.samples import fingerprint_data, read_samples
from src.evaluation.choice import choose_frames, measure_features
from src.evaluation.evaluate import score_samples
from src.experiments import measured, tables
from src.experiments.away import describe_gain
from src.inference import engine, predict
from src.pipeline import folds
from src.settings import TrainingSettings, read_recipe
from src.training import lengths

RECORD = Path("results") / "suggest.json"
WAYS = ("none", "random", "suggested")  # the first one's network chooses for the last
DIVISIONS = 20  # of Test by recordings, of which the most even one is taken
STEPS = 1568  # of both trainings of a network together


@dataclass(frozen=True, eq=False)
class Place:
    """A pair of places of which the truth is known.

    Attributes:
        name: of its folder.
        classes: of both tasks; ids that Train lacks are ignored.
        train: table of the Train frames.
        test: table of the Test frames with their true masks.
    """

    name: str
    classes: Classes
    train: pd.DataFrame
    test: pd.DataFrame


def read_place(folder: Path) -> Place:
    """Reads a pair, without the frames of Test that have no true mask."""
    check_reference(folder / "reference", folder / "Test")
    classes = class_lists.read_classes(folder / "Train")
    test = add_truth(read_samples(folder / "Test", classes), folder / "reference", classes)
    test = test[test["mask"] != ""].reset_index(drop=True)
    train = read_samples(folder / "Train", classes)
    return Place(folder.resolve().name, classes.ignore_unknown_ids(), train, test)


def divide(samples: pd.DataFrame, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Divides frames by recordings into a pool and a scored half: sorted row positions of each."""
    recordings = find_recordings(samples)
    if recordings.nunique() < 2:
        raise SystemExit("Test must have two recordings or more to be divided, found one; take another pair.")
    shuffled = GroupShuffleSplit(DIVISIONS, test_size=0.5, random_state=seed)
    divisions = list(shuffled.split(samples, groups=recordings))
    return min(divisions, key=lambda sides: abs(len(sides[0]) - len(sides[1])))


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """The trainings of one seed.

    Attributes:
        place: the pair.
        settings: of all trainings.
        steps: of the segmentation network's training and of the joint one's.
        count: of frames that are added to Train.
        pool: table of the frames that may be added.
        scored: table of the frames to score.
    """

    place: Place
    settings: TrainingSettings
    steps: tuple[int, int]
    count: int
    pool: pd.DataFrame
    scored: pd.DataFrame

    def measure(self, way: str) -> dict:
        """Trains with the frames that a way chooses, and scores the joint network."""
        chosen = self.choose(way)
        predictor = engine.prepare(self.train(chosen))
        found = score_samples(predictor, self.scored, self.place.classes, self.settings.size)
        photos = self.pool["image_path"].iloc[chosen].tolist()
        return {"miou": found.scores.miou, "photos": photos} | self.describe()

    def describe(self) -> dict:
        """Describes the halves of Test, and machine and commit of the trainings."""
        sizes = {"pool_frames": len(self.pool), "scored_frames": len(self.scored)}
        return sizes | {"machine": runs.describe_machine(), "commit": runs.find_commit()}

    def choose(self, way: str) -> np.ndarray:
        """Chooses row positions of the pool by one of WAYS."""
        if way == "none":
            return np.array([], int)
        if way == "random":
            return np.random.default_rng(self.settings.seed).permutation(len(self.pool))[: self.count]
        network = self.train(self.choose("none"))  # which is read if it was trained before
        size, classes = self.settings.size, self.place.classes
        predictions = predict.predict_samples(engine.prepare(network), self.pool, size)
        expected = np.array([prediction.expected_miou for prediction in predictions])
        return choose_frames(measure_features(network, self.pool, classes, size), expected, self.count)

    def train(self, chosen: np.ndarray) -> keras.Model:
        """Trains on Train and some frames of the pool, whose masks alone are added."""
        added = self.pool.iloc[chosen].assign(label=NO_LABEL)
        samples = pd.concat([self.place.train, added], ignore_index=True)
        frames = load_frames(samples, self.place.classes, self.settings.size, self.settings.recipe.depth)
        data = fingerprint_data(self.place.train, self.place.classes)
        identity = [self.settings.to_dict(), self.steps, data, samples["image"].tolist(), runs.find_commit()]
        folder = runs.RUNS / "rehearse" / hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:8]
        return folds.train_pair(folder, frames, self.place.classes, self.settings, self.steps)


def prepare(place: Place, seed: int, count: int, steps: int, recipe: str) -> Rehearsal:
    """Divides Test, and chooses the settings of all trainings of a seed."""
    pool, scored = divide(place.test, seed)
    if len(pool) <= count:
        raise SystemExit(f"--count must be less than the pool's {len(pool)} frames, found {count}.")
    changes = read_recipe(recipe)
    size = choose_size(place.train, "auto")
    settings = TrainingSettings(size, scale_size(size, changes.crop), seed=seed, recipe=changes)
    both = tuple(max(1, round(steps * share)) for share in lengths.SHARES.values())
    return Rehearsal(place, settings, both, count, place.test.iloc[pool], place.test.iloc[scored])


def measure_all(place: Place, seeds: list[int], count: int, steps: int, recipe: str) -> None:
    """Measures each way with each seed, unless it was measured; one seed is complete before the next."""
    data = fingerprint_data(place.train, place.classes)
    for seed in seeds:
        rehearsal = prepare(place, seed, count, steps, recipe)
        for way in WAYS:
            row = {"data": place.name, "data_fingerprint": data, "count": count, "steps": steps}
            row |= {"recipe": recipe, "seed": seed, "way": way}
            if measured.is_measured(row, False, RECORD):
                continue
            print(f"\n{place.name}, seed {seed}: {way}", flush=True)
            measured.keep_row(row, rehearsal.measure(way), RECORD)


def make_table(path: Path) -> str:
    """Makes a table of what is kept: mean IoU of the scored half in percent, a line a pair, length and seed.

    Below it stands a sentence a pair: how much the suggested frames gained over random ones and over none.
    """
    kept = pd.DataFrame(measured.read_rows(path))
    same = ["data", "count", "steps", "recipe"]
    kept["miou"] *= 100
    index = [*same, "seed", "pool_frames", "scored_frames"]
    wide = kept.pivot_table("miou", index, "way").reindex(columns=list(WAYS)).reset_index()
    lines = []
    for row in wide.itertuples():
        scores = [getattr(row, way) for way in WAYS]
        halves = f"{row.pool_frames} + {row.scored_frames}"
        lines.append([row.data, row.count, row.steps, row.recipe, row.seed, halves, *map(_format, scores)])
    head = ["pair", "frames added", "steps", "recipe", "seed", "pool + scored", *WAYS]
    sentences = []
    for (name, count, steps, recipe), rows in wide.groupby(same):
        gains = [describe_gain(rows["suggested"] - rows[way]) for way in ("random", "none")]
        text = " ".join([f"{name}, {count} frames, {steps} steps", recipe]).strip()
        sentences.append(f"{text}: suggested over random {gains[0]}, over none {gains[1]}.")
    return "\n\n".join([tables.make_markdown(lines, head), *sentences])


def _format(score: float) -> str:
    """Formats a score in percent; "-" where it was not measured."""
    return "-" if np.isnan(score) else f"{score:.1f}"


def main() -> None:
    """`python -m examples.rehearse PAIR`."""
    parser = argparse.ArgumentParser(prog="python -m examples.rehearse", description=__doc__.split("\n")[0])
    parser.add_argument("pair", type=Path, help="folder with Train, Test and reference")
    parser.add_argument("--count", type=int, default=20, help="frames that are added (default: 20)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="(default: 0 1 2)")
    steps = f"of both trainings of a network together (default: {STEPS})"
    parser.add_argument("--steps", type=int, default=STEPS, help=steps)
    parser.add_argument("--recipe", default="", help="changes of the recipe, as for RECIPE (default: none)")
    arguments = parser.parse_args()
    place = read_place(arguments.pair)
    measure_all(place, arguments.seeds, arguments.count, arguments.steps, arguments.recipe)
    print(f"\n{make_table(RECORD)}")


if __name__ == "__main__":
    main()
