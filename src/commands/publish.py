"""Makes all again that the pages show: tables, pictures, the outputs of main.ipynb, the example zip."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what it takes."""
    parser.add_argument("--run", default="", help="a joint run on the built-in world (default: the last)")
    help_version = "what the tables call its settings (default: today)"
    parser.add_argument("--version", default="today", help=help_version)


def run(arguments: argparse.Namespace) -> None:
    """Makes it and lists what was written."""
    from src.common import startup

    startup.import_quietly()
    from src.experiments import publish

    for path in publish.publish(arguments.run, arguments.version):
        print(path)
