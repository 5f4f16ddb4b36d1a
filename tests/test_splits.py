import tracemalloc
import warnings

import cv2
import numpy as np
import pandas as pd
import pytest

from src.data import likeness as likeness_module
from src.data import recordings as recordings_module
from src.data.audit import audit_split, is_leaky, make_leaks_table
from src.data.likeness import SAME_VIEW, compare_views, find_same_views
from src.data.recordings import (
    EARTH,
    SAME_GROUND,
    UNKNOWN_GROUP,
    describe_blocks,
    find_blocks,
    find_neighbours,
    find_recordings,
    project_places,
)
from src.data.samples import read_samples
from src.data.splits import make_folds, make_split_table, order_sides, split_random_frames, split_samples


def make_samples(robots, seconds):
    time = pd.to_datetime("2026-05-01T10:00:00Z") + pd.to_timedelta(seconds, unit="s")
    table = pd.DataFrame({"robot": robots, "time": time, "label": 0, "mask": "m.png"})
    return table.assign(lon=np.nan, lat=np.nan)


def make_views(count, seed=0):
    """Photos of different places: noise of several sizes, brighter above, as streets are."""
    rng = np.random.default_rng(seed)
    photos = []
    for _ in range(count):
        layers = [
            cv2.resize(rng.normal(0, 1, (n, n, 3)), (160, 90), interpolation=cv2.INTER_CUBIC)
            for n in (4, 9, 30)
        ]
        sky = np.linspace(1, -1, 90)[:, None, None]
        photos.append(np.clip(128 + 40 * sky + 25 * sum(layers), 0, 255).astype(np.uint8))
    return photos


def spoil(photo, kind, rng):
    """Makes a near-duplicate of a photo."""
    if kind == "mirrored":
        return photo[:, ::-1]
    if kind == "brighter":
        return np.clip(photo * rng.uniform(0.7, 1.3) + rng.uniform(-30, 30), 0, 255).astype(np.uint8)
    if kind == "cut":
        top, left = rng.integers(0, 5), rng.integers(0, 9)
        return photo[top : top + 86, left : left + 152]
    return cv2.imdecode(cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_COLOR)


def test_recording_ends_at_a_gap_or_another_robot():
    samples = make_samples(["a"] * 6 + ["b"] * 2, [0, 10, 20, 81, 181, 185, 0, 5])
    # robot a: spacings 10, 10, 61, 100, 4 have the median 10, so the limit is 100: no gap is over it
    assert find_recordings(samples).tolist() == ["a/1"] * 6 + ["b/1"] * 2
    samples = make_samples(["a"] * 5, [0, 1, 2, 63, 64])  # median 1: limit 60
    assert find_recordings(samples).tolist() == ["a/1"] * 3 + ["a/2"] * 2


def test_recordings_without_times_or_robots():
    samples = make_samples([""] * 3, [0, 1, 2])
    samples["time"] = pd.NaT
    samples["time"] = pd.to_datetime(samples["time"], utc=True)
    assert set(find_recordings(samples)) == {"robot/1"}
    samples = make_samples(["a"] * 5 + ["b"] * 4, [0, 1, 300, 301, 0, 0, 1, 300, 301])
    samples.loc[4, "time"] = pd.NaT  # may be of either of a's drives
    assert find_recordings(samples).tolist() == ["a/1"] * 5 + ["b/1"] * 2 + ["b/2"] * 2


def test_no_recording_is_on_both_sides_and_seeds_repeat():
    robots = np.repeat([f"r{i}" for i in range(9)], 7)
    samples = make_samples(robots, np.arange(63))
    train, val, leaky = split_samples(samples, find_recordings(samples), seed=3)
    assert not leaky and not set(robots[train]) & set(robots[val])
    assert sorted([*train, *val]) == list(range(63)) and 0.1 < len(val) / 63 < 0.35
    again = split_samples(samples, find_recordings(samples), seed=3)
    assert (train == again[0]).all() and (val == again[1]).all()


def test_single_recording_is_called_leaky_and_keeps_a_margin():
    samples = make_samples(["a"] * 20, np.arange(20)[::-1])
    train, val, leaky = split_samples(samples, find_recordings(samples), seed=0)
    assert leaky
    assert val.tolist() == [0, 1, 2, 3]  # the last fifth in time
    assert train.tolist() == list(range(6, 20))  # two frames between are dropped


def test_a_frame_without_a_time_stays_beside_the_one_before_it():
    samples = make_samples(["a"] * 20, np.arange(20))
    samples.loc[samples.index[[2, 3]], "time"] = pd.NaT
    train, val, _ = split_samples(samples, pd.Series("a", samples.index), seed=0)
    assert val.tolist() == [16, 17, 18, 19] and train.tolist() == list(range(14))


def test_margin_is_half_as_long_as_what_is_held_out_where_few_frames_have_masks():
    samples = make_samples(["a"] * 1000, np.arange(1000))
    samples["mask"] = np.where(np.arange(1000) % 10 == 0, "m.png", "")  # 100 masks, 20 of them held out
    train, val, leaky = split_samples(samples, find_recordings(samples), seed=0)
    assert leaky and val.tolist() == list(range(800, 1000))
    assert train.tolist() == list(range(700))


def test_table_counts_both_sides(train_folder, classes):
    samples = read_samples(train_folder, classes)
    masks = [np.full((2, 2), i % 3, np.uint8) for i in range(5)] + [np.full((2, 2), 255, np.uint8)]
    table = make_split_table(samples, masks, np.array([0, 1, 2, 3]), np.array([4, 5]), classes)
    assert table.loc["frames", "train"] == 4 and table.loc["recordings", "held out"] == 1
    assert table.loc["label: empty", "train"] == 2
    assert table["train"].tolist()[-3:] == [50.0, 25.0, 25.0] and table["held out"].tolist()[-3:] == [
        0.0,
        100.0,
        0.0,
    ]


def test_masks_are_on_both_sides_or_the_split_is_leaky():
    samples = make_samples(["a"] * 50 + ["b"] * 200, np.arange(250))
    samples.loc[50:, "mask"] = ""
    train, val, leaky = split_samples(samples, find_recordings(samples), seed=0)
    assert leaky and sorted(val) == list(range(40, 250)) and sorted(train) == list(range(35))
    samples.loc[120:140, "mask"] = "m.png"
    train, val, leaky = split_samples(samples, find_recordings(samples), seed=0)
    assert not leaky and all((samples["mask"].iloc[side] != "").any() for side in (train, val))


def test_recordings_of_one_frame_each_can_be_split():
    samples = make_samples(list("abcdef"), np.zeros(6))
    train, val, leaky = split_samples(samples, samples["robot"], seed=0)
    assert not leaky and len(train) + len(val) == 6


@pytest.mark.parametrize("kind", ["mirrored", "brighter", "cut", "encoded again"])
def test_planted_duplicates_are_found_and_others_are_not(kind):
    photos, rng = make_views(60), np.random.default_rng(1)
    likeness = np.concatenate(list(compare_views([spoil(p, kind, rng) for p in photos], photos)))
    alike = likeness >= SAME_VIEW
    assert np.diag(alike).mean() >= 0.95
    assert alike[~np.eye(60, dtype=bool)].mean() <= 0.01


@pytest.mark.parametrize("at_once", [100, 1])
def test_neighbours_by_hand(at_once, monkeypatch):
    monkeypatch.setattr(recordings_module, "AT_ONCE", at_once)
    samples = make_samples(["a"] * 4, np.arange(4))
    samples["lat"], samples["lon"] = [0.0, 0.0001, 0.0002, np.nan], [10.0] * 4  # 0.0001 degrees are 11.1 m
    assert np.concatenate(list(find_neighbours(samples, metres=12))).tolist() == [[0, 1], [1, 2]]
    assert np.concatenate(list(find_neighbours(samples, metres=5))).tolist() == []
    assert list(find_neighbours(samples[2:])) == []  # one frame with a place


def test_many_frames_of_one_place_and_view_need_little_memory():
    samples = make_samples(np.repeat(list("ab"), 4000), np.arange(8000)).assign(lat=0.0, lon=10.0)
    tracemalloc.start()
    pairs = sum(len(part) for part in find_neighbours(samples))
    assert pairs == 8000 * 7999 / 2
    assert tracemalloc.get_traced_memory()[1] < 100e6  # bytes; all pairs at once take 512 MB
    tracemalloc.stop()


@pytest.mark.parametrize("at_once", [500, 2])
def test_same_views_are_found_within_a_part_and_across_parts(at_once, monkeypatch):
    monkeypatch.setattr(likeness_module, "AT_ONCE", at_once)
    photos = make_views(5)
    photos[3] = photos[0][:, ::-1]
    photos[1] = photos[0]
    pairs = np.concatenate(list(find_same_views(photos)))
    found = {tuple(sorted(pair)) for pair in pairs.tolist()}
    assert found == {(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (0, 1), (0, 3), (1, 3)}


def test_recordings_that_share_ground_or_a_view_are_one_block(monkeypatch):
    samples = make_samples(list("aabbccdd"), [0, 1] * 4)
    samples["lat"], samples["lon"] = np.repeat([0.0, 0.0001, 1.0, 2.0], 2), 10.0
    photos = make_views(8)
    photos[6] = spoil(photos[5], "mirrored", None)  # c and d
    blocks = find_blocks(samples, photos)
    assert blocks.nunique() == 2 and set(blocks[:4]) == {"a/1 +1"} and set(blocks[4:]) == {"c/1 +1"}
    drives = samples.assign(drive=samples["robot"])
    assert find_blocks(drives, photos, "drive").tolist() == list("aabbccdd")
    with pytest.raises(ValueError, match=r"found 'robot'; it has lon, lat. \(Not row, "):  # the file has none
        find_blocks(samples, photos, "robot")
    monkeypatch.setattr(likeness_module, "AT_ONCE", 3)
    assert find_blocks(samples, photos).equals(blocks)
    with pytest.raises(ValueError, match="GROUP must be a column"):
        find_blocks(samples, photos, "town")


def test_without_time_and_place_the_clusters_of_views_are_the_blocks():
    samples = make_samples([""] * 5, np.arange(5)).assign(time=pd.NaT)
    samples["time"] = pd.to_datetime(samples["time"], utc=True)
    photos = make_views(5)
    photos[3] = spoil(photos[0], "brighter", np.random.default_rng(0))
    blocks = find_blocks(samples, photos)
    assert blocks.nunique() == 4 and blocks[0] == blocks[3]


def test_audit_by_hand(monkeypatch):
    samples = make_samples(list("aaabb"), [0, 30, 500, 0, 9])
    samples["lat"], samples["lon"] = [0.0, 0.001, 0.0, np.nan, 5.0], 10.0
    photos = make_views(5)
    photos[4] = photos[1]
    monkeypatch.setattr(likeness_module, "AT_ONCE", 2)
    audit = audit_split(samples, photos, train=np.array([0, 1]), held_out=np.array([2, 3, 4]))
    assert audit["frame"].tolist() == [2, 3, 4] and audit["twin"].tolist()[2] == 1
    assert audit["seconds"].tolist()[0] == 470 and audit["seconds"].isna().tolist() == [False, True, True]
    assert audit["metres"].tolist()[0] == 0 and np.isnan(audit["metres"].tolist()[1])
    assert audit["metres"].tolist()[2] == pytest.approx(4.999 * 111_195, rel=1e-3)
    leaks = make_leaks_table(audit)
    assert leaks["held-out frames"].tolist() == [1, 0, 1, 2]
    assert leaks["% of held out"].tolist() == [33.3, 0.0, 33.3, 66.7]


def test_sides_and_places_by_hand():
    blocks = pd.Series(list("abab"))
    sides = order_sides(blocks, {"train": np.array([0]), "held out": np.array([1, 3])})
    assert sides.index.tolist() == [0, 2, 1, 3] and sides["side"].tolist() == [
        "train",
        "left out",
        "held out",
        "held out",
    ]
    samples = pd.DataFrame({"lat": [60.0, 60.0, np.nan], "lon": [10.0, 10.002, 10.0]})
    places = project_places(samples)
    degree = np.pi * EARTH / 180  # metres; a degree of longitude is half as long at 60 degrees north
    np.testing.assert_allclose(
        places[:2], [[-0.0005 * degree, 0], [0.0005 * degree, 0]], rtol=1e-6, atol=1e-6
    )
    assert np.isnan(places[2]).any()


def test_a_split_that_gives_more_than_a_hundredth_away_is_leaky():
    audit = pd.DataFrame({"likeness": [0.9] + [0.1] * 99, "seconds": np.nan, "metres": np.nan})
    assert not is_leaky(audit)
    audit.loc[1, "metres"] = SAME_GROUND
    assert is_leaky(audit)


def test_a_share_just_over_a_hundredth_is_not_rounded_to_a_clean_one():
    audit = pd.DataFrame({"likeness": [0.9] * 3 + [0.1] * 287, "seconds": np.nan, "metres": np.nan})
    assert is_leaky(audit)  # 3 of 290 are 1.03 %
    audit = pd.DataFrame({"likeness": [0.9] * 3 + [0.1] * 297, "seconds": np.nan, "metres": np.nan})
    assert not is_leaky(audit)  # 3 of 300 are 1 %


def test_blocks_are_described():
    samples = make_samples(list("aab"), [0, 1, 0])
    assert describe_blocks(samples, pd.Series(["a", "a", "b"])).startswith("2 recordings in 2 blocks")
    assert "share no view (their places" in describe_blocks(samples, pd.Series(["a", "a", "b"]))
    placed = samples.assign(lon=[8.0, 8.1, 8.2], lat=53.0)
    assert describe_blocks(placed, pd.Series(["a", "a", "b"])).endswith("neither ground nor view.")
    samples = samples.assign(robot="", time=pd.to_datetime(pd.NaT, utc=True))
    assert "3 blocks" in describe_blocks(samples, pd.Series(list("abc")))


def test_frames_of_an_unknown_group_are_one_block_and_said():
    samples = make_samples(list("aaaa"), np.arange(4)).assign(city=["Cali", "", "nan", "?"])
    blocks = find_blocks(samples, [], "city")
    assert blocks.tolist() == ["Cali"] + [UNKNOWN_GROUP] * 3
    assert f"3 of {len(samples)} frames are of an unknown group" in describe_blocks(samples, blocks)


def test_folds_hold_every_block_out_once():
    blocks = pd.Series(np.repeat([f"b{k}" for k in range(9)], 4), name="block")
    samples = pd.DataFrame({"mask": ["m.png"] * 36, "label": [0, 1, 2, -1] * 9})
    train = np.flatnonzero(blocks != "b0")
    folds = make_folds(samples, blocks, train, seed=0)
    assert len(folds) == 4
    held_out = np.concatenate([val for _, val in folds])
    assert sorted(held_out) == list(train)  # each once
    for rest, val in folds:
        assert not set(blocks.iloc[rest]) & set(blocks.iloc[val]) and len(rest) + len(val) == 36


def test_few_blocks_are_left_out_one_by_one():
    blocks = pd.Series(["a", "a", "b", "c", "c"])
    samples = pd.DataFrame({"mask": ["m", "m", "m", "", ""], "label": [0] * 5})
    folds = make_folds(samples, blocks, np.array([0, 1, 3, 4]), seed=0)
    assert [val.tolist() for _, val in folds] == [[0, 1]]  # c has no mask to be scored by
    assert make_folds(samples, blocks, np.array([0, 1]), seed=0) == []


def test_rare_labels_do_not_stop_the_folds():
    blocks, labels = pd.Series(list("aabbccddee")), [0, 1, 2, -1, -1, 2, 1, -1, 0, 0]  # three of each at most
    samples = pd.DataFrame({"mask": ["m"] * 10, "label": labels})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folds = make_folds(samples, blocks, np.arange(2, 10), seed=0)
        assert len(folds) == 4 and all(len(val) == 2 for _, val in folds)
        rare = samples.assign(label=list(range(10)))
        assert len(make_folds(rare, blocks, np.arange(2, 10), seed=0)) == 4


def test_random_frames_leave_neighbours_on_both_sides():
    train, val = split_random_frames(pd.DataFrame({"mask": ["m"] * 10}), seed=1)
    assert len(val) == 2 and sorted([*train, *val]) == list(range(10))
