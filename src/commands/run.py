"""Runs the four notebooks top to bottom."""


def run_unparsed(arguments: list[str]) -> int:
    """Runs the notebooks with settings, NAME=VALUE each, whose names come from the notebooks themselves."""
    from src import run

    return run.main(arguments)
