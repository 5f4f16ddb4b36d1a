"""Compares the project's speed with that of other packages: `python -m src benchmark RUN --data DIR`.

Every row is measured in a process of its own (benchmarks/), which waits between its turns; in training it
begins anew, because all networks beside each other would not fit into the memory. In each round the rows are
measured one after another, so that a slow minute of the machine slows all of them. A ratio is the median over
the rounds of the ratio within a round. The rows of peers, other projects' networks, need environments of
their own (src/experiments/peers.py) and are left out without them. The results: `results/benchmark.json`.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import cv2
import pandas as pd

from src import runs
from src.common import files
from src.common.errors import SettingsError
from src.data import classes as class_lists
from src.data import image_files
from src.data.reference import check_reference
from src.data.samples import read_samples
from src.experiments import growth, peers, quality
from src.experiments.kept import BENCHMARK
from src.experiments.rows import measure_apart, measure_rows
from src.experiments.speeds import (
    PHOTO,
    count_ratios,
    make_ratios_table,
    make_speeds_table,
    read_benchmark,
)
from src.inference import engine

TRAIN_SIZES = ((192, 320), (352, 480))
MOST_ROUNDS = {"save_test": 3, "save_test_float32": 3, "growth": 1}  # for groups that take minutes
WORLD = 40  # frames of each city that are rendered


def list_rows(run: Path, folder: Path, pythons: dict[str, Path]) -> dict[str, dict[str, list[str]]]:
    """Lists the commands that measure, by group and row.

    Args:
        run: folder of a finished joint run.
        folder: of the photos that `write_photos` writes.
        pythons: of `peers.find_pythons`; peers whose package is not among them are left out.
    """
    size = tuple(json.loads((run / "settings.json").read_text(encoding="utf-8"))["SIZE"])
    groups = _list_training()
    for height, width in ((192, 320), size):
        groups[f"latency {height}x{width}"] = _list_predictions("answer_one", run, (height, width))
        groups[f"throughput {height}x{width}"] = _list_predictions("answer_many", run, (height, width))
    photos = folder / "save_test"
    # Processors with and without bfloat16 have groups of their own, because the network takes most of the
    # time and is much faster in bfloat16.
    save_test = "save_test 720x1280" if engine.has_bfloat16() else "save_test_float32 720x1280"
    groups[save_test] = {
        "ours": ["save_ours", run, photos],
        "ours, with three views": ["save_ours", run, photos, None, True],
        "frame by frame": ["save_loop", run, photos],
        "floor": ["save_floor", run, photos],
    }
    parts = ("reading", "network", "resizing", "PNG", "PNG, zip and check")
    groups["save_parts 720x1280"] = {part: ["save_part", run, photos, part] for part in parts}
    for group, sets in growth.SAVE_TEST.items():
        groups[group] = {name: ["save_ours", run, folder / name, growth.WARM] for name in sets}
    for group, step in growth.STEPS.items():
        groups[group] = {
            name: [step, run, folder / "train" / name, folder / growth.FEW] for name in growth.TRAIN
        }
    groups["world 360x640"] = {"ours": ["render", WORLD]}
    return {group: _make_commands(rows, pythons) for group, rows in groups.items()}


def _list_training() -> dict[str, dict[str, list]]:
    """Lists the rows of a training step at each of TRAIN_SIZES, and of its parts at the last of them."""
    groups: dict[str, dict[str, list]] = {}
    for size in TRAIN_SIZES:
        groups[f"train {size[0]}x{size[1]}"] = {
            "ours": ["train_ours", size],
            "segmentation-models": ["train_examples", size],
            **peers.list_training(size),
        }
    size = TRAIN_SIZES[-1]
    parts = ("augmentation", "backbone, forward", "network, forward", "and loss", "and gradients")
    rows = {part: ["step_part", size, part] for part in parts}
    rows["whole"] = ["train_ours", size]
    groups[f"step {size[0]}x{size[1]}"] = rows
    return groups


def _list_predictions(function: str, run: Path, size: tuple[int, int]) -> dict[str, list]:
    """Lists the rows of a network's predictions.

    Args:
        function: "answer_one" for one photo at a time or "answer_many" for many.
        run: folder of a finished joint run.
        size: (height, width) of the photos.
    """
    rows = {
        "ours": [function, run, size, "ours"],
        "bare OpenVINO": [function, run, size, "bare"],
        "Keras predict": [function, run, size, "keras"],
    }
    if engine.has_bfloat16():  # "ours" computes in bfloat16 then, as Save_test does
        rows["ours, float32"] = [function, run, size, "ours, exact"]
        rows["bare OpenVINO, bfloat16"] = [function, run, size, "bare, fast"]
    if function == "answer_one":
        rows["bare LiteRT"] = [function, run, size, "litert"]
    rows["segmentation-models"] = [function, run, size, "examples"]
    return rows | peers.list_predictions(function, size)


def _make_commands(rows: dict[str, list], pythons: dict[str, Path]) -> dict[str, list[str]]:
    """Makes the commands of a group's rows; leaves out the peers that `pythons` does not have."""
    commands = {}
    for name, row in rows.items():
        peer = peers.PEERS.get(name)
        if peer is None:
            script = "growth.py" if row[0] in (*growth.STEPS.values(), "render") else "ours.py"
            commands[name] = [sys.executable, str(quality.ROWS / script), *_encode_row(row)]
        elif peer.package in pythons:
            commands[name] = [str(pythons[peer.package]), str(quality.ROWS / peer.script), *_encode_row(row)]
    return commands


def _encode_row(row: list) -> list[str]:
    """Writes a row for a command line: the name of its function, then the arguments as JSON."""
    function, *arguments = row
    return [function, *(json.dumps(argument, default=str) for argument in arguments)]


def write_photos(folder: Path, out: Path, count: int, shape: tuple[int, int] = PHOTO) -> None:
    """Writes a data folder with `count` JPEGs of one shape as its Test.

    Args:
        folder: data folder whose Test photos are resized for it; its Train becomes that of `out`.
        out: folder to make.
        count: number of photos; those of `folder` are repeated as often as need be.
        shape: (height, width) of each photo.
    """
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


def measure_groups(
    run: Path, folder: Path, pythons: dict[str, Path], only: str, rounds: int, frames: int
) -> None:
    """Measures groups of rows, and writes the results after each group.

    Args:
        run: folder of a finished joint run.
        folder: of the data.
        pythons: of `peers.find_pythons`.
        only: beginning of the names of the groups to measure; "" for all.
        rounds: of each group, at most.
        frames: photos of Save_test.

    Raises:
        SettingsError: no group's name begins with `only`.
    """
    photos = {"save_test": (frames, PHOTO)}
    groups = ("save_test 720x1280", "save_test_float32 720x1280", "save_parts 720x1280")
    sets = dict.fromkeys(groups, photos) | growth.SAVE_TEST
    with tempfile.TemporaryDirectory() as temporary:
        all_rows = list_rows(run, Path(temporary), pythons)
        chosen = {group: commands for group, commands in all_rows.items() if group.startswith(only)}
        if not chosen:
            raise SettingsError(
                f"--only must begin the name of a group, found '{only}'; choose from {', '.join(all_rows)}."
            )
        for group, commands in chosen.items():
            for name, (count, shape) in sets.get(group, {}).items():
                out = Path(temporary) / name
                if not out.exists():
                    write_photos(folder, out, count, shape)
            if group in growth.STEPS:
                growth.write_trains(folder, Path(temporary))
            kind = group.split()[0]
            turns = min(rounds, MOST_ROUNDS.get(kind, rounds))
            benchmark = read_benchmark()
            measure = measure_apart if kind == "train" else measure_rows
            benchmark["groups"][group] = measure(commands, turns)
            write_benchmark(benchmark, group)
            print(f"{group} is measured.", flush=True)


def write_benchmark(benchmark: dict, group: str) -> None:
    """Writes the results to BENCHMARK, with the ratios that follow from them.

    Args:
        benchmark: as `read_benchmark` returns it, with new results.
        group: that was measured, by this machine and commit.
    """
    made = {"machine": runs.describe_machine(), "commit": runs.find_commit()}
    benchmark["made"] = benchmark.get("made", {}) | {group: made}
    curves = quality.average_curves(benchmark.get("quality", {}))
    benchmark["ratios"] = count_ratios(benchmark["groups"]) | quality.count_ratio(curves)
    files.write_json(BENCHMARK, benchmark)


def measure_quality(folder: Path, pythons: dict[str, Path], reference: Path, seeds: list[int]) -> None:
    """Measures the minutes to one mean IoU, ours and the peer's, and writes them after each seed.

    Args:
        folder: holds Train and Test.
        pythons: of `peers.find_pythons`.
        reference: with the truth of Test.
        seeds: of the trainings; the results of the first replace all earlier ones.
    """
    check_reference(reference, folder / "Test")
    curves = {}
    for seed in seeds:
        curves[str(seed)] = quality.measure_curves(folder, reference, pythons.get(peers.SMP), seed)
        write_benchmark(read_benchmark() | {"quality": curves}, "quality")


def describe_benchmark() -> str:
    """Describes all results of the benchmark in tables."""
    benchmark = read_benchmark()
    tables = [make_speeds_table(benchmark), make_ratios_table(benchmark["ratios"])]
    tables.append(peers.make_peers_table(benchmark["groups"]))
    tables.append(growth.make_growth_table(benchmark["groups"]))
    if "quality" in benchmark:
        tables.append(quality.make_quality_table(benchmark["quality"]))
    return "\n\n".join(tables)
