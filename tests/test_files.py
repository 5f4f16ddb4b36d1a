import ast
import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from src.common import errors, files
from src.figures import style

SMALL_DISK = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))  # as a disk with no more space
sys.argv = sys.argv[1:]
exec(open(sys.argv[0]).read())
"""
TRAIN = """
import sys
from pathlib import Path
from src.common.errors import DiskFullError
from src.data import classes
from src.data.frames import load_frames
from src.data.samples import read_samples
from src.model import unet
from src.settings import TrainingSettings
from src.training.compiled import compile_segmenter
from src.training.fit import fit
from src.training.lengths import Length
from tiny import TINY

folder, out = Path(sys.argv[1]), Path(sys.argv[2])
names = classes.read_classes(folder)
frames = load_frames(read_samples(folder, names), names, (64, 96))
network = unet.build_segmenter(len(names.mask), TINY)
compile_segmenter(network, frames, names, TINY)
try:
    settings = TrainingSettings((64, 96), (32, 32), batch_size=2, recipe=TINY)
    fit(network, out, frames, settings, Length(3))
except DiskFullError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def test_a_file_is_whole_or_not_there(tmp_path):
    path = tmp_path / "whole.txt"

    def fail(beside):
        beside.write_text("half")
        raise KeyboardInterrupt

    for before in (None, "earlier"):
        if before:
            path.write_text(before)
        with pytest.raises(KeyboardInterrupt):
            files.write_atomically(path, fail)
        assert (path.read_text() if path.exists() else None) == before
    files.write_atomically(path, lambda beside: beside.write_text("later"))
    assert path.read_text() == "later" and list(tmp_path.iterdir()) == [path]


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(PermissionError), files.report_full_disk(tmp_path):
        raise PermissionError(13, "no")
    message = "Can't decrement id ref count (file write failed: errno = 28, error message ...)"  # by HDF5
    with pytest.raises(errors.DiskFullError, match="the disk is full"), files.report_full_disk(tmp_path):
        raise RuntimeError(message)


def test_a_full_disk_ends_with_one_line_and_leaves_the_rest(train_folder, tmp_path):
    (tmp_path / "small_disk.py").write_text(SMALL_DISK)
    (tmp_path / "train.py").write_text(TRAIN)
    out = tmp_path / "run"
    out.mkdir()
    (out / "history.csv").write_text("epoch,loss\n")
    words = [tmp_path / "small_disk.py", tmp_path / "train.py", train_folder, out]
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(Path.cwd()), str(Path(__file__).parent)])},
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1 and last.startswith("DiskFullError: ") and "the disk is full" in last, (
        done.stderr
    )
    assert sorted(path.name for path in out.iterdir()) == [
        "history.csv",
        "lock",
        "plan.json",
    ]  # no half weights
    assert (out / "history.csv").read_text() == "epoch,loss\n"


def test_a_figure_leads_back_to_its_run(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "find_commit", lambda: "c0ffee")
    figure = plt.figure()
    plt.close(figure)
    style.save_figure(figure, tmp_path / "seg-x-01" / "figures" / "a.png")
    with Image.open(tmp_path / "seg-x-01" / "figures" / "a.png") as picture:
        assert picture.text["Source"] == "no run" and np.asarray(picture).std() == 0
    result = {"settings": {"data_fingerprint": "ab12"}, "commit": "c0ffee"}
    (tmp_path / "seg-x-01" / "result.json").write_text(json.dumps(result))
    style.save_figure(figure, tmp_path / "seg-x-01" / "figures" / "a.png")
    with Image.open(tmp_path / "seg-x-01" / "figures" / "a.png") as picture:
        assert picture.text["Source"] == "seg-x-01, data ab12, commit c0ffee"


def list_unspecified(path):
    """Lists the lines of a Python file that open text in whatever encoding the machine has."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and "encoding" not in [keyword.arg for keyword in node.keywords]:
            called = ast.unparse(node.func)
            binary = called in ("os.open", "Image.open", "webbrowser.open", "Project.open") or any(
                isinstance(word, ast.Constant) and "b" in str(word.value) for word in node.args
            )
            if called.endswith((".read_text", ".write_text")) or (
                called.rpartition(".")[2] == "open" and not binary
            ):
                yield f"{path}:{node.lineno}"


def test_every_text_is_opened_as_utf_8():
    paths = [path for folder in ("src", "benchmarks", "examples") for path in Path(folder).rglob("*.py")]
    assert [line for path in paths for line in list_unspecified(path)] == []


HOLDING = """
import sys, time
from pathlib import Path
from src.common import files
with files.lock(Path(sys.argv[1]), "test"):
    print("held", flush=True)
    time.sleep(100)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock of `tmp_path`."""
    command = [sys.executable, "-c", HOLDING, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_learns_who_works_in_the_folder(holder, tmp_path):
    words = rf"Only one test at a time.*process {holder.pid} at work; wait"
    with pytest.raises(errors.InUseError, match=words), files.lock(tmp_path, "test"):
        raise AssertionError("both work in it")


def test_a_killed_process_leaves_no_lock_behind(holder, tmp_path):
    holder.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    holder.wait()
    with files.lock(tmp_path, "test"):
        assert (tmp_path / files.LOCK).read_text() == str(os.getpid())


def test_two_threads_do_not_work_in_one_folder(tmp_path):
    with files.lock(tmp_path, "test"), pytest.raises(errors.InUseError), files.lock(tmp_path, "test"):
        raise AssertionError("both work in it")
    with files.lock(tmp_path, "test"):  # it is free again
        assert True


def test_without_locks_of_the_file_system_nobody_is_kept_out(tmp_path, monkeypatch):
    def refuse(file, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(files.fcntl, "flock", refuse)
    with files.lock(tmp_path, "test"), files.lock(tmp_path, "test"):
        assert (tmp_path / files.LOCK).exists()
