"""Writes one page about a finished run: scores, figures, settings and versions."""

import argparse

from src.common import files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.add_argument("run", type=files.expand_home, help="folder of a finished joint run, runs/joint-...")


def run(arguments: argparse.Namespace) -> None:
    """Writes the page and prints its path."""
    from src.report import write_report

    print(write_report(arguments.run))
