import numpy as np
import pytest
from tiny import TINY

from src import runs
from src.model import unet
from src.pipeline import folds
from src.settings import Recipe, TrainingSettings
from src.training import lengths

SETTINGS = TrainingSettings((64, 96), (64, 96), recipe=TINY)
# Worker processes know the backbones of the project only.
WORKER_SETTINGS = TrainingSettings((64, 96), (64, 96), recipe=Recipe(weights="none"))


def test_fold_is_trained_by_the_recipe_and_read_again(eager, learnable, tmp_path):
    for name in ("seg", "joint"):
        lengths.write_plan(
            tmp_path / name / "final", lengths.Plan(epochs=2, pieces=1, piece=5, validations=1)
        )
    first, run = (runs.Run(tmp_path / name, SETTINGS.to_dict()) for name in ("seg", "joint"))
    sides = {"fold2": (np.arange(0, 18), np.arange(18, 24))}
    trainings = folds.list_folds(run, first, learnable, sides)
    assert trainings[0].steps == (4, 4) and trainings[0].settings == SETTINGS
    found = folds.train_folds(trainings)
    assert found[0].frames == 6 and set(found[0].scores.to_dict()) == {"miou", "f1", "accuracy"}
    assert lengths.count_planned(tmp_path / "joint" / "folds" / "fold2" / "joint") == 4
    begin = (tmp_path / "joint" / "folds" / "fold2" / "fold.json").stat().st_mtime_ns
    assert folds.train_folds(trainings) == found
    assert (tmp_path / "joint" / "folds" / "fold2" / "fold.json").stat().st_mtime_ns == begin


def test_nothing_to_train_asks_no_cluster(monkeypatch):
    monkeypatch.setattr(folds.cluster, "spread", None)
    assert folds.train_folds([], ray="auto") == []


@pytest.mark.slow
@pytest.mark.parametrize("way", ["jobs", "ray"])
def test_two_workers_give_the_same_folds_and_numbers(way, learnable, tmp_path):
    ray = pytest.importorskip("ray", reason="needs requirements-scale.txt") if way == "ray" else None
    sides = {"a": (np.arange(18), np.arange(18, 24)), "b": (np.arange(6, 24), np.arange(6))}
    found, weights = {}, {}
    if ray:
        ray.init(num_cpus=2, include_dashboard=False)
    for name, how in (("one", {}), ("two", {"ray": "auto"} if ray else {"jobs": 2})):
        trainings = [
            folds.Fold(fold, tmp_path / name / fold, learnable, WORKER_SETTINGS, (2, 2), train, held_out)
            for fold, (train, held_out) in sides.items()
        ]
        found[name] = folds.train_folds(trainings, **how)
        paths = [tmp_path / name / fold / "joint" / "model.keras" for fold in sides]
        weights[name] = [array for path in paths for array in unet.load_model(path).get_weights()]
    if ray:
        ray.shutdown()
    for ours, theirs in zip(found["two"], found["one"], strict=True):
        assert ours.scores.to_dict() == pytest.approx(theirs.scores.to_dict(), abs=1e-3, nan_ok=True)
        assert ours.confusion["label"] == theirs.confusion["label"]
    for ours, theirs in zip(weights["two"], weights["one"], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
