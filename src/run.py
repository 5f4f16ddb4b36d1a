"""Runs the four notebooks top to bottom, as `make run` does: `python -m src run [NAME=VALUE ...]`."""

import ast
import asyncio
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
from src.common.errors import SettingsError
from src.common.progress import PlainLines, choose_writer
from src.data.location import holds_user_data
from src.settings import check_epochs, check_minutes, read_recipe

NOTEBOOKS = ("Train_seg_sem.ipynb", "Train_label_seg.ipynb", "Save_test.ipynb", "main.ipynb")
EXECUTED = Path("runs") / "notebooks"
ADDED = "# Set by make run"  # how the cell begins that holds the settings of the command line
TEXTS = ("DATA", "REFERENCE", "RECIPE", "RUN", "RAY")  # stay text, even where a folder is called 2026
NUMBER = ((int, float), "a number")
# of the notebooks' own value: what it admits
KINDS = {bool: (bool, "True or False"), int: NUMBER, float: NUMBER}
LEAST = {"SEED": 0, "BATCH_SIZE": 1, "JOBS": 1, "FRAMES": 1}
ADMITTED = {"CHANNELS": (1, 3), "ESTIMATE": ("off", "quick", "full")}
OTHER_ERRORS = {"ImportError", "ScoringError"}  # the user's, too, of files that import nothing of src


class EchoingClient(NotebookClient):
    """Runs a notebook and repeats on the terminal what its cells print, progress bars included."""

    interrupted = False
    terminal: TextIO | PlainLines = sys.stderr

    async def async_start_new_kernel(self, **kwargs: object) -> None:
        """Starts the kernel; Ctrl-C and SIGTERM interrupt the running cell, as a notebook's stop button."""
        await super().async_start_new_kernel(**kwargs)
        with contextlib.suppress(NotImplementedError):  # Windows has no such handlers
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, self.interrupt)

    def interrupt(self) -> None:
        """Interrupts the cell that runs."""
        self.interrupted = True
        self.interruption = asyncio.ensure_future(self.km.interrupt_kernel())

    def output(self, outs: list, msg: dict, display_id: str, cell_index: int) -> object:
        """Handles one message of the kernel."""
        if msg["msg_type"] == "stream":
            self.terminal.write(msg["content"]["text"])
            self.terminal.flush()
        return super().output(outs, msg, display_id, cell_index)


def read_settings(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """Finds the names that the cell tagged `parameters` sets, with their sources."""
    cell = _find_parameters(notebook)
    return {
        target.id: ast.unparse(statement.value)
        for statement in ast.parse(cell.source).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name) and target.id.isupper()
    }


def _find_parameters(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    return next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))


def list_settings(notebooks: Iterable[nbformat.NotebookNode]) -> str:
    """Lists every setting once, with its own value and its comment, as the first notebook that has it."""
    found = {}
    for notebook in notebooks:
        for line in _find_parameters(notebook).source.splitlines():
            found.setdefault(line.partition(" = ")[0], line)
    return "\n".join(found.values())


def parse_words(words: list[str], known: set[str]) -> dict[str, object]:
    """Turns NAME=VALUE words into settings; a value that is no Python literal is a text.

    Args:
        words: as typed.
        known: every name that some notebook defines.

    Raises:
        SettingsError: a word has no "=", or a name is unknown; the message names the nearest.
    """
    settings = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise SettingsError(
                f"Settings are given as NAME=VALUE, found '{word}'; write for example SEED=1."
            )
        if name not in known:
            nearest = difflib.get_close_matches(name.upper(), sorted(known), n=1, cutoff=0)[0]
            raise SettingsError(f"No notebook has a setting {name}; the nearest is {nearest}.")
        try:
            settings[name] = text if name in TEXTS else ast.literal_eval(text)
        except (ValueError, SyntaxError):
            settings[name] = text
    return settings


def check_kinds(settings: dict[str, object], notebooks: Iterable[nbformat.NotebookNode]) -> None:
    """Refuses, before a notebook starts, what is of the wrong kind, too small, or no word of the recipe.

    Raises:
        SettingsError: the message names the setting and the notebooks' own value.
    """
    for own in map(read_settings, notebooks):
        for name in settings.keys() & own.keys():
            usual = ast.literal_eval(own[name])
            kind, word = KINDS.get(type(usual), (object, ""))
            if not isinstance(settings[name], kind):
                raise SettingsError(f"{name} must be {word}, found '{settings[name]}'; default: {usual}.")
    for name, value in settings.items():
        if name in LEAST and not (isinstance(value, int | None) and (value is None or value >= LEAST[name])):
            raise SettingsError(
                f"{name} must be a whole number from {LEAST[name]} on, found '{value}'; try 4."
            )
        if name in ADMITTED and value not in ADMITTED[name]:
            known = ", ".join(map(str, ADMITTED[name]))
            raise SettingsError(f"{name} must be one of {known}, found '{value}'.")
    check_minutes(settings.get("MINUTES"))
    check_epochs(settings.get("EPOCHS", "auto"))
    read_recipe(settings.get("RECIPE", ""))


def add_settings(notebook: nbformat.NotebookNode, settings: dict[str, object]) -> None:
    """Puts a cell with the settings that this notebook defines behind its `parameters` cell."""
    lines = [f"{name} = {value!r}" for name, value in settings.items() if name in read_settings(notebook)]
    if lines:
        place = notebook.cells.index(_find_parameters(notebook)) + 1
        notebook.cells.insert(place, nbformat.v4.new_code_cell("\n".join([ADDED, *lines])))


def run_notebook(path: Path, settings: dict[str, object]) -> None:
    """Runs one notebook from the folder it lies in and keeps the executed copy in runs/notebooks/.

    Raises:
        CellExecutionError: a cell failed; the copy shows where.
        KeyboardInterrupt: the user stopped it.
    """
    notebook = nbformat.read(path, as_version=4)
    add_settings(notebook, settings)
    client = EchoingClient(
        notebook, timeout=None, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    client.terminal = choose_writer(sys.stderr)
    try:
        # TensorFlow's start-up notes go nowhere; a cell's own come as messages
        client.execute(stderr=subprocess.DEVNULL)
    except (CellExecutionError, RuntimeError):
        if client.interrupted:
            raise KeyboardInterrupt from None
        raise
    finally:
        if isinstance(client.terminal, PlainLines):
            client.terminal.close()
        with contextlib.suppress(errors.DiskFullError):  # then the notebook's own error says so
            files.write_atomically(EXECUTED / path.name, partial(nbformat.write, notebook))


def main(words: list[str]) -> int:
    """Runs the notebooks; returns 0, 2 on a bad setting or bad data, 130 when interrupted, else 1."""
    notebooks = {name: nbformat.read(name, as_version=4) for name in NOTEBOOKS}
    if {"-h", "--help"} & set(words):
        print(
            f"{__doc__}\n\nThe settings, as the notebooks have them:\n\n{list_settings(notebooks.values())}"
        )
        return 0
    try:
        known = {name for notebook in notebooks.values() for name in read_settings(notebook)}
        settings = parse_words(words, known)
        check_kinds(settings, notebooks.values())
        folder = files.expand_home(str(settings.get("DATA", ".")))
        _check_data(folder)
        project.find_reference(str(settings.get("REFERENCE", "")), folder)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    # an older run that is named was trained; the notebooks that ask it are left
    names = [name for name in NOTEBOOKS if not settings.get("RUN") or "RUN" in read_settings(notebooks[name])]
    try:
        with files.lock(EXECUTED.parent, "make run"):
            return _run_all(names, settings)
    except errors.InUseError as error:
        print(error, file=sys.stderr)
        return 1


def _run_all(names: list[str], settings: dict[str, object]) -> int:
    """Runs notebooks one after another, and says how long they took; the exit code."""
    begin = time.perf_counter()
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # the kernel warns about frozen modules otherwise
    for number, name in enumerate(names, start=1):
        minutes = (time.perf_counter() - begin) / 60
        print(f"\n[{number}/{len(names)}] {name}  ({minutes:.1f} min so far)", flush=True)
        code = _run_one(name, settings)
        if code:
            return code
    print(f"\nDone in {(time.perf_counter() - begin) / 60:.1f} minutes; executed notebooks: {EXECUTED}/")
    return 0


def _run_one(name: str, settings: dict[str, object]) -> int:
    """Runs one notebook and says what stopped it; the exit code that this gives, 0 where nothing did."""
    try:
        run_notebook(Path(name), settings)
    except KeyboardInterrupt:
        print(f"\n{name} was interrupted; the same command goes on after the last finished epoch.")
        return 130
    except DeadKernelError:
        print(
            f"\n{name}'s kernel died, most likely for want of memory; with more of it free the same command "
            "goes on after the last finished epoch, with a smaller BATCH_SIZE or SIZE a new run begins.",
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
    """Names the errors that a user can mend; a kernel tells no more of an error than its name."""
    named = {name for name, kind in vars(errors).items() if isinstance(kind, type)}
    return named | OTHER_ERRORS


def _check_data(folder: Path) -> None:
    """Refuses a folder without data; for the project's own, where it is empty, the world stands in."""
    if folder == Path() and not holds_user_data(folder):
        return
    for part in ("Train", "Test"):
        if not (folder / part / "data.csv").exists():
            raise SettingsError(
                f"{folder / part} must hold a data.csv and its photos ({part}/README.md says which columns); "
                "lay them there, or name another folder: make run DATA=DIR."
            )
