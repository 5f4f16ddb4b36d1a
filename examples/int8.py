"""What does an exported network lose in integers of eight bits? Makes one of a finished run and measures it.

    .venv/bin/python -m pip install -r requirements-int8.txt
    .venv/bin/python -m examples.int8 runs/joint-world-0123abcd --data world

Scores the held-out model on the held-out frames in float32, float16 and int8, without test-time augmentation
as on a robot, and prints mean IoU and speed. Then writes the submitted model in int8 to the run's `int8/`.
"""

import argparse
import logging
import time
from pathlib import Path

import numpy as np
import openvino as ov
import pandas as pd

from src import runs
from src.common.errors import MissingError, OutdatedError, SettingsError, UserError
from src.common.spacing import choose_evenly
from src.data import classes as class_lists
from src.data.classes import Classes
from src.data.frames import Frames, load_frames
from src.data.recordings import find_blocks
from src.data.samples import fingerprint_data, read_samples
from src.data.splits import split_samples
from src.evaluation.evaluate import score_samples
from src.experiments.tables import make_markdown
from src.inference import engine
from src.settings import TrainingSettings

CALIBRATED = 100  # frames, evenly spaced, from which the ranges of the values are taken
ROUNDS = 5  # of the speed, in which the networks take turns
TIMED = 8  # predictions a round


def quantize(graph: ov.Model, frames: Frames) -> ov.Model:
    """Makes a copy of a graph that computes its convolutions in int8, except those within a channel.

    A depthwise convolution has few values a channel. Rounding it cost most of the mean IoU that int8 cost on
    the built-in world, and saved no time.

    Args:
        graph: of `engine.convert`.
        frames: of Train; CALIBRATED of them settle the ranges of the values.

    Raises:
        SettingsError: NNCF is not installed.
    """
    try:
        import nncf
    except ImportError as error:
        raise SettingsError(
            "int8 needs the package nncf, which is not installed; .venv/bin/python -m pip install -r "
            "requirements-int8.txt (.venv/Scripts/python on Windows)."
        ) from error
    nncf.set_log_level(logging.ERROR)  # else it lists each operation that stays as it is
    rows = choose_evenly(len(frames), CALIBRATED)
    images = nncf.Dataset([frames.get_input(row)[None] for row in rows])
    depthwise = nncf.IgnoredScope(types=["GroupConvolution"], validate=False)  # some networks have none
    return nncf.quantize(graph, images, subset_size=len(rows), ignored_scope=depthwise)


def measure_milliseconds(predictors: dict[str, engine.Engine], image: np.ndarray) -> dict[str, float]:
    """Measures the milliseconds a prediction of one image after another: the median over ROUNDS.

    Args:
        predictors: by name; they take turns, so that a slow minute of the machine slows all of them.
        image: uint8 (H, W, channels).
    """
    spent = {name: [] for name in predictors}
    for _ in range(1 + ROUNDS):
        for name, predictor in predictors.items():
            begin = time.perf_counter()
            for _ in range(TIMED):
                predictor.predict(image)
            spent[name].append(1e3 * (time.perf_counter() - begin) / TIMED)
    return {name: float(np.median(rounds[1:])) for name, rounds in spent.items()}  # the first one compiles


def compare(
    graphs: dict[str, ov.Model | Path],
    held_out: pd.DataFrame,
    frames: Frames,
    classes: Classes,
    size: tuple[int, int],
) -> str:
    """Compares graphs of one network: a table in Markdown of their scores on held-out frames and their speed.

    Args:
        graphs: by name; the first is the one that the others are compared with.
        held_out: table of the held-out frames.
        frames: the same frames, decoded.
        classes: of both tasks.
        size: (height, width) of the network's input.
    """
    predictors = {name: engine.Engine(graph, streams=1) for name, graph in graphs.items()}
    spent = measure_milliseconds(predictors, frames.get_input(0))
    scores = {}
    for name, predictor in predictors.items():
        scores[name] = score_samples(predictor, held_out, classes, size, tta=False).scores
    first = next(iter(graphs))
    lines = []
    for name, found in scores.items():
        loss = 100 * (scores[first].miou - found.miou)
        speed = spent[first] / spent[name]
        label = "-" if found.accuracy is None else f"{100 * found.accuracy:.1f}"
        lines.append([name, f"{100 * found.miou:.2f}", f"{loss:.2f}", label, f"{speed:.2f}"])
    head = ["network", "mean IoU, %", "loss, points", "labels' accuracy, %", "times as fast"]
    return make_markdown(lines, head)


def read_train(run: runs.Run, folder: Path) -> tuple[pd.DataFrame, Classes]:
    """Reads the table of Train and its classes.

    Raises:
        OutdatedError: the run was trained on other data.
    """
    classes = class_lists.read_classes(folder / "Train")
    samples = read_samples(folder / "Train", classes)
    trained_on = run.settings["data_fingerprint"]
    found = fingerprint_data(samples, classes)
    if found != trained_on:
        raise OutdatedError(
            f"--data must name the folder of the data that {run.folder} was trained on, {trained_on}, found "
            f"{found}; name that folder, or train anew."
        )
    return samples, classes


def make_int8(folder: Path, data: Path) -> str:
    """Measures the held-out model of a run in int8, and writes the submitted model in int8.

    Args:
        folder: of a finished joint run.
        data: folder that holds its Train.

    Returns:
        A table in Markdown.

    Raises:
        MissingError: the run is not finished, or it holds no frames out that could tell what int8 costs.
    """
    runs.read_finished(folder)
    run = runs.read_run(folder)
    samples, classes = read_train(run, data)
    first = runs.read_run(folder.parent / run.settings["SEGMENTER"])
    settings = TrainingSettings.from_dict(first.settings)
    held_out_export = folder / "held_out" / "export"
    if not held_out_export.exists():
        raise MissingError(
            f"{held_out_export} must hold the held-out model, found none; train with ESTIMATE='quick'."
        )
    frames = load_frames(samples, classes, settings.size, settings.recipe.depth)
    blocks = find_blocks(samples, frames.images, settings.group)
    train, held_out, _ = split_samples(samples, blocks, settings.seed)
    held_out = np.intersect1d(held_out, frames.useful)
    exact = ov.Core().read_model(held_out_export / engine.EXPORTED)
    graphs = {
        "float32": exact,
        "float16 weights": held_out_export / engine.HALF,
        "int8": quantize(exact.clone(), frames.take(train)),
    }
    table = compare(graphs, samples.iloc[held_out], frames.take(held_out), classes, settings.size)
    submitted = ov.Core().read_model(folder / "export" / engine.EXPORTED)
    ov.save_model(quantize(submitted, frames), folder / "int8" / engine.EXPORTED, compress_to_fp16=False)
    return table


def main() -> None:
    """`python -m examples.int8 RUN --data DIR`."""
    parser = argparse.ArgumentParser(prog="python -m examples.int8", description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path, help="folder of a finished joint run, runs/joint-...")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds its Train")
    arguments = parser.parse_args()
    try:
        print(make_int8(arguments.run, arguments.data))
    except UserError as error:
        raise SystemExit(str(error)) from error
    print(f"For a robot, in int8: {arguments.run / 'int8' / engine.EXPORTED}")


if __name__ == "__main__":
    main()
