"""Kept results -> the tables of the pages."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from src.evaluation import metrics
from src.runs import read_json

MARKUP = re.compile(r"[\\|<$*`]|\](?=\()|\b_|_\b")  # what Markdown would read otherwise than as a letter
LENGTH_SCORES = {  # column of the table of lengths: key of the kept row
    "held out mIoU": "held_out miou",
    "held out F1": "held_out f1",
    "away mIoU": "test miou",
    "away F1": "test f1",
    "alone held out mIoU": "alone held_out miou",
    "alone away mIoU": "alone test miou",
}
SPLITS = {"constant": "constant answer", "held_out": "held-out recordings", "test": "hidden test"}
# the same frames, before the joint training
ALONE = {"held_out": "held_out_segmenter", "test": "test_segmenter"}
ESTIMATES = ("random", "held_out", "estimate")
# versions whose estimates are by today's method, as it was fixed in de8f718
TODAYS = (
    "fixed",
    "four frames",
    "slow backbone",
    "slow backbone (development)",
    "label from mask (development)",
)
MEASURES = {"miou": "mIoU", "accuracy": "accuracy", "f1": "F1"}


def name_length(settings: dict) -> str:
    """Names what settled how long a run's trainings were: MINUTES, or the number of passes."""
    minutes = settings.get("MINUTES", "")
    return f"EPOCHS={settings.get('EPOCHS')}" if minutes is None else f"MINUTES={minutes}"


def table_of_runs(results: pd.DataFrame) -> str:
    """Writes the runs in Markdown: a line a run, mIoU / accuracy / F1 in percent for each split.

    Behind them stands the mIoU of the segmentation network alone, on the held-out recordings and on Test.
    """
    head = ["data", "version", "seed", "frames", "minutes", *SPLITS.values(), "segmentation alone", "run"]
    lines = [head, ["---"] * len(head)]
    for _, row in results.sort_values(["data", "version", "seed"]).iterrows():
        scores = [_join_scores(row, [f"{split} {key}" for key in MEASURES]) for split in SPLITS]
        scores = [
            text + _describe_held_classes(row) if split == "held_out" else text
            for split, text in zip(SPLITS, scores, strict=True)
        ]
        scores.append(_join_scores(row, [f"{split} miou" for split in ALONE.values()]))
        lines.append(
            [
                row["data"],
                row["version"],
                row["seed"],
                row["train_frames"],
                f"{row['minutes']:.0f}",
                *scores,
                row["run"],
            ]
        )
    return _join_lines(lines)


def _describe_held_classes(row: pd.Series) -> str:
    """Says what the score on held-out frames is not: over all classes, or of streets that were not seen."""
    return row.get("held", "") + (" (leaky)" if row["leaky"] else "")


def _join_scores(row: pd.Series, columns: list[str]) -> str:
    values = [row.get(column) for column in columns]
    return " / ".join("-" if pd.isna(value) else f"{value:.1f}" for value in values)


def table_of_estimates(results: pd.DataFrame) -> str:
    """Writes in Markdown what was estimated for the hidden test, what came, and by how much each missed it.

    mIoU / F1 in percent; the errors are points of mIoU, of the estimate, of held-out recordings and of random
    frames. Below the table stand, by version and of all of TODAYS, the mean errors and how often the test lay
    in the interval. "" without runs.
    """
    if "estimate miou" not in results or "test miou" not in results:
        return ""
    runs = results.dropna(subset=["estimate miou", "test miou"]).sort_values(["version", "data", "seed"])
    head = ["data", "version", "seed", metrics.RANDOM, SPLITS["held_out"], "estimate [interval]"]
    head += [SPLITS["test"], "errors", "run"]
    lines = [head, ["---"] * len(head)]
    for _, row in runs.iterrows():
        said = {split: _join_scores(row, [f"{split} miou", f"{split} f1"]) for split in (*ESTIMATES, "test")}
        said["estimate"] += f" [{row['estimate miou_low']:.0f}, {row['estimate miou_high']:.0f}]"
        said["held_out"] += _describe_held_classes(row)
        errors = [row.get(f"{split} miou", np.nan) - row["test miou"] for split in reversed(ESTIMATES)]
        missed = " / ".join("-" if pd.isna(error) else f"{error:+.1f}" for error in errors)
        lines.append([row["data"], row["version"], row["seed"], *said.values(), missed, row["run"]])
    means = [_describe_errors(version, part) for version, part in runs.groupby("version")]
    alike = runs[runs["version"].isin(TODAYS)]
    means += [_describe_errors("all runs by today's method", alike)] if len(alike) else []
    return "\n\n".join([_join_lines(lines), *means])


def _describe_errors(version: str, runs: pd.DataFrame) -> str:
    """Says by how much the estimates of a version's runs missed the hidden test."""
    means = [
        f"{word} {(runs[f'{split} miou'] - runs['test miou']).abs().mean():.1f}"
        for split, word in zip(ESTIMATES, ("random frames", "held-out recordings", "estimate"), strict=True)
        if _is_known(runs, split)
    ]
    f1 = (runs["estimate f1"] - runs["test f1"]).abs().mean() if "estimate f1" in runs else np.nan
    inside = runs["test miou"].between(runs["estimate miou_low"], runs["estimate miou_high"]).sum()
    words = f"{version}, mean error, points of mIoU: {', '.join(means)}; of the estimated F1 {f1:.1f}"
    return f"{words}. In the interval: {inside} of {len(runs)}."


def table_of_seeds(results: pd.DataFrame) -> str:
    """Writes mean and standard deviation over the seeds of each data set and version that has several."""
    lines = []
    for (name, version, budget), runs in results.groupby(["data", "version", "budget"]):
        if len(runs) > 1:
            parts = [
                _describe_spread(runs, split) for split in ("held_out", "test") if _is_known(runs, split)
            ]
            parts += [_describe_gain(runs, split) for split in ALONE if _is_known(runs, ALONE[split])]
            lines.append(f"- {name}, {version}, {budget}, {len(runs)} seeds: " + "; ".join(parts))
    return "\n".join(lines)


def _is_known(runs: pd.DataFrame, split: str) -> bool:
    """Tells whether any of some runs has been scored on a split."""
    return f"{split} miou" in runs and runs[f"{split} miou"].notna().any()


def _describe_spread(runs: pd.DataFrame, split: str) -> str:
    parts = [
        f"{word} {runs[f'{split} {key}'].mean():.1f} ± {runs[f'{split} {key}'].std():.1f}"
        for key, word in MEASURES.items()
        if f"{split} {key}" in runs
    ]
    return f"{SPLITS[split]} {', '.join(parts)}"


def _describe_gain(runs: pd.DataFrame, split: str) -> str:
    gain = runs[f"{split} miou"] - runs[f"{ALONE[split]} miou"]
    return f"joint minus segmentation alone on {SPLITS[split]} mIoU {gain.mean():+.1f} ± {gain.std():.1f}"


def table_of_worlds(path: Path) -> str:
    """Writes in Markdown how well networks trained in the built-in world find the sidewalk on real photos.

    Args:
        path: what `examples/sim_to_real.py` keeps.
    """
    head = ["world", "photos", "seed", "frames", "minutes", "IoU %", "precision %", "recall %"]
    lines = [head, ["---"] * len(head)]
    for row in read_json(path):
        percents = [f"{100 * row[key]:.1f}" for key in ("iou", "precision", "recall")]
        names = [row[key] for key in ("world", "photos", "seed", "train_frames")]
        lines.append([*names, f"{row['minutes']:.0f}", *percents])
    return _join_lines(lines)


def table_of_ablation(path: Path) -> str:
    """Writes in Markdown what each change of the recipe did: a line a data set and recipe, over its seeds.

    mIoU / F1 in percent, mean ± standard deviation, and the gain in mIoU over "default" with equal seeds.

    Args:
        path: what `python -m src sweep` keeps.
    """
    rows = pd.json_normalize(read_json(path), sep=" ")
    head = ["data", "steps", "recipe", "changes", "seeds"]
    head += ["held-out recordings", "gain", "hidden test", "gain"]
    lines = [head, ["---"] * len(head)]
    for (name, steps), runs in rows.groupby(["data", "steps"]):
        default = runs[runs["recipe"] == "default"].set_index("seed")
        for recipe, group in runs.groupby("recipe", sort=False):
            group = group.set_index("seed")
            line = [name, steps, recipe, group["changes"].iloc[0], len(group)]
            lines.append(line + _describe_gains(group, default))
            if "withheld held_out miou" in group and group["withheld held_out miou"].notna().any():
                line[2] = f"{recipe}, depth withheld"
                lines.append(line + _describe_gains(group, default, "withheld "))
    return _join_lines(lines)


def table_of_lengths(lengths: pd.DataFrame) -> str:
    """Writes in Markdown what longer trainings bring, at home and away: means over the seeds."""
    head = ["data", "steps of both trainings", "seeds", "minutes", "held out, mIoU / F1", "away, mIoU / F1"]
    head.append("segmentation alone, mIoU held out / away")
    lines = [head, ["---"] * len(head)]
    pairs = [("held out mIoU", "held out F1"), ("away mIoU", "away F1")]
    pairs.append(("alone held out mIoU", "alone away mIoU"))
    for (name, steps), rows in lengths.groupby(["data", "steps"]):
        seeds = ", ".join(map(str, rows["seed"]))
        line = [name, steps, seeds, f"{rows['minutes'].mean():.0f}"]
        for pair in pairs:
            line.append(" / ".join(_join_spread(rows[one].mean(), rows[one].std()) for one in pair))
        lines.append(line)
    return _join_lines(lines)


def _join_spread(mean: float, spread: float) -> str:
    return f"{mean:.1f}" if np.isnan(spread) else f"{mean:.1f} ± {spread:.1f}"


def _describe_gains(group: pd.DataFrame, default: pd.DataFrame, kind: str = "") -> list[str]:
    """Tells the scores of a recipe on both splits, each with the gain over the default of equal seeds."""
    cells = []
    for split in ("held_out", "test"):
        if f"{split} miou" not in default:
            cells += ["-", ""]
            continue
        own = group.reindex(columns=[f"{kind}{split} {key}" for key in ("miou", "f1")])
        gain = (own.iloc[:, 0] - default[f"{split} miou"]).dropna()
        leaky = " (leaky)" if split == "held_out" and group.get("leaky", pd.Series(False)).any() else ""
        cells.append(" / ".join(_describe_mean(own[name]) for name in own) + leaky)
        same = not kind and (group["changes"] == "").all() and group["recipe"].iloc[0] == "default"
        cells.append("" if same or gain.empty else f"{100 * gain.mean():+.1f}")
    return cells


def _describe_mean(scores: pd.Series) -> str:
    scores = scores.astype(float)  # a column of nothing but None is none
    spread = f" ± {100 * scores.std():.1f}" if len(scores) > 1 else ""
    return f"{100 * scores.mean():.1f}{spread}"


def _join_lines(lines: list[list]) -> str:
    return "\n".join("| " + " | ".join(escape(str(cell)) for cell in line) + " |" for line in lines)


def escape(text: str) -> str:
    """Writes a text for a cell of a Markdown table, so that a name is shown as it is and ends no cell."""
    return MARKUP.sub(r"\\\g<0>", text.replace("\n", " "))
