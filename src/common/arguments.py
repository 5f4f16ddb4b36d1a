"""Values of the command line that several verbs take."""

import argparse


def parse_count(text: str) -> int:
    """Reads a whole number of 1 or more.

    Raises:
        argparse.ArgumentTypeError: the text is anything else.
    """
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(
            f"must be a whole number of 1 or more, found '{text}'; write for example 4"
        )
    return int(text)
