"""The four notebooks without an estimate; three networks are trained, and their average is submitted."""

import json

import numpy as np
from cells import RECIPE, run_cells

from src import run
from src.inference import engine
from src.model import unet


def test_without_an_estimate_random_frames_are_scored_if_asked_for(learnable, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {"DATA": str(learnable), "SIZE": (64, 96), "EPOCHS": 1, "ESTIMATE": "off", "LEAKY": True}
    for name in run.NOTEBOOKS:
        run_cells(name, settings | {"RECIPE": RECIPE, "PRESET": "best"})
    joint = next(tmp_path.glob("runs/joint-*"))
    result = json.loads((joint / "result.json").read_text())
    assert set(result["scores"]) == {"random"} and "folds" not in result
    assert len(list(tmp_path.glob("submissions/*.zip"))) == 1
    photo = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    members = [unet.load_model(path) for path in unet.list_submitted(joint)]
    assert len(members) == 3
    masks = [engine.KerasPredictor(member).predict(photo)["mask"] for member in members]
    assert not np.allclose(masks[0], masks[1], atol=1e-3)
    exported = engine.Engine(joint / "export" / engine.EXPORTED).predict(photo)["mask"]
    np.testing.assert_allclose(exported, np.mean(masks, 0), atol=1e-4)
