"""Runs the four notebooks top to bottom."""


def read_caption(words: list[str]) -> int:
    """Takes NAME=VALUE words, which the notebooks themselves explain."""
    from src import run

    return run.main(words)
