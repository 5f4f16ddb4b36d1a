import json
from pathlib import Path

import pytest
from texts import squeeze
from tiny import TINY

from src import runs
from src.experiments import measured, sweep
from src.experiments.bench import Bench, measure_recipe
from src.experiments.tables import make_ablation_table


def test_list_names_recipes_and_wrong_lines(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("# a try\ndefault:\nbright: color=2\n\n")
    assert sweep.read_list(path) == {"default": "", "bright": "color=2"}
    path.write_text("bright color=2\n")
    with pytest.raises(ValueError, match="line 1 must be NAME: CHANGES"):
        sweep.read_list(path)
    path.write_text("bright: color=2\nbright: color=3\n")
    with pytest.raises(ValueError, match="line 2 must have a name of its own, found 'bright' again"):
        sweep.read_list(path)
    path.write_text("bright: colour=2\n")
    with pytest.raises(ValueError, match="nearest is color="):
        sweep.read_list(path)
    path.write_text("grün: color=2\n", encoding="latin-1")
    with pytest.raises(ValueError, match="must be a text file in UTF-8"):
        sweep.read_list(path)


def test_recipe_is_trained_without_what_it_is_scored_on(eager, learnable, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "RUNS", tmp_path / "runs")
    bench = Bench(learnable, learnable / "reference")
    found = measure_recipe(bench, TINY, seeds=[0], steps=4)
    keys = {"held_out", "test", "test_iou", "alone", "leaky", "minutes", "machine", "commit"}
    assert keys == set(found) and set(found["test_iou"]) <= {"ground", "red", "green"}
    assert set(found["alone"]) == {"held_out", "test"} and 0 <= found["alone"]["test"]["miou"] <= 1
    assert found["minutes"] > 0 and 0 <= found["test"]["miou"] <= 1
    assert json.loads(json.dumps(found)) == found
    average = measure_recipe(bench, TINY, seeds=[0, 1], steps=4)  # the first is not trained again
    assert keys - set(average) == {"held_out"} and set(average["alone"]) == {"test"}
    assert average["minutes"] > found["minutes"] and average["test"] != found["test"]


def test_a_truth_of_other_frames_is_refused_before_any_training(learnable, tmp_path, monkeypatch, command):
    (tmp_path / "list.txt").write_text("default:\n")
    monkeypatch.setattr(sweep, "measure_recipe", None)
    words = ("sweep", tmp_path / "list.txt", "--data", learnable, "--reference", learnable / "Train")
    code, _, errors = command(*words)
    assert code == 2 and "must list frames of" in errors


def test_a_row_is_kept_once_and_another_batch_size_is_another_row(tmp_path, monkeypatch):
    path = tmp_path / "ablation.json"
    row = {"data": "a", "recipe": "default", "changes": "", "seed": 0, "steps": 400, "batch_size": 4}
    measured.keep_row(row, {"held_out": {"miou": 0.5}}, path)
    assert measured.is_measured(row, False, path) and not measured.is_measured(row, True, path)
    measured.keep_row(row, {"held_out": {"miou": 0.5}, "test": {"miou": 0.4}}, path)
    assert len(measured.read_rows(path)) == 1 and measured.is_measured(row, True, path)
    assert not measured.is_measured(row | {"batch_size": 8}, False, path)


def test_gain_is_taken_over_equal_seeds(tmp_path):
    rows = [
        {"data": "a", "steps": 9, "minutes": 2, "recipe": recipe, "changes": "", "seed": seed}
        | {"held_out": {"miou": value, "f1": 0.5}, "test": {"miou": value / 2, "f1": 0.25}}
        for recipe, seed, value in (("default", 0, 0.5), ("default", 1, 0.7), ("new", 1, 0.8))
    ]
    (tmp_path / "ablation.json").write_text(json.dumps(rows))
    lines = squeeze(make_ablation_table(tmp_path / "ablation.json")).splitlines()
    assert "| 60.0 ± 14.1 / 50.0 ± 0.0 | | 30.0 ± 7.1 / 25.0 ± 0.0 | |" in lines[2]
    assert "| 1 | 80.0 / 50.0 | +10.0 | 40.0 / 25.0 | +5.0 |" in lines[3]
    rows[2] |= {"leaky": True, "withheld": {part: {"miou": 0.6, "f1": 0.5} for part in ("held_out", "test")}}
    (tmp_path / "ablation.json").write_text(json.dumps(rows))
    lines = squeeze(make_ablation_table(tmp_path / "ablation.json")).splitlines()
    assert "| 1 | 80.0 / 50.0 (leaky) | +10.0 |" in lines[3]
    assert "| new, depth withheld | | 1 | 60.0 / 50.0 (leaky) | -10.0 | 60.0 / 50.0 | +25.0 |" in lines[4]


def test_a_recipe_on_data_without_labels_has_a_dash_for_them(tmp_path):
    row = {"data": "a", "steps": 9, "minutes": 2, "recipe": "default", "changes": "", "seed": 0}
    path = tmp_path / "ablation.json"
    path.write_text(json.dumps([row | {"held_out": {"miou": 0.5}}]))
    assert (
        squeeze(make_ablation_table(path)).splitlines()[2] == "| a | 9 | default | | 1 | 50.0 / - | | - | |"
    )


@pytest.mark.parametrize("option", ["--average", "--estimates"])
def test_what_needs_the_truth_of_test_needs_away(learnable, tmp_path, command, option):
    (tmp_path / "list.txt").write_text("default:\n")
    words = ("sweep", tmp_path / "list.txt", "--data", learnable, "--seeds", 0, 1, option)
    code, _, errors = command(*words)
    assert code == 2 and "need --away, found --data" in errors


def test_a_cluster_measures_the_rows_that_are_missing(learnable, tmp_path, monkeypatch, command):
    (tmp_path / "list.txt").write_text("default:\nbright: color=2\n")
    monkeypatch.chdir(tmp_path)
    sent = []

    def spread(work, jobs, address):
        sent.append((address, [(job.row["recipe"], job.seeds) for job in jobs]))
        monkeypatch.chdir("/")  # where a process of a cluster may begin
        return map(work, jobs)

    def measure(bench, recipe, seeds, steps):
        assert Path.cwd() == tmp_path  # so that runs/ is the project's
        return {"held_out": {"miou": recipe.color / 4, "f1": 0.5}}

    monkeypatch.setattr(sweep.cluster, "spread", spread)
    monkeypatch.setattr(sweep, "measure_recipe", measure)
    keep = tmp_path / "ablation.json"
    words = ("sweep", tmp_path / "list.txt", "--data", learnable, "--keep", keep, "--ray", "auto")
    command(*words, "--seeds", 0)
    command(*words, "--seeds", 0, 1)
    both = ["default", "bright"]
    assert sent == [("auto", [(name, [seed]) for name in both]) for seed in (0, 1)]
    rows = [(row["recipe"], row["seed"], row["held_out"]["miou"]) for row in measured.read_rows(keep)]
    assert rows == [("default", 0, 0.25), ("bright", 0, 0.5), ("default", 1, 0.25), ("bright", 1, 0.5)]
