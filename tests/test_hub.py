"""Backbones of KerasHub, from presets that are saved here; nothing is downloaded."""

import shutil
import sys
from functools import partial

import keras
import numpy as np
import pytest

from src.data.frames import load_frames
from src.data.samples import read_samples
from src.figures import diagram
from src.inference import engine
from src.model import hub, unet
from src.settings import Recipe, TrainingSettings
from src.training import checkpoints
from src.training.compiled import build_seeded, make_joint, make_segmenter
from src.training.fit import fit
from src.training.lengths import Length

PHOTO = np.random.default_rng(0).integers(0, 256, (1, 64, 96, 3), np.uint8)
SCALE, OFFSET = [1 / 50, 1 / 60, 1 / 70], [-2.0, -1.5, -1.0]
RESNET = {
    "input_conv_filters": [64],
    "input_conv_kernel_sizes": [7],
    "stackwise_num_filters": [64, 8, 8, 8],
    "stackwise_num_blocks": [1, 1, 1, 1],
    "stackwise_num_strides": [1, 2, 2, 2],
    "block_type": "basic_block",
}
EFFICIENTNET = {
    "stackwise_kernel_sizes": [3, 3, 5, 3, 5],
    "stackwise_num_repeats": [1] * 5,
    "stackwise_input_filters": [8, 8, 8, 8, 16],
    "stackwise_output_filters": [8, 8, 8, 16, 16],
    "stackwise_expansion_ratios": [1, 4, 4, 4, 4],
    "stackwise_strides": [1, 2, 2, 2, 2],
    "stackwise_squeeze_and_excite_ratios": [0.25] * 5,
    "stackwise_block_types": ["v1"] * 5,
    "width_coefficient": 1.0,
    "depth_coefficient": 1.0,
}
MOBILENET = {
    "stackwise_expansion": [[16], [16], [16]],
    "stackwise_num_blocks": [1, 1, 1],
    "stackwise_num_filters": [[8], [16], [24]],
    "stackwise_kernel_size": [[3], [5], [5]],
    "stackwise_num_strides": [[2], [2], [2]],
    "stackwise_se_ratio": [[None], [0.25], [0.25]],
    "stackwise_activation": [["relu"], ["hard_swish"], ["hard_swish"]],
    "stackwise_padding": [[1], [2], [2]],
    "output_num_filters": 32,
    "depthwise_filters": 8,
    "depthwise_stride": 2,
    "depthwise_residual": False,
    "last_layer_filter": 32,
    "squeeze_and_excite": 0.5,
}
MIT = {
    "num_layers": 4,
    "layerwise_depths": [1, 2, 1, 1],
    "layerwise_num_heads": [1, 1, 2, 2],
    "layerwise_sr_ratios": [8, 4, 2, 1],
    "layerwise_patch_sizes": [7, 3, 3, 3],
    "layerwise_strides": [4, 2, 2, 2],
    "hidden_dims": [8, 8, 16, 16],
    "max_drop_path_rate": 0.1,
    "image_shape": (64, 64, 3),
}
DINO = {"patch_size": 14, "num_layers": 1, "hidden_dim": 8, "num_heads": 1, "intermediate_dim": 8}
PRESETS = {  # class of KerasHub, its arguments, channels of the features by stride
    "resnet": ("ResNetBackbone", RESNET, {2: 64, 4: 64, 8: 8, 16: 8, 32: 8}),
    "efficientnet": ("EfficientNetBackbone", EFFICIENTNET, {2: 8, 4: 8, 8: 8, 16: 16, 32: 1280}),
    "mobilenet": ("MobileNetBackbone", MOBILENET, {2: 16, 4: 8, 8: 8, 16: 16, 32: 32}),
    "mit": ("MiTBackbone", MIT, {4: 8, 8: 8, 16: 16, 32: 16}),
    "dinov2": ("DINOV2Backbone", DINO | {"image_shape": (56, 56, 3)}, {}),
    "vgg": ("VGGBackbone", {"stackwise_num_repeats": [1] * 3, "stackwise_num_filters": [8] * 3}, {}),
}
USABLE = [name for name, (_, _, channels) in PRESETS.items() if channels]


@pytest.fixture(scope="session")
def keras_hub():
    """KerasHub, without which most tests of this file are skipped."""
    return pytest.importorskip("keras_hub", reason="needs requirements-hub.txt")


@pytest.fixture(scope="session")
def save_preset(keras_hub, tmp_path_factory):
    """Saves a preset by its name in PRESETS once; gives the folder."""
    folder = tmp_path_factory.mktemp("presets")

    def save(name):
        kind, arguments, _ = PRESETS[name]
        if not (folder / name).exists():
            backbone = build_seeded(0, partial(getattr(keras_hub.models, kind), **arguments))
            for number, layer in enumerate(backbone._flatten_layers()):
                if isinstance(layer, keras.layers.BatchNormalization):  # as if it were pretrained
                    layer.moving_mean.assign(np.full(layer.moving_mean.shape, 0.01 * (number % 7)))
            backbone.save_to_preset(str(folder / name))
            keras_hub.layers.ImageConverter(scale=SCALE, offset=OFFSET).save_to_preset(str(folder / name))
        return folder / name

    return save


@pytest.fixture
def frames(train_folder, classes):
    return load_frames(read_samples(train_folder, classes), classes, (64, 96))


def build(folder, **parts):
    """Builds the joint network on a preset."""
    segmenter = partial(unet.build_segmenter, 3, Recipe(backbone=f"hub:{folder}", **parts))
    return build_seeded(0, lambda: unet.build_joint(segmenter(), 2))


@pytest.mark.parametrize("name", USABLE)
def test_a_preset_is_a_backbone_saved_and_exported(name, save_preset, tmp_path):
    joint = build(save_preset(name))
    stages = unet.list_stages(joint)
    own = stages[stages["part"] == "backbone"]
    assert dict(zip(own["stride"], own["channels"], strict=True)) == PRESETS[name][2]
    diagram.plot_network(stages, name).draw_without_rendering()
    logits = joint(PHOTO)
    assert joint(np.zeros((2, 32, 160, 3), np.uint8))["mask"].shape == (2, 32, 160, 3)
    joint.save(tmp_path / "model.keras")
    again = unet.load_model(tmp_path / "model.keras")
    for key in logits:
        np.testing.assert_allclose(again(PHOTO)[key], logits[key], atol=1e-5)
    expected = engine.KerasPredictor(joint).predict(PHOTO[0])
    exported = engine.Engine(engine.export(again, tmp_path / "export", {})).predict(PHOTO[0])
    for key in expected:
        np.testing.assert_allclose(exported[key], expected[key], atol=1e-4)


@pytest.mark.parametrize("name", USABLE)
def test_its_feature_is_what_keras_hub_computes(name, save_preset, keras_hub):
    folder = save_preset(name)
    square = PHOTO[:, :, :64]
    own = keras_hub.models.Backbone.from_preset(str(folder))
    expected = own(square * np.array(SCALE) + np.array(OFFSET), training=False)
    joint = build(folder)
    inner, deepest = unet.find_unet(joint)
    found = keras.Model(inner.input, deepest)(joint.get_layer("scale_colors")(square), training=False)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    assert unet.count_backbone(joint) == own.count_params()  # these learn at the backbone's rate


def test_without_its_weights_it_is_random_and_learns_its_normalisation(save_preset):
    inner, _ = unet.find_unet(build(save_preset("resnet"), weights="none"))
    norms = [layer for layer in inner.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert all(layer.trainable and not np.any(layer.moving_mean) for layer in norms)


def test_normalisation_inside_blocks_stays_as_it_was_pretrained(save_preset, frames, classes, tmp_path):
    recipe = Recipe(backbone=f"hub:{save_preset('mobilenet')}")
    settings = TrainingSettings((64, 96), (32, 64), recipe=recipe)
    path = tmp_path / "model.keras"
    make_segmenter(frames, classes, settings, seed=0).save(path)
    joint = make_joint(unet.load_model(path), frames, classes, settings, seed=0)
    norms = [one for one in joint._flatten_layers() if isinstance(one, keras.layers.BatchNormalization)]
    frozen = [layer for layer in norms if not layer.path.startswith("decoder_")]
    assert len(frozen) == len(norms) - 8 and not any(layer.trainable for layer in frozen)
    before = [layer.get_weights() for layer in frozen]
    joint.train_on_batch(np.stack(frames.images), {"mask": np.stack(frames.masks), "label": frames.labels})
    for layer, weights in zip(frozen, before, strict=True):
        for ours, theirs in zip(layer.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["mobilenet", pytest.param("mit", marks=pytest.mark.slow)])
def test_a_stopped_training_goes_on_to_the_same_weights(
    name, save_preset, frames, classes, tmp_path, monkeypatch
):
    monkeypatch.setattr(checkpoints, "SAVE_SECONDS", 0)
    recipe = Recipe(backbone=f"hub:{save_preset(name)}")
    settings = TrainingSettings((64, 96), (32, 64), batch_size=3, recipe=recipe)
    make_segmenter(frames, classes, settings, seed=0).save(tmp_path / "segmenter.keras")

    def train(folder, show=None):
        segmenter = unet.load_model(tmp_path / "segmenter.keras")
        network = make_joint(segmenter, frames, classes, settings, seed=0)
        fit(network, tmp_path / folder, frames, settings, Length(4), show=show)
        return network.get_weights()

    def stop(history, network, ended):
        assert len(history) == 1 and not ended  # of two epochs
        raise KeyboardInterrupt

    whole = train("whole")
    with pytest.raises(KeyboardInterrupt):
        train("stopped", stop)
    for ours, theirs in zip(train("stopped"), whole, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "message"),
    [("dinov2", "images of any size, found hub:.*dinov2"), ("vgg", r"found none of hub:.* at 32, 16")],
)
def test_a_preset_that_cannot_be_used_names_those_that_can(name, message, save_preset):
    with pytest.raises(ValueError, match=f"{message}.*ResNet"):
        build(save_preset(name))


def test_a_preset_without_scaling_is_refused(save_preset, tmp_path, keras_hub):
    keras_hub.models.Backbone.from_preset(str(save_preset("resnet"))).save_to_preset(str(tmp_path))
    with pytest.raises(ValueError, match=r"image_converter\.json.*ImageConverter"):
        build(tmp_path)


def test_a_preset_without_its_weights_is_refused(save_preset, tmp_path, keras_hub):
    shutil.copytree(save_preset("resnet"), tmp_path / "preset")
    (tmp_path / "preset" / "model.weights.h5").unlink()
    with pytest.raises(ValueError, match=r"must be a whole preset, found a file missing in .*preset"):
        build(tmp_path / "preset")


def test_an_unknown_preset_names_a_known_one(keras_hub, tmp_path):
    with pytest.raises(ValueError, match=r"found .*nowhere.*hub:resnet_18_imagenet"):
        unet.check_recipe(Recipe(backbone=f"hub:{tmp_path / 'nowhere'}"))


def test_no_internet_names_the_way_out(keras_hub, monkeypatch):
    def fail(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr(keras_hub.layers.ImageConverter, "from_preset", fail)
    with pytest.raises(ValueError, match=r"internet once.*efficientnetlite0"):
        unet.check_recipe(Recipe(backbone="hub:resnet_18_imagenet"))


def test_missing_keras_hub_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(ValueError, match=r"requirements-hub\.txt.*efficientnetlite0"):
        unet.check_recipe(Recipe(backbone="hub:resnet_18_imagenet"))


def test_a_saved_network_that_needs_keras_hub_says_so(monkeypatch, tmp_path):
    def fail(*_, **__):
        raise TypeError("Could not locate class 'Block' of module 'keras_hub.src.models'")

    monkeypatch.setattr(keras.models, "load_model", fail)
    with pytest.raises(ValueError, match=r"model\.keras must be read with KerasHub.*requirements-hub\.txt"):
        unet.load_model(tmp_path / "model.keras")


def test_the_name_of_a_preset_begins_with_hub():
    assert hub.is_preset("hub:resnet_18_imagenet") and not hub.is_preset("resnet18")
