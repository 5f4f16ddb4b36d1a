"""Estimates the scores in other places, and compares them with what came: `sweep LIST --away --estimates`.

The networks are those of the sweep. Of two seeds, one network plays the held-out model and the other the
submitted one, for it saw other recordings. What this commit has trained on this machine is used again.
"""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd

from src.evaluation import class_estimate, estimate, metrics
from src.evaluation.evaluate import score_samples
from src.experiments import sweep
from src.experiments.tables import MEASURES, make_markdown
from src.inference import engine
from src.runs import read_json
from src.settings import Recipe, read_recipe


def measure_list(
    path: Path, benches: list[sweep.Bench], seeds: list[int], steps: list[int], keep: Path
) -> None:
    """Measures the estimates that were not measured yet, and writes each to the results.

    Each seed's network plays the held-out model once, that of the next seed then the submitted one.

    Args:
        path: of the recipes, as `sweep.read_list` takes it.
        benches: where.
        seeds: at least two.
        steps: numbers of steps of both trainings of a seed together.
        keep: file of the results.
    """
    pairs = list(zip(seeds, [*seeds[1:], seeds[0]], strict=True))
    for bench in benches:
        found = sweep.fingerprint(bench)
        for (name, changes), count, pair in itertools.product(sweep.read_list(path).items(), steps, pairs):
            row = sweep.identify(bench, found, (name, changes), pair[0], count)
            row["submitted_seed"] = pair[1]
            if sweep.is_measured(row, True, keep):
                continue
            print(f"\nEstimate for {row['data']}, {row['recipe']}, seed {pair[0]}, {count} steps", flush=True)
            sweep.keep_row(row, measure_estimate(bench, read_recipe(changes), pair, count), keep)


def measure_estimate(bench: sweep.Bench, recipe: Recipe, seeds: tuple[int, int], steps: int) -> dict:
    """Estimates the scores on Test as the notebooks do, and scores them.

    Args:
        bench: data and conditions, with a reference.
        recipe: of both networks.
        seeds: of the network that plays the held-out model, and of the one that plays the submitted one.
        steps: of both trainings of a seed together.

    Returns:
        "estimate", "held_out" and "test": scores as fractions, those of the estimate with their intervals;
        "iou": of each class that Test holds, "estimate", "held_out" and "test".
    """
    held, submitted = (sweep.train_recipe(bench, recipe, seed, steps) for seed in seeds)
    classes = held.classes
    size = held.settings.size
    held_out_model = engine.prepare(held.joint)
    submitted_model = engine.prepare(submitted.joint)
    scored = estimate.score_held_out(held_out_model, held.held_out, classes, size)
    test = sweep.read_test(bench, classes)
    estimated, confusion = estimate.estimate_from_photos(
        submitted_model, held_out_model, test, size, [scored], has_labels=scored.label_gap is not None
    )
    true = score_samples(submitted_model, test, classes.ignore_unknown_ids(), size)
    confusions = {
        "estimate": confusion,
        "held_out": np.array(scored.confusion["mask"]),
        "test": np.array(true.confusion["mask"]),
    }
    iou = pd.DataFrame({split: metrics.class_iou(one) for split, one in confusions.items()})
    iou.index = classes.mask.names
    return {
        "estimate": estimated.to_dict(),
        "held_out": scored.scores.to_dict(),
        "test": true.scores.to_dict(),
        "iou": iou.dropna(subset="test").round(6).replace({np.nan: None}).to_dict("index"),
    }


def read_errors(path: Path) -> pd.DataFrame:
    """Reads the kept estimates: a row each.

    Returns:
        "data", "recipe" and "steps"; in points, for each of MEASURES as "miou": its error "miou", the error
        of the held-out score "held_out miou", "half miou", half the width of its interval, and whether that
        holds the truth, "inside miou"; "classes" and "held_out classes", the mean absolute error of a class's
        IoU; "inside classes", the share of the classes whose interval holds the truth.
    """
    rows = []
    for kept in read_json(path):
        row = {key: kept[key] for key in ("data", "recipe", "steps")}
        estimated, held_out, true = (kept[split] for split in ("estimate", "held_out", "test"))
        for name in MEASURES.keys() & estimated.keys() & true.keys():
            low, high = estimated[f"{name}_low"], estimated[f"{name}_high"]
            row[name] = 100 * (estimated[name] - true[name])
            row[f"held_out {name}"] = 100 * (held_out.get(name, np.nan) - true[name])
            row[f"half {name}"] = 50 * (high - low)
            row[f"inside {name}"] = low <= true[name] <= high
        iou = pd.DataFrame(kept["iou"]).T.astype(float)
        for split, name in (("estimate", "classes"), ("held_out", "held_out classes")):
            row[name] = 100 * (iou[split] - iou["test"]).abs().mean()
        inside = class_estimate.check_interval(iou["estimate"].to_numpy(), iou["test"].to_numpy())
        row["inside classes"] = inside.mean() if len(inside) else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def make_table(path: Path) -> str:
    """Makes a table of the errors of the kept estimates by set, and over all sets, in Markdown.

    All sets together are the mean over the sets, so that each counts the same.
    """
    errors = read_errors(path)
    head = ["set", "estimates", "score", "error", "bias", "interval", "inside", "held-out recordings' error"]
    lines = []
    by_set = errors.groupby("data", sort=False)
    for name, title in MEASURES.items():
        if name not in errors:
            continue
        means = pd.DataFrame(
            {
                "error": errors[name].abs().groupby(errors["data"], sort=False).mean(),
                "bias": by_set[name].mean(),
                "half": by_set[f"half {name}"].mean(),
                "inside": by_set[f"inside {name}"].sum(),
                "count": by_set[name].count(),
                "held_out": errors[f"held_out {name}"].abs().groupby(errors["data"], sort=False).mean(),
            }
        )
        total = means.mean()
        total[["inside", "count"]] = means[["inside", "count"]].sum()
        means.loc["all sets"] = total
        lines += [_make_line(title, data, row) for data, row in means.iterrows()]
    classes = by_set[["classes", "held_out classes", "inside classes"]].mean().mean()
    text = (
        f"On average the estimate missed a class's IoU by {classes['classes']:.1f} points, the held-out "
        f"recordings by {classes['held_out classes']:.1f}. The intervals held "
        f"{100 * classes['inside classes']:.0f} % of the classes."
    )
    return f"{make_markdown(lines, head)}\n\n{text}"


def _make_line(title: str, data: str, row: pd.Series) -> list[object]:
    """Makes a line of `make_table`."""
    return [
        data,
        f"{row['count']:.0f}",
        title,
        f"{row['error']:.1f}",
        f"{row['bias']:+.1f}",
        f"± {row['half']:.1f}",
        f"{row['inside']:.0f} of {row['count']:.0f}",
        f"{row['held_out']:.1f}",
    ]
