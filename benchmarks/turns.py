"""What every row of the benchmark does: it waits for its turn, measures, tells. Needs no package."""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path


def time_calls(call: Callable[[], object], times: int, images: int = 1) -> float:
    """Median seconds an image of a few calls."""
    spent = []
    for _ in range(times):
        begin = time.perf_counter()
        call()
        spent.append(time.perf_counter() - begin)
    return statistics.median(spent) / images


def serve(measures: dict[str, Callable[..., Callable[[], float]]]) -> None:
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
