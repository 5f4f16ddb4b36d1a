import cv2
import numpy as np
import pandas as pd
import pytest
from tiny import TINY

from src.common import cluster
from src.data import classes as class_lists
from src.data import mask_files
from src.data.samples import read_samples
from src.evaluation.evaluate import score_samples
from src.inference import engine, predict
from src.inference.engine import KerasPredictor
from src.model import unet
from src.submission import cache
from src.submission.write import write_submission
from src.training.compiled import build_seeded


class Colors:
    """Reads the mask off the photo's colours; the label is 1 where red lies on the left."""

    layers, input_shape = (), (None, None, None, 3)

    def predict_on_batch(self, images):
        red, green, blue = (images[..., i].astype(np.float32) for i in range(3))
        mask = np.stack([blue, red, green], -1) / 10
        middle = images.shape[2] // 2
        left = red[:, :, :middle].mean((1, 2)) - red[:, :, middle:].mean((1, 2))
        return {"mask": mask, "label": np.stack([-left, left], -1) / 10}


def write_photo(path, height, width):
    photo = np.zeros((height, width, 3), np.uint8)
    photo[..., 2] = 255  # RGB blue: class 0
    photo[: height // 2, : width // 2] = (255, 0, 0)
    cv2.imwrite(str(path), photo[..., ::-1])
    return {"image": str(path), "height": height, "width": width, "mask": "", "depth": "", "label": 1}


def test_masks_come_back_at_each_photos_own_size(tmp_path):
    sizes = [(100, 150), (150, 100), (64, 96)]
    samples = pd.DataFrame([write_photo(tmp_path / f"{h}.png", h, w) for h, w in sizes])
    found = list(predict.predict_samples(KerasPredictor(Colors()), samples, (64, 96), tta=False))
    for prediction, (height, width) in zip(found, sizes, strict=True):
        assert prediction.mask.shape == (height, width) and prediction.mask.dtype == np.uint8
        expected = np.zeros((height, width), np.uint8)
        expected[: height // 2, : width // 2] = 1
        assert (prediction.mask == expected).mean() > 0.97
        assert prediction.label == 1 and 0.5 < prediction.confidence <= 1


def test_shards_are_the_same_frames_in_the_same_order(tmp_path, monkeypatch):
    samples = pd.DataFrame([write_photo(tmp_path / f"{n}.png", 64 + n, 96) for n in range(7)])
    monkeypatch.setattr(engine, "open_exported", lambda folder, cores: KerasPredictor(Colors()))
    monkeypatch.setattr(cluster, "spread", lambda work, jobs, address: map(work, jobs))
    monkeypatch.setattr(predict, "SHARD", 3)
    predict._open_once.cache_clear()
    found = list(predict.predict_shards(tmp_path, samples, (64, 96), skip=1, ray="auto"))
    predict._open_once.cache_clear()
    expected = list(predict.predict_samples(KerasPredictor(Colors()), samples, (64, 96), skip=1))
    assert len(found) == len(expected) == 6
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours.mask, theirs.mask)
        assert (ours.label, ours.confidence) == (theirs.label, theirs.confidence)


@pytest.mark.parametrize("first", [0, 1])  # to end
def test_opencv_has_its_threads_back_when_two_networks_were_asked_in_turns(tmp_path, first):
    samples = pd.DataFrame([write_photo(tmp_path / f"{n}.png", 64, 96) for n in range(2)])
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        both = [predict.predict_samples(KerasPredictor(Colors()), samples, (64, 96)) for _ in range(2)]
        for one in both:
            next(one)
            assert cv2.getNumThreads() == 1
        list(both[first])
        list(both[1 - first])
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(before)


@pytest.mark.slow
def test_two_workers_write_the_very_zip(learnable, tmp_path, monkeypatch):
    ray = pytest.importorskip("ray", reason="needs requirements-scale.txt")
    classes = class_lists.read_classes(learnable / "Train")
    samples = read_samples(learnable / "Test", classes)
    segmenter = unet.build_segmenter(len(classes.mask), TINY)
    network = build_seeded(0, lambda: unet.build_joint(segmenter, len(classes.label)))
    engine.export(network, tmp_path / "export", {})
    monkeypatch.setattr(predict, "SHARD", 2)
    ray.init(num_cpus=2, include_dashboard=False)
    zips = []
    for name, predictions in (
        ("one", predict.predict_samples(engine.open_exported(tmp_path), samples, (64, 96))),
        ("two", predict.predict_shards(tmp_path, samples, (64, 96), ray="auto")),
    ):
        kept = cache.PredictionCache(tmp_path / name, classes)
        path = write_submission(tmp_path / f"{name}.zip", samples, predictions, classes, kept)
        zips.append(path.read_bytes())
    ray.shutdown()
    assert zips[0] == zips[1]


def test_three_views_are_averaged_the_second_one_mirrored():
    image = np.zeros((128, 256, 3), np.uint8)
    image[:, :128, 0], image[:, 128:, 2] = 255, 255
    mask, label = predict.predict_image(KerasPredictor(Colors()), image, tta=True)
    plain_mask, plain_label = predict.predict_image(KerasPredictor(Colors()), image, tta=False)
    # A network of single pixels scales and turns with the photo; between the halves sizes differ a little.
    np.testing.assert_allclose(mask[:, :126], plain_mask[:, :126], atol=1e-5)
    np.testing.assert_allclose(mask[:, 130:], plain_mask[:, 130:], atol=1e-5)
    # In two of the views red lies left, in the mirrored one right.
    np.testing.assert_allclose(label, (2 * plain_label + plain_label[::-1]) / 3, atol=1e-6)


def test_a_view_invents_no_distance():
    image = np.zeros((128, 128, 4), np.uint8)
    image[:, 64:, 3] = 200
    seen = []

    class Depth:
        depth, channels = 0.001, 4

        def predict(self, view):
            seen.append(view)
            return {"mask": np.full((*view.shape[:2], 2), 0.5, np.float32)}

    mask, label = predict.predict_image(Depth(), image, tta=True)
    assert [view.shape for view in seen] == [(96, 96, 4), (128, 128, 4), (160, 160, 4)]
    assert all(set(np.unique(view[..., 3])) == {0, 200} for view in seen)
    assert mask.shape == (128, 128, 2) and label is None
    np.testing.assert_allclose(mask, 0.5, atol=1e-6)


def test_resizing_invents_no_class_between_two_others():
    probabilities = np.zeros((4, 8, 3), np.float32)
    probabilities[:, :4, 0], probabilities[:, 4:, 2] = 1, 1
    assert set(np.unique(predict.resize_argmax(probabilities, (37, 91))[0])) == {0, 2}


def test_resizing_class_by_class_is_resizing_all_at_once():
    probabilities = np.random.default_rng(0).random((8, 12, 5), np.float32)
    probabilities /= probabilities.sum(-1, keepdims=True)
    expected = cv2.resize(probabilities, (31, 21), interpolation=cv2.INTER_LINEAR)
    chosen, certainty = predict.resize_argmax(probabilities, (21, 31))
    assert (chosen == expected.argmax(-1)).mean() > 0.999
    np.testing.assert_allclose(certainty, expected.max(-1), atol=1e-6)


def test_scores_by_hand(train_folder, classes):
    samples = read_samples(train_folder, classes).iloc[:3]

    class Ground(Colors):
        def predict_on_batch(self, images):
            mask = np.zeros((*images.shape[:3], 3), np.float32)
            mask[..., 0] = 9
            return {"mask": mask, "label": np.tile(np.array([[9.0, 0.0, 0.0]], np.float32), (len(images), 1))}

    masks = np.concatenate([mask_files.load_mask(path, classes.mask).ravel() for path in samples["mask"]])
    scored = score_samples(KerasPredictor(Ground()), samples, classes, (64, 96), tta=True)
    assert np.isclose(scored.scores.miou, (masks == 0).mean() / 3)
    assert np.isclose(scored.scores.accuracy, 1 / 3) and np.isclose(scored.scores.f1, 0.5 / 3)
    assert scored.confusion["label"] == [[1, 0, 0], [1, 0, 0], [1, 0, 0]]
