"""What the benchmark kept: speeds, ratios and their goals, as tables."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from src.experiments import curves
from src.figures import style

PHOTO = (720, 1280)
KEPT = Path("results") / "benchmark.json"
GROWTH = {  # group: row: frames of Save_test, and their height and width
    "growth frames": {f"{count:,} frames": (count, (360, 640)) for count in (100, 1000, 10000)},
    "growth pixels": {f"{h} x {w} px": (100, (h, w)) for h, w in ((360, 640), PHOTO, (1440, 2560))},
}
FIGURE = Path("Imagenes") / "growth.png"
GOALS = {  # key: what the ratio is of, and what it shall be
    "train_same": ("training, images/s against smp with the same decoder and output", ">= 0.9"),
    "train_shipped": ("training, images/s against smp as shipped", ">= 1.5"),
    "time_to_quality": ("minutes to one mIoU on the built-in world's test, smp as shipped / ours", ">= 1.5"),
    "fps_192x320": ("photos a second of the joint network at 192 x 320 px, one at a time", ">= 20"),
    "latency_floor": ("latency against the fastest bare engine", "<= 1.15"),
    "save_test_floor": ("the whole of Save_test against the floor", "<= 1.3"),
    "save_test_loop": ("the frame-by-frame loop against the whole of Save_test", ">= 5"),
    "save_test_floor_float32": ("Save_test against the floor on a processor without bfloat16", "<= 1.3"),
    "save_test_loop_float32": ("the loop against Save_test on a processor without bfloat16", ">= 5"),
    "memory_growth": ("peak memory of Save_test at 10,000 frames against 100", "<= 1.1"),
}
RATIOS = {  # key: group, row above, row below; larger is better, but against a floor
    "train_same": ("train", "smp, same decoder", "ours"),
    "train_shipped": ("train", "smp, as shipped", "ours"),
    "latency_floor": ("latency", "ours", "fastest bare engine"),
    "save_test_loop": ("save_test", "frame by frame", "ours"),
    "save_test_floor": ("save_test", "ours", "floor"),
    "save_test_loop_float32": ("save_test_float32", "frame by frame", "ours"),
    "save_test_floor_float32": ("save_test_float32", "ours", "floor"),
}


def count_ratios(groups: dict[str, dict[str, dict]]) -> dict[str, float]:
    """Compares rows within each round: the median, and of several sizes the worst; only what was measured."""
    found, groups = {}, {group: dict(rows) for group, rows in groups.items()}
    for rows in groups.values():
        bare = [row["seconds"] for name, row in rows.items() if name.startswith("bare")]
        if bare:
            rows["fastest bare engine"] = {"seconds": min(bare, key=np.median)}
    for key, (kind, above, below) in RATIOS.items():
        ratios = [
            float(np.median(np.divide(rows[above]["seconds"], rows[below]["seconds"])))
            for group, rows in groups.items()
            if group.startswith(kind + " ") and {above, below} <= set(rows)
        ]
        if ratios:
            found[key] = max(ratios) if "floor" in key else min(ratios)
    for group, rows in groups.items():
        if group == "latency 192x320":
            found["fps_192x320"] = 1 / float(np.median(rows["ours"]["seconds"]))
        if group == "growth frames":
            least, *_, most = (row["memory"] for row in rows.values())
            found["memory_growth"] = most / least
    return found


def table_of_speeds(kept: dict) -> str:
    """Writes in Markdown what `results/benchmark.json` holds: milliseconds an image, images a second, MB."""
    lines = ["| what | row | ms an image | spread | images/s | peak MB |", "|---|---|---|---|---|---|"]
    for group, rows in kept["groups"].items():
        for name, row in rows.items():
            ms = 1e3 * np.array(row["seconds"])
            spread = f"{ms.min():.1f} to {ms.max():.1f}"
            middle = float(np.median(ms))
            lines.append(
                f"| {group} | {name} | {middle:.1f} | {spread} | {1e3 / middle:.1f} | {row['memory']:.0f} |"
            )
    return "\n".join(lines)


def table_of_ratios(ratios: dict[str, float]) -> str:
    """Writes in Markdown the ratios that were measured, each with its goal."""
    lines = ["| ratio | goal | reached |", "|---|---|---|"]
    return "\n".join(
        lines
        + [f"| {what} | {goal} | {ratios[key]:.2f} |" for key, (what, goal) in GOALS.items() if key in ratios]
    )


def draw_growth(groups: dict[str, dict[str, dict]]) -> None:
    """Draws the groups of GROWTH, if they were measured, to FIGURE."""
    tables = []
    for group, sets in GROWTH.items():
        rows = [
            {"frames": count, "pixels": shape[0] * shape[1], "memory": groups[group][name]["memory"]}
            | {"seconds": float(np.median(groups[group][name]["seconds"]))}
            for name, (count, shape) in sets.items()
            if name in groups.get(group, {})
        ]
        tables.append(pd.DataFrame(rows))
    if all(map(len, tables)):
        style.save_figure(curves.plot_growth(*tables), FIGURE)


def read_kept() -> dict:
    """Reads what was measured before."""
    return json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {"groups": {}}
