"""Says what is in Train and Test, and all that is wrong with it; exits 2 where there are errors."""

import argparse

from src.common import files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what it takes."""
    parser.add_argument("train", type=files.expand_home, help="folder of the frames to learn from")
    parser.add_argument("--test", type=files.expand_home, help="folder of the hidden test's frames")


def run(arguments: argparse.Namespace) -> int:
    """Prints the tables and the problems."""
    from src.data.doctor import examine

    found = examine(arguments.train, arguments.test)
    for table in (found.frames, found.classes, found.light):
        if table.size:
            print(table.to_string(), end="\n\n")
    print(found.describe(every_row=True))
    return 2 if any(problem.level == "error" for problem in found.problems) else 0
