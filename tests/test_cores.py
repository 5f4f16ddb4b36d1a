import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from src import runs
from src.common import cores


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


@pytest.mark.parametrize(
    ("own", "limits", "quota"),
    [
        ("0::/", {}, math.inf),
        ("0::/", {"cpu.max": "max 100000"}, math.inf),
        ("0::/", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/a/b", {"a/cpu.max": "200000 100000", "a/b/cpu.max": "max 100000"}, 2),  # of the group above
        ("0::/../elsewhere", {"cpu.max": "300000 100000"}, 3),  # a path outside of the container
        ("4:cpu,cpuacct:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, math.inf),
        ("4:cpu,cpuacct:/d", {"cpu/d/cpu.cfs_quota_us": "50000", "cpu/d/cpu.cfs_period_us": "100000"}, 0.5),
        ("1:cpuset:/x", {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, math.inf),
        ("0::/", {"cpu.max": ""}, math.inf),
    ],
)
def test_quotas_of_both_versions_by_hand(tmp_path, own, limits, quota):
    write(tmp_path / "own", own)
    for name, text in limits.items():
        write(tmp_path / "groups" / name, text)
    assert cores.read_quota(tmp_path / "groups", tmp_path / "own") == quota


def test_without_control_groups_there_is_no_quota(tmp_path):
    assert cores.read_quota(tmp_path, tmp_path / "none") == math.inf


@pytest.mark.parametrize(
    ("allowed", "quota", "count"), [(8, math.inf, 8), (8, 1.5, 2), (2, 4.0, 2), (4, 0.2, 1)]
)
def test_the_narrower_limit_counts(monkeypatch, allowed, quota, count):
    monkeypatch.setattr(cores, "count_allowed", lambda: allowed)
    monkeypatch.setattr(cores, "read_quota", lambda groups, own: quota)
    assert cores.count_cores() == count


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux confines a process so")
def test_a_confined_process_counts_and_tells_what_it_may_use(monkeypatch):
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); from src.common import cores; "
    )
    done = subprocess.run(
        [sys.executable, "-c", code + "print(cores.count_cores())"], capture_output=True, text=True
    )
    assert done.stdout == "1\n"
    monkeypatch.setattr(runs, "count_cores", lambda: 3)
    assert runs.describe_machine().startswith("3 cores ")


def test_tensorflow_is_told_of_a_quota_that_it_does_not_see():
    code = "import os; from src.common import cores, startup; cores.read_quota = lambda groups, own: 1.0; "
    code += "startup.prepare(); print(os.environ.get('TF_NUM_INTRAOP_THREADS'))"
    where = {name: value for name, value in os.environ.items() if not name.startswith("TF_NUM")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=where)
    assert done.stdout == "1\n" if cores.count_allowed() > 1 else "None\n"


def test_no_file_asks_the_machine_for_all_its_processors():
    for path in Path("src").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert path.name == "cores.py" or "cpu_count" not in text, path
        assert "ThreadPoolExecutor()" not in text, path
