"""Measures speed beside what one would use instead."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what it takes."""
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


def run(arguments: argparse.Namespace) -> None:
    """Measures what is asked for, and prints all that is kept."""
    from src import runs
    from src.common import startup

    runs.read_finished(arguments.run)
    startup.import_quietly()
    from src.experiments import benchmark, speeds

    where = (arguments.data, arguments.peers)
    if arguments.quality:
        benchmark.measure_quality(*where, arguments.quality, arguments.seeds)
    else:
        benchmark.measure_groups(arguments.run, *where, arguments.only, arguments.rounds, arguments.frames)
        speeds.draw_growth(speeds.read_kept()["groups"])
    print(benchmark.describe_kept())
