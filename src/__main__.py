"""The command line of the project: `python -m src VERB`."""

import argparse
import importlib
import os
import sys

from src.common.errors import UserError

VERBS = {
    "run": "run the four notebooks top to bottom, as `make run` does",
    "bring": "bring a data set of another tool into the project's layout",
    "doctor": "list what is in Train and Test, and what is wrong with it",
    "world": "render the built-in synthetic world",
    "check": "check a zip before it is uploaded",
    "score": "score an unpacked submission as the competition does",
    "bundle": "pack a competition of your own for Codabench",
    "report": "write one page of a finished run",
    "compare": "list your runs, or what differs between two of them",
    "sweep": "train recipes one after another and score them",
    "results": "print the tables of what results/ holds, or keep a run there",
    "benchmark": "measure the speed, compared with other programs",
    "publish": "make all tables, pictures and outputs again that the pages show",
}


def main(arguments: list[str]) -> int:
    """Runs the command of a verb.

    Args:
        arguments: of the command line, behind `python -m src`.

    Returns:
        The exit code: 0, 2 for an error that the user can correct, 130 after an interruption; `run` has
        more codes.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print(describe_verbs())
        return 0
    verb, *rest = arguments
    if verb not in VERBS:
        print(
            f"The verb must be one of {', '.join(VERBS)}, found '{verb}'; see python -m src --help.",
            file=sys.stderr,
        )
        return 2
    try:
        return _run_verb(verb, rest)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130


def _run_verb(verb: str, arguments: list[str]) -> int:
    """Runs one command, prints an error that the user can correct in one line, and returns the exit code."""
    command = importlib.import_module(f"src.commands.{verb}")  # only this one, so that it starts fast
    if hasattr(command, "run_unparsed"):
        return command.run_unparsed(arguments)
    parser = argparse.ArgumentParser(
        prog=f"python -m src {verb}", description=command.__doc__.splitlines()[0]
    )
    command.add_arguments(parser)
    try:
        code = command.run(parser.parse_args(arguments)) or 0
        sys.stdout.flush()
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:  # who reads the output, as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.filename is None and not isinstance(error, FileNotFoundError):
            raise
        print(describe_system_error(error), file=sys.stderr)
        return 2
    return code


def describe_system_error(error: OSError) -> str:
    """Describes what the system says about a file, in a sentence."""
    if error.filename is None:
        return str(error)
    return (
        f"{error.filename} must be read or written, found: {error.strerror}; correct the path or its rights."
    )


def describe_verbs() -> str:
    """Lists the verbs, one per line."""
    lines = ["python -m src VERB, where VERB is one of:", ""]
    lines += [f"  {verb:<10} {what}" for verb, what in VERBS.items()]
    return "\n".join([*lines, "", "python -m src VERB --help lists the arguments of a verb."])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
