"""Scores a submission as the competition does."""

import argparse
import sys

from src.common import files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.add_argument(
        "input", type=files.expand_home, help="folder with ref/ (the truth) and res/ (the unpacked zip)"
    )
    parser.add_argument("output", type=files.expand_home, help="folder for scores.json and scores.txt")


def run(arguments: argparse.Namespace) -> int:
    """Writes the scores and prints them."""
    from src.submission import scoring

    try:
        scoring.score_folders(arguments.input, arguments.output)
    except scoring.ScoringError as error:
        print(error, file=sys.stderr)
        return 2
    return 0
