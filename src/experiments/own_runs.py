"""The user's own runs in `runs/`: their scores side by side, and what differs between two of them."""

from pathlib import Path

import numpy as np
import pandas as pd

from src import runs
from src.common.errors import MissingError
from src.evaluation import metrics
from src.experiments.results import list_result
from src.experiments.tables import MEASURES, join_scores, make_markdown
from src.scores import RunResult

SPLITS = {"held_out": "held out", "estimate": "estimate", "test": "Test", "competition": "competition"}
INNER = ("HOLDS_OUT", "CROP")  # settings that follow from others


def list_finished(folder: Path = runs.RUNS) -> list[Path]:
    """Lists the folders of the finished joint runs, in the order in which they ended."""
    finished = []
    for path in folder.glob("joint-*/result.json"):
        if runs.is_finished(runs.read_run(path.parent)):
            finished.append(path)
    return [path.parent for path in sorted(finished, key=lambda path: path.stat().st_mtime)]


def find_folder(name: Path) -> Path:
    """Finds the folder of a run that is named alone, as the table of all runs does, or by its path."""
    return name if name.exists() else runs.RUNS / name.name


def describe_submissions(folder: Path = runs.RUNS) -> str:
    """Makes the table of all own runs with what was estimated for Test and what it gave."""
    rows = [list_result(runs.read_finished_result(path), path.name) for path in list_finished(folder)]
    return make_submissions_table(pd.DataFrame(rows))


def make_submissions_table(results: pd.DataFrame) -> str:
    """Makes a table of a user's own runs: what was estimated for Test, and what it gave.

    Scores are mIoU / accuracy / F1 in percent, the error is points of mIoU.

    Args:
        results: of `results.read_results`.

    Returns:
        The table, and a line with the mean error; a sentence where there are no runs.
    """
    if results.empty:
        return "No finished run in runs/."
    results = results.reindex(columns=list(dict.fromkeys([*results.columns, *_list_columns()])))
    given = results["competition miou"].fillna(results["test miou"])
    error = results["estimate miou"] - given
    lines = []
    for number, row in results.iterrows():
        scores = []
        for split in ("estimate", "test", "competition"):
            scores.append(join_scores(row, [f"{split} {key}" for key in MEASURES]))
        missed = "-" if pd.isna(error[number]) else f"{error[number]:+.1f}"
        interval = f"{row['estimate miou_low']:.0f} to {row['estimate miou_high']:.0f}"
        interval = "-" if pd.isna(row["estimate miou"]) else interval
        lines.append([row["run"], row["seed"], scores[0], interval, *scores[1:], missed])
    head = [
        "run",
        "seed",
        "estimated",
        "interval, mIoU",
        "Test here",
        "competition gave",
        "estimate minus score, mIoU",
    ]
    table = make_markdown(lines, head)
    known = error.notna()
    if not known.any():
        return f"{table}\n\nNo run is scored yet; enter a leaderboard's score: make run RUN=NAME SCORED=..."
    inside = given.between(results["estimate miou_low"], results["estimate miou_high"])[known]
    text = f"The estimates missed by {error.abs().mean():.1f} points of mean IoU on average"
    return f"{table}\n\n{text}; {inside.sum()} of {known.sum()} scores lay in the interval."


def _list_columns() -> list[str]:
    """Lists the columns of results that `make_submissions_table` shows, and that a result may lack."""
    splits = ("estimate", "test", "competition")
    columns = [f"{split} {key}" for split in splits for key in MEASURES]
    return [*columns, "estimate miou_low", "estimate miou_high"]


def list_settings(folder: Path) -> dict[str, str]:
    """Lists all settings of a run and of its segmentation network; the parts of RECIPE one by one."""
    run = runs.read_run(folder)
    settings = runs.gather_settings(run)
    recipe = settings.pop("RECIPE", {})
    listed = {"data": run.settings["data"]}
    listed.update({name: str(value) for name, value in settings.items() if name not in INNER})
    listed.update({f"RECIPE {name}": str(value) for name, value in recipe.items()})
    return listed


def compare_all(folder: Path = runs.RUNS) -> str:
    """Makes a table of all finished runs: the settings in which any two differ, minutes, and mean IoU / F1.

    Raises:
        MissingError: there is no finished run.
    """
    folders = list_finished(folder)
    if not folders:
        raise MissingError(f"{folder} must hold a finished run, found none; run the notebooks first.")
    settings = pd.DataFrame([list_settings(path) for path in folders]).fillna("-")
    differing = [name for name in settings if len(set(settings[name])) > 1]
    lines = []
    for number, path in enumerate(folders):
        result = runs.read_finished_result(path)
        scores = [_join_two(result, split) for split in SPLITS]
        lines.append([path.name, *settings.loc[number, differing], f"{result.minutes:.0f}", *scores])
    heads = [f"{name}, mIoU / F1" for name in SPLITS.values()]
    return make_markdown(lines, ["run", *differing, "minutes", *heads])


def _join_two(result: RunResult, split: str) -> str:
    """Writes mean IoU and F1 of a split in percent; "" if it was not scored."""
    if split not in result.scores:
        return ""
    scores = result.scores[split]
    return " / ".join(_write_percent(value) for value in (scores.miou, scores.f1))


def _write_percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def compare_two(first: Path, second: Path) -> str:
    """Makes tables of what differs between two runs: settings and code, scores, and the IoU of each class.

    Raises:
        MissingError: one of the folders holds no finished joint run.
    """
    results = (runs.read_finished_result(first), runs.read_finished_result(second))
    names = [first.name, second.name]
    parts = [_compare_settings(first, second, names), _compare_scores(*results, names)]
    for split in ("held_out", "test"):
        table = _compare_classes(*results, split, names)
        if table:
            parts.append(table)
    return "\n\n".join(parts)


def _compare_settings(first: Path, second: Path, names: list[str]) -> str:
    """Makes a table of the settings, the code and the machine in which two runs differ."""
    columns = []
    for folder in (first, second):
        result = runs.read_finished_result(folder)
        about = {"commit": result.commit, "machine": result.machine, **result.versions}
        columns.append(list_settings(folder) | about)
    lines = []
    for name in dict.fromkeys([*columns[0], *columns[1]]):
        values = [column.get(name, "-") for column in columns]
        if values[0] != values[1]:
            lines.append([name, *values])
    if not lines:
        return "Settings, code and machine are the same."
    return make_markdown(lines, ["differs", *names])


def _compare_scores(first: RunResult, second: RunResult, names: list[str]) -> str:
    """Makes a table of the scores of two runs in percent, with the second minus the first."""
    lines = []
    for split, title in SPLITS.items():
        if split not in first.scores or split not in second.scores:
            continue
        for key, measure in MEASURES.items():
            values = [getattr(result.scores[split], key) for result in (first, second)]
            lines.append([f"{title}, {measure}", *_list_with_difference(values)])
    minutes = [first.minutes, second.minutes]
    lines.append(
        ["minutes of training", *(f"{one:.1f}" for one in minutes), f"{minutes[1] - minutes[0]:+.1f}"]
    )
    return make_markdown(lines, ["score, %", *names, "difference"])


def _list_with_difference(values: list[float | None]) -> list[str]:
    """Writes two fractions in percent, and their difference in points."""
    written = [_write_percent(value) for value in values]
    if None in values:
        return [*written, "-"]
    return [*written, f"{100 * (values[1] - values[0]):+.1f}"]


def _compare_classes(first: RunResult, second: RunResult, split: str, names: list[str]) -> str:
    """Makes a table of the IoU of each class on a split; "" if the runs have other classes."""
    if split not in first.confusion or split not in second.confusion:
        return ""
    ious = [
        metrics.compute_class_iou(np.array(result.confusion[split]["mask"])) for result in (first, second)
    ]
    if len(ious[0]) != len(ious[1]) or first.classes != second.classes:
        return ""
    classes = first.classes or [f"class {number}" for number in range(len(ious[0]))]
    lines = []
    for name, *pair in zip(classes, *ious, strict=True):
        values = [None if np.isnan(value) else float(value) for value in pair]
        lines.append([name, *_list_with_difference(values)])
    return make_markdown(lines, [f"class, {SPLITS[split]}, IoU %", *names, "difference"])
