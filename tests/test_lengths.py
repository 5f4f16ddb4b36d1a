from pathlib import Path

import pytest

from src import settings
from src.common.errors import MissingError
from src.data.frames import Counts
from src.experiments import results
from src.training import lengths
from src.training.lengths import Plan

CITY = Counts(useful=260, masked=240, labelled=160)


def test_auto_follows_from_the_number_of_frames():
    assert lengths.choose_passes(260) == lengths.PASSES
    assert lengths.choose_passes(4 * 260) == lengths.PASSES / 2  # twice the steps for four times the frames
    assert lengths.choose_passes(260, synthetic=True) == pytest.approx(lengths.PASSES * lengths.WORLD_SHARE)
    assert lengths.choose_passes(100_000) == lengths.MOST_IMAGES / 100_000


def test_steps_are_shared_by_both_networks():
    seg, joint = (lengths.choose_steps(kind, CITY, 4) for kind in ("seg", "joint"))
    assert seg + joint == pytest.approx(lengths.PASSES * 260 / 4, abs=2)
    assert seg / joint == pytest.approx(0.7 / 0.3, rel=0.01)
    assert lengths.choose_steps("seg", CITY, 8) == pytest.approx(seg / 2, abs=1)


def test_a_number_of_epochs_is_passes_over_what_is_learned_from():
    assert lengths.choose_steps("seg", CITY, 4, epochs=3) == 3 * 60
    assert lengths.choose_steps("joint", CITY, 4, epochs=3) == 3 * 65


@pytest.mark.parametrize(
    ("counts", "with_label", "steps"),
    [
        (Counts(10, 10, 4), False, 3),
        (Counts(10, 10, 4), True, 3),
        (
            Counts(1000, 1000, 50),
            True,
            317,
        ),  # 316 batches would hold 1,000 rows and 266 labels that come again
        (Counts(12, 4, 10), True, 3),
        (Counts(10, 10, 0), True, 3),
        (Counts(10, 0, 10), True, 3),
        (Counts(1, 1, 1), False, 1),
    ],
)
def test_a_pass_takes_every_mask_and_every_label(counts, with_label, steps):
    assert lengths.count_pass_steps(counts, 4, with_label) == steps


@pytest.mark.parametrize("epochs", [0, 2.5, "long", None, True])
def test_epochs_that_are_none_are_refused(epochs):
    with pytest.raises(ValueError, match="EPOCHS must be 'auto' or a whole number of 1 or more"):
        settings.check_epochs(epochs)


@pytest.mark.parametrize("minutes", [0, -1, "long", "auto"])
def test_minutes_that_are_none_are_refused(minutes):
    with pytest.raises(ValueError, match="MINUTES must be None or a positive number"):
        settings.check_minutes(minutes)


@pytest.mark.parametrize(
    ("steps", "pass_steps", "plan"),
    [
        (100, 10, Plan(10, 1, 10, 10)),
        (100, 50, Plan(2, 2, 25, 2)),
        (250, 100, Plan(3, 4, 21, 3)),  # 84 steps, a few more than a third of 250, in 4 pieces of 21
        (5, 10, Plan(1, 1, 5, 1)),
    ],
)
def test_a_training_is_cut_into_epochs_and_pieces(steps, pass_steps, plan):
    assert lengths.cut_steps(steps, pass_steps) == plan
    assert steps <= plan.steps <= 1.02 * steps


def test_validations_take_a_tenth_at_most_and_end_with_the_last_epoch():
    assert lengths.cut_steps(1000, 10, validation_batches=10).validated == list(range(10, 101, 10))
    plan = lengths.cut_steps(1000, 100, validation_batches=80)  # one costs as much as 48 steps
    assert plan.validated == [5, 10]
    assert lengths.cut_steps(1000, 100, validation_batches=800).validated == [10]


def test_a_wish_shortens_and_never_lengthens():
    assert lengths.shorten_steps(1000, 0.5, None) == 1000
    assert lengths.shorten_steps(1000, 0.5, minutes=100) == 1000
    assert lengths.shorten_steps(1000, 0.5, minutes=2) == 240
    assert lengths.shorten_steps(1000, 0.5, minutes=0.001) == 1


def test_a_training_says_how_long_it_takes_and_what_a_wish_leaves():
    text = lengths.describe(600, 600, 0.5, all_steps=2400)
    assert (
        text
        == "600 steps at 0.50 s take about 5.0 minutes, all trainings of both notebooks about 20 minutes."
    )
    text = lengths.describe(300, 600, 0.5, all_steps=2400)
    assert "about 2.5 minutes, all trainings of both notebooks about 10 minutes" in text
    assert "50 % of the 600 steps" in text


def test_a_plan_is_kept(tmp_path):
    assert lengths.read_plan(tmp_path) is None
    lengths.write_plan(tmp_path, Plan(3, 4, 21, 3))
    assert lengths.read_plan(tmp_path) == Plan(3, 4, 21, 3) and lengths.count_planned(tmp_path) == 252


def test_a_training_that_has_not_begun_is_named(tmp_path):
    with pytest.raises(MissingError, match="must hold the plan of a training, found none"):
        lengths.count_planned(tmp_path)


def test_what_half_of_the_steps_cost_is_measured():
    rows = results.read_lengths(results.AWAY)
    world = rows[rows["data"] == "world"].set_index(["steps", "seed"])["away mIoU"]
    costs = [world[540, seed] - world[270, seed] for seed in (0, 1)]
    assert round(sum(costs) / 2, 1) == lengths.HALF_COSTS
    assert f"half of the steps cost {lengths.HALF_COSTS} points" in Path("docs/settings.md").read_text()
