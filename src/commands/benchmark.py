"""Measures the speed of the project, compared with other programs."""

import argparse

from src.common import files
from src.common.arguments import parse_count, parse_seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.add_argument("run", type=files.expand_home, help="folder of a finished joint run, runs/joint-...")
    parser.add_argument(
        "--data", type=files.expand_home, required=True, help="folder that holds its Train and Test"
    )
    parser.add_argument(
        "--peers",
        type=files.expand_home,
        nargs="+",
        default=[],
        metavar="PYTHON",
        help="Pythons of the environments with the other programs",
    )
    parser.add_argument("--only", default="", help="only groups whose name begins so, as train")
    parser.add_argument(
        "--quality",
        type=files.expand_home,
        metavar="REFERENCE",
        help="measure training time to a given mIoU instead",
    )
    parser.add_argument(
        "--seeds", type=parse_seed, nargs="+", default=[0], help="seeds of these trainings (default: 0)"
    )
    parser.add_argument(
        "--rounds", type=parse_count, default=5, help="repetitions of a row, fewer of slow ones (default: 5)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="only tell in five minutes whether anything became slower"
    )
    parser.add_argument("--frames", type=parse_count, default=500, help="frames of Save_test (default: 500)")


def run(arguments: argparse.Namespace) -> int:
    """Measures the chosen rows, and prints all stored results; 1 if --quick found something slower."""
    from src import runs
    from src.common import startup

    runs.read_finished(arguments.run)
    startup.import_quietly()
    from src.experiments import benchmark, growth, peers, speeds

    if arguments.quick:
        from src.experiments import quick

        table, is_slower = quick.measure_quickly(arguments.run, arguments.data)
        print(table)
        return int(is_slower)
    pythons = peers.find_pythons(arguments.peers)
    if arguments.peers:
        print(peers.describe_missing(pythons), end="", flush=True)
    data = arguments.data
    if arguments.quality:
        benchmark.measure_quality(data, pythons, arguments.quality, arguments.seeds)
    else:
        benchmark.measure_groups(
            arguments.run, data, pythons, arguments.only, arguments.rounds, arguments.frames
        )
        growth.draw_growth(speeds.read_benchmark()["groups"])
    print(benchmark.describe_benchmark())
    return 0
