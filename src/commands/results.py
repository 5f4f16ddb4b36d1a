"""Prints the tables of the runs in results/, or of your own, or copies a run there."""

import argparse
from pathlib import Path

from src.common import files
from src.common.errors import SettingsError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.add_argument(
        "--mine", action="store_true", help="prints your own runs: what was estimated, and what they got"
    )
    verbs = parser.add_subparsers(dest="what", metavar="{keep,fill,lengths,sheet}")
    keep = verbs.add_parser("keep", help="copies a run's result to results/")
    keep.add_argument("run", type=files.expand_home, help="folder below runs/")
    keep.add_argument(
        "--version", default="today", help="name of its settings in the tables (default: today)"
    )
    verbs.add_parser("fill", help="writes the tables into results/README.md and the pages of docs/")
    verbs.add_parser("lengths", help="draws the gain of longer trainings")
    sheet = verbs.add_parser("sheet", help="draws frames of a rendered world")
    sheet.add_argument(
        "world", type=files.expand_home, nargs="?", default=Path("world"), help="folder (default: world)"
    )
    sheet.add_argument(
        "--out", type=files.expand_home, default=Path("Imagenes/world.png"), help="PNG to write"
    )


def run(arguments: argparse.Namespace) -> None:
    """Runs the chosen action; without one, prints all tables.

    Raises:
        SettingsError: --mine has an action behind it, which would be left out.
    """
    from src.experiments import results

    if arguments.mine and arguments.what:
        raise SettingsError(
            f"--mine prints your own runs and takes no action, found '{arguments.what}'; leave one out."
        )
    if arguments.mine:
        from src.experiments import own_runs

        print(own_runs.describe_submissions())
    elif arguments.what == "keep":
        print(results.keep_result(arguments.run, arguments.version))
    elif arguments.what == "lengths":
        print(results.draw_lengths())
    elif arguments.what == "sheet":
        results.draw_sheet(arguments.world, arguments.out)
        print(arguments.out)
    elif arguments.what == "fill":
        results.fill_pages()
    else:
        tables = results.make_tables()
        print("\n\n".join(f"{name}\n\n{table}" for name, table in tables.items()))
