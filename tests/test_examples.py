import json
import runpy
import subprocess
import sys

import cv2
import numpy as np
import pytest
from tiny import TINY

from examples import sim_to_real, to_onnx
from src.common.errors import MissingError, SettingsError
from src.data import classes as class_lists
from src.data.reference import add_truth
from src.data.samples import read_samples
from src.inference import engine
from src.model import unet


def test_examples_set_up_the_process_before_tensorflow_is_imported():
    code = "import examples, sys; print('src' in sys.modules, 'tensorflow' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["True", "False"]


def test_camvid_becomes_this_layout(tmp_path, monkeypatch):
    masks = {"train/0001TP_006690": 3, "val/0016E5_07959": 9, "test/Seq05VD_f00000": 10}
    for name, id in masks.items():
        side, stem = name.split("/")
        photo, mask = np.full((36, 48, 3), 90, np.uint8), np.full((36, 48), id, np.uint8)
        for folder, picture in ((side, photo), (f"{side}annot", mask)):
            (tmp_path / "CamVid" / folder).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / "CamVid" / folder / f"{stem}.png"), picture)
    monkeypatch.setattr(sys, "argv", ["camvid.py", str(tmp_path / "CamVid"), str(tmp_path / "out")])
    runpy.run_path("examples/camvid.py", run_name="__main__")
    classes = class_lists.read_classes(tmp_path / "out" / "Train")
    train = read_samples(tmp_path / "out" / "Train", classes)
    assert train["label"].tolist() == [0, -1]  # the second row is one of the third that loses its label
    assert train["robot"].tolist() == ["0001TP", "0016E5"]
    truth = add_truth(
        read_samples(tmp_path / "out" / "Test", classes), tmp_path / "out" / "reference", classes
    )
    assert truth["label"].tolist() == [2]  # the mask shows a bicyclist
    test = read_samples(tmp_path / "out" / "Test", classes)
    assert test["image_path"].tolist() == ["Seq05VD_f00000.jpg"] and "label_path" not in test
    assert (tmp_path / "out" / "reference" / "Seq05VD_f00000_seg.png").exists()
    assert sorted(path.name for path in (tmp_path / "out" / "Test").iterdir()) == [
        "Seq05VD_f00000.jpg",
        "data.csv",
    ]


def test_sidewalk_on_real_photos_is_scored_against_the_rest(train_folder, classes, monkeypatch):
    class Top:
        layers, input_shape = (), (None, None, None, 3)

        def predict_on_batch(self, images):
            mask = np.zeros((*images.shape[:3], 6), np.float32)
            mask[:, : images.shape[1] // 2, :, 1] = 9  # the upper half is sidewalk
            return {"mask": mask}

    monkeypatch.setattr(unet, "load_model", lambda path: Top())
    samples = read_samples(train_folder, classes).iloc[[1, 2]]
    truths = [sim_to_real.load_truth(path, classes, "red", 1) for path in samples["mask"]]
    assert set(np.unique(truths[0])) == {0, 1} and not truths[1].any()  # the second photo holds green alone
    scores, masks = sim_to_real.compare(train_folder, samples, truths, 1)
    assert (masks[0][:30] == 1).all() and not masks[0][34:].any()
    hit = ((masks[0] == 1) & (truths[0] == 1)).sum()
    held = (truths[0] == 1).sum()
    found = (np.stack(masks) == 1).sum()
    assert np.isclose(scores["recall"], hit / held) and np.isclose(scores["precision"], hit / found)
    assert np.isclose(scores["iou"], hit / (found + held - hit))


def run_robot(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["robot.py", *map(str, words)])
    runpy.run_path("examples/robot.py", run_name="__main__")


ABOUT = {"labels": ["a", "b", "quay"], "colors": ["#000000", "#ff0000", "#0000ff"], "size": (64, 96)}


@pytest.fixture(scope="module")
def joint():
    """A network that finds class 1 everywhere and label 2."""
    joint = unet.build_joint(unet.build_segmenter(3, TINY), 3)
    kernel = joint.get_layer("label_from_features").get_weights()[0]
    joint.get_layer("label_from_features").set_weights([kernel, np.array([0, 0, 9.0])])
    head, _ = unet.find_unet(joint)
    kernel = head.get_layer("final_conv").get_weights()[0]
    head.get_layer("final_conv").set_weights([0 * kernel, np.array([0, 9.0, 0])])
    return joint


@pytest.fixture(scope="module")
def exported(joint, tmp_path_factory):
    return engine.export(joint, tmp_path_factory.mktemp("robot") / "export", ABOUT).parent


def test_the_robots_example_paints_photos_in_the_classes_colours(exported, tmp_path, monkeypatch, capsys):
    for name, shape in (("wide.png", (360, 480, 3)), ("high.png", (480, 360, 3))):
        cv2.imwrite(str(tmp_path / name), np.full(shape, 100, np.uint8))
    run_robot(monkeypatch, exported, tmp_path, tmp_path / "seen")
    assert capsys.readouterr().out.startswith("2 frames: ")
    for name, shape in (("wide.png", (360, 480, 3)), ("high.png", (480, 360, 3))):
        seen = cv2.imread(str(tmp_path / "seen" / name))
        assert seen.shape == shape
        assert np.abs(seen[-1, -1].astype(int) - [50, 50, 178]).max() <= 1  # half grey 100, half red
        assert (seen[:40] > 200).all(-1).any()  # the label's letters


def test_a_network_as_onnx_answers_the_same_and_the_robots_example_reads_it(
    joint, exported, tmp_path, monkeypatch, capsys
):
    pytest.importorskip("tf2onnx", reason="needs requirements-onnx.txt")
    pytest.importorskip("onnxruntime", reason="needs requirements-onnx.txt")
    (tmp_path / "onnx").mkdir()
    path = tmp_path / "onnx" / to_onnx.WRITTEN
    path.write_bytes(to_onnx.convert(joint, {name: json.dumps(value) for name, value in ABOUT.items()}))
    assert to_onnx.compare(path, engine.Engine(exported / engine.EXPORTED), (64, 96)) < 1e-5
    assert to_onnx.compare(path, engine.Engine(exported / engine.EXPORTED), (96, 64)) < 1e-5
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos" / "photo.png"), np.full((360, 480, 3), 100, np.uint8))
    for folder in (exported, tmp_path / "onnx"):
        run_robot(monkeypatch, folder, tmp_path / "photos", tmp_path / f"seen-{folder.name}")
    seen = [cv2.imread(str(tmp_path / f"seen-{name}" / "photo.png")) for name in ("export", "onnx")]
    assert np.array_equal(*seen) and capsys.readouterr().out.count("1 frames: ") == 2


def test_what_onnx_lacks_is_named(tmp_path, monkeypatch):
    with pytest.raises(MissingError, match="must be the folder of a finished joint run"):
        to_onnx.write_onnx(tmp_path)
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(SettingsError, match=r"requirements-onnx\.txt"):
        to_onnx.convert(None, {})


def test_the_robots_example_reads_and_writes_videos(exported, tmp_path, monkeypatch, capsys):
    video = cv2.VideoWriter(str(tmp_path / "drive.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (96, 64))
    for _ in range(5):
        video.write(np.full((64, 96, 3), 100, np.uint8))
    video.release()
    run_robot(monkeypatch, exported, tmp_path / "drive.avi", tmp_path / "seen.avi", "--frames", 3)
    assert capsys.readouterr().out.startswith("3 frames: ")
    run_robot(monkeypatch, exported, tmp_path / "drive.avi", tmp_path / "new" / "seen.mp4", "--frames", 1)
    assert (tmp_path / "new" / "seen.mp4").stat().st_size > 0
    seen = cv2.VideoCapture(str(tmp_path / "seen.avi"))
    frames = [seen.read() for _ in range(4)]
    assert [there for there, _ in frames] == [True, True, True, False]
    with pytest.raises(SystemExit, match="must be a folder, a video or a camera's number, found 'nowhere'"):
        run_robot(monkeypatch, exported, "nowhere", tmp_path / "none")
    with pytest.raises(SystemExit, match=r"seen\.xyz must be a video that OpenCV writes, found another"):
        run_robot(monkeypatch, exported, tmp_path / "drive.avi", tmp_path / "seen.xyz")
    (tmp_path / "two").mkdir()
    for name, width in (("a.png", 96), ("b.png", 128)):
        cv2.imwrite(str(tmp_path / "two" / name), np.full((64, width, 3), 100, np.uint8))
    with pytest.raises(SystemExit, match=r"must have one size, found another in b\.png; name a folder"):
        run_robot(monkeypatch, exported, tmp_path / "two", tmp_path / "two.avi")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "photo.jpg").write_bytes(b"no photo")
    with pytest.raises(SystemExit, match=r"photo\.jpg must be a photo, found one that cannot be read"):
        run_robot(monkeypatch, exported, tmp_path / "broken", tmp_path / "none")
    with pytest.raises(SystemExit, match="must hold a frame or more, found none"):
        run_robot(monkeypatch, exported, tmp_path / "drive.avi", tmp_path / "none", "--frames", 0)
