import zipfile

import keras
import numpy as np
import pytest
import segmentation_models as sm
import tensorflow as tf

from src.model import colors, efficientnet_lite, layers, unet
from src.model.normalization import RestingNormalization
from src.settings import Recipe

RANDOM = Recipe(weights="none")

PHOTO = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), np.uint8)


@pytest.fixture(scope="module")
def segmenter():
    """A segmentation network with random weights, which no test changes."""
    return unet.build_segmenter(5, RANDOM)


def test_joint_shares_the_segmenters_weights_and_mask(segmenter):
    joint = unet.build_joint(segmenter, 3)
    logits = joint(PHOTO)
    assert logits["mask"].shape == (2, 64, 96, 5) and logits["label"].shape == (2, 3)
    np.testing.assert_array_equal(logits["mask"], segmenter(PHOTO)["mask"])
    assert not np.any(joint(np.full((1, 64, 64, 3), 200, np.uint8))["label"])  # its first logits are zero
    assert joint.count_params() == segmenter.count_params() + 2 * 640 + (640 + 1) * 3 + (11 * 5 + 1) * 3


def test_any_multiple_of_32_will_do(segmenter):
    assert segmenter(np.zeros((1, 32, 160, 3), np.uint8))["mask"].shape == (1, 32, 160, 5)


def test_saved_network_predicts_the_same(segmenter, tmp_path):
    joint = unet.build_joint(segmenter, 2)
    joint.save(tmp_path / "model.keras")
    again = unet.load_model(tmp_path / "model.keras")
    for key, logits in joint(PHOTO).items():
        np.testing.assert_allclose(again(PHOTO)[key], logits, atol=1e-5)
    assert unet.build_joint(again, 7)(PHOTO)["label"].shape == (2, 7)  # what training starts from


@pytest.mark.parametrize("name", sorted(sm.get_available_backbone_names()))
def test_scaling_in_the_graph_is_the_librarys(name):
    image = PHOTO.astype("float32")
    expected = sm.get_preprocessing(name)(image.copy())
    np.testing.assert_allclose(colors.make_scaling(name)(PHOTO), expected, rtol=1e-4, atol=1e-4)


def test_light_brings_each_channel_of_each_photo_to_one_mean_and_spread():
    photo = np.zeros((2, 4, 4, 3), np.uint8)
    photo[0, :2] = (40, 50, 60)  # of each channel half is 40 and half 0: mean 20, standard deviation 20
    photo[1] = 200
    plain = colors.ScaleColors(np.eye(3).tolist(), [0, 0, 0])
    assert plain.light == 0
    np.testing.assert_array_equal(plain(photo), photo)
    whole = np.asarray(colors.ScaleColors(np.eye(3).tolist(), [0, 0, 0], light=1)(photo))
    for channel, half in enumerate((20, 25, 30)):
        moved = 64 * half / (half + 6.4)
        assert whole[0, 0, 0, channel] == pytest.approx(127 + moved, rel=1e-5)
        assert whole[0, 3, 0, channel] == pytest.approx(127 - moved, rel=1e-5)
    assert whole[1] == pytest.approx(127)  # a photo of one colour has no light of its own
    partly = np.asarray(colors.ScaleColors(np.eye(3).tolist(), [0, 0, 0], light=0.25)(photo))
    np.testing.assert_allclose(partly, 0.75 * photo + 0.25 * whole, rtol=1e-5)


@pytest.mark.parametrize("name", ["mobilenetv2", "resnet18"])
def test_other_backbones_pass_through(name):
    joint = unet.build_joint(unet.build_segmenter(3, Recipe(backbone=name, weights="none")), 2)
    assert joint(PHOTO)["mask"].shape == (2, 64, 96, 3) and joint(PHOTO)["label"].shape == (2, 2)


def test_unknown_backbone_names_the_known():
    with pytest.raises(ValueError, match=f"'resnet19'.*{efficientnet_lite.NAME}"):
        unet.build_segmenter(3, Recipe(backbone="resnet19"))


def test_weights_out_of_reach_name_the_way_out(monkeypatch):
    def fail(*_, **__):
        raise Exception("URL fetch failure on https://example.org/weights.h5: None -- no route")

    monkeypatch.setattr(keras.utils, "get_file", fail)
    with pytest.raises(ValueError, match=r"weights=none.*efficientnetlite0"):
        unet.build_segmenter(3, Recipe(backbone="mobilenetv2"))


def test_a_network_that_brings_code_is_refused(tmp_path):
    numbers = keras.Input((8,))
    hostile = keras.Model(numbers, keras.layers.Lambda(lambda x: x + 1)(numbers))
    hostile.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="safe_mode"):
        unet.load_model(tmp_path / "model.keras")


def test_fused_normalisation_gives_what_keras_gives():
    x = np.random.default_rng(0).normal(1, 2, (4, 8, 8, 5)).astype("float32")
    plain, fused = keras.layers.BatchNormalization(), layers.FusedNormalization()
    for training in (True, False):
        np.testing.assert_allclose(plain(x, training=training), fused(x, training=training), atol=1e-3)
    np.testing.assert_allclose(fused.moving_mean, 0.01 * x.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(fused.moving_variance, 0.99 + 0.01 * x.var((0, 1, 2), ddof=1), rtol=1e-5)


def test_frozen_normalisation_keeps_its_moments_in_training():
    layer = layers.FusedNormalization()
    layer.build((None, 2, 2, 1))
    layer.trainable = False
    x = np.full((1, 2, 2, 1), 8.0, "float32")
    np.testing.assert_allclose(layer(x, training=True), x, rtol=1e-3)
    assert float(layer.moving_mean[0]) == 0


def test_networks_saved_before_the_layers_moved_still_load(segmenter, tmp_path):
    joint = unet.build_joint(segmenter, 2)
    joint.save(tmp_path / "new.keras")
    with zipfile.ZipFile(tmp_path / "new.keras") as new, zipfile.ZipFile(tmp_path / "old.keras", "w") as old:
        for name in new.namelist():
            content = new.read(name)
            if name == "config.json":
                assert b'"src.model.layers"' in content
                content = content.replace(b'"src.model.layers"', b'"src.model"')
            old.writestr(name, content)
    again = unet.load_model(tmp_path / "old.keras")
    np.testing.assert_array_equal(again(PHOTO)["mask"], joint(PHOTO)["mask"])


def test_shares_tell_how_much_and_where_a_class_is():
    logits = np.full((1, 6, 9, 2), -50.0, np.float32)
    logits[..., 0] = 50
    logits[0, 4:, :3] = (-50, 50)  # the lower left of three by three cells is of the second class
    logits[0, :1, 3:6] = (-50, 50)  # and half of the upper middle one
    found = layers.MaskShares(3)(logits).numpy()[0]
    np.testing.assert_allclose(found[:2], np.log([45 / 54 + 0.001, 9 / 54 + 0.001]), atol=1e-5)
    grid = found[2:].reshape(3, 3, 2)
    np.testing.assert_allclose(grid[..., 1], [[0, 0.5, 0], [0, 0, 0], [1, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(grid.sum(-1), 1, atol=1e-6)


def test_the_largest_share_of_a_patch_tells_that_a_class_is_in_view():
    logits = np.full((1, 8, 12, 2), -50.0, np.float32)
    logits[..., 0] = 50
    logits[0, 0, :3] = (-50, 50)  # 3 of a patch's 16 pixels
    logits[0, 4, 4:6] = (-50, 50)  # 2 of another's
    found = layers.MaskShares(3, patch=4)(logits).numpy()[0]
    assert found.shape == ((2 + 9) * 2,)
    np.testing.assert_allclose(found[:2], np.log([91 / 96 + 0.001, 5 / 96 + 0.001]), atol=1e-5)
    np.testing.assert_allclose(found[2:4], np.log([1 + 0.001, 3 / 16 + 0.001]), atol=1e-5)
    small = layers.MaskShares(1, patch=8)(logits[:, :2, :3]).numpy()[0]  # a patch is larger than the frame
    np.testing.assert_allclose(small[2:4], np.log([0.5 + 0.001, 0.5 + 0.001]), atol=1e-5)


def test_a_saved_measure_of_an_earlier_version_keeps_its_length():
    earlier = layers.MaskShares.from_config({"name": "label_shares", "cells": 3})
    assert earlier(np.zeros((1, 8, 8, 2), np.float32)).shape == (1, 10 * 2)
    assert earlier.compute_output_shape((1, 8, 8, 2)) == (1, 10 * 2)
    today = layers.MaskShares.from_config(layers.MaskShares(3, patch=8).get_config())
    assert today(np.zeros((1, 8, 8, 2), np.float32)).shape == (1, 11 * 2)
    assert today.compute_output_shape((1, 8, 8, 2)) == (1, 11 * 2)


def test_the_label_bends_no_mask():
    logits = keras.ops.convert_to_tensor(np.random.default_rng(0).normal(size=(1, 6, 6, 2)), "float32")
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total = keras.ops.sum(layers.MaskShares(3, patch=4)(logits) ** 2)
    assert tape.gradient(total, logits) is None


def test_pretrained_normalisation_of_the_backbone_is_never_changed(tmp_path):
    recipe = Recipe(norm="pretrained")
    path = tmp_path / "model.keras"
    unet.build_segmenter(3, recipe).save(path)
    joint = unet.build_joint(unet.load_model(path), 2)
    inner, _ = unet.find_unet(joint)
    norms = [layer for layer in inner.layers if isinstance(layer, keras.layers.BatchNormalization)]
    resting = [layer for layer in inner.layers if isinstance(layer, RestingNormalization)]
    assert len(norms) == 8 and all(layer.name.startswith("decoder_") for layer in norms)
    assert len(resting) == 48  # the stem and the convolutions of 16 blocks, of which the first has two
    learned = {id(variable) for variable in joint.trainable_variables}
    for layer in resting:
        assert [id(weight) in learned for weight in layer.weights] == [True, False, False]
    before = inner.get_layer("stem").shift.numpy()
    assert before.std() > 0
    joint(np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)), training=True)
    np.testing.assert_array_equal(inner.get_layer("stem").shift, before)


def test_random_weights_learn_their_normalisation():
    inner, _ = unet.find_unet(unet.build_segmenter(3, Recipe(weights="none", norm="pretrained")))
    assert all(layer.trainable for layer in inner.layers)


def test_an_unknown_normalisation_is_refused():
    with pytest.raises(ValueError, match=r"norm must be one of pretrained, batch, found 'group'"):
        unet.build_segmenter(3, Recipe(norm="group"))
