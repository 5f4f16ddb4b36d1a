"""Measures speed beside what one would use instead: `python -m src benchmark RUN --data DIR`.

Every row works in a process of its own (benchmarks/) and waits between its turns. In each round every row is
measured once, one after another, so that a slow minute of the machine meets all of them; a ratio is the
median over the rounds of the ratio within a round. The peers' rows need an environment of their own
(benchmarks/requirements-peers.txt) and are left out without. All is kept in `results/benchmark.json`.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import pandas as pd

from src import runs
from src.common import files
from src.data import classes as class_lists
from src.data import image_files
from src.data.reference import check_reference
from src.data.samples import read_samples
from src.experiments import quality
from src.experiments.speeds import (
    GROWTH,
    KEPT,
    PHOTO,
    count_ratios,
    read_kept,
    table_of_ratios,
    table_of_speeds,
)
from src.inference import engine

TRAIN_SIZES = ((192, 320), (352, 480))
MOST_ROUNDS = {"save_test": 3, "save_test_float32": 3, "growth": 1}  # of groups that take minutes
WARM = 20  # frames of a growing Save_test that do not count


# Rows in processes ----------------------------------------------
class Row:
    """A process that measures one row whenever it is asked."""

    def __init__(self, command: list[str]):
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=os.environ | {"PYTHONPATH": "."},
        )

    def wait_ready(self) -> None:
        """Waits for the first time that does not count."""
        self._read("ready")

    def measure(self) -> dict[str, float]:
        """Gives "seconds" an image and the process's peak "memory" in MB."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self._read("{"))

    def close(self) -> None:
        """Ends the process."""
        self.process.communicate()
        self.errors.close()

    def _read(self, begin: str) -> str:
        line = next((line for line in self.process.stdout if line.startswith(begin)), "")
        if not line:  # packages print lines of their own, so only the end means that it died
            self.errors.seek(0)
            raise RuntimeError(f"{self.process.args} died: {self.errors.read()[-1500:]}")
        return line


def list_rows(run: Path, folder: Path, peers: Path | None) -> dict[str, dict[str, list[str]]]:
    """Lists by group and row the commands that measure; the peers' where their python is known."""
    size = tuple(json.loads((run / "settings.json").read_text(encoding="utf-8"))["SIZE"])
    groups = _list_training()
    for at in ((192, 320), size):
        groups[f"latency {at[0]}x{at[1]}"] = _list_answers("answer_one", run, at)
        groups[f"throughput {at[0]}x{at[1]}"] = _list_answers("answer_many", run, at)
    photos = folder / "save_test"
    # most of it is the network, which is much faster in bfloat16: two processors' rows must not be mixed
    save_test = "save_test 720x1280" if engine.has_bfloat16() else "save_test_float32 720x1280"
    groups[save_test] = {
        "ours": ["save_ours", run, photos],
        "ours, with the mirror image": ["save_ours", run, photos, None, True],
        "frame by frame": ["save_loop", run, photos],
        "floor": ["save_floor", run, photos],
    }
    parts = ("reading", "network", "resizing", "PNG", "PNG, zip and check")
    groups["save_parts 720x1280"] = {part: ["save_part", run, photos, part] for part in parts}
    for group, sets in GROWTH.items():
        groups[group] = {name: ["save_ours", run, folder / name, WARM] for name in sets}
    return {
        group: {
            name: _make_command(name, row, peers)
            for name, row in rows.items()
            if peers or not _is_peer_row(name)
        }
        for group, rows in groups.items()
    }


def _list_training() -> dict[str, dict[str, list]]:
    """Lists the rows of a training step, and at the larger size of its parts."""
    groups: dict[str, dict[str, list]] = {}
    for at in TRAIN_SIZES:
        groups[f"train {at[0]}x{at[1]}"] = {
            "ours": ["train_ours", at],
            "segmentation-models": ["train_examples", at],
            "smp, same decoder": ["train", at, "same"],
            "smp, as shipped": ["train", at, "shipped"],
        }
    parts = ("augmentation", "backbone, forward", "network, forward", "and loss", "and gradients")
    groups[f"step {at[0]}x{at[1]}"] = {part: ["step_part", at, part] for part in parts}
    groups[f"step {at[0]}x{at[1]}"]["whole"] = ["train_ours", at]
    return groups


def _list_answers(what: str, run: Path, at: tuple[int, int]) -> dict[str, list]:
    """Lists the rows of a network's answers, for one photo at a time or many."""
    rows = {
        "ours": [what, run, at, "ours"],
        "bare OpenVINO": [what, run, at, "bare"],
        "Keras predict": [what, run, at, "keras"],
    }
    if engine.has_bfloat16():  # ours is as Save_test counts
        rows["ours, float32"] = [what, run, at, "ours, exact"]
        rows["bare OpenVINO, bfloat16"] = [what, run, at, "bare, fast"]
    if what == "answer_one":
        rows["bare LiteRT"] = [what, run, at, "litert"]
    return rows | {"smp, as shipped": [what, at, "shipped"]}


def _is_peer_row(name: str) -> bool:
    """Tells whether a row needs the peers' environment."""
    return name.startswith("smp")


def _make_command(name: str, row: list, peers: Path | None) -> list[str]:
    """Makes the command that measures a row: what it measures, then its arguments as JSON."""
    what, *arguments = row
    words = [what, *(json.dumps(str(word) if isinstance(word, Path) else word) for word in arguments)]
    if _is_peer_row(name):
        return [str(peers), str(quality.ROWS / "peers.py"), *words]
    return [sys.executable, str(quality.ROWS / "ours.py"), *words]


def measure_rows(commands: dict[str, list[str]], rounds: int) -> dict[str, dict]:
    """Measures a group's rows in turn, `rounds` times; gives of each its seconds and its memory in MB."""
    rows = {}
    try:
        for name, command in commands.items():  # one at a time, so that none disturbs another's beginning
            rows[name] = Row(command)
            rows[name].wait_ready()
        turns = [{name: row.measure() for name, row in rows.items()} for _ in range(rounds)]
    finally:
        for row in rows.values():
            row.close()
    return {
        name: {
            "seconds": [turn[name]["seconds"] for turn in turns],
            "memory": max(turn[name]["memory"] for turn in turns),
        }
        for name in rows
    }


def write_photos(folder: Path, out: Path, count: int, shape: tuple[int, int] = PHOTO) -> None:
    """Writes a data folder whose Test are `count` JPEGs of a shape, of the Test photos of another in turn."""
    samples = read_samples(folder / "Test", class_lists.read_classes(folder / "Train"))
    (out / "Test").mkdir(parents=True)
    (out / "Train").symlink_to((folder / "Train").resolve(), target_is_directory=True)
    names = [f"{number:05d}.jpg" for number in range(count)]
    for number, name in enumerate(names):
        path = out / "Test" / name
        if number >= len(samples):
            os.link(out / "Test" / names[number % len(samples)], path)
        else:
            photo = image_files.load_photo(samples["image"].iloc[number], shape)
            cv2.imwrite(str(path), photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    pd.DataFrame({"image_path": names}).to_csv(out / "Test" / "data.csv", index=False)


def measure_groups(run: Path, folder: Path, peers: Path | None, only: str, rounds: int, frames: int) -> None:
    """Measures the groups whose name begins with `only`, and keeps each as soon as it is measured."""
    photos = {"save_test": (frames, PHOTO)}
    groups = ("save_test 720x1280", "save_test_float32 720x1280", "save_parts 720x1280")
    sets = dict.fromkeys(groups, photos) | GROWTH
    with tempfile.TemporaryDirectory() as beside:
        for group, commands in list_rows(run, Path(beside), peers).items():
            if group.startswith(only):
                for name, (count, shape) in sets.get(group, {}).items():
                    if not (Path(beside) / name).exists():
                        write_photos(folder, Path(beside) / name, count, shape)
                turns = min(rounds, MOST_ROUNDS.get(group.split()[0], rounds))
                kept = read_kept()
                kept["groups"][group] = measure_rows(commands, turns)
                keep_measured(kept, group)
                print(f"{group} is measured.", flush=True)


def keep_measured(kept: dict, group: str) -> None:
    """Writes what was measured, on what machine and at which commit, and the ratios that follow."""
    made = {"machine": runs.describe_machine(), "commit": runs.find_commit()}
    kept["made"] = kept.get("made", {}) | {group: made}
    curves = quality.average_curves(kept.get("quality", {}))
    kept["ratios"] = count_ratios(kept["groups"]) | quality.count_ratio(curves)
    files.write_json(KEPT, kept)


def measure_quality(folder: Path, peers: Path | None, reference: Path, seeds: list[int]) -> None:
    """Measures the minutes to one mean IoU, ours and the peer's, and keeps them.

    Args:
        folder: holds Train and Test.
        peers: python of the peers' environment, or None.
        reference: with the truth of Test.
        seeds: of the trainings; what the first finds takes the place of all that was kept.
    """
    check_reference(reference, folder / "Test")
    found = {}
    for seed in seeds:
        found[str(seed)] = quality.measure_curves(folder, reference, peers, seed)
        keep_measured(read_kept() | {"quality": found}, "quality")


def describe_kept() -> str:
    """Writes all that is kept as tables."""
    kept = read_kept()
    tables = [str(table_of_speeds(kept)), str(table_of_ratios(kept["ratios"]))]
    if "quality" in kept:
        tables.append(str(quality.table_of_quality(kept["quality"])))
    return "\n\n".join(tables)
