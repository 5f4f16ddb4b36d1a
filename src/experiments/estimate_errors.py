"""The errors of the kept estimates, which `python -m src sweep LIST --away PAIR ... --estimates` measures."""

from pathlib import Path

import numpy as np
import pandas as pd

from src.evaluation import class_estimate
from src.experiments.tables import MEASURES, make_markdown
from src.runs import read_json


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
            low = estimated[f"{name}_low"]
            high = estimated[f"{name}_high"]
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

    All sets together are the mean over the sets, so that each counts the same. A set is left out of the lines
    of a score that it lacks.
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
        means = means[means["count"] > 0]
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
