"""Packs a competition of your own for Codabench: pages, leaderboard, the truth and the scoring program."""

import argparse
import sys

from src.common import files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.add_argument("out", type=files.expand_home, help="zip to write")
    parser.add_argument(
        "--reference", type=files.expand_home, required=True, help="folder with the truth of the test set"
    )
    parser.add_argument(
        "--title", default="Every pixel and the kind of place", help="title of the competition"
    )


def run(arguments: argparse.Namespace) -> int:
    """Writes the zip and prints where to upload it."""
    from src.common.errors import SettingsError
    from src.submission import bundle, scoring

    out = arguments.out
    if out.is_dir():
        raise SettingsError(
            f"{out} must be a zip to write, found a folder; name a file, as {out / 'city.zip'}."
        )
    try:
        bundle.write_bundle(out, arguments.reference, arguments.title)
    except scoring.ScoringError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{out} can be uploaded at https://www.codabench.org/competitions/upload/.")
    return 0
