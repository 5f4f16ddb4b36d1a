"""What every row of the benchmark does: it waits for its turn, measures, tells. Needs no package."""

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable


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
        found = {"seconds": measure()}
        found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # MB; Linux counts in kB
        print(json.dumps(found), flush=True)
