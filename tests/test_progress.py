import io
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from src import run
from src.common import progress

ROOT = Path(__file__).parent.parent


@pytest.fixture
def clock(monkeypatch):
    """Seconds that a test sets."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_bar_in_a_pipe_is_a_line_a_minute_and_its_last_state(clock):
    stream = io.StringIO()
    lines = progress.PlainLines(stream)
    for second in range(150):
        clock[0] = second
        lines.write(f"\rTraining:  {second}%|####      | {second}/150 [00:{second}<01:00]")
    lines.write("\rTraining: 100%|##########| 150/150 [02:30<00:00]")
    lines.write("\n")
    assert stream.getvalue().splitlines() == [
        "Training:  59% 59/150 [00:59<01:00]",
        "Training:  119% 119/150 [00:119<01:00]",
        "Training: 100% 150/150 [02:30<00:00]",
    ]


def test_lines_that_are_no_bar_are_written_as_they_are():
    stream = io.StringIO()
    lines = progress.PlainLines(stream)
    for text in ("a | b | c\nfirst half, ", "second half\n", "\n", "of Windows\r", "\nlast"):
        lines.write(text)
    lines.close()
    assert stream.getvalue() == "a | b | c\nfirst half, second half\n\nof Windows\nlast\n"


def test_a_terminal_keeps_its_bar():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal, pipe = Terminal(), io.StringIO()
    assert progress.choose_writer(terminal) is terminal
    assert isinstance(progress.choose_writer(pipe), progress.PlainLines)


def run_here(*words, **environment):
    """Runs Python from the project's folder; gives its exit code, output and errors."""
    command = [sys.executable, *map(str, words)]
    where = os.environ | environment
    done = subprocess.run(command, cwd=ROOT, env=where, capture_output=True, text=True, encoding="utf-8")
    return done.returncode, done.stdout, done.stderr


def test_a_command_in_a_pipe_draws_no_bar(train_folder):
    code, said, errors = run_here("-m", "src", "doctor", train_folder)
    assert code == 0 and "\r" not in said + errors and "█" not in errors
    assert len(errors.splitlines()) <= 2  # a bar's last state each


@pytest.mark.parametrize(
    ("module", "word"),
    [("doctor", "Straße"), ("run", "DATA=Straße")],
)
def test_a_letter_that_the_terminal_lacks_is_replaced(module, word):
    code, said, errors = run_here("-m", "src", module, word, PYTHONIOENCODING="ascii")
    assert code == 2 and "Stra?e" in said + errors and "Traceback" not in errors


def test_help_is_told_where_the_terminal_has_no_letters():
    code, said, _ = run_here("-m", "src", "run", "--help", PYTHONIOENCODING="ascii")
    assert code == 0 and "SEED = 0" in said
    code, said, _ = run_here("-c", "import src; print('Straße')", PYTHONIOENCODING="ascii")
    assert code == 0 and said == "Stra?e\n"


def test_a_command_tells_errors_of_python_and_none_of_libraries():
    tell = "import os, sys; os.write(2, b'libpng warning'); sys.stderr.write('ours'); raise ValueError('end')"
    code, _, errors = run_here("-c", f"from src.common import progress; progress.silence_libraries(); {tell}")
    assert code == 1 and "libpng" not in errors and "ours" in errors and "ValueError: end" in errors


def test_a_command_that_imports_tensorflow_tells_no_start_up_notes(tmp_path):
    (tmp_path / "list.txt").write_text("default:\n")
    words = ("sweep", tmp_path / "list.txt", "--data", tmp_path, "--estimates")
    code, said, errors = run_here("-m", "src", *words)
    assert code == 2 and said == ""
    assert len(errors.splitlines()) == 1 and "need --away" in errors


def run_cells(folder, *sources):
    """Runs cells in a kernel of their own; gives all that they showed as text."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(book, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in book.cells for output in cell.outputs]
    return "".join(str(output.get("text", output)) for output in outputs)


def test_a_notebook_shows_nothing_of_the_libraries_own():
    notes = (
        "import tensorflow as tf, os, logging",
        "tf.get_logger().warning('5 out of the last 5 calls triggered retracing')",
        "logging.getLogger('absl').warning('absl')",
        "os.write(2, b'libpng warning: iCCP');",
    )
    assert run_cells(ROOT, "import src", *notes, "print('ours')") == "ours\n"


def test_a_notebook_alone_says_in_one_line_what_to_do(tmp_path):
    books = [nbformat.read(ROOT / name, 4) for name in run.NOTEBOOKS]
    firsts = [next(cell for cell in book.cells if cell.cell_type == "code") for book in books]
    cells = [nbformat.v4.new_code_cell(cell.source) for cell in firsts]  # one kernel for all four
    book = nbformat.v4.new_notebook(cells=cells)
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(book, kernel_name="python3", resources=where, allow_errors=True).execute()
    for cell in book.cells:
        (error,) = cell.outputs
        (line,) = error["traceback"]
        assert "Open this notebook in the project's folder" in line and "make lab" in line and "'src'" in line


def test_all_notebooks_begin_with_the_same_lines():
    firsts = [nbformat.read(ROOT / name, 4).cells[1].source.splitlines() for name in run.NOTEBOOKS]
    assert {lines[0] for lines in firsts} == {"try:"} and all(len(lines) <= 8 for lines in firsts)
    assert len({"\n".join(lines[lines.index("except ImportError as error:") :]) for lines in firsts}) == 1
