import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from texts import squeeze

from src.common.errors import SettingsError
from src.experiments import benchmark, peers, quick, rows, speeds

TURN = """
import sys
sys.path.insert(0, "benchmarks")
from turns import serve, time_calls

def count(first):
    numbers = iter(range(first, 100))
    print("a package's greeting")
    return lambda: float(next(numbers))

def die(first):
    raise ValueError("no such row")

serve({"count": count, "die": die})
"""


def test_rows_are_measured_in_turn_and_the_first_time_does_not_count(tmp_path):
    script = tmp_path / "turn.py"
    script.write_text(TURN)
    commands = {
        name: [sys.executable, str(script), "count", json.dumps(first)]
        for name, first in (("a", 1), ("b", 5))
    }
    found = rows.measure_rows(commands, rounds=3)
    assert found["a"]["seconds"] == [2, 3, 4] and found["b"]["seconds"] == [6, 7, 8]
    assert 1 < found["a"]["memory"] < 1000
    with pytest.raises(RuntimeError, match="no such row"):
        rows.measure_rows({"c": [sys.executable, str(script), "die", "1"]}, rounds=1)


def test_a_process_that_ends_between_its_turns_is_named_with_its_last_words(tmp_path):
    words = "import sys; print('ready', flush=True); sys.exit('out of memory')"
    row = rows.Row([sys.executable, "-c", words])
    row.wait_ready()
    row.process.wait()
    with pytest.raises(RuntimeError, match="out of memory"):
        row.measure()
    row.close()


def test_rows_that_do_not_wait_begin_anew_in_each_round(tmp_path):
    script, log = tmp_path / "turn.py", tmp_path / "log"
    script.write_text(TURN + f"open({str(log)!r}, 'a').write(sys.argv[2])")
    commands = {
        name: [sys.executable, str(script), "count", first] for name, first in (("a", "1"), ("b", "5"))
    }
    found = rows.measure_apart(commands, rounds=3)
    assert found["a"]["seconds"] == [2, 2, 2] and found["b"]["seconds"] == [6, 6, 6]
    assert 1 < found["b"]["memory"] < 1000
    assert log.read_text() == "151515"  # each has ended before the next began


def test_training_rows_begin_anew_and_others_wait(tmp_path, monkeypatch):
    def list_groups(*places):
        return {"train 192x320": {"ours": ["a"]}, "latency 192x320": {"ours": ["b"]}}

    measured = []
    monkeypatch.setattr(benchmark, "list_rows", list_groups)
    monkeypatch.setattr(benchmark, "write_benchmark", lambda *results: None)
    for name in ("measure_rows", "measure_apart"):
        monkeypatch.setattr(benchmark, name, lambda *row, name=name: measured.append((name, *row)))
    benchmark.measure_groups(tmp_path, tmp_path, {}, "", 5, 1)
    assert measured == [("measure_apart", {"ours": ["a"]}, 5), ("measure_rows", {"ours": ["b"]}, 5)]
    with pytest.raises(SettingsError, match="found 'training'; choose from train 192x320, latency 192x320"):
        benchmark.measure_groups(tmp_path, tmp_path, {}, "training", 5, 1)


def test_ratios_by_hand():
    groups = {
        "train 192x320": {
            "ours": {"seconds": [2.0, 2.0, 2.0]},
            "smp, same decoder": {"seconds": [3.0, 4.0, 2.0]},
        },
        "train 352x480": {
            "ours": {"seconds": [1.0]},
            "smp, same decoder": {"seconds": [1.2]},
        },
        "growth frames": {
            name: {"seconds": [1.0], "memory": memory}
            for name, memory in (("100 frames", 500.0), ("1,000 frames", 800.0), ("10,000 frames", 520.0))
        },
        "latency 192x320": {"ours": {"seconds": [0.02, 0.04]}, "bare OpenVINO": {"seconds": [0.02, 0.02]}},
        "latency 352x480": {
            "ours": {"seconds": [0.05]},
            "bare OpenVINO": {"seconds": [0.04]},
            "bare LiteRT": {"seconds": [0.025]},
        },
    }
    found = speeds.count_ratios(groups)
    assert found["train_same"] == pytest.approx(1.2)  # the worse of 1.5 and 1.2
    assert found["latency_floor"] == pytest.approx(2)  # the worse of 1.5 and 2, against the faster engine
    assert found["fps_192x320"] == pytest.approx(1 / 0.03)
    assert found["memory_growth"] == pytest.approx(1.04)  # the most frames against the fewest
    assert "time_growth" not in found  # it needs the rows of 30,000 frames
    assert "train_shipped" not in found and "save_test_loop" not in found


def test_a_change_is_slower_from_a_tenth_on():
    rows = {"ours": {"seconds": [2.0, 3.0, 9.0]}, "other": {"seconds": [4.0, 4.0, 3.0]}}
    assert quick.count_ratio(rows, "ours", "other") == 0.75
    assert np.isnan(quick.count_ratio(rows, "ours", "third"))
    assert quick.describe_change(1.2, 1.0) == "20 % slower"
    assert quick.describe_change(1.05, 1.0) == "as before" == quick.describe_change(0.95, 1.0)
    assert quick.describe_change(0.5, 1.0) == "50 % faster"
    assert quick.describe_change(1.0, float("nan")) == "not measured before"


def test_the_quick_pairs_are_rows_of_the_benchmark(tmp_path, monkeypatch):
    (tmp_path / "settings.json").write_text('{"SIZE": [64, 96]}')
    kept = speeds.read_benchmark()["groups"]
    for fast in (True, False):
        monkeypatch.setattr(benchmark.engine, "has_bfloat16", lambda fast=fast: fast)
        groups = benchmark.list_rows(tmp_path, tmp_path, {})
        for pair in quick.list_pairs().values():
            assert {pair.ours, pair.other} <= set(groups[pair.group])
            assert quick.count_ratio(kept[pair.group], pair.kept or pair.ours, pair.other) > 0


def test_the_table_tells_milliseconds_and_images_a_second():
    kept = {"groups": {"latency 192x320": {"ours": {"seconds": [0.02, 0.05, 0.01], "memory": 512.4}}}}
    table = squeeze(speeds.make_speeds_table(kept))
    assert "| latency 192x320 | ours | 20.0 | 10.0 to 50.0 | 50.0 | 512 |" in table
    ratios = squeeze(speeds.make_ratios_table({"fps_192x320": 50.0}))
    assert ratios.endswith("one at a time | >= 20 | 50.00 |") and "Save_test" not in ratios
    assert set(speeds.RATIOS) < set(speeds.GOALS)


def test_peers_are_left_out_without_their_environment(tmp_path, monkeypatch):
    (tmp_path / "settings.json").write_text('{"SIZE": [64, 96]}')
    alone, beside = {}, {}
    for fast in (True, False):  # either kind of processor
        monkeypatch.setattr(benchmark.engine, "has_bfloat16", lambda fast=fast: fast)
        alone |= benchmark.list_rows(tmp_path, tmp_path, {})
        beside |= benchmark.list_rows(tmp_path, tmp_path, {peers.SMP: Path("python")})
    assert not any(name in peers.PEERS for rows in alone.values() for name in rows)
    assert set(speeds.RATIOS) - {"train_same", "train_shipped"} == set(
        speeds.count_ratios(
            {group: {name: {"seconds": [1], "memory": 1} for name in rows} for group, rows in alone.items()}
        )
    ) - {"fps_192x320", "memory_growth", "time_growth"}
    assert set(speeds.RATIOS) <= set(
        speeds.count_ratios(
            {group: {name: {"seconds": [1], "memory": 1} for name in rows} for group, rows in beside.items()}
        )
    )


def test_photos_for_save_test_are_large_and_many(learnable, tmp_path):
    benchmark.write_photos(learnable, tmp_path / "many", 15)
    benchmark.write_photos(learnable, tmp_path / "small", 2, (36, 64))
    assert cv2.imread(str(tmp_path / "small" / "Test" / "00001.jpg")).shape == (36, 64, 3)
    photos = sorted((tmp_path / "many" / "Test").glob("*.jpg"))
    assert len(photos) == 15 and cv2.imread(str(photos[-1])).shape == (720, 1280, 3)
    assert (tmp_path / "many" / "Train" / "classes.csv").exists()
