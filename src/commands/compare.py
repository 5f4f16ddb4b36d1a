"""Lists your finished runs with settings and scores, or what differs between two of them."""

import argparse

from src.common import files
from src.common.errors import SettingsError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.add_argument(
        "runs",
        type=files.expand_home,
        nargs="*",
        help="two folders, as runs/joint-city-1a2b3c4d (default: all are listed)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Prints the tables.

    Raises:
        SettingsError: neither no run nor two are named.
    """
    from src.experiments import own_runs

    if not arguments.runs:
        print(own_runs.compare_all())
        return
    if len(arguments.runs) != 2:
        raise SettingsError(
            f"Two runs can be compared, found {len(arguments.runs)}; name two, or none for a list."
        )
    print(own_runs.compare_two(*map(own_runs.find_folder, arguments.runs)))
