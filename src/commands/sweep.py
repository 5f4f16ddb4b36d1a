"""Trains recipes one after another, and scores them on held-out recordings and on Test."""

import argparse
from pathlib import Path

BATCH_SIZE = 4  # as in Train_seg_sem.ipynb
STEPS = 1200  # of both trainings together: about 12 minutes on two cores at 288 x 512 px
KEPT = Path("results") / "ablation.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what it takes."""
    parser.add_argument("list", type=Path, help="text file with a line a recipe, NAME: CHANGES")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds Train and Test")
    parser.add_argument("--reference", type=Path, help="folder with the truth of Test")
    steps = f"of both trainings, one number or several (default: {STEPS})"
    parser.add_argument("--steps", type=int, nargs="+", default=[STEPS], help=steps)
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE, help="frames a step (default: 4)")
    parser.add_argument("--both", action="store_true", help="only frames that have a mask and a label")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="as 0 1 2 (default: 0)")
    parser.add_argument("--keep", type=Path, default=KEPT, help=f"where to keep it (default: {KEPT})")


def run(arguments: argparse.Namespace) -> None:
    """Trains and scores what is not kept yet."""
    from src.common import startup

    startup.import_quietly()
    from src.experiments import sweep

    bench = sweep.Bench(
        folder=arguments.data,
        reference=arguments.reference,
        batch_size=arguments.batch_size,
        both=arguments.both,
        kept=arguments.keep,
    )
    sweep.measure_list(arguments.list, bench, arguments.seeds, arguments.steps)
