"""Writes the kept results, the files of `results/`, as tables into PAGES: `python -m src results fill`.

`python -m src results keep RUN` adds a run, `... sheet WORLD` draws frames of a rendered world to
`Imagenes/world.png`. Without such a word the tables are printed.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from src import runs
from src.common import files
from src.common.errors import DataError
from src.common.spacing import choose_evenly
from src.data import classes as class_lists
from src.data import depth_files, image_files, mask_files
from src.data.classes import Classes
from src.data.reference import add_truth
from src.data.samples import read_samples
from src.evaluation import class_estimate, metrics
from src.experiments import away, curves, estimate_errors, growth, peers, quality, speeds
from src.experiments.kept import ABLATION, AWAY, ESTIMATES, FOLDER, WORLDS
from src.experiments.tables import (
    LENGTH_SCORES,
    MEASURES,
    make_ablation_table,
    make_estimates_table,
    make_lengths_table,
    make_runs_table,
    make_seeds_table,
    make_worlds_table,
    name_length,
)
from src.figures import panels, style
from src.scores import RunResult

DOCS = Path("docs")
# The pages with tables.
PAGES = (FOLDER / "README.md", DOCS / "speed.md", DOCS / "world.md", DOCS / "how-measured.md")
PLACE = re.compile(r"<!-- (\w+) -->\n.*?<!-- end -->", re.DOTALL)  # a table on a page, with its name
SHEET = 6  # frames of each city on the sheet of frames
CURVES = Path("Imagenes") / "lengths.png"


def read_results(folder: Path = FOLDER) -> pd.DataFrame:
    """Reads the results of all runs: a row a run, with columns `<split> <measure>` in percent."""
    rows = []
    for path in sorted(folder.glob("*.json")):
        content = runs.read_json(path)
        if "scores" in content:  # WORLDS and other files hold no run
            rows.append(list_result(RunResult.from_dict(content), path.stem))
    return pd.DataFrame(rows)


def list_result(result: RunResult, run: str) -> dict[str, object]:
    """Lists the cells of a run's row of `read_results`."""
    row = {}
    for key in ("data", "version", "seed", "train_frames", "minutes", "machine"):
        row[key] = getattr(result, key)
    row["budget"] = name_length(result.settings)
    row["leaky"] = result.leaky
    confusion = result.confusion.get("held_out", {}).get("mask", [[1]])
    row["held"] = metrics.describe_held_classes(confusion)
    for split, scores in result.scores.items():
        for key in (*MEASURES, "miou_low", "miou_high"):
            value = getattr(scores, key)
            if value is not None:
                row[f"{split} {key}"] = 100 * value
    if {"estimate", "test"} <= result.confusion.keys():
        row |= _compare_classes(
            *(np.array(result.confusion[split]["mask"]) for split in ("estimate", "test"))
        )
    row["run"] = run
    return row


def _compare_classes(estimated: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Compares two confusion matrices of Test class by class.

    Args:
        estimated: (classes, classes), expected pixels by true class (row) and predicted class (column).
        true: the same of counted pixels.

    Returns:
        "class error", the mean error of a class's IoU in points, "classes", how many are known, and
        "classes inside", how many of these lie in their interval.
    """
    iou = metrics.compute_class_iou(estimated)
    truth = metrics.compute_class_iou(true)
    inside = class_estimate.check_interval(iou, truth)
    error = 100 * float(np.nanmean(np.abs(iou - truth)))
    return {"class error": error, "classes": len(inside), "classes inside": int(inside.sum())}


def keep_result(run: Path, version: str = "today", folder: Path = FOLDER) -> Path:
    """Copies a run's `result.json` to `results/<run>.json`, and adds the version's name.

    Args:
        run: folder of the run.
        version: name of the code and settings in the tables; runs of one version are averaged over seeds.
        folder: to write to.

    Raises:
        MissingError: the run is not finished.
    """
    path = folder / f"{run.name}.json"
    files.write_json(path, runs.read_finished(run) | {"version": version})
    return path


def read_lengths(path: Path) -> pd.DataFrame:
    """Reads what the recipe of `away.BASE` scored away after trainings of several lengths.

    Returns:
        A row for each "data", "seed" and "steps", with "minutes". In percent: "held out mIoU", "held out F1",
        "away mIoU" and "away F1" of the joint network, and "alone held out mIoU" and "alone away mIoU" of the
        segmentation network. NaN where the truth lacks masks or labels.
    """
    rows = pd.json_normalize(runs.read_json(path), sep=" ")
    rows = rows[rows["recipe"] == away.BASE]
    table = rows[["data", "seed", "steps", "minutes"]].copy()
    scores = rows.reindex(columns=list(LENGTH_SCORES.values())).astype(float)
    for name, key in LENGTH_SCORES.items():
        table[name] = 100 * scores[key]
    return table.sort_values(["data", "seed", "steps"], ignore_index=True)


def draw_sheet(world: Path, picture: Path) -> None:
    """Draws frames of a rendered world, evenly spaced over Train and over Test, with mask and depth.

    Args:
        world: folder that `python -m src world` made.
        picture: PNG to write.

    Raises:
        DataError: the folder holds no such world.
    """
    classes = class_lists.read_classes(world / "Train")
    cities = {}
    for folder in ("Train", "Test"):
        samples = read_samples(world / folder, classes)
        if folder == "Test":
            samples = add_truth(samples, world / "reference", classes)
        samples = samples[samples["mask"] != ""]
        if (samples["depth"] == "").any():
            raise DataError(
                f"{world / folder} must be of a rendered world, found frames without depth; "
                "python -m src world makes one."
            )
        samples = samples.iloc[choose_evenly(len(samples), SHEET)]
        cities[folder] = [_load_frame(row, classes) for row in samples.itertuples()]
    style.save_figure(panels.plot_world(cities, classes), picture, note="synthetic world")


def _load_frame(row: tuple, classes: Classes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Loads photo, mask and depth in metres at the photo's own size."""
    size = (row.height, row.width)
    photo = image_files.load_photo(row.image, size)
    mask = mask_files.load_mask(row.mask, classes.mask, size)
    depth = depth_files.load_steps(row.depth) / 1000
    return photo, mask, depth


def make_tables() -> dict[str, str]:
    """Makes the tables of all kept results in Markdown, by the names of their places on PAGES."""
    results = read_results()
    benchmark = speeds.read_benchmark()
    tables = {
        "runs": make_runs_table(results),
        "seeds": make_seeds_table(results),
        "estimates": make_estimates_table(results),
        "speeds": speeds.make_speeds_table(benchmark),
        "peers": peers.make_peers_table(benchmark["groups"]),
        "growth": growth.make_growth_table(benchmark["groups"]),
        "ratios": speeds.make_ratios_table(benchmark["ratios"]),
        "recipes": make_ablation_table(ABLATION),
        "worlds": make_worlds_table(WORLDS),
    }
    if "quality" in benchmark:
        tables["quality"] = quality.make_quality_table(benchmark["quality"])
    if AWAY.exists():
        tables["lengths"] = make_lengths_table(read_lengths(AWAY))
        tables["away"] = away.make_tables(AWAY)
    if ESTIMATES.exists():
        tables["bench"] = estimate_errors.make_table(ESTIMATES)
    return tables


def fill_page(text: str, tables: dict[str, str]) -> str:
    """Writes tables into their places in a page, each from `<!-- NAME -->` to `<!-- end -->`.

    Raises:
        KeyError: no table has the name of a place.
    """

    def fill(place: re.Match) -> str:
        name = place[1]
        return f"<!-- {name} -->\n\n{tables[name]}\n\n<!-- end -->"

    return PLACE.sub(fill, text)


def fill_pages() -> None:
    """Writes all tables into their places in PAGES."""
    tables = make_tables()
    for page in PAGES:
        text = fill_page(page.read_text(encoding="utf-8"), tables)
        page.write_text(text, encoding="utf-8")


def draw_lengths() -> Path:
    """Draws the scores by length of the trainings; returns the figure's path."""
    style.save_figure(curves.plot_lengths(read_lengths(AWAY)), CURVES)
    return CURVES
