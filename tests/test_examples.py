import runpy
import sys

import cv2
import numpy as np

from examples import sim_to_real
from src.data import classes as class_lists
from src.data.reference import add_truth
from src.data.samples import read_samples
from src.model import unet


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
    hit, held = (truths[0][:32] == 1).sum(), (truths[0] == 1).sum()
    assert (masks[0][:30] == 1).all() and not masks[0][34:].any()
    assert np.isclose(scores["recall"], hit / held, atol=0.02)
    assert np.isclose(scores["iou"], hit / (2 * 32 * 96 + held - hit), atol=0.02)
