import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from src.common import memory

LARGE = 48 << 20  # bytes, more than glibc ever keeps by itself

pytestmark = pytest.mark.skipif(memory._find_glibc() is None, reason="glibc's settings alone are meant")


def count_cleared(times: int) -> int:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        np.empty(LARGE, np.uint8).fill(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_freed_blocks_are_used_again():
    count_cleared(1)
    assert count_cleared(10) < LARGE / 4096  # not even once


def test_a_program_without_it_clears_each_block():
    code = "import tests.test_memory as t; print(t.count_cleared(10))"
    bare = "import sys, types; sys.modules['src'] = src = types.ModuleType('src'); src.__path__ = ['src']"
    count = int(subprocess.check_output([sys.executable, "-c", f"{bare}; {code}"], text=True))
    assert count > 10 * LARGE / 2**21  # pages may be large ones


def test_what_is_given_back_is_the_systems():
    def count_megabytes() -> float:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 2**20

    block = np.ones(LARGE * 4, np.uint8)
    del block
    before = count_megabytes()
    memory.release_freed()
    assert before - count_megabytes() > 100
