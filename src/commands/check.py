"""Checks a zip before it is uploaded."""

import argparse

from src.common import files
from src.common.arguments import parse_positive


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this verb."""
    parser.add_argument("zip", type=files.expand_home, help="the zip of a submission")
    parser.add_argument(
        "--data",
        type=files.expand_home,
        help="folder of the Test frames (default: Test, the built-in world's if empty)",
    )
    parser.add_argument(
        "--classes",
        type=files.expand_home,
        help="folder that holds classes.csv (default: Train beside --data)",
    )
    parser.add_argument(
        "--limit", type=parse_positive, default=1000, help="MB that the platform takes (default: 1000)"
    )


def run(arguments: argparse.Namespace) -> None:
    """Compares the zip with the Test frames."""
    from src.common.errors import SettingsError
    from src.data import classes as class_lists
    from src.data.location import find_default_data
    from src.data.samples import read_samples
    from src.submission.check import check_submission

    given = arguments.classes
    if given and not given.is_dir():  # the competition's classes would be taken
        raise SettingsError(
            f"--classes must be a folder with classes.csv, as Train, found nothing at {given}; correct it."
        )
    frames = arguments.data or find_default_data() / "Test"
    classes = class_lists.read_classes(given or frames.parent / "Train")
    check_submission(arguments.zip, read_samples(frames, classes), classes, arguments.limit)
    name = arguments.zip.name
    print(f"{name}: every frame is there, every mask has its photo's size, every id is a class.")
