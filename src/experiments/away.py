"""Tables of recipes by their scores in other places than they were trained in: `sweep LIST --away`.

The gains are over BASE or, where it was not measured, over the recipe that was measured first. Runs are
compared only if they are of the same data to the bit: the built-in world of another processor is not.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from src.experiments.tables import format_score, format_spread, make_markdown
from src.runs import read_json

SCORES = {"mIoU": "test miou", "F1": "test f1", "alone mIoU": "alone test miou"}
BASE = "label by mask"  # the recipe of results/away.json that gains are over
RUN = ["data", "data_fingerprint", "seed", "steps", "batch_size"]  # equal for the runs that are compared


def read_away(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Reads the results of `python -m src sweep LIST --away`.

    Returns:
        runs: a row a recipe, pair, seed and number of steps, with "minutes" and, in percent, the scores away
            "mIoU", "F1" and "alone mIoU" of the segmentation network; NaN where the truth lacks masks or
            labels. "gain mIoU" and "gain F1" are over the recipe of `find_base` on the same pair, with the
            same seed and steps; NaN without that.
        classes: a row a recipe and pair, a column a class: its mean IoU over the seeds, in percent.
    """
    kept = read_json(path)
    rows = pd.json_normalize(kept, sep=" ", max_level=2)
    table = rows[["recipe", "changes", *RUN, "minutes"]].copy()
    scores = rows.reindex(columns=list(SCORES.values())).astype(float)
    for name, key in SCORES.items():
        table[name] = 100 * scores[key]
    base = table[table["recipe"] == find_base(table)].set_index(RUN)
    for name in ("mIoU", "F1"):
        same_run = base[name].reindex(pd.MultiIndex.from_frame(table[RUN]))
        table[f"gain {name}"] = table[name].to_numpy() - same_run.to_numpy()
    ious = pd.DataFrame([row["test_iou"] for row in kept]).astype(float)
    places = [rows[name] for name in ("data", "steps", "recipe")]
    classes = 100 * ious.groupby(places, sort=False).mean()
    return table, classes


def find_base(runs: pd.DataFrame) -> str:
    """Finds the recipe that gains are over: BASE or, where it was not measured, the first."""
    return BASE if (runs["recipe"] == BASE).any() else runs["recipe"].iloc[0]


def make_recipes_table(runs: pd.DataFrame) -> str:
    """Makes a table of recipes, a line each: means over all pairs and seeds, and their gains.

    A gain is the mean over pairs and seeds ± its standard error, and how many of them gained.

    Args:
        runs: of `read_away`.
    """
    head = ["recipe", "changes", "steps", "pairs", "seeds", "minutes", "mIoU", "gain", "F1", "gain "]
    base = find_base(runs)
    lines = []
    for recipe, rows in runs.groupby("recipe", sort=False):
        lengths = " to ".join(f"{steps:,}" for steps in sorted({rows["steps"].min(), rows["steps"].max()}))
        line = [recipe, rows["changes"].iloc[0], lengths, rows["data"].nunique(), rows["seed"].nunique()]
        line.append(f"{rows['minutes'].mean():.0f}")
        for name in ("mIoU", "F1"):
            gain = "" if recipe == base else describe_gain(rows[f"gain {name}"])
            line += [format_score(rows.groupby("data")[name].mean().mean()), gain]
        lines.append(line)
    return make_markdown(lines, head)


def make_pairs_table(runs: pd.DataFrame) -> str:
    """Makes a table of recipes by pair: mIoU / F1, each a mean over the seeds; and joint minus alone.

    Args:
        runs: of `read_away`.
    """
    head = ["pair", "steps", "recipe", "seeds", "mIoU", "F1", "joint minus segmentation alone, mIoU"]
    lines = []
    places = ["data", "data_fingerprint", "steps", "recipe"]
    for (pair, _, steps, recipe), rows in runs.groupby(places, sort=False):
        line = [pair, steps, recipe, ", ".join(map(str, rows["seed"]))]
        line += [format_spread(rows["mIoU"]), format_spread(rows["F1"])]
        line.append(format_score((rows["mIoU"] - rows["alone mIoU"]).mean(), sign="+"))
        lines.append(line)
    return make_markdown(lines, head)


def make_classes_table(classes: pd.DataFrame, pair: str) -> str:
    """Makes a table of each class's IoU away, a line a recipe.

    Args:
        classes: of `read_away`.
        pair: whose lines to list.
    """
    rows = classes.loc[pair].dropna(axis="columns", how="all")
    lines = [
        [recipe, steps, *(f"{value:.0f}" for value in values)]
        for (steps, recipe), values in zip(rows.index, rows.to_numpy(), strict=True)
    ]
    return make_markdown(lines, [f"{pair}, IoU %", "steps", *rows.columns])


def describe_gain(gains: pd.Series) -> str:
    """Describes gains: their mean ± its standard error, and how many are above 0."""
    gains = gains.dropna()
    if gains.empty:
        return "-"
    error = f" ± {gains.std() / np.sqrt(len(gains)):.1f}" if len(gains) > 1 else ""
    return f"{gains.mean():+.1f}{error} ({(gains > 0).sum()} of {len(gains)})"


def make_tables(path: Path) -> str:
    """Makes all tables of the results of a sweep away, in Markdown."""
    runs, classes = read_away(path)
    pairs = runs["data"].unique()
    parts = [
        make_recipes_table(runs),
        make_pairs_table(runs),
        *(make_classes_table(classes, pair) for pair in pairs),
    ]
    return "\n\n".join(parts)
