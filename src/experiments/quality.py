"""Minutes of training to one mean IoU, ours beside a peer's: measured, averaged over seeds, compared."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROWS = Path("benchmarks")
FACTORS = (0.5, 1.0, 2.0)  # of our learning rate, of which the peer may take its best


def measure_curves(
    folder: Path, reference: Path, peers: Path | None, seed: int
) -> dict[str, dict[str, list]]:
    """Trains ours and the peer, at FACTORS of our learning rate, on one data set; gives their curves by row.

    Args:
        folder: holds Train and Test, photos of one shape.
        reference: with the truth of Test.
        peers: python of the peers' environment, or None.
        seed: of new layers, order and augmentation.
    """
    curves = {}
    with tempfile.TemporaryDirectory() as beside:
        task = str(Path(beside) / "task.npz")
        words = [sys.executable, str(ROWS / "quality_ours.py"), str(folder), str(reference), task, str(seed)]
        curves["ours"] = _read_last(words)
        for factor in FACTORS if peers else ():
            words = [str(peers), str(ROWS / "quality_peer.py"), task, str(factor)]
            curves[f"smp, as shipped, learning rate x {factor:g}"] = _read_last(words)
    return curves


def _read_last(command: list[str]) -> dict:
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": "."})
    if done.returncode:
        raise RuntimeError(f"{command} died: {done.stderr[-1500:]}")
    return json.loads(done.stdout.splitlines()[-1])


def average_curves(kept: dict[str, dict[str, dict[str, list]]]) -> dict[str, dict[str, np.ndarray]]:
    """Averages each row's curve over the seeds.

    Args:
        kept: by seed, what `measure_curves` gives.
    """
    rows = {name: [curves[name] for curves in kept.values()] for name in next(iter(kept.values()), {})}
    return {
        name: {key: np.mean([curve[key] for curve in curves], 0) for key in ("minutes", "miou")}
        for name, curves in rows.items()
    }


def time_quality(curves: dict[str, dict[str, np.ndarray]]) -> tuple[float, dict[str, float]]:
    """Finds when each row first reached what ours and the best peer reach: that mIoU, and minutes by row.

    A row that never does has no minutes. Between two scores the curve is taken as straight.

    Args:
        curves: of `average_curves`.
    """
    best = {name: np.maximum.accumulate(curve["miou"]) for name, curve in curves.items()}
    ours, *others = (float(scores[-1]) for scores in best.values())
    quality = min([ours] + ([max(others)] if others else []))
    minutes = {}
    for name, scores in best.items():
        if scores[-1] >= quality:
            until = int(np.argmax(scores >= quality)) + 1  # checks, the last of which reaches it
            at = np.array([0, *scores[:until]]), np.array([0, *curves[name]["minutes"][:until]])
            minutes[name] = float(np.interp(quality, *at))
    return quality, minutes


def count_ratio(curves: dict[str, dict[str, np.ndarray]]) -> dict[str, float]:
    """Compares minutes to one quality: the fastest peer's over ours; nothing where no peer was measured."""
    minutes = time_quality(curves)[1] if len(curves) > 1 else {}
    others = [value for name, value in minutes.items() if name != "ours"]
    return {"time_to_quality": min(others) / minutes["ours"]} if others else {}


def table_of_quality(kept: dict[str, dict[str, dict[str, list]]]) -> str:
    """Lists in Markdown each row's minutes of training, its mIoU then, and when it reached the common one.

    Args:
        kept: by seed, what `measure_curves` gives; the table has the means.
    """
    curves = average_curves(kept)
    quality, minutes = time_quality(curves)
    lines = [f"| training | seeds | minutes | its mIoU % | minutes to {100 * quality:.1f} % |"]
    lines.append("|---" * 5 + "|")
    for name, curve in curves.items():
        reached = f"{minutes[name]:.1f}" if name in minutes else "not reached"
        ends = f"{curve['minutes'][-1]:.1f} | {100 * curve['miou'][-1]:.1f}"
        lines.append(f"| {name} | {len(kept)} | {ends} | {reached} |")
    return "\n".join(lines)
