"""Trains recipes one after another, and scores them on held-out recordings and on Test."""

import argparse

from src.common import files
from src.common.arguments import parse_count, parse_seed
from src.common.errors import SettingsError
from src.experiments.kept import ABLATION, AWAY, ESTIMATES

BATCH_SIZE = 4  # as in Train_seg_sem.ipynb
STEPS = 1200  # steps of both trainings together: about 12 minutes on two cores at 288 x 512 px


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.add_argument("list", type=files.expand_home, help="text file, one recipe per line, NAME: CHANGES")
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--data", type=files.expand_home, help="folder that holds Train and Test")
    pairs = "folders that hold Train, Test and reference each; prints a table of the scores on Test"
    place.add_argument("--away", type=files.expand_home, nargs="+", metavar="PAIR", help=pairs)
    parser.add_argument(
        "--reference", type=files.expand_home, help="with --data: folder with the truth of Test"
    )
    steps = f"steps of both trainings, one number or several (default: {STEPS})"
    parser.add_argument("--steps", type=parse_count, nargs="+", default=[STEPS], help=steps)
    parser.add_argument(
        "--batch-size", type=parse_count, default=BATCH_SIZE, help="frames per step (default: 4)"
    )
    parser.add_argument("--both", action="store_true", help="only frames that have a mask and a label")
    seeds = "seeds, as 0 1 2 (default: 0)"
    parser.add_argument("--seeds", type=parse_seed, nargs="+", default=[0], help=seeds)
    average = "with --away and several seeds: also scores the average of their networks"
    parser.add_argument("--average", action="store_true", help=average)
    estimates = f"with --away and several seeds: also estimates the scores ({ESTIMATES})"
    parser.add_argument("--estimates", action="store_true", help=estimates)
    ray = "auto or the address of a Ray cluster, which trains several at a time (requirements-scale.txt)"
    parser.add_argument("--ray", default="", help=ray)
    keep = f"file of results but the estimates (default: {ABLATION}; with --away: {AWAY})"
    parser.add_argument("--keep", type=files.expand_home, help=keep)


def run(arguments: argparse.Namespace) -> None:
    """Trains and scores the recipes that have no stored result yet."""
    from src.common import startup

    startup.import_quietly()
    from src.experiments import away, estimate_errors, estimates, sweep
    from src.experiments.bench import Bench

    if arguments.away is None and (arguments.average or arguments.estimates):
        raise SettingsError(
            "--average and --estimates need --away, found --data, which may lack the truth of Test; give the "
            "folder as --away FOLDER, where the truth lies in FOLDER/reference."
        )
    if arguments.away and arguments.reference:
        raise SettingsError(
            f"--reference needs --data, found --away and {arguments.reference}; with --away the truth "
            "lies in reference/ of each pair."
        )
    if arguments.estimates and len(arguments.seeds) < 2:
        raise SettingsError(
            "--estimates needs two seeds or more, for a network each that plays the held-out model and the "
            f"submitted one, found {len(arguments.seeds)}; write for example --seeds 0 1."
        )
    path = arguments.keep or (AWAY if arguments.away else ABLATION)
    pairs = [(arguments.data, arguments.reference)]
    if arguments.away:
        pairs = [(folder, folder / "reference") for folder in arguments.away]
    benches = []
    for folder, reference in pairs:
        bench = Bench(folder, reference, arguments.batch_size, arguments.both, path)
        benches.append(bench)
    steps = arguments.steps
    seeds = arguments.seeds
    sweep.measure_list(arguments.list, benches, seeds, steps, arguments.average, arguments.ray)
    if arguments.away:
        print(away.make_tables(path))
    if arguments.estimates:
        estimates.measure_list(arguments.list, benches, seeds, steps, ESTIMATES)
        print(estimate_errors.make_table(ESTIMATES))
