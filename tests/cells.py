"""Runs a notebook's cells as a test does."""

from pathlib import Path

import nbformat
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from src import run

ROOT = Path(__file__).parent.parent
RECIPE = "backbone=tiny weights=none rate=0.004"  # a backbone of few weights


def run_cells(name, settings):
    """Runs a notebook's cells in this process, without a kernel; gives what they print and display."""
    book = nbformat.read(ROOT / name, as_version=4)
    run.add_settings(book, settings)
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()  # what `display` in a cell asks for
    with capture_output() as shown:
        for cell in book.cells:
            if cell.cell_type == "code":
                shell.run_cell(cell.source).raise_error()
    InteractiveShell.clear_instance()
    return shown.stdout + "".join(str(output.data.get("text/plain", "")) for output in shown.outputs)
