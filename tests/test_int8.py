import json
import sys

import numpy as np
import openvino as ov
import pytest
from texts import squeeze
from tiny import TINY

from examples import int8
from src.common.errors import MissingError, OutdatedError, SettingsError
from src.data.frames import load_frames
from src.data.samples import fingerprint_data, read_samples
from src.inference import engine
from src.model import unet
from src.runs import Run
from src.settings import TrainingSettings
from src.training.compiled import build_seeded

SIZE = (64, 96)


@pytest.fixture(scope="module")
def graph():
    """A joint network for the classes of `train_folder`, with random weights."""
    return engine.convert(build_seeded(0, lambda: unet.build_joint(unet.build_segmenter(3, TINY), 3)))


@pytest.fixture
def samples(train_folder, classes):
    return read_samples(train_folder, classes)


def test_a_network_in_int8_answers_nearly_the_same(graph, samples, classes, tmp_path):
    pytest.importorskip("nncf", reason="needs requirements-int8.txt")
    frames = load_frames(samples, classes, SIZE)
    ov.save_model(int8.quantize(graph.clone(), frames), tmp_path / "network.xml", compress_to_fp16=False)
    exact, rounded = engine.Engine(graph), engine.Engine(tmp_path / "network.xml")
    assert rounded.depth == 0 and rounded.channels == 3  # the metadata are kept
    assert "FakeQuantize" in {node.get_type_name() for node in rounded.graph.get_ops()}
    for image in frames.images:
        ours, theirs = exact.predict(image), rounded.predict(image)
        assert np.abs(ours["mask"] - theirs["mask"]).mean() < 0.05


def test_the_table_has_scores_losses_and_speeds(graph, samples, classes, monkeypatch):
    frames = load_frames(samples, classes, SIZE)
    monkeypatch.setattr(int8, "measure_milliseconds", lambda predictors, image: {"exact": 6.0, "same": 4.0})
    graphs = {"exact": graph, "same": graph}
    lines = squeeze(int8.compare(graphs, samples, frames, classes, SIZE)).splitlines()
    exact, same = (line.split(" | ") for line in lines[2:])
    assert exact[0] == "| exact" and exact[2] == same[2] == "0.00"  # points that are lost
    assert exact[1] == same[1] and exact[3] == same[3]
    assert exact[4] == "1.00 |" and same[4] == "1.50 |"


def test_the_held_out_model_is_measured_and_the_submitted_one_is_written(
    samples, classes, train_folder, tmp_path, monkeypatch
):
    run = tmp_path / "joint-a"
    for folder in (run / "held_out" / "export", run / "export"):
        network = build_seeded(len(folder.parts), lambda: unet.build_joint(unet.build_segmenter(3, TINY), 3))
        engine.export(network, folder, {"labels": ["a"]})
    settings = {"SEGMENTER": "seg-a", "data_fingerprint": fingerprint_data(samples, classes)}
    (run / "result.json").write_text(json.dumps({"minutes": 1, "settings": settings}))
    (run / "settings.json").write_text(json.dumps(settings))
    (tmp_path / "seg-a").mkdir()
    stored = TrainingSettings(SIZE, SIZE).to_dict()
    (tmp_path / "seg-a" / "settings.json").write_text(json.dumps(stored))
    calibrated = []

    def quantize(graph, frames):  # stands for NNCF's
        calibrated.append(len(frames))
        return graph

    monkeypatch.setattr(int8, "quantize", quantize)
    lines = squeeze(int8.make_int8(run, train_folder.parent)).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| float32", "| float16 weights", "| int8"]
    assert calibrated == [4, 6]  # without the held-out frames, then with all
    image = load_frames(samples, classes, SIZE).images[0]
    answers = {}
    for folder in ("int8", "export", "held_out/export"):
        answers[folder] = engine.Engine(run / folder / engine.EXPORTED).predict(image)["mask"]
    assert np.array_equal(answers["int8"], answers["export"])
    assert not np.array_equal(answers["int8"], answers["held_out/export"])


def test_the_predictors_take_turns():
    turns = []

    class Counted:
        def __init__(self, name):
            self.name = name

        def predict(self, image):
            turns.append(self.name)

    spent = int8.measure_milliseconds({"a": Counted("a"), "b": Counted("b")}, np.zeros((2, 2, 3)))
    assert spent["a"] >= 0 and spent["b"] >= 0
    a_round = ["a"] * int8.TIMED + ["b"] * int8.TIMED
    assert turns == a_round * (1 + int8.ROUNDS)


def test_what_is_missing_is_named(samples, train_folder, tmp_path, monkeypatch):
    with pytest.raises(OutdatedError, match=r"was trained on, 0a1b2c3d, found [0-9a-f]{8}; name that folder"):
        int8.read_train(Run(tmp_path, {"data_fingerprint": "0a1b2c3d"}), train_folder.parent)
    with pytest.raises(MissingError, match="must be the folder of a finished joint run"):
        int8.make_int8(tmp_path, train_folder.parent)
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(SettingsError, match=r"requirements-int8\.txt"):
        int8.quantize(None, None)
