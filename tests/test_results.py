import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from texts import squeeze

from src.experiments import away, curves, results
from src.experiments.tables import (
    escape,
    make_estimates_table,
    make_lengths_table,
    make_runs_table,
    make_seeds_table,
)
from src.scores import RunResult


def write_run(folder, name, seed, miou):
    (folder / name).mkdir(parents=True)
    few = {"held_out": {"mask": [[5, 0, 0], [1, 4, 0], [0, 0, 0]]}}
    scores = {
        "held_out": {"miou": miou + 0.1, "f1": 0.5, "accuracy": 0.6},
        "test": {"miou": miou, "f1": None, "accuracy": 0.5},
        "test_segmenter": {"miou": miou - 0.01},
    }
    run = {
        "data": "town",
        "seed": seed,
        "minutes": 12.4,
        "train_frames": 9,
        "machine": "m",
        "settings": {"SEGMENTER": "seg-x"},
        "scores": scores,
        "confusion": few,
    }
    (folder / name / "result.json").write_text(json.dumps(run))


def test_tables_come_from_the_files(tmp_path):
    for seed, miou in ((0, 0.4), (1, 0.5)):
        write_run(tmp_path / "runs", f"joint-{seed}", seed, miou)
        results.keep_result(tmp_path / "runs" / f"joint-{seed}", "wide", tmp_path / "results")
    table = results.read_results(tmp_path / "results")
    held_out = "50.0 / 60.0 / 50.0 (2 of 3 classes)"
    line = f"| wide | 0 | 9 | 12 | - / - / - | {held_out} | 40.0 / 50.0 / - | - / 39.0 | joint-0 |"
    assert line in squeeze(make_runs_table(table))
    seeds = make_seeds_table(table)
    assert "MINUTES=, 2 seeds: held-out recordings mIoU 55.0 ± 7.1" in seeds
    assert seeds.endswith("joint minus segmentation alone on hidden test mIoU +1.0 ± 0.0")


def test_runs_that_no_test_scored_say_nothing_of_it():
    row = {"version": "a", "budget": 5, "held_out miou": 50.0, "test miou": np.nan}
    rows = [row | {"data": "one", "seed": seed} for seed in (0, 1)]
    rows += [row | {"data": "two", "seed": seed, "test miou": 40.0} for seed in (0, 1)]
    first, second = make_seeds_table(pd.DataFrame(rows)).splitlines()
    assert "nan" not in first and "hidden test" not in first and "hidden test mIoU 40.0" in second


def test_runs_without_labels_say_nothing_of_them():
    scores = {"held_out miou": 60.0, "estimate miou": 52.0, "test miou": 50.0}
    row = scores | {"estimate miou_low": 45.0, "estimate miou_high": 59.0, "leaky": False, "run": "a"}
    row |= {"budget": 5, "data": "bare", "version": "a", "held_out f1": np.nan}
    runs = pd.DataFrame([row | {"seed": seed} for seed in (0, 1)])
    assert make_seeds_table(runs).startswith("- bare, a, 5, 2 seeds: held-out recordings mIoU 60.0 ± 0.0;")
    told = make_estimates_table(runs).split("\n\n")[1]
    errors = "held-out recordings 10.0, estimate 2.0"
    assert told == f"a, mean error, points of mIoU: {errors}. In the interval: 2 of 2."


def test_table_of_estimates_by_hand():
    first = {
        "data": "town",
        "version": "wide",
        "seed": 0,
        "run": "a",
        "leaky": False,
        "random miou": 90.0,
        "random f1": 80.0,
    }
    first |= {"held_out miou": 60.0, "held_out f1": 50.0, "estimate miou": 52.0, "estimate f1": 44.0}
    first |= {"estimate miou_low": 45.0, "estimate miou_high": 59.0, "test miou": 50.0, "test f1": 40.0}
    second = first | {
        "seed": 1,
        "run": "b",
        "leaky": True,
        "test miou": 44.0,
        "test f1": 42.0,
        "random miou": None,
    }
    table = squeeze(make_estimates_table(pd.DataFrame([first, second])))
    said = "| town | wide | 0 | 90.0 / 80.0 | 60.0 / 50.0 | 52.0 / 44.0 [45, 59] | 50.0 / 40.0 |"
    assert (
        f"{said} +2.0 / +10.0 / +40.0 | a |" in table
        and "60.0 / 50.0 (leaky)" in table
        and "+8.0 / +16.0 / - | b" in table
    )
    assert "random frames 40.0, held-out recordings 13.0, estimate 5.0; of the estimated F1 3.0" in table
    assert table.endswith("In the interval: 1 of 2.")
    of_classes = {"class error": 6.0, "classes": 8, "classes inside": 7}
    third = first | of_classes | {"run": "c", "class error": 3.0, "classes inside": 8}
    told = make_estimates_table(pd.DataFrame([first | of_classes, second, third]))
    assert told.endswith("In the interval: 2 of 3. A class's IoU: mean error 4.5; in the interval 15 of 16.")
    mixed = make_estimates_table(pd.DataFrame([first | {"version": "fixed"}, second]))
    last = mixed.split("\n\n")[-1]
    assert last.startswith("all runs by today's method") and last.endswith("In the interval: 1 of 1.")
    assert make_estimates_table(pd.DataFrame([{"data": "town", "test miou": 50.0}])) == ""


def test_classes_are_compared_where_they_were_estimated_and_scored():
    # IoU 0.5 and 0.5, estimated as 0.8 and 0.5
    confusion = {"estimate": {"mask": [[80, 20], [0, 20]]}, "test": {"mask": [[20, 10], [10, 20]]}}
    row = results.list_result(RunResult(confusion=confusion), "a")
    assert row["class error"] == pytest.approx(15)
    assert (row["classes"], row["classes inside"]) == (2, 1)
    assert "classes" not in results.list_result(RunResult(confusion={"test": confusion["test"]}), "b")


def test_run_without_a_result_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"result\.json"):
        results.keep_result(tmp_path, folder=tmp_path / "results")


def test_the_sheet_needs_a_rendered_world(command, train_folder, tmp_path):
    words = ("sheet", train_folder.parent, "--out", tmp_path / "sheet.png")
    code, _, errors = command("results", *words)
    assert code == 2 and len(errors.splitlines()) == 1
    assert f"{train_folder} must be of a rendered world, found frames without depth" in errors


def test_own_runs_and_an_action_are_not_taken_together(command):
    code, output, errors = command("results", "--mine", "fill")
    assert (code, output, len(errors.splitlines())) == (2, "", 1)
    assert "--mine prints your own runs and takes no action, found 'fill'; leave one out" in errors


def test_lengths_are_averaged_over_seeds(tmp_path):
    recipe = away.BASE
    rows = [
        {"data": "a", "recipe": name, "steps": steps, "seed": seed, "minutes": 2.0}
        | {"held_out": {"miou": 0.5, "f1": 0.4}, "test": {"miou": miou, "f1": 0.25}}
        | {"alone": {"held_out": {"miou": 0.45}, "test": {"miou": miou - 0.1}}}
        for name, steps, seed, miou in (
            (recipe, 700, 0, 0.4),
            (recipe, 700, 1, 0.5),
            (recipe, 1400, 0, 0.6),
            ("another", 2800, 0, 0.7),
        )
    ]
    (tmp_path / "away.json").write_text(json.dumps(rows))
    lengths = results.read_lengths(tmp_path / "away.json")
    assert len(lengths) == 3
    lines = squeeze(make_lengths_table(lengths)).splitlines()
    joint = "50.0 ± 0.0 / 40.0 ± 0.0 | 45.0 ± 7.1 / 25.0 ± 0.0"
    assert lines[2] == f"| a | 700 | 0, 1 | 2 | {joint} | 45.0 ± 0.0 / 35.0 ± 7.1 |"
    assert lines[3] == "| a | 1400 | 0 | 2 | 50.0 / 40.0 | 60.0 / 25.0 | 45.0 / 50.0 |"
    figure = curves.plot_lengths(lengths)
    there, held_out = figure.axes[0].lines  # of seed 0; the other has one length alone
    assert there.get_xdata().tolist() == [700, 1400] and there.get_ydata() == pytest.approx([40, 60])
    assert held_out.get_ydata() == pytest.approx([50, 50])
    names = [text.get_text().strip() for text in figure.legends[0].get_texts()]  # a column a kind
    assert names == ["a", "", "other place", "held-out recordings", "seed 0", ""]


def test_lengths_without_labels_have_a_dash_for_them(tmp_path):
    row = {"data": "a", "recipe": away.BASE, "steps": 700, "seed": 0, "minutes": 2.0}
    row |= {"held_out": {"miou": 0.5}, "test": {"miou": 0.4}}
    row |= {"alone": {"held_out": {"miou": 0.45}, "test": {"miou": 0.35}}}
    (tmp_path / "away.json").write_text(json.dumps([row]))
    line = squeeze(make_lengths_table(results.read_lengths(tmp_path / "away.json"))).splitlines()[2]
    assert line == "| a | 700 | 0 | 2 | 50.0 / - | 40.0 / - | 45.0 / 35.0 |"


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("a|b", r"a\|b"),
        ("<b>", r"\<b>"),
        ("free $$ zone", r"free \$\$ zone"),
        ("_x_ and label_weight", r"\_x\_ and label_weight"),
        ("`code` *bold* [a](b)", r"\`code\` \*bold\* [a\](b)"),
        ("two\nlines", "two lines"),
        ("C:\\photos", r"C:\\photos"),
    ],
)
def test_a_name_in_a_table_of_markdown_is_shown_as_it_is(name, cell):
    assert escape(name) == cell


def test_the_paths_of_the_results_stand_in_one_module():
    for name in ("ablation.json", "away.json", "benchmark.json", "estimates.json", "sim-to-real.json"):
        places = [
            path for path in Path("src").rglob("*.py") if f'"{name}"' in path.read_text(encoding="utf-8")
        ]
        assert places == [Path("src/experiments/kept.py")], name
