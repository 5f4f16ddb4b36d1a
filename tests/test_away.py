import json

import pytest
from texts import squeeze

from src.experiments import away, sweep

IOUS = {"road": 0.5, "car": 0.25}


def make_row(pair, recipe, seed, miou, alone=0.5):
    row = {
        "data": pair,
        "data_fingerprint": pair,
        "recipe": recipe,
        "changes": "" if recipe == "default" else "color=2",
        "seed": seed,
    }
    row |= {"steps": 900, "batch_size": 4, "minutes": 7.0, "test": {"miou": miou, "f1": miou + 0.1}}
    return row | {"alone": {"test": {"miou": alone}}, "test_iou": IOUS}


@pytest.fixture
def results(tmp_path):
    rows = [make_row("there", "default", 0, 0.50), make_row("there", "default", 1, 0.52)]
    rows += [make_row("elsewhere", "default", 0, 0.70)]
    rows += [make_row("there", "bright", 0, 0.51, 0.52), make_row("there", "bright", 1, 0.55)]
    rows += [make_row("elsewhere", "bright", 0, 0.68)]
    path = tmp_path / "away.json"
    path.write_text(json.dumps(rows))
    return path


def test_gain_is_paired_by_pair_and_seed(results):
    runs, _ = away.read_away(results)
    assert runs["gain mIoU"].round(6).tolist() == [0, 0, 0, 1, 3, -2]


def test_recipes_are_means_over_pairs_with_the_standard_error_of_their_gain(results):
    lines = squeeze(away.make_recipes_table(away.read_away(results)[0])).splitlines()
    # default: (51 + 70) / 2; bright: (53 + 68) / 2; gains 1, 3, -2: mean 2/3, deviation 2.52 / sqrt(3)
    assert "| default | | 900 | 2 | 2 | 7 | 60.5 | | 70.5 | |" in lines[2]
    assert "| bright | color=2 | 900 | 2 | 2 | 7 | 60.5 | +0.7 ± 1.5 (2 of 3) | 70.5 |" in lines[3]


def test_pairs_show_what_the_joint_training_adds(results):
    lines = squeeze(away.make_pairs_table(away.read_away(results)[0])).splitlines()
    assert "| there | 900 | bright | 0, 1 | 53.0 ± 2.8 | 63.0 ± 2.8 | +2.0 |" in lines[-1] + lines[-2]


def test_classes_are_listed_by_pair(results):
    lines = squeeze(away.make_classes_table(away.read_away(results)[1], "there")).splitlines()
    assert lines[0] == "| there, IoU % | steps | road | car |"
    assert "| bright | 900 | 50 | 25 |" in lines[3]


def test_what_the_first_recipe_was_not_measured_on_has_no_gain(tmp_path):
    path = tmp_path / "away.json"
    rows = [make_row("there", "default", 0, 0.50), make_row("there", "bright", 1, 0.51)]
    path.write_text(json.dumps(rows))
    line = squeeze(away.make_recipes_table(away.read_away(path)[0])).splitlines()[3]
    assert "| 51.0 | - | 61.0 | - |" in line


def test_gains_are_over_the_default_recipe_wherever_it_was_measured(tmp_path):
    path = tmp_path / "away.json"
    rows = [make_row("there", "older", 0, 0.50), make_row("there", away.BASE, 0, 0.53)]
    path.write_text(json.dumps(rows))
    lines = squeeze(away.make_recipes_table(away.read_away(path)[0])).splitlines()
    assert "| 50.0 | -3.0 (0 of 1) | 60.0 | -3.0 (0 of 1) |" in lines[2]
    assert "| 53.0 | | 63.0 | |" in lines[3]


def test_a_pair_without_labels_has_a_dash_for_them(tmp_path):
    path = tmp_path / "away.json"
    rows = [make_row("there", "default", 0, 0.50), make_row("there", "bright", 0, 0.53)]
    for row in rows:
        del row["test"]["f1"]
    path.write_text(json.dumps(rows))
    recipes, pairs, _ = away.make_tables(path).split("\n\n")
    assert "| bright | color=2 | 900 | 1 | 1 | 7 | 53.0 | +3.0 (1 of 1) | - | - |" in squeeze(recipes)
    assert "| there | 900 | bright | 0 | 53.0 | - | +3.0 |" in squeeze(pairs)


def test_the_command_measures_every_pair_and_prints_the_table(learnable, tmp_path, monkeypatch, command):
    listed = tmp_path / "list.txt"
    listed.write_text("default:\nbright: color=2\n")
    measured = []

    def measure(bench, recipe, seeds, steps):
        measured.append((bench.folder, recipe.color, seeds))
        return {
            "minutes": 1.0,
            "test": {"miou": 0.5, "f1": 0.5},
            "alone": {"test": {"miou": 0.5}},
            "test_iou": IOUS,
        }

    monkeypatch.setattr(sweep, "measure_recipe", measure)
    path = tmp_path / "away.json"
    words = ("sweep", listed, "--away", learnable, "--keep", path, "--seeds", 0, 1)
    code, printed, _ = command(*words)
    assert code == 0 and measured == [
        (learnable, 1.0, [0]),
        (learnable, 2.0, [0]),
        (learnable, 1.0, [1]),
        (learnable, 2.0, [1]),
    ]
    assert "+0.0 ± 0.0 (0 of 2)" in printed
    command(*words)
    assert len(measured) == 4  # what was measured is not measured again
    code, printed, _ = command(*words, "--average")
    assert code == 0 and measured[4:] == [(learnable, 1.0, [0, 1]), (learnable, 2.0, [0, 1])]
    assert "| default, average of 2 |" in squeeze(printed)
