import numpy as np
import pandas as pd

from src import data, split


def make_samples(robots, seconds):
    time = pd.to_datetime("2026-05-01T10:00:00Z") + pd.to_timedelta(seconds, unit="s")
    return pd.DataFrame({"robot": robots, "time": time, "label": 0, "mask": "m.png"})


def test_recording_ends_at_a_gap_or_another_robot():
    samples = make_samples(["a"] * 6 + ["b"] * 2, [0, 10, 20, 81, 181, 185, 0, 5])
    # robot a: spacings 10, 10, 61, 100, 4 have the median 10, so the limit is 100: no gap is over it
    assert split.find_recordings(samples).tolist() == ["a/1"] * 6 + ["b/1"] * 2
    samples = make_samples(["a"] * 5, [0, 1, 2, 63, 64])  # median 1: limit 60
    assert split.find_recordings(samples).tolist() == ["a/1"] * 3 + ["a/2"] * 2


def test_recordings_without_times_or_robots():
    samples = make_samples([""] * 3, [0, 1, 2])
    samples["time"] = pd.NaT
    samples["time"] = pd.to_datetime(samples["time"], utc=True)
    assert set(split.find_recordings(samples)) == {"robot/1"}


def test_no_recording_is_on_both_sides_and_seeds_repeat():
    robots = np.repeat([f"r{i}" for i in range(9)], 7)
    samples = make_samples(robots, np.arange(63))
    train, val, leaky = split.split_samples(samples, seed=3)
    assert not leaky and not set(robots[train]) & set(robots[val])
    assert sorted([*train, *val]) == list(range(63)) and 0.1 < len(val) / 63 < 0.35
    again = split.split_samples(samples, seed=3)
    assert (train == again[0]).all() and (val == again[1]).all()


def test_single_recording_is_called_leaky_and_keeps_a_margin():
    samples = make_samples(["a"] * 20, np.arange(20)[::-1])
    train, val, leaky = split.split_samples(samples, seed=0)
    assert leaky
    assert val.tolist() == [0, 1, 2, 3]  # the last fifth in time
    assert train.tolist() == list(range(6, 20))  # two frames between are dropped


def test_table_counts_both_sides(train_folder, classes):
    samples = data.read_samples(train_folder, classes)
    masks = [np.full((2, 2), i % 3, np.uint8) for i in range(5)] + [np.full((2, 2), 255, np.uint8)]
    table = split.table_of_split(samples, masks, np.array([0, 1, 2, 3]), np.array([4, 5]), classes)
    assert table.loc["frames", "train"] == 4 and table.loc["recordings", "val"] == 1
    assert table.loc["label: empty", "train"] == 2
    assert table["train"].tolist()[-3:] == [50.0, 25.0, 25.0] and table["val"].tolist()[-3:] == [
        0.0,
        100.0,
        0.0,
    ]


def test_masks_are_on_both_sides_or_the_split_is_leaky():
    samples = make_samples(["a"] * 50 + ["b"] * 200, np.arange(250))
    samples.loc[50:, "mask"] = ""
    train, val, leaky = split.split_samples(samples, seed=0)
    assert leaky and sorted(val) == list(range(40, 250)) and sorted(train) == list(range(35))
    samples.loc[120:140, "mask"] = "m.png"
    train, val, leaky = split.split_samples(samples, seed=0)
    assert not leaky and all((samples["mask"].iloc[side] != "").any() for side in (train, val))


def test_recordings_of_one_frame_each_can_be_split():
    train, val, leaky = split.split_samples(make_samples(list("abcdef"), np.zeros(6)), seed=0)
    assert not leaky and len(train) + len(val) == 6
