"""The command line of the project: `python -m src VERB`."""

import argparse
import importlib
import sys

from src.common.errors import UserError

VERBS = {
    "run": "run the four notebooks top to bottom, as `make run` does",
    "doctor": "say what is in Train and Test, and what is wrong with it",
    "world": "render the built-in synthetic world",
    "check": "check a zip before it is uploaded",
    "score": "score an unpacked submission as the competition does",
    "bundle": "pack a competition of your own for Codabench",
    "report": "write one page of a finished run",
    "sweep": "train recipes one after another and score them",
    "results": "print the tables of what results/ holds, or keep a run there",
    "benchmark": "measure speed beside what one would use instead",
    "publish": "make all tables, pictures and outputs again that the pages show",
}


def main(words: list[str]) -> int:
    """Does what a verb asks for.

    Args:
        words: that follow `python -m src`.

    Returns:
        The exit code: 0, or 2 where the user has something to mend; `run` has more.
    """
    if not words or words[0] in ("-h", "--help"):
        print(describe_verbs())
        return 0
    verb, *rest = words
    if verb not in VERBS:
        print(f"The verb must be one of {', '.join(VERBS)}, found '{verb}'.", file=sys.stderr)
        return 2
    command = importlib.import_module(f"src.commands.{verb}")  # alone, so that each starts at once
    if hasattr(command, "read_caption"):
        return command.read_caption(rest)
    parser = argparse.ArgumentParser(
        prog=f"python -m src {verb}", description=command.__doc__.splitlines()[0]
    )
    command.add_arguments(parser)
    try:
        return command.run(parser.parse_args(rest)) or 0
    except (UserError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2


def describe_verbs() -> str:
    """Lists the verbs, a line each."""
    lines = ["python -m src VERB, where VERB is one of:", ""]
    lines += [f"  {verb:<10} {what}" for verb, what in VERBS.items()]
    return "\n".join([*lines, "", "python -m src VERB --help says what a verb takes."])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
