"""Measures recipes one after another: `python -m src.sweep LIST --data DIR --reference DIR`.

LIST is a text file with one recipe a line, "name: changes", as "colourful: color=2"; the changes may be
empty. Each is trained without the held-out recordings and scored on them and, by the same network, on Test.
All take equally many steps, so that other work on the machine changes their minutes alone. What is done is
kept in `results/ablation.json` and not done again; `python -m src.results` prints it. With several numbers of
steps and `--keep results/lengths.json` this is how the length of a training is chosen;
`python -m src.results lengths` draws the curves.
"""

import argparse
import hashlib
import itertools
import json
import sys
from pathlib import Path

from src import batches, data, engine, files, folds, lengths, predict, record, split, training
from src import classes as class_lists
from src import model as networks
from src.classes import NO_LABEL
from src.errors import SettingsError, UserError
from src.recipe import Recipe, read_recipe
from src.settings import TrainingSettings

KEPT = Path("results") / "ablation.json"
BATCH_SIZE = 4  # as in Train_seg_sem.ipynb
STEPS = 1200  # of both trainings together: about 12 minutes on two cores at 288 x 512 px


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


def read_kept(path: Path = KEPT) -> list[dict]:
    """Reads what was measured before."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def is_measured(row: dict, scored: bool, path: Path = KEPT) -> bool:
    """Tells whether a row is kept, on Test too where it shall be `scored` there."""
    return any(row.items() <= other.items() and (not scored or "test" in other) for other in read_kept(path))


def keep_row(row: dict, found: dict, path: Path = KEPT) -> None:
    """Keeps what was found of a row, in place of what was known of it."""
    # read anew, for another sweep may have ended meanwhile
    others = [other for other in read_kept(path) if not row.items() <= other.items()]
    files.write_json(path, [*others, row | found])


def measure_recipe(
    folder: Path,
    reference: Path | None,
    recipe: Recipe,
    seed: int,
    steps: int,
    batch_size: int,
    both: bool = False,
) -> dict:
    """Trains both networks without the held-out recordings, and scores them.

    Args:
        folder: holds Train and Test.
        reference: with the truth of Test, or None.
        recipe: what to measure.
        seed: of the split and of both trainings.
        steps: of both trainings together.
        batch_size: frames a step.
        both: leaves out the frames that have no mask or no label.

    Returns:
        "grouped" and, with a reference, "test": the joint network's scores as fractions; "alone": the same of
        the segmentation network that it started from; with depth also "withheld": the same of the joint one
        without any; "leaky", "minutes", "machine", "commit".
    """
    classes = class_lists.read_classes(folder / "Train")
    samples = data.read_samples(folder / "Train", classes)
    size = batches.choose_size(samples, "auto")
    frames = batches.load_frames(samples, classes, size, recipe.depth)
    sides = split.make_split(samples, frames.images, None, seed)
    train = sides.train
    if both:
        train = train[(frames.has_mask & (frames.labels != NO_LABEL))[train]]
    crop = batches.choose_crop(size, recipe.crop)
    settings = TrainingSettings(size, crop, batch_size, seed=seed, recipe=recipe)
    about = {"machine": record.describe_machine(), "commit": record.find_commit()}
    text = json.dumps([settings.to_dict(), steps, both, data.fingerprint_data(samples, classes), about])
    out = record.RUNS / "sweep" / hashlib.sha256(text.encode()).hexdigest()[:8]
    both_steps = tuple(max(1, round(steps * share)) for share in lengths.SHARES.values())
    network = folds.train_pair(out, frames.take(train), classes, settings, both_steps)
    network, alone = engine.prepare(network), engine.prepare(networks.load_model(out / "seg" / "model.keras"))
    spent = training.count_minutes(*(training.read_history(out / part) for part in lengths.SHARES))
    scored = {"grouped": samples.iloc[sides.held_out]}
    if reference is not None:
        scored["test"] = data.add_truth(data.read_samples(folder / "Test", classes), reference, classes)
    known = classes.admit_others()  # the reference may hold ids that Train does not know

    def score(network: engine.Predictor, **changes: str) -> dict[str, dict]:
        return {
            side: predict.score_samples(network, table.assign(**changes), known, size).scores
            for side, table in scored.items()
        }

    found = score(network) | {"alone": score(alone)}
    if recipe.depth:
        found["withheld"] = score(network, depth="")
    return found | {"leaky": sides.leaky, "minutes": spent} | about


def main() -> None:
    """`python -m src.sweep LIST --data DIR`."""
    parser = argparse.ArgumentParser(prog="python -m src.sweep", description=__doc__.splitlines()[0])
    parser.add_argument("list", type=Path, help="text file with a line a recipe, NAME: CHANGES")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds Train and Test")
    parser.add_argument("--reference", type=Path, help="folder with the truth of Test")
    help_steps = f"of both trainings, one number or several (default: {STEPS})"
    parser.add_argument("--steps", type=int, nargs="+", default=[STEPS], help=help_steps)
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE, help="frames a step (default: 4)")
    parser.add_argument("--both", action="store_true", help="only frames that have a mask and a label")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="as 0 1 2 (default: 0)")
    parser.add_argument("--keep", type=Path, default=KEPT, help=f"where to keep it (default: {KEPT})")
    arguments = parser.parse_args()
    try:
        recipes = read_list(arguments.list)
        classes = class_lists.read_classes(arguments.data / "Train")
        if arguments.reference:
            data.check_reference(arguments.reference, arguments.data / "Test")
        fingerprint = data.fingerprint_data(data.read_samples(arguments.data / "Train", classes), classes)
        for seed, steps in itertools.product(arguments.seeds, arguments.steps):
            asked = {"seed": seed, "steps": steps, "batch_size": arguments.batch_size}
            for name, changes in recipes.items():
                name += ", both" if arguments.both else ""
                name += f", batch {arguments.batch_size}" if arguments.batch_size != BATCH_SIZE else ""
                row = {"data": arguments.data.resolve().name, "data_fingerprint": fingerprint}
                row |= {"recipe": name, "changes": changes} | asked
                if is_measured(row, bool(arguments.reference), arguments.keep):
                    continue
                print(f"\n{name} ({changes or 'no change'}), seed {seed}, {steps} steps", flush=True)
                where, recipe = (arguments.data, arguments.reference), read_recipe(changes)
                found = measure_recipe(*where, recipe, both=arguments.both, **asked)
                keep_row(row, found, arguments.keep)
    except (UserError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
