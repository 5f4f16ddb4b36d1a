import json

from texts import squeeze
from tiny import TINY

from src import runs
from src.experiments import estimate_errors, estimates, measured, sweep
from src.experiments.bench import Bench, measure_recipe


def make_row(data, seed, found, true, inside):
    half = 0.11 if inside else 0.01
    ends = {
        f"{name}_{end}": found + sign * half
        for name in ("miou", "f1")
        for end, sign in (("low", -1), ("high", 1))
    }
    row = {"data": data, "recipe": "default", "changes": "", "seed": seed, "steps": 900, "batch_size": 4}
    scores = {"estimate": {"miou": found, "f1": found, **ends}, "held_out": {"miou": 0.8, "f1": 0.9}}
    iou = {
        "road": {"estimate": 0.5, "held_out": 0.9, "test": 0.6},
        "car": {"estimate": 0.4, "held_out": None, "test": 0.1},
    }
    return row | scores | {"test": {"miou": true, "f1": true, "accuracy": 0.9}, "iou": iou}


def test_errors_are_means_by_set_and_each_set_counts_the_same(tmp_path):
    rows = [make_row("there", 0, 0.50, 0.44, True), make_row("there", 1, 0.50, 0.52, False)]
    path = tmp_path / "estimates.json"
    path.write_text(json.dumps([*rows, make_row("elsewhere", 0, 0.70, 0.70, True)]))
    errors = estimate_errors.read_errors(path)
    assert errors["miou"].round(6).tolist() == [6, -2, 0]
    assert errors["classes"].round(6).tolist() == [20] * 3  # 10 and 30 points
    assert errors["held_out classes"].round(6).tolist() == [30] * 3  # of the road alone
    lines = squeeze(estimate_errors.make_table(path)).splitlines()
    assert "| there | 2 | mIoU | 4.0 | +2.0 | ± 6.0 | 1 of 2 | 32.0 |" in lines[2]
    assert "| all sets | 3 | mIoU | 2.0 | +1.0 | ± 8.5 | 2 of 3 | 21.0 |" in lines[4]
    assert lines[-1].startswith("On average the estimate missed a class's IoU by 20.0 points")
    # 0.5 holds 0.6 and 0.4 does not hold 0.1, for its interval begins at 0.4 - 0.4 * sqrt(0.24) = 0.204
    assert lines[-1].endswith("The intervals held 50 % of the classes.")


def test_a_set_without_labels_has_no_line_for_them(tmp_path):
    bare = make_row("bare", 0, 0.50, 0.44, True)
    del bare["test"]["f1"]
    path = tmp_path / "estimates.json"
    path.write_text(json.dumps([bare, make_row("elsewhere", 0, 0.70, 0.68, True)]))
    lines = squeeze(estimate_errors.make_table(path)).splitlines()
    sets = [line.split(" | ")[0] for line in lines[2:7]]
    assert sets == ["| bare", "| elsewhere", "| all sets", "| elsewhere", "| all sets"]
    assert "| all sets | 2 | mIoU | 4.0 | +4.0 |" in lines[4]  # 6 and 2 points
    assert "| all sets | 1 | F1 | 2.0 | +2.0 | ± 11.0 | 1 of 1 |" in lines[6]


def test_an_estimate_of_two_seeds_is_compared_with_what_came(learnable, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "RUNS", tmp_path / "runs")
    bench = Bench(learnable, learnable / "reference")
    found = estimates.measure_estimate(bench, TINY, (0, 1), steps=4)
    assert (
        0 <= found["estimate"]["miou_low"] <= found["estimate"]["miou"] <= found["estimate"]["miou_high"] <= 1
    )
    path = tmp_path / "estimates.json"
    row = sweep.identify(bench, "a", ("default", ""), 0, 4)
    measured.keep_row(row, found, path)
    assert json.loads(path.read_text()) == [row | found]  # as JSON holds it
    true = measure_recipe(bench, TINY, seeds=[1], steps=4)["test"]
    assert found["test"] == true
    assert "| mIoU |" in squeeze(estimate_errors.make_table(path))


def test_one_seed_is_too_few(learnable, tmp_path, command):
    (tmp_path / "list.txt").write_text("default:\n")
    code, _, errors = command("sweep", tmp_path / "list.txt", "--away", learnable, "--estimates")
    assert code == 2 and "needs two seeds or more" in errors


def test_each_seed_plays_both_models_once_and_is_not_measured_again(learnable, tmp_path, monkeypatch):
    (tmp_path / "list.txt").write_text("default:\n")
    bench = Bench(learnable, learnable / "reference")
    measured = []

    def measure(bench, recipe, seeds, steps):
        measured.append((seeds, steps))
        return {"test": {"miou": 0.5}}

    monkeypatch.setattr(estimates, "measure_estimate", measure)
    arguments = (tmp_path / "list.txt", [bench], [0, 1, 2], [4], tmp_path / "estimates.json")
    estimates.measure_list(*arguments)
    estimates.measure_list(*arguments)
    assert measured == [((0, 1), 4), ((1, 2), 4), ((2, 0), 4)]
