"""The rehearsal of `python -m src suggest`, without its trainings."""

import sys

import keras
import pytest
from conftest import draw_frame, write_set
from texts import squeeze
from tiny import TINY

from examples import rehearse
from src.data.classes import NO_LABEL
from src.data.recordings import find_recordings
from src.experiments import measured
from src.model import unet
from src.pipeline import folds

RECIPE = "backbone=tiny weights=none"


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """A pair of 6 frames and of 24 frames of six drives; results and runs lie beside it."""
    monkeypatch.chdir(tmp_path)
    write_set(tmp_path / "pair" / "Train", range(6), with_answers=True)
    write_set(tmp_path / "pair" / "Test", range(100, 124), with_answers=False, robots=6)
    write_set(tmp_path / "pair" / "reference", range(100, 124), with_answers=True, robots=6)
    return tmp_path / "pair"


def test_no_drive_is_on_both_sides(pair):
    test = rehearse.read_place(pair).test
    recordings = find_recordings(test)
    sides = [rehearse.divide(test, seed) for seed in (0, 1, 0)]
    for pool, scored in sides:
        assert sorted([*pool, *scored]) == list(range(24)) and len(pool) == 12
        assert not set(recordings[pool]) & set(recordings[scored])
    assert sides[0][0].tolist() == sides[2][0].tolist() != sides[1][0].tolist()
    with pytest.raises(SystemExit, match="must have two recordings or more"):
        rehearse.divide(test.iloc[:4], 0)


def test_as_many_frames_are_added_with_their_masks_alone(pair, monkeypatch):
    trained = []
    keras.utils.set_random_seed(0)
    network = unet.build_joint(unet.build_segmenter(3, TINY), 3)

    def train_pair(folder, frames, classes, settings, steps):
        trained.append((folder, frames, steps))
        return network

    monkeypatch.setattr(folds, "train_pair", train_pair)
    rehearsal = rehearse.prepare(rehearse.read_place(pair), seed=1, count=3, steps=10, recipe=RECIPE)
    assert rehearsal.settings.recipe == TINY and rehearsal.settings.seed == 1
    found = {way: rehearsal.measure(way) for way in rehearse.WAYS}
    assert [len(found[way]["photos"]) for way in rehearse.WAYS] == [0, 3, 3]
    assert [len(frames) for _, frames, _ in trained] == [
        6,
        9,
        6,
        9,
    ]  # what suggests is trained on Train alone
    assert trained[0][0] == trained[2][0] and len({folder for folder, _, _ in trained}) == 3
    assert {steps for _, _, steps in trained} == {(7, 3)}
    pool = set(rehearsal.pool["image_path"])
    for place, way in ((1, "random"), (3, "suggested")):
        frames = trained[place][1]
        assert frames.labels.tolist() == [0, 1, 2, 0, 1, 2, *[NO_LABEL] * 3]
        assert set(found[way]["photos"]) <= pool
        for photo, mask in zip(found[way]["photos"], frames.masks[6:], strict=True):
            truth = draw_frame(int(photo[6:9]))[1]
            assert (mask == truth.repeat(2, 0).repeat(2, 1)).all()  # enlarged, as the small photos are
    assert len({one["miou"] for one in found.values()}) == 1  # one network, one half of Test


def test_more_frames_than_the_pool_has_are_refused(pair):
    with pytest.raises(SystemExit, match="must be less than the pool's 12 frames, found 12"):
        rehearse.prepare(rehearse.read_place(pair), 0, 12, 10, RECIPE)


def test_a_row_that_is_kept_is_not_trained_again_and_gains_are_paired_by_seed(pair, monkeypatch, capsys):
    scores = {(0, "none"): 0.5, (0, "random"): 0.6, (0, "suggested"): 0.64}
    scores |= {(1, "none"): 0.4, (1, "random"): 0.55, (1, "suggested"): 0.57}
    measured = []

    def measure(self, way):
        measured.append((self.settings.seed, way))
        return {"miou": scores[measured[-1]], "photos": [], "pool_frames": 12, "scored_frames": 12}

    monkeypatch.setattr(rehearse.Rehearsal, "measure", measure)
    words = ["rehearse", str(pair), "--count", "4", "--steps", "9", "--recipe", RECIPE, "--seeds", "0"]
    monkeypatch.setattr(sys, "argv", words)
    rehearse.main()
    monkeypatch.setattr(sys, "argv", [*words, "1"])
    rehearse.main()
    assert measured == list(scores)
    said = squeeze(capsys.readouterr().out)
    assert f"| pair | 4 | 9 | {RECIPE} | 1 | 12 + 12 | 40.0 | 55.0 | 57.0 |" in said
    # Over random 4 and 2: mean 3, deviation 1.41 / sqrt(2). Over none 14 and 17
    assert "suggested over random +3.0 ± 1.0 (2 of 2), over none +15.5 ± 1.5 (2 of 2)." in said


def test_a_rehearsal_that_was_interrupted_has_a_table(tmp_path):
    row = {"data": "a", "count": 4, "steps": 9, "recipe": "", "seed": 0, "way": "none"}
    found = {"miou": 0.5, "pool_frames": 12, "scored_frames": 11}
    measured.keep_row(row, found, tmp_path / "suggest.json")
    said = squeeze(rehearse.make_table(tmp_path / "suggest.json"))
    assert "| a | 4 | 9 | | 0 | 12 + 11 | 50.0 | - | - |" in said
    assert "a, 4 frames, 9 steps: suggested over random -, over none -." in said
