"""Measures and compares the minutes of training to one mean IoU, ours and a peer's."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from src.experiments import tables

ROWS = Path("benchmarks")
FACTORS = (0.5, 1.0, 2.0)  # of our learning rate, with which the peer is trained; its best result counts


def measure_curves(
    folder: Path, reference: Path, peers: Path | None, seed: int
) -> dict[str, dict[str, list]]:
    """Trains our network, and the peer's at FACTORS of our learning rate, on one data set.

    Args:
        folder: holds Train and Test, photos of one shape.
        reference: with the truth of Test.
        peers: python of the peers' environment; None leaves the peer out.
        seed: of new layers, order and augmentation.

    Returns:
        By row a curve: "minutes" of training and "miou" at several checks.
    """
    curves = {}
    with tempfile.TemporaryDirectory() as temporary:
        task = str(Path(temporary) / "task.npz")  # ours writes it, the peer's reads it
        ours = [sys.executable, str(ROWS / "quality_ours.py"), str(folder), str(reference), task, str(seed)]
        curves["ours"] = _run_training(ours)
        if peers is None:
            return curves
        for factor in FACTORS:
            peer = [str(peers), str(ROWS / "quality_peer.py"), task, str(factor)]
            curves[f"smp, as shipped, learning rate x {factor:g}"] = _run_training(peer)
    return curves


def _run_training(command: list[str]) -> dict:
    """Runs a training in a process of its own; returns its curve, the JSON in its last line."""
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": "."})
    if done.returncode:
        raise RuntimeError(f"{command} died: {done.stderr[-1500:]}")
    return json.loads(done.stdout.splitlines()[-1])


def average_curves(by_seed: dict[str, dict[str, dict[str, list]]]) -> dict[str, dict[str, np.ndarray]]:
    """Averages each row's curve over the seeds.

    Args:
        by_seed: the curves of `measure_curves` of each seed; each seed has the same rows.
    """
    averaged = {}
    seeds = list(by_seed.values())
    for name in seeds[0] if seeds else ():
        minutes = np.mean([curves[name]["minutes"] for curves in seeds], 0)
        miou = np.mean([curves[name]["miou"] for curves in seeds], 0)
        averaged[name] = {"minutes": minutes, "miou": miou}
    return averaged


def time_quality(curves: dict[str, dict[str, np.ndarray]]) -> tuple[float, dict[str, float]]:
    """Finds the highest mIoU that ours and the best peer both reach, and the minutes each row takes to it.

    Between two checks the curve is interpolated linearly.

    Args:
        curves: of `average_curves`; the first row is ours.

    Returns:
        The mIoU, and the minutes by row, without rows that do not reach it.
    """
    best = {name: np.maximum.accumulate(curve["miou"]) for name, curve in curves.items()}
    quality, *others = (float(scores[-1]) for scores in best.values())
    if others:
        quality = min(quality, max(others))
    minutes = {}
    for name, scores in best.items():
        if scores[-1] >= quality:
            # Checks up to the first that reaches it.
            checks = int(np.argmax(scores >= quality)) + 1
            scores_to_there = np.array([0, *scores[:checks]])
            minutes_to_there = np.array([0, *curves[name]["minutes"][:checks]])
            minutes[name] = float(np.interp(quality, scores_to_there, minutes_to_there))
    return quality, minutes


def count_ratio(curves: dict[str, dict[str, np.ndarray]]) -> dict[str, float]:
    """Computes the ratio "time_to_quality": the fastest peer's minutes over ours; nothing without a peer."""
    if len(curves) < 2:
        return {}
    _, minutes = time_quality(curves)
    others = [value for name, value in minutes.items() if name != "ours"]
    if not others:
        return {}
    return {"time_to_quality": min(others) / minutes["ours"]}


def make_quality_table(by_seed: dict[str, dict[str, dict[str, list]]]) -> str:
    """Writes a table in Markdown: each row's minutes, its last mIoU, and its minutes to the common mIoU.

    Args:
        by_seed: the curves of `measure_curves` of each seed, which are averaged.
    """
    curves = average_curves(by_seed)
    quality, minutes = time_quality(curves)
    lines = []
    for name, curve in curves.items():
        reached = f"{minutes[name]:.1f}" if name in minutes else "not reached"
        last_minute = f"{curve['minutes'][-1]:.1f}"
        last_miou = f"{100 * curve['miou'][-1]:.1f}"
        lines.append([name, len(by_seed), last_minute, last_miou, reached])
    head = ["training", "seeds", "minutes", "mIoU % at the end", f"minutes to {100 * quality:.1f} %"]
    return tables.make_markdown(lines, head)
