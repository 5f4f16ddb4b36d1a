"""Makes all again that the pages show: tables, pictures, the outputs of main.ipynb, the example zip."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what it takes."""
    parser.add_argument("--run", default="", help="a joint run on the built-in world (default: the last)")


def run(arguments: argparse.Namespace) -> None:
    """Makes it and lists what was written."""
    from src.common import startup

    startup.import_quietly()
    from src.experiments import publish

    for path in publish.publish(arguments.run):
        print(path)
