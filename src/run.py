"""Runs the four notebooks top to bottom, as `make run` does: `python -m src run [NAME=VALUE ...]`."""

import ast
import asyncio
import atexit
import contextlib
import difflib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TextIO

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from src import project
from src.common import errors, files
from src.common.errors import SettingsError, UserError
from src.common.progress import PlainLines, choose_writer
from src.common.sizes import check_size
from src.data.location import PARTS, holds_user_data, refuse_part
from src.data.tables import explain_missing
from src.scores import read_scored
from src.settings import (
    CHOICES,
    SMALLEST_NUMBERS,
    check_choice,
    check_epochs,
    check_minutes,
    check_seed,
    check_whole_number,
    read_recipe,
)

NOTEBOOKS = ("Train_seg_sem.ipynb", "Train_label_seg.ipynb", "Save_test.ipynb", "main.ipynb")
EXECUTED = Path("runs") / "notebooks"
ADDED = "# Set by make run"  # how the cell begins that holds the settings of the command line
# Remain text, even if a folder is called 2026.
TEXTS = ("DATA", "REFERENCE", "RECIPE", "RUN", "RAY", "SCORED")
NUMBER = ((int, float), "a number")
# Type of a notebook's default -> the types that a new value may have, and their name in a message.
KINDS = {bool: (bool, "True or False"), int: NUMBER, float: NUMBER}
# Errors that the user can correct, too, raised by code that imports nothing of `src`.
OTHER_ERRORS = {"ImportError", "ScoringError"}


class EchoingClient(NotebookClient):
    """Runs a notebook and copies what its cells print to the terminal, progress bars included."""

    interrupted = False
    terminal: TextIO | PlainLines = sys.stderr

    async def async_start_new_kernel(self, **kwargs: object) -> None:
        """Starts the kernel; Ctrl-C and SIGTERM interrupt the running cell like a notebook's stop button."""
        await super().async_start_new_kernel(**kwargs)
        with contextlib.suppress(NotImplementedError):  # Windows has no such handlers
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, self.interrupt)

    def interrupt(self) -> None:
        """Interrupts the running cell."""
        self.interrupted = True
        self.interruption = asyncio.ensure_future(self.km.interrupt_kernel())

    def output(self, outs: list, msg: dict, display_id: str, cell_index: int) -> object:
        """Handles one message of the kernel; printed text goes to the terminal, too."""
        if msg["msg_type"] == "stream":
            self.terminal.write(msg["content"]["text"])
            self.terminal.flush()
        return super().output(outs, msg, display_id, cell_index)


def read_settings(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """Reads the settings of the cell tagged `parameters`: {name: source code of its value}."""
    cell = _find_parameters(notebook)
    settings = {}
    for statement in ast.parse(cell.source).body:
        if not isinstance(statement, ast.Assign):
            continue
        for target in statement.targets:
            if isinstance(target, ast.Name) and target.id.isupper():
                settings[target.id] = ast.unparse(statement.value)
    return settings


def _find_parameters(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Finds the cell tagged `parameters`."""
    return next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))


def list_settings(notebooks: Iterable[nbformat.NotebookNode]) -> str:
    """Lists every setting once, with default and comment, as the first notebook that has it shows it."""
    found = {}
    for notebook in notebooks:
        for line in _find_parameters(notebook).source.splitlines():
            found.setdefault(line.partition(" = ")[0], line)
    return "\n".join(found.values())


def parse_settings(arguments: list[str], names: set[str]) -> dict[str, object]:
    """Reads settings from command-line arguments; a value that is no Python literal is a text.

    Args:
        arguments: NAME=VALUE each.
        names: every setting of the notebooks.

    Raises:
        SettingsError: an argument has no "=", or a name is unknown; the message gives the nearest name.
    """
    settings = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals:
            raise SettingsError(
                f"A setting must be given as NAME=VALUE, found '{argument}'; write for example SEED=1."
            )
        if name not in names:
            nearest = difflib.get_close_matches(name.upper(), sorted(names), n=1, cutoff=0)[0]
            raise SettingsError(
                f"A setting must be one of a notebook's, found '{name}'; the nearest is {nearest}."
            )
        try:
            settings[name] = text if name in TEXTS else ast.literal_eval(text)
        except (ValueError, SyntaxError):
            settings[name] = text
    return settings


def check_settings(settings: dict[str, object], notebooks: Iterable[nbformat.NotebookNode]) -> None:
    """Refuses, before a notebook starts, values of a wrong type or range, and changes of the recipe.

    Raises:
        SettingsError: a value breaks the rule of its setting.
    """
    for notebook in notebooks:
        _check_types(settings, notebook)
    for name, value in settings.items():
        if name in SMALLEST_NUMBERS and name not in ("EPOCHS", "SEED"):
            check_whole_number(name, value)
        if name in CHOICES:
            check_choice(name, value)
    check_size(settings.get("SIZE", "auto"))
    check_minutes(settings.get("MINUTES"))
    read_scored(settings.get("SCORED", ""))
    check_epochs(settings.get("EPOCHS", "auto"))
    check_seed(settings.get("SEED", 0))
    read_recipe(settings.get("RECIPE", ""))


def _check_types(settings: dict[str, object], notebook: nbformat.NotebookNode) -> None:
    """Refuses a value of another type than a notebook's default has."""
    sources = read_settings(notebook)
    for name in settings.keys() & sources.keys():
        try:
            default = ast.literal_eval(sources[name])
        except ValueError:  # the user has written an expression, such as 3 * 20
            continue
        types, description = KINDS.get(type(default), (object, ""))
        if not isinstance(settings[name], types):
            raise SettingsError(
                f"{name} must be {description}, found '{settings[name]}'; default: {default}."
            )


def add_settings(notebook: nbformat.NotebookNode, settings: dict[str, object]) -> None:
    """Inserts a cell with those settings that this notebook has behind its `parameters` cell."""
    lines = [f"{name} = {value!r}" for name, value in settings.items() if name in read_settings(notebook)]
    if lines:
        source = "\n".join([ADDED, *lines])
        place = notebook.cells.index(_find_parameters(notebook)) + 1
        notebook.cells.insert(place, nbformat.v4.new_code_cell(source))


def run_notebook(path: Path, settings: dict[str, object]) -> None:
    """Runs one notebook in its own folder and writes the executed copy to runs/notebooks/.

    Raises:
        CellExecutionError: a cell failed; the copy shows which.
        KeyboardInterrupt: the user interrupted it.
    """
    notebook = nbformat.read(path, as_version=4)
    add_settings(notebook, settings)
    client = EchoingClient(
        notebook, timeout=None, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    client.terminal = choose_writer(sys.stderr)
    try:
        # This hides TensorFlow's notes at its start; the errors of a cell come as messages of the kernel.
        client.execute(stderr=subprocess.DEVNULL)
    except (CellExecutionError, RuntimeError):
        if client.interrupted:
            raise KeyboardInterrupt from None
        raise
    finally:
        # nbclient leaves this behind where the kernel's start was interrupted; it would end in a traceback.
        atexit.unregister(client._cleanup_kernel)
        if isinstance(client.terminal, PlainLines):
            client.terminal.close()
        with contextlib.suppress(errors.DiskFullError):  # then the notebook has stopped with the same error
            files.write_atomically(EXECUTED / path.name, partial(nbformat.write, notebook))


def main(arguments: list[str]) -> int:
    """Runs the notebooks.

    Args:
        arguments: settings, NAME=VALUE each, or --help.

    Returns:
        The exit code: 0, 2 for wrong settings or data, 130 after an interruption, 1 for any other error.
    """
    notebooks = {name: nbformat.read(name, as_version=4) for name in NOTEBOOKS}
    if "-h" in arguments or "--help" in arguments:
        print(__doc__)
        print(f"\nThe settings, as the notebooks have them:\n\n{list_settings(notebooks.values())}")
        return 0
    try:
        names = {name for notebook in notebooks.values() for name in read_settings(notebook)}
        settings = parse_settings(arguments, names)
        _refuse_environment(names - settings.keys())
        check_settings(settings, notebooks.values())
        folder = files.expand_home(str(settings.get("DATA", ".")))
        _check_data(folder)
        project.find_reference(str(settings.get("REFERENCE", "")), folder)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    chosen = list(NOTEBOOKS)
    if settings.get("RUN"):  # this run is trained already, so only the notebooks that use one are needed
        chosen = [name for name in NOTEBOOKS if "RUN" in read_settings(notebooks[name])]
    try:
        with files.lock(EXECUTED.parent, "make run"):
            return _run_all(chosen, settings)
    except errors.InUseError as error:
        print(error, file=sys.stderr)
        return 1


def _run_all(names: list[str], settings: dict[str, object]) -> int:
    """Runs notebooks one after another, prints how long they took, and returns the exit code."""
    begin = time.perf_counter()
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # else the kernel warns about frozen modules
    for number, name in enumerate(names, start=1):
        minutes = (time.perf_counter() - begin) / 60
        print(f"\n[{number}/{len(names)}] {name}  ({minutes:.1f} min so far)", flush=True)
        code = _run_one(name, settings)
        if code:
            return code
    print(f"\nDone in {(time.perf_counter() - begin) / 60:.1f} minutes; executed notebooks: {EXECUTED}/")
    return 0


def _run_one(name: str, settings: dict[str, object]) -> int:
    """Runs one notebook, prints what stopped it, and returns the exit code: 0 if nothing did."""
    try:
        run_notebook(Path(name), settings)
    except KeyboardInterrupt:
        print(f"\n{name} was interrupted; the same command goes on from the last checkpoint.")
        return 130
    except DeadKernelError:
        print(
            f"\n{name}'s kernel died, most likely for want of memory; with more of it free the same command "
            "goes on from the last checkpoint, with a smaller BATCH_SIZE or SIZE a new run begins.",
            file=sys.stderr,
        )
        return 1
    except CellExecutionError as error:
        print(
            f"\n{name} stopped: {error.ename}: {error.evalue}\n{EXECUTED / name} shows where.",
            file=sys.stderr,
        )
        return 2 if error.ename in _name_user_errors() else 1
    return 0


def _name_user_errors() -> set[str]:
    """Returns the names of errors that a user can correct; a kernel passes on only the name of an error."""
    own = {name for name, value in vars(errors).items() if isinstance(value, type)}
    return own | OTHER_ERRORS


def _refuse_environment(names: set[str]) -> None:
    """Refuses data that `DATA=DIR make run` names, and notes other settings of the environment.

    Args:
        names: of the settings that the command line does not give.

    Raises:
        SettingsError: the environment's DATA is a folder with frames.
    """
    found = {name: os.environ[name] for name in sorted(names) if os.environ.get(name)}
    data = found.pop("DATA", "")
    if data and holds_user_data(files.expand_home(data)):
        raise SettingsError(
            f"DATA must stand behind run, found '{data}' in the environment; write make run DATA={data}, or "
            "DATA=. for the frames here."
        )
    for name in found:
        print(f"Note: {name} of the environment does not count; write it behind run.", file=sys.stderr)


def _check_data(folder: Path) -> None:
    """Refuses a folder without data, except the project's own, which the built-in world replaces."""
    if folder == Path() and not holds_user_data(folder):
        return
    refuse_part(folder)
    for part in PARTS:
        path = folder / part / "data.csv"
        if not path.exists():
            none = f"none; put them there ({part}/README.md lists the columns)"
            raise SettingsError(
                f"{folder / part} must hold a data.csv and its photos, found {explain_missing(path) or none}"
                ", or name another folder: make run DATA=DIR."
            )
