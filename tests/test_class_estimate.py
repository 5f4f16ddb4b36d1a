"""The intervals of the classes' estimates: by hand, and on the runs that are kept."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from src import runs
from src.evaluation import class_estimate, metrics

CHOSEN_ON = {  # CLASS_ERROR was chosen on these runs, by their data
    "two-cities": ("joint-two-cities-170dfbde-before", "joint-two-cities-82a4b6e4"),
    "world": ("joint-world-f2903fcc-before",),
}


def read_iou(name):
    """Estimated and true IoU of each class of a kept run."""
    confusion = runs.read_json(Path("results", f"{name}.json"))["confusion"]
    return [metrics.compute_class_iou(np.array(confusion[split]["mask"])) for split in ("estimate", "test")]


def read_errors(data):
    """The errors of all classes of a data set, each divided by sqrt(p * (1 - p)) of its estimate p."""
    errors = []
    for name in CHOSEN_ON[data]:
        estimated, true = read_iou(name)
        errors += list(abs(estimated - true) / np.sqrt(estimated * (1 - estimated)))
    return sorted(errors)


def choose(errors):
    """The error of rank 0.9 * (n + 1), rounded up; the largest where there are too few."""
    return sorted(errors)[min(len(errors), math.ceil(0.9 * (len(errors) + 1))) - 1]


def test_an_interval_is_widest_at_one_half_and_stays_within_0_and_1():
    low, high = class_estimate.bound_class_iou(np.array([0.5, 0.8, 0.9, 0.0, 1.0, np.nan]))
    np.testing.assert_allclose(low, [0.3, 0.64, 0.78, 0, 1, np.nan])
    np.testing.assert_allclose(high, [0.7, 0.96, 1, 0, 1, np.nan])


def test_only_classes_whose_estimate_and_truth_are_known_are_checked():
    estimated, true = np.array([0.5, 0.5, 0.5, 0.9, np.nan]), np.array([0.29, 0.31, np.nan, 1.0, 0.5])
    assert class_estimate.check_interval(estimated, true).tolist() == [False, True, True]


def test_the_table_has_percents(classes):
    confusion = np.array([[80, 20, 0], [0, 20, 0], [0, 0, 0]])  # IoU 0.8 and 0.5
    table = class_estimate.make_estimate_table(confusion, classes.mask)
    assert table.columns.tolist() == ["pixels %", "IoU %", "low %", "high %"]
    assert table.loc["ground"].tolist() == pytest.approx([100 * 100 / 120, 80, 64, 96])
    assert table.loc["red"].tolist()[1:] == pytest.approx([50, 30, 70])
    assert table.loc["green"].isna().tolist() == [False, True, True, True]


def test_the_width_is_chosen_by_its_rule():
    errors = [error for data in CHOSEN_ON for error in read_errors(data)]
    assert len(errors) == 22 and choose(errors) == sorted(errors)[20]
    assert round(choose(errors), 2) == class_estimate.CLASS_ERROR


def test_the_page_says_how_good_the_intervals_are():
    page = " ".join(Path("docs/estimate.md").read_text(encoding="utf-8").split())
    found = [read_iou(name) for names in CHOSEN_ON.values() for name in names]
    inside = np.concatenate([class_estimate.check_interval(*iou) for iou in found])
    missed = 100 * np.mean([np.nanmean(abs(estimated - true)) for estimated, true in found])
    text = f"missed by {missed:.1f} points on average, and {inside.sum()} of {len(inside)} were in"
    assert text in page and inside.mean() >= 0.9
    others = {"two-cities": "world", "world": "two-cities"}
    held = [
        error <= choose(read_errors(other)) for data, other in others.items() for error in read_errors(data)
    ]
    assert f"it would have held {sum(held)} of {len(held)} of the other's" in page
    reach = re.search(r"0.4 \* sqrt.*?: (\d+) points at 50 %, (\d+) at 90 %", page)
    for percent, points in zip((50, 90), reach.groups(), strict=True):
        low, _ = class_estimate.bound_class_iou(percent / 100)
        assert percent - 100 * low == pytest.approx(int(points))


def test_the_page_names_the_classes_that_were_estimated_too_high():
    page = " ".join(Path("docs/estimate.md").read_text(encoding="utf-8").split())
    too_high = {}
    for names in CHOSEN_ON.values():
        order = runs.read_json(Path("results", f"{names[0]}.json"))["classes"]
        errors = 100 * np.mean([np.subtract(*read_iou(name)) for name in names], 0)
        too_high |= {name: f"{error:.0f}" for name, error in zip(order, errors, strict=True)}
    door, paving, pavement = (too_high[name] for name in ("door", "tactile paving", "pavement"))
    assert f"doors by {door} points, tactile paving by {paving}, Mallorca's pavement by {pavement}" in page
