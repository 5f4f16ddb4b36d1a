"""Trains recipes one after another, and scores them on held-out recordings and on Test."""

import argparse
from pathlib import Path

BATCH_SIZE = 4  # as in Train_seg_sem.ipynb
STEPS = 1200  # steps of both trainings together: about 12 minutes on two cores at 288 x 512 px
RESULTS = Path("results") / "ablation.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.add_argument("list", type=Path, help="text file, one recipe per line, NAME: CHANGES")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds Train and Test")
    parser.add_argument("--reference", type=Path, help="folder with the truth of Test")
    steps = f"steps of both trainings, one number or several (default: {STEPS})"
    parser.add_argument("--steps", type=int, nargs="+", default=[STEPS], help=steps)
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE, help="frames per step (default: 4)")
    parser.add_argument("--both", action="store_true", help="only frames that have a mask and a label")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="seeds, as 0 1 2 (default: 0)")
    parser.add_argument("--keep", type=Path, default=RESULTS, help=f"file of results (default: {RESULTS})")


def run(arguments: argparse.Namespace) -> None:
    """Trains and scores the recipes that have no stored result yet."""
    from src.common import startup

    startup.import_quietly()
    from src.experiments import sweep

    bench = sweep.Bench(
        folder=arguments.data,
        reference=arguments.reference,
        batch_size=arguments.batch_size,
        both=arguments.both,
        results=arguments.keep,
    )
    sweep.measure_list(arguments.list, bench, arguments.seeds, arguments.steps)
