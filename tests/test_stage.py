from types import SimpleNamespace

import pandas as pd

from src.pipeline import stage as stage_module
from src.pipeline.stage import Stage
from src.settings import TrainingSettings
from src.training.lengths import Length


def test_a_cell_that_runs_again_counts_no_minute_twice(monkeypatch, tmp_path):
    monkeypatch.setattr(stage_module, "fit", lambda *_, **__: pd.DataFrame({"seconds": [30.0, 90.0]}))
    stage = SimpleNamespace(
        run=SimpleNamespace(folder=tmp_path),
        settings=TrainingSettings((64, 96), (32, 64)),
        all_frames=None,
        history=None,
        final_histories={},
        _make_live_view=lambda frames: None,
        _make_log=lambda folder, rows: None,
    )
    for number in (1, 2, 1, 2):  # two networks, and the same cell once more
        Stage._fit_final(stage, None, number, 0, Length(1))
    assert Stage._count_minutes(stage) == 4
