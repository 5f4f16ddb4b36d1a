import atexit
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from src import run
from src.common import files


@pytest.fixture(autouse=True)
def executed(tmp_path, monkeypatch):
    """Keeps tests out of the project's own runs/, where a training may go on."""
    monkeypatch.setattr(run, "EXECUTED", tmp_path / "runs" / "notebooks")


def make_notebook():
    cells = [
        nbformat.v4.new_code_cell("import os"),
        nbformat.v4.new_code_cell("SEED = 0  # seed\nSIZE = 'auto'", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("print(SEED)"),
    ]
    return nbformat.v4.new_notebook(cells=cells)


def test_settings_go_behind_the_parameters_cell():
    notebook = make_notebook()
    assert run.read_settings(notebook) == {"SEED": "0", "SIZE": "'auto'"}
    run.add_settings(notebook, {"SIZE": (64, 96), "OTHER": 1})
    assert notebook.cells[2].source.splitlines()[1:] == ["SIZE = (64, 96)"]
    assert notebook.cells[3].source == "print(SEED)"


def test_values_are_literals_or_text():
    arguments = ["SEED=3", "SIZE=(64, 96)", "DATA=2026", "RECIPE=0.001", "WEIGHTS=None", "EMPTY="]
    found = run.parse_settings(arguments, {"SEED", "SIZE", "DATA", "RECIPE", "WEIGHTS", "EMPTY"})
    texts = {"DATA": "2026", "RECIPE": "0.001"}
    assert found == {"SEED": 3, "SIZE": (64, 96), "WEIGHTS": None, "EMPTY": ""} | texts


def test_unknown_name_gets_the_nearest():
    with pytest.raises(ValueError, match="the nearest is BATCH_SIZE"):
        run.parse_settings(["BACH_SIZE=4"], {"BATCH_SIZE", "SEED", "MINUTES"})


def test_numbers_and_switches_are_checked():
    cell = nbformat.v4.new_code_cell("SEED = 0\nTTA = True\nSIZE = 'auto'\nEPOCHS = None")
    cell.metadata["tags"] = ["parameters"]
    notebook = nbformat.v4.new_notebook(cells=[cell])
    run.check_settings({"SEED": 3, "TTA": False, "SIZE": (64, 96), "EPOCHS": 4, "OTHER": ""}, [notebook])
    with pytest.raises(ValueError, match="SEED must be a number, found ''; default: 0"):
        run.check_settings({"SEED": ""}, [notebook])
    with pytest.raises(ValueError, match="TTA must be True or False"):
        run.check_settings({"TTA": "yes"}, [notebook])


def test_a_default_that_is_an_expression_is_no_obstacle():
    cell = nbformat.v4.new_code_cell("MINUTES = 3 * 20", metadata={"tags": ["parameters"]})
    run.check_settings({"MINUTES": 10}, [nbformat.v4.new_notebook(cells=[cell])])


@pytest.mark.parametrize(
    ("argument", "match"),
    [
        ("BATCH_SIZE=0", "BATCH_SIZE must be a whole number of 1 or more"),
        ("SEED=-1", "SEED must be a whole number of 0 or more, found -1"),
        ("SEED=20261201093000", "SEED must be 4,000,000,000 or less, found 20261201093000"),
        ("EPOCHS=2.5", "EPOCHS must be 'auto' or a whole number of 1 or more, found 2.5"),
        ("SIZE=300,400", "SIZE must be two multiples of 32, found (300, 400)"),
        ("CHANNELS=2", "CHANNELS must be one of 3, 1, found 2; write for example CHANNELS=3"),
        ("ESTIMATE=fast", "ESTIMATE must be one of quick, full, off"),
        ("MINUTES=long", "MINUTES must be None or a positive number, found 'long'"),
        ("RECIPE=colour=2", "RECIPE must be parts as NAME=VALUE, found 'colour=2'; the nearest is color="),
    ],
)
def test_settings_out_of_range_are_refused_before_any_notebook(argument, match, capsys, monkeypatch):
    monkeypatch.setattr(run, "_run_all", lambda *_: pytest.fail("a notebook was started"))
    assert run.main([argument]) == 2
    assert match in capsys.readouterr().err


def test_help_lists_each_setting_once_with_its_default(capsys):
    assert run.main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("SEED")] == [
        "SEED = 0  # fixes the split, the order and the augmentation"
    ]
    shown = lines[lines.index("The settings, as the notebooks have them:") + 2 :]
    assert all(re.match(r"[A-Z_]+ = \S.*  # \S", line) for line in shown)
    listed = {line.split(" = ")[0] for line in lines if " = " in line}
    notebooks = [nbformat.read(name, as_version=4) for name in run.NOTEBOOKS]
    assert listed == {name for notebook in notebooks for name in run.read_settings(notebook)}


def test_wrong_settings_and_data_give_exit_code_two(capsys):
    assert run.main(["SEED="]) == 2 and "SEED must be a number" in capsys.readouterr().err
    assert run.main(["SEDE=1"]) == 2 and "SEED" in capsys.readouterr().err
    assert run.main(["REFERENCE=nowhere"]) == 2 and "REFERENCE" in capsys.readouterr().err
    assert run.main(["DATA=nowhere"]) == 2 and "nowhere/Train" in capsys.readouterr().err.replace("\\", "/")


def test_photos_without_their_table_do_not_start_the_world(monkeypatch, tmp_path, capsys):
    for name in run.NOTEBOOKS:
        (tmp_path / name).write_text(Path(name).read_text())
    (tmp_path / "Train").mkdir()
    (tmp_path / "Train" / "0001.jpg").touch()
    monkeypatch.chdir(tmp_path)
    assert run.main([]) == 2
    assert "Train must hold a data.csv and its photos, found none; put them there" in capsys.readouterr().err
    (tmp_path / "Train" / "data.csv").symlink_to(tmp_path / "gone.csv")
    assert run.main([]) == 2
    assert "found a link to a file that is not there; fetch it (dvc pull" in capsys.readouterr().err


def test_settings_before_the_command_are_not_passed_over(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(run, "_check_data", lambda folder: None)
    monkeypatch.setattr(run, "_run_all", lambda names, settings: 0)
    monkeypatch.setattr(run, "EXECUTED", tmp_path / "runs" / "notebooks")
    monkeypatch.setenv("DATA", str(tmp_path))  # some clusters name a place for data so
    monkeypatch.setenv("SEED", "1")
    assert run.main([]) == 0
    assert "Note: SEED of the environment does not count; write it behind" in capsys.readouterr().err
    (tmp_path / "Train").mkdir()
    (tmp_path / "Train" / "data.csv").touch()
    assert run.main(["SEED=2"]) == 2
    assert f"write make run DATA={tmp_path}, or DATA=. for" in capsys.readouterr().err
    assert run.main(["SEED=2", "DATA=."]) == 0
    assert capsys.readouterr().err == ""


def test_a_named_run_is_used_and_not_trained_again(monkeypatch):
    started = []
    monkeypatch.setattr(run, "run_notebook", lambda path, settings: started.append(path.name))
    monkeypatch.setattr(run, "_check_data", lambda folder: None)
    assert run.main(["RUN=joint-city-1a2b3c4d"]) == 0
    assert started == ["Save_test.ipynb", "main.ipynb"]
    assert run.main(["RUN="]) == 0 and started[2:] == list(run.NOTEBOOKS)


def test_a_second_make_run_says_so_in_one_line(monkeypatch, tmp_path, capsys):
    started = []
    monkeypatch.setattr(run, "run_notebook", lambda path, settings: started.append(path))
    monkeypatch.setattr(run, "_check_data", lambda folder: None)
    with files.lock(tmp_path / "runs", "make run"):
        assert run.main([]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Only one make run at a time may work in") and not started
    assert run.main([]) == 0 and len(started) == 4


def test_an_interrupted_run_prints_how_to_continue(monkeypatch, capsys):
    def stop(path, settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "run_notebook", stop)
    monkeypatch.setattr(run, "_check_data", lambda folder: None)
    assert run.main([]) == 130 and "goes on from the last checkpoint" in capsys.readouterr().out


WAITING = """
import sys
from pathlib import Path
from src import run
try:
    run.run_notebook(Path(sys.argv[1]), {})
except KeyboardInterrupt:
    print("stopped in peace", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_interrupts_the_cell_that_runs(tmp_path, number):
    cell = nbformat.v4.new_code_cell("import time\nprint('begun', flush=True)\ntime.sleep(100)")
    cell.metadata["tags"] = ["parameters"]
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "wait.ipynb")
    command = [sys.executable, "-c", WAITING, str(tmp_path / "wait.ipynb")]
    where = os.environ | {"PYTHONPATH": str(Path.cwd())}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, env=where, **pipes) as process:
        assert any("begun" in line for line in process.stderr)
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert "stopped in peace" in output and "Traceback" not in errors


def test_a_start_that_is_interrupted_leaves_nothing_to_do_at_exit(tmp_path, monkeypatch):
    async def stop(client, **kwargs):
        client.interrupted = True
        raise RuntimeError("Kernel died before replying to kernel_info")

    monkeypatch.setattr(run.EchoingClient, "async_start_new_kernel", stop)
    nbformat.write(make_notebook(), tmp_path / "x.ipynb")
    left = []
    monkeypatch.setattr(atexit, "register", left.append)
    monkeypatch.setattr(atexit, "unregister", left.remove)
    with pytest.raises(KeyboardInterrupt):
        run.run_notebook(tmp_path / "x.ipynb", {})
    assert left == []
