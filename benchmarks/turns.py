"""What every row of the benchmark does: it waits for its turn, measures, tells. Needs no package."""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import src  # noqa: F401, lets glibc retain freed memory: a step of PyTorch takes 6 % less

BATCH, CLASSES, LABELS = 8, 8, 3  # of a training step, and of every network with random weights

Measure = Callable[[], float]  # gives seconds an image


def time_calls(call: Callable[[], object], times: int, images: int = 1) -> float:
    """Median seconds an image of a few calls."""
    spent = []
    for _ in range(times):
        begin = time.perf_counter()
        call()
        spent.append(time.perf_counter() - begin)
    return statistics.median(spent) / images


def measure_steps(step: Callable[[], object]) -> Measure:
    """Gives what measures a training step of BATCH images."""
    return lambda: time_calls(step, 3, BATCH)


def list_answers(make_answer: Callable[..., Callable[[], object]]) -> dict[str, Callable[..., Measure]]:
    """Lists the rows of a network's predictions: one image at a time, and BATCH at once.

    Args:
        make_answer: takes a number of images and the row's words; gives a call that predicts so many images.
    """

    def answer_one(*words: object) -> Measure:
        call = make_answer(1, *words)
        return lambda: time_calls(call, 20)

    def answer_many(*words: object) -> Measure:
        call = make_answer(BATCH, *words)
        return lambda: time_calls(call, 3, BATCH)

    return {"answer_one": answer_one, "answer_many": answer_many}


def serve(measures: dict[str, Callable[..., Measure]]) -> None:
    """Measures what the command line names, once a line that comes in; a first time does not count."""
    name, *words = sys.argv[1:]
    measure = measures[name](*map(json.loads, words))
    measure()
    print("ready", flush=True)
    for _ in sys.stdin:
        print(json.dumps({"seconds": measure(), "memory": peak_memory()}), flush=True)


def peak_memory() -> float:
    """Peak memory of this process in MB, on Linux; `getrusage` would count the process that started it."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
