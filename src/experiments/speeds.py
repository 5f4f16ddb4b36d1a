"""The results of the benchmark as tables: speeds, ratios and their goals."""

import json

import numpy as np

from src.experiments import growth, tables
from src.experiments.kept import BENCHMARK

PHOTO = (720, 1280)  # height and width
GOALS = {  # by ratio: its description and its goal
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
    "time_growth": ("a frame of doctor, set-up or Save_test at 30,000 frames against 1,000", "<= 1.2"),
}
RATIOS = {  # by ratio: group, row above, row below; larger is better, except for a ratio to a floor
    "train_same": ("train", "smp, same decoder", "ours"),
    "train_shipped": ("train", "smp, as shipped", "ours"),
    "latency_floor": ("latency", "ours", "fastest bare engine"),
    "save_test_loop": ("save_test", "frame by frame", "ours"),
    "save_test_floor": ("save_test", "ours", "floor"),
    "save_test_loop_float32": ("save_test_float32", "frame by frame", "ours"),
    "save_test_floor_float32": ("save_test_float32", "ours", "floor"),
}


def count_ratios(groups: dict[str, dict[str, dict]]) -> dict[str, float]:
    """Computes the ratios of what was measured: of RATIOS, "fps_192x320" and those of `growth`.

    A ratio is the median of the ratios within each round. Of a ratio at several sizes the worst counts.

    Args:
        groups: by group and row: "seconds" an image in each round, and "memory" in MB.
    """
    groups = {group: _add_fastest_engine(rows) for group, rows in groups.items()}
    found = {}
    for key, (kind, above, below) in RATIOS.items():
        ratios = []
        for group, rows in groups.items():
            if group.startswith(kind + " ") and above in rows and below in rows:
                by_round = np.divide(rows[above]["seconds"], rows[below]["seconds"])
                ratios.append(float(np.median(by_round)))
        if ratios:
            found[key] = max(ratios) if "floor" in key else min(ratios)
    if "latency 192x320" in groups:
        found["fps_192x320"] = 1 / float(np.median(groups["latency 192x320"]["ours"]["seconds"]))
    return found | growth.count_ratios(groups)


def _add_fastest_engine(rows: dict[str, dict]) -> dict[str, dict]:
    """Copies a group's rows, and adds the fastest of its bare engines as a row."""
    rows = dict(rows)
    bare = [row["seconds"] for name, row in rows.items() if name.startswith("bare")]
    if bare:
        rows["fastest bare engine"] = {"seconds": min(bare, key=np.median)}
    return rows


def make_speeds_table(benchmark: dict) -> str:
    """Writes a table in Markdown: milliseconds an image, images a second and MB of each row.

    Args:
        benchmark: of `read_benchmark`.
    """
    lines = []
    for group, rows in benchmark["groups"].items():
        for name, row in rows.items():
            ms = 1e3 * np.array(row["seconds"])
            spread = f"{ms.min():.1f} to {ms.max():.1f}"
            median = float(np.median(ms))
            speed = f"{1e3 / median:.1f}"
            lines.append([group, name, f"{median:.1f}", spread, speed, f"{row['memory']:.0f}"])
    return tables.make_markdown(lines, ["what", "row", "ms an image", "spread", "images/s", "peak MB"])


def make_ratios_table(ratios: dict[str, float]) -> str:
    """Writes a table in Markdown: the ratios that were measured, each with its goal."""
    lines = []
    for key, (description, goal) in GOALS.items():
        if key in ratios:
            lines.append([description, goal, f"{ratios[key]:.2f}"])
    return tables.make_markdown(lines, ["ratio", "goal", "reached"])


def read_benchmark() -> dict:
    """Reads the results of the benchmark; without groups and ratios if there are none yet."""
    if not BENCHMARK.exists():
        return {"groups": {}, "ratios": {}}
    return json.loads(BENCHMARK.read_text(encoding="utf-8"))
