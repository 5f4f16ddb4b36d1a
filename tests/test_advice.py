"""The advice from numbers: by hand, and on the runs that are kept, as if the truth of Test were unknown."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src import runs
from src.evaluation import advice
from src.experiments import results, tables
from src.scores import RunResult, Scores

# IoU 80 / 120, 50 / 60 and 30 / 60. Of class 2, 20 of 50 pixels are taken for class 0.
CONFUSION = np.array([[80, 10, 10], [0, 50, 0], [20, 0, 30]])
NAMES = ("road", "car", "door")
DEFAULT_STEPS = {"boston-from-mallorca": 2240, "idd-choose": 4304, "world": 540}  # of EPOCHS="auto"
PAGE = " ".join(Path("docs/estimate.md").read_text(encoding="utf-8").split())


def make_record(confusion, **scores):
    parts = {split: {"mask": np.array(counts).tolist()} for split, counts in confusion.items()}
    return RunResult(scores=scores, confusion=parts)


def read_kept():
    """The kept runs that were scored on Test."""
    kept = []
    for path in sorted(results.FOLDER.glob("joint-*.json")):
        record = RunResult.from_dict(runs.read_json(path))
        assert "test" in record.scores
        kept.append(record)
    return kept


def hide_truth(record):
    """A record as it is where Test's truth is unknown."""
    scores = {split: score for split, score in record.scores.items() if not split.startswith("test")}
    confusion = {split: counts for split, counts in record.confusion.items() if split != "test"}
    return replace(record, scores=scores, confusion=confusion)


def test_what_training_brought_is_measured():
    lengths = results.read_lengths(results.AWAY)
    found = {}
    for data, steps in DEFAULT_STEPS.items():
        rows = lengths[lengths["data"] == data]
        half, whole = (rows[rows["steps"] == count].set_index("seed") for count in (steps // 2, steps))
        gains = (whole["away mIoU"] - half["away mIoU"]).dropna()
        found[data] = round(gains.mean(), 1)
        if data == "world":
            assert f"one gained {gains.max():.1f} points, the other lost {-gains.min():.1f}." in PAGE
    assert found == advice.DOUBLED
    rows = pd.json_normalize(runs.read_json(results.AWAY), sep=" ")
    found = {}
    for data, alike in rows.groupby("data"):
        averages = alike.loc[alike["recipe"] == "pretrained norm, average of 3", "test miou"]
        if len(averages):
            single = alike.loc[alike["recipe"] == "pretrained norm, again", "test miou"]
            found[data] = round(100 * (averages.mean() - single.mean()), 1)
    assert found == advice.AVERAGED


def test_the_class_of_the_lowest_iou_costs_most():
    found = advice.find_costliest(make_record({"test": CONFUSION, "estimate": np.eye(3)}))
    assert (found.split, found.index, found.others) == ("test", 2, 2)
    assert found.iou == (0.5, 0.5, 0.5)
    assert found.gain == pytest.approx([0.25 / 3] * 3)  # the mean of the others is 0.75
    assert (found.mistaken, found.share, found.reverse) == (0, 0.4, False)


def test_an_estimate_has_ends():
    found = advice.find_costliest(make_record({"estimate": CONFUSION, "held_out": np.eye(3)}))
    assert found.iou == pytest.approx((0.5, 0.3, 0.7))
    assert found.gain == pytest.approx((0.25 / 3, 0.05 / 3, 0.45 / 3))


def test_what_is_taken_for_a_class_may_cost_it_more():
    found = advice.find_costliest(make_record({"held_out": CONFUSION.T}))
    assert (found.split, found.index, found.mistaken, found.reverse) == ("held_out", 2, 0, True)
    assert found.share == 0.4  # 20 of the 50 pixels that are taken for it
    clean = advice.find_costliest(make_record({"test": np.diag([3, 2, 1])}))
    assert clean.mistaken is None and clean.gain == (0, 0, 0)


def test_absent_classes_do_not_count():
    absent = CONFUSION.copy()
    absent[1] = 0
    found = advice.find_costliest(make_record({"test": absent}))
    assert (found.index, found.others) == (2, 1)
    assert found.gain[0] == pytest.approx((80 / 120 - 0.5) / 2)
    nothing = np.zeros((3, 3), int)
    held_out = {"test": nothing, "estimate": nothing, "held_out": CONFUSION}  # a truth of labels alone
    assert advice.find_costliest(make_record(held_out)).split == "held_out"
    assert advice.find_costliest(make_record({"test": np.diag([5, 0, 0])})) is None
    assert advice.find_costliest(RunResult()) is None


def test_other_places_bring_at_most_what_lies_between():
    estimate = Scores(miou=0.6, miou_low=0.5, miou_high=0.7)
    random = Scores(miou=0.8)
    history = pd.DataFrame({"mask_miou": [0.5, 0.75]}, index=[1, 2])
    gap = advice.find_gap(make_record({}, random=random, estimate=estimate, held_out=random), history)
    assert (gap.above, gap.below) == ("random", "estimate")
    assert (gap.points, gap.low, gap.high) == pytest.approx((20, 10, 30))
    gap = advice.find_gap(make_record({}, random=random, estimate=estimate, test=Scores(miou=0.65)))
    assert gap.below == "test" and (gap.points, gap.low, gap.high) == pytest.approx((15, 15, 15))
    gap = advice.find_gap(make_record({}, estimate=estimate, test=Scores(f1=0.9)), history)
    assert (gap.above, gap.below) == ("crops", "estimate")
    assert (gap.points, gap.low, gap.high) == pytest.approx((15, 5, 25))
    near = replace(estimate, miou_high=0.9)
    assert advice.find_gap(make_record({}, random=random, estimate=near)).low == 0
    assert advice.find_gap(make_record({}, random=Scores(miou=0.6), estimate=estimate)) is None
    assert advice.find_gap(make_record({}, estimate=estimate)) is None
    assert advice.find_gap(make_record({}, random=random)) is None


def test_the_rise_is_of_the_second_half():
    history = pd.DataFrame({"val_mask_miou": [0.3, 0.4, np.nan, 0.46]}, index=[1, 2, 3, 4])
    assert advice.find_rise(history) == pytest.approx(6)
    assert advice.find_rise(history.assign(val_mask_miou=[np.nan, np.nan, 0.4, 0.5])) is None
    assert advice.find_rise(history[[]]) is None and advice.find_rise(None) is None


def test_the_paragraph_by_hand():
    estimate = Scores(miou=0.66, miou_low=0.56, miou_high=0.76)
    record = make_record({"estimate": CONFUSION}, estimate=estimate, random=Scores(miou=0.8))
    history = pd.DataFrame({"val_mask_miou": [0.3, 0.29]}, index=[1, 2])
    assert advice.advise(record, NAMES, history) == (
        "The class that costs most is door: IoU 50.0 (30.0 to 70.0) % by the estimate for Test, and 40 % of "
        "its pixels are taken for road. As good as the mean of the other 2, it would add 8.3 (1.7 to 15.0) "
        "points of mean IoU. Frames of other places can bring at most about 14.0 (4.0 to 24.0) points: so "
        "much higher is the mean IoU of random frames (leaky) than that of the estimate for Test. In the "
        "second half of this training the mean IoU on held-out recordings changed by -1.0 points. Where it "
        "was measured, twice the steps (EPOCHS) brought 1.8 points (0.7 to 3.6) in 3 places, from half of "
        "the usual steps to all of them; "
        'PRESET="best" brought 1.1 points in 1 place. So only frames of other places can bring more.'
    )


def test_a_sentence_without_a_number_is_left_out():
    assert advice.advise(RunResult(), NAMES) == ""
    assert advice.advise(make_record({}, random=Scores(miou=0.9)), NAMES) == ""
    text = advice.advise(make_record({"test": CONFUSION.T}, test=Scores(miou=0.6)), NAMES, networks=3)
    assert "IoU 50.0 % on Test, and 40 % of the pixels predicted as it are road." in text
    assert text.endswith("points of mean IoU. " + advice._describe_training(networks=3))
    for absent in ("PRESET", "other places", "second half", "estimate"):
        assert absent not in text


@pytest.mark.parametrize(
    ("random", "told"),
    [
        (0.7, "So other places are not what is missing most."),
        (0.72, "Which of these helps most, the numbers do not tell."),
        (0.73, "So only frames of other places can bring more."),
    ],
)
def test_other_places_are_compared_with_what_training_brought(random, told):
    record = make_record({}, random=Scores(miou=random), test=Scores(miou=0.69))
    text = advice.advise(record, NAMES)
    points = 100 * (random - 0.69)
    assert text.startswith(
        f"Frames of other places can bring at most about {points:.1f} points: so much higher is the mean IoU "
        "of random"
    )
    assert text.endswith(f"{advice._describe_training(networks=1)} {told}")


def test_each_kept_run_gets_advice_without_a_hole():
    for record in read_kept():
        names = tuple(map(str, range(20)))
        for known in (record, hide_truth(record)):
            text = advice.advise(known, names)
            assert "nan" not in text and "None" not in text and text.endswith(".")
            assert text.startswith("The class that costs most is ")


def test_the_page_says_how_often_the_costliest_class_was_found():
    found = {"estimate": [], "held_out": []}
    holds = []
    for record in read_kept():
        true = advice.find_costliest(record)
        guess = advice.find_costliest(hide_truth(record))
        if guess.split == "estimate":
            found["estimate"].append(guess.index == true.index)
            holds.append(guess.gain[1] <= true.gain[0] <= guess.gain[2])
            del record.confusion["estimate"]
            guess = advice.find_costliest(hide_truth(record))
        found["held_out"].append(guess.index == true.index)
    counts = {name: f"{sum(right)} of {len(right)}" for name, right in found.items()}
    assert f"named the class that costs most in {counts['estimate']} runs, and" in PAGE
    assert f"held the true value in {sum(holds)} of {len(holds)}. Held-out" in PAGE
    assert f"Held-out recordings named it in {counts['held_out']}." in PAGE


def test_the_page_says_how_good_the_bound_of_other_places_was():
    held, right = [], []
    for record in read_kept():
        if record.version not in tables.TODAYS or not {"random", "estimate"} <= record.scores.keys():
            continue
        gap = advice.find_gap(hide_truth(record))
        true = 100 * (record.scores["random"].miou - record.scores["test"].miou)
        held.append(gap.low <= true <= gap.high)
        if "only frames of other" in advice._compare(gap, networks=1):
            right.append(true > max(*advice.DOUBLED.values(), *advice.AVERAGED.values()))
    assert f"held the true difference in {sum(held)} of {len(held)} runs by today's method" in PAGE
    assert f"In {len(right)} of these {len(held)}, other places were called" in PAGE
    assert f"all that training brought in {sum(right)} of these {len(right)}." in PAGE
    assert f"In the other {len(held) - len(right)} the numbers did not tell." in PAGE
