"""Lists what is in Train and Test, and every problem; the exit code is 2 if there are errors."""

import argparse

from src.common import files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.add_argument("train", type=files.expand_home, help="folder of the frames to learn from")
    parser.add_argument("--test", type=files.expand_home, help="folder of the frames without published truth")


def run(arguments: argparse.Namespace) -> int:
    """Prints the tables and the problems."""
    from src.data.doctor import examine

    found = examine(arguments.train, arguments.test)
    for table in (found.frames, found.classes, found.light):
        if table.size:
            print(table.to_string(), end="\n\n")
    print(found.describe(every_row=True))
    has_errors = any(problem.level == "error" for problem in found.problems)
    return 2 if has_errors else 0
