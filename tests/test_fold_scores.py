from dataclasses import replace

import numpy as np
import pytest

from src.evaluation import fold_scores
from src.evaluation.evaluate import Scored
from src.scores import Scores


def test_the_table_lists_the_folds_their_mean_and_others():
    found = {
        "held out": Scored(Scores(miou=0.4, f1=None), frames=9, temperature=0.8),
        "fold 2": Scored(Scores(miou=0.6, f1=0.5), frames=7),
    }
    leaked = Scored(Scores(miou=0.9), frames=5, temperature=2.0)
    table = fold_scores.make_folds_table(found, {"random frames (leaky)": leaked})
    assert list(table.index) == ["held out", "fold 2", "mean of the folds", "random frames (leaky)"]
    assert table["mean IoU %"].tolist() == [40, 60, 50, 90] and table["F1 %"]["mean of the folds"] == 50
    assert table["temperature"]["mean of the folds"] == 0.8 and np.isnan(table["accuracy %"]["fold 2"])
    warm = found | {"fold 2": replace(found["fold 2"], temperature=3.2)}
    table = fold_scores.make_folds_table(warm)
    assert table["temperature"]["mean of the folds"] == 1.6  # root of 0.8 times 3.2
    assert "mean of the folds" not in fold_scores.make_folds_table({"held out": found["held out"]}).index
    assert len(fold_scores.make_folds_table({}, found)) == 2 and fold_scores.make_folds_table({}).empty


def test_short_folds_are_corrected_by_the_one_that_is_known_whole():
    short = Scored(Scores(miou=0.5, f1=0.6), frames=4, temperature=0.5, label_temperature=1.2)
    whole = Scored(Scores(miou=0.6, f1=None), frames=4, temperature=1.0, label_temperature=1.5)
    fold = Scored(Scores(miou=0.7, f1=0.5), frames=3, temperature=0.6, label_temperature=1.6)
    others = {"fold 2": fold, "fold 3": replace(fold, temperature=None), "held out": short}
    found = fold_scores.extrapolate_short_folds(others, whole, short)
    assert found["fold 2"].scores.to_dict() == {"miou": pytest.approx(0.8)}  # F1 of the whole one is unknown
    assert found["fold 2"].temperature == pytest.approx(1.2) and found["fold 2"].frames == 3
    assert [one.label_temperature for one in found.values()] == pytest.approx([2.0, 2.0, 1.5])
    assert found["fold 3"].temperature is None and found["held out"].temperature == 1.0


def test_a_fold_of_an_earlier_version_is_read():
    fold = Scored(Scores(miou=0.7), frames=3, temperature=0.6)
    assert Scored.from_dict(fold.to_dict() | {"label_gap": -0.1}) == fold
