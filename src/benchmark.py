"""Measures speed beside what one would use instead: `python -m src.benchmark RUN --data DIR`.

Every row works in a process of its own (benchmarks/) and waits between its turns. In each round every row is
measured once, one after another, so that a slow minute of the machine meets all of them; a ratio is the
median over the rounds of the ratio within a round. The peers' rows need an environment of their own
(benchmarks/requirements-peers.txt) and are left out without. All is kept in `results/benchmark.json`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from src import charts, data, engine, figures, files, pictures, quality, record
from src import classes as class_lists

KEPT = Path("results") / "benchmark.json"
TRAIN_SIZES = ((192, 320), (352, 480))
PHOTO = (720, 1280)
GROWTH = {  # group: row: frames of Save_test, and their height and width
    "growth frames": {f"{count:,} frames": (count, (360, 640)) for count in (100, 1000, 10000)},
    "growth pixels": {f"{h} x {w} px": (100, (h, w)) for h, w in ((360, 640), PHOTO, (1440, 2560))},
}
MOST_ROUNDS = {"save_test": 3, "save_test_float32": 3, "growth": 1}  # of groups that take minutes
WARM = 20  # frames of a growing Save_test that do not count
FIGURE = Path("Imagenes") / "growth.png"


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
            if peers or not _is_peers(name)
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


def _is_peers(name: str) -> bool:
    """Tells whether a row needs the peers' environment."""
    return name.startswith("smp")


def _make_command(name: str, row: list, peers: Path | None) -> list[str]:
    """Makes the command that measures a row: what it measures, then its arguments as JSON."""
    what, *arguments = row
    words = [what, *(json.dumps(str(word) if isinstance(word, Path) else word) for word in arguments)]
    if _is_peers(name):
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


# What it comes to ----------------------------------------------

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


def write_photos(folder: Path, out: Path, count: int, shape: tuple[int, int] = PHOTO) -> None:
    """Writes a data folder whose Test are `count` JPEGs of a shape, of the Test photos of another in turn."""
    samples = data.read_samples(folder / "Test", class_lists.read_classes(folder / "Train"))
    (out / "Test").mkdir(parents=True)
    (out / "Train").symlink_to((folder / "Train").resolve(), target_is_directory=True)
    names = [f"{number:05d}.jpg" for number in range(count)]
    for number, name in enumerate(names):
        path = out / "Test" / name
        if number >= len(samples):
            os.link(out / "Test" / names[number % len(samples)], path)
        else:
            photo = pictures.load_photo(samples["image"].iloc[number], shape)
            cv2.imwrite(str(path), photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    pd.DataFrame({"image_path": names}).to_csv(out / "Test" / "data.csv", index=False)


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
        figures.keep(charts.plot_growth(*tables), FIGURE)


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


def read_kept() -> dict:
    """Reads what was measured before."""
    return json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {"groups": {}}


def keep_measured(kept: dict, group: str) -> None:
    """Writes what was measured, on what machine and at which commit, and the ratios that follow."""
    made = {"machine": record.describe_machine(), "commit": record.find_commit()}
    kept["made"] = kept.get("made", {}) | {group: made}
    curves = quality.average_curves(kept.get("quality", {}))
    kept["ratios"] = count_ratios(kept["groups"]) | quality.count_ratio(curves)
    files.write_json(KEPT, kept)


def main() -> None:
    """`python -m src.benchmark RUN --data DIR`."""
    parser = argparse.ArgumentParser(prog="python -m src.benchmark", description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished joint run, runs/joint-...")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds its Train and Test")
    parser.add_argument("--peers", type=Path, help="python of the peers' environment")
    parser.add_argument("--only", default="", help="groups whose name begins so, as train")
    parser.add_argument("--quality", type=Path, metavar="REFERENCE", help="trains instead: time to one mIoU")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of these trainings (default: 0)")
    parser.add_argument(
        "--rounds", type=int, default=5, help="turns of a row, fewer of slow ones (default: 5)"
    )
    parser.add_argument("--frames", type=int, default=500, help="of Save_test (default: 500)")
    given = parser.parse_args()
    try:
        record.read_finished(given.run)
        if given.quality:
            data.check_reference(given.quality, given.data / "Test")
            for number, seed in enumerate(given.seeds):
                curves = quality.measure_curves(given.data, given.quality, given.peers, seed)
                kept = read_kept()  # the first takes the place of all that was measured before
                kept["quality"] = (kept["quality"] if number else {}) | {str(seed): curves}
                keep_measured(kept, "quality")
        else:
            measure_groups(given.run, given.data, given.peers, given.only, given.rounds, given.frames)
            draw_growth(read_kept()["groups"])
    except (FileNotFoundError, RuntimeError, ValueError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    kept = read_kept()
    print(f"{table_of_speeds(kept)}\n\n{table_of_ratios(kept['ratios'])}")
    if "quality" in kept:
        print(f"\n{quality.table_of_quality(kept['quality'])}")


if __name__ == "__main__":
    main()
