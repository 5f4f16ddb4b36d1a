"""Helps tests to compare texts."""

import re


def squeeze(text: str) -> str:
    """Replaces spaces that align the columns of a table by one space."""
    return re.sub(" +", " ", text)
