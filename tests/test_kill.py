"""A short training, prediction and zip, killed at random moments and started again (make test-all)."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from victim import EPOCHS, FRAMES

pytestmark = pytest.mark.slow
KILLS = 14  # of training, of prediction and of zip writing, in turns


def start(folder, out):
    """Starts the victim; its log is a pipe."""
    words = [sys.executable, "-m", "tests.victim", str(folder), str(out)]
    return subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=Path.cwd()
    )


def run(folder, out, until=None, delay=0.0, how=signal.SIGKILL):
    """Runs the victim to its end, or kills it `delay` seconds after a line of its log; gives the log."""
    lines = []
    with start(folder, out) as victim:
        for line in victim.stdout:
            lines.append(line.strip())
            if lines[-1] == until:
                time.sleep(delay)
                os.kill(victim.pid, how)
                break
        lines += [line.strip() for line in victim.stdout]
    return lines


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The training set, and what an undisturbed run makes of it."""
    from conftest import write_set

    folder = tmp_path_factory.mktemp("kill") / "Train"
    write_set(folder, range(6), with_answers=True)
    out = folder.parent / "whole"
    lines = run(folder, out)
    assert lines[-1] == "done" and [line for line in lines if line.startswith("epoch")] == [
        f"epoch {number}" for number in range(1, EPOCHS + 1)
    ]
    return folder, out


def test_two_runs_are_equal_to_the_bit_be_the_machine_free_or_busy(whole, busy, tmp_path):
    folder, expected = whole
    run(folder, tmp_path)
    ours, theirs = (np.load(out / "weights.npz", allow_pickle=False) for out in (expected, tmp_path))
    assert all((ours[name] == theirs[name]).all() for name in ours.files)
    assert (expected / "try.zip").read_bytes() == (tmp_path / "try.zip").read_bytes()


@pytest.mark.parametrize("number", range(KILLS))
def test_what_was_killed_goes_on_to_the_same_end(whole, tmp_path, number):
    folder, expected = whole
    rng = random.Random(number)
    moments = {  # a line of the log after which it is killed, and seconds until then
        0: (f"epoch {rng.randint(1, EPOCHS - 1)}", rng.uniform(0, 0.3)),
        1: (f"frame {rng.randint(0, FRAMES - 1)}", rng.uniform(0, 0.01)),
        2: (f"frame {FRAMES - 1}", rng.uniform(0, 0.05)),  # while the zip is written and checked
        3: ("begin", rng.uniform(5, 15)),
    }
    until, delay = moments[number % 4]
    how = rng.choice([signal.SIGKILL, signal.SIGTERM])
    first = run(folder, tmp_path, until, delay, how)
    finals = [tmp_path / name for name in ("try.zip", "joint/model.keras", "joint/history.csv")]
    assert "done" not in first or all(path.exists() for path in finals)
    second = run(folder, tmp_path)
    assert second[-1] == "done", (until, delay, second)
    trained = [int(line.split()[1]) for line in first + second if line.startswith("epoch")]
    assert sorted(set(trained)) == list(range(1, EPOCHS + 1)) and len(trained) <= EPOCHS + 1, trained
    told = [line for line in second if line.startswith("Training goes on after step")]
    if told:
        after, steps = map(int, re.search(r"step (\d+) of (\d+)", told[0]).groups())
        next_epoch = EPOCHS * after // steps + 1
        assert f"epoch {next_epoch}" == next(line for line in second if line.startswith("epoch"))
    assert told or not until.startswith("epoch") or f"epoch {EPOCHS}" in first
    frames = [int(line.split()[1]) for line in second if line.startswith("frame")]
    known = int(next(line for line in second if line.startswith("known")).split()[1])
    assert frames == list(range(known, FRAMES))
    ours, theirs = (np.load(out / "weights.npz", allow_pickle=False) for out in (expected, tmp_path))
    for name in ours.files:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5, atol=1e-7)
    assert (expected / "try.zip").read_bytes() == (tmp_path / "try.zip").read_bytes()
    assert not [path for path in tmp_path.rglob("_*") if path.suffix != ".npz"]  # no half file is left
