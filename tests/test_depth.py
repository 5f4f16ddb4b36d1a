"""Depth from its file to the network: codes by hand, one geometry with the photo, frames without it."""

from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pandas as pd
import pytest
from tiny import TINY

from src.common.errors import DataError
from src.data import depth_files
from src.data.frames import load_frames
from src.data.samples import read_samples
from src.inference import engine, predict
from src.model import colors, efficientnet_lite, unet
from src.settings import Recipe, TrainingSettings, read_recipe
from src.training import augment, batches
from src.training.compiled import build_seeded, compile_joint
from src.training.fit import fit
from src.training.lengths import Length


@pytest.fixture
def with_depth(train_folder):
    """Six frames; the first five have depth: a slope from 1 m to 10 m, no reading at the left."""
    table = pd.read_csv(train_folder / "data.csv", dtype=str)
    table["depth_path"] = [f"frame_{i:03d}_depth.png" for i in range(5)] + [""]
    table.to_csv(train_folder / "data.csv", index=False)
    slope = np.tile(np.linspace(1000, 10_000, 96).astype(np.uint16), (64, 1))
    slope[:, :8] = 0
    for name in table["depth_path"][:5]:
        cv2.imwrite(str(train_folder / name), slope)
    return train_folder


def test_codes_by_hand(tmp_path):
    steps = np.array([[0, 100, 300, 3000, 30_000, 60_000]], np.uint16)
    cv2.imwrite(str(tmp_path / "d.png"), steps)
    assert depth_files.load_depth(str(tmp_path / "d.png"), 0.001, (1, 6)).tolist() == [
        [0, 255, 255, 128, 1, 1]
    ]
    assert depth_files.load_depth(str(tmp_path / "d.png"), 0.01, (1, 6)).tolist() == [[0, 189, 128, 1, 1, 1]]
    small = depth_files.load_depth(str(tmp_path / "d.png"), 0.001, (1, 3))
    assert set(small.ravel()) <= {0, 255, 128, 1}  # nothing between a reading and none
    assert (depth_files.load_depth("", 0.001, (2, 3)) == 0).all()


def test_other_formats_are_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "d.png"), np.zeros((4, 4), np.uint8))
    with pytest.raises(DataError, match=r"d\.png must be a 16-bit PNG"):
        depth_files.load_depth(str(tmp_path / "d.png"), 0.001, (4, 4))


def test_frames_hold_depth_where_it_is_used(with_depth, classes):
    samples = read_samples(with_depth, classes)
    frames = load_frames(samples, classes, (64, 96), depth=0.001)
    assert frames.channels == 4 and frames.get_input(0).shape == (64, 96, 4)
    assert (frames.depths[0][:, :8] == 0).all() and frames.depths[0][0, 8:].min() > 0
    assert (np.diff(frames.depths[0][0, 8:].astype(int)) <= 0).all()  # farther to the right
    assert (frames.depths[5] == 0).all() and frames.take(np.array([5])).depths[0] is frames.depths[5]
    image, _ = next(iter(batches.make_whole_batches(frames, 6, with_label=True)))
    assert (image[5].numpy() == frames.get_input(5)).all() and image[0].numpy()[..., 3].any()
    plain = load_frames(samples, classes, (64, 96))
    assert plain.channels == 3 and (plain.get_input(0) == frames.get_input(0)[..., :3]).all()


def test_missing_depth_maps_are_an_error(train_folder, classes):
    samples = read_samples(train_folder, classes)
    with pytest.raises(DataError, match=r"depth_path of data\.csv, found none"):
        load_frames(samples, classes, (64, 96), depth=0.001)


def test_depth_shares_the_photos_geometry_and_is_lost_at_times():
    mask = np.random.default_rng(0).integers(0, 3, (8, 12), np.uint8).repeat(8, 0).repeat(8, 1)
    photo = np.dstack([np.zeros((64, 96, 3), np.uint8), mask + 1])
    lost = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        image, turned = augment.augment(photo, mask, (48, 64), rng, Recipe())
        assert image.shape == (48, 64, 4) and image.dtype == np.uint8
        lost += not image[..., 3].any()
        expected = np.where(turned == 255, 0, turned + 1) * image[..., 3].any()
        assert (image[..., 3] == expected).all()
    assert 0.15 < lost / 60 < 0.45


def test_a_network_begins_as_if_it_had_no_depth(classes):
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    near = np.full((64, 96, 1), 200, np.uint8)
    for recipe in (Recipe(depth=0.001), read_recipe("depth=0.001 backbone=efficientnetlite0")):
        network = build_seeded(0, partial(unet.build_segmenter, 3, recipe))
        assert network.input_shape == (None, None, None, 4) and colors.read_depth_unit(network) == 0.001
    predictor = engine.KerasPredictor(network)
    without, _ = predict.predict_image(predictor, image, tta=False)
    with_depth, _ = predict.predict_image(predictor, np.concatenate([image, near], -1), tta=False)
    np.testing.assert_allclose(without, with_depth, atol=1e-6)
    plain = build_seeded(0, partial(unet.build_segmenter, 3, Recipe()))
    assert colors.read_depth_unit(plain) == 0
    with pytest.raises(ValueError, match="RECIPE's depth needs one of efficientnetlite0"):
        unet.build_segmenter(3, Recipe(depth=0.001, backbone="mobilenetv2"))


def read_stem(network):
    """The weights of the first convolution, (3, 3, channels in, channels out)."""
    return unet.find_unet(network)[0].get_layer("tiny1_conv").kernel.numpy()


def test_training_uses_depth_and_prediction_reads_it(with_depth, classes, tmp_path, monkeypatch):
    monkeypatch.setitem(efficientnet_lite.VARIANTS, "tiny", None)  # of those that depth is for
    samples = read_samples(with_depth, classes)
    recipe = replace(TINY, depth=0.001)
    frames = load_frames(samples, classes, (64, 96), recipe.depth)
    segmenter = build_seeded(0, partial(unet.build_segmenter, 3, recipe))
    joint = build_seeded(0, partial(unet.build_joint, segmenter, 3))
    before = read_stem(joint)
    compile_joint(joint, frames, classes, recipe)
    settings = TrainingSettings((64, 96), (32, 64), batch_size=3, recipe=recipe)
    fit(joint, tmp_path, frames, settings, Length(3))
    network = unet.load_model(tmp_path / "model.keras")
    assert colors.read_depth_unit(network) == 0.001
    assert (read_stem(network)[:, :, 3:] != before[:, :, 3:]).all()  # depth has taught something
    by_keras = [engine.KerasPredictor(network)]
    [(with_it, _)] = next(predict.predict_probabilities(by_keras, samples, (64, 96), tta=False))
    blind = samples.assign(depth="")
    [(without, _)] = next(predict.predict_probabilities(by_keras, blind, (64, 96), tta=False))
    assert np.abs(with_it - without).max() > 0 and with_it.shape == (64, 96, 3)
    exported = engine.Engine(engine.convert(network))
    assert (exported.depth, exported.channels) == (0.001, 4)
    [(answer, _)] = next(predict.predict_probabilities([exported], samples, (64, 96), tta=False))
    np.testing.assert_allclose(answer, with_it, atol=1e-4)
