"""Makes the tables of the pages, in Markdown, from the kept results."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from src.evaluation import metrics
from src.runs import read_json

# Characters that Markdown would not show as they are.
MARKUP = re.compile(r"[\\|$*`]|<(?=[\w/!?])|\](?=\()|\b_|_\b")
LENGTH_SCORES = {  # column of the table of lengths: key of the kept row
    "held out mIoU": "held_out miou",
    "held out F1": "held_out f1",
    "away mIoU": "test miou",
    "away F1": "test f1",
    "alone held out mIoU": "alone held_out miou",
    "alone away mIoU": "alone test miou",
}
SPLITS = {"constant": "constant answer", "held_out": "held-out recordings", "test": "hidden test"}
# By split, the scores of the segmentation network on the same frames.
ALONE = {"held_out": "held_out_segmenter", "test": "test_segmenter"}
ESTIMATES = {"random": "random frames", "held_out": "held-out recordings", "estimate": "estimate"}
# Versions whose estimates are by today's method, which has not changed since commit de8f718.
TODAYS = (
    "fixed",
    "four frames",
    "slow backbone",
    "slow backbone (development)",
    "label from mask (development)",
    "pretrained norm",
    "pretrained norm (development)",
    "slow joint network",
    "slow joint network (development)",
    "label by mask",
    "label by mask (development)",
    "class hidden",
    "class hidden (development)",
    "coarse logits",
    "coarse logits (development)",
    "even light",
    "even light (development)",
)
MEASURES = {"miou": "mIoU", "accuracy": "accuracy", "f1": "F1"}


def name_length(settings: dict) -> str:
    """Names the setting that decided how long a run's trainings were: MINUTES or EPOCHS."""
    minutes = settings.get("MINUTES", "")
    if minutes is None:
        return f"EPOCHS={settings.get('EPOCHS')}"
    return f"MINUTES={minutes}"


def make_runs_table(results: pd.DataFrame) -> str:
    """Makes a table of runs: mIoU / accuracy / F1 in percent for each split.

    A column has the mIoU of the segmentation network alone, on the held-out recordings and on Test.

    Args:
        results: of `results.read_results`.
    """
    head = ["data", "version", "seed", "frames", "minutes", *SPLITS.values(), "segmentation alone", "run"]
    lines = []
    for _, row in results.sort_values(["data", "version", "seed"]).iterrows():
        line = [row["data"], row["version"], row["seed"], row["train_frames"], f"{row['minutes']:.0f}"]
        for split in SPLITS:
            scores = join_scores(row, [f"{split} {key}" for key in MEASURES])
            if split == "held_out":
                scores += _describe_held_out(row)
            line.append(scores)
        line.append(join_scores(row, [f"{split} miou" for split in ALONE.values()]))
        line.append(row["run"])
        lines.append(line)
    return make_markdown(lines, head)


def _describe_held_out(row: pd.Series) -> str:
    """Describes the limits of a score on held-out frames: fewer classes, or streets that were trained on."""
    leaky = " (leaky)" if row["leaky"] else ""
    return row.get("held", "") + leaky


def join_scores(row: pd.Series, columns: list[str]) -> str:
    """Joins the scores of a row's columns; "-" for an unknown one."""
    return " / ".join(format_score(row.get(column)) for column in columns)


def format_score(score: float | None, sign: str = "") -> str:
    """Formats a score or, with "+" for `sign`, a difference of two, in percent; "-" for an unknown one."""
    return "-" if pd.isna(score) else f"{score:{sign}.1f}"


def make_estimates_table(results: pd.DataFrame) -> str:
    """Makes a table of the estimates for the hidden test, its scores, and the errors of the estimates.

    Scores are mIoU / F1 in percent. The errors are points of mIoU: of the estimate, of held-out recordings
    and of random frames. Below the table are, for each version and for all of TODAYS, the mean errors, and
    how often the hidden test lay in the interval.

    Args:
        results: of `results.read_results`.

    Returns:
        The table and the lines below it; "" without estimates.
    """
    if "estimate miou" not in results or "test miou" not in results:
        return ""
    runs = results.dropna(subset=["estimate miou", "test miou"]).sort_values(["version", "data", "seed"])
    head = ["data", "version", "seed", metrics.RANDOM, SPLITS["held_out"], "estimate [interval]"]
    head += [SPLITS["test"], "errors", "run"]
    lines = []
    for _, row in runs.iterrows():
        scores = {}
        for split in (*ESTIMATES, "test"):
            scores[split] = join_scores(row, [f"{split} miou", f"{split} f1"])
        scores["estimate"] += f" [{row['estimate miou_low']:.0f}, {row['estimate miou_high']:.0f}]"
        scores["held_out"] += _describe_held_out(row)
        errors = [row.get(f"{split} miou", np.nan) - row["test miou"] for split in reversed(ESTIMATES)]
        errors_text = " / ".join("-" if pd.isna(error) else f"{error:+.1f}" for error in errors)
        lines.append([row["data"], row["version"], row["seed"], *scores.values(), errors_text, row["run"]])
    means = [_describe_errors(version, part) for version, part in runs.groupby("version")]
    by_todays_method = runs[runs["version"].isin(TODAYS)]
    if len(by_todays_method):
        means.append(_describe_errors("all runs by today's method", by_todays_method))
    return "\n\n".join([make_markdown(lines, head), *means])


def _describe_errors(version: str, runs: pd.DataFrame) -> str:
    """Describes the mean errors of the estimates of a version's runs."""
    means = []
    for split, name in ESTIMATES.items():
        if _is_scored(runs, split):
            error = (runs[f"{split} miou"] - runs["test miou"]).abs().mean()
            means.append(f"{name} {error:.1f}")
    text = f"{version}, mean error, points of mIoU: {', '.join(means)}"
    f1 = runs.reindex(columns=["estimate f1", "test f1"]).astype(float).dropna()
    if len(f1):
        text += f"; of the estimated F1 {(f1['estimate f1'] - f1['test f1']).abs().mean():.1f}"
    inside = runs["test miou"].between(runs["estimate miou_low"], runs["estimate miou_high"]).sum()
    text += f". In the interval: {inside} of {len(runs)}."
    if "classes" not in runs or runs["classes"].isna().all():
        return text
    of_classes = f"{runs['classes inside'].sum():.0f} of {runs['classes'].sum():.0f}"
    return f"{text} A class's IoU: mean error {runs['class error'].mean():.1f}; in the interval {of_classes}."


def make_seeds_table(results: pd.DataFrame) -> str:
    """Lists mean and standard deviation over the seeds, for data sets and versions with several seeds.

    Args:
        results: of `results.read_results`.
    """
    lines = []
    for (name, version, budget), runs in results.groupby(["data", "version", "budget"]):
        if len(runs) > 1:
            parts = [_describe_spread(runs, split) for split in ALONE if _is_scored(runs, split)]
            parts += [_describe_gain(runs, split) for split in ALONE if _is_scored(runs, ALONE[split])]
            lines.append(f"- {name}, {version}, {budget}, {len(runs)} seeds: " + "; ".join(parts))
    return "\n".join(lines)


def _is_scored(runs: pd.DataFrame, split: str, key: str = "miou") -> bool:
    """Returns True if at least one of the runs has a score, one of MEASURES, on a split."""
    return f"{split} {key}" in runs and runs[f"{split} {key}"].notna().any()


def _describe_spread(runs: pd.DataFrame, split: str) -> str:
    """Describes mean and standard deviation of each measure on a split."""
    parts = []
    for key, name in MEASURES.items():
        if _is_scored(runs, split, key):
            scores = runs[f"{split} {key}"]
            parts.append(f"{name} {scores.mean():.1f} ± {scores.std():.1f}")
    return f"{SPLITS[split]} {', '.join(parts)}"


def _describe_gain(runs: pd.DataFrame, split: str) -> str:
    """Describes what the joint training adds to the mIoU of the segmentation network."""
    gain = runs[f"{split} miou"] - runs[f"{ALONE[split]} miou"]
    return f"joint minus segmentation alone on {SPLITS[split]} mIoU {gain.mean():+.1f} ± {gain.std():.1f}"


def make_worlds_table(path: Path) -> str:
    """Makes a table of how well networks trained in the built-in world find the sidewalk on real photos.

    Args:
        path: results of `examples/sim_to_real.py`.
    """
    head = ["world", "photos", "seed", "frames", "minutes", "IoU %", "precision %", "recall %"]
    lines = []
    for row in read_json(path):
        percents = [f"{100 * row[key]:.1f}" for key in ("iou", "precision", "recall")]
        names = [row[key] for key in ("world", "photos", "seed", "train_frames")]
        lines.append([*names, f"{row['minutes']:.0f}", *percents])
    return make_markdown(lines, head)


def make_ablation_table(path: Path) -> str:
    """Makes a table of recipes: a line a data set and recipe, over its seeds.

    Scores are mIoU / F1 in percent, mean ± standard deviation. The gain is in mIoU over "default" with the
    same seeds.

    Args:
        path: results of `python -m src sweep`.
    """
    rows = pd.json_normalize(read_json(path), sep=" ")
    head = [
        "data",
        "steps",
        "recipe",
        "changes",
        "seeds",
        "held-out recordings",
        "gain",
        "hidden test",
        "gain",
    ]
    lines = []
    for (name, steps), runs in rows.groupby(["data", "steps"]):
        default = runs[runs["recipe"] == "default"].set_index("seed")
        for recipe, group in runs.groupby("recipe", sort=False):
            group = group.set_index("seed")
            changes = group["changes"].iloc[0]
            count = len(group)
            lines.append([name, steps, recipe, changes, count, *_describe_gains(group, default)])
            if _is_scored(group, "withheld held_out"):
                cells = _describe_gains(group, default, "withheld ")
                lines.append([name, steps, f"{recipe}, depth withheld", changes, count, *cells])
    return make_markdown(lines, head)


def make_lengths_table(lengths: pd.DataFrame) -> str:
    """Makes a table of lengths of trainings: scores on held-out recordings and away, means over the seeds.

    Args:
        lengths: of `results.read_lengths`.
    """
    columns = {
        "held out, mIoU / F1": ("held out mIoU", "held out F1"),
        "away, mIoU / F1": ("away mIoU", "away F1"),
        "segmentation alone, mIoU held out / away": ("alone held out mIoU", "alone away mIoU"),
    }
    head = ["data", "steps of both trainings", "seeds", "minutes", *columns]
    lines = []
    for (name, steps), rows in lengths.groupby(["data", "steps"]):
        seeds = ", ".join(map(str, rows["seed"]))
        line = [name, steps, seeds, f"{rows['minutes'].mean():.0f}"]
        for first, second in columns.values():
            line.append(f"{format_spread(rows[first])} / {format_spread(rows[second])}")
        lines.append(line)
    return make_markdown(lines, head)


def format_spread(scores: pd.Series) -> str:
    """Formats mean ± standard deviation of scores in percent; of a single score there is no deviation.

    "-" stands for no score at all.
    """
    if len(scores.dropna()) < 2:
        return format_score(scores.mean())
    return f"{scores.mean():.1f} ± {scores.std():.1f}"


def _describe_gains(group: pd.DataFrame, default: pd.DataFrame, kind: str = "") -> list[str]:
    """Lists the cells of a recipe: its scores on both splits, each with the gain over the default recipe.

    Args:
        group: rows of the recipe, by seed.
        default: rows of the default recipe, by seed.
        kind: "withheld " for the scores without depth, else "".
    """
    is_default = not kind and (group["changes"] == "").all() and group["recipe"].iloc[0] == "default"
    leaky = group.get("leaky", pd.Series(False)).any()
    cells = []
    for split in ("held_out", "test"):
        if f"{split} miou" not in default:
            cells += ["-", ""]
            continue
        own = group.reindex(columns=[f"{kind}{split} {key}" for key in ("miou", "f1")])
        gain = (own.iloc[:, 0] - default[f"{split} miou"]).dropna()
        scores = " / ".join(_format_fractions(own[name]) for name in own)
        if split == "held_out" and leaky:
            scores += " (leaky)"
        gain_text = "" if is_default or gain.empty else f"{100 * gain.mean():+.1f}"
        cells += [scores, gain_text]
    return cells


def _format_fractions(scores: pd.Series) -> str:
    """Formats mean ± standard deviation of fractions in percent; "-" where none is known."""
    scores = scores.astype(float)  # a column of None only has the dtype object
    if scores.isna().all():
        return "-"
    spread = f" ± {100 * scores.std():.1f}" if len(scores) > 1 else ""
    return f"{100 * scores.mean():.1f}{spread}"


def make_markdown(lines: list[list], head: list[str]) -> str:
    """Makes a table in Markdown of lines of cells; each cell is shown as the text that it is."""
    table = pd.DataFrame(lines, columns=head, dtype=object)
    cells = table.astype(str).map(escape)
    return cells.rename(columns=escape).to_markdown(index=False, disable_numparse=True)


def escape(text: str) -> str:
    """Escapes a text for a cell of a Markdown table, so that it is shown as it is and ends no cell."""
    return MARKUP.sub(r"\\\g<0>", text.replace("\n", " "))
