"""How far is the built-in world from a street? A network trained in the world, on real photos.

    .venv/bin/python -m src world big --train 1000
    make run DATA=big REFERENCE=big/reference
    .venv/bin/python -m examples.sim_to_real runs/joint-big-0123abcd camvid --theirs pavement --note "first"

Scores the sidewalk against everything else on the Test photos of a real data set, prints the IoU, draws four
photos to the run's figures, and adds the number to `results/sim-to-real.json`.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from src import runs
from src.common import files, sizes
from src.common.spacing import choose_evenly
from src.data import classes as class_lists
from src.data import image_files, mask_files
from src.data.classes import IGNORE, Classes
from src.data.reference import add_truth
from src.data.samples import read_samples
from src.evaluation import metrics
from src.experiments.kept import WORLDS
from src.figures import panels, style
from src.inference import engine, predict
from src.model import unet

SHOWN = 4


def load_truth(path: str, real: Classes, theirs: str, ours: int) -> np.ndarray:
    """Loads a true mask as the world's classes: `ours` where it says `theirs`, else 0; IGNORE stays."""
    mask = mask_files.load_mask(path, real.mask)
    return np.select([mask == IGNORE, mask == real.mask.names.index(theirs)], [IGNORE, ours]).astype(np.uint8)


def compare(
    run: Path, samples: pd.DataFrame, truths: list[np.ndarray], ours: int
) -> tuple[dict[str, float], list[np.ndarray]]:
    """Predicts the photos with a run's network: IoU, precision and recall of class `ours`, and the masks."""
    network = engine.KerasPredictor(unet.load_model(run / "final" / "model.keras"))
    size = sizes.choose_size(samples, "auto")
    masks = [prediction.mask for prediction in predict.predict_samples(network, samples, size)]
    confusion = np.zeros((2, 2), np.int64)
    for truth, mask in zip(truths, masks, strict=True):
        confusion += metrics.confuse(np.where(truth == IGNORE, IGNORE, truth == ours), mask == ours, 2)
    hit = confusion[1, 1]
    predicted = confusion[:, 1].sum()
    true = confusion[1].sum()
    scores = {
        "iou": hit / (predicted + true - hit),
        "precision": hit / max(predicted, 1),
        "recall": hit / true,
    }
    return {name: float(value) for name, value in scores.items()}, masks


def main() -> None:
    """`python -m examples.sim_to_real RUN DATA`."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.sim_to_real", description=__doc__.split("\n")[0]
    )
    parser.add_argument("run", type=Path, help="folder of a finished joint run on a rendered world")
    parser.add_argument("data", type=Path, help="real data with Test/ and reference/")
    parser.add_argument("--theirs", default="sidewalk", help="the sidewalk's name in it (default: sidewalk)")
    parser.add_argument("--note", default="", help="what to call this world in the record")
    arguments = parser.parse_args()
    world_classes = class_lists.read_classes(arguments.run)  # the built-in ones
    real = class_lists.read_classes(arguments.data / "Train")
    if arguments.theirs not in real.mask.names:
        parser.error(f"--theirs must be one of {', '.join(real.mask.names)}, found '{arguments.theirs}'.")
    samples = read_samples(arguments.data / "Test", real)
    samples = add_truth(samples, arguments.data / "reference", real)
    ours = world_classes.mask.names.index("sidewalk")
    truths = [load_truth(path, real, arguments.theirs, ours) for path in samples["mask"]]
    scores, masks = compare(arguments.run, samples, truths, ours)
    result = json.loads((arguments.run / "result.json").read_text(encoding="utf-8"))
    row = {"world": arguments.note or result["data"], "photos": arguments.data.resolve().name, **scores}
    for key in ("seed", "train_frames", "minutes", "machine"):
        row[key] = result[key]
    row["commit"] = runs.find_commit()
    known = json.loads(WORLDS.read_text(encoding="utf-8")) if WORLDS.exists() else []
    files.write_json(WORLDS, [*known, row])
    rows = choose_evenly(len(samples), SHOWN)
    photos = [image_files.load_photo(samples["image"].iloc[i], truths[i].shape) for i in rows]
    titles = [Path(samples["image_path"].iloc[i]).stem for i in rows]
    figure = panels.plot_predictions(
        photos, [truths[i] for i in rows], [masks[i] for i in rows], titles, world_classes
    )
    style.save_figure(figure, arguments.run / "figures" / "sim_to_real.png")
    print(", ".join(f"{name} {100 * value:.1f} %" for name, value in scores.items()))
    print(arguments.run / "figures" / "sim_to_real.png")


if __name__ == "__main__":
    main()
