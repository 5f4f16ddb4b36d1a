"""Tells in five minutes whether a change made the project slower: `python -m src benchmark ... --quick`.

Ours and one other row that uses the same packages are measured in turn, so that the speed of the machine does
not count. Their ratio is compared with the one in `results/benchmark.json`.
"""

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.experiments.benchmark import list_rows, write_photos
from src.experiments.rows import measure_rows
from src.experiments.speeds import PHOTO, read_benchmark
from src.experiments.tables import make_markdown
from src.inference import engine

ROUNDS = 5
FRAMES = 250  # of Save_test; fewer would count its start too much
SLOWER = 1.1  # times the kept ratio, from which on a change counts as slower; less is noise
LONGEST_START = 1.0  # seconds that `python -m src check --help` may take


@dataclass(frozen=True)
class Pair:
    """Two rows of a group of the benchmark.

    Attributes:
        group: of the benchmark.
        ours: row of this project.
        other: row that it is compared with.
        kept: row of this project in the kept results, where it has another name; "" for the same one.
    """

    group: str
    ours: str
    other: str
    kept: str = ""


def list_pairs() -> dict[str, Pair]:
    """Lists what is measured, by what a person calls it."""
    has_bfloat16 = engine.has_bfloat16()
    save_test = "save_test" if has_bfloat16 else "save_test_float32"
    exact = "ours, float32" if has_bfloat16 else "ours"  # the kept results are of a processor with bfloat16
    return {
        "training step": Pair("train 192x320", "ours", "segmentation-models"),
        "one prediction": Pair("latency 192x320", exact, "bare OpenVINO", kept="ours, float32"),
        "Save_test": Pair(f"{save_test} 720x1280", "ours", "floor"),
    }


def measure_quickly(run: Path, data: Path) -> tuple[str, bool]:
    """Measures all pairs and the start of the command line.

    Args:
        run: folder of a finished joint run.
        data: folder of its data.

    Returns:
        A table in Markdown; whether anything is slower than it was.
    """
    kept = read_benchmark()["groups"]
    lines = []
    is_slower = False
    with tempfile.TemporaryDirectory() as folder:
        write_photos(data, Path(folder) / "save_test", FRAMES, PHOTO)
        groups = list_rows(run, Path(folder), {})
        for name, pair in list_pairs().items():
            rows = {row: groups[pair.group][row] for row in (pair.ours, pair.other)}
            measured = measure_rows(rows, ROUNDS)
            now = count_ratio(measured, pair.ours, pair.other)
            before = count_ratio(kept.get(pair.group, {}), pair.kept or pair.ours, pair.other)
            is_slower |= bool(now > SLOWER * before)
            milliseconds = 1e3 * np.median(measured[pair.ours]["seconds"])
            verdict = describe_change(now, before)
            lines.append([name, f"{milliseconds:.1f}", pair.other, f"{now:.2f}", f"{before:.2f}", verdict])
    start = measure_start()
    is_slower |= start > LONGEST_START
    verdict = "slower" if start > LONGEST_START else "as before"
    lines.append(["start of a command", f"{1e3 * start:.0f}", "-", "-", "-", verdict])
    head = ["what", "ms", "compared with", "ours / other", "kept", "verdict"]
    return make_markdown(lines, head), is_slower


def count_ratio(rows: dict[str, dict], ours: str, other: str) -> float:
    """Computes the median over the rounds of the time of one row / of another; NaN if one is missing."""
    if ours not in rows or other not in rows:
        return float("nan")
    return float(np.median(np.divide(rows[ours]["seconds"], rows[other]["seconds"])))


def describe_change(now: float, before: float) -> str:
    """Describes the change of a ratio."""
    if np.isnan(before):
        return "not measured before"
    if now > SLOWER * before:
        return f"{100 * (now / before - 1):.0f} % slower"
    return "as before" if now * SLOWER > before else f"{100 * (1 - now / before):.0f} % faster"


def measure_start() -> float:
    """Measures the seconds that `python -m src check --help` takes: the median of five."""
    seconds = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-m", "src", "check", "--help"], check=True, capture_output=True)
        seconds.append(time.perf_counter() - begin)
    return float(np.median(seconds))
