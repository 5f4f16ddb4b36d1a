"""Values of the command line that several verbs take."""

import argparse

# numpy and scikit-learn take seeds below 2**32, and the seeds of PRESET="best" are a few thousand larger.
LARGEST_SEED = 4_000_000_000


def parse_count(text: str) -> int:
    """Reads a whole number of 1 or more.

    Raises:
        argparse.ArgumentTypeError: the text is anything else.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(
            f"must be a whole number of 1 or more, found '{text}'; write for example 4"
        )
    return int(text)


def parse_seed(text: str) -> int:
    """Reads a whole number from 0 to LARGEST_SEED.

    Raises:
        argparse.ArgumentTypeError: the text is anything else.
    """
    if not text.isdecimal() or int(text) > LARGEST_SEED:
        raise argparse.ArgumentTypeError(
            f"must be a whole number from 0 to {LARGEST_SEED:,}, found '{text}'; write for example 1"
        )
    return int(text)


def parse_positive(text: str) -> float:
    """Reads a number above 0.

    Raises:
        argparse.ArgumentTypeError: the text is anything else.
    """
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not number > 0:  # nor NaN
        raise argparse.ArgumentTypeError(f"must be a number above 0, found '{text}'; write for example 300")
    return number
