"""What is kept in `results/` as tables: `python -m src results fill` writes them into PAGES.

`python -m src results keep RUN` adds a run, `... sheet WORLD` draws frames of a rendered world to
`Imagenes/world.png`, and without a word the tables are printed.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from src import runs
from src.common import files
from src.data import classes as class_lists
from src.data import image_files, mask_files
from src.data.classes import Classes
from src.data.reference import add_truth
from src.data.samples import read_samples
from src.evaluation import metrics
from src.experiments import curves, quality, speeds
from src.experiments.tables import (
    LENGTH_SCORES,
    MEASURES,
    name_length,
    table_of_ablation,
    table_of_estimates,
    table_of_lengths,
    table_of_runs,
    table_of_seeds,
    table_of_worlds,
)
from src.figures import panels, style

FOLDER = Path("results")
DOCS = Path("docs")
PAGES = (FOLDER / "README.md", DOCS / "speed.md", DOCS / "world.md", DOCS / "how-measured.md")  # with tables
PLACE = re.compile(r"<!-- (\w+) -->\n.*?<!-- end -->", re.DOTALL)  # of a table on a page, by its name
SHEET = 6  # frames of each city on the contact sheet
WORLDS = FOLDER / "sim-to-real.json"
ABLATION = FOLDER / "ablation.json"
LENGTHS = FOLDER / "lengths.json"
CURVES = Path("Imagenes") / "lengths.png"


def read_results(folder: Path = FOLDER) -> pd.DataFrame:
    """Reads every result file: one row a run, with columns `<split> <measure>` in percent."""
    rows = []
    for path in sorted(folder.glob("*.json")):
        result = runs.read_json(path)
        if "scores" not in result:  # of another kind, as WORLDS is
            continue
        row = {
            key: result.get(key, "")
            for key in ("data", "version", "seed", "train_frames", "minutes", "machine")
        }
        row["budget"] = name_length(result.get("settings", {}))
        row["leaky"] = result.get("leaky", False)
        row["held"] = metrics.describe_held_classes(
            result.get("confusion", {}).get("held_out", {}).get("mask", [[1]])
        )
        for split, scores in result["scores"].items():
            keys = (*MEASURES, "miou_low", "miou_high")
            row |= {f"{split} {key}": 100 * scores[key] for key in keys if scores.get(key) is not None}
        rows.append(row | {"run": path.stem})
    return pd.DataFrame(rows)


def keep_result(run: Path, version: str = "today", folder: Path = FOLDER) -> Path:
    """Copies a run's `result.json` to `results/<run>.json`, with the version's name.

    Args:
        run: its folder.
        version: what the tables call its settings; runs of one name are averaged over their seeds.
        folder: where to keep it.

    Raises:
        FileNotFoundError: the run is not finished.
    """
    kept = folder / f"{run.name}.json"
    files.write_json(kept, runs.read_finished(run) | {"version": version})
    return kept


def read_lengths(path: Path) -> pd.DataFrame:
    """Reads what `python -m src sweep --keep` measured of several lengths.

    Returns:
        A row for each "data", "seed" and "steps", with "minutes", and in percent "held out mIoU",
        "held out F1", "away mIoU" and "away F1", and "alone held out mIoU" and "alone away mIoU" of the
        segmentation network alone.
    """
    rows = pd.json_normalize(runs.read_json(path), sep=" ")
    table = rows[["data", "seed", "steps", "minutes"]].copy()
    for name, key in LENGTH_SCORES.items():
        table[name] = 100 * rows[key].astype(float)
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
        samples = samples.iloc[((np.arange(SHEET) + 0.5) * len(samples) / SHEET).astype(int)]
        cities[folder] = [_load_frame(row, classes) for row in samples.itertuples()]
    style.save_figure(panels.plot_world(cities, classes), picture, note="synthetic world")


def _load_frame(row: tuple, classes: Classes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Loads photo, mask and depth in metres at the photo's own size."""
    size = (row.height, row.width)
    depth = image_files.load_steps(row.depth) / 1000
    return image_files.load_photo(row.image, size), mask_files.load_mask(row.mask, classes.mask, size), depth


def make_tables() -> dict[str, str]:
    """Makes the tables of all that is kept, in Markdown, by the names that mark their places on PAGES."""
    results, kept = read_results(), speeds.read_kept()
    tables = {
        "runs": table_of_runs(results),
        "seeds": table_of_seeds(results),
        "estimates": table_of_estimates(results),
        "speeds": speeds.table_of_speeds(kept),
        "quality": quality.table_of_quality(kept["quality"]),
        "ratios": speeds.table_of_ratios(kept["ratios"]),
        "recipes": table_of_ablation(ABLATION),
        "worlds": table_of_worlds(WORLDS),
    }
    if LENGTHS.exists():
        tables["lengths"] = table_of_lengths(read_lengths(LENGTHS))
    return tables


def fill_page(text: str, tables: dict[str, str]) -> str:
    """Writes tables into their places in a page: what stands from `<!-- NAME -->` to `<!-- end -->`.

    Raises:
        KeyError: a place has a name that no table has.
    """
    return PLACE.sub(lambda place: f"<!-- {place[1]} -->\n\n{tables[place[1]]}\n\n<!-- end -->", text)


def fill_pages() -> None:
    """Writes all tables into their places in PAGES."""
    tables = make_tables()
    for page in PAGES:
        page.write_text(fill_page(page.read_text(encoding="utf-8"), tables), encoding="utf-8")


def draw_lengths() -> Path:
    """Draws what longer trainings bring; gives the picture's path."""
    style.save_figure(curves.plot_lengths(read_lengths(LENGTHS)), CURVES)
    return CURVES
