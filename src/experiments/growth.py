"""How time and memory grow with the number of frames and with their pixels."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from src.data import classes as class_lists
from src.data.samples import read_samples
from src.experiments import curves, tables
from src.figures import style

SAVE_TEST = {  # by group and row: frames of Save_test, and their height and width
    "growth frames": {
        "100 frames": (100, (360, 640)),
        "1,000 frames": (1000, (360, 640)),
        "10,000 frames": (10000, (360, 640)),
        "30,000 frames": (30000, (360, 640)),
    },
    "growth pixels": {
        "360 x 640 px": (100, (360, 640)),
        "720 x 1280 px": (100, (720, 1280)),
        "1440 x 2560 px": (100, (1440, 2560)),
        "2160 x 3840 px": (100, (2160, 3840)),
    },
}
TRAIN = {"100 frames": 100, "1,000 frames": 1000, "10,000 frames": 10000, "30,000 frames": 30000}
WARM = 20  # frames of the first round, which does not count
FEW = "few"  # folder of these
# Of what precedes a training, by group: the function of benchmarks/growth.py that measures it.
STEPS = {
    "growth doctor": "doctor",
    "growth set-up": "set_up",
    "growth split": "split",
    "growth audit": "audit",
}
LINEAR = ("growth doctor", "growth set-up", "growth frames")  # split and audit compare pairs of photos
FIGURE = Path("Imagenes") / "growth.png"


def write_trains(folder: Path, out: Path) -> None:
    """Writes the sets of TRAIN to `out`/train, and WARM frames to `out`/FEW, unless they are there.

    Args:
        folder: data folder whose Train is repeated.
        out: folder for the sets.
    """
    if (out / FEW).exists():
        return
    write_train(folder, out / FEW, WARM)
    for name, count in TRAIN.items():
        write_train(folder, out / "train" / name, count)


def write_train(folder: Path, out: Path, count: int) -> None:
    """Writes a data folder whose Train has `count` frames.

    Args:
        folder: data folder; its Train is repeated as often as need be, by hard links and with other robots.
        out: folder to make.
        count: number of frames.
    """
    samples = read_samples(folder / "Train", class_lists.read_classes(folder / "Train"))
    train = out / "Train"
    train.mkdir(parents=True)
    rows = []
    for number in range(count):
        turn, place = divmod(number, len(samples))
        sample = samples.iloc[place]
        row = {"timestamp": sample["time"], "robot_id": f"{turn}-{sample['robot']}"}
        row["image_lvl_label"] = sample.get("image_lvl_label", "")
        for column, kind in (("image_path", "image"), ("label_path", "mask")):
            if sample[kind]:
                row[column] = f"{number:05d}-{kind}{Path(sample[kind]).suffix}"
                if turn:
                    os.link(train / rows[place][column], train / row[column])
                else:
                    shutil.copyfile(sample[kind], train / row[column])
        rows.append(row)
    pd.DataFrame(rows).to_csv(train / "data.csv", index=False)
    listed = folder / "Train" / "classes.csv"
    if listed.exists():
        shutil.copyfile(listed, train / "classes.csv")


def count_ratios(groups: dict[str, dict[str, dict]]) -> dict[str, float]:
    """Computes "memory_growth" and "time_growth" as far as they were measured; 1 is a straight line.

    Args:
        groups: as of `speeds.count_ratios`.

    Returns:
        The peak memory of Save_test at 10,000 frames against 100, and the time a frame at 30,000 frames
        against 1,000, of all of LINEAR that grows most.
    """
    found = {}
    if "growth frames" in groups:
        rows = groups["growth frames"]
        found["memory_growth"] = rows["10,000 frames"]["memory"] / rows["100 frames"]["memory"]
    times = []
    for group in LINEAR:
        rows = groups.get(group, {})
        if "30,000 frames" in rows:
            few, many = (np.median(rows[name]["seconds"]) for name in ("1,000 frames", "30,000 frames"))
            times.append(float(many / few))
    if times:
        found["time_growth"] = max(times)
    return found


def make_growth_table(groups: dict[str, dict[str, dict]]) -> str:
    """Writes a table in Markdown: seconds, milliseconds a frame and MB of each row, against the first row.

    Args:
        groups: as of `speeds.count_ratios`.
    """
    lines = []
    for group in (*STEPS, *SAVE_TEST):
        rows = groups.get(group, {})
        if not rows:
            continue
        first = next(iter(rows.values()))
        first_milliseconds = 1e3 * float(np.median(first["seconds"]))
        for name, row in rows.items():
            milliseconds = 1e3 * float(np.median(row["seconds"]))
            what = group.removeprefix("growth ")
            what = f"Save_test, {what}" if group in SAVE_TEST else what
            times = f"{milliseconds / first_milliseconds:.2f}"
            memory = f"{row['memory'] / first['memory']:.2f}"
            lines.append([what, name, f"{milliseconds:.1f}", times, f"{row['memory']:.0f}", memory])
    return tables.make_markdown(lines, ["what", "of", "ms a frame", "/ first", "peak MB", "/ first "])


def draw_growth(groups: dict[str, dict[str, dict]]) -> None:
    """Draws the groups of SAVE_TEST to FIGURE, their rows that were measured, if there are two of each."""
    if all(len(groups.get(group, {})) > 1 for group in SAVE_TEST):
        frames = _list_growth(groups, "growth frames")
        pixels = _list_growth(groups, "growth pixels")
        style.save_figure(curves.plot_growth(frames, pixels), FIGURE)


def _list_growth(groups: dict[str, dict[str, dict]], group: str) -> pd.DataFrame:
    """Lists "frames", "pixels", "memory" and median "seconds" of each measured row of a group."""
    rows = []
    for name, measured in groups[group].items():
        count, (height, width) = SAVE_TEST[group][name]
        rows.append(
            {
                "frames": count,
                "pixels": height * width,
                "memory": measured["memory"],
                "seconds": float(np.median(measured["seconds"])),
            }
        )
    return pd.DataFrame(rows)
